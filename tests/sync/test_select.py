"""Whole cycles of rules with `select`: what is transferred, shown, removed, and reported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from picsync.core.choice import Choice, LeftOut, Order, Orientation, Span
from picsync.core.errors import TransientError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.model import Facts, facts
from picsync.core.plan import DeleteLimit, HoldReason
from picsync.core.select import Skip
from picsync.observe.words import report_remarks
from tests.pictures import jpeg
from tests.sync.harness import Harness

TODAY = datetime(2026, 1, 1, tzinfo=UTC)
MANY = tuple(f"p{n:03}" for n in range(60))


def put(harness: Harness, name: str, days: int, what: Facts | None = None, album: str = "a") -> None:
    """Put a photo into an album that was taken this many days ago."""
    taken_at = TODAY - timedelta(days=days)
    harness.source.put(album, name, jpeg(name), taken_at=taken_at, facts=what or facts())


def put_all(harness: Harness, names: Iterable[str], album: str = "a") -> None:
    for days, name in enumerate(names, 1):
        put(harness, name, days, album=album)


def choose(harness: Harness, **settings: object) -> None:
    harness.rule = replace(harness.rule, choice=Choice(**settings))  # type: ignore[arg-type]  # any of them


async def days_later(harness: Harness, days: int) -> CycleReport:
    harness.tools = replace(harness.tools, now=lambda: TODAY + timedelta(days=days))
    return await harness.cycle()


async def test_only_chosen_photos_are_downloaded(harness: Harness) -> None:
    put_all(harness, MANY)
    choose(harness, most=20)
    report = await harness.cycle()
    assert sorted(harness.source.downloads) == sorted(MANY[:20])
    harness.assert_synced(*MANY[:20])
    assert report.outcome is CycleOutcome.DONE
    assert (report.listed, report.wanted) == (60, 20)
    assert report.skipped == {Skip.NOT_CHOSEN: 40}
    assert {reason: count for reason, count in report.left_out.items() if count} == {LeftOut.MOST: 40}
    assert "40 photos left out by `select`: 40 ranked too low (`most`)." in list(report_remarks(report))
    await harness.assert_idle()


async def test_each_setting_gives_its_reason(harness: Harness) -> None:
    shown = facts(4000, 3000, rating=4, favorite=True)
    put(harness, "shown", 5, shown)
    put(harness, "old", 900, shown)
    put(harness, "new", 0, shown)
    put(harness, "upright", 5, facts(3000, 4000, rating=4, favorite=True))
    put(harness, "poor", 5, facts(4000, 3000, rating=2, favorite=True))
    put(harness, "plain", 5, facts(4000, 3000, rating=4, favorite=False))
    harness.source.put("a", "undated", jpeg("undated"), facts=shown)
    choose(
        harness,
        since=Span(24),
        until=Span(time=timedelta(days=1)),
        orientation=Orientation.LANDSCAPE,
        min_rating=3,
        favorites=True,
    )
    report = await harness.cycle()
    harness.assert_synced("shown")
    assert {reason for reason, count in report.left_out.items() if count == 1} == {
        LeftOut.SINCE,
        LeftOut.UNTIL,
        LeftOut.ORIENTATION,
        LeftOut.MIN_RATING,
        LeftOut.FAVORITES,
        LeftOut.UNDATED,
    }


async def test_displaced_photos_do_not_count_for_the_brake(harness: Harness) -> None:
    put_all(harness, MANY)
    await harness.cycle()
    choose(harness, most=20)
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert report.deleted == 40
    harness.assert_synced(*MANY[:20])


async def test_gone_photos_count_for_the_brake(harness: Harness) -> None:
    put_all(harness, MANY)
    await harness.cycle()
    choose(harness, most=40)
    harness.remove(*MANY[:15])
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.HELD
    assert report.hold is not None
    assert report.hold.reason is HoldReason.BRAKE
    assert {photo.filename for photo in report.hold.photos} == {f"{name}.jpg" for name in MANY[:15]}
    # What is displaced goes all the same.
    harness.may_empty = True
    assert harness.names_on_frame() == {f"{name}.jpg" for name in MANY[:55]}


async def test_choice_that_leaves_nothing_is_held(harness: Harness) -> None:
    put_all(harness, MANY[:5])
    await harness.cycle()
    choose(harness, since=date(2026, 1, 1))
    report = await harness.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.BRAKE
    harness.assert_synced(*MANY[:5])
    harness.with_rule(delete_limit=DeleteLimit(share=1.0))
    harness.may_empty = True
    await harness.cycle()
    harness.assert_synced()


async def test_displaced_photo_stays_until_its_successor_is_there(harness: Harness) -> None:
    put_all(harness, MANY[1:11])
    choose(harness, most=10)
    await harness.cycle()
    put(harness, MANY[0], 0)
    harness.frame.fail["upload"] = [TransientError("The frame did not answer.")]
    await harness.cycle()
    harness.assert_synced(*MANY[1:11])
    await harness.cycle()
    harness.assert_synced(*MANY[:10])


async def test_incomplete_listing_brings_in_no_fillers(harness: Harness) -> None:
    put_all(harness, MANY[:30])
    for days, name in enumerate(MANY[30:], 31):
        put(harness, name, days, album="b")
    harness.rule = replace(harness.rule, sources={"googlephotos": ["a", "b"]})
    choose(harness, most=30)
    await harness.cycle()
    harness.source.listing_problem["a"] = "The connection broke."
    harness.source.listed_until["a"] = 20
    put(harness, "new", 0, album="b")
    report = await harness.cycle()
    # The newest photo is shown whatever the missing listing contains; older ones would only fill gaps.
    harness.assert_synced(*MANY[:30], "new")
    assert report.left_out[LeftOut.LISTING]
    del harness.source.listing_problem["a"]
    await harness.cycle()
    harness.assert_synced(*MANY[:29], "new")


async def test_equal_content_of_two_sources_takes_one_place(harness: Harness) -> None:
    put_all(harness, MANY[:10])
    for days, name in enumerate(MANY[:10], 1):
        put(harness, f"copy of {name}", days, album="b")
        harness.source.content["b"].originals[f"copy of {name}"] = jpeg(name)
    harness.rule = replace(harness.rule, sources={"googlephotos": ["a", "b"]})
    await harness.cycle()
    choose(harness, most=8)
    await harness.cycle()
    harness.assert_synced(*MANY[:8])


@pytest.mark.parametrize("days", [2, 7])
async def test_rotation_replaces_all_step_by_step(harness: Harness, days: int) -> None:
    put_all(harness, MANY)
    choose(harness, most=15, order=Order.RANDOM, rotate_days=days)
    await harness.cycle()
    first = harness.names_on_frame()
    before = first
    for day in range(1, days + 1):
        report = await days_later(harness, day)
        assert report.outcome is CycleOutcome.DONE
        now = harness.names_on_frame()
        assert len(now) == 15
        assert report.deleted == len(before - now) < 15
        before = now
    assert not first & before
    await harness.assert_idle()


async def test_unusable_photo_costs_no_place(harness: Harness) -> None:
    put_all(harness, MANY[:12])
    harness.source.content["a"].originals[MANY[0]] = b"no picture at all"
    choose(harness, most=10)
    await harness.cycle()
    await harness.cycle()
    harness.assert_synced(*MANY[1:11])
    # A day later it is tried again; no shown photo leaves for it.
    report = await days_later(harness, 2)
    assert report.deleted == 0
    harness.assert_synced(*MANY[1:11])

"""Whole cycles of rules with `select`: what is transferred, shown, removed, and reported."""

from __future__ import annotations

import io
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from picsync.core.choice import Choice, Excluded, LeftOut, Order, Orientation, Span
from picsync.core.errors import TransientError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.identity import plain_name
from picsync.core.model import Facts, facts
from picsync.core.plan import DeleteLimit, HoldReason
from picsync.core.select import Skip
from picsync.observe.words import report_remarks
from picsync.rendering.pool import Renderer
from picsync.sync.choosing import MAX_LOOKS
from tests.cache.fresh import open_fresh
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
    assert {plain_name(photo.filename) for photo in report.hold.photos} == {
        f"{name}.jpg" for name in MANY[:15]
    }
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


# --- what only pictures tell ----------------------------------------------------------------------------


def picture(seed: int, *, width: int = 240, height: int = 160, brighter: int = 0, rating: int = 0) -> bytes:
    """Return a JPEG of a few large spots; those of one seed look alike."""
    spots = random.Random(seed)
    image = Image.new("RGB", (width, height), (70, 90, 110))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = spots.randrange(width), spots.randrange(height)
        colour = tuple(min(spots.randrange(230) + brighter, 255) for _ in range(3))
        draw.ellipse((x - 40, y - 40, x + 40, y + 40), fill=colour)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=80 + brighter, xmp=b'<x xmp:Rating="%d"/>' % rating if rating else b"")
    return data.getvalue()


@pytest.fixture
async def examining(harness: Harness) -> AsyncIterator[Harness]:
    renderer = Renderer(1)
    harness.tools = replace(harness.tools, renderer=renderer)
    yield harness
    await renderer.aclose()


async def test_best_of_similar_photos_is_shown_and_each_is_examined_once(examining: Harness) -> None:
    harness = examining

    def add(name: str, data: bytes, seconds: int, what: Facts | None = None) -> None:
        taken_at = TODAY - timedelta(days=9) + timedelta(seconds=seconds)
        harness.source.put("a", name, data, taken_at=taken_at, facts=what or facts())

    add("burst1", picture(1), 0)
    add("burst2", picture(1, brighter=4), 2)
    add("burst3", picture(1, brighter=8), 4, facts(240, 160, favorite=True))
    add("other", picture(2), 6)
    add("rated", picture(3, rating=4), 100)
    add("unrated", picture(3, brighter=3), 101)
    add("later", picture(1, brighter=2), 3600)
    choose(harness, similar_one=True)
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE, report
    assert harness.names_on_frame() == {f"{name}.jpg" for name in ("burst3", "other", "rated", "later")}
    assert report.left_out[LeftOut.SIMILAR] == 3
    assert sorted(harness.source.downloads) == [
        *("burst1", "burst2", "burst3", "later", "other", "rated", "unrated"),
    ]
    await harness.assert_idle()


async def test_shape_that_is_not_listed_is_learned_once(examining: Harness) -> None:
    harness = examining
    for number in range(6):
        size = {"width": 160, "height": 240} if number % 2 else {}
        harness.source.put("a", f"p{number}", picture(number, **size))
    choose(harness, orientation=Orientation.PORTRAIT, most=2, order=Order.ALBUM)
    await harness.cycle()
    assert harness.names_on_frame() == {"p1.jpg", "p3.jpg"}
    assert sorted(harness.source.downloads) == ["p0", "p1", "p2", "p3", "p4", "p5"]
    await harness.assert_idle()


def png(width: int, height: int, seed: int) -> bytes:
    """Return a small PNG of a large picture."""
    data = io.BytesIO()
    Image.new("P", (width, height), seed).save(data, "PNG")
    return data.getvalue()


async def test_screenshot_without_a_listed_size_is_recognised_once(examining: Harness) -> None:
    harness = examining

    def put_png(name: str, data: bytes, listed: Facts | None = None) -> None:
        harness.source.put("a", name, data, mime_type="image/png", facts=listed or facts())

    put_png("screen", png(1170, 2532, 1))
    put_png("drawing", png(800, 600, 2))
    put_png("listed", png(1080, 2400, 3), facts(1080, 2400))
    harness.source.put("a", "photo", picture(4))
    choose(harness, exclude=frozenset(Excluded))
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE, report
    assert harness.names_on_frame() == {"drawing.jpg", "photo.jpg"}
    assert report.left_out[LeftOut.EXCLUDE] == 2
    assert sorted(harness.source.downloads) == ["drawing", "photo", "screen"]
    await harness.assert_idle()


async def test_lost_cache_removes_nothing_that_has_to_be_examined(examining: Harness, tmp_path: Path) -> None:
    harness = examining
    names = [f"p{number:03}" for number in range(MAX_LOOKS + 10)]
    for number, name in enumerate(names):
        harness.source.put("a", name, picture(number, width=40, height=60))
    choose(harness, orientation=Orientation.PORTRAIT)
    await harness.cycle()
    await harness.cycle()
    assert harness.names_on_frame() == {f"{name}.jpg" for name in names}
    cache = await open_fresh(tmp_path / "another.db")
    try:
        harness.tools = replace(harness.tools, cache=cache)
        for _ in range(2):
            report = await harness.cycle()
            assert (report.uploaded, report.deleted) == (0, 0)
        await harness.assert_idle()
    finally:
        await cache.aclose()


async def test_broken_picture_is_examined_once_and_costs_only_itself(examining: Harness) -> None:
    harness = examining
    harness.source.put("a", "broken", picture(1)[:900] + b"\xff\xd9")
    harness.source.put("a", "text", b"no picture")
    harness.source.put("a", "whole", picture(2, width=160, height=240))
    choose(harness, orientation=Orientation.PORTRAIT)
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert harness.names_on_frame() == {"whole.jpg"}
    await harness.assert_idle()


async def test_new_photos_are_fresh_although_taken_long_ago(harness: Harness) -> None:
    put_all(harness, MANY[:30])
    choose(harness, most=10, fresh=Span(time=timedelta(days=14)))
    await harness.cycle()
    harness.assert_synced(*MANY[:10])
    put(harness, "scan", 9000)
    await days_later(harness, 1)
    harness.assert_synced(*MANY[:9], "scan")
    await days_later(harness, 14)
    harness.assert_synced(*MANY[:9], "scan")
    report = await days_later(harness, 16)
    assert report.outcome is CycleOutcome.DONE
    # Its place is among the last tenth, so it stays until a newcomer is better; there is one.
    put(harness, "new", -15)
    await days_later(harness, 16)
    assert "new.jpg" in harness.names_on_frame()


async def test_first_seen_counts_only_after_all_was_listed_once(harness: Harness) -> None:
    put_all(harness, MANY[:20])
    choose(harness, most=5, fresh=Span(time=timedelta(days=14)))
    harness.source.listing_problem["a"] = "The connection broke."
    harness.source.listed_until["a"] = 10
    await harness.cycle()
    del harness.source.listing_problem["a"]
    put(harness, "scan", 9000)
    await days_later(harness, 1)
    harness.assert_synced(*MANY[:5])

"""Two portraits share a photo of the frame, and every guarantee holds for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from picsync.core.errors import TransientError
from picsync.core.events import CycleOutcome
from picsync.core.identity import key_in
from picsync.core.model import NO_FACTS
from picsync.core.plan import HoldReason
from picsync.core.select import Skip
from tests.sync.harness import ALBUM
from tests.sync.household import LANDSCAPE, LARGE, PORTRAIT, SMALL, Household, household

PAIRS = replace(SMALL, pair=True)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with household(tmp_path) as home:
        home.use(PAIRS)
        yield home


def put(home: Household, *names: str, at: int | None = None) -> None:
    home.put(*names, listed=PORTRAIT)
    if at is not None:
        order = [each for each in home.harness.source.content["a"].items if each not in names]
        home.harness.source.reorder("a", [*order[:at], *names, *order[at:]])


async def test_two_portraits_are_one_photo(home: Household) -> None:
    put(home, "a", "b")
    home.put("wide", listed=LANDSCAPE)
    put(home, "c", "d", "e")
    await home.settle()
    assert home.shown() == ["a + b", "wide", "c + d", "e"]
    assert home.uploads == 4
    assert len(home.harness.source.downloads) == 6
    assert home.marks() == {"a + b": PAIRS.key, "wide": SMALL.key, "c + d": PAIRS.key, "e": SMALL.key}
    await home.harness.assert_idle()


@pytest.mark.parametrize("encoder", [1, 2])
async def test_a_lost_cache_downloads_and_uploads_nothing(home: Household, encoder: int) -> None:
    put(home, "a", "b", "c", "d", "e")
    await home.settle()
    downloads, uploads = len(home.harness.source.downloads), home.uploads
    home.painter.encoder = encoder
    await home.lose_cache()
    await home.settle()
    assert (len(home.harness.source.downloads), home.uploads) == (downloads, uploads)
    assert home.shown() == ["a + b", "c + d", "e"]
    await home.harness.assert_idle()


async def test_a_new_portrait_leaves_the_other_pairs_alone(home: Household) -> None:
    put(home, "a", "b", "c", "d")
    await home.settle()
    uploads = home.uploads
    put(home, "new", at=0)
    await home.settle()
    assert sorted(home.shown()) == ["a + b", "c + d", "new"]
    assert home.uploads == uploads + 1
    put(home, "newer", at=2)
    await home.settle()
    # The one that was alone is replaced, once the pair is there.
    assert sorted(home.shown()) == ["a + b", "c + d", "new + newer"]
    assert home.uploads == uploads + 2
    await home.harness.assert_idle()


async def test_a_removed_portrait_leaves_the_other_one_shown(home: Household) -> None:
    put(home, "a", "b", "c", "d")
    await home.settle()
    least: list[int] = []
    names = {"b", "c", "d"}
    home.harness.frame.observers.append(
        lambda: least.append(len(names & {part for name in home.shown() for part in name.split(" + ")}))
    )
    home.harness.remove("a")
    report = await home.cycle()
    assert (report.hold, report.uploaded, report.deleted) == (None, 1, 1)
    assert sorted(home.shown()) == ["b", "c + d"]
    assert min(least) == 3
    home.harness.remove("c")
    report = await home.cycle()
    assert (report.hold, report.uploaded, report.deleted) == (None, 1, 2)
    assert home.shown() == ["b + d"]
    await home.harness.assert_idle()


async def test_what_is_gone_counts_for_the_brake_although_its_neighbours_stay(home: Household) -> None:
    names = [f"p{number:02}" for number in range(40)]
    put(home, *names)
    await home.settle()
    home.harness.remove(*names[::2])
    for _ in range(3):
        report = await home.cycle()
        assert report.hold is not None
        assert (report.hold.reason, report.hold.count, report.deleted) == (HoldReason.BRAKE, 20, 0)
    # Those that are left are in pairs of their own meanwhile.
    assert report.uploaded == 0
    home.harness.with_rule(allow_deletes=True)
    report = await home.cycle()
    assert (report.deleted, report.on_frame) == (20, 10)
    await home.harness.assert_idle()


async def test_an_incomplete_listing_changes_no_pair(home: Household) -> None:
    put(home, "a", "b", "c", "d")
    await home.settle()
    calls = len(home.harness.frame.calls)
    home.harness.remove("a")
    home.harness.source.listing_problem["a"] = "The second page is missing."
    report = await home.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert not [call for call in home.harness.frame.calls[calls:] if call[0] in ("upload", "delete")]
    assert home.shown() == ["a + b", "c + d"]


async def test_turning_it_on_and_off_replaces_step_by_step(home: Household) -> None:
    names = [f"p{number:02}" for number in range(10)]
    home.use(SMALL)
    put(home, *names)
    await home.settle()
    home.harness.with_rule(replace_per_cycle=2)
    home.use(PAIRS)
    least: list[int] = []
    home.harness.frame.observers.append(
        lambda: least.append(len({part for name in home.shown() for part in name.split(" + ")}))
    )
    done = []
    for _ in range(4):
        uploads = home.uploads
        report = await home.cycle()
        assert (report.outcome, report.hold) == (CycleOutcome.DONE, None)
        done.append(home.uploads - uploads)
    assert done == [2, 2, 1, 0]
    assert set(home.marks().values()) == {PAIRS.key}
    home.use(SMALL)
    await home.settle(most=7)
    assert sorted(home.shown()) == names
    assert min(least) == 10


async def test_another_panel_replaces_pairs_by_the_same_pairs(home: Household) -> None:
    put(home, "a", "b", "c")
    await home.settle()
    home.use(replace(LARGE, pair=True))
    report = await home.cycle()
    assert (report.uploaded, report.deleted, report.hold) == (2, 2, None)
    assert home.shown() == ["a + b", "c"]
    await home.harness.assert_idle()


async def test_without_deletes_nothing_is_paired_anew(home: Household) -> None:
    put(home, "a")
    await home.settle()
    home.harness.with_rule(delete=False)
    put(home, "b")
    await home.settle()
    assert home.shown() == ["a", "b"]
    put(home, "c", "d")
    await home.settle()
    assert home.shown() == ["a", "b", "c + d"]


@pytest.mark.parametrize("broken", ["first", "second"])
async def test_a_broken_picture_loses_only_itself(home: Household, broken: str) -> None:
    put(home, *(("broken", "a") if broken == "first" else ("a", "broken")))
    report = await home.cycle()
    assert report.skipped == {Skip.UNUSABLE: 1}
    assert home.shown() == ["a"]
    put(home, "b")
    await home.settle()
    assert home.shown() == ["a + b"]


async def test_an_original_that_cannot_be_had_now_blocks_nothing(home: Household) -> None:
    put(home, "a")
    await home.settle()
    put(home, "b")
    home.harness.source.fail_downloads["b"] = TransientError("the service is down.")
    downloads = len(home.harness.source.downloads)
    report = await home.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert home.shown() == ["a"]
    home.harness.source.fail_downloads.clear()
    await home.settle()
    assert home.shown() == ["a + b"]
    home.harness.source.fail_downloads["c"] = TransientError("the service is down.")
    put(home, "c", "d")
    await home.cycle()
    assert home.shown() == ["a + b", "d"]
    assert len(home.harness.source.downloads) > downloads


async def test_a_full_frame_keeps_what_is_to_be_replaced(home: Household) -> None:
    home.use(SMALL)
    put(home, "a", "b", "c")
    await home.settle()
    home.use(PAIRS)
    home.harness.frame.room = 3
    for _ in range(2):
        await home.cycle()
        assert sorted(home.shown()) == ["a", "b", "c"]
    home.harness.frame.room = None
    await home.settle()
    assert sorted(home.shown()) == ["a + b", "c"]


async def test_equal_content_is_in_one_photo(home: Household) -> None:
    put(home, "a", "b")
    await home.settle()
    home.put("a", as_item="copy of a", listed=PORTRAIT)
    home.put("b", as_item="copy of b", listed=PORTRAIT)
    await home.settle()
    assert home.shown() == ["a + b"]
    assert home.uploads == 1
    await home.lose_cache()
    await home.settle()
    assert (home.shown(), home.uploads) == (["a + b"], 1)


async def test_copies_that_come_together_are_one_photo(home: Household) -> None:
    put(home, "a")
    home.put("a", as_item="copy of a", listed=PORTRAIT)
    put(home, "b")
    await home.settle()
    shown = [part for name in home.shown() for part in name.split(" + ")]
    assert sorted(shown) == ["a", "b"]
    await home.harness.assert_idle()


async def test_shapes_that_are_not_listed_are_learned_before_anything_is_sent(home: Household) -> None:
    home.put("a", "wide", "b", listed=NO_FACTS)
    await home.settle()
    assert sorted(home.shown()) == ["a + b", "wide"]
    assert home.uploads == 2
    assert len(home.harness.source.downloads) == 3


async def test_a_listing_that_errs_about_the_shape_costs_one_attempt(home: Household) -> None:
    put(home, "a", "wide", "b")
    await home.settle()
    assert sorted(home.shown()) == ["a + b", "wide"]
    assert home.uploads <= 4
    await home.harness.assert_idle()


async def test_a_frame_that_changes_names_is_sent_nothing_twice(home: Household) -> None:
    put(home, "a", "b", "c")
    await home.settle()
    for photo in home.harness.frame.album_named(ALBUM).photos.values():
        assert key_in(photo.filename)
        object.__setattr__(photo, "filename", "renamed.jpg")
    await home.harness.assert_idle()


async def test_a_pair_counts_as_one_photo_of_the_frame(home: Household) -> None:
    from picsync.core.capacity import Capacity

    home.harness.rule = replace(home.harness.rule, capacity=Capacity(photos=2))
    put(home, "a", "b", "c", "d", "e")
    await home.settle()
    assert len(home.shown()) == 2
    assert len({part for name in home.shown() for part in name.split(" + ")}) >= 3
    await home.harness.assert_idle()

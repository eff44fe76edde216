"""Whole cycles on a frame of limited capacity: what it holds at any moment, and who may use what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from picsync.core.capacity import Capacity, held
from picsync.core.choice import Choice, Order
from picsync.core.errors import ItemError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import Rule
from picsync.core.pools import Pool
from picsync.core.recipe import Recipe
from picsync.core.select import Skip
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, Harness, open_harness
from tests.sync.household import LARGE, Household, household

OTHER = "Friends"


@dataclass
class Watch:
    """The most photos that a frame has held since the last look."""

    harness: Harness
    most: int = 0

    def __post_init__(self) -> None:
        self.harness.frame.observers.append(self._see)

    def _see(self) -> None:
        self.most = max(self.most, self.count())

    def count(self, *albums: str) -> int:
        found = self.harness.frame.album_list
        return sum(len(each.photos) for each in found if each.album.name in albums or not albums)


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Household]:
    async with household(tmp_path) as home:
        yield home


async def test_a_new_choice_is_exchanged_step_by_step(harness: Harness) -> None:
    for number in range(40):
        name, taken_at = f"p{number:02}", datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
        harness.source.put("a", name, jpeg(name), filename=f"{name}.jpg", taken_at=taken_at)
    harness.rule = replace(
        harness.rule, choice=Choice(most=20, order=Order.NEWEST), capacity=Capacity(photos=20)
    )
    watch = Watch(harness)
    await harness.cycle()
    assert watch.most == watch.count() == 20
    harness.rule = replace(harness.rule, choice=Choice(most=20, order=Order.OLDEST))
    before = harness.names_on_frame()
    for _ in range(12):
        report = await harness.cycle()
        assert report.outcome is CycleOutcome.DONE
        assert watch.count() == 20, "it shows fewer for a while"
    assert watch.most <= 22, "a tenth beyond the capacity, while photos are exchanged"
    assert report.storage
    assert report.storage.later == 0
    assert len(harness.names_on_frame() - before) >= 16
    await harness.assert_idle()


async def test_another_recipe_replaces_a_few_at_a_time_on_a_full_frame(home: Household) -> None:
    home.put(*(f"p{number:02}" for number in range(20)))
    home.harness.rule = replace(home.harness.rule, capacity=Capacity(photos=20))
    watch = Watch(home.harness)
    await home.cycle()
    home.use(LARGE)
    for _ in range(10):
        await home.cycle()
        assert watch.count() == 20
    assert set(home.marks().values()) == {LARGE.key}
    assert watch.most == 22
    await home.harness.assert_idle()


async def test_photos_that_turn_out_to_be_larger_wait_instead_of_filling_the_frame(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten photos are expected to be small, and are not."""
    made = home.painter.made

    def large(original: bytes, recipe: Recipe) -> bytes:
        return made(original, recipe) + bytes(400_000)

    monkeypatch.setattr(home.painter, "made", large)
    home.put(*(f"p{number:02}" for number in range(10)))
    # At 0.3 bytes for each pixel of 800 x 480, each is expected to have 115 kB.
    home.harness.rule = replace(home.harness.rule, capacity=Capacity(1_200_000))
    sizes: list[int] = []
    frame = home.harness.frame

    def see() -> None:
        photos = [photo for album in frame.album_list for photo in album.photos.values()]
        sizes.append(held(photos).size_bytes or 0)

    frame.observers.append(see)
    reports = [await home.cycle() for _ in range(5)]
    assert reports[0].skipped[Skip.CAPACITY] >= 7
    assert all(report.outcome is CycleOutcome.DONE for report in reports)
    assert max(sizes) <= 1_200_000 * 1.1
    assert 400_000 < sizes[-1] <= 1_200_000
    downloads = len(home.harness.source.downloads)
    await home.harness.assert_idle()
    assert len(home.harness.source.downloads) == downloads


# --- several rules -------------------------------------------------------------------------------------


@dataclass
class Two:
    """Two rules that fill one frame of ten photos."""

    harness: Harness

    def __post_init__(self) -> None:
        self.harness.source.put_album("b")
        places = [("nixplay", ALBUM), ("nixplay", OTHER)]
        self.pool = Pool(Capacity(photos=10), dict.fromkeys(places, 1.0))
        self.rules = {
            album: AlbumRule(
                Rule(album), {"googlephotos": [source]}, capacity=Capacity(photos=5), pool=self.pool
            )
            for album, source in ((ALBUM, "a"), (OTHER, "b"))
        }
        self.watch = Watch(self.harness)

    def put(self, album: str, *numbers: int) -> None:
        for number in numbers:
            name = f"{album}{number}"
            self.harness.source.put(album, name, jpeg(name), filename=f"{name}.jpg")

    async def cycle(self, album: str) -> CycleReport:
        report = await run_cycle(self.rules[album], self.harness.tools)
        assert report.outcome is CycleOutcome.DONE
        return report

    def counts(self) -> tuple[int, int]:
        return self.watch.count(ALBUM), self.watch.count(OTHER)

    def restart(self) -> None:
        self.harness.tools = replace(self.harness.tools, claims={})


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with open_harness(tmp_path) as harness:
        yield Two(harness)


async def test_what_one_rule_does_not_need_another_uses(two: Two) -> None:
    two.put("a", *range(3))
    two.put("b", *range(20))
    for _ in range(2):
        await two.cycle(ALBUM)
        report = await two.cycle(OTHER)
    assert two.counts() == (3, 7)
    assert report.storage
    assert report.storage.capacity == Capacity(photos=7)
    # It gets its part back when it needs it, and the frame never holds more than the whole.
    two.put("a", *range(3, 20))
    for _ in range(4):
        await two.cycle(ALBUM)
        await two.cycle(OTHER)
    assert two.counts() == (5, 5)
    assert two.watch.most <= 11


async def test_a_restart_moves_nothing_between_rules(two: Two) -> None:
    two.put("a", *range(3))
    two.put("b", *range(20))
    for _ in range(2):
        await two.cycle(ALBUM)
        await two.cycle(OTHER)
    two.restart()
    calls = len(two.harness.frame.calls)
    for album in (OTHER, ALBUM, OTHER):
        await two.cycle(album)
    assert two.counts() == (3, 7)
    assert not [call for call in two.harness.frame.calls[calls:] if call[0] in ("upload", "delete")]
    # What another rule has is seen before the first photo is sent.
    two.put("a", *range(3, 20))
    two.restart()
    await two.cycle(ALBUM)
    assert two.counts() == (3, 7)
    assert two.watch.most == 10


async def test_a_cycle_with_nothing_to_send_looks_at_its_own_album_only(two: Two) -> None:
    two.put("a", *range(3))
    two.put("b", *range(3))
    for album in (ALBUM, OTHER):
        await two.cycle(album)
    two.restart()
    calls = len(two.harness.frame.calls)
    await two.cycle(ALBUM)
    asked = [call for call in two.harness.frame.calls[calls:] if call[0] in ("find_album", "photos")]
    assert all(OTHER not in str(call) for call in asked)
    assert {call[0] for call in asked} <= {"find_album", "photos"}


async def test_another_rule_whose_album_cannot_be_seen_keeps_its_part(two: Two) -> None:
    two.put("a", *range(20))
    two.put("b", *range(2))
    await two.cycle(OTHER)
    two.restart()
    frame = two.harness.frame
    seen = frame.photos

    async def photos(album: object) -> object:
        from picsync.core.errors import TransientError

        if OTHER in str(album):
            raise TransientError("No answer.")
        return await seen(album)  # type: ignore[arg-type]

    frame.photos = photos  # type: ignore[assignment,method-assign]
    await two.cycle(ALBUM)
    assert two.counts() == (5, 2)


async def test_the_report_has_the_sizes_of_what_was_sent(home: Household) -> None:
    """Before it is sent, only an estimate is known; afterwards, the frame says what it holds."""
    harness = home.harness
    harness.rule = replace(harness.rule, capacity=Capacity(size_bytes=1_000_000))
    home.put("a", "b", "c")
    harness.frame.fail["upload"] = [ItemError("it failed.") for _ in range(3)]
    expected = (await home.cycle()).storage
    assert expected is not None
    assert (expected.used_about, expected.planned_about) == (False, True)
    report = await home.cycle()
    album = harness.frame.album_named(ALBUM)
    real = held(list(album.photos.values()))
    assert report.storage is not None
    assert (report.storage.used, report.storage.planned) == (real, real)
    assert (report.storage.used_about, report.storage.planned_about) == (False, False)

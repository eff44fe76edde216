"""Cycles of the gallery and of frames beside it: what the family says counts on the frames."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest_asyncio
import sqlalchemy as sa

from picsync.core.caption import Wording
from picsync.core.choice import Choice, Order
from picsync.core.errors import StateError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.identity import plain_name
from picsync.core.plan import Rule
from picsync.core.select import Skip
from picsync.family.gallery import CAPTION, RECIPE
from picsync.family.judging import FamilyJudges, NoJudges
from picsync.family.looking import Looking
from picsync.family.onframes import OnFrames
from picsync.family.people import People
from picsync.family.photos import photo_id
from picsync.family.state import tables
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from tests.contract.memory_frame import MemoryAlbumFrame
from tests.family.test_gallery import Home, home_in
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, Harness, open_harness
from tests.sync.household import Painter


@dataclass
class Family:
    """A rule with a frame and a gallery."""

    home: Home
    harness: Harness
    pages: AlbumRule

    async def cycle(self) -> CycleReport:
        """Run both cycles at the same time, and return the report of the frame's."""
        on_frame, on_pages = await asyncio.gather(
            self.harness.cycle(), run_cycle(self.pages, self.harness.tools)
        )
        assert on_pages.outcome is CycleOutcome.DONE, on_pages
        return on_frame

    def photo(self, name: str) -> str:
        return photo_id(hashlib.sha256(jpeg(name)).hexdigest())

    async def in_gallery(self) -> set[str]:
        photos = await self.home.photos.in_category(ALBUM, hidden=True)
        return {photo.filename.removesuffix(".jpg") for photo in photos}

    def on_frame(self) -> set[str]:
        return {name.removesuffix(".jpg") for name in self.harness.names_on_frame()}

    async def rate(self, name: str, points: float, deviation: float) -> None:
        values = {"photo": self.photo(name), "points": points, "deviation": deviation}
        rating = sa.insert(tables.rating).values(volatility=0.06, games=9, **values)
        await self.home.state.write(lambda connection: connection.execute(rating))


@pytest_asyncio.fixture
async def family(tmp_path: Path) -> AsyncIterator[Family]:
    async with home_in(tmp_path, Painter()) as home, open_harness(tmp_path) as harness:
        harness.tools = replace(
            harness.tools,
            frames={**harness.tools.frames, "family pages": home.gallery},
            renderer=Painter(),
            judges=FamilyJudges(home.state),
        )
        pages = AlbumRule(
            Rule(ALBUM),
            {"googlephotos": ["a"]},
            "family pages",
            recipe=RECIPE,
            wording=Wording(CAPTION),
            judged=False,
            settles=False,
        )
        yield Family(home, harness, pages)


async def test_an_original_is_downloaded_once_for_the_frame_and_the_pages(family: Family) -> None:
    family.harness.put("a", "b", "c")
    await family.cycle()
    assert sorted(family.harness.source.downloads) == ["a", "b", "c"]
    assert await family.in_gallery() == family.on_frame() == {"a", "b", "c"}
    await family.cycle()
    assert len(family.harness.source.downloads) == 3, "a steady cycle downloads nothing"


async def test_hidden_photos_leave_the_frame_but_not_the_gallery(family: Family) -> None:
    family.harness.put(*(f"p{number}" for number in range(40)))
    await family.cycle()
    for number in range(30):
        await family.home.photos.hide(family.photo(f"p{number}"), by=None)
    report = await family.cycle()
    assert report.outcome is CycleOutcome.DONE, "the brake does not count them"
    assert report.hold is None
    assert report.skipped[Skip.REJECTED] == 30
    assert family.on_frame() == {f"p{number}" for number in range(30, 40)}
    assert len(await family.in_gallery()) == 40
    await family.home.photos.restore(family.photo("p3"), by=None)
    await family.cycle()
    assert "p3" in family.on_frame()


async def test_the_pages_know_what_is_on_the_frame(family: Family) -> None:
    on_frames = OnFrames(family.home.state)
    judges = FamilyJudges(family.home.state, on_frames)
    family.harness.tools = replace(family.harness.tools, judges=judges)
    family.harness.put("a", "b")
    await family.cycle()
    photos = {name: family.photo(name) for name in "ab"}
    frame = family.harness.rule.frame
    assert await on_frames.of(photos.values()) == {photos["a"]: [frame], photos["b"]: [frame]}
    await family.home.photos.hide(photos["a"], by=None)
    await family.cycle()
    assert await on_frames.of(photos.values()) == {photos["b"]: [frame]}


async def test_hiding_everything_does_not_empty_the_frame(family: Family) -> None:
    family.harness.put("a", "b")
    await family.cycle()
    for name in "ab":
        await family.home.photos.hide(family.photo(name), by=None)
    report = await family.cycle()
    assert report.hold is not None
    assert family.on_frame() == {"a", "b"}
    family.harness.put("c")
    await family.cycle()
    assert family.on_frame() == {"c"}


async def test_hiding_one_hides_equal_photos_of_other_sources(family: Family) -> None:
    harness = family.harness
    harness.source.put_album("b")
    harness.put("a", "keep")
    harness.source.put("b", "copy", jpeg("a"), filename="copy.jpg")
    both = {"googlephotos": ["a", "b"]}
    harness.rule, family.pages = replace(harness.rule, sources=both), replace(family.pages, sources=both)
    await family.cycle()
    assert len(family.on_frame()) == 2
    assert {row.photo for row in await family.home.rows(tables.item)} == {
        family.photo("a"),
        family.photo("keep"),
    }
    assert len(await family.home.rows(tables.item)) == 3, "each item is known"
    await family.home.photos.hide(family.photo("a"), by=None)
    harness.remove("a")
    await family.cycle()
    assert family.on_frame() == {"keep"}


async def test_a_hidden_photo_is_not_sent_when_another_source_brings_it(family: Family) -> None:
    family.harness.put("a", "keep")
    await family.cycle()
    await family.home.photos.hide(family.photo("a"), by=None)
    await family.cycle()
    family.harness.source.put("a", "again", jpeg("a"), filename="again.jpg")
    # The gallery does not know the new item yet.
    report = await family.harness.cycle()
    assert report.uploaded == 0
    assert family.on_frame() == {"keep"}


async def test_without_the_state_nothing_changes_on_the_frame(family: Family) -> None:
    family.harness.put("a", "b")
    await family.cycle()
    await family.home.photos.hide(family.photo("a"), by=None)
    await family.cycle()
    judges = NoJudges(StateError("The disk is broken."))
    family.harness.tools = replace(family.harness.tools, judges=judges)
    family.harness.put("c")
    report = await family.harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert "disk is broken" in str(report.failures[0].error)
    assert family.on_frame() == {"b"}


async def test_the_best_rated_are_shown(family: Family) -> None:
    family.harness.put("a", "b", "c", "d")
    harness = family.harness
    harness.rule = replace(harness.rule, choice=Choice(most=2, order=Order.RATING))
    await family.cycle()
    await family.rate("c", 1700, 60)
    await family.rate("d", 1600, 60)
    await family.rate("a", 1300, 100)
    await family.cycle()
    await family.cycle()
    assert family.on_frame() == {"c", "d"}


async def test_what_leaves_the_source_leaves_the_category(family: Family) -> None:
    family.harness.put("a", "b")
    await family.cycle()
    family.harness.remove("b")
    await family.cycle()
    assert await family.in_gallery() == {"a"}
    assert await family.home.photos.find(family.photo("b")) is not None
    assert {plain_name(row.filename) for row in await family.home.rows(tables.entry)} == {"a.jpg"}


async def test_what_somebody_wrote_is_the_caption_on_frames(family: Family) -> None:
    tools, wall = family.harness.tools, MemoryAlbumFrame()
    family.harness.tools = tools = replace(tools, frames={**tools.frames, "wall": wall})
    rule = AlbumRule(Rule(ALBUM), {"googlephotos": ["a"]}, "wall", wording=Wording("{filename}"))
    family.harness.put("a", "b")
    await family.cycle()
    await run_cycle(rule, tools)
    anna = (await People(family.home.state).invite("Anna")).person.person
    looking = Looking(family.home.state, family.home.clock)
    await looking.describe(family.photo("a"), caption="At the lake", tags=["lake"], by=anna)
    await run_cycle(rule, tools)
    album = await wall.find_album(ALBUM)
    assert album is not None
    captions = {photo.caption for photo in (await wall.photos(album)).items}
    assert captions == {"At the lake", "b.jpg"}

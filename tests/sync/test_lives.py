"""Whatever happens in a household, its frame shows each photo once, and never fewer on the way.

What a photo shows is told by its name. While photos are replaced, the old one and the new one are both there
for a moment, for as many photos as a cycle may replace.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from picsync.core.capacity import Capacity
from picsync.core.choice import Choice, Order
from picsync.core.errors import ItemError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.identity import FITTING_BYTES, ORIGINAL_BYTES, content_key, key_in, shown_by
from picsync.core.model import FramePhoto
from picsync.core.recipe import ORIGINAL
from tests.contract.memory_frame import MemoryAlbumFrame, MemoryFrame
from tests.contract.memory_source import MemorySource
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, PLAYLIST, digest
from tests.sync.household import LANDSCAPE, LARGE, PORTRAIT, SMALL, Household, household, png

PAIRS = replace(SMALL, pair=True)
NAMED = replace(LARGE, caption="{filename}")
RECIPES = [SMALL, LARGE, ORIGINAL, PAIRS, NAMED, SMALL, LARGE]
SOURCES = ("googlephotos", "folder", "immich")
"""The photos of one are often those of another."""
TAKEN = datetime(2025, 5, 3, tzinfo=UTC)


def contents(photo: FramePhoto) -> set[str]:
    """Return the keys of the originals that a photo shows."""
    return {keys[-1] for keys in shown_by(photo)}


@dataclass
class Watch:
    """Sees every change of the frame during a cycle."""

    frame: MemoryFrame
    replaced: int
    """How many photos a cycle may replace."""
    wanted: frozenset[str]
    """Keys of the originals that are to be shown, whatever the cycle finds out; empty if that may change."""
    deletes_fail: bool = False
    before: Sequence[set[str]] = ()
    """What each photo showed at the begin."""
    doubles: frozenset[str] = frozenset()
    """Originals that were shown twice at the begin."""
    shown: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)
    resent: list[set[str]] = field(default_factory=list)
    """What was sent although the frame had it."""
    known: set[str] = field(default_factory=set)
    """IDs of photos."""

    def __post_init__(self) -> None:
        photos = self.photos()
        self.known = set(photos)
        self.before = [contents(photo) for photo in photos.values()]
        self.doubles = frozenset(self.twice())
        self.shown = frozenset(self.now_shown())

    def photos(self) -> dict[str, FramePhoto]:
        return {
            photo_id: photo
            for album in self.frame.album_list
            if album.album.name == ALBUM
            for photo_id, photo in album.photos.items()
        }

    def twice(self) -> list[str]:
        counts = Counter(key for photo in self.photos().values() for key in contents(photo))
        return [key for key, count in counts.items() if count > 1]

    def now_shown(self) -> set[str]:
        photos = self.photos()
        if isinstance(self.frame, MemoryAlbumFrame):
            shown = list(photos)
        else:
            shown = [
                item.photo_id or ""
                for playlist in self.frame.playlist_list
                if playlist.name == PLAYLIST
                for item in playlist.items
            ]
        return set().union(*(contents(photos[each]) for each in shown if each in photos))

    def look(self) -> None:
        photos = self.photos()
        for photo_id in photos.keys() - self.known:
            self.known.add(photo_id)
            self.count(photos[photo_id])
        if len(self.resent) > self.replaced:
            self.problems.append(f"{self.resent} were sent again, {self.replaced} may be replaced")
        if len(set(self.twice()) - self.doubles) > 2 * self.replaced:
            self.problems.append(f"twice: {self.twice()}")
        if missing := (self.shown & self.wanted) - self.now_shown():
            self.problems.append(f"no longer shown: {missing}")

    def count(self, photo: FramePhoto) -> None:
        """Note a new photo, if something that it shows was there; a pair and its members count once."""
        again = [keys for keys in self.before if not keys.isdisjoint(contents(photo))]
        if again:
            together = contents(photo).union(*again)
            joined = [keys for keys in self.resent if not keys.isdisjoint(together)]
            self.resent = [keys for keys in self.resent if keys not in joined] + [together.union(*joined)]

    def ended(self, report: CycleReport) -> None:
        twice = set(self.twice())
        if report.outcome is CycleOutcome.DONE and report.hold is None and twice:
            self.problems.append(f"still twice at the end: {twice}")
        # A pair stays until both of its photos are replaced, or may be deleted.
        pairs = [shown for shown in map(contents, self.photos().values()) if len(shown) > 1]
        waits = report.outcome is not CycleOutcome.DONE or report.hold is not None
        twice -= self.doubles.union(*pairs if waits else ())
        if twice and not (self.deletes_fail or (report.hold is not None and not self.wanted)):
            self.problems.append(f"twice since this cycle: {twice}")
        assert not self.problems, (self.problems, report)


class Life:
    """What may happen to a household between two cycles."""

    def __init__(self, home: Household, replaced: int) -> None:
        self.home = home
        self.contents: dict[tuple[str, str], bytes] = {}
        """Source and item -> its bytes."""
        harness = home.harness
        sources = {name: MemorySource(name) for name in SOURCES}
        sources["googlephotos"] = harness.source
        for source in sources.values():
            source.put_album("a")
        self.sources = sources
        harness.tools = replace(harness.tools, sources=sources)
        harness.rule = replace(harness.rule, sources={name: ["a"] for name in SOURCES})
        harness.with_rule(allow_deletes=True, replace_per_cycle=replaced)
        harness.may_empty = True

    @property
    def limited(self) -> bool:
        """Whether fewer photos than all may be shown."""
        rule = self.home.harness.rule
        return rule.choice is not None or not rule.capacity.unlimited

    async def put(self, number: int, flag: bool, *, source: str = SOURCES[0]) -> None:
        name = f"wide{number}" if number % 3 == 0 else f"n{number}"
        if (source, name) in self.contents:
            return
        # The originals of even numbers need no change.
        content = jpeg(name) if number % 2 == 0 else png(name)
        self.contents[source, name] = content
        self.sources[source].put(
            "a",
            name,
            content,
            filename=f"{name} in {source}.png",
            taken_at=TAKEN + timedelta(days=number),
            facts=LANDSCAPE if "wide" in name else PORTRAIT,
        )

    async def copy(self, number: int, flag: bool) -> None:
        await self.put(number, flag, source=SOURCES[1 + flag])

    async def put_all(self, _number: int, flag: bool) -> None:
        for number in range(8):
            await self.put(number, flag)

    async def copy_all(self, _number: int, flag: bool) -> None:
        for number in range(4):
            await self.copy(number, flag)

    async def remove(self, number: int, flag: bool) -> None:
        source = SOURCES[number % 2 * (1 + flag)]
        for name in (f"n{number}", f"wide{number}"):
            if self.contents.pop((source, name), None):
                self.sources[source].remove("a", name)

    async def use(self, number: int, replaced: bool) -> None:
        self.home.use(RECIPES[number % len(RECIPES)], replaced=replaced)

    async def limit(self, number: int, flag: bool) -> None:
        harness = self.home.harness
        choice = Choice(most=6, order=[Order.ALBUM, Order.NEWEST, Order.RANDOM][number % 3]) if flag else None
        capacity = Capacity(photos=7) if number == 4 else Capacity()
        harness.rule = replace(harness.rule, choice=choice, capacity=capacity)

    async def lose_cache(self, _number: int, _flag: bool) -> None:
        await self.home.lose_cache()

    async def update_encoder(self, _number: int, _flag: bool) -> None:
        self.home.painter.encoder += 1

    async def delete_at_the_frame(self, number: int, _: bool) -> None:
        for album in self.home.harness.frame.album_list:
            for photo_id in list(album.photos)[number : number + 1]:
                self.home.harness.frame.remove(photo_id)

    async def fail_uploads(self, number: int, _: bool) -> None:
        errors = [ItemError("it failed.") for _ in range(number % 3)]
        self.home.harness.frame.fail.setdefault("upload", []).extend(errors)

    async def fail_deletes(self, number: int, _: bool) -> None:
        errors = [ItemError("it failed.") for _ in range(number % 3)]
        self.home.harness.frame.fail.setdefault("delete", []).extend(errors)

    async def fill(self, number: int, flag: bool) -> None:
        """Leave room for a few photos only, or as many as needed."""
        frame = self.home.harness.frame
        there = sum(len(album.photos) for album in frame.album_list)
        frame.room = there + number % 3 if flag else None

    async def cycle(self, _number: int, _flag: bool) -> None:
        harness = self.home.harness
        wanted = () if self.limited else self.contents.values()
        watch = Watch(
            harness.frame,
            harness.rule.rule.replace_per_cycle,
            frozenset(content_key(digest(content)) for content in wanted),
            deletes_fail=bool(harness.frame.fail.get("delete")),
        )
        harness.frame.observers.append(watch.look)
        report = await self.home.cycle()
        harness.frame.observers.remove(watch.look)
        watch.ended(report)

    async def settle(self) -> None:
        """End all trouble, and check what comes of it."""
        harness = self.home.harness
        harness.frame.fail.clear()
        harness.frame.room = None
        harness.tools.seen_to_fit.clear()
        # Where there is little room, copies are recognised one by one.
        for _ in range(-(-16 // harness.rule.rule.replace_per_cycle) + (12 if self.limited else 3)):
            await self.cycle(0, False)
        distinct = {content_key(digest(each)) for each in self.contents.values()}
        if not distinct:
            return
        watch = Watch(harness.frame, 0, frozenset())
        assert watch.shown <= distinct
        if not self.limited:
            assert watch.shown == distinct
        elif not harness.rule.recipe.pair:
            most = min(7 if harness.rule.capacity.photos else 16, 6 if harness.rule.choice else 16)
            assert len(watch.shown) == min(most, len(distinct))
        assert not watch.twice()
        calls, downloads = len(harness.frame.calls), self._downloads()
        await self.cycle(0, False)
        assert self._downloads() == downloads
        assert not [call for call in harness.frame.calls[calls:] if call[0] in ("upload", "delete")]
        if harness.rule.replace:
            recipe = harness.rule.recipe
            wanted = {recipe.key, recipe.alone.key} if recipe.convert else {ORIGINAL_BYTES}
            keys = [key_in(photo.filename) for photo in watch.photos().values()]
            assert {each.recipe if each else "" for each in keys} <= {*wanted, FITTING_BYTES, ORIGINAL_BYTES}

    def _downloads(self) -> int:
        return sum(len(source.downloads) for source in self.sources.values())


Event = Callable[[Life, int, bool], Awaitable[None]]
EVENTS: Sequence[Event] = [
    Life.put,
    Life.copy,
    Life.put_all,
    Life.copy_all,
    Life.remove,
    Life.limit,
    Life.update_encoder,
    Life.delete_at_the_frame,
    Life.fail_uploads,
    Life.fail_deletes,
    Life.fill,
    *[Life.use] * 2,
    *[Life.lose_cache] * 2,
    *[Life.cycle] * 6,
]
LIVES = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 7), st.booleans()), max_size=16)


async def live(events: Collection[tuple[Event, int, bool]], replaced: int, frame: MemoryFrame) -> None:
    note(
        f"at most {replaced} replaced: "
        + ", ".join(f"{each.__name__} {number} {flag}" for each, number, flag in events)
    )
    folder = Path(tempfile.mkdtemp())
    try:
        async with household(folder, frame) as home:
            life = Life(home, replaced)
            for happen, number, flag in events:
                await happen(life, number, flag)
            await life.settle()
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("frame", [MemoryFrame, MemoryAlbumFrame])
@settings(max_examples=60)
@given(LIVES, st.sampled_from([1, 2, 3, 50]))
async def test_whatever_happens_each_photo_is_shown_once(
    frame: Callable[[], MemoryFrame], events: list[tuple[Event, int, bool]], replaced: int
) -> None:
    await live(events, replaced, frame())


@pytest.mark.parametrize("frame", [MemoryFrame, MemoryAlbumFrame])
@settings(max_examples=30)
@given(LIVES, st.sampled_from([1, 2, 3]), st.integers(0, len(RECIPES) - 1), st.booleans())
async def test_a_lost_cache_while_photos_are_replaced_sends_nothing_twice(
    frame: Callable[[], MemoryFrame],
    events: list[tuple[Event, int, bool]],
    replaced: int,
    recipe: int,
    originals: bool,
) -> None:
    """As above, from where it matters: copies in all sources, and some photos are replaced already."""
    begin: list[tuple[Event, int, bool]] = [
        (Life.put_all, 0, False),
        (Life.copy_all, 0, False),
        (Life.copy_all, 0, True),
        (Life.cycle, 0, False),
        (Life.cycle, 0, False),
        (Life.use, recipe, originals),
        (Life.cycle, 0, False),
        (Life.lose_cache, 0, False),
        (Life.cycle, 0, False),
    ]
    await live([*begin, *events], replaced, frame())


@pytest.fixture
async def life(tmp_path: Path) -> AsyncIterator[Life]:
    async with household(tmp_path) as home:
        yield Life(home, 2)


async def test_copies_wait_for_their_turn_when_the_cache_is_lost(life: Life) -> None:
    await life.put_all(0, False)
    await life.copy(7, False)
    await life.copy(7, True)
    await life.cycle(0, False)
    life.home.use(LARGE)
    await life.cycle(0, False)
    await life.lose_cache(0, False)
    uploads = life.home.uploads
    await life.cycle(0, False)
    assert life.home.uploads == uploads + 2
    assert len(life.home.shown()) == 8
    await life.settle()


async def test_unknown_originals_are_replaced_step_by_step_too(life: Life) -> None:
    names = [f"n{number}" for number in (1, 5, 7, 11, 13)]
    photos = [life.home.harness.frame.put(ALBUM, png(name), f"{name}.png") for name in names]
    life.home.harness.frame.add_playlist(PLAYLIST, photos)
    for number in (1, 5, 7, 11, 13):
        await life.put(number, False)
    life.home.use(SMALL, replaced=True)
    for replaced in (2, 4, 5):
        await life.cycle(0, False)
        assert life.home.uploads == replaced
    await life.settle()


async def test_a_copy_takes_no_place_of_a_choice(life: Life) -> None:
    for number in (5, 4, 3, 2, 1):
        await life.put(number, False)
    await life.copy(5, False)
    harness = life.home.harness
    harness.rule = replace(harness.rule, choice=Choice(most=5, order=Order.NEWEST))
    await life.settle()
    assert len(life.home.shown()) == 5
    await life.lose_cache(0, False)
    uploads = life.home.uploads
    report = await life.home.cycle()
    assert (report.deleted, life.home.uploads) == (0, uploads)
    await life.settle()


async def test_a_copy_of_half_a_pair_takes_no_place_of_a_choice(life: Life) -> None:
    life.home.use(PAIRS)
    await life.put(1, False)
    await life.put(2, False)
    await life.copy(1, False)
    await life.copy(4, True)
    harness = life.home.harness
    harness.rule = replace(harness.rule, choice=Choice(most=3, order=Order.ALBUM))
    await life.settle()
    assert len(Watch(harness.frame, 0, frozenset()).shown) == 3


@pytest.mark.parametrize("source", SOURCES[1:])
async def test_a_caption_makes_no_second_photo_of_a_copy(life: Life, source: str) -> None:
    life.home.use(NAMED)
    await life.put(1, False)
    await life.put(1, False, source=source)
    await life.cycle(0, False)
    assert life.home.uploads == 1
    await life.settle()

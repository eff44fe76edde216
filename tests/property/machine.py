"""Any sequence of changes, manual interventions, faults, kills and restarts: the frame is never wrong, and in
sync at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from picsync.core.errors import AmbiguousError, LimitError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import (
    DeleteLimit,
    Rule,
)
from picsync.core.select import Overflow
from tests.media.files import movie
from tests.pictures import jpeg
from tests.property.oracle import ALBUM, PLAYLIST, Piece, Seen, Sources, Watch, assert_settled
from tests.property.worlds import METHODS, Fate, How, Interruption, Limit, World

T = TypeVar("T")

ITEMS = [f"i{number}" for number in range(16)]
CONTENTS = 12
"""Fewer than items: some have the same content under another ID."""
UNUSABLE = "i3"
"""Claims to be a JPEG, but has a type that the frame does not accept."""
VIDEO = "i5"
SOURCE_ALBUMS = ("a", "b")
OTHER = "Holiday"
"""An album of another program, like the playlist `ss_Holiday`."""
MANY_CYCLES = 8
NAMES = ("others", PLAYLIST, f"{PLAYLIST}_2")
LIMITS = (
    None,
    None,
    DeleteLimit(count=0),
    DeleteLimit(count=2),
    DeleteLimit(share=0.25),
    DeleteLimit(share=1.0),
)


class Hand(StrEnum):
    """Changes made by hand."""

    ADD_ITEM = "add an item to a source album"
    REMOVE_ITEM = "take an item out of a source album"
    EDIT_ITEM = "edit an item"
    REORDER_ITEMS = "put a source album into another order"
    ADD_MANY = "fill a source album"
    TIDY_UP = "empty all source albums"
    ADD_PHOTO = "put a photo into the frame's album"
    DELETE_PHOTO = "delete a photo"
    EMPTY_PLAYLIST = "take the first entries out of a playlist"
    DOUBLE_ENTRY = "put a photo into a playlist again"
    STRANGE_ENTRY = "put a picture from elsewhere into a playlist"
    REORDER_PLAYLIST = "turn a playlist round"
    ADD_PLAYLIST = "add a playlist of the same name"
    RENAME_PLAYLIST = "rename a playlist"
    DELETE_PLAYLIST = "delete a playlist"
    RENAME_ALBUM = "rename the frame's album"
    DELETE_ALBUM = "delete the frame's album"
    DOUBLE_ALBUM = "add an album of the same name"


OFTEN = {Hand.ADD_ITEM, Hand.REMOVE_ITEM}
RARE = {
    Hand.ADD_MANY,
    Hand.TIDY_UP,
    Hand.RENAME_ALBUM,
    Hand.DELETE_ALBUM,
    Hand.DOUBLE_ALBUM,
    Hand.ADD_PLAYLIST,
}

hands = st.sampled_from(
    [hand for hand in Hand for _ in range(1 if hand in RARE else 8 if hand in OFTEN else 2)]
)
items = st.sampled_from(ITEMS)
albums = st.sampled_from(SOURCE_ALBUMS)
picks = st.integers(0, 30)
steps = st.integers(1, 60)
# What writes to playlists decides most.
methods = st.sampled_from([*METHODS, "add_items", "remove_items", "remove_items", "upload", "delete"])
troubles = st.tuples(methods, st.sampled_from(How), st.integers(1, 6), picks)
limits = st.tuples(st.sampled_from(Limit), st.integers(0, 4), picks)


class Step(StrEnum):
    """What interrupts a cycle."""

    KILL = "killed"
    BREAK_OFF = "broken off"
    STOP = "asked to stop"
    HAND = "somebody meddles"


interruptions = st.lists(
    st.tuples(steps, st.sampled_from([Step.KILL, *Step, Step.HAND]), hands, albums, items, picks),
    max_size=3,
)


class Cycles(RuleBasedStateMachine):
    """Two source albums, one frame album, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.sources = Sources({name: {} for name in SOURCE_ALBUMS})
        self.rule = Rule(ALBUM)
        self.taken = 0
        self.contents = dict.fromkeys(ITEMS, 0)
        self.world: World | None = None
        self.watch: Watch
        self.cycles = 0

    def open_world(self, limit: int | None) -> World:
        """Return a new world with both source albums, empty."""
        raise NotImplementedError

    @property
    def here(self) -> World:
        assert self.world is not None
        return self.world

    def seen(self) -> Seen:
        return self.here.seen()

    @initialize(
        first=st.lists(st.tuples(albums, items), min_size=2, max_size=16),
        limit=st.sampled_from([None, None, 2, 5]),
        overflow=st.sampled_from(Overflow),
        synced=st.sampled_from([True, True, True, False]),
    )
    def start(
        self, *, first: list[tuple[str, str]], limit: int | None, overflow: Overflow, synced: bool
    ) -> None:
        self.world = self.open_world(limit)
        self.watch = Watch(self.world.seen, self.sources)
        self.world.changed, self.world.uploading = self.watch.changed, self.watch.uploading
        other = self.world.add_album(OTHER)
        for number in (1, 100):
            self.world.add_photo(other, content(number))
        self.world.add_playlist(f"ss_{OTHER}", list(self.seen().photos(OTHER)))
        self.rule = replace(self.rule, overflow=overflow)
        for album, item in first:
            self.add(album, item)
        if synced:
            self.run_one()

    # --- changes of the world -------------------------------------------------------------------------

    def add(self, album: str, item: str) -> None:
        if not self.here.edits_items and any(item in held for held in self.sources.albums.values()):
            piece = next(held[item] for held in self.sources.albums.values() if item in held)
        else:
            self.taken += 1
            piece = self._piece(item)
        for name, held in self.sources.albums.items():
            if name == album or item in held:
                held[item] = piece
                self.here.put(name, item, piece)

    def _piece(self, item: str) -> Piece:
        data = content((ITEMS.index(item) + self.contents[item]) % CONTENTS)
        if item == UNUSABLE:
            return Piece(b"RIFF1234WEBP" + data, usable=False, taken=self.taken)
        if item == VIDEO:
            return Piece(movie() + data, "video/mp4", taken=self.taken)
        return Piece(data, taken=self.taken)

    def remove(self, album: str, item: str) -> None:
        if self.sources.albums[album].pop(item, None):
            self.here.take(album, item)

    def meddle(self, hand: Hand, album: str, item: str, pick: int) -> None:
        """Make a change by hand, between cycles or within one."""
        with self.watch.by_hand():
            if hand in SOURCE_HANDS:
                self._at_the_sources(hand, album, item, pick)
            elif "playlist" in hand:
                self._at_the_playlists(hand, pick)
            else:
                self._at_the_album(hand, pick)

    def _at_the_sources(self, hand: Hand, album: str, item: str, pick: int) -> None:
        held = self.sources.albums[album]
        match hand:
            case Hand.ADD_ITEM:
                self.add(album, item)
            case Hand.REMOVE_ITEM:
                self.remove(album, item)
            case Hand.EDIT_ITEM:
                if self.here.edits_items and item in held:
                    self.contents[item] += 1
                    self.add(album, item)
            case Hand.REORDER_ITEMS:
                order = list(held)
                order = order[pick % (len(order) or 1) :] + order[: pick % (len(order) or 1)]
                self.sources.albums[album] = {name: held[name] for name in order}
                self.here.reorder(album, order)
            case Hand.ADD_MANY:
                for name in ITEMS:
                    self.add(album, name)
            case _:
                for name, items_held in self.sources.albums.items():
                    for each in list(items_held):
                        self.remove(name, each)

    def _at_the_playlists(self, hand: Hand, pick: int) -> None:
        seen = self.seen()
        photos = sorted(seen.photos(ALBUM))
        if hand is Hand.ADD_PLAYLIST:
            if len(seen.named(PLAYLIST)) < 2:
                self.here.add_playlist(PLAYLIST, photos[: pick // 10])
            return
        found = [each for each in seen.playlists if each.name.startswith(PLAYLIST)]
        if not found:
            return
        one = found[pick % len(found)]
        entries = list(one.photo_ids)
        match hand:
            case Hand.EMPTY_PLAYLIST:
                entries = entries[pick // 3 :]
            case Hand.DOUBLE_ENTRY:
                entries += photos[pick % len(photos) :][:1] if photos else []
            case Hand.STRANGE_ENTRY:
                entries.insert(0, "")
            case Hand.REORDER_PLAYLIST:
                entries.reverse()
            case Hand.RENAME_PLAYLIST:
                self.here.rename_playlist(one.playlist_id, NAMES[pick % len(NAMES)])
                return
            case _:
                self.here.delete_playlist(one.playlist_id)
                return
        if self.here.limit is None or len(entries) <= max(self.here.limit, len(one.photo_ids)):
            self.here.set_playlist(one.playlist_id, entries)

    def _at_the_album(self, hand: Hand, pick: int) -> None:
        seen = self.seen()
        found = [each for each in seen.albums if each.name == ALBUM]
        if not found:
            return
        one = found[pick % len(found)]
        photos = sorted(one.photos)
        match hand:
            case Hand.ADD_PHOTO:
                data = content((1, 5, 200, 201)[pick % 4])
                if Piece(data).md5 not in seen.photos(ALBUM).values():
                    self.here.add_photo(one.album_id, data)
            case Hand.DELETE_PHOTO:
                if photos:
                    self.here.delete_photo(photos[pick % len(photos)])
            case Hand.RENAME_ALBUM:
                self.here.rename_album(one.album_id, "Others")
            case Hand.DELETE_ALBUM:
                self.here.delete_album(one.album_id)
            case _:
                if len(found) == 1:
                    self.here.add_album(ALBUM)

    @rule(hand=hands, album=albums, item=items, pick=picks)
    def somebody(self, hand: Hand, album: str, item: str, pick: int) -> None:
        self.meddle(hand, album, item, pick)

    @rule(
        delete=st.sampled_from([True, True, False]),
        delete_limit=st.sampled_from(LIMITS),
        overflow=st.sampled_from(Overflow),
        videos=st.booleans(),
        force_publish=st.sampled_from([False, False, True]),
    )
    def configure(
        self,
        *,
        delete: bool,
        delete_limit: DeleteLimit | None,
        overflow: Overflow,
        videos: bool,
        force_publish: bool,
    ) -> None:
        self.rule = Rule(
            ALBUM,
            delete=delete,
            delete_limit=delete_limit,
            overflow=overflow,
            videos=videos,
            force_publish=force_publish,
        )

    # --- faults ---------------------------------------------------------------------------------------

    @rule(trouble=troubles)
    def trouble(self, trouble: tuple[str, How, int, int]) -> None:
        self.here.trouble(*trouble)

    @rule(limit=limits)
    def limited(self, limit: tuple[Limit, int, int]) -> None:
        what, amount, pick = limit
        if not self.here.limited(what, amount, pick):
            return
        weather = self.watch.weather
        match what:
            case Limit.LISTED | Limit.PHOTOS:
                weather.incomplete = True
            case Limit.UNLISTED | Limit.LATE:
                weather.listings_lie = True
            case Limit.ROOM:
                weather.full = True
            case _:
                pass

    @rule()
    def all_is_well_again(self) -> None:
        self.here.heal()
        self.watch.weather = type(self.watch.weather)()

    @rule(fate=st.sampled_from(Fate), pick=picks)
    def restart(self, fate: Fate, pick: int) -> None:
        self.here.restart(fate, pick)

    # --- cycles ---------------------------------------------------------------------------------------

    def run_one(
        self, interrupted: Sequence[Interruption] = (), *, allow_deletes: bool = False
    ) -> CycleReport | None:
        """Run a cycle with the oracle checking it; its report has to be true."""
        rule = replace(self.rule, allow_deletes=allow_deletes)
        self.cycles += 1
        with self.watch.cycle(rule, self.here.limit):
            report = self.here.cycle(rule, interrupted)
        assert not self.watch.violations, self.watch.violations
        weather = self.watch.weather
        quiet = not (self.watch.hands or weather.listings_lie)
        if report is None or report.outcome is not CycleOutcome.DONE or not quiet:
            return report
        if weather.incomplete:
            assert report.hold is not None or report.notices, "it does not say that a listing is incomplete"
        else:
            assert_settled(rule, self.here.limit, self.sources, self.seen(), report)
        return report

    def action(self, what: Step, hand: Hand, album: str, item: str, pick: int) -> Callable[[], None]:
        match what:
            case Step.KILL:
                return self.here.kill
            case Step.BREAK_OFF:
                return self.here.break_off
            case Step.STOP:
                return self.here.stop
            case _:
                return lambda: self.meddle(hand, album, item, pick)

    @rule(
        cuts=interruptions,
        trouble=st.none() | troubles,
        changes=st.lists(st.tuples(hands, albums, items, picks), max_size=3),
        fate=st.none() | st.sampled_from(Fate),
        allow_deletes=st.booleans(),
    )
    def cycle(
        self,
        *,
        cuts: list[tuple[int, Step, Hand, str, str, int]],
        trouble: tuple[str, How, int, int] | None,
        changes: list[tuple[Hand, str, str, int]],
        fate: Fate | None,
        allow_deletes: bool,
    ) -> None:
        """Do what sequences of single rules rarely do: a change, a fault and a cycle in one step."""
        for change in changes:
            self.meddle(*change)
        if trouble is not None:
            self.here.trouble(*trouble)
        if fate is not None:
            self.here.restart(fate, 15)
        interrupted = [
            Interruption(step, self.action(what, hand, album, item, pick))
            for step, what, hand, album, item, pick in cuts
        ]
        self.run_one(interrupted, allow_deletes=allow_deletes)

    @rule()
    def dry_run(self) -> None:
        before, writes = self.seen(), self.here.counts()["writes"]
        self.here.cycle(self.rule, dry_run=True)
        assert self.here.counts()["writes"] == writes
        assert self.seen() == before

    # --- the end --------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            self.settle()
        finally:
            self.world.close()

    def settle(self) -> None:
        """End the faults: cycles end as the rule says and, once the user allows it, in sync."""
        self.all_is_well_again()
        self.rule = replace(self.rule, force_publish=False)
        report = self.rest()
        assert_settled(self.rule, self.here.limit, self.sources, self.seen(), report)
        self.clear_the_way()
        report = self.rest(allow_deletes=True)
        assert report.outcome is CycleOutcome.DONE, report
        seen = self.seen()
        assert sorted(seen.photos(ALBUM).values()) == sorted(self.sources.wanted(self.rule))
        before = self.here.counts()
        idle = self.run_one()
        assert idle is not None
        assert idle.outcome is CycleOutcome.DONE, idle
        assert self.here.counts() == before, "an idle cycle does something"
        assert self.seen() == seen

    def rest(self, *, allow_deletes: bool = False) -> CycleReport:
        """Run cycles until one has nothing to do, and return its report."""
        report: CycleReport | None = None
        for _ in range(MANY_CYCLES):
            writes = self.here.counts()["writes"]
            report = self.run_one(allow_deletes=allow_deletes)
            assert report is not None
            named = all(isinstance(each.error, LimitError | AmbiguousError) for each in report.failures)
            # An unusable item is a failure once.
            if self.here.counts()["writes"] == writes and named:
                return report
        raise AssertionError(f"it does not come to rest: {report}")

    def clear_the_way(self) -> None:
        """Do what the messages ask the user to do."""
        albums_named = [each for each in self.seen().albums if each.name == ALBUM]
        for each in albums_named[1:]:
            self.here.rename_album(each.album_id, "Others")
        overflow = Overflow.NEWEST if self.rule.overflow is Overflow.ERROR else self.rule.overflow
        self.rule = replace(self.rule, delete=True, delete_limit=None, overflow=overflow)


SOURCE_HANDS = frozenset(
    {
        Hand.ADD_ITEM,
        Hand.REMOVE_ITEM,
        Hand.EDIT_ITEM,
        Hand.REORDER_ITEMS,
        Hand.ADD_MANY,
        Hand.TIDY_UP,
    }
)


def content(number: int) -> bytes:
    """Return bytes that are accepted as a JPEG and differ for each number."""
    return jpeg(f"c{number}" * 5)

"""The truth, determined independently of picsync: what a frame must hold, and what must never happen.

Nothing here uses decisions of picsync: the content of the sources is that of the model, the content of the
frame is read from its state, and the rules are written down a second time, as a user expects them.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from picsync.core.errors import AmbiguousError, PlaylistFullError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import (
    DeleteLimit,
    HoldReason,
    Rule,
)
from picsync.core.select import Overflow

ALBUM = "Family"
PLAYLIST = "ss_Family"
BRAKE_COUNT, BRAKE_SHARE = 10, 0.1


@dataclass(frozen=True)
class Piece:
    """The content of an item of a source."""

    data: bytes
    mime_type: str = "image/jpeg"
    usable: bool = True
    taken: int = 0
    """A larger number is newer."""

    @property
    def video(self) -> bool:
        return self.mime_type.startswith("video/")

    @property
    def md5(self) -> str:
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class AlbumSeen:
    """An album on the frame's side."""

    album_id: str
    name: str
    photos: Mapping[str, str]
    """Photo id -> MD5."""


@dataclass(frozen=True)
class PlaylistSeen:
    """A playlist; entries that are no photos of the account have no ID."""

    playlist_id: str
    name: str
    photo_ids: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """The whole state of the frame at one instant."""

    albums: tuple[AlbumSeen, ...]
    playlists: tuple[PlaylistSeen, ...]

    def photos(self, name: str) -> dict[str, str]:
        """Return the photos of the albums of that name: id -> MD5."""
        return {key: md5 for each in self.albums if each.name == name for key, md5 in each.photos.items()}

    def everywhere(self) -> dict[str, str]:
        return {key: md5 for each in self.albums for key, md5 in each.photos.items()}

    def named(self, name: str) -> list[PlaylistSeen]:
        return [each for each in self.playlists if each.name == name]

    def parts(self, rule: Rule, limit: int | None) -> list[PlaylistSeen]:
        """Return the playlists of the rule, in order, up to the first gap after those that it needs."""
        needed = parts_needed(len(self.photos(ALBUM)), limit)
        found = []
        for number in itertools.count(1):
            part = self.named(rule.part_name(number))
            found += part
            if rule.overflow is not Overflow.SPLIT or limit is None or (not part and number >= needed):
                break
        return found


def parts_needed(photos: int, limit: int | None) -> int:
    """Return the number of playlists for that many photos."""
    return 1 if limit is None else max(1, -(-photos // limit))


@dataclass
class Sources:
    """The current source albums."""

    albums: dict[str, dict[str, Piece]] = field(default_factory=dict)
    """Album -> item -> its content, in order."""

    def wanted(self, rule: Rule) -> dict[str, int]:
        """Return what the rule's frame should hold: MD5 -> when it was taken, of the item listed first."""
        found: dict[str, int] = {}
        for items in self.albums.values():
            for piece in items.values():
                if piece.usable and (rule.videos or not piece.video):
                    found.setdefault(piece.md5, piece.taken)
        return found


@dataclass
class Weather:
    """The current faults of the services, as far as they excuse anything."""

    listings_lie: bool = False
    """Complete listings of the frame omit photos."""
    incomplete: bool = False
    """A listing reports that it is incomplete."""
    full: bool = False
    """The frame has refused an upload for lack of storage."""


class Watch:
    """Observes picsync and collects violations. Changes made by hand are not violations."""

    def __init__(self, look: Callable[[], Seen], sources: Sources) -> None:
        self._look = look
        self._sources = sources
        self.weather = Weather()
        self.violations: list[str] = []
        self.hands = 0
        """Number of changes by hand since the cycle began."""
        self._watching = False
        self._by_hand = False
        self._rule = Rule(ALBUM)
        self._limit: int | None = None
        self._before = Seen((), ())
        self._needed: set[str] = set()
        self._excused: set[str] = set()
        self._held_at_first = 0
        self._deletes = 0
        self._ours: set[str] = set()
        """IDs of albums and playlists that belonged to the rule in this cycle, under any name."""

    @contextmanager
    def cycle(self, rule: Rule, limit: int | None) -> Iterator[None]:
        """Observe one cycle."""
        self._rule, self._limit = rule, limit
        self._before = self._look()
        self._needed = set(self._sources.wanted(rule))
        self._excused, self._deletes, self.hands = set(), 0, 0
        self._ours = set()
        self._claim(self._before)
        self._watching = True
        try:
            yield
        finally:
            self._watching = False

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """Accept what happens during the context."""
        self._by_hand = True
        try:
            yield
        finally:
            self._by_hand = False
            now = self._look()
            self._excused |= set(self._before.photos(ALBUM).values()) - set(now.photos(ALBUM).values())
            self._needed &= set(self._sources.wanted(self._rule))
            self._before = now
            self.hands += 1
            self._claim(now)

    def changed(self, what: str) -> None:
        """Check a change at the frame."""
        if self._watching and not self._by_hand:
            before, self._before = self._before, self._look()
            self._claim(self._before)
            self.violations += [f"{what}: {each}" for each in self._wrong(before, self._before)]

    def uploading(self, md5: str) -> None:
        """Check what is about to be sent."""
        if md5 in self._before.photos(ALBUM).values() and not (
            self.hands or self.weather.listings_lie or self.weather.incomplete
        ):
            self.violations.append(f"upload: {md5} is on the frame already")

    def _claim(self, now: Seen) -> None:
        self._ours |= {each.album_id for each in now.albums if each.name == ALBUM}
        self._ours |= {each.playlist_id for each in now.parts(self._rule, self._limit)}

    def _wrong(self, before: Seen, now: Seen) -> Iterator[str]:
        yield from self._wrong_with_photos(before, now)
        yield from self._wrong_with_playlists(before, now)

    def _wrong_with_photos(self, before: Seen, now: Seen) -> Iterator[str]:
        held, holds = before.photos(ALBUM), now.photos(ALBUM)
        gone = before.everywhere().keys() - now.everywhere().keys()
        there = set(holds.values())
        if any(before.everywhere()[key] in self._needed - there for key in gone & held.keys()):
            yield "a wanted photo was deleted"
        strange = {key for each in before.albums if each.album_id not in self._ours for key in each.photos}
        if gone & strange:
            yield "a photo of another album was deleted"
        if gone:
            yield from self._wrong_to_delete(gone, before, there)
        counts, were = Counter(holds.values()), Counter(held.values())
        if any(counts[md5] > max(1, were[md5]) for md5 in counts):
            yield "there is a second photo of equal content"
        names, were_named = (Counter(each.name for each in seen.albums) for seen in (now, before))
        if any(names[name] > max(1, were_named[name]) for name in names):
            yield "there is a second album"
        if names.keys() - were_named.keys() - {ALBUM}:
            yield "there is an album that nobody asked for"

    def _wrong_to_delete(self, gone: set[str], before: Seen, there: set[str]) -> Iterator[str]:
        rule = self._rule
        if not self._deletes:
            self._held_at_first = len(before.photos(ALBUM))
        self._deletes += len(gone)
        if not rule.delete:
            yield "a photo was deleted against the rule's `delete: false`"
        if self.weather.incomplete:
            yield "a photo was deleted after an incomplete listing"
        if not (self._needed - self._excused <= there or self.weather.full):
            yield "a photo was deleted before all that is wanted was there"
        if not self.hands:
            if not (rule.allow_deletes or allowed(rule, self._deletes, self._held_at_first)):
                yield f"{self._deletes} of {self._held_at_first} were deleted in spite of the brake"
            if any(gone & set(playlist.photo_ids) for playlist in before.parts(rule, self._limit)):
                yield "a photo was deleted while a playlist named it"

    def _wrong_with_playlists(self, before: Seen, now: Seen) -> Iterator[str]:
        rule = self._rule
        after = {each.playlist_id: each for each in now.playlists}
        gone = before.everywhere().keys() - now.everywhere().keys()
        photos = now.photos(ALBUM)
        valued = {key for key, md5 in photos.items() if md5 in self._needed}
        for was in before.playlists:
            shows = after.get(was.playlist_id)
            if shows is None:
                yield f"the playlist {was.name} was deleted"
            elif was.playlist_id not in self._ours:
                if shows.photo_ids != tuple(each for each in was.photo_ids if each not in gone):
                    yield f"the playlist {was.name} was changed, which is not ours"
            elif not self.hands:
                yield from self._less(was, shows, valued)
        counts, were = (Counter(each.name for each in seen.playlists) for seen in (now, before))
        for name in counts:
            if counts[name] > max(1, were[name]):
                yield f"there is a second playlist {name}"
            if name not in were and not name.startswith(
                PLAYLIST if rule.overflow is Overflow.SPLIT else rule.playlist_name
            ):
                yield f"there is a playlist {name} that nobody asked for"

    def _less(self, was: PlaylistSeen, shows: PlaylistSeen, valued: set[str]) -> Iterator[str]:
        lost = (set(was.photo_ids) - set(shows.photo_ids)) & valued
        if lost and self._limit is None:
            yield f"{was.name} no longer shows a wanted photo"
        if was.name == PLAYLIST and was.photo_ids and not shows.photo_ids and valued:
            yield f"{was.name} went empty"
        if self._limit is not None and len(shows.photo_ids) > max(self._limit, len(was.photo_ids)):
            yield f"{was.name} holds more than it may"


def allowed(rule: Rule, deletes: int, photos: int) -> bool:
    """Whether one cycle may delete that many of the photos without permission."""
    match rule.delete_limit:
        case None:
            few = deletes <= BRAKE_COUNT or deletes <= BRAKE_SHARE * photos
            return deletes < photos and few
        case DeleteLimit(count=None, share=share) if share is not None:
            return deletes <= share * photos
        case DeleteLimit(count=count) if count is not None:
            return deletes <= count and deletes < photos
        case _:
            return False


def assert_settled(rule: Rule, limit: int | None, sources: Sources, seen: Seen, report: CycleReport) -> None:
    """Assert that frame album = playlists = wanted photos, or a hold or failure that explains it."""
    wanted = sources.wanted(rule)
    albums = [each for each in seen.albums if each.name == ALBUM]
    if len(albums) > 1:
        assert any(isinstance(failure.error, AmbiguousError) for failure in report.failures), report
        return
    photos = seen.photos(ALBUM)
    holds = Counter(photos.values())
    assert set(wanted) <= set(holds), "something wanted is not on the frame"
    extra = holds.total() - len(wanted)
    if report.outcome is CycleOutcome.HELD:
        assert report.hold is not None
        assert report.hold.reason is HoldReason.BRAKE, report
        assert len(report.hold.photos) == extra > 0
        assert not allowed(rule, extra, holds.total()), "held although the brake does not say so"
    elif report.outcome is CycleOutcome.FAILED:
        assert [type(failure.error) for failure in report.failures] == [PlaylistFullError], report
        assert rule.overflow is Overflow.ERROR
        assert limit is not None
        assert holds.total() > limit
    else:
        assert report.outcome is CycleOutcome.DONE, report
        assert rule.overflow is not Overflow.ERROR or limit is None or holds.total() <= limit
        assert extra == 0 or not rule.delete, "something is on the frame that nobody wants"
    _assert_shown(rule, limit, wanted, photos, seen)


def _assert_shown(
    rule: Rule, limit: int | None, wanted: Mapping[str, int], photos: Mapping[str, str], seen: Seen
) -> None:
    parts = seen.parts(rule, limit)
    assert parts or not photos, "nothing shows the album"
    by_name: dict[str, set[str]] = {}
    for part in parts:
        assert set(part.photo_ids) <= photos.keys(), f"{part.name} names what is not in the album"
        assert len(set(part.photo_ids)) == len(part.photo_ids), f"{part.name} shows a photo twice"
        alike = by_name.setdefault(part.name, set(part.photo_ids))
        assert alike == set(part.photo_ids), f"the playlists {part.name} differ"
        assert limit is None or len(part.photo_ids) <= limit
    shown = Counter(key for part in by_name.values() for key in part)
    assert all(count == 1 for count in shown.values()), "a photo is in several parts"
    if limit is None or len(photos) <= limit or rule.overflow is Overflow.SPLIT:
        assert shown.keys() == photos.keys(), "not everything is shown"
        if rule.overflow is Overflow.SPLIT and limit is not None:
            needed = parts_needed(len(photos), limit)
            assert sum(1 for part in by_name.values() if part) <= needed, "more parts than needed"
    elif rule.overflow is Overflow.NEWEST:
        assert len(shown) == limit
        _assert_newest(wanted, photos, shown)


def _assert_newest(wanted: Mapping[str, int], photos: Mapping[str, str], shown: Iterable[str]) -> None:
    taken: Sequence[tuple[int, str]] = [(wanted.get(md5, -1), key) for key, md5 in photos.items()]
    oldest = min(when for when, key in taken if key in set(shown))
    left_out = max(when for when, key in taken if key not in set(shown))
    assert oldest >= left_out, "an older photo is shown in place of a newer one"

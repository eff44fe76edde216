"""Selection: which media items should be on a frame, and which of them fit; pure functions.

`candidates` decides for each listed item whether it should be on the frame or is skipped, and why; `learned`
decides again after transfers have shown the items' content. Always:

- Each item has one candidate, in the order of the listing.
- Content that is on the frame stays wanted: neither its format nor a failed attempt to use it skips it.
- A video is skipped unless the rule asks for videos, and its source and the frame support them.
- An item that could not be used is tried again after `UNUSABLE_FOR`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from picsync.core.choice import Choice, Excluded, LeftOut, Subject, choose, newest_first
from picsync.core.model import Digest, FramePhoto, ItemFacts, MediaItem, MediaKind, Photos
from picsync.core.model import Mapping as DigestMapping
from picsync.core.screens import is_screenshot
from picsync.core.values import dataclass

UNUSABLE_FOR = timedelta(days=1)
"""Time after which an unusable item is tried again, in case a service was fixed."""


class Skip(StrEnum):
    """Why a media item should not be on the frame."""

    VIDEO = "video"
    """It is a video, and the rule, the source or the frame does not support videos."""
    FORMAT = "format"
    """The frame does not accept its format."""
    UNUSABLE = "unusable"
    """Its content could not be used at the last attempt."""
    NOT_CHOSEN = "not_chosen"
    """The rule's `select` leaves it out."""


class Overflow(StrEnum):
    """What to do with photos that do not fit into an album's playlist."""

    NEWEST = "newest"
    """Show the newest photos."""
    SPLIT = "split"
    """Show the rest in additional playlists."""
    ERROR = "error"
    """Keep the photos that are shown, add none beyond the limit, and report a failure."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a rule, its sources and its frame accept."""

    mime_types: frozenset[str]
    """Formats that the frame accepts."""
    videos_from: frozenset[str] = frozenset()
    """Sources whose videos are wanted and supported; empty if the rule or the frame excludes videos."""

    def accepts(self, mime_type: str) -> bool:
        """Whether to try a file of that type. An unknown (empty) type may be tried."""
        return not mime_type or mime_type in self.mime_types


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listed media item with its content, if known."""

    item: MediaItem
    digest: Digest | None = None
    """None while the content is unknown."""
    skip: Skip | None = None
    """Why the item should not be on the frame; None if it should."""
    left_out: LeftOut | None = None
    """Why it was not chosen, if that is why it is skipped."""
    doubtful: bool = False
    """Whether it could not be used before, and is tried again."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """How many listed items should not be on the frame."""

    reasons: Mapping[Skip, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    """The number of items skipped for their format, by MIME type."""
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    """The number of items that were not chosen, by reason."""


def candidates(
    items: Iterable[MediaItem],
    known: Mapping[MediaItem, DigestMapping],
    there: Collection[Digest],
    accepted: Accepted,
    now: datetime,
) -> list[Candidate]:
    """Return a candidate for each item: wanted or skipped, with its digest if known.

    `known` is the content of the cache, `there` the content on the frame.
    """
    return [_candidate(item, known.get(item), there, accepted, now) for item in items]


def _candidate(
    item: MediaItem,
    known: DigestMapping | None,
    there: Collection[Digest],
    accepted: Accepted,
    now: datetime,
) -> Candidate:
    if item.kind is MediaKind.VIDEO and item.source not in accepted.videos_from:
        return Candidate(item, skip=Skip.VIDEO)
    digest = item.digest or (known.digest if known else None)
    if digest in there:
        return Candidate(item, digest)
    if item.kind is MediaKind.PHOTO and not accepted.accepts(item.mime_type):
        return Candidate(item, digest, Skip.FORMAT)
    if known is not None and known.unusable is not None and _recent(known.recorded_at, now):
        return Candidate(item, digest, Skip.UNUSABLE)
    return Candidate(item, digest, doubtful=known is not None and known.unusable is not None)


def _recent(recorded_at: datetime | None, now: datetime) -> bool:
    return recorded_at is not None and now - recorded_at < UNUSABLE_FOR


def learned(
    found: Iterable[Candidate], digests: Mapping[MediaItem, Digest], unusable: Collection[MediaItem]
) -> list[Candidate]:
    """Return the candidates, updated by what the transfers have shown of their content."""

    def one(candidate: Candidate) -> Candidate:
        if candidate.item in unusable:
            return replace(candidate, skip=Skip.UNUSABLE)
        digest = digests.get(candidate.item)
        return candidate if digest is None else replace(candidate, digest=digest)

    return [one(candidate) for candidate in found]


@dataclass(frozen=True, slots=True)
class ChoiceMade:
    """The result of a choice."""

    candidates: list[Candidate]
    """Those that are left out are skipped."""
    to_look_at: Sequence[int] = ()
    """Places of candidates whose pictures the choice depends on, the most important first."""


def chosen_among(
    found: Sequence[Candidate],
    choice: Choice,
    photos: Photos,
    *,
    facts: Mapping[MediaItem, ItemFacts],
    started_at: datetime | None,
    complete: bool,
    now: datetime,
    zone: tzinfo,
    rule: str,
) -> ChoiceMade:
    """Choose among the candidates by what listings and `facts` say of them.

    `started_at` is when the rule was first listed completely. Equal content counts once. If the listings are
    not `complete`, the frame's photos that they lack keep their places.
    """
    there = {photo.digest for photo in photos.items}
    first: dict[Digest, int] = {}
    subjects, shown = [], set()
    screens = Excluded.SCREENSHOTS in choice.exclude
    for at, candidate in enumerate(found):
        if candidate.skip is not None:
            continue
        if candidate.digest is not None and first.setdefault(candidate.digest, at) != at:
            continue
        stored = facts.get(candidate.item)
        subjects.append(_subject(at, candidate, stored, started_at, screens=screens))
        if candidate.digest in there:
            shown.add(at)
    absent = 0 if complete else len(there - {candidate.digest for candidate in found})
    made = choose(subjects, choice, shown=shown, now=now, zone=zone, seed=rule, absent=absent)

    def one(at: int, candidate: Candidate) -> Candidate:
        if candidate.skip is not None:
            return candidate
        leader = at if candidate.digest is None else first[candidate.digest]
        reason = made.left_out.get(leader)
        return candidate if reason is None else replace(candidate, skip=Skip.NOT_CHOSEN, left_out=reason)

    return ChoiceMade([one(at, candidate) for at, candidate in enumerate(found)], made.to_look_at)


def _subject(
    at: int, candidate: Candidate, stored: ItemFacts | None, started_at: datetime | None, *, screens: bool
) -> Subject[int]:
    item, listed = candidate.item, candidate.item.facts
    sized = listed if stored is None or listed.width else stored
    seen_at = stored.first_seen_at if stored is not None else None
    rating = listed.rating
    if stored is not None and stored.rating and not rating:
        rating = stored.rating
    return Subject(
        at,
        f"{item.source}/{item.item_id}",
        at,
        item.taken_at,
        seen_at if seen_at is not None and started_at is not None and seen_at > started_at else None,
        sized.width,
        sized.height,
        rating,
        listed.favorite,
        screenshot=screens and is_screenshot(item),
        look=None if stored is None else stored.look,
        looked_at=item.kind is MediaKind.VIDEO or (stored is not None and stored.examined_at is not None),
        doubtful=candidate.doubtful,
    )


def count_skipped(found: Iterable[Candidate]) -> Skipped:
    """Return how many candidates are skipped, and why."""
    skipped = [candidate for candidate in found if candidate.skip is not None]
    return Skipped(
        Counter(candidate.skip for candidate in skipped if candidate.skip is not None),
        Counter(candidate.item.mime_type for candidate in skipped if candidate.skip is Skip.FORMAT),
        Counter(candidate.left_out for candidate in skipped if candidate.left_out is not None),
    )


def wanted(found: Iterable[Candidate]) -> dict[Digest, MediaItem]:
    """Return the known content that should be on the frame, each with the first item that has it."""
    first: dict[Digest, MediaItem] = {}
    for candidate in found:
        if candidate.digest is not None and candidate.skip is None:
            first.setdefault(candidate.digest, candidate.item)
    return first


def newest(
    photos: Sequence[FramePhoto], items: Mapping[Digest, MediaItem], limit: int
) -> tuple[FramePhoto, ...]:
    """Return the `limit` photos that were taken last, in the order of `photos`.

    `items` provide the capture times; photos without one are dropped first.
    """

    def taken_at(photo: FramePhoto) -> datetime | None:
        item = items.get(photo.digest)
        return item.taken_at if item else None

    chosen = {photo.photo_id for photo in newest_first(photos, taken_at)[:limit]}
    return tuple(photo for photo in photos if photo.photo_id in chosen)

"""Selection: which media items should be on a frame, and which of them fit; pure functions.

`candidates` decides for each listed item whether it should be on the frame or is skipped, and why; `learned`
decides again after transfers have shown the items' content. Always:

- Each item has one candidate, in the order of the listing.
- Content that is on the frame stays wanted, unless a viewer has rejected it: neither its format nor a failed
  attempt to use it skips it.
- A video is skipped unless the rule asks for videos, and its source and the frame support them.
- An item that could not be used is tried again after `UNUSABLE_FOR`.
- What the viewers of the frame have rejected is skipped, whatever source lists it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TypeAlias

from picsync.core.choice import Choice, LeftOut, Subject, choose, newest_first
from picsync.core.identity import Match, Shown, content_key
from picsync.core.judgements import NO_JUDGEMENTS, Judged, Judgements
from picsync.core.model import Digest, FramePhoto, ItemFacts, MediaItem, MediaKind, Photos
from picsync.core.model import Mapping as DigestMapping
from picsync.core.rejected import NOTHING_REJECTED, Rejected
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
    CAPACITY = "capacity"
    """The frame has no room for it."""
    REJECTED = "rejected"
    """A viewer of the frame does not want it."""


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
    any_picture: bool = False
    """Whether pictures are converted, so that their format does not matter."""

    def accepts(self, mime_type: str) -> bool:
        """Whether to try a file of that type. An unknown (empty) type may be tried."""
        return not mime_type or self.any_picture or mime_type in self.mime_types


Pair: TypeAlias = tuple[MediaItem, MediaItem]
"""Two items that share a photo, from left to right."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A listed media item with its content, if known."""

    item: MediaItem
    digest: Digest | None = None
    """Of the photo that shows it, or is to show it; None while that is unknown."""
    skip: Skip | None = None
    """Why the item should not be on the frame; None if it should."""
    left_out: LeftOut | None = None
    """Why it was not chosen, if that is why it is skipped."""
    doubtful: bool = False
    """Whether it could not be used before, and is tried again."""
    content: Digest | None = None
    """Of the original's bytes; None while they are unknown."""
    outdated: bool = False
    """Whether the photo that shows it is to be replaced by another rendition."""
    recognised: bool = False
    """Whether only the photo's name tells that it shows the item."""
    failing: bool = False
    """Whether it could not be used a short time ago; what shows it stays."""
    unusable: str = ""
    """Why it cannot be used, if that is why it is skipped and was learned before."""
    paired: bool = False
    """Whether the photo with `digest` is a pair, and shows another item, too."""
    pair: Pair | None = None
    """The items of the pair that is to show it; None if it is to be shown alone."""
    told: str = ""
    """The key of the original's content, as far as only the photo's name tells it."""

    @property
    def same(self) -> object:
        """What is equal for all candidates that are shown by one photo."""
        if self.pair is not None:
            return self.pair
        alone = None if self.paired or self.outdated else self.digest
        return alone or self.content_key or self.item

    @property
    def content_key(self) -> str:
        """The key of the original's content; empty while that is unknown."""
        return self.told if self.content is None else content_key(self.content)

    @property
    def unknown(self) -> bool:
        """Whether any photo on the frame may show it, for all that is known."""
        return self.digest is None and self.content is None and self.skip is None


@dataclass(frozen=True, slots=True)
class Skipped:
    """How many listed items should not be on the frame."""

    reasons: Mapping[Skip, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    """The number of items skipped for their format, by MIME type."""
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    """The number of items that were not chosen, by reason."""


def settled(found: Iterable[Candidate], there: Collection[Digest]) -> set[MediaItem]:
    """Return the items that a frame with this content shows, or that the user does not want there."""
    return {
        each.item
        for each in found
        if (each.skip is None and each.digest is not None and each.digest in there)
        or each.skip in (Skip.NOT_CHOSEN, Skip.REJECTED)
    }


def candidates(
    items: Iterable[MediaItem],
    known: Mapping[MediaItem, DigestMapping],
    originals: Mapping[MediaItem, DigestMapping],
    shown: Shown,
    accepted: Accepted,
    now: datetime,
    rejected: Rejected = NOTHING_REJECTED,
) -> list[Candidate]:
    """Return a candidate for each item: wanted or skipped, with its digest if known.

    `known` is what the cache has of the recipe's renditions, `originals` of the items' own bytes, and `shown`
    the content of the frame.
    """

    def one(item: MediaItem) -> Candidate:
        made, original = known.get(item), originals.get(item)
        found = _candidate(item, made, original, shown, accepted, now)
        if not rejected:
            return found
        digests = (found.digest, found.content, item.digest, made.digest if made else None)
        return replace(found, skip=Skip.REJECTED) if rejected.includes(item, digests) else found

    return _replaced_together([one(item) for item in items])


def _replaced_together(found: list[Candidate]) -> list[Candidate]:
    """Return the candidates; a photo that is right for one item is right for others with its content."""
    if not any(each.outdated for each in found):
        return found
    right = {each.digest for each in found if not each.outdated and not each.paired}
    return [replace(each, outdated=False) if each.digest in right else each for each in found]


def _candidate(
    item: MediaItem,
    known: DigestMapping | None,
    original: DigestMapping | None,
    shown: Shown,
    accepted: Accepted,
    now: datetime,
) -> Candidate:
    if item.kind is MediaKind.VIDEO and item.source not in accepted.videos_from:
        return Candidate(item, skip=Skip.VIDEO)
    made = known.digest if known else None
    content = item.digest or (original.digest if original else None)
    if not shown.converts(item):
        made = content = item.digest or made
    match = shown.match(item, made, content)
    tried = known is not None and known.unusable is not None
    recently = known is not None and tried and _recent(known.recorded_at, now)
    found = Candidate(
        item,
        match.digest,
        content=match.content,
        # A photo whose replacement cannot be made stays.
        outdated=match.outdated and not recently,
        recognised=match.recognised,
        failing=recently,
        paired=match.paired,
        told=match.told,
    )
    if found.digest in shown.digests:
        return found
    if item.kind is MediaKind.PHOTO and not accepted.accepts(item.mime_type):
        return replace(found, skip=Skip.FORMAT)
    if known is not None and known.unusable is not None and recently:
        return replace(found, skip=Skip.UNUSABLE, unusable=known.unusable)
    return replace(found, doubtful=tried)


def _recent(recorded_at: datetime | None, now: datetime) -> bool:
    return recorded_at is not None and now - recorded_at < UNUSABLE_FOR


@dataclass(frozen=True, slots=True)
class Lesson:
    """What transfers have shown of the content of items."""

    digests: Mapping[MediaItem, Digest] = field(default_factory=dict)
    """Of what was sent, or is to be."""
    contents: Mapping[MediaItem, Digest] = field(default_factory=dict)
    """Of the originals."""
    unusable: Collection[MediaItem] = ()
    rejected: Collection[MediaItem] = ()
    """Items whose content turned out to be that of a rejected photo."""
    no_room: Collection[MediaItem] = ()
    """Items that turned out to be larger than the room that was left; a later cycle tries again."""
    staying: Mapping[MediaItem, Match] = field(default_factory=dict)
    """Items that photos of the frame turned out to show; `digests` has those, too."""


def learned(found: Sequence[Candidate], lesson: Lesson) -> list[Candidate]:
    """Return the candidates, updated by what the transfers have shown of their content.

    Items with the same content are transferred once, and all of them learn from it.
    """
    sent = _sent(found, lesson)
    decided: dict[str, Candidate] = {}
    if lesson.staying:
        for each in found:
            if each.skip is None and each.digest is not None and each.item not in lesson.digests:
                decided.setdefault(each.content_key, each)

    def one(candidate: Candidate) -> Candidate:
        content = lesson.contents.get(candidate.item, candidate.content)
        candidate = candidate if content == candidate.content else replace(candidate, content=content)
        if candidate.item in lesson.rejected:
            return replace(candidate, skip=Skip.REJECTED)
        if candidate.item in lesson.no_room and candidate.skip is None:
            return replace(candidate, skip=Skip.CAPACITY)
        if candidate.item in lesson.unusable:
            # What shows it already goes on showing it.
            return candidate if candidate.outdated else replace(candidate, skip=Skip.UNUSABLE)
        digest = _now_shown_by(candidate, lesson, sent)
        if digest is not None:
            members = [lesson.digests.get(item) for item in candidate.pair or ()]
            together = bool(members) and members[0] == members[1] == digest
            pair = candidate.pair if together else None
            return replace(candidate, digest=digest, outdated=False, paired=together, pair=pair)
        if (stays := lesson.staying.get(candidate.item)) is None:
            return candidate
        # The frame may have several photos that show it.
        by = decided.get(candidate.content_key) if candidate.skip is None else None
        now: Candidate | Match = by or stays
        pair = by.pair if by else None
        return replace(candidate, digest=now.digest, outdated=now.outdated, paired=now.paired, pair=pair)

    return [one(candidate) for candidate in found]


def _sent(found: Sequence[Candidate], lesson: Lesson) -> dict[object, Digest]:
    """Return what was sent, by what was known of the content before, and by what is known now.

    Where a photo was replaced, what is sent in its place counts for all items with its content.
    """
    sent: dict[object, Digest] = {}
    for candidate in found:
        digest = lesson.digests.get(candidate.item)
        if digest is None or candidate.item in lesson.staying:
            continue
        alone = None if candidate.paired else candidate.digest
        content = lesson.contents.get(candidate.item)
        for same in (alone, candidate.content_key, content and content_key(content)):
            if same:
                sent[same] = digest
    return sent


def _now_shown_by(candidate: Candidate, lesson: Lesson, sent: Mapping[object, Digest]) -> Digest | None:
    digest = None if candidate.item in lesson.staying else lesson.digests.get(candidate.item)
    if digest is not None or candidate.skip is not None or not sent:
        return digest
    alone = None if candidate.paired else candidate.digest
    return next((sent[each] for each in (alone, candidate.content_key) if each in sent), None)


def frees_places(found: Sequence[Candidate], now: Sequence[Candidate]) -> bool:
    """Return whether fewer photos are shown than was decided: some are equal, or cannot be shown.

    Then others, which were left out, may have their places.
    """

    def places(some: Sequence[Candidate]) -> int:
        return len({each.same for each in some if each.skip is None})

    return places(now) < places(found)


@dataclass(frozen=True, slots=True)
class ChoiceMade:
    """The result of a choice."""

    candidates: list[Candidate]
    """Those that are left out are skipped. Where the choice asks for an order, the chosen ones come first, in
    that order."""
    order: Sequence[MediaItem] = ()
    """The chosen items, those first that are wanted most."""
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
    judgements: Judgements = NO_JUDGEMENTS,
) -> ChoiceMade:
    """Choose among the candidates by what listings and `facts` say of them.

    `started_at` is when the rule was first listed completely. Equal content counts once. If the listings are
    not `complete`, the frame's photos that they lack keep their places.
    """
    there = {photo.digest for photo in photos.items}
    leaders = _leaders(found)
    subjects, shown = [], set()
    for at, candidate in enumerate(found):
        if candidate.skip is not None:
            continue
        if candidate.digest in there:
            shown.add(leaders[at])
        if leaders[at] != at:
            continue
        stored = facts.get(candidate.item)
        judged = judgements.rating(candidate.item)
        subjects.append(_subject(at, candidate, stored, started_at, judged, screens=choice.no_screenshots))
    absent = 0 if complete else len(there - {candidate.digest for candidate in found})
    made = choose(subjects, choice, shown=shown, now=now, zone=zone, seed=rule, absent=absent)

    def one(at: int, candidate: Candidate) -> Candidate:
        if candidate.skip is not None:
            return candidate
        reason = made.left_out.get(leaders[at])
        return candidate if reason is None else replace(candidate, skip=Skip.NOT_CHOSEN, left_out=reason)

    decided = [one(at, candidate) for at, candidate in enumerate(found)]
    if choice.ordered:
        chosen = set(made.keys)
        others = (candidate for at, candidate in enumerate(decided) if at not in chosen)
        decided = [*(decided[at] for at in made.keys), *others]
    return ChoiceMade(decided, [found[at].item for at in made.keys], made.to_look_at)


def _leaders(found: Sequence[Candidate]) -> list[int]:
    """Return for each candidate the place of the first one with its content, as far as that is known.

    A pair shows two contents, so that its digest tells nothing; the content's key does.
    """
    first: dict[object, int] = {}
    leaders = []
    for at, candidate in enumerate(found):
        alone = None if candidate.paired else candidate.digest
        same = [] if candidate.skip is not None else [key for key in (alone, candidate.content_key) if key]
        leader = min((first[key] for key in same if key in first), default=at)
        for key in same:
            first.setdefault(key, leader)
        leaders.append(leader)
    return leaders


def _subject(
    at: int,
    candidate: Candidate,
    stored: ItemFacts | None,
    started_at: datetime | None,
    judged: Judged,
    *,
    screens: bool,
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
        judged,
        screenshot=screens and is_screenshot(item, sized.width, sized.height),
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

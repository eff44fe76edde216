"""What fits on a frame: planned before anything is uploaded. Pure.

- What is planned is never more than the capacity, as far as sizes are known or estimated; with room to spare,
  nothing is left out.
- The photos that a rule wants most come first: in the order of its choice, or the newest. One that is too
  large leaves its place to others that fit.
- A photo that is already on the frame counts with its own size, any other with an estimate.
- Estimates err. So a photo that was made before and is not on the frame, and those after one that does not
  fit, need `CAUTION` times their estimate. Otherwise they would be sent, turn out to be too large, and be
  deleted, again and again.
- New photos are uploaded before those that they displace are deleted. So in each cycle, only as many are new
  as fit into `SWAP_SHARE` beyond the capacity; the others stay as they are until a later cycle.
- Where the frame tells how much space is free, new photos are planned only as far as they fit into it. No
  photo gives up its place for them: where they cannot be sent first, the frame would show fewer.
- Where a frame turned out to be full, its capacity is what was seen to fit, and a few photos more are tried.
  In each cycle only a few photos give up their places to newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import TypeAlias

from picsync.core.identity import key_in
from picsync.core.model import Digest, FramePhoto, MediaItem
from picsync.core.recipe import Recipe
from picsync.core.select import Candidate, Skip
from picsync.core.values import dataclass

TYPICAL_BYTES = 3_000_000
"""Size of an original that nothing is known of: a phone's photo."""
PROBES = 3
"""Photos that are planned beyond what fitted when the frame was full, to notice that there is room again. The
first that is refused ends the attempt; the others are there in case the first cannot be downloaded."""
BYTES_PER_PIXEL = 0.3
"""Of a rendition in quality 90: photos of foliage have twice as many, portraits half."""

SWAP_SHARE = 0.1
"""How much of its capacity a frame may hold beyond it while photos are exchanged; room for one at least."""
CAUTION = 3
"""How many times as large as expected a photo may be without coming and going."""

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a frame holds; None where there is no limit, or none that is known."""

    size_bytes: int | None = None
    photos: int | None = None

    def parts(self, weights: Sequence[float]) -> list[Capacity]:
        """Return the parts of several rules, by their weights.

        Together they are the whole; but each rule has room for one photo at least.
        """
        total = sum(weights)
        photos = [None] * len(weights) if self.photos is None else _whole(self.photos, weights)
        sizes = [None if self.size_bytes is None else int(self.size_bytes * each / total) for each in weights]
        return [
            Capacity(size, one if one or not self.photos else 1)
            for size, one in zip(sizes, photos, strict=True)
        ]

    def within(self, other: Capacity) -> Capacity:
        """Return the capacity that both limits leave."""
        return Capacity(_least(self.size_bytes, other.size_bytes), _least(self.photos, other.photos))

    def at_least(self, other: Capacity) -> Capacity:
        """Return the larger of two amounts, in bytes and in photos."""
        return Capacity(
            max(self.size_bytes or 0, other.size_bytes or 0), max(self.photos or 0, other.photos or 0)
        )

    def plus(self, other: Capacity) -> Capacity:
        """Return the sum of two amounts."""
        return Capacity(
            (self.size_bytes or 0) + (other.size_bytes or 0), (self.photos or 0) + (other.photos or 0)
        )

    def less(self, other: Capacity) -> Capacity:
        """Return the difference of two amounts."""
        return Capacity(
            (self.size_bytes or 0) - (other.size_bytes or 0), (self.photos or 0) - (other.photos or 0)
        )

    @property
    def unlimited(self) -> bool:
        """Whether anything fits."""
        return self.size_bytes is None and self.photos is None


_NOTHING = Capacity(0, 0)


@dataclass(frozen=True, slots=True)
class Storage:
    """How the storage of a frame is used by one of its rules."""

    used: Capacity
    """What its album holds."""
    planned: Capacity
    """What it is to hold."""
    capacity: Capacity
    """What it may hold."""
    left_out: int = 0
    """How many photos do not fit."""
    later: int = 0
    """How many others are sent only once photos have been deleted for them."""
    needed: Capacity = field(default_factory=Capacity)
    """What the album would hold if everything fitted."""
    room: Capacity = field(default_factory=Capacity)
    """How much may be sent in this cycle before anything is deleted; None where there is no limit."""
    new: int = 0
    """How many new photos are planned."""
    used_about: bool = False
    """Whether the frame does not tell the sizes of all photos, so that what is used is an estimate."""
    planned_about: bool = False
    """Whether the size of something that is planned is an estimate, as of all that was never sent."""
    lacks_space: bool = False
    """Whether photos do not fit into the space that is free where the frame is."""

    @property
    def left(self) -> Capacity:
        """What the album may hold besides what it holds; None where there is no limit."""
        return Capacity(
            _remaining(self.capacity.size_bytes, self.used.size_bytes),
            _remaining(self.capacity.photos, self.used.photos),
        )

    @property
    def amounts(self) -> dict[str, Capacity]:
        """All amounts by their names in metrics."""
        return {"used": self.used, "planned": self.planned, "left": self.left, "limit": self.capacity}

    def measured(self, now: Storage) -> Storage:
        """Return this, with the amounts by what is known `now`, after the transfers."""
        return replace(
            self,
            used=now.used,
            planned=now.planned,
            used_about=now.used_about,
            planned_about=now.planned_about,
        )

    def replacements(self, most: int) -> int:
        """Return how many photos may be replaced in this cycle, besides the new ones."""
        return most if self.room.photos is None else max(1, min(most, self.room.photos - self.new))


def _remaining(limit: int | None, used: int | None) -> int | None:
    return None if limit is None else max(limit - (used or 0), 0)


def _whole(places: int, weights: Sequence[float]) -> list[int]:
    """Distribute places by weights; those that are left over go to the largest remainders."""
    exact = [places * each / sum(weights) for each in weights]
    found = [int(each) for each in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: found[at] - exact[at])
    for at in by_remainder[: places - sum(found)]:
        found[at] += 1
    return found


def plan_storage(
    candidates: Sequence[Candidate],
    photos: Sequence[FramePhoto],
    recipe: Recipe,
    capacity: Capacity,
    seen_to_fit: Capacity | None = None,
    complete: bool = True,
    typical_bytes: int = TYPICAL_BYTES,
    ranks: Mapping[MediaItem, int] | None = None,
    free_bytes: int | None = None,
    deletes: bool = True,
) -> tuple[list[Candidate], Storage]:
    """Return the candidates, those skipped that do not fit, and how the storage is used.

    `ranks` has the places of items in the order of the rule's choice; without it, the newest come first.
    `capacity` is the rule's share. `seen_to_fit` is what the album held when the frame was last full. If the
    listings are not `complete`, the photos that they lack keep their room. A photo of which nothing is known
    counts as `typical_bytes`. `free_bytes` is the space that is left where the frame is. Without `deletes`,
    no photo leaves the album.
    """
    sizes = {photo.digest: _size(photo) for photo in photos}
    usual = _mean([size for size in sizes.values() if size is not None])
    made = _mean([each for photo in photos if (each := sizes[photo.digest]) and _is_made(photo, recipe)])

    def amount(some: Iterable[Digest]) -> Capacity:
        each = [sizes[digest] or usual or typical_bytes for digest in some]
        return Capacity(sum(each), len(each))

    used = amount(photo.digest for photo in photos)
    limit = capacity.within(seen_to_fit) if seen_to_fit else capacity
    order = _in_order(
        candidates, sizes, ranks, lambda one: _expected(one, sizes, usual, made, recipe, typical_bytes)
    )
    if seen_to_fit is not None:
        order = _few_new_first(order, sizes)
    beyond = _without_space(order, sizes, free_bytes) if free_bytes is not None else set[object]()
    sendable = [entry for entry in order if entry[0] not in beyond]
    absent = amount(photo.digest for photo in _absent(candidates, photos))
    staying, leaving = (absent, _NOTHING) if not complete or not deletes else (_NOTHING, absent)
    filled = _Filled(staying, limit, capacity, sizes, full=seen_to_fit is not None)
    fitting = filled.fill(sendable)
    needed = staying.plus(Capacity(sum(expected.size_bytes for _, (_, expected) in order), len(order)))
    room = _room(capacity, used.less(leaving), order, sizes)
    if free_bytes is not None:
        room = room.within(Capacity(free_bytes))
    left_out = len(order) - len(fitting)
    later = set() if seen_to_fit else _later([entry for entry in order if entry[0] in fitting], sizes, room)
    kept: set[Digest] = set()
    if later:
        # Those that they are to displace stay: first what the rule has chosen, then what it chose before.
        filled = _Filled(staying, limit, capacity, sizes)
        fitting = filled.fill([entry for entry in sendable if entry[0] not in later])
        for digest in _displaced(candidates, sizes):
            if len(kept) < len(later) and _fits(more := filled.planned.plus(amount([digest])), limit):
                kept.add(digest)
                filled.planned = more
    new = sum(1 for same, (candidate, _) in order if same in fitting and candidate.digest not in sizes)
    unsure = staying is absent and any(sizes[photo.digest] is None for photo in _absent(candidates, photos))
    used_about = None in sizes.values()
    planned_about = unsure or any(
        candidate.digest not in sizes or sizes[candidate.digest] is None
        for same, (candidate, _) in order
        if same in fitting
    )

    def one(candidate: Candidate) -> Candidate:
        if candidate.skip is Skip.NOT_CHOSEN and candidate.digest in kept:
            return replace(candidate, skip=None, left_out=None)
        fits = candidate.skip is not None or candidate.same in fitting
        return candidate if fits else replace(candidate, skip=Skip.CAPACITY)

    if free_bytes is not None:
        limit = limit.within(Capacity((used.size_bytes or 0) + free_bytes))
    storage = Storage(
        used, filled.planned, limit, left_out, len(later), needed, room, new, used_about, planned_about,
        lacks_space=bool(beyond),
    )  # fmt: skip
    return [one(each) for each in candidates] if left_out or later else list(candidates), storage


def _in_order(
    candidates: Sequence[Candidate],
    there: Collection[Digest | None],
    ranks: Mapping[MediaItem, int] | None,
    expect: Callable[[Candidate], _Expected],
) -> list[_Wanted]:
    """Return the wanted photos, each once, those first that are wanted most."""
    wanted: dict[object, tuple[Candidate, _Expected]] = {}
    places: dict[object, tuple[float, bool]] = {}
    for candidate in candidates:
        if candidate.skip is not None:
            continue
        same, place = candidate.same, (rank(candidate.item, ranks), candidate.digest not in there)
        # Of a pair, the photo that the frame has tells the size, and the one that is wanted more the place.
        if same not in wanted or (candidate.digest in there and wanted[same][0].digest not in there):
            wanted[same] = candidate, expect(candidate)
        places[same] = min(places.get(same, place), place)
    return sorted(wanted.items(), key=lambda entry: places[entry[0]])


def _without_space(
    order: Sequence[_Wanted], there: Collection[Digest | None], free_bytes: int
) -> set[object]:
    """Return the new photos for which no space is free; a smaller one may fit where a larger one does not."""
    beyond: set[object] = set()
    for same, (candidate, expected) in order:
        if candidate.digest in there:
            continue
        if expected.size_bytes <= free_bytes:
            free_bytes -= expected.size_bytes
        else:
            beyond.add(same)
    return beyond


@dataclass(slots=True)
class _Filled:
    """A frame that is filled in thought."""

    planned: Capacity
    limit: Capacity
    bound: Capacity
    """Without what was seen to fit."""
    there: Mapping[Digest, int | None]
    full: bool = False
    """Whether it was full before: then it refuses by itself what does not fit, and a few more are tried."""

    def fill(self, order: Sequence[_Wanted]) -> set[object]:
        """Plan the photos in order, and return those that fit."""
        fitting: set[object] = set()
        probes = PROBES if self.full else 0
        reserved, beyond = 0, False
        for same, (candidate, expected) in order:
            more = self.planned.plus(Capacity(expected.size_bytes, 1))
            doubtful = expected.estimated and not self.full
            cautious = doubtful and (beyond or candidate.digest is not None)
            reserve = reserved + (CAUTION - 1) * expected.size_bytes if cautious else reserved
            if not _fits(more.plus(Capacity(reserve)), self.limit):
                beyond = True
                if not probes or candidate.digest in self.there or not _fits(more, self.bound):
                    continue
                probes -= 1
            fitting.add(same)
            self.planned, reserved = more, reserve
        return fitting


def _room(
    capacity: Capacity, used: Capacity, order: Sequence[_Wanted], there: Collection[Digest | None]
) -> Capacity:
    """Return how much may be sent before anything is deleted."""
    size_bytes = photos = None
    if capacity.size_bytes is not None:
        largest = max((each.size_bytes for _, (one, each) in order if one.digest not in there), default=0)
        swap = max(int(capacity.size_bytes * SWAP_SHARE), min(largest, capacity.size_bytes))
        size_bytes = max(0, capacity.size_bytes + swap - (used.size_bytes or 0))
    if capacity.photos is not None:
        swap = max(1, int(capacity.photos * SWAP_SHARE))
        photos = max(0, capacity.photos + swap - (used.photos or 0))
    return Capacity(size_bytes, photos)


def _later(order: Sequence[_Wanted], there: Collection[Digest | None], room: Capacity) -> set[object]:
    """Return the new photos for which there is no room before others are deleted: those wanted least."""
    later: set[object] = set()
    sent = Capacity(0, 0)
    for same, (candidate, expected) in order:
        if candidate.digest in there:
            continue
        more = sent.plus(Capacity(expected.size_bytes, 1))
        if later or not _fits(more, room):
            later.add(same)
        else:
            sent = more
    return later


def _displaced(candidates: Sequence[Candidate], there: Collection[Digest | None]) -> list[Digest]:
    """Return the photos that the frame has only because they were chosen before, the newest first."""
    shown = {each.digest for each in candidates if each.skip is None}
    found = [
        each
        for each in candidates
        if each.skip is Skip.NOT_CHOSEN and each.digest in there and each.digest not in shown
    ]
    found.sort(key=lambda each: rank(each.item, None))
    return list(dict.fromkeys(each.digest for each in found if each.digest is not None))


def held(photos: Sequence[FramePhoto]) -> Capacity:
    """Return what an album holds, its size estimated as far as it is not known."""
    _, storage = plan_storage((), photos, Recipe(), Capacity())
    return storage.used


def _absent(candidates: Sequence[Candidate], photos: Sequence[FramePhoto]) -> list[FramePhoto]:
    shown = {candidate.digest for candidate in candidates}
    return [photo for photo in photos if photo.digest not in shown]


def _size(photo: FramePhoto) -> int | None:
    """Return a photo's size: as the frame says, or as its name says; None if neither does."""
    if photo.size_bytes is not None:
        return photo.size_bytes
    key = key_in(photo.filename)
    return key.size_bytes if key is not None and key.size_bytes else None


_Wanted: TypeAlias = tuple[object, tuple[Candidate, "_Expected"]]


def _few_new_first(order: Sequence[_Wanted], there: Mapping[Digest, int | None]) -> list[_Wanted]:
    """Return the order for a full frame: only the newest few of the new photos displace others.

    Room for them exists only once others are deleted, so that the frame shows fewer for a while, but never
    none.
    """
    new = [entry for entry in order if entry[1][0].digest not in there]
    later = {same for same, _ in new[max(0, min(PROBES, len(order) - len(new) - 1)) :]}
    return sorted(order, key=lambda entry: entry[0] in later)


@dataclass(frozen=True, slots=True)
class _Expected:
    """How large a photo is on the frame, or will be."""

    size_bytes: int
    estimated: bool = True


def _expected(
    candidate: Candidate,
    sizes: Mapping[Digest, int | None],
    usual: int | None,
    made: int | None,
    recipe: Recipe,
    typical_bytes: int,
) -> _Expected:
    there = sizes.get(candidate.digest) if candidate.digest else None
    if there is not None:
        return _Expected(there, estimated=False)
    listed = candidate.item.size_bytes or None
    on_frame = candidate.digest in sizes
    if not recipe.convert or (on_frame and candidate.digest == candidate.content):
        return _Expected(listed or usual or typical_bytes, estimated=listed is None and not on_frame)
    if made is None and recipe.panel is not None:
        pixels = int(recipe.panel.width * recipe.panel.height * BYTES_PER_PIXEL)
        made = pixels if usual is None else min(usual, pixels)
    guesses = [size for size in (made or usual, listed) if size is not None]
    return _Expected(min(guesses, default=typical_bytes), estimated=not on_frame)


def _is_made(photo: FramePhoto, recipe: Recipe) -> bool:
    """Whether the photo's name says that this recipe made it."""
    key = key_in(photo.filename)
    return key is not None and key.recipe in (recipe.key, recipe.alone.key)


def _mean(known: Sequence[int]) -> int | None:
    return sum(known) // len(known) if known else None


def rank(item: MediaItem, ranks: Mapping[MediaItem, int] | None) -> float:
    """Return a key that sorts items: the most wanted first; without ranks, the newest."""
    if ranks is not None:
        return ranks.get(item, len(ranks))
    return -((item.taken_at or _LONG_AGO) - _LONG_AGO).total_seconds()


def _fits(amount: Capacity, limit: Capacity) -> bool:
    bytes_fit = limit.size_bytes is None or (amount.size_bytes or 0) <= limit.size_bytes
    return bytes_fit and (limit.photos is None or (amount.photos or 0) <= limit.photos)


def _least(one: int | None, other: int | None) -> int | None:
    return min((each for each in (one, other) if each is not None), default=None)

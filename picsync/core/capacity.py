"""What fits on a frame: planned before anything is uploaded. Pure.

- What is planned is never more than the capacity, as far as sizes are known or estimated; with room to spare,
  nothing is left out.
- The photos that a rule wants most come first: in the order of its choice, or the newest. One that is too
  large leaves its place to others that fit.
- A photo that is already on the frame counts with its own size, any other with an estimate.
- Estimates err. So a photo that was made before and is not on the frame, and those after one that does not
  fit, need `CAUTION` times their estimate. Otherwise they would be sent, turn out to be too large, and be
  deleted, again and again.
- Where a frame turned out to be full, its capacity is what was seen to fit, and a few photos more are tried.
  In each cycle only a few photos give up their places to newer ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
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

    @property
    def unlimited(self) -> bool:
        """Whether anything fits."""
        return self.size_bytes is None and self.photos is None


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
) -> tuple[list[Candidate], Storage]:
    """Return the candidates, those skipped that do not fit, and how the storage is used.

    `ranks` has the places of items in the order of the rule's choice; without it, the newest come first.
    `capacity` is the rule's share. `seen_to_fit` is what the album held when the frame was last full. If the
    listings are not `complete`, the photos that they lack keep their room. A photo of which nothing is known
    counts as `typical_bytes`.
    """
    sizes = {photo.digest: _size(photo) for photo in photos}
    usual = _mean([size for size in sizes.values() if size is not None])
    made = _mean([each for photo in photos if (each := sizes[photo.digest]) and _is_made(photo, recipe)])
    used = Capacity(sum(size or usual or typical_bytes for size in sizes.values()), len(photos))
    limit = capacity.within(seen_to_fit) if seen_to_fit else capacity
    wanted: dict[object, tuple[Candidate, _Expected]] = {}
    places: dict[object, tuple[float, bool]] = {}
    for candidate in candidates:
        if candidate.skip is not None:
            continue
        same, place = candidate.same, (rank(candidate.item, ranks), candidate.digest not in sizes)
        # Of a pair, the photo that the frame has tells the size, and the one that is wanted more the place.
        if same not in wanted or (candidate.digest in sizes and wanted[same][0].digest not in sizes):
            wanted[same] = candidate, _expected(candidate, sizes, usual, made, recipe, typical_bytes)
        places[same] = min(places.get(same, place), place)
    order = sorted(wanted.items(), key=lambda entry: places[entry[0]])
    if seen_to_fit is not None:
        order = _few_new_first(order, sizes)
    absent = [] if complete else _absent(candidates, photos)
    fitting: set[object] = set()
    planned = Capacity(sum(sizes[photo.digest] or usual or typical_bytes for photo in absent), len(absent))
    probes = 0 if seen_to_fit is None else PROBES
    reserved, left_out = 0, False
    for same, (candidate, expected) in order:
        more = Capacity((planned.size_bytes or 0) + expected.size_bytes, (planned.photos or 0) + 1)
        # A full frame refuses by itself what does not fit.
        doubtful = expected.estimated and seen_to_fit is None
        cautious = doubtful and (left_out or candidate.digest is not None)
        reserve = reserved + (CAUTION - 1) * expected.size_bytes if cautious else reserved
        if not _fits(Capacity((more.size_bytes or 0) + reserve, more.photos), limit):
            left_out = True
            if not probes or candidate.digest in sizes or not _fits(more, capacity):
                continue
            probes -= 1
        fitting.add(same)
        planned, reserved = more, reserve

    def one(candidate: Candidate) -> Candidate:
        fits = candidate.skip is not None or candidate.same in fitting
        return candidate if fits else replace(candidate, skip=Skip.CAPACITY)

    storage = Storage(used, planned, limit, len(wanted) - len(fitting))
    return [one(candidate) for candidate in candidates] if storage.left_out else list(candidates), storage


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

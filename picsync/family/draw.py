"""Who plays: the photos of a person's next tournament; a pure function.

Half of the places go to the photos of which the least is known, the others to neighbours of these in rating:
a game tells most if either photo may win it. Of photos that look alike and were taken together, one plays;
which one of them to keep is a question of its own (`alike`).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

from picsync.core.values import dataclass
from picsync.family.bracket import SIZES
from picsync.family.glicko import UNJUDGED, Rating


@dataclass(frozen=True, slots=True)
class Entrant:
    """A photo or video that may be drawn."""

    photo: str
    """Its content."""
    rating: Rating = UNJUDGED
    video: bool = False
    """Videos are judged among themselves."""
    group: str = ""
    """Equal for photos that look alike and were taken together; empty for a photo without such others."""


def draw(
    entrants: Sequence[Entrant], judged: Collection[frozenset[str]], *, seed: str, most: int = SIZES[0]
) -> tuple[str, ...]:
    """Return the entrants of a bracket, neighbours being pairs of the first round; empty if there is none.

    `judged` are the pairs that this person has judged lately: none of them is a pair of the first round.
    Equal arguments give an equal draw. A bracket has at most `most` photos, the largest of the possible
    sizes; if there are videos as well, it is about the kind of which the least is known.
    """
    alone = _one_of_each_group(entrants, seed)
    kinds = [[one for one in alone if one.video is video] for video in (False, True)]
    for kind in sorted(kinds, key=lambda some: _doubt(some, seed), reverse=True):
        for size in SIZES:
            if size <= min(most, len(kind)) and (pairs := _pairs(_chosen(kind, size), judged, size)):
                return tuple(photo for pair in _shuffled(pairs, seed) for photo in pair)
    return ()


def _one_of_each_group(entrants: Iterable[Entrant], seed: str) -> list[Entrant]:
    """Return the entrants, the least known first, and of each group only the first."""
    kept: dict[str, Entrant] = {}
    for one in sorted(entrants, key=lambda one: (-one.rating.deviation, _chance(seed, one.photo))):
        kept.setdefault(f"group {one.group}" if one.group else one.photo, one)
    return list(kept.values())


def alike(entrants: Iterable[Entrant], judged: Collection[frozenset[str]]) -> tuple[str, str] | None:
    """Return two photos that look alike and of which this person has not judged which one is better."""
    groups: dict[str, list[Entrant]] = {}
    for one in entrants:
        if one.group and not one.video:
            groups.setdefault(one.group, []).append(one)
    for _, group in sorted(groups.items()):
        best, *others = sorted(group, key=lambda one: (-one.rating.points, one.photo))
        for other in others:
            if frozenset((best.photo, other.photo)) not in judged:
                return best.photo, other.photo
    return None


def _doubt(kind: Sequence[Entrant], seed: str) -> tuple[float, int]:
    """How much is unknown: the mean deviation of those that would be drawn first."""
    first = sorted((one.rating.deviation for one in kind), reverse=True)[: SIZES[0]]
    return (sum(first) / len(first) if len(first) > 1 else 0.0, _chance(seed, "kind"))


def _chosen(kind: Sequence[Entrant], size: int) -> list[Entrant]:
    """Return twice as many as are needed where there are as many: pairs may be taken already.

    `kind` begins with those of which the least is known.
    """
    by_points = sorted(kind, key=lambda one: (one.rating.points, one.photo))
    points = [one.rating.points for one in by_points]
    first = kind[: (size + 1) // 2]
    taken = {one.photo for one in first}
    chosen = list(first)
    for one in first:
        near = _nearest(by_points, points, one, taken)
        if near is not None:
            taken.add(near.photo)
            chosen.append(near)
    chosen += [one for one in kind if one.photo not in taken]
    return chosen[: 2 * size]


def _nearest(
    by_points: Sequence[Entrant], points: Sequence[float], one: Entrant, taken: Collection[str]
) -> Entrant | None:
    above = below = bisect_left(points, one.rating.points)
    below -= 1
    while below >= 0 or above < len(by_points):
        nearer_below = above >= len(by_points) or (
            below >= 0 and one.rating.points - points[below] <= points[above] - one.rating.points
        )
        candidate = by_points[below if nearer_below else above]
        if nearer_below:
            below -= 1
        else:
            above += 1
        if candidate.photo not in taken:
            return candidate
    return None


def _pairs(chosen: Sequence[Entrant], judged: Collection[frozenset[str]], size: int) -> list[tuple[str, str]]:
    """Return `size // 2` pairs of photos that may meet, close in rating; none if there are fewer."""
    pairs: list[tuple[str, str]] = []
    waiting = list(chosen)
    while len(waiting) > 1 and len(pairs) < size // 2:
        one = waiting.pop(0)
        others = sorted(waiting, key=lambda other: abs(other.rating.points - one.rating.points))
        for other in others:
            if frozenset((one.photo, other.photo)) not in judged:
                waiting.remove(other)
                pairs.append((one.photo, other.photo))
                break
    return pairs if len(pairs) == size // 2 else []


def _shuffled(pairs: Iterable[tuple[str, str]], seed: str) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: _chance(seed, "/".join(pair)))


def _chance(seed: str, what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\0{what}".encode()).digest()[:8])

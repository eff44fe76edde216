"""How several rules divide the capacity of one frame. Pure.

- Each rule has its part, by its weight. What others do not need of theirs, it may use as well.
- A rule that needs its part again gets it when the others have given it up: nobody grows into room that
  another rule's photos still take.
- What is not known of another rule counts as if it needed its whole part; then no rule grows beyond its own
  part, and none gives up what it has beyond it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from picsync.core.capacity import Capacity
from picsync.core.values import dataclass

Place: TypeAlias = tuple[str, str]
"""Name of a frame and of the album that a rule fills there."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one rule has of a frame."""

    held: Capacity
    """What its photos take, or will take at the end of the cycle."""
    needed: Capacity | None = None
    """What they would take if there were room for all; None if that is not known."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The capacity of a frame that several rules fill."""

    total: Capacity
    weights: Mapping[Place, float]

    def others(self, place: Place) -> list[Place]:
        """Return the places of the other rules."""
        return [each for each in self.weights if each != place]

    def limit(self, place: Place, held: Capacity, claims: Mapping[Place, Claim]) -> Capacity:
        """Return how much one rule may hold, which holds so much now."""
        part = dict(zip(self.weights, self.total.parts([*self.weights.values()]), strict=True))

        def one(total: int | None, own: int | None, parts: dict[Place, int], name: str) -> int | None:
            if total is None:
                return None
            others = {each: claims.get(each) for each in self.others(place)}
            needs = {
                each: getattr(claim.needed, name) or 0
                for each, claim in others.items()
                if claim is not None and claim.needed is not None
            }
            taken = sum(
                parts[each] if claim is None else getattr(claim.held, name) or 0
                for each, claim in others.items()
            )
            wanted = self._left_by(place, total, parts, needs)
            if len(needs) < len(others):
                wanted = max(wanted, own or 0)
            return min(wanted, max(total - taken, own or 0))

        return Capacity(
            one(
                self.total.size_bytes,
                held.size_bytes,
                {each: its.size_bytes or 0 for each, its in part.items()},
                "size_bytes",
            ),
            one(
                self.total.photos,
                held.photos,
                {each: its.photos or 0 for each, its in part.items()},
                "photos",
            ),
        )

    def _left_by(
        self, place: Place, total: int, parts: Mapping[Place, int], needs: Mapping[Place, int]
    ) -> int:
        """Return the part of one rule, with its share of what others do not need of theirs."""
        sharing = dict(self.weights)
        left = dict(parts)
        while True:
            modest = [each for each in sharing if each != place and needs.get(each, total) < left[each]]
            if not modest:
                return left[place]
            for each in modest:
                total -= needs[each]
                del sharing[each]
            weight = sum(sharing.values())
            left = {each: max(int(total * own / weight), parts[each]) for each, own in sharing.items()}

"""What a family says of photos on its pages: which are hidden, how good they are, what they show. Pure.

People judge photos; rules list media items. One photo may be several items: of two albums, or of two sources.
So judgements are about contents, and each item that has one is known by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Protocol

from picsync.core.identity import item_key
from picsync.core.model import MediaItem
from picsync.core.values import dataclass

NEW_DEVIATION = 200.0
"""A photo whose rating is less certain than this counts as one that has not been judged yet."""
_MEAN, _MAX_DEVIATION = 1500.0, 350.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A photo's rating (Glicko-2); the defaults are those of a photo that nobody has judged."""

    points: float = _MEAN
    deviation: float = _MAX_DEVIATION
    """Standard deviation, in points."""

    @property
    def cautious(self) -> float:
        """What the photo is worth at least, with a probability of 97 %."""
        return self.points - 2 * self.deviation

    @property
    def new(self) -> bool:
        """Whether it has not been judged enough to be ranked."""
        return self.deviation > NEW_DEVIATION


UNJUDGED = Judged()


@dataclass(frozen=True, slots=True)
class Judgements:
    """Everything that was said of photos, as far as a cycle needs it."""

    hidden: frozenset[str] = frozenset()
    """Keys of the items and contents that no frame is to show."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Key of an item -> key of its content, for items of which the others below say something."""
    ratings: Mapping[str, Judged] = field(default_factory=dict)
    """By the key of the content."""
    captions: Mapping[str, str] = field(default_factory=dict)
    """By the key of the content: what somebody wrote about it."""

    def rating(self, item: MediaItem) -> Judged:
        """Return the rating of an item."""
        if not self.ratings:
            return UNJUDGED
        return self.ratings.get(self.contents.get(item_key(item), ""), UNJUDGED)

    def caption(self, item: MediaItem) -> str | None:
        """Return what the family wrote about an item; None if nobody did."""
        return self.captions.get(self.contents.get(item_key(item), "")) if self.captions else None


NO_JUDGEMENTS = Judgements()


class Judges(Protocol):
    """Knows what was said of photos."""

    async def judgements(self, *, ratings: bool, captions: bool) -> Judgements:
        """Return what is hidden and, as far as it is asked for, the rest.

        Raises StateError if that cannot be found out; then nothing is to be concluded.
        """

    def shown(self, rule: str, frame: str, items: Collection[str]) -> None:
        """Take note of what a rule has on a frame now, by the keys of the items."""

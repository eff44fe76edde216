"""A tournament as its person sees it, and why there may be none: values."""

from __future__ import annotations

from enum import StrEnum

from picsync.core.values import dataclass
from picsync.family.bracket import Pair
from picsync.family.ledger import Standing
from picsync.family.photos import Photo


class Kind(StrEnum):
    """What a tournament is about. The values are stored."""

    BRACKET = "bracket"
    ALIKE = "alike"
    """Which of two photos that look alike."""


class NotEnoughPhotosError(ValueError):
    """There are not two photos that this person could compare."""

    def __init__(self, photos: int) -> None:
        super().__init__(f"there are {photos} photos to choose from")
        self.photos = photos


class NoTournamentError(ValueError):
    """There is no such tournament of this person, or it has ended."""


@dataclass(frozen=True, slots=True)
class Side:
    """A photo of a pair."""

    photo: Photo
    standing: Standing
    win: float
    loss: float
    """By how many points winning, and losing, would change its rating if this were its only game."""


@dataclass(frozen=True, slots=True)
class Sitting:
    """A tournament as its person sees it."""

    tournament: str
    category: str
    kind: Kind
    choices: int
    """How many choices it takes to the end."""
    done: int
    """How many of them have been made."""
    rounds: int
    pair: Pair | None
    """What is to be judged now; None at the end."""
    left: Side | None = None
    right: Side | None = None
    champion: Photo | None = None
    """The photo that is left at the end."""
    finished: bool = False
    can_undo: bool = False

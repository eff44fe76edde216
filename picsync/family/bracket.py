"""One sitting: up to sixteen photos, two at a time, until one is left; a pure value.

A bracket is its entrants and the answers so far. Everything else follows from these two: the pair to show
next, the champion, and what an undone step leaves. So an answer can be checked against the pair that it
claims to answer, on any device, after any restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from picsync.core.values import dataclass

SIZES = (16, 8, 4, 2)
"""How many photos a bracket can have: it halves with each round."""


class Answer(StrEnum):
    """What a person says of a pair."""

    LEFT = "left"
    RIGHT = "right"
    EQUAL = "equal"
    SKIP = "skip"
    """No opinion: no game is played."""


class NotDealtError(ValueError):
    """An answer to a pair that is not the one to be judged now."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos to choose from."""

    number: int
    """Which choice of the tournament it is, from 0."""
    round: int
    """From 1; the last one is the final."""
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Bracket:
    """A tournament of 2, 4, 8 or 16 photos."""

    tournament: str
    """Its ID; the sides of each pair follow from it."""
    entrants: tuple[str, ...]
    """Neighbours meet in the first round. If two are equal, or a pair is skipped, the one that is earlier
    here goes on."""
    answers: tuple[Answer, ...] = ()

    def __post_init__(self) -> None:
        if len(self.entrants) not in SIZES or len(set(self.entrants)) != len(self.entrants):
            raise ValueError(f"a bracket has {', '.join(map(str, SIZES))} different photos")
        if len(self.answers) >= len(self.entrants):
            raise ValueError("a bracket has one choice fewer than photos")

    @property
    def choices(self) -> int:
        """How many choices it takes to the end."""
        return len(self.entrants) - 1

    @property
    def rounds(self) -> int:
        """How many rounds it has."""
        return len(self.entrants).bit_length() - 1

    def pair(self) -> Pair | None:
        """Return the pair to be judged now; None at the end."""
        return self._play()[1]

    def champion(self) -> str | None:
        """Return the photo that is left at the end; None before."""
        left, pair = self._play()[0], self.pair()
        return left if pair is None else None

    def answered(self, number: int, left: str, right: str, answer: Answer) -> Bracket:
        """Return the bracket with one more answer. Raises NotDealtError if it is to another pair."""
        pair = self.pair()
        if pair is None or (pair.number, pair.left, pair.right) != (number, left, right):
            raise NotDealtError("this pair is not the one to be judged now")
        return replace(self, answers=(*self.answers, answer))

    def _play(self) -> tuple[str, Pair | None]:
        """Replay the answers; return who leads, and the pair that has no answer."""
        seed = {photo: index for index, photo in enumerate(self.entrants)}
        remaining: Sequence[str] = self.entrants
        number, turn = 0, 1
        while len(remaining) > 1:
            winners = []
            for first, second in zip(remaining[::2], remaining[1::2], strict=True):
                left, right = (second, first) if self._swapped(number) else (first, second)
                pair = Pair(number, turn, left, right)
                if number == len(self.answers):
                    return remaining[0], pair
                answer = self.answers[number]
                winners.append(_winner(pair, answer, seed))
                number += 1
            remaining, turn = winners, turn + 1
        return remaining[0], None

    def _swapped(self, number: int) -> bool:
        """Whether the sides of a pair are swapped: people prefer one side, and that must cancel out."""
        return bool(hashlib.sha256(f"{self.tournament}/{number}".encode()).digest()[0] & 1)


def _winner(pair: Pair, answer: Answer, seed: dict[str, int]) -> str:
    match answer:
        case Answer.LEFT:
            return pair.left
        case Answer.RIGHT:
            return pair.right
    return min(pair.left, pair.right, key=seed.__getitem__)

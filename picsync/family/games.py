"""The log of all judgements, and the ratings as a pure function of it.

The log only grows. One tournament is one rating period; periods follow each other in the order in which their
first entries are in the log, so a tournament that is continued a week later changes what its photos had
before the later ones. Taking something back is an entry as well. Therefore ratings can be computed anew at
any time, on any database, with the same result to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from picsync.core.values import dataclass
from picsync.family.glicko import TAU, UNJUDGED, Rating, Result, rate

LEFT, EQUAL, RIGHT = 1.0, 0.5, 0.0
"""Scores of the left photo."""


@dataclass(frozen=True, slots=True)
class Game:
    """One answer to one pair. Photos are named by their content: one photo of two albums has one rating."""

    tournament: str
    number: int
    """Which choice of the tournament it is, from 0."""
    left: str
    right: str
    score: float
    """Of the left photo: 1, 0.5 or 0."""


@dataclass(frozen=True, slots=True)
class Undone:
    """The last choice of a tournament, or the whole of it, is taken back."""

    tournament: str
    number: int | None = None
    """The choice; None for all of them."""


Record: TypeAlias = Game | Undone


def standing(log: Iterable[Record]) -> Mapping[str, Mapping[int, Game]]:
    """Return the games that count: by tournament, in the order of the first entries, then by number.

    A choice that is in the log twice counts as it was answered first, until it is taken back.
    """
    periods: dict[str, dict[int, Game]] = {}
    for record in log:
        games = periods.setdefault(record.tournament, {})
        if isinstance(record, Game):
            games.setdefault(record.number, record)
        elif record.number is None:
            games.clear()
        else:
            games.pop(record.number, None)
    return periods


def ratings(log: Iterable[Record], *, tau: float = TAU) -> dict[str, Rating]:
    """Return the rating of every photo that was judged; all others are `UNJUDGED`."""
    rated: dict[str, Rating] = {}
    for games in standing(log).values():
        rated |= period(games.values(), rated, tau=tau)
    return rated


def period(games: Iterable[Game], before: Mapping[str, Rating], *, tau: float = TAU) -> dict[str, Rating]:
    """Return the ratings of a tournament's photos after it, all computed from those before it."""
    results: dict[str, list[Result]] = {}
    # Sums of floating-point numbers depend on their order, and equal logs must give equal ratings.
    for game in sorted(games, key=lambda one: one.number):
        left, right = (before.get(photo, UNJUDGED) for photo in (game.left, game.right))
        results.setdefault(game.left, []).append(Result(right, game.score))
        results.setdefault(game.right, []).append(Result(left, 1 - game.score))
    return {photo: rate(before.get(photo, UNJUDGED), played, tau=tau) for photo, played in results.items()}

"""Ratings that are kept current while the log grows; pure.

`games.ratings` computes everything anew. A ledger knows each photo's rating after each of its tournaments, so
one more answer costs that tournament, and those later ones in which a photo's rating before has changed. The
result is the same to the last digit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from picsync.core.values import dataclass
from picsync.family.games import Game, Record, Undone, period
from picsync.family.glicko import TAU, UNJUDGED, Rating


@dataclass(frozen=True, slots=True)
class Standing:
    """A photo's rating, and how many games it is made of."""

    rating: Rating
    games: int


class Ledger:
    """All judgements so far, and what follows from them."""

    def __init__(self, records: Iterable[Record] = (), *, tau: float = TAU) -> None:
        self._tau = tau
        self._periods: list[dict[int, Game]] = []
        """The games that count of each tournament, by choice."""
        self._places: dict[str, int] = {}
        """Tournament -> its place among the periods."""
        self._history: dict[str, tuple[list[int], list[Rating]]] = {}
        """Photo -> the places of its tournaments, and its rating after each of them."""
        self._games: dict[str, int] = {}
        self._rated: list[set[str]] = []
        """The photos of each period that have a rating after it."""
        for record in records:
            self._apply(record)
        for place in range(len(self._periods)):
            self._rate(place)

    def add(self, *records: Record) -> Mapping[str, Standing]:
        """Add entries of the log; return the photos whose standing has changed.

        A photo that has no games any more has the standing of one that nobody has judged.
        """
        touched: set[str] = set()
        places: set[int] = set()
        for record in records:
            if photos := self._apply(record):
                touched |= photos
                places.add(self._places[record.tournament])
        return {photo: self.standing(photo) for photo in touched | self._follow(places)}

    def standing(self, photo: str) -> Standing:
        """Return a photo's standing."""
        return Standing(self._last(photo), self._games.get(photo, 0))

    def standings(self) -> dict[str, Standing]:
        """Return the standings of all photos that were judged."""
        return {photo: self.standing(photo) for photo, count in self._games.items() if count}

    def _apply(self, record: Record) -> set[str]:
        """Bring the games that count up to date; return their photos."""
        place = self._places.setdefault(record.tournament, len(self._periods))
        if place == len(self._periods):
            self._periods.append({})
            self._rated.append(set())
        games = self._periods[place]
        touched: set[str] = set()
        if isinstance(record, Game):
            if record.number not in games:
                games[record.number] = record
                touched = self._count(record, 1)
        else:
            gone = self._undone(games, record)
            for game in gone:
                touched |= self._count(game, -1)
        return touched

    def _undone(self, games: dict[int, Game], record: Undone) -> list[Game]:
        if record.number is None:
            gone = list(games.values())
            games.clear()
            return gone
        found = games.pop(record.number, None)
        return [] if found is None else [found]

    def _count(self, game: Game, change: int) -> set[str]:
        for photo in (game.left, game.right):
            self._games[photo] = self._games.get(photo, 0) + change
        return {game.left, game.right}

    def _follow(self, places: set[int]) -> set[str]:
        """Rate periods anew, and later ones that depend on them; return the photos that have changed."""
        changed: set[str] = set()
        for place in range(min(places, default=len(self._periods)), len(self._periods)):
            if place in places or not changed.isdisjoint(self._rated[place]):
                changed |= self._rate(place)
        return changed

    def _rate(self, place: int) -> set[str]:
        """Rate one period; return the photos whose rating after it has changed."""
        games = self._periods[place].values()
        photos = {photo for game in games for photo in (game.left, game.right)}
        rated = period(games, {photo: self._before(photo, place) for photo in photos}, tau=self._tau)
        changed = set()
        for photo, rating in rated.items():
            if self._set(photo, place, rating):
                changed.add(photo)
        for photo in self._rated[place] - photos:
            self._forget(photo, place)
            changed.add(photo)
        self._rated[place] = photos
        return changed

    def _before(self, photo: str, place: int) -> Rating:
        places, ratings = self._history.get(photo, ((), ()))
        index = bisect_left(places, place)
        return ratings[index - 1] if index else UNJUDGED

    def _last(self, photo: str) -> Rating:
        _, ratings = self._history.get(photo, ((), ()))
        return ratings[-1] if ratings else UNJUDGED

    def _set(self, photo: str, place: int, rating: Rating) -> bool:
        places, ratings = self._history.setdefault(photo, ([], []))
        index = bisect_left(places, place)
        if index < len(places) and places[index] == place:
            known = ratings[index]
            ratings[index] = rating
            return known != rating
        places.insert(index, place)
        ratings.insert(index, rating)
        return True

    def _forget(self, photo: str, place: int) -> None:
        places, ratings = self._history[photo]
        index = bisect_left(places, place)
        del places[index], ratings[index]

"""The log of all judgements in the database, and the ratings that are stored with it.

Whoever adds to the log brings the ratings up to date in the same transaction. That is cheap because the
ledger stays in memory; it follows the log, so entries of other processes are in it as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.core.values import dataclass
from picsync.family.bracket import Answer, Pair
from picsync.family.games import EQUAL, LEFT, RIGHT, Game, Record, Undone
from picsync.family.glicko import UNJUDGED, Rating
from picsync.family.ledger import Ledger, Standing
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.state.remembered import REPLACED, recall

_SCORES = {Answer.LEFT: LEFT, Answer.EQUAL: EQUAL, Answer.RIGHT: RIGHT}
_UNDONE = "undone"

Row: TypeAlias = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A new entry of the log."""

    tournament: str
    person: str
    choice: int | None
    answer: str
    round: int | None = None
    left: str | None = None
    right: str | None = None
    score: float | None = None
    """Of the left photo; None if no game was played."""

    @classmethod
    def judged(cls, tournament: str, person: str, pair: Pair, answer: Answer, *, game: bool = True) -> Entry:
        """Return the entry of an answer; without a `game` it does not count for the ratings."""
        score = _SCORES.get(answer) if game else None
        return cls(tournament, person, pair.number, str(answer), pair.round, pair.left, pair.right, score)

    @classmethod
    def undone(cls, tournament: str, person: str, choice: int | None) -> Entry:
        """Return the entry that takes a choice back; None for all of them."""
        return cls(tournament, person, choice, _UNDONE)

    def values(self, at: datetime) -> dict[str, object]:
        """Return the row."""
        return {
            "at": number(at),
            "tournament": self.tournament,
            "choice": self.choice,
            "answer": self.answer,
            "round": self.round,
            "left": self.left,
            "right": self.right,
            "score": self.score,
            "person": self.person,
        }


# Built once, since building a statement costs more than carrying it out.
_APPEND = sa.insert(tables.game)
_AFTER = (
    sa.select(tables.game).where(tables.game.c.number > sa.bindparam("after")).order_by(tables.game.c.number)
)
_OF_TOURNAMENTS = (
    sa.select(tables.game)
    .where(tables.game.c.tournament.in_(sa.bindparam("of", expanding=True)))
    .order_by(tables.game.c.number)
)
_AMONG = tables.rating.c.photo.in_(sa.bindparam("photos", expanding=True))
_RATINGS = sa.select(tables.rating).where(_AMONG)
_FORGET = sa.delete(tables.rating).where(_AMONG)
_REMEMBER = sa.insert(tables.rating)


class GameLog:
    """Adds to the log. Its methods are for transactions of `State.write`, which follow one another."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger: Ledger | None = None
        self._ledger_to = 0
        """Number of the log's last entry that the ledger contains."""
        self._ledger_of: str | None = None
        """Mark of the import that the ledger's log came with; another one makes the ledger worthless."""

    def add(self, connection: sa.Connection, entries: Sequence[Entry], at: datetime) -> None:
        """Add entries in this order, and bring the ratings up to date with the log."""
        if not entries:
            return
        ledger = self._current(connection)
        self._state.if_undone(self._forget)
        connection.execute(_APPEND, [entry.values(at) for entry in entries])
        new = log_entries(connection, after=self._ledger_to)
        self._ledger_to = new[-1].number
        changed = ledger.add(*as_records(new))
        if changed:
            connection.execute(_FORGET, {"photos": list(changed)})
            store_standings(connection, {photo: one for photo, one in changed.items() if one.games})

    def standings(self, connection: sa.Connection, photos: Collection[str]) -> Mapping[str, Standing]:
        """Return the standings of photos, with what was added in this transaction."""
        if self._ledger is None:
            return stored_standings(connection, photos)
        return {photo: self._ledger.standing(photo) for photo in photos}

    def _current(self, connection: sa.Connection) -> Ledger:
        """Return the ledger; it may lack the log's last entries."""
        imported = recall(connection, REPLACED)
        if self._ledger is None or imported != self._ledger_of:
            entries = log_entries(connection)
            self._ledger = Ledger(as_records(entries))
            self._ledger_to = entries[-1].number if entries else 0
            self._ledger_of = imported
        return self._ledger

    def _forget(self) -> None:
        self._ledger = None


def log_entries(connection: sa.Connection, *, after: int = 0) -> Sequence[Row]:
    """Return the entries of the log with larger numbers, in order."""
    return connection.execute(_AFTER, {"after": after}).all()


def counting(connection: sa.Connection, tournaments: Collection[str]) -> Mapping[str, Sequence[Row]]:
    """Return the answers of each tournament that have not been taken back, in order."""
    found: dict[str, list[Row]] = {tournament: [] for tournament in tournaments}
    for row in connection.execute(_OF_TOURNAMENTS, {"of": list(tournaments)}):
        answers = found[row.tournament]
        if row.answer != _UNDONE:
            answers.append(row)
        elif row.choice is None:
            answers.clear()
        else:
            answers[:] = [one for one in answers if one.choice < row.choice]
    return found


def as_records(entries: Iterable[Row]) -> list[Record]:
    """Return entries of the log for the ratings, without pairs that were no game, such as skipped ones."""
    records: list[Record] = []
    for row in entries:
        if row.answer == _UNDONE:
            records.append(Undone(row.tournament, row.choice))
        elif row.score is not None:
            records.append(Game(row.tournament, row.choice, row.left, row.right, row.score))
    return records


def as_standing(row: Row) -> Standing:
    """Return the standing of a row of the ratings."""
    return Standing(Rating(row.points, row.deviation, row.volatility), row.games)


def stored_standings(connection: sa.Connection, photos: Collection[str]) -> Mapping[str, Standing]:
    """Return the standings of photos; that of a photo that nobody has judged included."""
    rows = connection.execute(_RATINGS, {"photos": list(photos)})
    found = {row.photo: as_standing(row) for row in rows}
    return {photo: found.get(photo, Standing(UNJUDGED, 0)) for photo in photos}


def store_standings(connection: sa.Connection, standings: Mapping[str, Standing]) -> None:
    """Store the standings of photos that have none."""
    if standings:
        connection.execute(
            _REMEMBER,
            [
                {
                    "photo": photo,
                    "points": one.rating.points,
                    "deviation": one.rating.deviation,
                    "volatility": one.rating.volatility,
                    "games": one.games,
                }
                for photo, one in standings.items()
            ],
        )

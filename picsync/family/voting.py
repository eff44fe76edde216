"""Choosing photos, two at a time: tournaments in the database, and the ratings that follow from their log.

The server deals each pair, and takes only answers to the pair that it has dealt: a second answer, one from
another device, or a forged one changes nothing. A tournament is its row and its entries in the log, so it
goes on wherever its person opens the page. Every answer is in the log, and in the ratings, before the next
pair is dealt.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.core.model import MediaKind
from picsync.core.values import dataclass
from picsync.family.acts import Act, note
from picsync.family.alike import groups
from picsync.family.bracket import Answer, Bracket, NotDealtError, Pair
from picsync.family.draw import Entrant, alike, draw
from picsync.family.games import EQUAL, LEFT, RIGHT, Game, Record, Undone, ratings, standing
from picsync.family.glicko import UNJUDGED, Rating, outlook
from picsync.family.ledger import Ledger, Standing
from picsync.family.photos import Photo, as_photo, select_photos
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.state.remembered import REPLACED, recall

JUDGED_LATELY = timedelta(days=60)
"""How long a pair that a person has judged is not dealt to that person again."""
PAGE = 50
"""Places of a leaderboard that are shown at once."""
_SCORES = {Answer.LEFT: LEFT, Answer.EQUAL: EQUAL, Answer.RIGHT: RIGHT}
_UNDONE = "undone"


class Kind(StrEnum):
    """What a tournament is about. The values are stored."""

    BRACKET = "bracket"
    ALIKE = "alike"
    """Which of two photos that look alike."""


class Since(StrEnum):
    """The time over which a leaderboard counts."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    EVER = "ever"


_SPANS = {
    Since.WEEK: timedelta(days=7),
    Since.MONTH: timedelta(days=30),
    Since.YEAR: timedelta(days=365),
}


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


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a leaderboard."""

    rank: int
    photo: Photo
    standing: Standing


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The best photos of a category, those first that are good for sure."""

    category: str
    since: Since
    places: Sequence[Place]
    judged: int
    """How many photos were judged in that time."""
    games: int


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What computing all ratings anew has found."""

    games: int
    photos: int
    differing: int
    """Photos whose stored rating was another one; it is correct now."""


Row: TypeAlias = sa.Row[Any]
T = TypeVar("T")


def _among(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return column.in_(sa.bindparam("photos", expanding=True))


# Built once, since building a statement costs more than carrying it out.
_PHOTOS = select_photos().where(_among(tables.photo.c.photo))
_PRESENT = (
    sa.select(tables.entry.c.photo)
    .distinct()
    .outerjoin(tables.hidden, tables.hidden.c.photo == tables.entry.c.photo)
    .where(_among(tables.entry.c.photo), tables.hidden.c.photo.is_(None))
)
_RATINGS = sa.select(tables.rating).where(_among(tables.rating.c.photo))
_FORGET = sa.delete(tables.rating).where(_among(tables.rating.c.photo))
_REMEMBER = sa.insert(tables.rating)
_APPEND = sa.insert(tables.game)
_OF_TOURNAMENT = (
    sa.select(tables.game)
    .where(tables.game.c.tournament == sa.bindparam("of"))
    .order_by(tables.game.c.number)
)
_AFTER = (
    sa.select(tables.game).where(tables.game.c.number > sa.bindparam("after")).order_by(tables.game.c.number)
)
_TOURNAMENT = sa.select(tables.tournament).where(tables.tournament.c.tournament == sa.bindparam("of"))


class Voting:
    """All tournaments. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._state = state
        self._now = now
        self._ledger: Ledger | None = None
        """Used in writing transactions only, which follow one another."""
        self._ledger_to = 0
        """Number of the log's last entry that the ledger contains."""
        self._ledger_of: str | None = None
        """Mark of the import that the ledger's log came with; another one makes the ledger worthless."""

    async def unfinished(self, person: str, category: str) -> Sitting | None:
        """Return the tournament that a person can continue in a category; None if there is none."""

        def work(connection: sa.Connection) -> Sitting | None:
            row = _unfinished(connection, person, category)
            return None if row is None else self._sitting(connection, row)

        return await self._state.read(work)

    async def categories(self) -> Mapping[str, int]:
        """Return the categories with the number of photos that can be judged in each, by name."""
        entry, hidden = tables.entry, tables.hidden
        wanted = (
            sa.select(entry.c.category, sa.func.count())
            .outerjoin(hidden, hidden.c.photo == entry.c.photo)
            .where(hidden.c.hidden_at.is_(None))
            .group_by(entry.c.category)
            .order_by(entry.c.category)
        )
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        return {row[0]: row[1] for row in rows}

    async def sit_down(self, person: str, category: str) -> Sitting:
        """Return the tournament that a person plays in a category: one to be continued, or a new one.

        Raises NotEnoughPhotosError.
        """

        def work(connection: sa.Connection) -> Sitting:
            row = _unfinished(connection, person, category)
            return self._sitting(connection, row or self._begin(connection, person, category))

        return await self._state.write(work)

    async def sitting(self, person: str, tournament: str) -> Sitting:
        """Return a tournament of a person; raises NoTournamentError."""

        def work(connection: sa.Connection) -> Sitting:
            return self._sitting(connection, _row(connection, person, tournament))

        return await self._state.read(work)

    async def answer(
        self, person: str, tournament: str, choice: int, left: str, right: str, answer: Answer
    ) -> Sitting:
        """Record an answer to a pair; raises NoTournamentError, and NotDealtError for any other pair."""

        def work(connection: sa.Connection) -> Sitting:
            row = _row(connection, person, tournament)
            if row.finished_at is not None:
                raise NoTournamentError("the tournament has ended")
            bracket = self._bracket(connection, row)
            pair = bracket.pair()
            after = bracket.answered(choice, left, right, answer)  # Raises if another pair was dealt.
            assert pair is not None  # noqa: S101 - it was answered
            self._append(connection, row, pair, answer, _SCORES.get(answer))
            after = self._byes(connection, row, after)
            finished = after.pair() is None
            if finished:
                self._finish(connection, row)
            return self._shown(connection, row, after, finished=finished)

        return await self._write(work)

    async def undo(self, person: str, tournament: str) -> Sitting:
        """Take the last answer back; raises NoTournamentError."""

        def work(connection: sa.Connection) -> Sitting:
            row = _row(connection, person, tournament)
            entries = _counting(connection, tournament)
            while entries:
                last = entries.pop()
                self._log_undone(connection, row, last.choice, person)
                if last.answer == Answer.SKIP or last.score is not None:
                    break  # What picsync itself has decided goes with the answer before it.
            connection.execute(
                sa.update(tables.tournament)
                .where(tables.tournament.c.tournament == tournament)
                .values(finished_at=None)
            )
            return self._sitting(connection, _row(connection, person, tournament))

        return await self._write(work)

    async def stop(self, person: str, tournament: str) -> None:
        """End a tournament early; what was answered counts. Raises NoTournamentError."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, person, tournament)
            if row.finished_at is None:
                self._finish(connection, row)

        await self._state.write(work)

    async def undo_tournament(self, tournament: str, *, by: str | None) -> None:
        """Take all answers of a tournament back, whoever gave them; raises NoTournamentError."""

        def work(connection: sa.Connection) -> None:
            row = _row(connection, None, tournament)
            self._log_undone(connection, row, None, by or row.person)
            if row.finished_at is None:
                self._finish(connection, row)
            note(connection, self._now(), by, Act.UNDID, tournament)

        await self._write(work)

    async def leaderboard(
        self, category: str, since: Since = Since.EVER, *, most: int = PAGE, offset: int = 0
    ) -> Leaderboard:
        """Return the best photos of a category, by `Rating.cautious`; hidden photos have no place."""

        def work(connection: sa.Connection) -> Leaderboard:
            standings = _standings(connection, since, self._now())
            entry = tables.entry
            wanted = (
                select_photos()
                .join(entry, entry.c.photo == tables.photo.c.photo)
                .where(entry.c.category == category, tables.hidden.c.hidden_at.is_(None))
            )
            photos = {row.photo: row for row in connection.execute(wanted) if row.photo in standings}
            ranked = sorted(photos, key=lambda photo: (-standings[photo].rating.cautious, photo))
            places = [
                Place(offset + rank, as_photo(photos[photo]), standings[photo])
                for rank, photo in enumerate(ranked[offset : offset + most], 1)
            ]
            games = sum(standings[photo].games for photo in photos) // 2
            return Leaderboard(category, since, places, len(photos), games)

        return await self._state.read(work)

    async def standing(self, photo: str) -> Standing:
        """Return a photo's rating of all time."""
        return (await self._state.read(lambda connection: _stored(connection, [photo])))[photo]

    async def recompute(self) -> Recomputed:
        """Compute all ratings anew from the log, and correct those that are stored."""

        def work(connection: sa.Connection) -> Recomputed:
            rows = _entries(connection)
            records = [record for row in rows if (record := _record(row)) is not None]
            expected = ratings(records)
            counts = _counts(records)
            table = tables.rating
            stored = {
                row.photo: (Rating(row.points, row.deviation, row.volatility), row.games)
                for row in connection.execute(sa.select(table))
            }
            right = {photo: (rating, counts[photo]) for photo, rating in expected.items()}
            differing = {
                photo for photo in right.keys() | stored.keys() if right.get(photo) != stored.get(photo)
            }
            connection.execute(sa.delete(table))
            _store(connection, {photo: Standing(*one) for photo, one in right.items()})
            return Recomputed(sum(counts.values()) // 2, len(right), len(differing))

        return await self._state.write(work)

    # --- tournaments --------------------------------------------------------------------------------------

    def _begin(self, connection: sa.Connection, person: str, category: str) -> Row:
        now, tournament = self._now(), secrets.token_hex(8)
        entrants = _entrants(connection, category)
        judged = _judged(connection, person, now - JUDGED_LATELY)
        two = alike(entrants, judged)
        # A tournament, then a question about two that look alike, and so on.
        asked = connection.scalar(
            sa.select(tables.tournament.c.kind)
            .where(tables.tournament.c.person == person, tables.tournament.c.category == category)
            .order_by(tables.tournament.c.started_at.desc())
            .limit(1)
        )
        kind, chosen = Kind.BRACKET, draw(entrants, judged, seed=tournament)
        if two is not None and (not chosen or asked == Kind.BRACKET):
            kind, chosen = Kind.ALIKE, two
        if not chosen:
            raise NotEnoughPhotosError(len(entrants))
        connection.execute(
            sa.insert(tables.tournament).values(
                tournament=tournament,
                category=category,
                person=person,
                kind=str(kind),
                entrants=json.dumps(chosen),
                started_at=number(now),
            )
        )
        return _row(connection, person, tournament)

    def _bracket(self, connection: sa.Connection, row: Row) -> Bracket:
        answers = tuple(Answer(entry.answer) for entry in _counting(connection, row.tournament))
        return Bracket(row.tournament, tuple(json.loads(row.entrants)), answers)

    def _sitting(self, connection: sa.Connection, row: Row) -> Sitting:
        return self._shown(
            connection, row, self._bracket(connection, row), finished=row.finished_at is not None
        )

    def _shown(self, connection: sa.Connection, row: Row, bracket: Bracket, *, finished: bool) -> Sitting:
        champion, pair = bracket.champion(), None if finished else bracket.pair()
        shown = [pair.left, pair.right] if pair is not None else [champion] if champion is not None else []
        rows = connection.execute(_PHOTOS, {"photos": shown}) if shown else ()
        photos = {found.photo: as_photo(found) for found in rows}
        left, right = self._sides(connection, pair, photos) if pair is not None else (None, None)
        return Sitting(
            row.tournament,
            row.category,
            Kind(row.kind),
            bracket.choices,
            len(bracket.answers),
            bracket.rounds,
            pair,
            left,
            right,
            champion=photos.get(champion) if champion is not None else None,
            finished=finished or pair is None,
            can_undo=bool(bracket.answers),
        )

    def _sides(self, connection: sa.Connection, pair: Pair, photos: Mapping[str, Photo]) -> tuple[Side, Side]:
        standings = _stored(connection, [pair.left, pair.right])

        def one(photo: str, other: str) -> Side:
            standing = standings[photo]
            win, loss = outlook(standing.rating, standings[other].rating)
            return Side(photos.get(photo) or Photo(photo, ""), standing, win, loss)

        return one(pair.left, pair.right), one(pair.right, pair.left)

    def _byes(self, connection: sa.Connection, row: Row, bracket: Bracket) -> Bracket:
        """Return the bracket after all pairs of which a photo was hidden or removed: that one loses."""
        while (pair := bracket.pair()) is not None:
            there = _present(connection, pair.left, pair.right)
            if len(there) == 2:
                break
            answer = Answer.LEFT if pair.left in there else Answer.RIGHT
            self._append(connection, row, pair, answer, None)
            bracket = bracket.answered(pair.number, pair.left, pair.right, answer)
        return bracket

    def _append(
        self, connection: sa.Connection, row: Row, pair: Pair, answer: Answer, score: float | None
    ) -> None:
        self._enter(
            connection,
            tournament=row.tournament,
            choice=pair.number,
            answer=str(answer),
            round=pair.round,
            left=pair.left,
            right=pair.right,
            score=score,
            person=row.person,
        )

    def _log_undone(self, connection: sa.Connection, row: Row, choice: int | None, person: str) -> None:
        self._enter(
            connection,
            tournament=row.tournament,
            choice=choice,
            answer=_UNDONE,
            round=None,
            left=None,
            right=None,
            score=None,
            person=person,
        )

    def _enter(self, connection: sa.Connection, **entry: object) -> None:
        """Add an entry to the log, and bring the ratings up to date with it."""
        inserted = connection.execute(_APPEND, {"at": number(self._now()), **entry})
        self._learn(connection, inserted.inserted_primary_key)

    def _finish(self, connection: sa.Connection, row: Row) -> None:
        now, table = self._now(), tables.tournament
        connection.execute(
            sa.update(table).where(table.c.tournament == row.tournament).values(finished_at=number(now))
        )
        note(connection, now, row.person, Act.JUDGED, row.tournament, row.category)

    # --- ratings ------------------------------------------------------------------------------------------

    async def _write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a transaction that adds to the log; if it fails, the ledger is read anew."""

        def guarded(connection: sa.Connection) -> T:
            try:
                return work(connection)
            except BaseException:
                self._ledger = None
                raise

        try:
            return await self._state.write(guarded)
        except (NotDealtError, NoTournamentError):
            raise
        except BaseException:
            self._ledger = None  # The commit may have failed.
            raise

    def _learn(self, connection: sa.Connection, key: Sequence[Any] | None) -> None:
        """Bring ratings up to date with the log, whose last entry has this number."""
        last = key[0] if key else 0
        imported = recall(connection, REPLACED)
        if self._ledger is None or imported != self._ledger_of:
            # What is stored is right up to the entry before.
            rows = [row for row in _entries(connection) if row.number < last]
            self._ledger = Ledger(record for row in rows if (record := _record(row)) is not None)
            self._ledger_to, self._ledger_of = last - 1, imported
        changed: dict[str, Standing] = {}
        for row in _entries(connection, after=self._ledger_to):
            if (record := _record(row)) is not None:
                changed.update(self._ledger.add(record))
            self._ledger_to = row.number
        if changed:
            connection.execute(_FORGET, {"photos": list(changed)})
            _store(connection, {photo: one for photo, one in changed.items() if one.games})


def _row(connection: sa.Connection, person: str | None, tournament: str) -> Row:
    found = connection.execute(_TOURNAMENT, {"of": tournament}).one_or_none()
    if found is None or person not in (None, found.person):
        raise NoTournamentError("there is no such tournament")
    return found


def _unfinished(connection: sa.Connection, person: str, category: str) -> Row | None:
    table = tables.tournament
    return connection.execute(
        sa.select(table)
        .where(table.c.person == person, table.c.category == category, table.c.finished_at.is_(None))
        .order_by(table.c.started_at.desc(), table.c.tournament)
        .limit(1)
    ).one_or_none()


def _counting(connection: sa.Connection, tournament: str) -> list[Row]:
    """Return the answers of a tournament that have not been taken back, in order."""
    answers: list[Row] = []
    for row in connection.execute(_OF_TOURNAMENT, {"of": tournament}):
        if row.answer != _UNDONE:
            answers.append(row)
        elif row.choice is None:
            answers.clear()
        else:
            answers = [one for one in answers if one.choice < row.choice]
    return answers


def _entries(connection: sa.Connection, *, after: int = 0) -> Sequence[Row]:
    return connection.execute(_AFTER, {"after": after}).all()


def _record(row: Row) -> Record | None:
    """Return an entry of the log for the ratings; None for a pair without a game, such as a skipped one."""
    if row.answer == _UNDONE:
        return Undone(row.tournament, row.choice)
    if row.score is None:
        return None
    return Game(row.tournament, row.choice, row.left, row.right, row.score)


def _counts(records: Iterable[Record]) -> Mapping[str, int]:
    """Return the number of games that count of each photo."""
    games = (game for period in standing(records).values() for game in period.values())
    return Counter(photo for game in games for photo in (game.left, game.right))


def _store(connection: sa.Connection, standings: Mapping[str, Standing]) -> None:
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


def _stored(connection: sa.Connection, photos: Sequence[str]) -> dict[str, Standing]:
    """Return the standings of photos; that of a photo that nobody has judged included."""
    rows = connection.execute(_RATINGS, {"photos": list(photos)})
    found = {row.photo: _standing(row) for row in rows}
    return {photo: found.get(photo, Standing(UNJUDGED, 0)) for photo in photos}


def _standing(row: Row) -> Standing:
    return Standing(Rating(row.points, row.deviation, row.volatility), row.games)


def _standings(connection: sa.Connection, since: Since, now: datetime) -> Mapping[str, Standing]:
    """Return the standings that follow from the tournaments since then."""
    if since is Since.EVER:
        return {row.photo: _standing(row) for row in connection.execute(sa.select(tables.rating))}
    game, tournament = tables.game, tables.tournament
    rows = connection.execute(
        sa.select(game)
        .join(tournament, tournament.c.tournament == game.c.tournament)
        .where(tournament.c.started_at >= number(now - _SPANS[since]))
        .order_by(game.c.number)
    )
    return Ledger(record for row in rows if (record := _record(row)) is not None).standings()


def _entrants(connection: sa.Connection, category: str) -> list[Entrant]:
    """Return the photos of a category that may play."""
    photo, entry, rating = tables.photo, tables.entry, tables.rating
    rows = connection.execute(
        sa.select(photo.c.photo, photo.c.kind, photo.c.taken_at, photo.c.look, rating)
        .select_from(entry)
        .join(photo, photo.c.photo == entry.c.photo)
        .outerjoin(rating, rating.c.photo == photo.c.photo)
        .outerjoin(tables.hidden, tables.hidden.c.photo == photo.c.photo)
        .where(entry.c.category == category, tables.hidden.c.hidden_at.is_(None))
        .order_by(photo.c.photo)
    ).all()
    group = groups(
        (row[0], datetime.fromisoformat(row.taken_at), row.look)
        for row in rows
        if row.taken_at and row.look is not None
    )
    return [
        Entrant(
            row[0],
            UNJUDGED if row.points is None else Rating(row.points, row.deviation, row.volatility),
            row.kind == MediaKind.VIDEO,
            group.get(row[0], ""),
        )
        for row in rows
    ]


def _judged(connection: sa.Connection, person: str, after: datetime) -> set[frozenset[str]]:
    """Return the pairs that a person has judged since then."""
    table = tables.game
    rows = connection.execute(
        sa.select(table.c.left, table.c.right).where(
            table.c.person == person, table.c.at >= number(after), table.c.left.is_not(None)
        )
    )
    return {frozenset((row.left, row.right)) for row in rows}


def _present(connection: sa.Connection, *photos: str) -> set[str]:
    """Return those of the photos that can be shown: they are in a category, and not hidden."""
    return set(connection.scalars(_PRESENT, {"photos": list(photos)}))

"""Choosing photos, two at a time: tournaments in the database.

The server deals each pair, and takes only answers to the pair that it has dealt: a second answer, one from
another device, or a forged one changes nothing. A tournament is its row and its entries in the log, so it
goes on wherever its person opens the page. Every answer is in the log, and in the ratings, before the next
pair is dealt. Answers that arrive at the same time share a transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.core.model import MediaKind
from picsync.core.values import dataclass
from picsync.family.acts import Act, note
from picsync.family.alike import groups
from picsync.family.bracket import Answer, Bracket, NotDealtError, Pair
from picsync.family.draw import Entrant, alike, draw
from picsync.family.gamelog import Entry, GameLog, Row, counting, stored_standings
from picsync.family.glicko import UNJUDGED, Rating, outlook
from picsync.family.ledger import Standing
from picsync.family.photos import Photo, as_photo, select_photos
from picsync.family.sittings import Kind, NotEnoughPhotosError, NoTournamentError, Side, Sitting
from picsync.family.state import tables
from picsync.family.state.database import State

JUDGED_LATELY = timedelta(days=60)
"""How long a pair that a person has judged is not dealt to that person again."""
_MAX_SEATED = 8
"""Tournaments that begin in one transaction: drawing one costs as much as ten answers, which wait for it."""


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer as it has arrived."""

    person: str
    tournament: str
    choice: int
    left: str
    right: str
    answer: Answer


# Built once, since building a statement costs more than carrying it out.
_PHOTOS = (
    select_photos()
    .add_columns(sa.exists().where(tables.entry.c.photo == tables.photo.c.photo).label("present"))
    .where(tables.photo.c.photo.in_(sa.bindparam("photos", expanding=True)))
)
_TOURNAMENTS = sa.select(tables.tournament).where(
    tables.tournament.c.tournament.in_(sa.bindparam("of", expanding=True))
)
_UNFINISHED = (
    sa.select(tables.tournament)
    .where(
        tables.tournament.c.person == sa.bindparam("by"),
        tables.tournament.c.category == sa.bindparam("about"),
        tables.tournament.c.finished_at.is_(None),
    )
    .order_by(tables.tournament.c.started_at.desc(), tables.tournament.c.tournament)
    .limit(1)
)
_FINISH = (
    sa.update(tables.tournament)
    .where(tables.tournament.c.tournament == sa.bindparam("of"))
    .values(finished_at=sa.bindparam("at"))
)


class _Shown:
    """Photos as they are needed, each read once in a transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._photos: dict[str, Photo] = {}
        self._present: set[str] = set()

    def load(self, photos: Iterable[str]) -> None:
        """Read the photos that were not read yet."""
        missing = sorted(set(photos) - self._photos.keys())
        if not missing:
            return
        self._photos |= {photo: Photo(photo, "") for photo in missing}
        for row in self._connection.execute(_PHOTOS, {"photos": missing}):
            found = self._photos[row.photo] = as_photo(row)
            if row.present and not found.hidden:
                self._present.add(row.photo)

    def __getitem__(self, photo: str) -> Photo:
        return self._photos[photo]

    def present(self, photo: str) -> bool:
        """Whether a photo can be judged: it is in a category, and not hidden."""
        return photo in self._present


class Voting:
    """All tournaments. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._state = state
        self._now = now
        self._log = GameLog(state)
        self._seat = state.write_together(self._seat_all, most=_MAX_SEATED)
        self._take = state.write_together(self._take_all)

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
        return await self._seat((person, category))

    def _seat_all(
        self, connection: sa.Connection, asked: Sequence[tuple[str, str]]
    ) -> Sequence[Sitting | NotEnoughPhotosError]:
        """Return the tournament of each person and category."""
        entrants = {category: _entrants(connection, category) for category in {one[1] for one in asked}}

        def seated(person: str, category: str) -> Sitting | NotEnoughPhotosError:
            try:
                row = _unfinished(connection, person, category) or self._begin(
                    connection, person, category, entrants[category]
                )
            except NotEnoughPhotosError as error:
                return error
            return self._sitting(connection, row)

        return [seated(person, category) for person, category in asked]

    async def sitting(self, person: str, tournament: str) -> Sitting:
        """Return a tournament of a person; raises NoTournamentError."""

        def work(connection: sa.Connection) -> Sitting:
            return self._sitting(connection, _row(connection, person, tournament))

        return await self._state.read(work)

    async def answer(
        self, person: str, tournament: str, choice: int, left: str, right: str, answer: Answer
    ) -> Sitting:
        """Record an answer to a pair; raises NoTournamentError, and NotDealtError for any other pair."""
        return await self._take(_Given(person, tournament, choice, left, right, answer))

    def _take_all(
        self, connection: sa.Connection, given: Sequence[_Given]
    ) -> Sequence[Sitting | NotDealtError | NoTournamentError]:
        """Record all answers that are to the pairs that were dealt; return what follows each of them."""
        rows = _rows(connection, {one.tournament for one in given})
        brackets = _brackets(connection, rows.values())
        entries: list[Entry] = []
        answered: dict[str, Bracket] = {}
        refused: dict[int, NotDealtError | NoTournamentError] = {}
        for index, one in enumerate(given):
            row = rows.get(one.tournament)
            if row is None or row.person != one.person or row.finished_at is not None:
                refused[index] = NoTournamentError("there is no such tournament, or it has ended")
            elif one.tournament in answered:
                refused[index] = NotDealtError("the pair that follows was not dealt yet")
            else:
                bracket = brackets[one.tournament]
                try:
                    after = bracket.answered(one.choice, one.left, one.right, one.answer)
                except NotDealtError as error:
                    refused[index] = error
                    continue
                pair = bracket.pair()
                assert pair is not None  # noqa: S101 - it was answered
                answered[one.tournament] = after
                entries.append(Entry.judged(one.tournament, one.person, pair, one.answer))
        shown = _Shown(connection)
        brackets = _without_byes(answered, rows, shown, entries)
        self._log.add(connection, entries, self._now())
        pairs = {tournament: bracket.pair() for tournament, bracket in brackets.items()}
        for tournament, pair in pairs.items():
            if pair is None:
                self._finish(connection, rows[tournament])
        standings = self._log.standings(connection, _photos_of(pairs.values()))

        def following(index: int, tournament: str) -> Sitting | NotDealtError | NoTournamentError:
            if index in refused:
                return refused[index]
            return _seen(rows[tournament], brackets[tournament], pairs[tournament], shown, standings)

        return [following(index, one.tournament) for index, one in enumerate(given)]

    async def undo(self, person: str, tournament: str) -> Sitting:
        """Take the last answer back, if there is one, and go on from there; raises NoTournamentError."""

        def work(connection: sa.Connection) -> Sitting:
            _row(connection, person, tournament)
            answers = [*counting(connection, [tournament])[tournament]]
            entries: list[Entry] = []
            while answers:
                last = answers.pop()
                entries.append(Entry.undone(tournament, person, last.choice))
                if last.answer == Answer.SKIP or last.score is not None:
                    break  # What picsync itself has decided goes with the answer before it.
            if entries:
                self._log.add(connection, entries, self._now())
                connection.execute(
                    sa.update(tables.tournament)
                    .where(tables.tournament.c.tournament == tournament)
                    .values(finished_at=None)
                )
            return self._sitting(connection, _row(connection, person, tournament))

        return await self._state.write(work)

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
            self._log.add(connection, [Entry.undone(tournament, by or row.person, None)], self._now())
            if row.finished_at is None:
                self._finish(connection, row)
            note(connection, self._now(), by, Act.UNDID, tournament)

        await self._state.write(work)

    # --- tournaments --------------------------------------------------------------------------------------

    def _begin(
        self, connection: sa.Connection, person: str, category: str, entrants: Sequence[Entrant]
    ) -> Row:
        now, tournament = self._now(), secrets.token_hex(8)
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

    def _sitting(self, connection: sa.Connection, row: Row) -> Sitting:
        bracket = _brackets(connection, [row])[row.tournament]
        pair = None if row.finished_at is not None else bracket.pair()
        shown = _Shown(connection)
        photos = _photos_of([pair])
        shown.load(photos)
        return _seen(row, bracket, pair, shown, stored_standings(connection, photos))

    def _finish(self, connection: sa.Connection, row: Row) -> None:
        now = self._now()
        connection.execute(_FINISH, {"of": row.tournament, "at": number(now)})
        note(connection, now, row.person, Act.JUDGED, row.tournament, row.category)


def _rows(connection: sa.Connection, tournaments: Collection[str]) -> Mapping[str, Row]:
    """Return the tournaments that there are, by ID."""
    found = connection.execute(_TOURNAMENTS, {"of": list(tournaments)})
    return {row.tournament: row for row in found}


def _row(connection: sa.Connection, person: str | None, tournament: str) -> Row:
    return _of_person(_rows(connection, [tournament]).get(tournament), person)


def _of_person(row: Row | None, person: str | None) -> Row:
    """Return a tournament; raises NoTournamentError if it is another person's (None: anybody's)."""
    if row is None or person not in (None, row.person):
        raise NoTournamentError("there is no such tournament")
    return row


def _brackets(connection: sa.Connection, rows: Collection[Row]) -> Mapping[str, Bracket]:
    """Return tournaments as they stand, by ID."""
    answers = counting(connection, [row.tournament for row in rows])
    return {
        row.tournament: Bracket(
            row.tournament,
            tuple(json.loads(row.entrants)),
            tuple(Answer(entry.answer) for entry in answers[row.tournament]),
        )
        for row in rows
    }


def _without_byes(
    brackets: Mapping[str, Bracket], rows: Mapping[str, Row], shown: _Shown, entries: list[Entry]
) -> Mapping[str, Bracket]:
    """Return brackets after all pairs of which a photo was hidden or removed: that one loses.

    The answers that this takes are added to `entries`. The photos of all pairs that follow are loaded.
    """
    found, open_ = dict(brackets), list(brackets)
    while open_:
        pairs = {tournament: pair for tournament in open_ if (pair := found[tournament].pair()) is not None}
        shown.load(_photos_of(pairs.values()))
        open_ = []
        for tournament, pair in pairs.items():
            if shown.present(pair.left) and shown.present(pair.right):
                continue
            answer = Answer.LEFT if shown.present(pair.left) else Answer.RIGHT
            found[tournament] = found[tournament].answered(pair.number, pair.left, pair.right, answer)
            entries.append(Entry.judged(tournament, rows[tournament].person, pair, answer, game=False))
            open_.append(tournament)
    return found


def _photos_of(pairs: Iterable[Pair | None]) -> set[str]:
    return {photo for pair in pairs if pair is not None for photo in (pair.left, pair.right)}


def _seen(
    row: Row, bracket: Bracket, pair: Pair | None, shown: _Shown, standings: Mapping[str, Standing]
) -> Sitting:
    """Return a tournament as its person sees it; `pair` is None if it has ended, early or not."""
    champion = bracket.champion() if pair is None else None
    if champion is not None:
        shown.load([champion])
    left, right = (None, None) if pair is None else _sides(pair, shown, standings)
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
        champion=None if champion is None else shown[champion],
        finished=pair is None,
        can_undo=bool(bracket.answers),
    )


def _sides(pair: Pair, shown: _Shown, standings: Mapping[str, Standing]) -> tuple[Side, Side]:
    def one(photo: str, other: str) -> Side:
        standing = standings[photo]
        win, loss = outlook(standing.rating, standings[other].rating)
        return Side(shown[photo], standing, win, loss)

    return one(pair.left, pair.right), one(pair.right, pair.left)


def _unfinished(connection: sa.Connection, person: str, category: str) -> Row | None:
    return connection.execute(_UNFINISHED, {"by": person, "about": category}).one_or_none()


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

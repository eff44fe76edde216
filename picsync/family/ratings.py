"""What the log of choices says of the photos: ratings and leaderboards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.core.values import dataclass
from picsync.family.gamelog import as_records, as_standing, log_entries, store_standings, stored_standings
from picsync.family.games import Record, ratings, standing
from picsync.family.glicko import outlook
from picsync.family.ledger import Ledger, Standing
from picsync.family.photos import Photo, as_photo, select_photos
from picsync.family.state import tables
from picsync.family.state.database import State

PAGE = 50
"""Places of a leaderboard that are shown at once."""


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


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a leaderboard."""

    rank: int
    photo: Photo
    standing: Standing
    win: float
    loss: float
    """By how many points winning, and losing, against a photo that is as good would change its rating."""


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


class Ratings:
    """The ratings of all photos. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._state = state
        self._now = now

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
                _place(offset + rank, as_photo(photos[photo]), standings[photo])
                for rank, photo in enumerate(ranked[offset : offset + most], 1)
            ]
            games = sum(standings[photo].games for photo in photos) // 2
            return Leaderboard(category, since, places, len(photos), games)

        return await self._state.read(work)

    async def standing(self, photo: str) -> Standing:
        """Return a photo's rating of all time."""
        return (await self._state.read(lambda connection: stored_standings(connection, [photo])))[photo]

    async def recompute(self) -> Recomputed:
        """Compute all ratings anew from the log, and correct those that are stored."""

        def work(connection: sa.Connection) -> Recomputed:
            records = as_records(log_entries(connection))
            counts = _counts(records)
            right = {photo: Standing(rating, counts[photo]) for photo, rating in ratings(records).items()}
            table = tables.rating
            stored = {row.photo: as_standing(row) for row in connection.execute(sa.select(table))}
            differing = {
                photo for photo in right.keys() | stored.keys() if right.get(photo) != stored.get(photo)
            }
            connection.execute(sa.delete(table))
            store_standings(connection, right)
            return Recomputed(sum(counts.values()) // 2, len(right), len(differing))

        return await self._state.write(work)


def _place(rank: int, photo: Photo, standing: Standing) -> Place:
    return Place(rank, photo, standing, *outlook(standing.rating, standing.rating))


def _counts(records: Sequence[Record]) -> Mapping[str, int]:
    """Return the number of games that count of each photo."""
    games = (game for period in standing(records).values() for game in period.values())
    return Counter(photo for game in games for photo in (game.left, game.right))


def _standings(connection: sa.Connection, since: Since, now: datetime) -> Mapping[str, Standing]:
    """Return the standings that follow from the tournaments since then."""
    if since is Since.EVER:
        return {row.photo: as_standing(row) for row in connection.execute(sa.select(tables.rating))}
    game, tournament = tables.game, tables.tournament
    rows = connection.execute(
        sa.select(game)
        .join(tournament, tournament.c.tournament == game.c.tournament)
        .where(tournament.c.started_at >= number(now - _SPANS[since]))
        .order_by(game.c.number)
    )
    return Ledger(as_records(rows)).standings()

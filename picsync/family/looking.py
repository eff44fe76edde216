"""Looking at the photos: what is new, albums, one photo with its neighbours, searching, captions and tags.

Photos that are hidden, or in no category any more, are in no list. Lists begin with the photo that picsync
knows for the shortest time; a page begins behind a photo of the page before, so that photos that arrive
meanwhile shift nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.family.acts import Act, note
from picsync.family.photos import Photo, as_photo, select_photos
from picsync.family.state import search_index, tables
from picsync.family.state.database import State

PAGE = 60
"""Photos of a page."""
MAX_CAPTION = 500
"""Characters."""
MAX_TAG = 40
MAX_TAGS = 20
MAX_QUERY = 200
"""Characters of a query that are looked for."""
MAX_WORDS = 8
BEATEN = 12
"""Photos that one has won against, as they are shown on its page."""
_TRIGRAM = 3


@dataclass(frozen=True, slots=True)
class Page:
    """Some photos of a list."""

    photos: Sequence[Photo]
    more: str
    """What `after` has to be for the next page; empty at the end."""


@dataclass(frozen=True, slots=True)
class Results:
    """The games of a photo."""

    won: int
    lost: int
    equal: int
    beaten: Sequence[str]
    """IDs of photos that it has won against, the latest first."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo with everything that its page shows."""

    photo: Photo
    tags: Sequence[str]
    categories: Sequence[str]
    newer: str | None
    older: str | None
    """IDs of its neighbours."""
    results: Results
    hidden_by: str
    """Who said that it is not to be on the frame: a person's ID, or a frame's name; empty otherwise."""


def clean_caption(text: str) -> str:
    """Return a caption as it is stored; raises ValueError if it is too long."""
    if len(text) > 4 * MAX_CAPTION:
        raise ValueError(f"it has more than {MAX_CAPTION} characters")
    found = " ".join(harmless(text).replace("\N{REPLACEMENT CHARACTER}", "").split())
    if len(found) > MAX_CAPTION:
        raise ValueError(f"it has more than {MAX_CAPTION} characters")
    return found


def clean_tags(text: str) -> list[str]:
    """Return the tags that are written with commas between them, each once; raises ValueError."""
    found: dict[str, None] = {}
    for each in text[: 2 * MAX_TAG * MAX_TAGS].split(","):
        tag = " ".join(harmless(each).replace("\N{REPLACEMENT CHARACTER}", "").split()).strip("# ").lower()
        if len(tag) > MAX_TAG:
            raise ValueError(f"a tag has more than {MAX_TAG} characters")
        if tag:
            found[tag] = None
    if len(found) > MAX_TAGS:
        raise ValueError(f"there are more than {MAX_TAGS} tags")
    return sorted(found)


def words_of(query: str) -> list[str]:
    """Return the words that a query looks for; none if there is nothing to look for."""
    return list(dict.fromkeys(harmless(query[:MAX_QUERY]).casefold().split()))[:MAX_WORDS]


class Looking:
    """What the pages show. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now

    async def latest(self, category: str | None = None, *, after: str = "", most: int = PAGE) -> Page:
        """Return a page of all photos, or of those of a category."""
        return await self._page(shown(category), after, most)

    async def search(self, query: str, *, after: str = "", most: int = PAGE) -> Page:
        """Return photos in whose texts each word of a query occurs; any text is a query."""
        words = words_of(query)
        if not words:
            return Page([], "")
        wanted = shown(None)
        for word in words:
            wanted = wanted.where(self._has_word(word))
        return await self._page(wanted, after, most)

    async def count_since(self, since: datetime | None) -> int:
        """Return how many photos arrived after that time; all of them for None."""
        wanted = shown(None)
        if since is not None:
            wanted = wanted.where(tables.photo.c.added_at > number(since))
        count = sa.select(sa.func.count()).select_from(wanted.subquery())
        return await self._state.read(lambda connection: connection.scalar(count) or 0)

    async def see(self, photo: str, category: str | None = None) -> Seen | None:
        """Return a photo with everything about it; neighbours are those in the category, or all."""

        def work(connection: sa.Connection) -> Seen | None:
            row = connection.execute(select_photos().where(tables.photo.c.photo == photo)).one_or_none()
            if row is None:
                return None
            tag, entry, hidden = tables.tag, tables.entry, tables.hidden
            said = connection.execute(
                sa.select(hidden.c.person, hidden.c.frame).where(hidden.c.photo == photo)
            ).one_or_none()
            return Seen(
                as_photo(row),
                list(
                    connection.scalars(sa.select(tag.c.tag).where(tag.c.photo == photo).order_by(tag.c.tag))
                ),
                list(
                    connection.scalars(
                        sa.select(entry.c.category).where(entry.c.photo == photo).order_by(entry.c.category)
                    )
                ),
                _neighbour(connection, row, category, newer=True),
                _neighbour(connection, row, category, newer=False),
                _results(connection, photo),
                "" if said is None else said.person or said.frame or "?",
            )

        return await self._state.read(work)

    async def describe(
        self, photo: str, *, caption: str | None = None, tags: Sequence[str] | None = None, by: str
    ) -> bool:
        """Replace the caption, the tags, or both; return whether the photo is known.

        Both have to be clean. An empty caption hides what the picture says of itself, too.
        """

        def work(connection: sa.Connection) -> bool:
            row = connection.execute(select_photos().where(tables.photo.c.photo == photo)).one_or_none()
            if row is None:
                return False
            known, now = as_photo(row), self._now()
            if caption is not None and caption != known.text:
                _write_caption(connection, known, caption, by, now)
                note(connection, now, by, Act.CAPTIONED, photo, caption)
            if tags is not None:
                _write_tags(connection, photo, set(tags), by, now)
            return True

        return await self._state.write(work)

    async def _page(self, wanted: sa.Select[Any], after: str, most: int) -> Page:
        table = tables.photo
        if (position := _position(after)) is not None:
            wanted = wanted.where(_behind(*position))
        wanted = wanted.order_by(table.c.added_at.desc(), table.c.photo).limit(most + 1)
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        more = f"{rows[most - 1].added_at}.{rows[most - 1].photo}" if len(rows) > most else ""
        return Page([as_photo(row) for row in rows[:most]], more)

    def _has_word(self, word: str) -> sa.ColumnElement[bool]:
        """Return the condition that a photo's texts, or its sender's name, contain a word in lower case."""
        photo, person = tables.photo, tables.person
        if not self._state.is_sqlite:
            own = [photo.c.filename, photo.c.place, photo.c.description]
            captions = sa.select(tables.caption.c.photo).where(_contains(tables.caption.c.text, word))
            tags = sa.select(tables.tag.c.photo).where(_contains(tables.tag.c.tag, word))
            senders = sa.select(person.c.person).where(_contains(person.c.name, word))
            return sa.or_(
                *(_contains(column, word) for column in own),
                photo.c.photo.in_(captions),
                photo.c.photo.in_(tags),
                photo.c.sender.in_(senders),
            )
        index = sa.table(search_index.TABLE, sa.column("photo", sa.Text), sa.column("text", sa.Text))
        if len(word) < _TRIGRAM:
            found = sa.func.instr(sa.func.picsync_fold(index.c.text), word) > 0
        else:
            quoted = '"{}"'.format(word.replace('"', '""'))
            found = sa.literal_column(search_index.TABLE).bool_op("MATCH")(quoted)
        texts = sa.select(index.c.photo).select_from(index).where(found)
        senders = sa.select(person.c.person).where(
            sa.func.instr(sa.func.picsync_fold(person.c.name), word) > 0
        )
        return sa.or_(photo.c.photo.in_(texts), photo.c.sender.in_(senders))


def _contains(column: sa.Column[str], word: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column contains a word in any case.

    With the locale C, PostgreSQL knows upper and lower case of ASCII only.
    """
    spelled = {word} if word.isascii() else {word, word.upper(), word.capitalize()}
    return sa.or_(*(column.icontains(one, autoescape=True) for one in sorted(spelled)))


def shown(category: str | None) -> sa.Select[Any]:
    """Select the photos that lists show."""
    entry = tables.entry
    there = sa.select(entry.c.photo).where(entry.c.photo == tables.photo.c.photo)
    if category is not None:
        there = there.where(entry.c.category == category)
    return select_photos().where(there.exists(), tables.hidden.c.hidden_at.is_(None))


def _position(after: str) -> tuple[int, str] | None:
    at, dot, photo = after.partition(".")
    if not dot or not (at.isascii() and at.isdigit()) or len(at) > 18:
        return None
    return int(at), photo[:20]


def _behind(at: int, photo: str) -> sa.ColumnElement[bool]:
    table = tables.photo
    return sa.or_(table.c.added_at < at, sa.and_(table.c.added_at == at, table.c.photo > photo))


def _neighbour(
    connection: sa.Connection, row: sa.Row[Any], category: str | None, *, newer: bool
) -> str | None:
    table = tables.photo
    wanted = shown(category).with_only_columns(table.c.photo).limit(1)
    if newer:
        before = sa.or_(
            table.c.added_at > row.added_at,
            sa.and_(table.c.added_at == row.added_at, table.c.photo < row.photo),
        )
        wanted = wanted.where(before).order_by(table.c.added_at, table.c.photo.desc())
    else:
        wanted = wanted.where(_behind(row.added_at, row.photo)).order_by(
            table.c.added_at.desc(), table.c.photo
        )
    return connection.scalar(wanted)


def _results(connection: sa.Connection, photo: str) -> Results:
    """Return the games of a photo that have not been taken back."""
    game = tables.game
    mine = sa.or_(game.c.left == photo, game.c.right == photo)
    of = sa.select(game.c.tournament).where(mine)
    games: dict[tuple[str, int], sa.Row[Any]] = {}
    for row in connection.execute(
        sa.select(game)
        .where(game.c.tournament.in_(of), sa.or_(mine, game.c.left.is_(None)))
        .order_by(game.c.number)
    ):
        if row.left is not None:
            games[row.tournament, row.choice] = row
        elif row.choice is None:
            games = {key: one for key, one in games.items() if key[0] != row.tournament}
        else:
            games.pop((row.tournament, row.choice), None)
    outcomes: Counter[float] = Counter()
    beaten: dict[str, None] = {}
    for row in sorted(games.values(), key=lambda one: -one.number):
        if row.score is None:
            continue
        score = row.score if row.left == photo else 1 - row.score
        outcomes[score] += 1
        if score == 1:
            beaten[row.right if row.left == photo else row.left] = None
    return Results(outcomes[1], outcomes[0], outcomes[0.5], list(beaten)[:BEATEN])


def _write_caption(connection: sa.Connection, photo: Photo, caption: str, by: str, now: datetime) -> None:
    table = tables.caption
    connection.execute(sa.delete(table).where(table.c.photo == photo.photo))
    if caption != photo.description:
        connection.execute(
            sa.insert(table).values(photo=photo.photo, text=caption, person=by, written_at=number(now))
        )


def _write_tags(connection: sa.Connection, photo: str, tags: set[str], by: str, now: datetime) -> None:
    table = tables.tag
    known = set(connection.scalars(sa.select(table.c.tag).where(table.c.photo == photo)))
    if known == tags:
        return
    connection.execute(sa.delete(table).where(table.c.photo == photo, table.c.tag.in_(known - tags)))
    for each in sorted(tags - known):
        connection.execute(sa.insert(table).values(photo=photo, tag=each, person=by, written_at=number(now)))
    note(connection, now, by, Act.TAGGED, photo, ", ".join(sorted(tags)))

"""What administrators see: devices, hidden photos, failed uploads, tournaments, who did what, storage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import instant
from picsync.core.values import dataclass
from picsync.family.state import tables
from picsync.family.state.database import State

PAGE = 50
"""Lines of a list."""


@dataclass(frozen=True, slots=True)
class AnyDevice:
    """A device of any person."""

    device: str
    person: str
    kind: str
    name: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hidden:
    """Something that is on no frame."""

    photo: str
    """A photo's ID, or the key of an item that has never been on these pages."""
    known: bool
    """Whether it is a photo of these pages."""
    text: str
    person: str | None
    frame: str
    hidden_at: datetime | None


@dataclass(frozen=True, slots=True)
class Failed:
    """An upload that was not taken."""

    upload: str
    person: str
    filename: str
    reason: str
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Played:
    """Somebody's tournament. Who chose what is nobody's business."""

    tournament: str
    category: str
    person: str
    kind: str
    started_at: datetime | None
    finished: bool
    games: int
    undone: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log."""

    number: int
    at: datetime | None
    person: str | None
    act: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Storage:
    """What is stored."""

    photos: int
    people: int
    games: int
    uploads: int
    uploaded_bytes: int
    database_bytes: int


class Office:
    """Lists for administrators. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def names(self) -> dict[str, str]:
        """Return the names of everybody, those who were removed included, by ID."""
        person = tables.person
        rows = await self._rows(sa.select(person.c.person, person.c.name))
        return {row.person: row.name for row in rows}

    async def devices(self) -> Sequence[AnyDevice]:
        """Return all devices, the one first that was used last."""
        table = tables.device
        rows = await self._rows(sa.select(table).order_by(table.c.seen_at.desc(), table.c.device))
        return [AnyDevice(row.device, row.person, row.kind, row.name, instant(row.seen_at)) for row in rows]

    async def hidden(self, *, offset: int = 0) -> Sequence[Hidden]:
        """Return what is hidden, the latest first."""
        table, photo, caption = tables.hidden, tables.photo, tables.caption
        rows = await self._rows(
            sa.select(table, photo.c.filename, photo.c.description, caption.c.text)
            .outerjoin(photo, photo.c.photo == table.c.photo)
            .outerjoin(caption, caption.c.photo == table.c.photo)
            .order_by(table.c.hidden_at.desc(), table.c.photo)
            .limit(PAGE)
            .offset(offset)
        )
        return [
            Hidden(
                row.photo,
                row.filename is not None,
                row.text or row.description or row.filename or "",
                row.person,
                row.frame,
                instant(row.hidden_at),
            )
            for row in rows
        ]

    async def failed_uploads(self, *, offset: int = 0) -> Sequence[Failed]:
        """Return the uploads that were not taken, the latest first."""
        table = tables.upload
        rows = await self._rows(
            sa.select(table)
            .where(table.c.state == "failed")
            .order_by(table.c.changed_at.desc(), table.c.upload)
            .limit(PAGE)
            .offset(offset)
        )
        return [
            Failed(row.upload, row.person, row.filename, row.reason, instant(row.changed_at)) for row in rows
        ]

    async def tournaments(self, *, offset: int = 0) -> Sequence[Played]:
        """Return all tournaments, the latest first."""
        table, game = tables.tournament, tables.game
        some = (
            sa.select(table)
            .order_by(table.c.started_at.desc(), table.c.tournament)
            .limit(PAGE)
            .offset(offset)
            .subquery()
        )
        games = sa.func.count(game.c.score)
        undone = sa.func.count().filter(game.c.answer == "undone", game.c.choice.is_(None))
        rows = await self._rows(
            sa.select(*some.c, games.label("games"), undone.label("undone"))
            .outerjoin(game, game.c.tournament == some.c.tournament)
            .group_by(*some.c)
            .order_by(some.c.started_at.desc(), some.c.tournament)
        )
        return [
            Played(
                row.tournament,
                row.category,
                row.person,
                row.kind,
                instant(row.started_at),
                row.finished_at is not None,
                row.games,
                bool(row.undone),
            )
            for row in rows
        ]

    async def log(self, *, offset: int = 0) -> Sequence[Entry]:
        """Return who did what, the latest first."""
        table = tables.act
        rows = await self._rows(sa.select(table).order_by(table.c.number.desc()).limit(PAGE).offset(offset))
        return [
            Entry(row.number, instant(row.at), row.person, row.act, row.subject, row.detail) for row in rows
        ]

    async def storage(self) -> Storage:
        """Return how much there is."""

        def count(connection: sa.Connection) -> Storage:
            def rows(table: sa.Table) -> int:
                return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0

            upload = tables.upload
            ready = connection.execute(
                sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(upload.c.size_bytes), 0)).where(
                    upload.c.state == "ready"
                )
            ).one()
            if connection.dialect.name == "sqlite":
                pages, size = (
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0
                    for name in ("page_count", "page_size")
                )
                database = pages * size
            else:
                tables_of_state = list(tables.metadata.tables)
                database = sum(
                    connection.scalar(sa.select(sa.func.pg_total_relation_size(name))) or 0
                    for name in tables_of_state
                )
            return Storage(
                rows(tables.photo), rows(tables.person), rows(tables.game), ready[0], int(ready[1]), database
            )

        return await self._state.read(count)

    async def _rows(self, wanted: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        return await self._state.read(lambda connection: connection.execute(wanted).all())


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder; blocks."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(where) / name).stat().st_size
            except OSError:
                continue  # It was removed meanwhile.
    return total

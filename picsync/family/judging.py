"""What the family says of photos, as cycles need it: read from the state once for each cycle."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

import sqlalchemy as sa

from picsync.core.errors import StateError
from picsync.core.judgements import Judged, Judgements, Judges
from picsync.family.onframes import OnFrames
from picsync.family.state import tables
from picsync.family.state.database import State


class FamilyJudges:
    """Reads judgements from the state."""

    def __init__(self, state: State, on_frames: OnFrames | None = None) -> None:
        """`on_frames` is told what the frames show."""
        self._state = state
        self._on_frames = on_frames

    async def judgements(self, *, ratings: bool, captions: bool) -> Judgements:
        """Return what is hidden and, as far as it is asked for, the rest. Raises StateError."""

        def work(connection: sa.Connection) -> Judgements:
            hidden, item = tables.hidden, tables.item
            found = set(connection.scalars(sa.select(hidden.c.photo)))
            if found:
                of_hidden = sa.select(item.c.item).join(hidden, hidden.c.photo == item.c.photo)
                found.update(connection.scalars(of_hidden))
            rated = _ratings(connection) if ratings else {}
            written = _captions(connection) if captions else {}
            tables_needed = [*([tables.rating] if rated else []), *([tables.caption] if written else [])]
            return Judgements(frozenset(found), _items(connection, tables_needed), rated, written)

        return await self._state.read(work)

    def shown(self, rule: str, frame: str, items: Collection[str]) -> None:
        """Take note of what a rule has on a frame now, by the keys of the items."""
        if self._on_frames is not None:
            self._on_frames.note(rule, frame, items)


class NoJudges:
    """Stands for a state that cannot be opened. Frames keep what they have until it can be."""

    def __init__(self, error: StateError) -> None:
        self._error = error

    async def judgements(self, *, ratings: bool, captions: bool) -> Judgements:  # noqa: ARG002 - port
        """Raise StateError: what is hidden is not known."""
        raise self._error

    def shown(self, rule: str, frame: str, items: Collection[str]) -> None:
        """Do nothing: there are no pages."""


@asynccontextmanager
async def open_judges(cache: str) -> AsyncIterator[Judges | None]:
    """Open what a family says of photos, to be read only; None if there is none yet."""
    try:
        state = await State.open_existing(cache)
    except StateError as error:
        yield NoJudges(error)
        return
    try:
        yield None if state is None else FamilyJudges(state)
    finally:
        if state is not None:
            await state.aclose()


def _ratings(connection: sa.Connection) -> dict[str, Judged]:
    rating = tables.rating
    rows = connection.execute(sa.select(rating.c.photo, rating.c.points, rating.c.deviation))
    return {row.photo: Judged(row.points, row.deviation) for row in rows}


def _captions(connection: sa.Connection) -> dict[str, str]:
    caption = tables.caption
    rows = connection.execute(sa.select(caption.c.photo, caption.c.text))
    return {row.photo: row.text for row in rows}


def _items(connection: sa.Connection, judged: Iterable[sa.Table]) -> dict[str, str]:
    """Return the photos of the items that have a row in one of these tables."""
    found: dict[str, str] = {}
    for table in judged:
        wanted = sa.select(tables.item).join(table, table.c.photo == tables.item.c.photo)
        found |= {row.item: row.photo for row in connection.execute(wanted)}
    return found

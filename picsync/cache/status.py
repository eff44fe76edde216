"""The content of a cache, for `picsync cache status`."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

import sqlalchemy as sa

from picsync.cache import schema, sqlite
from picsync.cache.place import Place, explained, require_known, revision_of
from picsync.core.values import dataclass

_c = schema.mapping.c
_ENTRIES = (
    sa.select(
        _c.source,
        sa.func.count(),
        sa.func.count(_c.unusable),
        sa.func.min(_c.recorded_at),
        sa.func.max(_c.recorded_at),
    )
    .group_by(_c.source)
    .order_by(_c.source)
)


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """The content of a cache."""

    location: str
    """The file's path, or the URL without password and options."""
    revision: str | None
    """Of the schema; `0` is the Go picsync's file, None a cache that does not exist yet."""
    entries: dict[str, int] = field(default_factory=dict)
    """Number of mappings by source, including unusable items. Those of a Go picsync's file are not counted.
    """
    unusable: int = 0
    """How many of them record an unusable item."""
    size_bytes: int | None = None
    """Size of all its files on disk; None for a database server."""
    oldest_recorded_at: datetime | None = None
    """Aware UTC, like `newest_recorded_at`; None if no mapping has a time."""
    newest_recorded_at: datetime | None = None


def read_status(place: Place, engine: sa.Engine) -> CacheStatus:
    """Return the status of a cache that can be read through `engine`; raises CacheError."""
    size_bytes = place.size_bytes()
    with explained(place):
        revision = revision_of(engine)
        require_known(place, revision)
        if revision is None:
            return CacheStatus(str(place), None, size_bytes=size_bytes)
        with engine.connect() as connection:
            rows = connection.execute(_ENTRIES).all()
    return CacheStatus(
        str(place),
        revision,
        entries={source: count for source, count, *_ in rows},
        unusable=sum(unusable for _, _, unusable, *_ in rows),
        size_bytes=size_bytes,
        oldest_recorded_at=min((at for *_, at, _ in rows if at is not None), default=None),
        newest_recorded_at=max((at for *_, at in rows if at is not None), default=None),
    )


def inspect(place: Place, busy_timeout_s: float) -> CacheStatus:
    """Return the status of a cache that another process may have open, without changing it."""
    engine = place.open_to_read(busy_timeout_s)
    if isinstance(engine, sqlite.State):
        revision = "0" if engine is sqlite.State.GO else None
        return CacheStatus(str(place), revision, size_bytes=place.size_bytes())
    try:
        return read_status(place, engine)
    finally:
        engine.dispose()

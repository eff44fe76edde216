"""The content of a cache, for `picsync cache status`."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from picsync.cache import schema, sqlite
from picsync.cache.database import Database, require_known
from picsync.cache.place import Place
from picsync.core.values import dataclass


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


def read_status(place: Place, database: Database) -> CacheStatus:
    """Return the status of an open cache; raises CacheError."""
    size_bytes = place.size_bytes()
    revision = database.revision()
    require_known(place, revision)
    if revision is None:
        return CacheStatus(str(place), None, size_bytes=size_bytes)
    rows = database.entries()
    instants = [at for *_, first, last in rows for at in map(schema.instant, (first, last)) if at is not None]
    return CacheStatus(
        str(place),
        revision,
        entries={source: count for source, count, *_ in rows},
        unusable=sum(unusable for _, _, unusable, *_ in rows),
        size_bytes=size_bytes,
        oldest_recorded_at=min(instants, default=None),
        newest_recorded_at=max(instants, default=None),
    )


def inspect(place: Place, busy_timeout_s: float) -> CacheStatus:
    """Return the status of a cache that another process may have open, without changing it."""
    found = place.open_to_read(busy_timeout_s)
    if isinstance(found, sqlite.State):
        revision = "0" if found is sqlite.State.GO else None
        return CacheStatus(str(place), revision, size_bytes=place.size_bytes())
    try:
        return read_status(place, found)
    finally:
        found.close()

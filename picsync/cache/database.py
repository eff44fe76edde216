"""What the cache needs of a database: an SQLite file and a server are two kinds of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from picsync.cache import schema
from picsync.core.errors import CacheError
from picsync.core.values import dataclass

Row: TypeAlias = tuple[Any, ...]
"""Values in the order of `schema.COLUMNS`, as stored."""


@dataclass(frozen=True, slots=True)
class ListingChange:
    """What is written of a listing in one transaction, as stored."""

    source: str
    album: str
    arguments: str
    cursor: str
    changed: Sequence[tuple[str, str]]
    """Entry and content of what is new or has changed."""
    removed: Sequence[str] = ()
    replace: bool = False
    """Whether everything that is stored of the listing is removed first."""


@dataclass(frozen=True, slots=True)
class MirrorChange:
    """What is written of a mirror in one transaction, as stored."""

    mirror: str
    arguments: str
    cursor: str
    changed: Sequence[Row]
    """Rows of `schema.MIRROR_FILES_COLUMNS`."""
    removed: Sequence[tuple[str, str]] = ()
    """Side and path."""
    replace: bool = False
    """Whether everything that is stored of the mirror is removed first."""


class Database(Protocol):
    """An open database. Its methods block, may run in several threads, and raise CacheError."""

    def revision(self) -> str | None:
        """Return the revision of the schema; None if there is no schema yet."""

    def find(self, source: str, recipe: str, item_ids: Sequence[str]) -> Iterable[Row]:
        """Return item_id, version, algorithm, digest, unusable and recorded_at of all rows of these items."""

    def replace(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction, each in place of the row with the same key; durable on return."""

    def find_facts(self, source: str, item_ids: Sequence[str]) -> Iterable[Row]:
        """Return `schema.FACTS_COLUMNS` without the source of all rows of these items."""

    def replace_facts(self, rows: Sequence[Row]) -> None:
        """Write rows of `schema.FACTS_COLUMNS` as `replace` does."""

    def find_told(self, source: str, item_ids: Sequence[str]) -> Iterable[Row]:
        """Return `schema.TOLD_COLUMNS` without the source of all rows of these items."""

    def replace_told(self, rows: Sequence[Row]) -> None:
        """Write rows of `schema.TOLD_COLUMNS` as `replace` does."""

    def rule_start(self, rule: str) -> int | None:
        """Return when a rule started; None if that is not known."""

    def start_rule(self, rule: str, at: int) -> None:
        """Store when a rule started, unless that is known."""

    def find_listing(self, source: str, album: str) -> tuple[str, str, Sequence[Row]] | None:
        """Return arguments, cursor and entries (entry, content) of a listing, as they were written."""

    def write_listing(self, change: ListingChange) -> None:
        """Write a listing's cursor and entries in one transaction; durable on return."""

    def find_mirror(self, mirror: str) -> tuple[str, str, Sequence[Row]] | None:
        """Return arguments, cursor and `schema.MIRROR_FILES_COLUMNS` without the mirror, as written."""

    def write_mirror(self, change: MirrorChange) -> None:
        """Write a mirror's cursor and files in one transaction; durable on return."""

    def entries(self) -> Sequence[Row]:
        """Return source, items, unusable items, and the first and last `recorded_at`, for each source."""

    def close(self) -> None:
        """Close all connections."""


class Empty:
    """A cache without entries, for a dry run that finds none; recorded mappings stay in the overlay."""

    def revision(self) -> str | None:
        """Return None: there is no schema."""
        return None

    def find(self, source: str, recipe: str, item_ids: Sequence[str]) -> Iterable[Row]:
        """Return no rows."""
        del source, recipe, item_ids
        return ()

    def replace(self, rows: Sequence[Row]) -> None:
        """Forget the rows."""

    def find_facts(self, source: str, item_ids: Sequence[str]) -> Iterable[Row]:
        """Return no rows."""
        del source, item_ids
        return ()

    def replace_facts(self, rows: Sequence[Row]) -> None:
        """Forget the rows."""

    def find_told(self, source: str, item_ids: Sequence[str]) -> Iterable[Row]:
        """Return no rows."""
        del source, item_ids
        return ()

    def replace_told(self, rows: Sequence[Row]) -> None:
        """Forget the rows."""

    def rule_start(self, rule: str) -> None:
        """Return None: nothing is known."""

    def start_rule(self, rule: str, at: int) -> None:
        """Forget it."""

    def find_listing(self, source: str, album: str) -> None:
        """Return None: nothing is known."""

    def write_listing(self, change: ListingChange) -> None:
        """Forget it."""

    def find_mirror(self, mirror: str) -> None:
        """Return None: nothing is known."""

    def write_mirror(self, change: MirrorChange) -> None:
        """Forget it."""

    def entries(self) -> Sequence[Row]:
        """Return no rows."""
        return ()

    def close(self) -> None:
        """There is nothing to close."""


def require_known(place: object, revision: str | None) -> None:
    """Raise CacheError for an unknown revision."""
    if revision is not None and revision not in schema.REVISIONS:
        raise CacheError(
            f"The cache {place} was written by a newer picsync (schema revision {revision}).",
            hint="Update picsync, or use another cache.",
        )


def migrated(place: object, database: Database, migrate: Callable[[], None]) -> Database:
    """Return the database, migrated to the newest revision if necessary; closes it on errors."""
    try:
        revision = database.revision()
        require_known(place, revision)
        if revision != schema.HEAD:
            migrate()
    except BaseException:
        database.close()
        raise
    return database


def to_plan(place: object, database: Database, notify: Callable[[str], None]) -> Database:
    """Return a database to plan with, or an empty one if this has no readable tables."""
    try:
        revision = database.revision()
        require_known(place, revision)
    except BaseException:
        database.close()
        raise
    if revision == schema.HEAD:
        return database
    database.close()
    if revision is not None:
        not_migrated(place, notify)
    return Empty()


def not_migrated(place: object, notify: Callable[[str], None]) -> None:
    """Tell the user that a dry run cannot use a cache of an older revision."""
    notify(
        f"The cache {place} is not migrated yet, so the dry run cannot use it: it downloads what the next"
        " sync would find there."
    )

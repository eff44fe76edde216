"""A cache in an SQLite file, which one process at a time may open."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from picsync.cache import schema, sqlite
from picsync.cache.database import (
    Database,
    Empty,
    ListingChange,
    MirrorChange,
    Row,
    migrated,
    not_migrated,
    to_plan,
)
from picsync.cache.locking import CacheLock
from picsync.core.errors import CacheError
from picsync.core.values import dataclass

_IDLE_CONNECTIONS = 4
"""How many connections are kept for later: reads and a write may be under way at the same time."""

_FIND = (
    "SELECT item_id, version, algorithm, digest, unusable, recorded_at FROM mapping"
    " WHERE source = ? AND recipe = ? AND item_id IN ({})"
)
_REPLACE = (
    "INSERT OR REPLACE INTO mapping"
    " (source, item_id, version, recipe, algorithm, digest, unusable, recorded_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
"""In the order of `schema.COLUMNS`."""
_FIND_FACTS = (
    "SELECT item_id, version, first_seen_at, width, height, rating, look, examined_at FROM facts"
    " WHERE source = ? AND item_id IN ({})"
)
_REPLACE_FACTS = (
    "INSERT OR REPLACE INTO facts"
    " (source, item_id, version, first_seen_at, width, height, rating, look, examined_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
"""In the order of `schema.FACTS_COLUMNS`."""
_FIND_TOLD = (
    "SELECT item_id, version, taken_at, description, place FROM told WHERE source = ? AND item_id IN ({})"
)
_REPLACE_TOLD = (
    "INSERT OR REPLACE INTO told (source, item_id, version, taken_at, description, place)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
"""In the order of `schema.TOLD_COLUMNS`."""
_RULE_START = "SELECT started_at FROM rule_start WHERE rule = ?"
_START_RULE = "INSERT OR IGNORE INTO rule_start (rule, started_at) VALUES (?, ?)"
_FIND_LISTING = "SELECT arguments, cursor FROM listing WHERE source = ? AND album = ?"
_FIND_ENTRIES = "SELECT entry, content FROM listing_entry WHERE source = ? AND album = ?"
_REPLACE_LISTING = "INSERT OR REPLACE INTO listing (source, album, arguments, cursor) VALUES (?, ?, ?, ?)"
_REPLACE_ENTRY = "INSERT OR REPLACE INTO listing_entry (source, album, entry, content) VALUES (?, ?, ?, ?)"
_REMOVE_ENTRIES = "DELETE FROM listing_entry WHERE source = ? AND album = ?"
_REMOVE_ENTRY = "DELETE FROM listing_entry WHERE source = ? AND album = ? AND entry = ?"
_FIND_MIRROR = "SELECT arguments, cursor FROM mirror WHERE mirror = ?"
_FIND_MIRRORED = (
    "SELECT side, path, size_bytes, modified_at, inode, rev, content_hash FROM mirror_file WHERE mirror = ?"
)
_REPLACE_MIRROR = "INSERT OR REPLACE INTO mirror (mirror, arguments, cursor) VALUES (?, ?, ?)"
_REPLACE_MIRRORED = (
    "INSERT OR REPLACE INTO mirror_file"
    " (mirror, side, path, size_bytes, modified_at, inode, rev, content_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
"""In the order of `schema.MIRROR_FILES_COLUMNS`."""
_REMOVE_MIRRORED = "DELETE FROM mirror_file WHERE mirror = ?"
_REMOVE_ONE_MIRRORED = "DELETE FROM mirror_file WHERE mirror = ? AND side = ? AND path = ?"
_ENTRIES = (
    "SELECT source, count(DISTINCT item_id), count(DISTINCT CASE WHEN unusable IS NOT NULL THEN item_id END),"
    " min(recorded_at), max(recorded_at)"
    " FROM mapping GROUP BY source ORDER BY source"
)
_REVISION = "SELECT version_num FROM picsync_schema"
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"


@dataclass(frozen=True, slots=True)
class File:
    """An SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[Database, CacheLock]:
        """Lock the file, set it aside if necessary, and migrate it."""
        sqlite.check_place(self.path)
        lock = CacheLock.acquire(self.path, now)
        with _released_on_error(lock):
            finding = sqlite.examine(self.path, mode="rw", busy_timeout_s=busy_timeout_s)
            return self._open_locked(finding, lock, now, busy_timeout_s, notify), lock

    def _open_locked(
        self,
        finding: sqlite.Finding,
        lock: CacheLock,
        now: datetime,
        busy_timeout_s: float,
        notify: Callable[[str], None],
    ) -> Database:
        """Set the file aside if necessary, and migrate it."""
        if not lock.kept:
            notify(
                f"The file system of the cache {self.path} does not support locks, so a second"
                " picsync could use it at the same time. Put the cache on a local disk, or make sure that"
                " only one picsync runs."
            )
        message = sqlite.prepare(self.path, finding, now=now)
        if message is not None:
            notify(message)
        database = FileDatabase(self.path, busy_timeout_s=busy_timeout_s)
        return migrated(self, database, database.migrate)

    def open_to_read(self, busy_timeout_s: float) -> Database | sqlite.State:
        """Open the file read-only or, if it is not a cache yet, return its state: FRESH or GO."""
        sqlite.check_place(self.path)
        finding = sqlite.examine(self.path, mode="ro", busy_timeout_s=busy_timeout_s)
        match finding.state:
            case sqlite.State.FRESH | sqlite.State.GO:
                return finding.state
            case sqlite.State.FOREIGN:
                raise sqlite.foreign(self.path, finding)
            case sqlite.State.DAMAGED | sqlite.State.NEWER:
                raise CacheError(
                    f"The cache {self} {finding.detail}.",
                    hint="The next sync renames it and starts a new one.",
                )
            case sqlite.State.OURS:
                return FileDatabase(self.path, read_only=True, busy_timeout_s=busy_timeout_s)

    def open_to_plan(
        self, now: datetime, busy_timeout_s: float, notify: Callable[[str], None]
    ) -> tuple[Database, CacheLock | None]:
        """Open the file as `open` does if possible; otherwise open it read-only next to its user.

        A database without a lock is read-only.
        """
        sqlite.check_place(self.path)
        try:
            lock = CacheLock.acquire(self.path, now)
        except CacheError as error:
            notify(f"{error.message} The dry run reads the cache and writes nothing to it.")
            return self._beside_its_user(busy_timeout_s, notify), None
        with _released_on_error(lock):
            finding = sqlite.examine(self.path, mode="rw", busy_timeout_s=busy_timeout_s)
            if finding.state not in sqlite.SET_ASIDE:
                return self._open_locked(finding, lock, now, busy_timeout_s, notify), lock
        lock.release()
        notify(
            f"The cache {self} {finding.detail}. The dry run does not use it, and downloads what the next"
            " sync will download, too."
        )
        return Empty(), None

    def _beside_its_user(self, busy_timeout_s: float, notify: Callable[[str], None]) -> Database:
        found = self.open_to_read(busy_timeout_s)
        if not isinstance(found, sqlite.State):
            return to_plan(self, found, notify)
        if found is sqlite.State.GO:
            not_migrated(self, notify)
        return Empty()

    def size_bytes(self) -> int:
        """Return the size of the cache on disk."""
        return sqlite.size_bytes(self.path)


class FileDatabase:
    """The tables in an SQLite file; each thread that uses it has a connection of its own meanwhile."""

    def __init__(self, path: Path, *, read_only: bool = False, busy_timeout_s: float) -> None:
        self._path = path
        self._read_only = read_only
        self._busy_timeout_s = busy_timeout_s
        self._idle: list[sqlite3.Connection] = []

    def migrate(self) -> None:
        """Migrate the schema to the newest revision; creates it in a file without tables."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchall():
                for statement in schema.FRESH:
                    connection.execute(statement).close()
                connection.execute("COMMIT").close()
                return
            connection.execute("ROLLBACK").close()
        # Imported here since SQLAlchemy and Alembic take most of a second to load.
        from picsync.cache.migrate import upgrade_file

        with self._explained():
            upgrade_file(self._connect)

    def revision(self) -> str | None:
        """Return the revision of the schema; None if there is no schema yet."""
        with self._connected() as connection:
            if not connection.execute(_HAS_TABLE, (schema.VERSION_TABLE,)).fetchall():
                return None
            found = connection.execute(_REVISION).fetchall()
        return str(found[0][0]) if found else None

    def find(self, source: str, recipe: str, item_ids: Sequence[str]) -> Sequence[Row]:
        """Return item_id, version, algorithm, digest, unusable and recorded_at of all rows of these items."""
        statement = _FIND.format(",".join("?" * len(item_ids)))
        with self._connected() as connection:
            found: list[Any] = connection.execute(statement, (source, recipe, *item_ids)).fetchall()
        return found

    def replace(self, rows: Sequence[Row]) -> None:
        """Write rows in one transaction, each in place of the row with the same key; durable on return."""
        self._write(_REPLACE, rows)

    def find_facts(self, source: str, item_ids: Sequence[str]) -> Sequence[Row]:
        """Return `schema.FACTS_COLUMNS` without the source of all rows of these items."""
        return self._of_items(_FIND_FACTS, source, item_ids)

    def replace_facts(self, rows: Sequence[Row]) -> None:
        """Write rows of `schema.FACTS_COLUMNS` as `replace` does."""
        self._write(_REPLACE_FACTS, rows)

    def find_told(self, source: str, item_ids: Sequence[str]) -> Sequence[Row]:
        """Return `schema.TOLD_COLUMNS` without the source of all rows of these items."""
        return self._of_items(_FIND_TOLD, source, item_ids)

    def replace_told(self, rows: Sequence[Row]) -> None:
        """Write rows of `schema.TOLD_COLUMNS` as `replace` does."""
        self._write(_REPLACE_TOLD, rows)

    def _of_items(self, statement: str, source: str, item_ids: Sequence[str]) -> Sequence[Row]:
        statement = statement.format(",".join("?" * len(item_ids)))
        with self._connected() as connection:
            found: list[Any] = connection.execute(statement, (source, *item_ids)).fetchall()
        return found

    def rule_start(self, rule: str) -> int | None:
        """Return when a rule started; None if that is not known."""
        with self._connected() as connection:
            found = connection.execute(_RULE_START, (rule,)).fetchall()
        return found[0][0] if found else None

    def start_rule(self, rule: str, at: int) -> None:
        """Store when a rule started, unless that is known."""
        self._write(_START_RULE, [(rule, at)])

    def _write(self, statement: str, rows: Sequence[Row]) -> None:
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            connection.executemany(statement, rows).close()
            connection.execute("COMMIT").close()

    def find_listing(self, source: str, album: str) -> tuple[str, str, Sequence[Row]] | None:
        """Return arguments, cursor and entries (entry, content) of a listing, as they were written."""
        with self._connected() as connection:
            connection.execute("BEGIN").close()
            found = connection.execute(_FIND_LISTING, (source, album)).fetchall()
            entries: list[Any] = (
                connection.execute(_FIND_ENTRIES, (source, album)).fetchall() if found else []
            )
            connection.execute("COMMIT").close()
        return (*found[0], entries) if found else None

    def write_listing(self, change: ListingChange) -> None:
        """Write a listing's cursor and entries in one transaction; durable on return."""
        of = (change.source, change.album)
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            if change.replace:
                connection.execute(_REMOVE_ENTRIES, of).close()
            connection.executemany(_REMOVE_ENTRY, [(*of, entry) for entry in change.removed]).close()
            connection.executemany(_REPLACE_ENTRY, [(*of, *each) for each in change.changed]).close()
            connection.execute(_REPLACE_LISTING, (*of, change.arguments, change.cursor)).close()
            connection.execute("COMMIT").close()

    def find_mirror(self, mirror: str) -> tuple[str, str, Sequence[Row]] | None:
        """Return arguments, cursor and `schema.MIRROR_FILES_COLUMNS` without the mirror, as written."""
        with self._connected() as connection:
            connection.execute("BEGIN").close()
            found = connection.execute(_FIND_MIRROR, (mirror,)).fetchall()
            files: list[Any] = connection.execute(_FIND_MIRRORED, (mirror,)).fetchall() if found else []
            connection.execute("COMMIT").close()
        return (*found[0], files) if found else None

    def write_mirror(self, change: MirrorChange) -> None:
        """Write a mirror's cursor and files in one transaction; durable on return."""
        with self._connected() as connection:
            connection.execute("BEGIN IMMEDIATE").close()
            if change.replace:
                connection.execute(_REMOVE_MIRRORED, (change.mirror,)).close()
            removed = [(change.mirror, *each) for each in change.removed]
            connection.executemany(_REMOVE_ONE_MIRRORED, removed).close()
            connection.executemany(_REPLACE_MIRRORED, change.changed).close()
            connection.execute(_REPLACE_MIRROR, (change.mirror, change.arguments, change.cursor)).close()
            connection.execute("COMMIT").close()

    def entries(self) -> Sequence[Row]:
        """Return source, items, unusable items, and the first and last `recorded_at`, for each source."""
        with self._connected() as connection:
            found: list[Any] = connection.execute(_ENTRIES).fetchall()
        return found

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Provide a connection; after an error it is closed, which rolls its transaction back."""
        with self._explained():
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            if len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
            else:
                connection.close()

    def _connect(self) -> sqlite3.Connection:
        mode = "ro" if self._read_only else "rwc"
        connection = sqlite.connect(self._path, mode=mode, busy_timeout_s=self._busy_timeout_s)
        try:
            if not self._read_only:
                # Readers, such as a status command, do not block the writer. Some network file systems do not
                # support WAL; SQLite then keeps a mode that works.
                connection.execute("PRAGMA journal_mode = WAL").close()
                # NORMAL would lose the last commits in a power failure. A commit has to be durable, and all
                # mappings of a batch share one fsync.
                connection.execute("PRAGMA synchronous = FULL").close()
        except BaseException:
            connection.close()
            raise
        return connection

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Convert SQLite's errors to CacheError; any other exception is a bug."""
        try:
            yield
        except sqlite3.Error as error:
            raise sqlite.explain(error, self._path) from error


@contextlib.contextmanager
def _released_on_error(lock: CacheLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise

"""Everything specific to SQLite: pragmas, damage, setting files aside, its error codes.

A file opened through `prepare` is new, the Go picsync's, or a sound cache. Anything else is renamed, never
overwritten, unless it is clearly another program's database.
"""

from __future__ import annotations

import errno
import functools
import os
import sqlite3
from contextlib import closing
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from urllib.parse import quote_from_bytes

from picsync.cache import schema
from picsync.core.errors import CacheError
from picsync.core.values import dataclass
from picsync.system.files import reason, remedy

_GO_TABLES = {
    "googlephotos": {"Id", "GooglephotosId", "Md5", "LastUpdated"},
    "nixplay": {"Id", "NixplayId", "Md5"},
}
"""The tables of the Go picsync, with columns that distinguish them from other tables of these names."""

_COMPANIONS = ("-wal", "-shm", "-journal")
_SMALLEST_BYTES = 512
"""SQLite's smallest page."""

_SET_ASIDE_HINT = "Restart picsync: it renames the file and starts a new one."
_SPACE_HINT = "Free some space there; nothing that was recorded before is lost."
_ACCESS_HINT = "Give the user that picsync runs as write access to this file and its folder."
_DISK_HINT = "Check the disk or volume and its mount."

_ERRORS = {
    sqlite3.SQLITE_BUSY: ("is locked by another program", "Close other programs that have this file open."),
    sqlite3.SQLITE_LOCKED: ("is locked by another program", "Close other programs that have this file open."),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", _SPACE_HINT),
    sqlite3.SQLITE_READONLY: ("is read-only", _ACCESS_HINT),
    sqlite3.SQLITE_PERM: ("may not be opened", _ACCESS_HINT),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", _ACCESS_HINT),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", _DISK_HINT),
    sqlite3.SQLITE_PROTOCOL: ("cannot be locked", _DISK_HINT),
    sqlite3.SQLITE_NOLFS: ("is too large for its file system", _DISK_HINT),
    sqlite3.SQLITE_NOMEM: ("cannot be read: out of memory", "Increase the memory limit of picsync."),
}
"""Primary result codes that describe the environment, not the file's content."""


class State(Enum):
    """What a file contains."""

    FRESH = auto()
    GO = auto()
    OURS = auto()
    NEWER = auto()
    DAMAGED = auto()
    FOREIGN = auto()


SET_ASIDE = frozenset({State.DAMAGED, State.NEWER})
"""States in which the file is renamed, to make room for a new cache."""

_HEADER = b"SQLite format 3\0"
_SUFFIXES = (".db", ".sqlite", ".sqlite3")
_TEXT = functools.partial(str, encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Finding:
    """A file's state and, for the user, the reason."""

    state: State
    detail: str = ""


def connect(path: Path, *, mode: str, busy_timeout_s: float) -> sqlite3.Connection:
    """Open the file with SQLite's `mode` (`ro`, `rw`, `rwc`); transactions begin only explicitly."""
    connection = sqlite3.connect(
        f"file:{quote_from_bytes(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
    )
    # A corrupted byte affects its row, not every query that reads the row.
    connection.text_factory = _TEXT
    return connection


def prepare(path: Path, finding: Finding, *, now: datetime) -> str | None:
    """Make sure that `path`, as examined, can be opened and migrated; sets unusable files aside.

    Call it while holding the cache's lock. Returns a message for the user if a file was set aside; raises
    CacheError if the file belongs to another program or cannot be used.
    """
    if finding.state is State.FOREIGN:
        raise foreign(path, finding)
    if finding.state not in SET_ASIDE:
        return None
    try:
        moved = _set_aside(path, finding.state.name.lower(), now)
    except OSError as error:
        raise CacheError(
            f"The cache {path} {finding.detail}, and it cannot be renamed: {reason(error)}.",
            hint=remedy(error, path.parent) or "Move it elsewhere, or use another path for the cache.",
        ) from error
    return (
        f"The cache {path} {finding.detail}. It was set aside as {moved}, and a new cache was started:"
        " photos that earlier versions sent will be downloaded and hashed again. No photo on the frame is"
        " affected."
    )


def examine(path: Path, *, mode: str, busy_timeout_s: float) -> Finding:
    """Find out what the file is without changing it; raises CacheError if that is impossible."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Finding(State.FRESH)
    except OSError as error:
        raise explain_os_error(error, path) from error
    if not _may_have_been_a_database(path):
        return Finding(State.FOREIGN)
    if size < _SMALLEST_BYTES:
        # SQLite itself treats a one-byte file as empty.
        return Finding(State.DAMAGED, "is not a database") if size else Finding(State.FRESH)
    try:
        with closing(connect(path, mode=mode, busy_timeout_s=busy_timeout_s)) as connection:
            finding = _examine(connection)
            if mode == "rw" and finding.state in (State.GO, State.OURS):
                # Rolled back. Raises if the file is read-only, which would otherwise only show at the first
                # mapping.
                connection.execute("BEGIN IMMEDIATE").close()
                connection.execute("CREATE TABLE writable (yes)").close()
            return finding
    except sqlite3.Error as error:
        if _primary_code(error) in _ERRORS:
            raise explain(error, path) from error
        return Finding(State.DAMAGED, f"is damaged or not a database ({error})")
    except UnicodeDecodeError:  # in SQLite's message, which quotes the file
        return Finding(State.DAMAGED, "is damaged")


def _may_have_been_a_database(path: Path) -> bool:
    """Whether a damaged file may be set aside: it is not a picture, text or configuration.

    A power failure can leave zeros, or anything else, at the beginning; then only the name can tell.
    """
    if path.suffix.lower() in _SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
    except OSError as error:
        raise explain_os_error(error, path) from error
    return head == _HEADER[: len(head)] or not head.strip(b"\0")


def _examine(connection: sqlite3.Connection) -> Finding:
    tables = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        if not name.startswith("sqlite_")
    }
    ours = schema.VERSION_TABLE in tables
    if not ours and not all(_is_go(connection, name) for name in tables):
        return Finding(State.FOREIGN, ", ".join(sorted(tables)[:5]))
    # The thorough check, which compares indexes with tables: damage that a quick check misses could fail
    # every cycle and survive every restart. It takes less than a second per million photos.
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        return Finding(State.DAMAGED, f"is damaged ({' '.join(str(verdict).split())})")
    if not ours:
        return Finding(State.GO if tables else State.FRESH)
    # S608: the names are this module's own.
    revisions = connection.execute(f"SELECT version_num FROM {schema.VERSION_TABLE}").fetchall()  # noqa: S608
    if len(revisions) != 1:
        return Finding(State.DAMAGED, "is damaged (no single schema revision)")
    ((revision,),) = revisions
    if revision not in schema.REVISIONS:
        return Finding(State.NEWER, f"was written by a newer picsync (schema revision {revision})")
    if revision == schema.HEAD:
        # Raises if a table or a column is missing.
        for table, columns in schema.TABLES.items():
            connection.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 0").close()  # noqa: S608
    return Finding(State.OURS, str(revision))


def _is_go(connection: sqlite3.Connection, table: str) -> bool:
    expected = _GO_TABLES.get(table)
    if expected is None:
        return False
    return expected <= {
        name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    }


def _set_aside(path: Path, why: str, now: datetime) -> Path:
    """Rename the file and its companions to an unused name; return the file's new name."""
    stem = f"{path.name}.{why}-{now:%Y%m%dT%H%M%SZ}"
    number = 1
    while any(os.path.lexists(path.with_name(stem + suffix)) for suffix in ("", *_COMPANIONS)):
        number += 1
        stem = f"{path.name}.{why}-{now:%Y%m%dT%H%M%SZ}-{number}"
    target = path.with_name(stem)
    # The file goes first: SQLite ignores the companions of a missing file.
    path.rename(target)
    for suffix in _COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(path.with_name(stem + suffix))
    return target


def foreign(path: Path, finding: Finding) -> CacheError:
    """Return the error for a file that belongs to another program."""
    what = (
        f"is another program's database (it has the tables {finding.detail})"
        if finding.detail
        else "is not a database"
    )
    return CacheError(
        f"{path} {what}; it was not touched.",
        hint="Use another file for the cache.",
    )


def check_place(path: Path) -> None:
    """Raise CacheError unless a cache exists or could be created at `path`, judging by metadata."""
    try:
        if not path.parent.is_dir():
            raise CacheError(
                f"The folder {path.parent} for the cache does not exist.",
                hint="Create it or mount the volume there, or correct the cache's path.",
            )
        if path.is_dir():
            raise CacheError(
                f"The cache's path {path} is a folder.", hint=f"Name a file in it: {path / 'picsync.db'}"
            )
        if path.exists() and not path.is_file():
            raise CacheError(f"The cache's path {path} is not a regular file.", hint="Name a file.")
    except OSError as error:
        raise explain_os_error(error, path) from error


def size_bytes(path: Path) -> int:
    """Return the size of the file and its companions; 0 if they do not exist."""
    total = 0
    for suffix in ("", *_COMPANIONS):
        try:
            total += path.with_name(path.name + suffix).stat().st_size
        except FileNotFoundError:
            continue
    return total


def explain(error: sqlite3.Error, path: Path) -> CacheError:
    """Return the error message for an SQLite error."""
    code = _primary_code(error)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CacheError(f"The cache {path} is damaged ({error}).", hint=_SET_ASIDE_HINT)
    if code in _ERRORS:
        what, hint = _ERRORS[code]
        return CacheError(f"The cache {path} {what} ({error}).", hint=hint)
    return CacheError(
        f"The cache {path} cannot be used ({error}).", hint="Move it away; picsync then starts a new one."
    )


def explain_os_error(error: OSError, path: Path) -> CacheError:
    """Return the error message for an operating system error about the cache's file."""
    hint = remedy(error, path) or _DISK_HINT
    if error.errno == errno.ENOENT and path.parent.is_dir():
        # Files are created when they are opened, so this folder does not accept any; /proc is an example.
        hint = f"No file can be created in {path.parent}. Use another folder for the cache."
    return CacheError(f"The cache's file {path} cannot be used: {reason(error)}.", hint=hint)


def _primary_code(error: sqlite3.Error) -> int:
    # Errors that Python itself raises, such as for invalid UTF-8, have no code.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF

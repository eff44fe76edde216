"""What is remembered of folders beyond the process: an SQLite file of their own beside the cache.

Losing it costs a look into each file, and once the knowledge that a folder was full. So a file that is
damaged, or of a newer picsync, is set aside, and the listing that finds it so is not believed to be complete.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from picsync.sources.folder.volumes import Volume

FILE_NAME = "picsync-folders.db"
_VERSION = 1
_LOOKS_REVISION = 2
"""Raised when a look tells formats apart that it did not; kept where earlier versions do not read."""
BUSY_TIMEOUT_S = 10.0
"""How long to wait for another process, such as a preview beside the service."""
_TABLES = """
BEGIN;
-- What a file was found to be when it was looked into. A version that differs makes the row void.
CREATE TABLE look (
    album TEXT NOT NULL,      -- text of the entry in picsync.yaml
    path BLOB NOT NULL,       -- below the folder, as the file system has it
    version TEXT NOT NULL,    -- size, time of change and inode
    mime_type TEXT NOT NULL,  -- empty for neither a picture nor a video
    taken_at REAL,            -- seconds since 1970; NULL if the content does not say
    PRIMARY KEY (album, path)
) WITHOUT ROWID;
-- What each file system under a folder showed when it was last listed completely.
CREATE TABLE volume (
    album TEXT NOT NULL,
    path BLOB NOT NULL,       -- below the folder; empty for the folder itself
    filesystem TEXT NOT NULL, -- kind and origin; empty if not known
    held INTEGER NOT NULL,    -- pictures and videos
    PRIMARY KEY (album, path)
) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""
_FORGET = """
BEGIN;
-- Containers of which only the beginning was looked at, and what no format was known for.
DELETE FROM look WHERE mime_type IN ('image/tiff', 'image/heic', 'video/mp4', '');
PRAGMA application_id = 2;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into one version of a file found."""

    version: str
    mime_type: str
    """Empty for neither a picture nor a video."""
    taken_at_s: float | None = None
    """Seconds since 1970; None if the content does not say."""


@dataclass(slots=True)
class Remembered:
    """What is known of one folder."""

    looks: dict[str, Look] = field(default_factory=dict)
    """By path below the folder."""
    volumes: dict[str, Volume] = field(default_factory=dict)
    """By path below the folder; none if it was never listed completely."""


class MemoryLost(Exception):  # noqa: N818 - reads as what it is
    """What was remembered cannot be read or kept; the text says why, for the user."""


class Memory:
    """The file; every method opens it again, and may be called from any thread."""

    def __init__(self, folder: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = folder / FILE_NAME
        self._busy_timeout_s = busy_timeout_s

    def recall(self, album: str) -> Remembered:
        """Return what is known of a folder; raises MemoryLost."""
        known = Remembered()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT path, version, mime_type, taken_at FROM look WHERE album = ?", (album,)
            )
            for path, version, mime_type, taken_at in rows:
                # Thousands of equal texts are one.
                known.looks[os.fsdecode(path)] = Look(version, sys.intern(mime_type), taken_at)
            rows = connection.execute("SELECT path, filesystem, held FROM volume WHERE album = ?", (album,))
            for path, filesystem, held in rows:
                known.volumes[os.fsdecode(path)] = Volume(filesystem, held)
        return known

    def keep_looks(self, album: str, looks: Mapping[str, Look], gone: Sequence[str]) -> None:
        """Add what was found and forget what is gone; raises MemoryLost."""
        with self._open() as connection, connection:
            connection.executemany(
                "DELETE FROM look WHERE album = ? AND path = ?", ((album, os.fsencode(path)) for path in gone)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO look VALUES (?, ?, ?, ?, ?)",
                (
                    (album, os.fsencode(path), look.version, look.mime_type, look.taken_at_s)
                    for path, look in looks.items()
                ),
            )

    def keep_volumes(self, album: str, volumes: Mapping[str, Volume]) -> None:
        """Replace what each file system showed; raises MemoryLost."""
        with self._open() as connection, connection:
            connection.execute("DELETE FROM volume WHERE album = ?", (album,))
            connection.executemany(
                "INSERT INTO volume VALUES (?, ?, ?, ?)",
                (
                    (album, os.fsencode(path), volume.filesystem, volume.held)
                    for path, volume in volumes.items()
                ),
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=self._busy_timeout_s)) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    connection.executescript(_TABLES)
                elif version != _VERSION:
                    raise sqlite3.DatabaseError("it was written by a newer picsync")  # noqa: TRY301
                (revision,) = connection.execute("PRAGMA application_id").fetchone()
                if revision < _LOOKS_REVISION:
                    connection.executescript(_FORGET)
                yield connection
        except (sqlite3.OperationalError, OSError) as error:
            raise MemoryLost(
                f"The database of folders {self.path} cannot be written: {error}."
                " Give picsync write access, or free some space."
            ) from error
        except sqlite3.DatabaseError as error:
            raise MemoryLost(self._set_aside(error)) from error

    def _set_aside(self, error: sqlite3.DatabaseError) -> str:
        aside = self.path.with_name(f"{FILE_NAME}.set-aside")
        try:
            self.path.replace(aside)
        except OSError as refusal:
            return f"The database of folders cannot be read ({error}). Remove {self.path}: {refusal}."
        return (
            f"The database of folders cannot be read ({error}); it was renamed to {aside}."
            " Check that the folders contain all their pictures: the next cycle treats their current contents"
            " as complete."
        )

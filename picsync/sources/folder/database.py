"""Stores facts about folders across restarts, in an SQLite file next to the cache.

Without it, each file has to be read again, and an unmounted folder cannot be told from an empty one for one
listing. A file that is damaged, or was written by a newer picsync, is therefore set aside, and the listing
that finds it is incomplete.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import field
from pathlib import Path

from picsync.core.values import dataclass
from picsync.sources.folder.volumes import Volume

FILE_NAME = "picsync-folders.db"
_VERSION = 1
_LOOKS_REVISION = 3
"""Incremented when format detection improves. Stored in `application_id`, which earlier versions ignore."""
BUSY_TIMEOUT_S = 10.0
"""How long to wait for another process, such as a dry run next to the service."""
_TABLES = """
-- Two rules may find no tables at the same time: the second one waits, and then finds those of the first.
BEGIN IMMEDIATE;
-- Result of reading the beginning of a file. The row is valid for this version of the file only.
CREATE TABLE IF NOT EXISTS look (
    album TEXT NOT NULL,      -- text of the entry in picsync.yaml
    path BLOB NOT NULL,       -- relative to the folder, as encoded by the file system
    version TEXT NOT NULL,    -- size, modification time and inode
    mime_type TEXT NOT NULL,  -- empty if neither a picture nor a video
    taken_at REAL,            -- seconds since 1970; NULL if the content does not say
    PRIMARY KEY (album, path)
) WITHOUT ROWID;
-- Each file system in a folder, as of the last complete listing.
CREATE TABLE IF NOT EXISTS volume (
    album TEXT NOT NULL,
    path BLOB NOT NULL,       -- relative to the folder; empty for the folder itself
    filesystem TEXT NOT NULL, -- type and device or share; empty if unknown
    held INTEGER NOT NULL,    -- number of pictures and videos
    PRIMARY KEY (album, path)
) WITHOUT ROWID;
PRAGMA user_version = 1;
COMMIT;
"""
_FORGET = """
BEGIN IMMEDIATE;
-- Container formats of which only the beginning was checked, and files of an unknown format.
DELETE FROM look WHERE mime_type IN ('image/tiff', 'image/heic', 'video/mp4', '');
PRAGMA application_id = 3;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Probed:
    """What was found in one version of a file."""

    version: str
    mime_type: str
    """Empty if it is neither a picture nor a video."""
    taken_at_s: float | None = None
    """Seconds since 1970; None if the content does not say."""


@dataclass(slots=True)
class StoredFolder:
    """The stored facts about one folder."""

    probes: dict[str, Probed] = field(default_factory=dict)
    """By path relative to the folder."""
    volumes: dict[str, Volume] = field(default_factory=dict)
    """By path relative to the folder; empty if it was never listed completely."""


class DatabaseUnavailable(Exception):  # noqa: N818 - reads as what it is
    """The stored facts cannot be read or written; the text tells the user why."""


class FolderDatabase:
    """The database file. Every method opens it anew and may be called from any thread."""

    def __init__(self, folder: Path, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self.path = folder / FILE_NAME
        self._busy_timeout_s = busy_timeout_s

    def load(self, album: str) -> StoredFolder:
        """Return what is stored about a folder; raises MemoryLost."""
        known = StoredFolder()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT path, version, mime_type, taken_at FROM look WHERE album = ?", (album,)
            )
            for path, version, mime_type, taken_at in rows:
                # Thousands of equal strings share one object.
                known.probes[os.fsdecode(path)] = Probed(version, sys.intern(mime_type), taken_at)
            rows = connection.execute("SELECT path, filesystem, held FROM volume WHERE album = ?", (album,))
            for path, filesystem, held in rows:
                known.volumes[os.fsdecode(path)] = Volume(filesystem, held)
        return known

    def save_probes(self, album: str, probes: Mapping[str, Probed], gone: Sequence[str]) -> None:
        """Store new results and delete those of removed files; raises MemoryLost."""
        with self._open() as connection, connection:
            connection.executemany(
                "DELETE FROM look WHERE album = ? AND path = ?", ((album, os.fsencode(path)) for path in gone)
            )
            connection.executemany(
                "INSERT OR REPLACE INTO look VALUES (?, ?, ?, ?, ?)",
                (
                    (album, os.fsencode(path), probed.version, probed.mime_type, probed.taken_at_s)
                    for path, probed in probes.items()
                ),
            )

    def save_volumes(self, album: str, volumes: Mapping[str, Volume]) -> None:
        """Replace the stored file systems of a folder; raises MemoryLost."""
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
            raise DatabaseUnavailable(
                f"The folder database {self.path} cannot be written: {error}. Give picsync write access, or"
                " free some space."
            ) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseUnavailable(self._set_aside(error)) from error

    def _set_aside(self, error: sqlite3.DatabaseError) -> str:
        run_blocking = self.path.with_name(f"{FILE_NAME}.set-aside")
        try:
            self.path.replace(run_blocking)
        except OSError as refusal:
            return f"The folder database cannot be read ({error}). Remove {self.path}: {refusal}."
        return (
            f"The folder database cannot be read ({error}); it was renamed to {run_blocking}. Check that the"
            " folders contain all their pictures: the next cycle treats their current contents as complete."
        )

"""Creates cache files as the Go picsync wrote them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE googlephotos (
    Id INTEGER PRIMARY KEY, BaseUrl TEXT, Sha256 TEXT, Md5 TEXT, Width INTEGER, Height INTEGER,
    GooglephotosId TEXT, LastUpdated INTEGER, LastUsed INTEGER
);
CREATE TABLE nixplay (
    Id INTEGER PRIMARY KEY, Url TEXT, Filename TEXT, SortDate TEXT, Md5 TEXT, NixplayId INTEGER,
    LastUpdated INTEGER, LastUsed INTEGER
);
"""
Cell = str | int | bytes | None
GO_TIME = "2023-02-03 10:11:12.123456789 +0000 UTC m=+0.5"


@dataclass(frozen=True)
class GoRow:
    """A row of the Go picsync's `googlephotos` table."""

    item_id: Cell
    md5: Cell
    last_updated: Cell = GO_TIME
    last_used: Cell = GO_TIME


def write_go_cache(path: Path, rows: Sequence[GoRow], *, nixplay_rows: int = 2) -> None:
    """Create the file with the given rows, written in this order, and some rows of the frame."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(_SCHEMA)
        connection.executemany(
            "INSERT INTO googlephotos"
            " (BaseUrl, Sha256, Md5, Width, Height, GooglephotosId, LastUpdated, LastUsed)"
            " VALUES ('https://lh3.example/x', '', ?, 4000, 3000, ?, ?, ?)",
            [(row.md5, row.item_id, row.last_updated, row.last_used) for row in rows],
        )
        connection.executemany(
            "INSERT INTO nixplay (Url, Filename, SortDate, Md5, NixplayId, LastUpdated, LastUsed)"
            " VALUES ('https://s3.example/x', 'a.jpg', '20230101', ?, ?, ?, ?)",
            [(f"{number:032x}", number, GO_TIME, GO_TIME) for number in range(nixplay_rows)],
        )

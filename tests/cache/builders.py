"""Shared helpers of the cache's tests."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from picsync.cache.store import Cache
from picsync.core.model import Digest, Mapping, MediaItem

NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def item(
    number: int, *, source: str = "googlephotos", version: str = "", content_hash: str = ""
) -> MediaItem:
    return MediaItem(source, f"item-{number}", version, content_hash=content_hash)


def mapping(number: int, *, source: str = "googlephotos", version: str = "") -> Mapping:
    digest = Digest("md5", f"{number:032x}")
    return Mapping(source, f"item-{number}", version, "original", digest, recorded_at=NOW)


def original(_: MediaItem) -> str:
    return "original"


def refuse(message: str) -> None:
    raise AssertionError(f"unexpected message: {message}")


@asynccontextmanager
async def opened(
    location: str | Path, *, notify: Callable[[str], None] = refuse, busy_timeout_s: float = 5
) -> AsyncIterator[Cache]:
    cache = await Cache.open(location, notify=notify, now=lambda: NOW, busy_timeout_s=busy_timeout_s)
    try:
        yield cache
    finally:
        await cache.aclose()


async def known(cache: Cache, items: Sequence[MediaItem]) -> set[Mapping]:
    return set((await cache.lookup(items, recipe=original, algorithm="md5")).values())


def on_connect(monkeypatch: pytest.MonkeyPatch, hook: Callable[[sqlite3.Connection], object]) -> None:
    """Call `hook` with every connection to SQLite that is opened from now on."""
    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        hook(connection)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)


def query(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()

"""An empty cache to begin with, as a copy: making one takes longer than most tests."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from picsync.cache.store import Cache


async def open_fresh(path: Path) -> Cache:
    """Open the cache at `path`, which is empty unless there is one."""
    if not path.exists():
        path.write_bytes(_content())
    return await Cache.open(path, notify=lambda _: None)


@cache
def _content() -> bytes:
    """Return the file of an empty cache, made the way picsync makes one."""

    async def make(path: Path) -> None:
        await (await Cache.open(path, notify=lambda _: None)).aclose()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        # Some tests have an event loop whose threads are none.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, make(path)).result()
        return path.read_bytes()

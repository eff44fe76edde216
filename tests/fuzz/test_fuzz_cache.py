"""A cache file with changed bytes gives an error of picsync, or a cache that works."""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from tests.cache.builders import item, mapping, original
from tests.fuzz.mutations import inputs

ITEMS = [item(number) for number in range(30)]


@cache
def whole() -> bytes:
    """Return a good file."""

    async def make(path: Path) -> None:
        store = await Cache.open(str(path), notify=lambda _: None)
        for number in range(len(ITEMS)):
            await store.record(mapping(number))
        await store.aclose()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        asyncio.run(make(path))
        return path.read_bytes()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(whole())
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, 119) | st.integers(0, len(data) - 1))
        new = draw(st.binary(min_size=1, max_size=16))
        data[at : at + len(new)] = new
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


@inputs(25)
@given(damaged())
def test_a_damaged_cache(data: bytes) -> None:
    async def use(path: Path) -> None:
        try:
            store = await Cache.open(str(path), notify=lambda _: None)
        except CacheError:
            return
        try:
            found = await store.lookup(ITEMS, recipe=original, algorithm="md5")
            assert set(found) <= set(ITEMS)
            await store.record(mapping(99))
        except CacheError:
            pass
        finally:
            await store.aclose()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cache.db"
        path.write_bytes(data)
        asyncio.run(use(path))
        assert any(found.is_file() for found in Path(folder).iterdir()), "set aside, never removed"

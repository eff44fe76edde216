"""Files on their way: hashed as they come, off the event loop, within a budget, in order of arrival."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from picsync.errors import ItemError
from picsync.spool import BLOCK_BYTES, Spool

JPEG = b"\xff\xd8\xff\xe0"


def content(size: int) -> bytes:
    return JPEG + bytes(index % 253 for index in range(size - len(JPEG)))


@pytest.mark.parametrize("size", [5, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 7])
@pytest.mark.parametrize("piece", [1_000, 64 * 1024, 10 * BLOCK_BYTES])
async def test_what_came_is_on_disk_and_hashed(tmp_path: Path, size: int, piece: int) -> None:
    data = content(size)
    async with Spool(tmp_path).file("sha256") as spooled:
        await spooled.begin(size, "")
        for start in range(0, size, piece):
            await spooled.write(data[start : start + piece])
        digest, mime_type = await spooled.finish()
        assert digest.hex == hashlib.sha256(data).hexdigest()
        assert (mime_type, spooled.size_bytes) == ("image/jpeg", size)
        spooled.file.seek(0)
        assert spooled.file.read() == data
    assert spooled.file.closed
    assert list(tmp_path.iterdir()) == []


async def test_a_new_beginning_forgets_what_came(tmp_path: Path) -> None:
    async with Spool(tmp_path).file("md5") as spooled:
        await spooled.begin(None, "")
        await spooled.write(content(2 * BLOCK_BYTES))
        await spooled.begin(None, "")
        await spooled.write(content(100))
        digest, _ = await spooled.finish()
        assert digest.hex == hashlib.md5(content(100), usedforsecurity=False).hexdigest()
        spooled.file.seek(0)
        assert spooled.file.read() == content(100)


async def test_nothing_is_neither_a_picture_nor_worth_remembering(tmp_path: Path) -> None:
    async with Spool(tmp_path).file("md5") as spooled:
        await spooled.begin(0, "")
        with pytest.raises(ItemError) as caught:
            await spooled.finish()
        assert not caught.value.unusable


class SlowFile(io.BytesIO):
    """A file on a disk that takes its time."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.writing = False

    def write(self, data: Any) -> int:
        self.writing = True
        self.begun.set()
        assert self.go_on.wait(20)
        self.writing = False
        return super().write(data)

    def close(self) -> None:
        assert not self.writing, "closed under the hands of a thread"
        super().close()


async def test_a_slow_disk_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowFile()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: slow)
    async with Spool().file("md5") as spooled:
        await spooled.begin(None, "")
        writing = asyncio.create_task(spooled.write(content(BLOCK_BYTES)))
        await asyncio.to_thread(slow.begun.wait, 20)
        await asyncio.sleep(0)  # The loop goes round while the disk does not.
        assert not writing.done()
        slow.go_on.set()
        await writing
        digest, _ = await spooled.finish()
    assert digest.hex == hashlib.md5(content(BLOCK_BYTES), usedforsecurity=False).hexdigest()


async def test_a_file_is_closed_only_once_no_thread_writes_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SlowFile()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: slow)

    async def spool() -> None:
        async with Spool().file("md5") as spooled:
            await spooled.begin(None, "")
            await spooled.write(content(BLOCK_BYTES))

    spooling = asyncio.create_task(spool())
    await asyncio.to_thread(slow.begun.wait, 20)
    spooling.cancel()
    await asyncio.sleep(0)
    assert not slow.closed
    slow.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await spooling
    assert slow.closed


async def test_room_is_given_in_order_so_that_what_is_large_gets_its_turn() -> None:
    spool, order = Spool(budget_bytes=100), list[str]()

    async def take(name: str, size: int) -> int:
        taken = await spool.reserve(size)
        order.append(name)
        return taken

    first = await take("first", 60)
    large = asyncio.create_task(take("large", 500))
    small = [asyncio.create_task(take(f"small {number}", 10)) for number in range(3)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert order == ["first"]
    spool.release(first)
    spool.release(await large)
    await asyncio.gather(*small)
    assert order == ["first", "large", "small 0", "small 1", "small 2"]


async def test_who_stops_waiting_for_room_leaves_it_to_the_next() -> None:
    spool = Spool(budget_bytes=100)
    taken = await spool.reserve(60)
    large, small = asyncio.create_task(spool.reserve(500)), asyncio.create_task(spool.reserve(10))
    for _ in range(5):
        await asyncio.sleep(0)
    large.cancel()
    assert await small == 10
    spool.release(taken)

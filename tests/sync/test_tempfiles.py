"""Files in transit: hashed as they arrive, off the event loop, within a budget, in order of arrival."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import ItemError, NoRoomError, SpoolError
from picsync.observe.words import advice, error_sentence
from picsync.sync.tempfiles import BLOCK_BYTES, Spool

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
        digest = await spooled.finish()
        assert digest.hex == hashlib.sha256(data).hexdigest()
        assert spooled.size_bytes == size
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
        digest = await spooled.finish()
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
        digest = await spooled.finish()
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


async def test_space_is_granted_in_order_so_large_files_get_some() -> None:
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


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(5, 120), st.booleans()), min_size=1, max_size=12))
def test_disk_use_exceeds_the_budget_by_at_most_one_file(
    files: list[tuple[int, int, bool]],
) -> None:
    """Files of (announced, real) size grow beyond what they announced; some wait before they are given up."""
    budget = 100

    async def run() -> None:
        spool = Spool(budget_bytes=budget, free_bytes=lambda _folder: None)
        sizes = dict[int, int]()
        done = list[int]()

        async def bring(number: int, announced: int, real: int, lingers: bool) -> None:
            async with spool.file("md5") as file:
                await file.begin(announced, "")
                for _ in range(real):
                    await file.write(b"\xff")
                    sizes[number] = file.size_bytes
                    assert sum(sizes.values()) - max(sizes.values()) <= budget
                    await asyncio.sleep(0)
                if lingers:
                    for _ in range(20):
                        await asyncio.sleep(0)
                del sizes[number]
            done.append(number)

        async with asyncio.timeout(60):
            await asyncio.gather(*(bring(number, *file) for number, file in enumerate(files)))
        assert len(done) == len(files)
        assert await spool.reserve(budget) == budget  # All of it is free again.

    asyncio.run(run())


async def test_files_larger_than_announced_wait_for_each_other() -> None:
    spool, most, on_disk = Spool(budget_bytes=1_000, free_bytes=lambda _folder: None), 0, dict[int, int]()

    async def bring(number: int) -> None:
        nonlocal most
        async with spool.file("md5") as file:
            await file.begin(10, "")
            for _ in range(50):
                await file.write(b"\xff" * 10)
                on_disk[number] = file.size_bytes
                most = max(most, sum(on_disk.values()))
                await asyncio.sleep(0)
            del on_disk[number]

    async with asyncio.timeout(60):
        await asyncio.gather(*map(bring, range(8)))
    assert 500 <= most <= 1_500


async def test_cancelled_waiter_does_not_block_others() -> None:
    spool = Spool(budget_bytes=100, free_bytes=lambda _folder: None)
    async with spool.file("md5") as first, spool.file("md5") as second:
        await first.begin(50, "")
        await second.begin(50, "")
        growing = asyncio.create_task(first.write(b"\xff" * 60))
        await asyncio.sleep(0)
        assert not growing.done()
        growing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await growing
        first.release()
        await second.write(b"\xff" * 90)
    assert await spool.reserve(100) == 100


async def test_space_on_a_small_disk_is_granted_when_it_is_released(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget_bytes=10_000, free_bytes=lambda _folder: 100)
    taken = await spool.reserve(60)
    second = asyncio.create_task(spool.reserve(60))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    spool.release(taken)
    await second


async def test_a_file_larger_than_the_disk_is_refused_before_it_comes(tmp_path: Path) -> None:
    async with Spool(tmp_path, free_bytes=lambda _folder: 500_000_000).file("md5") as spooled:
        with pytest.raises(NoRoomError) as caught:
            await spooled.begin(900_000_000, "")
    said = error_sentence(caught.value)
    assert "900.0 MB" in said
    assert "500.0 MB are free" in said
    assert str(tmp_path) in said
    assert "TMPDIR" in advice(caught.value)


class FullFile(io.BytesIO):
    """A file on a disk without room."""

    def write(self, _data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_disk_that_fills_up_names_sizes_and_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: FullFile())
    async with Spool(tmp_path).file("md5") as spooled:
        await spooled.begin(3_000_000, "")
        with pytest.raises(NoRoomError) as caught:
            await spooled.write(content(BLOCK_BYTES))
    assert caught.value.size_bytes == 3_000_000
    assert "at least 3.0 MB, and No space left on device after" in error_sentence(caught.value)


async def test_a_folder_that_is_not_there_concerns_every_file(tmp_path: Path) -> None:
    async with Spool(tmp_path / "absent").file("md5") as spooled:
        await spooled.begin(None, "")
        with pytest.raises(SpoolError, match="absent") as caught:
            await spooled.write(content(BLOCK_BYTES))
    assert not isinstance(caught.value, NoRoomError)
    assert "TMPDIR" in advice(caught.value)

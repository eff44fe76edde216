"""Originals and listings that the cycles of a rule share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from picsync.core.errors import TransientError
from picsync.core.model import Listing, MediaItem
from picsync.sources.base import Sink
from picsync.sync.shared import Listings, Originals
from picsync.sync.tempfiles import Spool
from tests.contract.memory_source import MemorySource

A, B = MediaItem("memory", "a"), MediaItem("memory", "b")


class Source(MemorySource):
    """Counts what it is asked for; waits for leave to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.downloads: list[str] = []
        self.looks = 0
        self.go = asyncio.Event()
        self.go.set()
        self.failing = 0

    async def download(self, item: MediaItem, sink: Sink) -> None:
        self.downloads.append(item.item_id)
        await self.go.wait()
        if self.failing:
            self.failing -= 1
            raise TransientError("not now")
        await sink.begin(100, "image/jpeg")
        await sink.write(item.item_id.encode() * 100)

    async def list(self, album_id: str) -> Listing:
        self.looks += 1
        await self.go.wait()
        return Listing("memory", album_id, (A, B)[: self.looks])


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def originals(tmp_path: Path) -> Originals:
    return Originals(Spool(tmp_path, budget_bytes=250))


async def use(originals: Originals, name: str, item: MediaItem, source: Source) -> bytes:
    async with originals.borrow("Family", name, item, "md5") as original:
        await original.fetch(source, "md5")
        return original.file().read()


async def test_two_cycles_at_once_download_once(originals: Originals, source: Source) -> None:
    async with originals.cycle("Family", "1"), originals.cycle("Family", "2"):
        source.go.clear()
        both = asyncio.gather(use(originals, "1", A, source), use(originals, "2", A, source))
        await asyncio.sleep(0)
        source.go.set()
        assert list(await both) == [b"a" * 100] * 2
    assert source.downloads == ["a"]


async def test_it_is_kept_for_a_cycle_that_has_not_planned_yet(originals: Originals, source: Source) -> None:
    async with originals.cycle("Family", "1"), originals.cycle("Family", "2"):
        await use(originals, "1", A, source)
        await originals.planned("Family", "2", [A])
        await use(originals, "2", A, source)
    assert source.downloads == ["a"]


async def test_it_is_given_up_once_nobody_needs_it(originals: Originals, source: Source) -> None:
    async with originals.cycle("Family", "1"), originals.cycle("Family", "2"):
        await originals.planned("Family", "1", [A])
        await use(originals, "1", A, source)
        await originals.planned("Family", "2", [B])
        await use(originals, "2", A, source)
    assert source.downloads == ["a", "a"]
    assert originals.spool._used_bytes == 0


async def test_cycles_of_other_rules_share_nothing(originals: Originals, source: Source) -> None:
    async with originals.cycle("Family", "1"), originals.cycle("Other", "2"):
        await use(originals, "1", A, source)
        assert originals.spool._used_bytes == 0


async def test_a_cycle_that_ends_gives_up_what_was_kept_for_it(originals: Originals, source: Source) -> None:
    async with originals.cycle("Family", "1"):
        async with originals.cycle("Family", "2"):
            await originals.planned("Family", "1", [])
            await use(originals, "1", A, source)
            assert originals.spool._used_bytes == 100
        assert originals.spool._used_bytes == 0


async def test_what_is_only_kept_makes_room(originals: Originals, source: Source) -> None:
    items = [MediaItem("memory", name) for name in "abcdef"]
    async with originals.cycle("Family", "1"), originals.cycle("Family", "2"):
        await originals.planned("Family", "1", items)
        async with asyncio.timeout(10):
            for item in items:
                await use(originals, "1", item, source)
        assert originals.spool._used_bytes <= 250


async def test_the_second_tries_where_the_first_failed(originals: Originals, source: Source) -> None:
    source.failing = 1
    async with originals.cycle("Family", "1"), originals.cycle("Family", "2"):
        found = await asyncio.gather(
            use(originals, "1", A, source), use(originals, "2", A, source), return_exceptions=True
        )
    assert isinstance(found[0], TransientError)
    assert found[1] == b"a" * 100


async def test_a_cancelled_download_is_left_to_the_other(originals: Originals, source: Source) -> None:
    async with originals.cycle("Family", "1"), originals.cycle("Family", "2"):
        source.go.clear()
        first = asyncio.create_task(use(originals, "1", A, source))
        await asyncio.sleep(0)
        second = asyncio.create_task(use(originals, "2", A, source))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        source.go.set()
        assert await second == b"a" * 100


async def test_each_reads_at_a_position_of_its_own(originals: Originals, source: Source) -> None:
    async with originals.borrow("Family", "1", A, "md5") as original:
        await original.fetch(source, "md5")
        one, two = original.file(), original.file()
        assert one.read(60) == b"a" * 60
        assert len(two.read()) == 100
        assert one.seek(-10, 2) == 90
        assert len(one.read()) == 10


async def test_a_listing_under_way_serves_all(source: Source) -> None:
    listings = Listings()
    source.go.clear()
    both = asyncio.gather(*(listings.list(source, "memory", "x") for _ in range(2)))
    await asyncio.sleep(0)
    source.go.set()
    first, second = await both
    assert first is second
    assert source.looks == 1
    assert len((await listings.list(source, "memory", "x")).items) == 2


async def test_a_listing_goes_on_while_somebody_waits(source: Source) -> None:
    listings = Listings()
    source.go.clear()
    one, two = (asyncio.create_task(listings.list(source, "memory", "x")) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await asyncio.wait([one])
    source.go.set()
    assert (await two).items == (A,)


async def test_a_listing_that_nobody_waits_for_ends(source: Source) -> None:
    listings = Listings()
    source.go.clear()
    only = asyncio.create_task(listings.list(source, "memory", "x"))
    await asyncio.sleep(0)
    only.cancel()
    await asyncio.wait([only])
    source.go.set()
    assert len((await listings.list(source, "memory", "x")).items) == 2

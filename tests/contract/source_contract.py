"""Requirements of every source, whatever its service: a subclass with a fixture makes it a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from picsync.core.errors import ItemError
from picsync.core.model import MediaItem, MediaKind
from picsync.sources.base import Source

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


@dataclass(frozen=True)
class Original:
    """An item as its owner added it."""

    filename: str
    data: bytes
    kind: MediaKind = MediaKind.PHOTO
    mime_type: str = "image/jpeg"


ORIGINALS = (
    Original("IMG_1.jpg", JPEG + b"one" * 1000),
    Original("Größe 北京 e\u0301.jpg", JPEG + b"two"),
    Original("%2F..%2F?a=b&c#d .jpg", JPEG),
    Original("IMG_1.jpg", JPEG + b"same name, other bytes"),
    Original("copy of the first.jpg", JPEG + b"one" * 1000),
    Original("clip.mp4", MP4 + b"\x00film" * 50_000, MediaKind.VIDEO, "video/mp4"),
)
"""The known album's items, in its order; the first and the fifth have equal bytes."""


@dataclass
class SourceWorld:
    """A source with a service whose content a test can change."""

    source: Source
    album_id: str
    """The album that contains `ORIGINALS`."""
    empty_id: str
    missing_id: str
    """An ID of the correct form for which there is no album."""
    vanish: Callable[[MediaItem], None]
    """Removes an item from the service completely."""
    break_off: Callable[[MediaItem], None]
    """Breaks the next transfer of an item's bytes halfway, once."""
    resumes: bool = False
    """Whether a download that broke off continues where it was, instead of beginning again."""
    tells_names: bool = True
    """Whether a listing has the owner's file names and types; otherwise the source generates names."""


@dataclass
class MemorySink:
    """Receives an original in memory."""

    data: bytearray = field(default_factory=bytearray)
    begun: list[tuple[int | None, str]] = field(default_factory=list)

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        self.begun.append((size_bytes, mime_type))
        self.data.clear()

    async def write(self, chunk: bytes) -> None:
        self.data += chunk


async def listed(world: SourceWorld) -> Sequence[MediaItem]:
    """Return the known album's items."""
    listing = await world.source.list(world.album_id)
    assert listing.complete, listing.problem
    return listing.items


async def downloaded(source: Source, item: MediaItem) -> bytes:
    """Return an item's original."""
    sink = MemorySink()
    await source.download(item, sink)
    return bytes(sink.data)


class SourceContract:
    """Subclasses provide the fixture `world` and close its source."""

    @pytest.fixture
    async def world(self) -> SourceWorld:
        raise NotImplementedError

    async def test_a_listing_is_complete_and_in_order(self, world: SourceWorld) -> None:
        listing = await world.source.list(world.album_id)
        assert (listing.source, listing.album_id) == (world.source.capabilities.kind, world.album_id)
        assert listing.complete
        assert [item.kind for item in listing.items] == [each.kind for each in ORIGINALS]
        if world.tells_names:
            seen = [(item.filename, item.mime_type) for item in listing.items]
            assert seen == [(each.filename, each.mime_type) for each in ORIGINALS]
        else:
            assert all(item.filename for item in listing.items)
            assert {item.mime_type for item in listing.items} == {""}

    async def test_every_item_is_listed_once_under_its_own_id(self, world: SourceWorld) -> None:
        items = await listed(world)
        assert len({item.item_id for item in items}) == len(ORIGINALS)
        assert {item.source for item in items} == {world.source.capabilities.kind}

    async def test_instants_are_aware(self, world: SourceWorld) -> None:
        assert all(item.taken_at is None or item.taken_at.tzinfo for item in await listed(world))

    async def test_a_second_listing_equals_the_first(self, world: SourceWorld) -> None:
        assert await listed(world) == await listed(world)

    async def test_listings_may_run_at_the_same_time(self, world: SourceWorld) -> None:
        first, *others = await asyncio.gather(*(listed(world) for _ in range(4)))
        assert all(other == first for other in others)

    async def test_an_empty_album_is_completely_listed(self, world: SourceWorld) -> None:
        listing = await world.source.list(world.empty_id)
        assert listing.complete
        assert listing.items == ()

    async def test_a_missing_album_is_not_an_empty_one(self, world: SourceWorld) -> None:
        listing = await world.source.list(world.missing_id)
        assert listing.problem is not None
        assert world.missing_id in listing.problem
        assert listing.items == ()

    async def test_albums_are_yielded_once(self, world: SourceWorld) -> None:
        ids = [album.album_id async for album in world.source.albums()]
        assert {world.album_id, world.empty_id} <= set(ids)
        assert len(set(ids)) == len(ids)

    async def test_originals_arrive_byte_for_byte(self, world: SourceWorld) -> None:
        for item, original in zip(await listed(world), ORIGINALS, strict=True):
            sink = MemorySink()
            await world.source.download(item, sink)
            assert sink.data == original.data
            [(size_bytes, _)] = sink.begun
            assert size_bytes in (None, len(original.data))

    async def test_downloads_may_run_at_the_same_time(self, world: SourceWorld) -> None:
        items = await listed(world)
        came = await asyncio.gather(*(downloaded(world.source, item) for item in [*items, *items, *items]))
        assert came == [original.data for original in ORIGINALS] * 3

    async def test_a_download_that_breaks_off_begins_again(self, world: SourceWorld) -> None:
        item = (await listed(world))[0]
        world.break_off(item)
        sink = MemorySink()
        await world.source.download(item, sink)
        assert sink.data == ORIGINALS[0].data
        assert len(sink.begun) == (1 if world.resumes else 2)

    async def test_an_item_that_vanished_is_only_its_own_trouble(self, world: SourceWorld) -> None:
        items = await listed(world)
        world.vanish(items[1])
        with pytest.raises(ItemError) as caught:
            await downloaded(world.source, items[1])
        assert not caught.value.unusable
        assert await downloaded(world.source, items[2]) == ORIGINALS[2].data

    async def test_a_vanished_item_is_no_longer_listed(self, world: SourceWorld) -> None:
        items = await listed(world)
        world.vanish(items[1])
        assert await listed(world) == (items[0], *items[2:])

    async def test_closing_twice_is_fine(self, world: SourceWorld) -> None:
        await listed(world)
        await world.source.aclose()
        await world.source.aclose()

    async def test_closing_an_unused_source_is_fine(self, world: SourceWorld) -> None:
        await world.source.aclose()

"""Originals of albums shared by link."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from picsync.core.errors import ItemError, ProtocolError, TransientError
from picsync.core.model import MediaItem
from picsync.emulators.faults import Fault, FaultKind
from picsync.sources.google.links.options import SharedLink
from picsync.sources.google.links.source import SharedLinksSource
from tests.contract.source_contract import MemorySink, downloaded
from tests.rendering.drawing import baseline, opened
from tests.sources.google.links.shared_albums import BYTES, SharedAlbums, shared_albums

FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"film" * 9000


@pytest.fixture
async def world() -> AsyncIterator[SharedAlbums]:
    async with shared_albums() as world:
        yield world


async def one(
    world: SharedAlbums, name: str, data: bytes, **fields: object
) -> tuple[SharedLinksSource, MediaItem]:
    """Return a source and the only item of its only album."""
    shared, _ = world.album(0)
    world.google.add_item(shared.album, name, data, **fields)  # type: ignore[arg-type]
    source = world.source(shared.link)
    [item] = (await source.list(str(SharedLink.parse(shared.link)))).items
    return source, item


async def test_a_photo_is_its_original_and_a_video_the_film(world: SharedAlbums) -> None:
    source, item = await one(world, "a.heic", b"\0\0\0\x18ftypheic" + b"x" * 99, mime_type="image/heif")
    sink = MemorySink()
    await source.download(item, sink)
    assert bytes(sink.data) == b"\0\0\0\x18ftypheic" + b"x" * 99
    assert sink.begun == [(len(sink.data), "image/heif")]
    source, item = await one(world, "a.mp4", FILM, mime_type="video/mp4")
    assert await downloaded(source, item) == FILM
    assert [record.path[-3:] for record in world.requests(BYTES)[-1:]] == ["=dv"]


async def test_a_video_in_processing_fails_alone_and_comes_later(world: SharedAlbums) -> None:
    world.google.options.now = lambda: world.now
    source, item = await one(world, "a.mp4", FILM, mime_type="video/mp4", ready_at=world.now + 60)
    with pytest.raises(ItemError, match="still be processing") as caught:
        await downloaded(source, item)
    assert not caught.value.unusable
    world.now += 60
    assert await downloaded(source, item) == FILM


async def test_nothing_but_the_address_opens_the_bytes(world: SharedAlbums) -> None:
    source, item = await one(world, "a.jpg", b"\xff\xd8\xff one")
    await downloaded(source, item)
    [record] = world.requests(BYTES)
    assert "Cookie" not in record.headers
    assert "Authorization" not in record.headers
    assert record.headers["Accept-Encoding"] == "identity"


async def test_an_address_that_no_longer_works_is_its_own_trouble(world: SharedAlbums) -> None:
    world.options.url_s = 3600
    world.google.options.now = lambda: world.now
    source, item = await one(world, "a.jpg", b"\xff\xd8\xff one")
    world.now += 3600
    with pytest.raises(ItemError, match=r"refuses the download \(403\)") as caught:
        await downloaded(source, item)
    assert not caught.value.unusable
    assert item.url not in str(caught.value)


async def test_a_page_in_place_of_a_photo_is_none(world: SharedAlbums) -> None:
    source, item = await one(world, "a.jpg", b"\xff\xd8\xff one")
    world.fail(Fault(kind=FaultKind.BODY, host=BYTES, body="<html>Sorry</html>", count=None))
    with pytest.raises(ProtocolError, match="a photo or video, but got text/html"):
        await downloaded(source, item)


async def test_too_many_downloads_are_waited_out(world: SharedAlbums) -> None:
    source, item = await one(world, "a.jpg", b"\xff\xd8\xff one")
    world.fail(Fault(kind=FaultKind.STATUS, status=429, host=BYTES, count=2))
    assert await downloaded(source, item) == b"\xff\xd8\xff one"
    assert world.waits == [30.0, 30.0]


async def test_a_host_that_does_not_answer_is_given_up(world: SharedAlbums) -> None:
    shared, _ = world.album(1)
    source = world.source(shared.link, timeout_s=0.2)
    [item] = (await source.list(str(SharedLink.parse(shared.link)))).items
    world.fail(Fault(kind=FaultKind.HANG, host=BYTES, count=None))
    with pytest.raises(TransientError, match="no answer in time"):
        await downloaded(source, item)


async def test_thumbnails_are_small_and_upright(world: SharedAlbums) -> None:
    source, item = await one(world, "a.jpg", baseline(900, 600))
    sink = MemorySink()
    await source.thumbnail(item, sink)
    assert opened(bytes(sink.data)).size == (320, 213)

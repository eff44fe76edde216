"""A bucket as a source: unavailable, never empty; and what this picsync stores is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from picsync.core.errors import ItemError, TransientError
from picsync.family.bucketlibrary import BucketLibrary
from picsync.http.pace import Pace
from picsync.sources.uploads.bucket import BucketSource
from picsync.system.library import MARKER
from picsync.vendors.s3.bucket import Bucket
from tests.contract.source_contract import JPEG, MemorySink
from tests.family.storage import DENIED, REFUSED, Answer, Storage, storage
from tests.sources.uploads.trial import no_pause
from tests.web.family.sent import movie


@pytest.fixture
def server() -> Iterator[Storage]:
    with storage() as found:
        yield found


@pytest.fixture
def bucket(server: Storage, tmp_path: Path) -> Bucket:
    made = server.bucket()
    BucketLibrary(made, tmp_path / "incoming", ["Family"]).open(known=False)
    made.put("Family/a.jpg", JPEG, len(JPEG))
    return made


@pytest.fixture
async def source(bucket: Bucket, tmp_path: Path) -> AsyncIterator[BucketSource]:
    opened = BucketSource(("Family",), bucket, tmp_path / "incoming", pace=Pace(), sleep=no_pause)
    yield opened
    await opened.aclose()


@pytest.mark.parametrize("answer", [REFUSED, DENIED])
@pytest.mark.parametrize("asked", ["list-type=2", MARKER])
async def test_a_bucket_that_fails_is_unavailable(
    server: Storage, source: BucketSource, answer: Answer, asked: str
) -> None:
    [item] = (await source.list("Family")).items
    server.fault = lambda _method, path: answer if asked in path or "a.jpg" in path else None
    listing = await source.list("Family")
    assert not listing.complete
    assert "cannot be used" in str(listing.problem)
    with pytest.raises(TransientError):
        await source.download(item, MemorySink())


async def test_a_listing_that_breaks_off_is_not_complete(
    server: Storage, bucket: Bucket, source: BucketSource
) -> None:
    for number in range(1001):
        bucket.put(f"Family/{number}.jpg", b"x", 1)
    assert len((await source.list("Family")).items) == 1002
    server.fault = lambda _method, path: REFUSED if "continuation-token" in path else None
    assert not (await source.list("Family")).complete


async def test_a_library_without_its_marker_is_unavailable(bucket: Bucket, source: BucketSource) -> None:
    bucket.delete(MARKER)
    listing = await source.list("Family")
    assert not listing.complete
    assert MARKER in str(listing.problem)


async def test_an_emptied_album_is_empty(bucket: Bucket, source: BucketSource) -> None:
    bucket.delete("Family/a.jpg")
    listing = await source.list("Family")
    assert listing.complete
    assert listing.items == ()


async def test_a_changed_file_is_another_version(bucket: Bucket, source: BucketSource) -> None:
    [before] = (await source.list("Family")).items
    bucket.delete("Family/a.jpg")
    bucket.put("Family/a.jpg", JPEG + b"more", len(JPEG) + 4)
    with pytest.raises(ItemError, match="changed"):
        await source.download(before, MemorySink())
    [after] = (await source.list("Family")).items
    assert after != before


async def test_the_video_of_a_live_photo_is_no_video(bucket: Bucket, source: BucketSource) -> None:
    for name in ("A.MOV", "b.mov", ".hidden.jpg", "notes.txt"):
        bucket.put(f"Family/{name}", movie(), len(movie()))
    listing = await source.list("Family")
    assert [item.filename for item in listing.items] == ["a.jpg", "b.mov"]
    assert listing.unrecognised == 1


async def test_what_this_picsync_stores_is_noticed(
    bucket: Bucket, source: BucketSource, tmp_path: Path
) -> None:
    library = BucketLibrary(bucket, tmp_path / "incoming", ["Family"])
    await source.list("Family")
    waiting = asyncio.ensure_future(source.changed("Family"))
    part = tmp_path / "incoming" / ("0" * 32)
    part.write_bytes(JPEG)
    assert await asyncio.to_thread(library.place, part, "Family/b.jpg", "0" * 32)
    await asyncio.wait_for(waiting, 30)


async def test_albums_are_folders_of_the_bucket(bucket: Bucket, source: BucketSource) -> None:
    bucket.put("Garden/x.jpg", JPEG, len(JPEG))
    assert [album.album_id async for album in source.albums()] == ["Family", "Garden"]

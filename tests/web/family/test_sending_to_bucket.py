"""Sending to a library in a bucket: straight to it by signed URLs, and through picsync."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from picsync.family.bucketlibrary import BucketLibrary
from picsync.family.uploads.service import KEPT_FOR
from picsync.family.uploads.values import UploadState
from picsync.system.library import INCOMING, MARKER
from picsync.vendors.s3.bucket import PART_BYTES, Bucket
from picsync.web.family.guards import FORM_TOKEN_HEADER
from tests.family.storage import DENIED, Storage, storage
from tests.web.family.sent import Tus, movie, photo
from tests.web.family.served import Browser, Pages, serve

LARGE = movie(9) + (2 * PART_BYTES).to_bytes(4) + b"free" + bytes(2 * PART_BYTES - 8)
"""A video of three parts."""


@pytest.fixture
def server() -> Iterator[Storage]:
    with storage() as found:
        yield found


@pytest.fixture
def bucket(server: Storage) -> Bucket:
    return server.bucket()


def library(bucket: Bucket, folder: Path) -> BucketLibrary:
    return BucketLibrary(bucket, folder / "incoming", ["Family"])


@pytest.fixture
async def pages(tmp_path: Path, bucket: Bucket) -> AsyncIterator[Pages]:
    async with serve(tmp_path, library=library(bucket, tmp_path)) as found:
        yield found


def keys(bucket: Bucket) -> set[str]:
    """Return all keys, also those of unfinished uploads."""
    return {each.key for each in bucket.find("")} - {MARKER, "Family/"} | bucket.unfinished(f"{INCOMING}/")


class Direct:
    """A browser that sends straight to the bucket, as the page's script does."""

    def __init__(self, browser: Browser, form_token: str) -> None:
        self.client = browser.client
        self.own = {"Origin": browser.origin, FORM_TOKEN_HEADER: form_token}

    @classmethod
    async def of(cls, browser: Browser) -> Direct:
        return cls(browser, await browser.form_token())

    async def begin(self, name: str, size: int, **more: str) -> httpx.Response:
        body = {"filename": name, "size_bytes": size, **more}
        return await self.client.post("/api/uploads/direct", json=body, headers=self.own)

    async def progress(self, upload: str) -> dict[str, Any]:
        response = await self.client.get(f"/api/uploads/direct/{upload}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def put(self, content: bytes, part: dict[str, Any]) -> None:
        # As another program: neither cookies nor headers of picsync go to the bucket.
        block = content[part["start"] : part["start"] + part["size_bytes"]]
        async with httpx.AsyncClient() as phone:
            assert (await phone.put(part["url"], content=block)).status_code == 200

    async def complete(self, upload: str) -> httpx.Response:
        return await self.client.post(f"/api/uploads/direct/{upload}/complete", headers=self.own)

    async def send(self, name: str, content: bytes, **more: str) -> str:
        begun = await self.begin(name, len(content), **more)
        assert begun.status_code == 201, begun.text
        upload = str(begun.json()["id"])
        while missing := (await self.progress(upload))["missing"]:
            for part in missing:
                await self.put(content, part)
        assert (await self.complete(upload)).status_code == 200
        return upload


async def settled(pages: Pages, upload: str) -> Any:
    uploads = pages.services.uploads
    assert uploads is not None
    person = (await pages.services.people.people())[0].person
    [found] = await uploads.wait(person, [upload])
    return found


async def test_a_photo_goes_straight_to_the_bucket(pages: Pages, bucket: Bucket, server: Storage) -> None:
    content = photo(3)
    browser = await pages.signed_in("Anna")
    upload = await (await Direct.of(browser)).send("IMG 1.JPG", content)
    done = await settled(pages, upload)
    assert (done.state, done.stored) == (UploadState.READY, "Family/IMG 1.JPG")
    assert b"".join(bucket.read("Family/IMG 1.JPG")) == content
    assert keys(bucket) == {"Family/IMG 1.JPG"}
    assert (await browser.get(f"/pictures/{done.photo}/240.jpg")).status_code == 200
    original = await browser.get(f"/pictures/{done.photo}/original")
    assert original.status_code == 303
    async with httpx.AsyncClient() as phone:
        assert (await phone.get(original.headers["Location"])).content == content
    # The phone alone sent the bytes; within the bucket they are copied.
    assert [size for _, path, size in server.requests if "partNumber" in path and size] == [len(content)]
    stored = [size for method, path, size in server.requests if method == "PUT" and "/Family/" in path]
    assert stored == [0, 0]  # what stands for the folder, and the copy


async def test_a_large_file_continues_at_its_missing_parts(pages: Pages, bucket: Bucket) -> None:
    direct = await Direct.of(await pages.signed_in("Anna"))
    upload = (await direct.begin("clip.mov", len(LARGE))).json()["id"]
    first = await direct.progress(upload)
    assert [part["number"] for part in first["missing"]] == [1, 2, 3]
    await direct.put(LARGE, first["missing"][1])
    assert (await direct.complete(upload)).status_code == 409
    found = await direct.progress(upload)
    assert [part["number"] for part in found["missing"]] == [1, 3]
    assert found["received_bytes"] == PART_BYTES
    for part in found["missing"]:
        await direct.put(LARGE, part)
    assert (await direct.progress(upload))["missing"] == []
    for _ in range(2):
        assert (await direct.complete(upload)).status_code == 200
    done = await settled(pages, upload)
    assert done.state is UploadState.READY
    assert b"".join(bucket.read("Family/clip.mov")) == LARGE


@pytest.mark.parametrize("content", [b"<html>" + bytes(100), photo(1)[:-200]])
async def test_what_is_no_picture_leaves_nothing(pages: Pages, bucket: Bucket, content: bytes) -> None:
    direct = await Direct.of(await pages.signed_in("Anna"))
    done = await settled(pages, await direct.send("a.jpg", content))
    assert done.state is UploadState.FAILED
    assert keys(bucket) == set()


async def test_a_wrong_digest_is_noticed(pages: Pages, bucket: Bucket) -> None:
    direct = await Direct.of(await pages.signed_in("Anna"))
    wrong = hashlib.sha256(b"other").hexdigest()
    done = await settled(pages, await direct.send("a.jpg", photo(1), sha256=wrong))
    assert (done.state, "damaged" in done.reason) == (UploadState.FAILED, True)
    assert keys(bucket) == set()


async def test_a_part_of_another_size_does_not_count(pages: Pages) -> None:
    direct = await Direct.of(await pages.signed_in("Anna"))
    begun = (await direct.begin("a.jpg", 100)).json()
    async with httpx.AsyncClient() as phone:
        await phone.put(begun["missing"][0]["url"], content=bytes(5000))
    assert len((await direct.progress(begun["id"]))["missing"]) == 1
    assert (await direct.complete(begun["id"])).status_code == 409


async def test_an_upload_that_is_ended_leaves_no_parts(pages: Pages, bucket: Bucket) -> None:
    direct = await Direct.of(await pages.signed_in("Anna"))
    begun = (await direct.begin("clip.mov", len(LARGE))).json()
    await direct.put(LARGE, begun["missing"][0])
    assert keys(bucket) == {f"{INCOMING}/{begun['id']}"}
    ended = await direct.client.delete(f"/api/uploads/direct/{begun['id']}", headers=direct.own)
    assert ended.status_code == 204
    assert keys(bucket) == set()


async def test_what_did_not_continue_for_a_week_leaves_no_parts(tmp_path: Path, bucket: Bucket) -> None:
    clock = [datetime.now(UTC)]
    async with serve(tmp_path, library=library(bucket, tmp_path), now=lambda: clock[0]) as pages:
        uploads = pages.services.uploads
        assert uploads is not None
        direct = await Direct.of(await pages.signed_in("Anna"))
        upload = (await direct.begin("clip.mov", len(LARGE))).json()["id"]
        await direct.put(LARGE, (await direct.progress(upload))["missing"][0])
        clock[0] += KEPT_FOR
        await uploads.expire()
        assert (await direct.progress(upload))["received_bytes"] == PART_BYTES
        clock[0] += timedelta(seconds=1)
        await uploads.expire()
        gone = await settled(pages, upload)
        assert (gone.state, "week" in gone.reason) == (UploadState.FAILED, True)
        assert not keys(bucket)


async def test_parts_that_nobody_knows_are_removed_at_the_start(tmp_path: Path, bucket: Bucket) -> None:
    async with serve(tmp_path, library=library(bucket, tmp_path)) as pages:
        direct = await Direct.of(await pages.signed_in("Anna"))
        known = (await direct.begin("clip.mov", len(LARGE))).json()
        await direct.put(LARGE, known["missing"][0])
    bucket.begin(f"{INCOMING}/{'0' * 32}")
    bucket.put(f"{INCOMING}/{'1' * 32}", b"x", 1)
    async with serve(tmp_path, library=library(bucket, tmp_path)):
        assert keys(bucket) == {f"{INCOMING}/{known['id']}"}


async def test_others_uploads_are_unknown(pages: Pages) -> None:
    begun = (await (await Direct.of(await pages.signed_in("Anna"))).begin("a.jpg", 100)).json()
    other = await Direct.of(await pages.signed_in("Eve"))
    assert (await other.client.get(f"/api/uploads/direct/{begun['id']}")).status_code == 404
    assert (await other.complete(begun["id"])).status_code == 404


async def test_tus_and_programs_send_through_picsync(pages: Pages, bucket: Bucket, tmp_path: Path) -> None:
    browser = await pages.signed_in("Anna")
    tus = await Tus.of(browser)
    done = await settled(pages, await tus.send("a.jpg", photo(1)))
    assert done.state is UploadState.READY
    done = await settled(pages, await tus.send("b.jpg", photo(1)))
    assert done.state is UploadState.DUPLICATE
    done = await settled(pages, await tus.send("clip.mov", LARGE))
    assert done.state is UploadState.READY
    sent = await browser.client.post("/api/uploads?name=a.jpg", content=photo(2), headers=tus.own)
    assert [each["state"] for each in sent.json()] == ["ready"]
    assert keys(bucket) == {"Family/a.jpg", "Family/clip.mov", "Family/a (2).jpg"}
    assert [path for path in (tmp_path / "incoming").iterdir() if path.is_file()] == []


async def test_a_bucket_that_fails_keeps_what_was_sent(tmp_path: Path, server: Storage) -> None:
    bucket = server.bucket()
    async with serve(tmp_path, library=library(bucket, tmp_path)) as pages:
        tus = await Tus.of(await pages.signed_in("Anna"))
        server.fault = lambda method, path: DENIED if method == "PUT" and "Family/" in path else None
        upload = await tus.send("a.jpg", photo(1))
        uploads = pages.services.uploads
        assert uploads is not None
        person = (await pages.services.people.people())[0].person
        [waits] = await uploads.wait(person, [upload], limit_s=1)
        assert waits.state is UploadState.CHECKING
    server.fault = lambda _method, _path: None
    async with serve(tmp_path, library=library(bucket, tmp_path)) as pages:
        assert (await settled(pages, upload)).state is UploadState.READY
        assert keys(bucket) == {"Family/a.jpg"}


async def test_a_bucket_that_is_unreachable_takes_nothing(tmp_path: Path, server: Storage) -> None:
    bucket = server.bucket()
    server.unreachable()
    async with serve(tmp_path, library=library(bucket, tmp_path)) as pages:
        direct = await Direct.of(await pages.signed_in("Anna"))
        refused = await direct.begin("a.jpg", 100)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        assert "the-secret" not in refused.text


async def test_the_page_may_send_to_the_bucket_only(pages: Pages, server: Storage) -> None:
    browser = await pages.signed_in("Anna")
    sent = await browser.get("/send")
    assert f"connect-src 'self' {server.url};" in sent.headers["Content-Security-Policy"]
    assert "data-direct" in sent.text
    assert server.url not in (await browser.get("/you")).headers["Content-Security-Policy"]

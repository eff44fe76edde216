"""Disks and buckets that are really full: one message each, nothing is lost, and uploads continue."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from picsync.family.bucketlibrary import BucketLibrary
from picsync.family.library import FolderLibrary
from picsync.family.uploads.service import RESERVED_BYTES
from picsync.family.uploads.values import UploadState
from tests.family.storage import Answer, storage
from tests.faults.test_real_volumes import mounted, run
from tests.web.family.sent import Tus, photo
from tests.web.family.served import Pages, serve
from tests.web.family.test_sending import names, settled

ROOM = RESERVED_BYTES * 2
CONTENT = os.urandom(2 * 2**20)


class Volume:
    """A file system of its own; it takes memory only for what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, left_bytes: int = 0) -> None:
        """Leave only so much room."""
        seen = os.statvfs(self.folder)
        used = (seen.f_blocks - seen.f_bfree) * seen.f_frsize
        run("mount", "-o", f"remount,size={used + left_bytes}", str(self.folder))

    def empty(self) -> None:
        run("mount", "-o", f"remount,size={ROOM}", str(self.folder))


@contextmanager
def volume(folder: Path) -> Iterator[Volume]:
    folder.mkdir(exist_ok=True)
    with mounted(folder, f"size={ROOM}"):
        yield Volume(folder)


class Pauses:
    """Pauses that end when the test says so."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        await self._over.wait()

    def end(self) -> None:
        self._over.set()


def said(caplog: pytest.LogCaptureFixture, action: str) -> list[str]:
    return [each.getMessage() for each in caplog.records if getattr(each, "action", "") == action]


def told(answer: httpx.Response) -> str:
    return f"{answer.json()['error']} {answer.json()['hint']}"


async def waiting(pages: Pages, tus: Tus, upload: str) -> str:
    """Return what is said of an upload that waits."""
    while True:
        found = (await tus.client.get(f"/api/uploads?id={upload}", headers=tus.own)).json()[0]
        assert found["state"] == "checking", found
        if found["reason"]:
            return str(found["reason"])
        await asyncio.sleep(0)


async def test_the_librarys_disk_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "picsync.family")
    content = photo(1) + CONTENT  # Decoders do not read behind the end of a picture.
    with volume(tmp_path / "library") as disk:
        async with serve(tmp_path) as pages, await pages.signed_in("Anna") as browser:
            tus = await Tus.of(browser)
            location = (await tus.create("a.jpg", len(content))).headers["Location"]
            disk.fill(600_000)
            for _ in range(2):
                offset = int((await tus.offset(location)).headers["Upload-Offset"])
                refused = await tus.append(location, offset, content[offset:])
                assert refused.status_code == 507
                assert told(refused).startswith("The library is full. Nothing is lost: it can be sent once")
            # What did fit counts.
            offset = int((await tus.offset(location)).headers["Upload-Offset"])
            assert 500_000 < offset < 700_000
            refused = await tus.create("b.jpg", 1000)
            assert refused.status_code == 507
            assert "no room for this file" in told(refused)
            headers = {**tus.own, "Content-Type": "image/jpeg"}
            whole = await browser.client.post("/api/uploads?name=c.jpg", headers=headers, content=content)
            assert whole.status_code == 507
            [message] = said(caplog, "library_full")
            assert str(tmp_path / "library") in message
            assert "Free some space" in message
            assert names(tmp_path / "library") == [
                f".picsync-incoming/{location.rpartition('/')[2]}",
                ".picsync-library",
            ]
            disk.empty()
            done = await tus.append(location, offset, content[offset:])
            assert done.status_code == 204
            assert len(said(caplog, "library_has_room")) == 1
            [ready] = await settled(pages, location.rpartition("/")[2])
            assert ready.state is UploadState.READY
            assert (tmp_path / "library/Family/a.jpg").read_bytes() == content


async def test_the_databases_disk_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "library").mkdir()
    library = FolderLibrary(tmp_path / "library", ["Family"])
    with volume(tmp_path / "state") as disk:
        async with serve(disk.folder, library=library) as pages, await pages.signed_in("Anna") as browser:
            tus, content = await Tus.of(browser), photo(2)
            location = (await tus.create("a.jpg", len(content))).headers["Location"]
            disk.fill()
            refused = await tus.create("b.jpg", 1000)
            assert refused.status_code == 503
            assert "Nothing is lost" in told(refused)
            assert (await tus.append(location, 0, content)).status_code == 503
            assert [each for each in said(caplog, "family_request_failed") if "disk is full" in each]
            # Nothing of what was refused is left, and pages that only read still work.
            assert len(names(tmp_path / "library/.picsync-incoming")) == 1
            assert (await browser.get("/send")).status_code == 200
            disk.empty()
            # A client that asks how much has arrived learns that it was all.
            assert (await tus.offset(location)).headers["Upload-Offset"] == str(len(content))
            [ready] = await settled(pages, location.rpartition("/")[2])
            assert ready.state is UploadState.READY
    assert names(tmp_path / "library") == [".picsync-library", "Family/a.jpg"]


async def test_the_disk_of_the_small_versions_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pauses = Pauses()
    caplog.set_level(logging.INFO, "picsync.family")
    with volume(tmp_path / "pictures") as disk:
        async with serve(tmp_path, sleep=pauses.sleep) as pages, await pages.signed_in("Anna") as browser:
            tus = await Tus.of(browser)
            disk.fill(16_384)
            sent = [await tus.send(f"{number}.jpg", photo(number, size=(1600, 1200))) for number in range(3)]
            for upload in sent:
                assert "Nothing is lost" in await waiting(pages, tus, upload)
            [message] = said(caplog, "uploads_wait")
            assert str(disk.folder) in message
            assert "Free some space" in message
            assert names(tmp_path / "library/Family") == []
            assert names(disk.folder) == []
            disk.empty()
            pauses.end()
            assert {each.state for each in await settled(pages, *sent)} == {UploadState.READY}
            assert len(said(caplog, "uploads_continue")) == 1
            assert len(names(disk.folder)) == 9


@pytest.mark.parametrize("answer", ["507 Insufficient Storage", "403 Forbidden"])
async def test_the_bucket_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str) -> None:
    pauses = Pauses()
    caplog.set_level(logging.INFO, "picsync.family")
    full: Answer = (answer, b"<Error><Code>QuotaExceeded</Code></Error>")
    with storage() as server:
        bucket = server.bucket()
        library = BucketLibrary(bucket, tmp_path / "incoming", ["Family"])
        async with (
            serve(tmp_path, library=library, sleep=pauses.sleep) as pages,
            await pages.signed_in("Anna") as browser,
        ):
            tus = await Tus.of(browser)
            server.fault = lambda method, path: full if method == "PUT" and ".jpg" in path else None
            sent = [await tus.send(f"{number}.jpg", photo(number)) for number in range(3)]
            for upload in sent:
                assert "Nothing is lost" in await waiting(pages, tus, upload)
            [message] = said(caplog, "library_full")
            assert str(bucket.place) in message
            assert "bucket is full" in message
            server.fault = lambda _method, _path: None
            pauses.end()
            assert {each.state for each in await settled(pages, *sent)} == {UploadState.READY}
            assert [found.key for found in bucket.find("Family/") if found.size_bytes] == [
                f"Family/{number}.jpg" for number in range(3)
            ]

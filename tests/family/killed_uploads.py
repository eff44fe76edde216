"""Sends a file to the library in processes that are killed at each of their calls, and then continues.

`python -m tests.family.killed_uploads FOLDER NAME STEP [WAY]` prints how many kills there were, or what went
wrong. The library is a folder, or for the ways `tus` and `direct` a bucket; then the process is also killed
before each request to it. One process imports everything, and forks the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from PIL import Image
from pydantic import SecretStr

from picsync.core.buckets import BucketPlace
from picsync.family.bucketlibrary import BucketLibrary
from picsync.family.library import FolderLibrary, Library
from picsync.family.people import People
from picsync.family.photos import photo_id
from picsync.family.pictures import SIZES, Pictures
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.uploads.service import Uploads
from picsync.family.uploads.values import UploadState
from picsync.rendering.pool import Renderer
from picsync.system.library import MARKER
from picsync.vendors.s3.bucket import Bucket
from picsync.vendors.s3.credentials import StorageKey
from tests.web.family.sent import movie, photo

KINDS = {"clip.mov": movie(7) + b"\0\0\x40\0free" + bytes(0x4000 - 8), "photo.jpg": photo(7)}
BUCKET = BucketPlace("family-photos", "uploads/")
CALLS = {"open", "os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir"}


class KillAt:
    """Kills the process before a call that changes something below a folder, or before a commit."""

    def __init__(self, folder: Path, passing: int) -> None:
        self._folder = str(folder)
        self._left = passing
        self._armed = False

    def arm(self) -> None:
        self._armed = True

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._armed or event not in CALLS or not str(arguments[0]).startswith(self._folder):
            return
        if event != "open" or (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            self.passed()

    def passed(self, *_: object) -> None:
        if not self._armed:
            return
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)


@asynccontextmanager
async def opened(
    folder: Path, bucket: Bucket | None = None, *, database: Path | None = None
) -> AsyncIterator[tuple[State, Uploads, Pictures]]:
    library: Library = FolderLibrary(folder / "library", ["Family"])
    if bucket is not None:
        library = BucketLibrary(bucket, folder / "incoming", ["Family"])
    state, renderer = await State.open(str(database or folder / "cache.db")), Renderer(1)
    pictures = Pictures(folder / "pictures", renderer)
    pictures.sweep()
    uploads = Uploads(state, library, pictures, renderer)
    await uploads.start()
    try:
        yield state, uploads, pictures
    finally:
        await uploads.aclose()
        await renderer.aclose()
        await state.aclose()


async def blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def prepare(folder: Path, database: Path | None = None) -> None:
    """Create a family's state and library."""
    async with opened(folder, database=database) as (state, _, _pictures):
        await People(state).invite("Anna")


async def begin(folder: Path, name: str, kill: KillAt) -> None:
    """Send a file in two blocks, as long as the process lives."""
    content = KINDS[name]
    async with opened(folder) as (state, uploads, _):
        person = (await People(state).people())[0].person
        sa.event.listen(state._engine, "commit", kill.passed)
        kill.arm()
        upload = await uploads.create(person, "Family", name, len(content))
        half = len(content) // 2
        await uploads.append(person, upload.upload, 0, blocks(content[:half]))
        await uploads.append(person, upload.upload, half, blocks(content[half:]))
        await uploads.wait(person, [upload.upload])


async def continue_and_check(
    folder: Path, name: str, database: Path | None = None, album: str = "Family"
) -> None:
    """Send what is missing, as a client does, and check that the file is there once and completely."""
    content = KINDS[name]
    async with opened(folder, database=database) as (state, uploads, pictures):
        person = (await People(state).people())[0].person
        known = await uploads.of_person(person)
        upload = known[0] if known else await uploads.create(person, album, name, len(content))
        found, offset = await uploads.offset(person, upload.upload)
        if found.state is UploadState.RECEIVING:
            await uploads.append(person, upload.upload, offset, blocks(content[offset:]))
        [done] = await uploads.wait(person, [upload.upload])
        assert done.state is UploadState.READY, done
        files = {str(each.relative_to(folder / "library")) for each in (folder / "library").rglob("*")}
        expected = {".picsync-library", ".picsync-incoming", "Family", album, f"{album}/{name}"}
        assert files == expected, files
        assert (folder / "library" / album / name).read_bytes() == content
        photos = await state.read(lambda each: list(each.scalars(sa.select(tables.photo.c.photo))))
        assert photos == [done.photo], photos
        assert done.photo == photo_id(_sha256(content))
        for size in SIZES:
            with Image.open(pictures.path(done.photo or "", size)) as image:
                image.load()
        left = [each.name for each in (folder / "pictures").glob(".new-*")]
        assert not left, left


def bucket_at(url: str) -> Bucket:
    key = StorageKey(
        access_key_id="id", secret_access_key=SecretStr("secret"), endpoint=url, region="eu-central-1"
    )
    return Bucket(BUCKET, key)


def make_empty(bucket: Bucket) -> None:
    """Remove all that an earlier process has left."""
    for key in [found.key for found in bucket.find("")]:
        bucket.delete(key)
    for key in bucket.unfinished(""):
        bucket.abort(key)


async def put_missing(uploads: Uploads, person: str, upload: str, content: bytes) -> None:
    """Send the missing parts straight to the bucket, as a browser does."""
    async with httpx.AsyncClient() as phone:
        while missing := (await uploads.progress(person, upload))[1].missing:
            for part in missing:
                block = content[part.start : part.start + part.size_bytes]
                assert (await phone.put(part.url, content=block)).status_code == 200
    await uploads.complete_direct(person, upload)


async def send(uploads: Uploads, person: str, name: str, way: str) -> str:
    """Send a file to a library in a bucket; what is known of it already continues."""
    content = KINDS[name]
    known = await uploads.of_person(person)
    if known:
        upload = known[0]
    else:
        upload = await uploads.create(person, "Family", name, len(content), direct=way == "direct")
    if way == "direct":
        await put_missing(uploads, person, upload.upload, content)
    else:
        found, offset = await uploads.offset(person, upload.upload)
        if found.state is UploadState.RECEIVING:
            await uploads.append(person, upload.upload, offset, blocks(content[offset:]))
    await uploads.wait(person, [upload.upload])
    return upload.upload


async def begin_in_bucket(folder: Path, name: str, way: str, url: str, kill: KillAt) -> None:
    bucket = bucket_at(url)
    async with opened(folder, bucket) as (state, uploads, _):
        person = (await People(state).people())[0].person
        sa.event.listen(state._engine, "commit", kill.passed)
        bucket._client.meta.events.register("before-send.s3", lambda **_: kill.passed())
        kill.arm()
        await send(uploads, person, name, way)


async def continue_in_bucket(folder: Path, name: str, way: str, url: str) -> None:
    bucket = bucket_at(url)
    async with opened(folder, bucket) as (state, uploads, pictures):
        person = (await People(state).people())[0].person
        upload = await send(uploads, person, name, way)
        done = await uploads.find(person, upload)
        assert done.state is UploadState.READY, done
        keys = {found.key for found in bucket.find("")} | bucket.unfinished("")
        assert keys == {MARKER, "Family/", f"Family/{name}"}, keys
        assert b"".join(bucket.read(f"Family/{name}")) == KINDS[name]
        assert [each for each in (folder / "incoming").iterdir() if each.is_file()] == []
        photos = await state.read(lambda each: list(each.scalars(sa.select(tables.photo.c.photo))))
        assert photos == [done.photo], photos
        assert pictures.has(done.photo or "")


def main_in_bucket(folder: Path, name: str, step: int, way: str) -> int:
    """Do what `main` does, with a library in a bucket."""
    command = [sys.executable, "-m", "tests.family.storage"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        bucket = bucket_at(url)
        bucket._client.create_bucket(
            Bucket=BUCKET.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        kills = 0
        while True:
            at = folder / str(kills)
            at.mkdir()

            async def prepared(at: Path = at) -> None:
                async with opened(at, bucket_at(url)) as (state, _, _pictures):
                    await People(state).invite("Anna")

            make_empty(bucket)
            assert in_a_process(prepared) == 0
            kill = KillAt(at, kills * step)

            async def killed(at: Path = at, kill: KillAt = kill) -> None:
                sys.addaudithook(kill.audit)
                await begin_in_bucket(at, name, way, url, kill)

            ended = in_a_process(killed)
            assert in_a_process(lambda at=at: continue_in_bucket(at, name, way, url)) == 0, f"kill {kills}"  # type: ignore[misc] # its own
            if ended == 0:
                return kills
            assert ended == -signal.SIGKILL, ended
            kills += 1


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def in_a_process(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Return how a process ended that did the work."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(work())
        except BaseException:  # noqa: BLE001 - it ends the process
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, name: str, step: int) -> int:
    """Kill at every `step`-th call; return how many kills there were. Raises AssertionError."""
    kills, fresh = 0, folder / "fresh"
    (fresh / "library").mkdir(parents=True)
    assert in_a_process(lambda: prepare(fresh)) == 0
    while True:
        at = folder / str(kills)
        shutil.copytree(fresh, at)
        kill = KillAt(at, kills * step)

        async def killed(at: Path = at, kill: KillAt = kill) -> None:
            sys.addaudithook(kill.audit)
            await begin(at, name, kill)

        ended = in_a_process(killed)
        assert in_a_process(lambda at=at: continue_and_check(at, name)) == 0, f"kill {kills}"  # type: ignore[misc] # its own
        if ended == 0:
            return kills
        assert ended == -signal.SIGKILL, ended
        kills += 1


if __name__ == "__main__":
    folder_, name_, step_, *way_ = sys.argv[1:]
    if way_:
        print(main_in_bucket(Path(folder_), name_, int(step_), way_[0]))
    else:
        print(main(Path(folder_), name_, int(step_)))

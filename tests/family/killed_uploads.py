"""Sends a file to the library in processes that are killed at each of their calls, and then continues.

`python -m tests.family.killed_uploads FOLDER NAME STEP` prints how many kills there were, or what went wrong.
One process imports everything, and forks the others.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from picsync.family.library import FolderLibrary
from picsync.family.people import People
from picsync.family.photos import photo_id
from picsync.family.pictures import Pictures
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.uploads.service import Uploads
from picsync.family.uploads.values import UploadState
from picsync.rendering.pool import Renderer
from tests.web.family.sent import movie, photo

KINDS = {"clip.mov": movie(7) + b"\0\0\x40\0free" + bytes(0x4000 - 8), "photo.jpg": photo(7)}
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
async def opened(folder: Path) -> AsyncIterator[tuple[State, Uploads, Pictures]]:
    state, renderer = await State.open(str(folder / "cache.db")), Renderer(1)
    pictures = Pictures(folder / "pictures", renderer)
    pictures.sweep()
    uploads = Uploads(state, FolderLibrary(folder / "library", ["Family"]), pictures, renderer)
    await uploads.start()
    try:
        yield state, uploads, pictures
    finally:
        await uploads.aclose()
        await renderer.aclose()
        await state.aclose()


async def blocks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def prepare(folder: Path) -> None:
    """Create a family's state and library."""
    async with opened(folder) as (state, _, _pictures):
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


async def continue_and_check(folder: Path, name: str) -> None:
    """Send what is missing, as a client does, and check that the file is there once and completely."""
    content = KINDS[name]
    async with opened(folder) as (state, uploads, pictures):
        person = (await People(state).people())[0].person
        known = await uploads.of_person(person)
        upload = known[0] if known else await uploads.create(person, "Family", name, len(content))
        found, offset = await uploads.offset(person, upload.upload)
        if found.state is UploadState.RECEIVING:
            await uploads.append(person, upload.upload, offset, blocks(content[offset:]))
        [done] = await uploads.wait(person, [upload.upload])
        assert done.state is UploadState.READY, done
        files = {str(each.relative_to(folder / "library")) for each in (folder / "library").rglob("*")}
        expected = {".picsync-library", ".picsync-incoming", "Family", f"Family/{name}"}
        assert files == expected, files
        assert (folder / "library/Family" / name).read_bytes() == content
        photos = await state.read(lambda each: list(each.scalars(sa.select(tables.photo.c.photo))))
        assert photos == [done.photo], photos
        assert done.photo == photo_id(_sha256(content))
        assert name.endswith(".mov") or pictures.has(done.photo or "")
        left = [each.name for each in (folder / "pictures").glob(".new-*")] if name.endswith(".jpg") else []
        assert not left, left


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
    print(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))

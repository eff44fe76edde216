"""Receives uploads, and makes them part of the library.

A file is received into a folder of the library. Once all of it is there, it is checked, its small versions
are made, and it is moved into its album; then it is ready. Each step can be repeated: what was received is
known by the file's size, what is to be done by the upload's state, and where it goes is stored before it goes
there. So a process that ends at any moment leaves nothing half-done: the next one continues.

What keeps a file from being taken (no room, no library, no database) is no fault of the file: it stays, and
is tried again. Only its own content makes an upload fail.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, TypeVar

import sqlalchemy as sa

from picsync.aio.tasks import cancel_and_wait
from picsync.core.errors import ItemError, PicsyncError, StateError
from picsync.core.model import MediaKind
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.family.acts import Act, note
from picsync.family.bucketlibrary import BucketLibrary, Progress
from picsync.family.library import Library, LibraryUnavailable, clean_album, clean_filename
from picsync.family.photos import Photo, add_photo, photo_id
from picsync.family.pictures import Pictures
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.family.uploads import rows
from picsync.family.uploads.checking import Content, NotTakenError, check
from picsync.family.uploads.parts import Parts, write_block
from picsync.family.uploads.values import Problem, Upload, UploadError, UploadState
from picsync.media.formats import media_kind, promised
from picsync.observe.use import UploadUse
from picsync.rendering.pool import Renderer
from picsync.system.blocking import NoProgress, run_blocking
from picsync.system.crash import report
from picsync.system.files import reason, remedy

T = TypeVar("T")

MAX_UPLOAD_BYTES = 32 * 2**30
"""Two hours of video of a phone."""
MAX_RECEIVING = 500
"""Uploads of a person that have not arrived completely."""
RESERVED_BYTES = 256 * 2**20
"""Room that uploads leave on the library's disk, for small versions and for other programs."""
MAX_KEY = 100
"""Characters of what an upload is called by its sender."""
KEPT_FOR = timedelta(days=7)
"""How long an upload that does not continue is kept."""
SETTLED_FOR = timedelta(days=400)
"""How long failed and duplicate uploads are remembered."""
PAIR_WITHIN = timedelta(days=2)
"""The two files of a Live Photo arrive within this time."""
BLOCK_BYTES = 256 * 1024
"""Bytes that are collected before they are written."""
CHECKERS = 2
"""Uploads that are checked concurrently; the renderer has its own limit."""
RETRY_S = (10.0, 30.0, 60.0, 300.0)
"""Pauses before an upload that could not be completed is tried again; then the last of them."""
_SWEEP_EVERY_S = 3600.0
_WAIT_S = 120.0
_MAX_FILENAME = 255
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DIGESTS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}
CHECKSUMS = tuple(_DIGESTS)

_log = logging.getLogger("picsync.family")


@dataclass(slots=True)
class _Receiving:
    """Who writes to an upload's file."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when another request wants to write, or to know the offset."""
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Original:
    """Where an original is: on this machine, or where a browser gets it."""

    stored: str
    """`album/name`."""
    path: Path | None
    url: str = field(repr=False)
    """Whoever has it can read the original for a while."""


class Uploads:
    """Everything that people send. Methods raise UploadError, and StateError if the database fails."""

    def __init__(
        self,
        state: State,
        library: Library,
        pictures: Pictures,
        renderer: Renderer,
        *,
        categories: Mapping[str, Collection[str]] = MappingProxyType({}),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._state = state
        self._library = library
        self._pictures = pictures
        self._renderer = renderer
        self._categories = categories
        """Album of the library -> the categories that show it."""
        self._parts = Parts(library.incoming)
        self._bucket = library if isinstance(library, BucketLibrary) else None
        self._now = now
        self._sleep = sleep
        self._receiving: dict[str, _Receiving] = {}
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._settled = asyncio.Condition()
        self._placing = asyncio.Lock()
        self._making = asyncio.Lock()
        self._opening = asyncio.Lock()
        self._open = False
        self._tried: dict[str, tuple[int, str]] = {}
        """How often an upload could not be completed, and why, for the operator."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._said = ""
        self._full = False
        self._outcomes = {str(each): 0 for each in UploadState if each.settled}
        self._received = 0
        self._waiting: set[str] = set()

    async def start(self) -> None:
        """Begin to complete what has arrived; a library that is not there is looked for again and again."""
        for work in (*[self._complete_all] * CHECKERS, self._keep_tidy):
            self._tasks.add(asyncio.create_task(work()))
        with suppress(UploadError, StateError):
            await self._require_open()

    async def aclose(self) -> None:
        """Stop; what is not complete continues after the next start."""
        await cancel_and_wait(*self._tasks)
        self._tasks.clear()

    async def albums(self) -> Sequence[str]:
        """Return the albums of the library."""
        await self._require_open()
        return await self._in_library(self._library.albums)

    async def create(
        self,
        person: str,
        album: str,
        filename: str,
        size_bytes: int | None,
        sha256: str = "",
        *,
        direct: bool = False,
        key: str = "",
    ) -> Upload:
        """Begin an upload; a size of None is unknown, and then it cannot be continued later.

        A `direct` one goes straight to the bucket. With a `key`, text of the sender's own, repeating this is
        safe: it returns the upload that was begun with the same key, whatever has arrived of it.
        """
        try:
            album = clean_album(album)
        except ValueError as error:
            raise UploadError(Problem.INVALID, f"The album {harmless(album, 80)!r}: {error}.") from None
        if size_bytes is not None and size_bytes < 0:
            raise UploadError(Problem.INVALID, "The announced size is not valid.")
        if (size_bytes or 0) > MAX_UPLOAD_BYTES:
            raise UploadError(Problem.TOO_LARGE, f"A file has at most {MAX_UPLOAD_BYTES // 2**30} GB.")
        if sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef")):
            raise UploadError(Problem.INVALID, "The announced SHA-256 is not valid: 64 hexadecimal digits.")
        if len(key) > MAX_KEY:
            raise UploadError(Problem.INVALID, f"A key has at most {MAX_KEY} characters.")
        await self._require_open()
        now = self._now()
        upload = Upload(
            # Of the person, too, so that nobody gets another one's.
            hashlib.sha256(f"{person} {key}".encode()).hexdigest()[:32] if key else secrets.token_hex(16),
            person,
            album,
            harmless(filename, _MAX_FILENAME) or "photo",
            -1 if size_bytes is None else size_bytes,
            UploadState.RECEIVING,
            now,
            now,
            sha256,
        )
        async with self._alone(upload.upload):
            known = await self._known(upload.upload) if key else None
            if known is None:
                await self._require_room(size_bytes or 0)
                await self._begin(upload, direct=direct)
                return upload
        if known.size_bytes not in (upload.size_bytes, -1):
            raise UploadError(Problem.INVALID, "This key belongs to another file.", "Use another key.")
        return known

    async def _begin(self, upload: Upload, *, direct: bool) -> None:
        def work(connection: sa.Connection) -> None:
            if rows.count_receiving(connection, upload.person) >= MAX_RECEIVING:
                raise UploadError(
                    Problem.TOO_MANY,
                    f"{MAX_RECEIVING} of your uploads have not arrived completely.",
                    "Continue or cancel them first.",
                )
            rows.insert(connection, upload)

        if not direct:
            await self._in_library(partial(self._parts.create, upload.upload))
        try:
            await self._state.write(work)
        except BaseException:
            with suppress(UploadError):
                await self._in_library(partial(self._parts.remove, upload.upload))
            raise
        if upload.size_bytes == 0:
            await self._arrived(upload)

    async def find(self, person: str, upload: str) -> Upload:
        """Return an upload of a person."""
        found = await self._known(upload)
        if found is None or found.person != person:
            raise UploadError(Problem.UNKNOWN, "There is no such upload.", "Begin again.")
        return found

    async def _known(self, upload: str) -> Upload | None:
        return await self._state.read(lambda connection: rows.find(connection, upload))

    async def _there(self, person: str, upload: str) -> Upload:
        """Return an upload of a person; UploadError, too, if its file was removed from the library since."""
        found = await self.find(person, upload)
        if found.state in {UploadState.READY, UploadState.DUPLICATE} and not await self.original(
            found.photo or ""
        ):
            raise UploadError(Problem.UNKNOWN, "This file is no longer in the library.", "Begin again.")
        return found

    async def of_person(
        self, person: str, uploads: Collection[str] | None = None, *, most: int = 100
    ) -> Sequence[Upload]:
        """Return uploads of a person, the newest first, or those of them with some IDs."""
        found = await self._state.read(lambda connection: rows.of_person(connection, person, uploads, most))
        return [
            replace(each, reason=_WAITS)
            if each.state is UploadState.CHECKING and each.upload in self._tried
            else each
            for each in found
        ]

    async def offset(self, person: str, upload: str) -> tuple[Upload, int]:
        """Return an upload and how many bytes have arrived. A request that still writes to it is ended."""
        found = await self._there(person, upload)
        if found.state is not UploadState.RECEIVING:
            return found, max(found.size_bytes, 0)
        await self._require_open()
        async with self._alone(upload):
            at = await self._in_library(partial(self._parts.offset, upload))
            if at == found.size_bytes:
                # All of it has arrived, but that could not be stored.
                await self._arrived(found)
        return found, at

    async def append(
        self, person: str, upload: str, offset: int, blocks: AsyncIterator[bytes], checksum: str = ""
    ) -> int:
        """Append to an upload; return the new offset.

        `checksum` is an algorithm and the digest in Base64, as tus sends them. If `blocks` ends early or
        raises, what has arrived stays, unless there is a checksum.
        """
        digest, expected = _checksum(checksum)
        found = await self.find(person, upload)
        if found.state is not UploadState.RECEIVING:
            raise UploadError(Problem.WRONG_OFFSET, "This upload has arrived already.")
        await self._require_open()
        async with self._alone(upload) as receiving:
            at = await self._in_library(partial(self._parts.offset, upload))
            if at != offset:
                raise UploadError(Problem.WRONG_OFFSET, f"{at:,} bytes have arrived, not {offset:,}.")
            if digest is not None:
                await self._in_library(partial(self._parts.begin_block, upload, offset))
            most = MAX_UPLOAD_BYTES if found.size_bytes < 0 else found.size_bytes
            end = await self._receive(upload, offset, most, blocks, receiving.stop, digest)
            if digest is not None:
                if digest.digest() != expected:
                    await self._in_library(partial(self._parts.offset, upload))
                    raise UploadError(Problem.DAMAGED, "The block was damaged on the way.", "Send it again.")
                await self._in_library(partial(self._parts.end_block, upload))
            if end == found.size_bytes:
                await self._arrived(found)
            else:
                await self._changed(upload)
        if self._full:
            await self._room()
        return end

    async def take(
        self, person: str, album: str, filename: str, blocks: AsyncIterator[bytes], size_bytes: int | None
    ) -> Upload:
        """Receive a file in one request; if that ends early, nothing of it stays."""
        upload = await self.create(person, album, filename, size_bytes)
        if upload.size_bytes == 0:
            return upload
        try:
            async with self._alone(upload.upload) as receiving:
                most = MAX_UPLOAD_BYTES if size_bytes is None else size_bytes
                end = await self._receive(upload.upload, 0, most, blocks, receiving.stop, None)
                upload = await self._whole(upload, end)
        except BaseException:
            await self._forget(upload.upload)
            raise
        return upload

    async def _whole(self, upload: Upload, end: int) -> Upload:
        if upload.size_bytes not in (-1, end):
            raise UploadError(Problem.INTERRUPTED, f"{end:,} of {upload.size_bytes:,} bytes have arrived.")
        upload = replace(upload, size_bytes=end)
        await self._arrived(upload)
        return upload

    async def remove(self, person: str, upload: str) -> None:
        """End an upload that has not arrived completely; another one stays as it is."""
        found = await self.find(person, upload)
        if found.state is UploadState.RECEIVING:
            async with self._alone(upload):
                await self._forget(upload)

    async def wait(
        self, person: str, uploads: Collection[str], *, limit_s: float = _WAIT_S
    ) -> Sequence[Upload]:
        """Return uploads once all of them are settled, or after `limit_s`."""

        async def settled() -> Sequence[Upload]:
            async with self._settled:
                while True:
                    found = await self.of_person(person, uploads, most=len(uploads))
                    if all(each.state.settled for each in found):
                        return found
                    await self._settled.wait()

        try:
            async with asyncio.timeout(limit_s):
                return await settled()
        except TimeoutError:
            return await self.of_person(person, uploads, most=len(uploads))

    async def original(self, photo: str) -> Original | None:
        """Return where the original of a photo is in the library; None without one."""
        await self._require_open()
        for upload in await self._state.read(lambda connection: rows.ready_with(connection, photo)):
            if await self._in_library(partial(self._library.has, upload.stored)):
                url = self._bucket.url(upload.stored) if self._bucket is not None else ""
                return Original(upload.stored, self._library.path(upload.stored), url)
        return None

    async def make_pictures(self, photo: str) -> bool:
        """Make a photo's small versions again, of its original in the library; return whether there is one.

        Raises ItemError if it cannot be rendered.
        """
        async with self._making:
            if await asyncio.to_thread(self._pictures.has, photo):
                return True
            found = await self.original(photo)
            if found is None:
                return False
            kind = media_kind(promised(found.stored) or "")
            file = await self._transferred(partial(self._library.read, found.stored))
            try:
                await self._pictures.make(photo, file, kind)
            finally:
                await self._in_library(file.close)
            return True

    # Straight to the bucket.

    @property
    def bucket_origin(self) -> str:
        """Where browsers send files by themselves; empty if they can't."""
        return self._bucket.origin if self._bucket is not None else ""

    async def progress(self, person: str, upload: str) -> tuple[Upload, Progress]:
        """Return an upload that goes straight to the bucket, and where to send what is missing."""
        bucket = self._require_bucket()
        found = await self._there(person, upload)
        if found.state is not UploadState.RECEIVING or found.size_bytes <= 0:
            return found, Progress(max(found.size_bytes, 0), ())
        await self._require_open()
        return found, await self._in_library(partial(bucket.begin, upload, found.size_bytes))

    async def complete_direct(self, person: str, upload: str) -> Upload:
        """Have an upload checked that went straight to the bucket; safe to repeat."""
        bucket = self._require_bucket()
        found = await self.find(person, upload)
        if found.state is not UploadState.RECEIVING:
            return found
        await self._require_open()
        async with self._alone(upload):
            if not await self._in_library(partial(bucket.complete, upload, found.size_bytes)):
                raise UploadError(Problem.WRONG_OFFSET, "Parts of this upload are missing.", "Send them.")
            await self._arrived(found)
            self._received += found.size_bytes
        return await self.find(person, upload)

    def _require_bucket(self) -> BucketLibrary:
        if self._bucket is None:
            raise UploadError(Problem.UNKNOWN, "This library takes files by tus.")
        return self._bucket

    def _remove(self, upload: str) -> None:
        """Remove what was received of an upload; blocks."""
        self._parts.remove(upload)
        if self._bucket is not None:
            self._bucket.discard(upload)

    def use(self) -> UploadUse:
        """Return what was sent since the process started."""
        return UploadUse(dict(self._outcomes), self._received, len(self._waiting), not self._said)

    # Receiving.

    @asynccontextmanager
    async def _alone(self, upload: str) -> AsyncIterator[_Receiving]:
        """Write to an upload's file; a request that does so already is ended."""
        receiving = self._receiving.setdefault(upload, _Receiving())
        receiving.waiting += 1
        receiving.stop.set()
        try:
            async with receiving.lock:
                receiving.stop.clear()
                yield receiving
        finally:
            receiving.waiting -= 1
            if not receiving.waiting:
                self._receiving.pop(upload, None)

    async def _receive(
        self,
        upload: str,
        offset: int,
        most: int,
        blocks: AsyncIterator[bytes],
        stop: asyncio.Event,
        digest: hashlib._Hash | None,
    ) -> int:
        """Write blocks from an offset on; return the offset at their end. More than `most` is refused."""
        descriptor = await self._in_library(partial(self._parts.open, upload, offset))
        at, kept, size = offset, bytearray(), 0

        async def flush() -> None:
            nonlocal kept
            block, kept = bytes(kept), bytearray()
            if digest is not None:
                digest.update(block)
            await self._uninterrupted(partial(write_block, descriptor, block))
            self._received += len(block)

        try:
            try:
                async for block in _until(blocks, stop):
                    size += len(block)
                    if at + size > most:
                        await self._uninterrupted(partial(self._parts.truncate, upload, offset))
                        kept.clear()
                        raise UploadError(
                            Problem.OVERRUN, f"More was sent than announced ({most:,} bytes). Begin again."
                        )
                    kept += block
                    if len(kept) >= BLOCK_BYTES:
                        await flush()
                if kept:
                    await flush()
            finally:
                # Also if the connection is lost or the request is cancelled: every byte counts in a tunnel.
                if kept:
                    with suppress(UploadError):
                        await flush()
            await self._uninterrupted(partial(os.fsync, descriptor))
        except UploadError as error:
            if error.problem is Problem.FULL:
                await self._changed(upload)
            raise
        finally:
            await self._uninterrupted(partial(os.close, descriptor))
        return at + size

    async def _uninterrupted(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; a cancellation takes effect once it has ended."""
        task = asyncio.ensure_future(self._in_library(work))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()
            raise

    async def _arrived(self, upload: Upload) -> None:
        """Store that all of an upload is there, and have it checked."""
        values = {"state": UploadState.CHECKING, "size_bytes": upload.size_bytes}
        await self._state.write(
            lambda connection: rows.update(connection, upload.upload, self._now(), **values)
        )
        self._enqueue(upload.upload)

    async def _changed(self, upload: str) -> None:
        await self._state.write(lambda connection: rows.update(connection, upload, self._now()))

    async def _forget(self, upload: str) -> None:
        await self._state.write(lambda connection: rows.delete(connection, upload))
        with suppress(UploadError):
            await self._in_library(partial(self._remove, upload))

    async def _require_room(self, size_bytes: int) -> None:
        room = await self._room()
        if size_bytes > room:
            left = max(room, 0) // 2**20
            if room < 0:
                self._tell_full(self._library.incoming, "its disk is almost full")
            raise UploadError(
                Problem.FULL, f"The library has no room for this file: {left:,} MB are left.", _NO_ROOM
            )

    async def _room(self) -> int:
        """Return how many bytes may be received before others lack them; negative if they do already."""
        room = await self._in_library(self._library.free_bytes) - RESERVED_BYTES
        if self._full and room >= 0:
            self._full = False
            _log.info("There is room for uploads again.", extra={"action": "library_has_room"})
        return room

    async def _transferred(self, work: Callable[[Callable[[], None]], T]) -> T:
        """Run `work`, which transfers a file and is called with a function that notes progress."""
        steps = 0

        def progress() -> None:
            nonlocal steps
            steps += 1

        return await self._in_library(partial(work, progress), lambda: steps)

    async def _in_library(self, work: Callable[[], T], progress: Callable[[], object] = lambda: None) -> T:
        """Run `work` in a thread; what the file system says becomes an UploadError."""
        try:
            return await run_blocking(work, progress=progress)
        except NoProgress:
            self._tell(f"The library {self._library} does not respond. Check its disk or server.")
            raise UploadError(Problem.UNAVAILABLE, _UNAVAILABLE, _LATER) from None
        except LibraryUnavailable as error:
            self._tell(str(error))
            raise UploadError(Problem.UNAVAILABLE, _UNAVAILABLE, _LATER) from None
        except OSError as error:
            if error.errno in _FULL:
                self._tell_full(error.filename or self._library.incoming, reason(error))
                raise UploadError(Problem.FULL, "The library is full.", _NO_ROOM) from error
            helps = remedy(error, self._library.incoming)
            self._tell(f"The library {self._library}: {reason(error)}. {helps}".strip())
            raise UploadError(Problem.UNAVAILABLE, _UNAVAILABLE, _LATER) from error

    def _tell(self, problem: str) -> None:
        """Log a problem of the library, once until it works again."""
        if problem != self._said:
            self._said = problem
            _log.warning("%s", problem, extra={"action": "library_unavailable"})

    def _tell_full(self, where: object, why: str) -> None:
        """Log that there is no room, once until there is some."""
        if not self._full:
            self._full = True
            _log.warning(
                "There is no room for uploads at %s: %s. Free some space there; then they continue.",
                where,
                why,
                extra={"action": "library_full"},
            )

    async def _require_open(self) -> None:
        """Raise UploadError unless the library is there; the first time, continue what was interrupted."""
        if self._open:
            await self._in_library(self._library.require)
            self._said = ""
            return
        async with self._opening:
            if not self._open:
                await self._open_library()

    async def _open_library(self) -> None:
        name = f"library:{self._library}"
        table = tables.setting
        wanted = sa.select(table.c.value).where(table.c.name == name)
        known = await self._state.read(lambda connection: connection.scalar(wanted)) is not None
        await self._in_library(partial(self._library.open, known=known))
        if not known:
            await self._state.write(
                lambda connection: connection.execute(sa.insert(table).values(name=name, value="used"))
            )
        unsettled = await self._state.read(
            lambda connection: rows.in_state(connection, UploadState.RECEIVING, UploadState.CHECKING)
        )
        for upload in unsettled:
            if upload.state is UploadState.CHECKING:
                self._enqueue(upload.upload)
            elif upload.size_bytes < 0:
                # Nobody can continue it.
                await self._forget(upload.upload)
            elif await self._in_library(partial(self._parts.offset, upload.upload)) == upload.size_bytes:
                await self._arrived(upload)
        kept = {upload.upload for upload in unsettled}
        await self._in_library(partial(self._parts.sweep, kept))
        if self._bucket is not None:
            await self._in_library(partial(self._bucket.sweep, kept))
        self._open = True

    # Completing.

    async def _complete_all(self) -> None:
        while True:
            upload = await self._due.get()
            try:
                await self._complete(upload)
                if self._tried.pop(upload, None) and not self._tried:
                    _log.info("No upload waits any more.", extra={"action": "uploads_continue"})
                self._waiting.discard(upload)
            except UploadError:
                self._again(upload, "")  # The library's problem was logged.
            except PicsyncError as error:
                self._again(upload, str(error))
            except Exception as error:  # noqa: BLE001 - see below
                # A bug concerns this upload only; its file stays.
                told = report(error)
                _log.error(
                    "An upload could not be checked. %s", told, extra={"action": "crashed", "report": told}
                )
                self._again(upload, "")
            async with self._settled:
                self._settled.notify_all()

    def _enqueue(self, upload: str) -> None:
        self._waiting.add(upload)
        self._due.put_nowait(upload)

    def _again(self, upload: str, problem: str) -> None:
        """Try an upload again after a pause. A problem is logged once for all that wait for its end."""
        tried, _ = self._tried.get(upload, (0, ""))
        if problem and all(problem != other for _, other in self._tried.values()):
            _log.warning("Uploads wait: %s They are tried again.", problem, extra={"action": "uploads_wait"})
        self._tried[upload] = (tried + 1, problem)

        async def later() -> None:
            await self._sleep(RETRY_S[min(tried, len(RETRY_S) - 1)])
            self._enqueue(upload)

        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _complete(self, name: str) -> None:
        """Check an upload and put it into the library. Raises if that has to be tried again."""
        upload = await self._state.read(lambda connection: rows.find(connection, name))
        if upload is None or upload.state is not UploadState.CHECKING:
            return
        await self._require_open()
        file, moved = await self._transferred(partial(self._open_received, upload))
        if file is None:
            await self._fail(upload, "It was lost on the server. Send it again.")
            return
        try:
            try:
                content = await self._transferred(partial(check, file, upload.size_bytes, upload.sha256))
                if not moved and await self._is_duplicate(upload, photo_id(content.sha256)):
                    return
                about = await self._about(upload, content, file)
            finally:
                await self._in_library(file.close)
            async with self._placing:
                if moved:
                    await self._ready(upload, about, pair=None)
                elif not await self._is_duplicate(upload, about.photo):
                    await self._place(upload, about, content)
        except NotTakenError as error:
            await self._fail(upload, str(error))

    def _open_received(self, upload: Upload, progress: Callable[[], None]) -> tuple[BinaryIO | None, bool]:
        """Open what was received, and whether it is in the library already. Blocks."""
        part = self._parts.path(upload.upload)
        with suppress(FileNotFoundError):
            return part.open("rb"), False
        if self._bucket is not None:
            with suppress(FileNotFoundError):
                self._bucket.fetch(upload.upload, part, progress)
                return part.open("rb"), False
        if upload.stored:
            with suppress(FileNotFoundError):
                return self._library.read(upload.stored, progress), True
        return None, False

    async def _is_duplicate(self, upload: Upload, photo: str) -> bool:
        """Settle an upload whose content the library has already; return whether that is so."""
        equal = await self._state.read(lambda connection: rows.ready_with(connection, photo))
        for each in equal:
            if await self._in_library(partial(self._library.has, each.stored)):
                album, _, name = each.stored.partition("/")
                text = f"You already have this one: {name} in the album {album}."
                await self._settle(upload, UploadState.DUPLICATE, text, photo=photo)
                await self._in_library(partial(self._remove, upload.upload))
                return True
        return False

    async def _about(self, upload: Upload, content: Content, file: BinaryIO) -> Photo:
        """Return what the pages show of a file, once its small versions exist."""
        photo = Photo(
            photo_id(content.sha256),
            content.sha256,
            upload.filename,
            content.kind,
            taken_at=content.taken_at,
            sender=upload.person,
        )
        if content.kind is MediaKind.VIDEO:
            has = await asyncio.to_thread(self._pictures.has, photo.photo)
            # Nobody sees a cover of the video of a Live Photo.
            if not has and await self._find_pair(upload, content) is None:
                await self._pictures.make(photo.photo, file, content.kind)
            return photo
        try:
            told = await self._renderer.tell(file, place=True)
            examined = await self._renderer.examine(file)
            if not await asyncio.to_thread(self._pictures.has, photo.photo):
                await self._pictures.make(photo.photo, file)
        except ItemError as error:
            if not error.unusable:
                raise
            # What decoders say is for the person who runs picsync; the sender can do nothing with it.
            _log.warning(
                "The upload %s (%s) is not taken: %s",
                harmless(upload.filename, 100),
                upload.upload,
                error.message,
                extra={"action": "upload_refused"},
            )
            raise NotTakenError(_UNREADABLE) from error
        return replace(
            photo,
            width=examined.width,
            height=examined.height,
            taken_at=told.taken or photo.taken_at,
            place=told.place or "",
            description=told.description,
            look=examined.look,
        )

    async def _place(self, upload: Upload, about: Photo, content: Content) -> None:
        """Move a file to its album under a free name, and settle its upload."""
        part = self._parts.path(upload.upload)
        stem, extension = clean_filename(upload.filename, content.mime_type)
        stored, pair = upload.stored, None
        while True:
            if not stored:
                stems = await self._in_library(partial(self._library.stems, upload.album))
                pair = await self._find_pair(upload, content, stems)
                name = pair.stored.partition("/")[2].rpartition(".")[0] if pair else _free(stem, stems)
                stored = f"{upload.album}/{name}{extension}"
                await self._change(upload, stored=stored)
            if await self._transferred(partial(self._library.place, part, stored, upload.upload)):
                break
            # Somebody else has used the name meanwhile.
            stored = ""
        await self._ready(replace(upload, stored=stored), about, pair=pair)

    async def _find_pair(
        self, upload: Upload, content: Content, stems: Mapping[str, Collection[str]] | None = None
    ) -> Upload | None:
        """Return the other file of a Live Photo; `stems` are the album's names, if they are known."""
        since = self._now() - PAIR_WITHIN
        others = await self._state.read(lambda connection: rows.companions(connection, upload, since))
        if stems is None:
            stems = await self._in_library(partial(self._library.stems, upload.album)) if others else {}
        return _pair(upload, content, others, stems)

    async def _ready(self, upload: Upload, about: Photo, *, pair: Upload | None) -> None:
        """Settle an upload that is in the library. The video of a Live Photo is no video of its own."""

        def work(connection: sa.Connection) -> None:
            now = self._now()
            if not rows.update(
                connection, upload.upload, now, state=UploadState.READY, photo=about.photo, reason=""
            ):
                return
            if pair is None or about.kind is MediaKind.PHOTO:
                add_photo(connection, about, now)
                if about.kind is MediaKind.VIDEO:
                    for category in self._categories.get(upload.album, ()):
                        rows.show_video(connection, category, about.photo, now)
                note(connection, now, upload.person, Act.UPLOADED, about.photo, upload.stored)
            if pair is not None and about.kind is MediaKind.PHOTO:
                rows.hide_video(connection, pair.photo)
                with suppress(sa.exc.IntegrityError), connection.begin_nested():
                    table = tables.photo
                    connection.execute(sa.delete(table).where(table.c.photo == pair.photo))

        await self._state.write(work)
        if pair is not None and pair.photo and about.kind is MediaKind.PHOTO:
            await self._pictures.remove(pair.photo)
        self._outcomes[UploadState.READY] += 1

    async def _fail(self, upload: Upload, why: str) -> None:
        await self._settle(upload, UploadState.FAILED, harmless(why, 300))
        await self._in_library(partial(self._remove, upload.upload))

    async def _settle(
        self, upload: Upload, state: UploadState, why: str, *, photo: str | None = None
    ) -> None:
        await self._change(upload, state=state, reason=why, photo=photo)
        self._outcomes[state] += 1

    async def _change(self, upload: Upload, **values: object) -> None:
        await self._state.write(
            lambda connection: rows.update(connection, upload.upload, self._now(), **values)
        )

    async def _keep_tidy(self) -> None:
        """Remove uploads that do not continue, every hour; look for a library that was not there."""
        while True:
            with suppress(UploadError, PicsyncError):
                await self._require_open()
                await self.expire()
                await self.list_videos()
            await self._sleep(_SWEEP_EVERY_S if self._open else RETRY_S[0])

    async def list_videos(self) -> None:
        """Have the categories show the videos that are in their albums; their frame takes only pictures.

        Raises UploadError if the library is not there: then what is shown stays.
        """
        ready = await self._state.read(rows.videos)
        gone = {
            one.upload for one in ready if not await self._in_library(partial(self._library.has, one.stored))
        }

        # Where nothing is mounted, every file is missing.
        await self._in_library(self._library.require)

        def work(connection: sa.Connection) -> None:
            wanted = {
                (category, one.photo)
                for one in rows.videos(connection)
                for category in self._categories.get(one.album, ())
                if one.photo and one.upload not in gone
            }
            rows.show_videos(connection, wanted, self._now())

        await self._state.write(work)

    async def expire(self) -> None:
        """Remove uploads that did not continue for too long."""
        receiving = await self._state.read(
            lambda connection: rows.in_state(connection, UploadState.RECEIVING)
        )
        for upload in receiving:
            if self._now() - upload.changed_at > KEPT_FOR and upload.upload not in self._receiving:
                if await self._in_library(partial(self._parts.offset, upload.upload)) == upload.size_bytes:
                    await self._arrived(upload)
                else:
                    await self._fail(upload, "It did not continue for a week. Send it again.")
        await self._state.write(lambda connection: rows.forget_settled(connection, self._now() - SETTLED_FOR))


_UNREADABLE = (
    "This picture cannot be shown: it is damaged, too large, or of a kind that picsync cannot read. "
    "Save it again as a JPEG, and send that."
)
_WAITS = "It has arrived, but picsync cannot finish it at the moment. Nothing is lost: it is tried again."
_NO_ROOM = "Nothing is lost: it can be sent once there is room. Tell the person who runs picsync."
_UNAVAILABLE = "The library is not available at the moment."
_LATER = "Nothing is lost. Try again later, or tell the person who runs picsync: the log says why."


async def _until(blocks: AsyncIterator[bytes], stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield blocks until the end, or until `stop` is set; then UploadError is raised."""
    stopped = asyncio.ensure_future(stop.wait())
    following: asyncio.Future[bytes] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(blocks))
            await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                raise UploadError(Problem.INTERRUPTED, "Another request continues this upload.")
            try:
                block = following.result()
            except StopAsyncIteration:
                return
            yield block
    finally:
        await cancel_and_wait(stopped, *([following] if following is not None else []))


def _checksum(header: str) -> tuple[hashlib._Hash | None, bytes]:
    """Return the algorithm and the digest of a checksum as tus sends it; None without one."""
    if not header:
        return None, b""
    name, _, text = header.partition(" ")
    begin = _DIGESTS.get(name)
    try:
        expected = base64.b64decode(text, validate=True)
    except ValueError:
        expected = b""
    if begin is None or len(expected) != begin().digest_size:
        raise UploadError(Problem.INVALID, f"The checksum is not valid: use {' or '.join(CHECKSUMS)}.")
    return begin(), expected


def _free(stem: str, stems: Mapping[str, object]) -> str:
    """Return a stem that no file has, regardless of its extension."""
    found, number = stem, 2
    while found.casefold() in stems:
        found, number = f"{stem} ({number})", number + 1
    return found


def _pair(
    upload: Upload, content: Content, others: Sequence[Upload], stems: Mapping[str, Collection[str]]
) -> Upload | None:
    """Return the other file of a Live Photo, if that has arrived: a picture, or a QuickTime video."""
    is_video = content.kind is MediaKind.VIDEO
    if is_video and content.mime_type != "video/quicktime":
        return None
    own = _stem(upload.filename)
    for other in others:
        stem = _stem(other.stored.partition("/")[2])
        mime_type = promised(other.stored) or ""
        fits = mime_type.startswith("image/") if is_video else mime_type == "video/quicktime"
        if fits and _stem(other.filename) == own and len(stems.get(stem, ())) == 1:
            return other
    return None


def _stem(filename: str) -> str:
    return filename.rpartition(".")[0].casefold()

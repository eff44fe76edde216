"""Files in transit from a source to a frame: on disk, within a budget, hashed as they arrive.

A spool file has no name in the file system, so nothing is left behind however the process ends.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from picsync.aio.tasks import progressed
from picsync.core.errors import ContentError, Defect, NoRoomError, ProtocolError, SpoolError
from picsync.core.model import Digest
from picsync.system.files import reason, remedy

DEFAULT_BUDGET_BYTES = 512 * 1024 * 1024
"""Space for the originals in transit: some hundred photos, or one long video (a larger one is transferred
alone)."""

UNANNOUNCED_BYTES = 64 * 1024 * 1024
"""Space reserved for an original whose size the source does not announce."""

BLOCK_BYTES = 512 * 1024
"""Bytes that a thread writes and hashes in one call. Switching threads costs as much CPU as 100 kB do, so
larger blocks save almost nothing, and several of them are in memory at the same time."""

INLINE_BYTES = 4 * 2**20
"""A file of up to this size is closed without a thread: that takes less than a millisecond."""

MAX_ORIGINAL_BYTES = 1024**3
"""Maximum size of an original, announced or not: frames play clips of some minutes, and the volumes of the
container manifests have space for it."""

MAX_PIXELS = 250_000_000
"""Maximum number of pixels. The largest cameras in use and Google Photos stop at 200 megapixels; a frame
shows two."""

_HEAD_BYTES = 32
_TEXT_STARTS = (b"<", b"{", b"[", b")]}'")
"""The first bytes of an error page or message that was sent instead of a picture."""


def _free_bytes(folder: Path) -> int | None:
    """Return the free bytes of a folder; None if the file system does not report them."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize if found.f_blocks else None


def load_parsers() -> None:
    """Load what examines files, ahead of the first one; most cycles transfer nothing and do not need it."""
    import picsync.media.dimensions
    import picsync.media.ends
    import picsync.media.formats  # noqa: F401


class SpoolFile:
    """One original in transit; the Sink that a source writes to.

    Threads write and hash it, block by block, so that neither a slow disk nor a large file delays other
    requests in the event loop. The last one also examines the file.
    """

    def __init__(self, folder: Path | None, spool: Spool, algorithm: str) -> None:
        self.size_bytes = 0
        self._folder = folder
        self._spool = spool
        self._algorithm = algorithm
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._head = b""
        self._block = bytearray()
        self._reserved = 0
        self._announced = 0
        self._anew = False
        self._file: BinaryIO | None = None
        self._begun = False
        self._closed = False
        self._examined: tuple[str, int | None, bool] = ("", None, False)
        """MIME type, number of pixels, and whether the end is missing, once it has been written."""
        # A thread may still be writing when its caller is cancelled.
        self._using = threading.Lock()

    @property
    def holds(self) -> bool:
        """Whether space is reserved for it."""
        return self._reserved > 0

    @property
    def file(self) -> BinaryIO:
        """The bytes on disk, once `finish` has returned."""
        if self._file is None:
            raise ValueError("nothing has been spooled")
        return self._file

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:  # noqa: ARG002 - bytes tell better
        """Discard the bytes so far and reserve space; waits until there is some.

        Raises ItemError, unusable, for a size that no frame accepts.
        """
        self.release()
        _check_size(size_bytes or 0)
        wanted = UNANNOUNCED_BYTES if size_bytes is None else size_bytes
        self.size_bytes = 0
        self._announced = size_bytes or 0
        if size_bytes is not None:
            self._spool.require_possible(size_bytes)
        self._reserved = await self._spool.reserve(wanted)
        self._anew = True
        self.size_bytes = 0
        self._hash = hashlib.new(self._algorithm, usedforsecurity=False)
        self._head = b""
        self._block = bytearray()

    async def write(self, chunk: bytes) -> None:
        """Write the next bytes; waits for space if they were not announced.

        Raises ProtocolError if they are the beginning of a text, ItemError if they are too many, NoRoomError
        if the disk is full.
        """
        _check_size(self.size_bytes + len(chunk))
        missing = self.size_bytes + len(chunk) - self._reserved
        if missing > 0:
            self._reserved += await self._spool.grow(self, missing)
        progressed()
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[: _HEAD_BYTES - len(self._head)]
            if self._head.lstrip().startswith(_TEXT_STARTS):
                raise ProtocolError("Expected a picture, but got text.")
        self._block += chunk
        self.size_bytes += len(chunk)
        if len(self._block) >= BLOCK_BYTES:
            await self._store()

    async def finish(self) -> Digest:
        """Return the digest of the bytes: it tells whether the frame has them, whatever they are.

        Raises ItemError if nothing arrived, NoRoomError if the disk is full.
        """
        if self.size_bytes == 0:
            raise ContentError(Defect.EMPTY)
        await self._store(last=True)
        if self._reserved > self.size_bytes:
            self._spool.release(self._reserved - self.size_bytes)
            self._reserved = self.size_bytes
        return Digest(self._algorithm, self._hash.hexdigest())

    def examine(self) -> str:
        """Return the MIME type of the bytes, once `finish` has returned.

        Raises ContentError, unusable, if they are neither a picture nor a video, are truncated, or claim more
        pixels than any device can show.
        """
        mime_type, pixels, truncated = self._examined
        if not mime_type:
            raise ContentError(Defect.NOT_MEDIA)
        if pixels is not None and not 0 < pixels <= MAX_PIXELS:
            raise ContentError(Defect.TOO_MANY_PIXELS, amount=pixels, limit=MAX_PIXELS)
        if truncated:
            raise ContentError(Defect.TRUNCATED)
        return mime_type

    def release(self) -> None:
        """Release the reserved space."""
        self._spool.release(self._reserved, self)
        self._reserved = 0

    async def aclose(self) -> None:
        """Close the file, once no thread uses it."""
        self.release()
        if not self._begun:
            return
        if self.size_bytes <= INLINE_BYTES and self._using.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._using.release()
            return
        closing = asyncio.get_running_loop().run_in_executor(None, self._close_once_unused)
        await asyncio.shield(closing)

    async def _store(self, *, last: bool = False) -> None:
        block, self._block = self._block, bytearray()
        anew, self._anew, self._begun = self._anew, False, True
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(None, self._append, block, self._hash, anew, last)
        except OSError as error:
            raise self._spool.error(error, self.size_bytes, self._announced) from error

    def _append(self, block: bytearray, digest: hashlib._Hash, anew: bool, last: bool) -> None:
        with self._using:
            if self._closed:
                return
            if self._file is None:
                # Unbuffered: a full disk fails the write that fills it, and no copy waits in memory.
                self._file = tempfile.TemporaryFile(dir=self._folder, prefix="picsync-", buffering=0)  # noqa: SIM115
            elif anew:
                self._file.seek(0)
                self._file.truncate()
            rest = memoryview(block)
            while rest:  # A disk that is nearly full writes a part, and refuses only the next write.
                rest = rest[self._file.write(rest) :]
            digest.update(block)
            if last:
                from picsync.media.dimensions import pixel_count
                from picsync.media.ends import is_truncated
                from picsync.media.formats import identify

                mime_type = identify(self._file) or ""
                pixels = pixel_count(self._file, mime_type)
                self._examined = mime_type, pixels, is_truncated(self._file, mime_type)
                self._file.seek(0, os.SEEK_END)

    def _close_once_unused(self) -> None:
        with self._using:
            self._close()

    def _close(self) -> None:
        self._closed = True
        if self._file is not None:
            self._file.close()


class Spool:
    """The space for files in transit.

    Space is reserved before bytes arrive. Some files turn out to be larger than announced: they get more
    space as they grow, before any new file gets some. If all files in transit wait for space of each other,
    one of them exceeds the budget, so that one can always complete.
    """

    def __init__(
        self,
        folder: Path | None = None,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        free_bytes: Callable[[Path], int | None] = _free_bytes,
    ) -> None:
        """Use `folder` (default: the system folder for temporary files) up to `budget_bytes`.

        If the folder has less space, the budget is what it has.
        """
        self._folder = folder
        self._budget_bytes = budget_bytes
        self._free_bytes = free_bytes
        self._used_bytes = 0
        self._freed = asyncio.Event()
        self._line = asyncio.Lock()
        self._open: set[SpoolFile] = set()
        self._growing: set[SpoolFile] = set()
        self._beyond: SpoolFile | None = None
        """The file that may exceed the budget."""
        self.evict: Callable[[], Awaitable[bool]] | None = None
        """Discards a file that is only kept in case it is needed; returns whether there was one."""

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder or Path(tempfile.gettempdir())

    @asynccontextmanager
    async def file(self, algorithm: str) -> AsyncIterator[SpoolFile]:
        """Open a spool file; it is removed, and its space released, at the end of the context."""
        spooled = SpoolFile(self._folder, self, algorithm)
        self._open.add(spooled)
        try:
            yield spooled
        finally:
            try:
                await spooled.aclose()
            finally:
                self._open.discard(spooled)
                self._freed.set()

    async def reserve(self, size_bytes: int) -> int:
        """Wait until `size_bytes` fit, or nothing else is in transit; return what to release later.

        In order of arrival, so that a video gets its space however many photos follow it.
        """
        async with self._line:
            while self._used_bytes and (self._growing or not self._fits(size_bytes)):
                if await self._evicted():
                    continue
                self._freed.clear()
                await self._freed.wait()
            self._used_bytes += size_bytes
        return size_bytes

    async def grow(self, file: SpoolFile, size_bytes: int) -> int:
        """Wait until a file in transit can have `size_bytes` more; return what to release later."""
        self._growing.add(file)
        try:
            while self._beyond is not file and not self._fits(size_bytes):
                if await self._evicted():
                    continue
                if self._beyond is None and self._growing >= {each for each in self._open if each.holds}:
                    self._beyond = file
                    break
                self._freed.clear()
                await self._freed.wait()
            self._used_bytes += size_bytes
        finally:
            self._growing.discard(file)
            self._freed.set()
        return size_bytes

    async def _evicted(self) -> bool:
        return self.evict is not None and await self.evict()

    def changed(self) -> None:
        """Wake up those who wait for space, since a file may be evicted now."""
        self._freed.set()

    def release(self, size_bytes: int, file: SpoolFile | None = None) -> None:
        """Release what `reserve` and `grow` returned; with `file`, all that it has."""
        self._used_bytes -= size_bytes
        if file is not None and self._beyond is file:
            self._beyond = None
        self._freed.set()

    def require_possible(self, size_bytes: int) -> None:
        """Raise NoRoomError for a file that does not fit even when nothing else is in transit."""
        room = self._room_bytes()
        if room is not None and size_bytes > room:
            raise NoRoomError(str(self.folder), "", size_bytes=size_bytes, free_bytes=room)

    def error(self, error: OSError, size_bytes: int, announced: int = 0) -> SpoolError:
        """Return the error for an OSError of a file that should have `size_bytes`."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            folder, needed = str(self.folder), max(size_bytes, announced)
            return NoRoomError(folder, reason(error), size_bytes=needed, written_bytes=size_bytes)
        return SpoolError(str(self.folder), reason(error), remedy=remedy(error, self.folder))

    def _fits(self, size_bytes: int) -> bool:
        wanted = self._used_bytes + size_bytes
        if wanted > self._budget_bytes:
            return False
        room = self._room_bytes()
        return room is None or wanted <= room

    def _room_bytes(self) -> int | None:
        """Return the space on the disk for spool files, including those on it; None if unknown."""
        free = self._free_bytes(self.folder)
        return None if free is None else free + sum(file.size_bytes for file in self._open)


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_ORIGINAL_BYTES:
        raise ContentError(Defect.TOO_LARGE, amount=size_bytes, limit=MAX_ORIGINAL_BYTES)

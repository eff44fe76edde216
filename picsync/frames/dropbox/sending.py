"""Sends photos to a folder in Dropbox in batches, since every commit takes the account's lock.

A batch costs one write of the manifest and one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace

from picsync.aio.tasks import cancel_and_wait
from picsync.core.contenthash import ContentHash
from picsync.core.errors import PicsyncError, QuotaError, TransientError
from picsync.core.identity import plain_name
from picsync.core.model import FrameAlbum
from picsync.core.places import fold, stem_and_suffix
from picsync.core.values import dataclass
from picsync.frames.base import AlreadyThere, Rendition, Uploaded, UploadResult
from picsync.frames.dropbox.directory import Directory
from picsync.frames.dropbox.manifest import Manifest, Own
from picsync.frames.folder.names import EXTENSIONS, is_name, plain
from picsync.stores.base import Content, Entry, Write, Written

BATCH = 100
"""Photos that are written together."""
LINGER_S = 5.0
"""How long the first photo of a batch waits for others."""
_CHUNK_BYTES = 1 << 20


@dataclass(eq=False, slots=True)
class _Waiting:
    """A photo that waits to be written."""

    album: str
    rendition: Rendition
    content_hash: str
    result: asyncio.Future[UploadResult]


class Sending:
    """Collects photos, and writes them together."""

    def __init__(self, directory: Directory, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Fill `directory`; `sleep` waits for a number of seconds."""
        self._dir = directory
        self._sleep = sleep
        self._waiting: list[_Waiting] = []
        self._uploads = 0
        """Uploads in progress."""
        self._last = False
        """Whether no more are to come, as far as the caller knows."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int) -> UploadResult:
        """Write the bytes with those of other photos that are uploaded at about the same time."""
        self._uploads += 1
        self._last = upcoming <= self._uploads
        try:
            result = await self._in_a_batch(album, rendition, upcoming)
        finally:
            self._uploads -= 1
        if self._last and not self._uploads:
            # Until then, the absence of the files would be no request. Otherwise the next write enters them.
            with suppress(PicsyncError):
                async with self._dir.lock:
                    await self._dir.store_manifest(lambda manifest: manifest)
        return result

    async def _in_a_batch(self, album: FrameAlbum, rendition: Rendition, upcoming: int) -> UploadResult:
        content_hash = await _hash_of(rendition)
        waiting = _Waiting(
            album.album_id, rendition, content_hash, asyncio.get_running_loop().create_future()
        )
        self._waiting.append(waiting)
        if len(self._waiting) >= min(BATCH, upcoming):
            self._start_batch()
        elif self._timer is None:
            self._timer = asyncio.create_task(self._start_later())
        try:
            return await waiting.result
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def _start_later(self) -> None:
        await self._sleep(LINGER_S)
        self._timer = None
        self._start_batch()

    def _start_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            self._start(self._write(batch))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        """Write photos; each outcome goes to the one who waits for it."""
        async with self._dir.lock:
            try:
                await self._dir.look()
                batch = [each for each in batch if not each.result.done()]
                due = self._enter(batch)
                await self._refuse_what_does_not_fit(batch, due)
                await self._dir.store_manifest(lambda manifest: _with(manifest, due, batch))
                await self._write_files(due)
            except PicsyncError as error:
                for each in batch:
                    if not each.result.done():
                        each.result.set_exception(error)
                return
            except BaseException as error:
                for each in batch:
                    if not each.result.done():
                        each.result.set_exception(error)
                raise
            first = {each.rendition.digest: each for each in due.values()}
            for each in batch:
                if not each.result.done():
                    _like(each, first.get(each.rendition.digest))

    def _enter(self, batch: Sequence[_Waiting]) -> dict[str, _Waiting]:
        """Return the photos that have to be written, by the names that they get."""
        there = self._dir.there()
        known = {self._dir.manifest.files[name].digest: name for name in self._dir.own()}
        due: dict[str, _Waiting] = {}
        for each in batch:
            digest = each.rendition.digest
            name = known.get(digest)
            if name is None:
                name = known[digest] = self._free_name(each, there, due)
                due[name] = each
            elif name not in due and each.album in self._dir.manifest.files[name].albums:
                each.result.set_result(AlreadyThere())
        return due

    async def _refuse_what_does_not_fit(self, batch: Sequence[_Waiting], due: dict[str, _Waiting]) -> None:
        """Take the photos from `due` for which there is no room, before anything is sent."""
        there = self._dir.there()
        sizes = {name: each.rendition.size_bytes for name, each in due.items() if fold(name) not in there}
        free = await self._dir.space() if sizes else None
        if free is None:
            return
        # The list of files is stored first, and grows with each of them.
        grown = len(_with(self._dir.manifest, due, batch).text()) - (
            self._dir.stored.size_bytes if self._dir.stored else 0
        )
        free -= max(0, grown)
        refused = set()
        for name, size_bytes in sizes.items():
            if size_bytes <= free:
                free -= size_bytes
            else:
                refused.add(due.pop(name).rendition.digest)
        for each in batch:
            if each.rendition.digest in refused and not each.result.done():
                text = f"There is no room left in Dropbox for photos in {self._dir.place}."
                each.result.set_exception(
                    QuotaError(text, hint="Delete files, empty its trash, or get more space.")
                )

    def _free_name(self, each: _Waiting, there: dict[str, Entry], due: dict[str, _Waiting]) -> str:
        """Return a name: the same for the same photo, unless somebody else's file has it.

        A file with a name of picsync's and the photo's bytes is picsync's own, from a lost manifest.
        """
        for entry in there.values():
            lost = entry.name not in self._dir.manifest.files and entry.name not in due
            if lost and entry.content_hash == each.content_hash and is_name(entry.name):
                return entry.name
        extension = EXTENSIONS.get(each.rendition.mime_type, "jpg")
        wanted = plain(plain_name(each.rendition.filename), each.rendition.digest, extension)
        stem, suffix = stem_and_suffix(wanted)
        name, number = wanted, 1
        while name in due or (fold(name) in there and there[fold(name)].content_hash != each.content_hash):
            number += 1
            name = f"{stem}-{number}{suffix}"
        return name

    async def _write_files(self, due: dict[str, _Waiting]) -> None:
        there = self._dir.there()
        by_path = {self._dir.at(name).path: each for name, each in due.items()}

        async def done(written: Sequence[Written]) -> None:
            for one in written:
                each = by_path[one.write.path]
                if one.entry is not None:
                    self._dir.folder.entries[one.entry.key] = one.entry
                if each.result.done():
                    continue  # Nobody waits for it any more.
                if one.error is not None:
                    each.result.set_exception(one.error)
                else:
                    each.result.set_result(Uploaded())

        for name, each in due.items():
            if fold(name) in there and not each.result.done():
                each.result.set_result(Uploaded())  # It was written by a process that was killed.
        writes = [
            Write(path, _content(each.rendition), each.rendition.size_bytes)
            for path, each in by_path.items()
            if not each.result.done()
        ]
        await self._dir.store.write_all(writes, done)

    async def aclose(self) -> None:
        """Stop what is being written."""
        if self._timer is not None:
            await cancel_and_wait(self._timer)
            self._timer = None
        await cancel_and_wait(*self._tasks)


def _like(each: _Waiting, first: _Waiting | None) -> None:
    """Set the result of a photo that was not written itself: its file is there, or the one of a batch is."""
    if first is not None and first.result.cancelled():
        each.result.set_exception(TransientError("The upload of an equal photo was cancelled."))
    elif first is not None and (error := first.result.exception()) is not None:
        each.result.set_exception(error)
    elif first is not None and first.album == each.album:
        each.result.set_result(AlreadyThere())
    else:
        each.result.set_result(Uploaded())


def _with(manifest: Manifest, due: dict[str, _Waiting], batch: Sequence[_Waiting]) -> Manifest:
    """Return the manifest with a batch, whose photos have the names in `due` or those that they had."""
    files = dict(manifest.files)
    for name, each in due.items():
        files[name] = Own(each.rendition.digest, each.content_hash, each.rendition.filename)
    names = {own.digest: name for name, own in manifest.files.items()}
    names |= {each.rendition.digest: name for name, each in due.items()}
    for each in batch:
        name = names.get(each.rendition.digest, "")
        if name not in files:
            continue  # Another process has just removed it; the next cycle sends it again.
        files[name] = replace(files[name], albums=files[name].albums | {each.album})
    return replace(manifest, files=files)


def _content(rendition: Rendition) -> Content:
    """Return the bytes of a rendition for an upload."""

    async def content(start: int) -> AsyncIterator[bytes]:
        at = start
        while chunk := await asyncio.to_thread(_read, rendition, at):
            yield chunk
            at += len(chunk)

    return content


def _read(rendition: Rendition, at: int) -> bytes:
    try:
        rendition.file.seek(at)
        return rendition.file.read(_CHUNK_BYTES)
    except ValueError:  # The file was closed: the upload was cancelled.
        raise TransientError("The upload was cancelled.") from None


async def _hash_of(rendition: Rendition) -> str:
    def whole() -> str:
        found, at = ContentHash(), 0
        while chunk := _read(rendition, at):
            found.update(chunk)
            at += len(chunk)
        return found.hexdigest()

    return await asyncio.to_thread(whole)

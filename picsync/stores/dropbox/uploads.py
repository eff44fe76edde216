"""Writing files to Dropbox.

Every write takes the account's lock. So files are first sent, concurrently, in upload sessions; then the
sessions are committed together, while the next files are being sent. Large files are sent in pieces, and a
session that a killed process has left is continued.

A commit may be repeated although the first attempt has succeeded. What counts is therefore the file: if the
bytes that were sent are at its path, it was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import chain

from picsync.aio.tasks import gather, run_all
from picsync.core.contenthash import ContentHash
from picsync.core.errors import PicsyncError, ProtocolError, TransientError
from picsync.core.values import dataclass
from picsync.stores.base import ChangedError, ConflictError, Entry, Write, Written
from picsync.stores.dropbox.entries import entry_of, require_text
from picsync.vendors.dropbox.api import (
    MAX_BATCH,
    PIECE_BYTES,
    UPLOADS,
    Commit,
    DropboxApi,
    Outcome,
    Uploaded,
)
from picsync.vendors.dropbox.refusals import DropboxError, DropboxNotFoundError

BATCH_BYTES = 64 * 2**20
"""A batch is committed once it has so many bytes, since a kill loses what was not committed."""
LOCK_WAITS_S = (1.0, 3.0, 9.0)
"""Between attempts to commit, move or delete what other writes have held up."""
LARGE_FILES = 4
"""Files that are sent in pieces concurrently: each holds a piece or two in memory."""
MAX_DISAGREEMENTS = 20
"""How often a session may hold more or fewer bytes than were sent, after broken connections."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A file whose bytes are in a closed session."""

    write: Write
    session_id: str
    content_hash: str
    """Of the bytes that were read; empty if they were not read from the beginning to the end."""


class _Hashing:
    """Reads content, and computes its hash if it is read once from the beginning to the end."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._reads = 0
        self.content_hash = ""

    async def again(self) -> AsyncIterator[bytes]:
        """Yield all bytes; for a body that is sent whole in each attempt."""
        self._reads = 0
        async for chunk in self.read(0):
            yield chunk

    async def read(self, start: int) -> AsyncIterator[bytes]:
        """Yield the bytes from an offset to the end."""
        self._reads += 1
        self.content_hash = ""
        found = ContentHash()
        async for chunk in self._write.content(start):
            found.update(chunk)
            yield chunk
        if start == 0 and self._reads == 1:
            self.content_hash = found.hexdigest()


class Uploader:
    """Writes files to one account."""

    def __init__(self, api: DropboxApi, sleep: Callable[[float], Awaitable[None]]) -> None:
        """`sleep` waits for other writes."""
        self._api = api
        self._sleep = sleep
        self._large = asyncio.Semaphore(LARGE_FILES)

    async def one(self, write: Write) -> Entry:
        """Write one file; raises what the port says of `write` and `replace`."""
        if write.size_bytes > PIECE_BYTES:
            (written,) = await self._commit([await self._send(write)])
        else:
            written = await self._alone(write)
        if written.entry is None:
            raise written.error or AssertionError
        return written.entry

    async def run(
        self, writes: Iterable[Write], done: Callable[[Sequence[Written]], Awaitable[None]]
    ) -> None:
        """Write files; see `Store.write_all`."""
        due = iter(writes)
        first, second = next(due, None), next(due, None)
        if first is not None and second is None:
            # One request instead of two.
            try:
                written = Written(first, await self.one(first))
            except PicsyncError as error:
                written = Written(first, error=error)
            await done([written])
        elif first is not None and second is not None:
            sent: asyncio.Queue[_Sent | Written | None] = asyncio.Queue(MAX_BATCH)
            await run_all(self._send_all(chain((first, second), due), sent), self._commit_all(sent, done))

    async def _send_all(self, due: Iterator[Write], sent: asyncio.Queue[_Sent | Written | None]) -> None:
        async def worker() -> None:
            for write in due:
                try:
                    await sent.put(await self._send(write))
                except PicsyncError as error:
                    await sent.put(Written(write, error=error))

        # The stage's limit decides how many of them send at the same time.
        await run_all(*(worker() for _ in range(UPLOADS.cap)))
        await sent.put(None)

    async def _commit_all(
        self,
        sent: asyncio.Queue[_Sent | Written | None],
        done: Callable[[Sequence[Written]], Awaitable[None]],
    ) -> None:
        more = True
        while more:
            batch: list[_Sent] = []
            size_bytes = 0
            while len(batch) < MAX_BATCH and size_bytes < BATCH_BYTES:
                each = await sent.get()
                if each is None:
                    more = False
                    break
                if isinstance(each, Written):
                    await done([each])
                else:
                    batch.append(each)
                    size_bytes += each.write.size_bytes
            if batch:
                await done(await self._commit(batch))

    # --- sending --------------------------------------------------------------------------------------

    async def _alone(self, write: Write) -> Written:
        """Write a file in one request."""
        read = _Hashing(write)
        try:
            require_text(write.path)
            found = await self._api.upload(_commit(write), read.again, size_bytes=write.size_bytes)
        except PicsyncError as error:
            return await self._outcome(_Sent(write, "", read.content_hash), Outcome(error=error))
        return await self._outcome(_Sent(write, "", read.content_hash), Outcome(found))

    async def _send(self, write: Write) -> _Sent:
        """Send a file's bytes in a session, and close it."""
        require_text(write.path)
        read = _Hashing(write)
        if write.size_bytes <= PIECE_BYTES:
            session = await self._api.start_session(read.again, size_bytes=write.size_bytes, close=True)
        else:
            async with self._large:
                session = await self._send_pieces(write, read)
        return _Sent(write, session, read.content_hash)

    async def _send_pieces(self, write: Write, read: _Hashing) -> str:
        session, offset = write.resume, -1
        if session:
            offset = await self._size_of(session, write.size_bytes)
        if offset < 0:
            session, offset = await self._api.start_session(), 0
            if write.began is not None:
                await write.began(session)
        for _ in range(MAX_DISAGREEMENTS):
            if offset == write.size_bytes:
                return session
            offset = await self._append_from(session, offset, write.size_bytes, read)
        raise ProtocolError(f"{write.path}: the upload session does not take the bytes that are sent.")

    async def _size_of(self, session: str, most: int) -> int:
        """Return how many bytes a session holds, -1 if it cannot be continued; one that is full is closed."""
        try:
            size = await self._api.append(session, 0, b"")
            if size == most:
                await self._api.append(session, size, b"", close=True)
        except DropboxError as error:
            return most if error.has("closed") else -1
        return size if size <= most else -1

    async def _append_from(self, session: str, offset: int, end: int, read: _Hashing) -> int:
        """Append from an offset until the session disagrees, or to the end; return the session's size."""
        piece = bytearray()
        async for chunk in read.read(offset):
            piece += chunk
            while len(piece) >= PIECE_BYTES:
                part = bytes(piece[:PIECE_BYTES])
                del piece[:PIECE_BYTES]
                sent = offset + len(part)
                offset = await self._api.append(session, offset, part, close=sent == end)
                if offset != sent:
                    return offset
        if piece:
            offset = await self._api.append(session, offset, bytes(piece), close=offset + len(piece) == end)
        if offset != end:
            raise TransientError(f"{offset:,} bytes came instead of {end:,}.")
        return offset

    # --- committing -----------------------------------------------------------------------------------

    async def _commit(self, batch: Sequence[_Sent]) -> Sequence[Written]:
        """Commit closed sessions; those that other writes have held up are tried again."""
        found: dict[int, Outcome] = {}
        due = list(range(len(batch)))
        for wait_s in (*LOCK_WAITS_S, None):
            found.update(zip(due, await self._finish([batch[at] for at in due]), strict=True))
            due = [at for at in due if was_held_up(found[at].error)]
            if not due or wait_s is None:
                break
            await self._sleep(wait_s)
        return await gather(*(self._outcome(sent, found[at]) for at, sent in enumerate(batch)))

    async def _finish(self, batch: Sequence[_Sent]) -> Sequence[Outcome]:
        uploads = [Uploaded(each.session_id, each.write.size_bytes, _commit(each.write)) for each in batch]
        try:
            return await self._api.finish_all(uploads)
        except PicsyncError as error:
            return [Outcome(error=error)] * len(batch)

    async def _outcome(self, sent: _Sent, outcome: Outcome) -> Written:
        """Return what became of a file; after an error that leaves it open, by what is at its path."""
        write, error = sent.write, outcome.error
        if outcome.metadata is not None:
            return self._checked(sent, entry_of(outcome.metadata, write.path))
        if isinstance(error, DropboxError):
            conflict, lost = error.has("conflict"), error.has("lookup_failed")
            if conflict or lost:
                try:
                    entry = await self._at(write.path)
                except PicsyncError as failure:
                    return Written(write, error=failure)
                if entry is not None and sent.content_hash and entry.content_hash == sent.content_hash:
                    return Written(write, entry)
            if lost:
                error = ChangedError(f"{write.path}: Dropbox no longer has the bytes that were sent.")
            elif conflict and write.replaces is not None:
                error = ChangedError(f"{write.path} has changed meanwhile.")
            elif conflict:
                error = taken(error, write.path)
        return Written(write, error=error)

    def _checked(self, sent: _Sent, entry: Entry) -> Written:
        if sent.content_hash and entry.content_hash and entry.content_hash != sent.content_hash:
            message = f"{sent.write.path}: Dropbox has stored other bytes than those that were sent."
            return Written(sent.write, error=ProtocolError(message))
        return Written(sent.write, entry)

    async def _at(self, path: str) -> Entry | None:
        try:
            return entry_of(await self._api.look_at(path), path)
        except DropboxNotFoundError:
            return None


def was_held_up(error: PicsyncError | None) -> bool:
    """Whether a write was refused because others held the account's lock."""
    return isinstance(error, TransientError) and error.status == 429


def _commit(write: Write) -> Commit:
    if write.replaces is None:
        return Commit(write.path, modified_at=write.modified_at)
    return Commit(write.path, update=write.replaces.rev, modified_at=write.modified_at)


def taken(error: DropboxError, path: str) -> ConflictError:
    """Return the error for a path that a file cannot have."""
    if error.has("conflict", "file_ancestor"):
        return ConflictError(
            f"There is a file where one of the folders of {path} should be: rename that file."
        )
    return ConflictError(f"Something is at {path} already.")

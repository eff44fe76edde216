"""The store port for Dropbox.

Files are compared by `path_lower` and identified by their ID, which stays when they are moved; so a move that
was interrupted is found again by the ID. Many moves or deletions are one job, and many writes one commit
(`uploads`), which take Dropbox's lock once. Deleted files are in Dropbox's bin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import httpx

from picsync.core.contenthash import BLOCK_BYTES
from picsync.core.errors import NotFoundError, PicsyncError, ProtocolError, RefusedError, TransientError
from picsync.core.model import Finding, Mark
from picsync.core.places import fold, join
from picsync.core.text import harmless
from picsync.media.instants import instant
from picsync.stores.base import (
    NO_MEDIA_INFO,
    ChangedError,
    ConflictError,
    Content,
    CursorResetError,
    Entry,
    EntryKind,
    MediaInfo,
    MediaState,
    Move,
    Moved,
    Page,
    StoreCapabilities,
    UnfinishedError,
    Write,
    Written,
)
from picsync.stores.dropbox.entries import entry_of, require_text
from picsync.stores.dropbox.uploads import LOCK_WAITS_S, Uploader, taken, was_held_up
from picsync.vendors.dropbox.api import (
    DOWNLOAD,
    MAX_BATCH,
    Commit,
    DropboxApi,
    FolderListing,
    downloaded,
)
from picsync.vendors.dropbox.credentials import KIND, TITLE
from picsync.vendors.dropbox.refusals import DropboxError, DropboxNotFoundError, MissingScopeError
from picsync.vendors.dropbox.wire import FolderPage, Metadata

READ_BYTES = 2 * BLOCK_BYTES
"""Per request when a whole file is read."""
POLL_S = 480
OWNER = ".picsync-owner.txt"
"""The file that names the one who works in a folder."""

CAPABILITIES = StoreCapabilities(
    kind=KIND,
    title=TITLE,
    cursors=True,
    batch=MAX_BATCH,
    reports_changes=True,
    folds_names=True,
    media_info=True,
    moves_later=True,
)


class DropboxStore:
    """The files of one account."""

    def __init__(self, api: DropboxApi, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Take over `api`, which is closed with the store; `sleep` waits between long polls."""
        self._api = api
        self._sleep = sleep
        self._uploader = Uploader(api, sleep)

    @property
    def capabilities(self) -> StoreCapabilities:
        """The capabilities of Dropbox."""
        return CAPABILITIES

    # --- listing --------------------------------------------------------------------------------------

    async def list(self, folder: str, *, recursive: bool = False) -> AsyncIterator[Page]:
        """Yield what is in a folder."""
        with _folder_errors(folder):
            page = await self._api.list(FolderListing(_path(folder), recursive))
        yield _page(page, folder)
        while page.has_more:
            with _folder_errors(folder):
                page = await self._api.go_on(page.cursor)
            yield _page(page, folder)

    async def changes(self, folder: str, cursor: str, *, recursive: bool = False) -> AsyncIterator[Page]:  # noqa: ARG002 - the cursor says it
        """Yield what has changed since a cursor."""
        while True:
            with _folder_errors(folder):
                page = await self._api.go_on(cursor)
            yield _page(page, folder)
            cursor = page.cursor
            if not page.has_more:
                return

    async def changed(self, folder: str, cursor: str = "", *, recursive: bool = False) -> None:  # noqa: ARG002 - as above
        """Wait by long polls until something has changed since a cursor."""
        if not cursor:
            raise CursorResetError(f"{folder} was not listed yet.")
        while True:
            with _folder_errors(folder):
                poll = await self._api.poll(cursor, POLL_S)
            if poll.changes:
                return
            if poll.backoff:
                await self._sleep(poll.backoff)

    async def stat(self, path: str) -> Entry | None:
        """Return what is at a path."""
        if path == "/":
            return Entry("/", EntryKind.FOLDER)
        try:
            return entry_of(await self._api.look_at(path), path)
        except DropboxNotFoundError:
            return None

    async def media_info(self, entry: Entry) -> MediaInfo:
        """Return what Dropbox has found in a file: of photos the camera's time, of videos an instant."""
        try:
            found = await self._api.look_at(entry.id or entry.path, media_info=True)
        except DropboxNotFoundError as error:
            raise ChangedError(f"{entry.path} is no longer there.") from error
        info = found.media_info or {}
        if info.get(".tag") == "pending":
            return MediaInfo(MediaState.PENDING)
        metadata = info.get("metadata")
        taken = instant(metadata.get("time_taken")) if isinstance(metadata, dict) else None
        if taken is None or not isinstance(metadata, dict):
            return NO_MEDIA_INFO
        # Exif has no zone, so the `Z` behind a photo's time means nothing.
        photo = metadata.get(".tag") == "photo"
        return MediaInfo(MediaState.KNOWN, taken.replace(tzinfo=None) if photo else taken)

    # --- reading --------------------------------------------------------------------------------------

    async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
        """Yield a file's bytes, part by part."""
        if start >= entry.size_bytes:
            await self._require(entry)
        while start < entry.size_bytes:
            part = await self.read_part(entry, start, READ_BYTES)
            yield part
            start += len(part)

    async def read_part(self, entry: Entry, start: int, size_bytes: int) -> bytes:
        """Return a part of a file."""
        size_bytes = min(size_bytes, entry.size_bytes - start)
        if size_bytes <= 0:
            return b""
        found = bytearray()

        async def consume(response: httpx.Response) -> None:
            if downloaded(DOWNLOAD, response).rev != entry.rev:
                raise ChangedError(f"{entry.path} has changed meanwhile.")
            found.clear()
            async for chunk in response.aiter_raw():
                found.extend(chunk)
                if len(found) > size_bytes:
                    break

        try:
            await self._api.download(entry.path, consume, start=start, size_bytes=size_bytes)
        except DropboxError as error:
            if error.has("not_found"):
                raise ChangedError(f"{entry.path} is no longer there.") from error
            raise
        if len(found) != size_bytes:
            raise ProtocolError(f"{DOWNLOAD}: {len(found):,} bytes came instead of {size_bytes:,}.")
        return bytes(found)

    async def content_hash(self, entry: Entry) -> str:
        """Return the content hash, which Dropbox knows."""
        return entry.content_hash or (await self._require(entry)).content_hash

    async def _require(self, entry: Entry) -> Entry:
        found = await self.stat(entry.path)
        if found is None or found.rev != entry.rev:
            raise ChangedError(f"{entry.path} has changed meanwhile.")
        return found

    # --- writing --------------------------------------------------------------------------------------

    async def write(
        self, path: str, content: Content, size_bytes: int, *, modified_at: datetime | None = None
    ) -> Entry:
        """Write a new file."""
        return await self._uploader.one(Write(path, content, size_bytes, modified_at))

    async def replace(
        self, entry: Entry, content: Content, size_bytes: int, *, modified_at: datetime | None = None
    ) -> Entry:
        """Replace a file's content."""
        return await self._uploader.one(Write(entry.path, content, size_bytes, modified_at, entry))

    async def write_all(
        self, writes: Iterable[Write], done: Callable[[Sequence[Written]], Awaitable[None]]
    ) -> None:
        """Write files in upload sessions, which are committed together."""
        await self._uploader.run(writes, done)

    async def append(self, path: str, added: bytes, seen: Entry | None) -> Entry:
        """Add bytes at the end of a file, by replacing the version that was seen."""
        before = b"" if seen is None else b"".join([part async for part in self.read(seen)])
        commit = Commit(path, update="" if seen is None else seen.rev)
        try:
            return entry_of(await self._api.upload(commit, before + added), path)
        except DropboxError as error:
            if error.has("conflict"):
                raise ChangedError(f"{path} has changed meanwhile.") from error
            raise

    # --- moving ---------------------------------------------------------------------------------------

    async def move(self, move: Move) -> Entry:
        """Move a file."""
        require_text(move.to)
        try:
            return entry_of(await self._api.move(move.entry.path, move.to), move.to)
        except DropboxError as error:
            raise _move_error(move, error) from error

    async def move_all(self, moves: Sequence[Move]) -> Sequence[Moved]:
        """Move files as one job; those that other writes have held up are tried again."""
        found: dict[str, Moved] = {}
        due = []
        for move in moves:
            try:
                require_text(move.to)
            except RefusedError as error:
                found[move.token] = Moved(move, error=error)
            else:
                due.append(move)
        for wait_s in (*LOCK_WAITS_S, None):
            found |= {each.move.token: each for each in await self._moved(due)}
            due = [move for move in due if was_held_up(found[move.token].error)]
            if not due or wait_s is None:
                break
            await self._sleep(wait_s)
        return [found[move.token] for move in moves]

    async def _moved(self, moves: Sequence[Move]) -> Sequence[Moved]:
        try:
            if len(moves) == 1:
                return [Moved(moves[0], await self.move(moves[0]))]
            outcomes = await self._api.move_all((move.entry.path, move.to) for move in moves) if moves else ()
        except PicsyncError as error:
            if isinstance(error, TransientError | ProtocolError) and not was_held_up(error):
                # Dropbox may do it later, or have done it.
                error = UnfinishedError(error.message, hint=error.hint)
            return [Moved(move, error=error) for move in moves]
        return [
            Moved(move, entry_of(outcome.metadata, move.to))
            if outcome.metadata is not None
            else Moved(move, error=_move_error(move, outcome.error))
            for move, outcome in zip(moves, outcomes, strict=True)
        ]

    async def settle(self, move: Move) -> Entry | None:
        """Return the file at its new path if its ID is there."""
        if not move.entry.id:
            return None
        try:
            found = await self._api.look_at(move.entry.id)
        except DropboxNotFoundError:
            return None
        there = fold(found.path_display or "") == fold(move.to)
        return entry_of(found, move.to) if there else None

    # --- deleting, folders ----------------------------------------------------------------------------

    async def delete(self, entry: Entry) -> None:
        """Move a file or folder to Dropbox's bin."""
        try:
            await self._api.delete(entry.path, rev=entry.rev if entry.is_file else "")
        except DropboxError as error:
            if (failure := _delete_error(entry, error)) is not None:
                raise failure from error

    async def delete_all(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
        """Delete files and folders as one job; those that other writes have held up are tried again."""
        found: dict[str, PicsyncError | None] = {}
        due = list(entries)
        for wait_s in (*LOCK_WAITS_S, None):
            found |= zip((entry.key for entry in due), await self._deleted(due), strict=True)
            due = [entry for entry in due if was_held_up(found[entry.key])]
            if not due or wait_s is None:
                break
            await self._sleep(wait_s)
        return [found[entry.key] for entry in entries]

    async def _deleted(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
        try:
            if len(entries) == 1:
                await self.delete(entries[0])
                return [None]
            files = ((entry.path, entry.rev if entry.is_file else "") for entry in entries)
            outcomes = await self._api.delete_all(files) if entries else ()
        except PicsyncError as error:
            return [error for _ in entries]
        return [
            None if outcome.error is None else _delete_error(entry, outcome.error)
            for entry, outcome in zip(entries, outcomes, strict=True)
        ]

    async def make_folder(self, path: str) -> Entry:
        """Create a folder and those above it."""
        require_text(path)
        try:
            await self._api.create_folder(path)
        except DropboxError as error:
            if error.has("conflict"):
                raise ConflictError(f"{path} is a file, not a folder.") from error
            raise
        return Entry(path, EntryKind.FOLDER)

    async def own(self, folder: str, owner: str) -> str:
        """Write the owner to a file, unless it has another content: then somebody else works there."""
        path, line = join(folder, OWNER), f"{owner}\n".encode()

        async def content(start: int) -> AsyncIterator[bytes]:
            yield line[start:]

        try:
            await self.write(path, content, len(line))
        except ConflictError:
            entry = await self.stat(path)
            if entry is None:
                return "somebody else"
            return harmless((await self.read_part(entry, 0, 200)).decode(errors="replace").strip())
        return ""

    async def disown(self, folder: str) -> None:
        """Delete the file that names the owner."""
        entry = await self.stat(join(folder, OWNER))
        if entry is not None:
            await self.delete(entry)

    async def one_volume(self, folders: Sequence[str]) -> str:  # noqa: ARG002 - port
        """Return nothing: one account's files are on one volume."""
        return ""

    async def free_bytes(self) -> int | None:
        """Return the free space; None if Dropbox does not tell it, for instance without its permission."""
        try:
            return (await self._api.space()).free_bytes
        except (MissingScopeError, RefusedError, ProtocolError):
            return None  # Dropbox itself still refuses what does not fit.

    async def examine(self) -> Sequence[Finding]:
        """Check the login, and whether it may write: every rule with a store does.

        An upload session that is never finished changes nothing, and Dropbox forgets it.
        """
        await self._api.check_login()
        await self._api.start_session(close=True)
        return [Finding(Mark.OK, TITLE, "the login is accepted, and may write files.")]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._api.aclose()


@contextmanager
def _folder_errors(folder: str) -> Iterator[None]:
    """Name the folder in the errors of listings."""
    try:
        yield
    except DropboxNotFoundError as error:
        raise NotFoundError(
            f"There is no folder {folder} in Dropbox, or this login does not see it.",
            status=409,
            hint="Correct the path. The login of an app with an app folder sees only what is in that folder.",
        ) from error
    except DropboxError as error:
        if error.has("reset"):
            raise CursorResetError(f"{folder} has to be listed again.") from error
        if error.has("not_folder"):
            raise RefusedError(f"{folder} in Dropbox is not a folder.", status=409) from error
        raise


def _path(folder: str) -> str:
    return "" if folder == "/" else folder


def _page(page: FolderPage, folder: str) -> Page:
    entries, gone = [], []
    for each in page.entries:
        if each.tag == "deleted":
            gone.append(each.key)
        elif fold(each.path_display or "") != fold(folder):
            entries.append(entry_of(each, _shown(each, folder)))
    return Page(entries, gone, page.cursor)


def _shown(found: Metadata, folder: str) -> str:
    """Return a path with the folder as it was asked for; Dropbox may write its capitals otherwise."""
    display = found.path_display or join(folder, found.name)
    prefix = folder.rstrip("/")
    return prefix + display[len(prefix) :]


def _move_error(move: Move, error: PicsyncError | None) -> PicsyncError:
    if isinstance(error, DropboxError):
        if error.has("from_lookup", "not_found"):
            return NotFoundError(f"{move.entry.path} is no longer there.", status=409)
        if error.has("conflict"):
            return taken(error, move.to)
    return error or ProtocolError("Dropbox says neither that a file was moved nor that it was not.")


def _delete_error(entry: Entry, error: PicsyncError) -> PicsyncError | None:
    """Return what a failed deletion means; None if nothing was there."""
    if isinstance(error, DropboxError):
        if error.has("path_lookup", "not_found"):
            return None
        if error.has("conflict") or error.has("path_write"):
            return ChangedError(f"{entry.path} has changed meanwhile.")
    return error

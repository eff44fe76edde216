"""Carries plans out: bounded stages, an outcome for each item. Decides nothing.

Downloads and uploads overlap: every worker takes one media item all the way, but only so many may be
downloading, and so many uploading, at a time. What was learnt is recorded the moment it is known.

Content that is known and not on the frame has been fetched before, in vain if the frame's storage was full.
So such items go first, and one by one until one of them has gone up: while the storage stays full, a cycle
fetches one original, and after its refusal only what no cycle has fetched yet and deletes wait for.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from picsync.errors import (
    ItemError,
    LimitError,
    LoginNeeded,
    PicsyncError,
    ProtocolError,
    QuotaError,
    Scope,
    TransientError,
)
from picsync.events import (
    CacheWritten,
    Emit,
    Failure,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    PhotoDeleted,
    PlaylistCreated,
    Published,
)
from picsync.frames.base import AlreadyThere, Frame, Rendition
from picsync.model import Digest, FrameAlbum, FramePhoto, MediaItem, MediaKind, Playlist
from picsync.model import Mapping as DigestMapping
from picsync.plan import AddItems, PlaylistEdit, RemoveItems, Transfer, plan_edit, steps
from picsync.sources.base import Source
from picsync.spool import Spool
from picsync.words import counted, size

if TYPE_CHECKING:
    from picsync.cache.store import Cache

MAX_TRANSIENT_FAILURES = 8
"""So many items in a row failing for passing reasons mean that the service is in trouble, not the items."""

PUBLISH_ATTEMPTS = 3
MAX_DELETES_AT_ONCE = 3


def recipe_of(item: MediaItem) -> str:
    """Return how the item's bytes are obtained; digests are only good for one recipe."""
    return "video" if item.kind is MediaKind.VIDEO else "original"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes on at a time."""

    downloads: int = 6
    uploads: int | None = None
    """None: as many as the frame's service is known to bear."""


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Tools:
    """What cycles work with; all of it outlives a cycle."""

    sources: Mapping[str, Source]
    """Source kind -> source."""
    frame: Frame
    cache: Cache
    spool: Spool
    emit: Emit
    limits: Limits = field(default_factory=Limits)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    """Seconds, for durations."""
    sleep: Callable[[float], Awaitable[None]] = _sleep


@dataclass(slots=True)
class TransferResult:
    """What came of the transfers."""

    digests: dict[MediaItem, Digest] = field(default_factory=dict)
    """Content that was not known before."""
    unusable: dict[MediaItem, str] = field(default_factory=dict)
    """Items that can never be shown, with the reason."""
    failures: list[Failure] = field(default_factory=list)
    uploaded: set[Digest] = field(default_factory=set)
    """What the frame has confirmed to hold now, whether it came now or was there."""
    downloaded_count: int = 0
    downloaded_bytes: int = 0
    uploaded_count: int = 0
    uploaded_bytes: int = 0
    already_there: int = 0
    storage_full: bool = False


class Transferrer:
    """Takes media items to a frame album."""

    def __init__(
        self, rule: str, tools: Tools, *, frame: Frame, stopping: Callable[[], bool], dry_run: bool
    ) -> None:
        """Work for one rule on `frame`, which in a dry run stands before the one in `tools`."""
        self._rule = rule
        self._tools = tools
        self._emit = tools.emit
        self._frame = frame
        self._stopping = stopping
        self._dry_run = dry_run
        downloads, uploads = tools.limits.downloads, tools.limits.uploads or frame.capabilities.max_uploads
        self._downloading = asyncio.Semaphore(downloads)
        self._uploading = asyncio.Semaphore(uploads)
        self._workers = downloads + uploads
        self._there: set[Digest] = set()
        self._known: set[MediaItem] = set()
        self._sizes: dict[MediaItem, int] = {}
        self._learning = False
        self._full: QuotaError | None = None
        self._halted: PicsyncError | None = None
        self._transient_failures = 0
        self._result = TransferResult()

    async def run(
        self, album: FrameAlbum, transfers: Sequence[Transfer], there: Iterable[Digest], *, learn: bool
    ) -> TransferResult:
        """Transfer each item, skipping content in `there`; one item's failure leaves the others alone.

        Once the storage is full nothing more goes up; with `learn`, what items of unknown content hold is
        found out all the same. Raises CacheError and SpoolError, which concern every item, and LoginNeeded;
        nothing else.
        """
        self._there = set(there)
        self._known = {transfer.item for transfer in transfers if transfer.digest is not None}
        self._learning = learn
        queue = iter(sorted(transfers, key=lambda transfer: transfer.digest is None))
        for _ in range(len(self._known)):
            await self._work(album, islice(queue, 1))
            if self._result.uploaded_count or self._full or self._halted:
                break
        count = min(self._workers, len(transfers))
        await together(*(self._work(album, queue) for _ in range(count)))
        if isinstance(self._halted, LoginNeeded):
            raise self._halted
        if self._full is not None:
            self._result.storage_full = True
            self._result.failures.append(Failure(self._rule, self._no_room(self._full, transfers)))
        return self._result

    def _no_room(self, error: QuotaError, transfers: Sequence[Transfer]) -> QuotaError:
        """Return the error with what it would take to go on."""
        known = {t.item: t.digest or self._result.digests.get(t.item) for t in transfers}
        waiting = [
            item
            for item, digest in known.items()
            if digest not in self._there and item not in self._result.unusable
        ]
        sizes = [self._sizes.get(item) or item.size_bytes or 0 for item in waiting]
        least = "" if all(sizes) else "at least "
        needed = f" ({least}{size(sum(sizes))})" if any(sizes) else ""
        wait = "waits" if len(waiting) == 1 else "wait"
        hint = f"{counted(len(waiting), 'photo')}{needed} {wait} for room. {error.hint}"
        return QuotaError(error.message, hint=hint.rstrip())

    async def _work(self, album: FrameAlbum, queue: Iterator[Transfer]) -> None:
        for transfer in queue:
            if self._halted or self._stopping():
                return
            if self._in_vain(transfer):
                continue
            try:
                await self._transfer(album, transfer)
                self._transient_failures = 0
            except PicsyncError as error:
                if error.scope is Scope.PROCESS:
                    raise
                await self._failed(transfer.item, error)

    def _in_vain(self, transfer: Transfer) -> bool:
        return self._full is not None and not (self._learning and transfer.digest is None)

    async def _transfer(self, album: FrameAlbum, transfer: Transfer) -> None:
        item = transfer.item
        if self._dry_run and transfer.digest is not None:
            await self._upload(album, item, _announcement(item, transfer.digest))
            return
        async with self._tools.spool.file(self._frame.capabilities.digest_algorithm) as spooled:
            async with self._downloading:
                if self._halted or self._in_vain(transfer):
                    return
                await self._tools.sources[item.source].download(item, spooled)
            digest, mime_type = spooled.finish()
            self._result.downloaded_count += 1
            self._result.downloaded_bytes += spooled.size_bytes
            self._emit(ItemDownloaded(self._rule, item.filename, spooled.size_bytes))
            self._result.digests[item] = digest
            self._sizes[item] = spooled.size_bytes
            await self._record(item, digest, None)
            if not self._frame.capabilities.accepts(mime_type):
                title = self._frame.capabilities.title
                raise ItemError(f"its content is {mime_type}, which {title} does not take.", unusable=True)
            rendition = Rendition(spooled.file, spooled.size_bytes, digest, mime_type, item.filename)
            await self._upload(album, item, rendition)

    async def _upload(self, album: FrameAlbum, item: MediaItem, rendition: Rendition) -> None:
        if rendition.digest in self._there:
            self._result.already_there += 1
            self._emit(ItemUploaded(self._rule, item.filename, 0, item.source))
            return
        # Claimed before the wait, so that equal content in flight goes up once.
        self._there.add(rendition.digest)
        try:
            async with self._uploading:
                # What a source's last download of the day has brought is not thrown away.
                halted = self._halted and not isinstance(self._halted, LimitError)
                if halted or self._full:
                    self._there.discard(rendition.digest)
                    return
                outcome = await self._frame.upload(album, rendition)
        except BaseException as error:
            self._there.discard(rendition.digest)
            if not isinstance(error, QuotaError):
                raise
            self._full = error
            return
        self._result.uploaded.add(rendition.digest)
        if isinstance(outcome, AlreadyThere):
            self._result.already_there += 1
            self._emit(ItemUploaded(self._rule, item.filename, 0, item.source))
        else:
            self._result.uploaded_count += 1
            self._result.uploaded_bytes += rendition.size_bytes
            self._emit(ItemUploaded(self._rule, item.filename, rendition.size_bytes, item.source))

    async def _record(self, item: MediaItem, digest: Digest | None, unusable: str | None) -> None:
        await self._tools.cache.record(_mapping(item, digest, unusable, self._tools.now()))
        self._emit(CacheWritten(item.source, updated=item in self._known))
        self._known.add(item)

    async def _failed(self, item: MediaItem, error: PicsyncError) -> None:
        if error.scope is Scope.SERVICE:
            # It says nothing of the item: one message, and no further item is taken up.
            if self._halted is None:
                self._result.failures.append(Failure(self._rule, error))
                self._halted = error
            return
        self._emit(ItemFailed(self._rule, item.filename, error))
        self._result.failures.append(Failure(item.filename or item.item_id, error))
        if isinstance(error, ItemError) and error.unusable:
            self._result.unusable[item] = error.message
            await self._record(item, self._result.digests.get(item), error.message)
        if error.transient:
            self._transient_failures += 1
            if self._transient_failures >= MAX_TRANSIENT_FAILURES:
                self._halted = error


async def learn(
    source: Source, cache: Cache, spool: Spool, items: Sequence[MediaItem], algorithm: str
) -> TransferResult:
    """Download the items whose digest the cache does not know, and record it; touches no frame."""
    known = await cache.lookup(items, recipe=recipe_of, algorithm=algorithm)
    queue = iter([item for item in items if item not in known])
    result = TransferResult()

    async def work() -> None:
        for item in queue:
            try:
                async with spool.file(algorithm) as spooled:
                    await source.download(item, spooled)
                    result.digests[item], _ = spooled.finish()
                await cache.record(_mapping(item, result.digests[item], None, datetime.now(UTC)))
            except PicsyncError as error:
                if error.scope in (Scope.PROCESS, Scope.SERVICE):
                    raise
                result.failures.append(Failure(item.filename or item.item_id, error))

    await together(*(work() for _ in range(Limits().downloads)))
    return result


def _mapping(
    item: MediaItem, digest: Digest | None, unusable: str | None, recorded_at: datetime
) -> DigestMapping:
    return DigestMapping(
        item.source, item.item_id, item.version, recipe_of(item), digest, unusable, recorded_at
    )


def _announcement(item: MediaItem, digest: Digest) -> Rendition:
    """Stand for content that a dry run need not fetch, since its digest is known."""
    return Rendition(io.BytesIO(), 0, digest, item.mime_type, item.filename)


@dataclass(frozen=True, slots=True)
class PublishResult:
    """What came of one playlist's edit."""

    count: int | None
    """Entries it now holds, read back; None if that failed."""
    failure: Failure | None = None
    created: bool = False


async def publish(
    frame: Frame, rule: str, edit: PlaylistEdit, *, seen: Collection[str] | None, emit: Emit
) -> PublishResult:
    """Carry out a playlist's edit and read it back, deciding anew where an answer made no sense.

    Where no answer came, what was asked for may yet be done at any time. So nothing is created or added once
    more: unless it shows at once, the next cycle looks again.

    `seen` is what `plan_edit` takes: the photos whose entries alone may leave, or None for any.
    """
    content, name = edit.content, edit.content.name
    playlist, created, added, removed = edit.playlist, False, 0, 0
    error: PicsyncError | None = None
    for _ in range(PUBLISH_ATTEMPTS):
        try:
            if playlist is None:
                playlist = await frame.create_playlist(name)
                edit = plan_edit(playlist, content, seen=seen)
                created = True
                emit(PlaylistCreated(rule, name))
            for step in steps(edit, frame.capabilities.playlist_limit):
                await _take(frame, playlist, step)
                added += len(step.photos) if isinstance(step, AddItems) else 0
                removed += len(step.items) if isinstance(step, RemoveItems) else 0
            error = None
        except (TransientError, ProtocolError) as lost:
            # It may have been done all the same: what the service says next decides.
            error = lost
        except PicsyncError as final:
            return PublishResult(None, Failure(f"playlist {name}", final), created)
        try:
            playlist = _same(await frame.playlists(name), playlist)
        except PicsyncError as unread:
            return PublishResult(None, Failure(f"playlist {name}", error or unread), created)
        if playlist is not None:
            edit = plan_edit(playlist, content, seen=seen)
            if not edit.add and not edit.remove:
                emit(Published(rule, name, added, removed, len(playlist.items)))
                return PublishResult(len(playlist.items), None, created)
        if isinstance(error, TransientError) and (playlist is None or edit.add):
            break
    held = len(playlist.items) if playlist else 0
    due = len(content.photos)
    error = error or ProtocolError(f"playlist {name} holds {held} entries where {due} were published.")
    return PublishResult(held if playlist else None, Failure(f"playlist {name}", error), created)


async def _take(frame: Frame, playlist: Playlist, step: AddItems | RemoveItems) -> None:
    if isinstance(step, AddItems):
        await frame.add_items(playlist, step.photos)
    else:
        await frame.remove_items(playlist, step.items)


def _same(playlists: Sequence[Playlist], wanted: Playlist | None) -> Playlist | None:
    if wanted is None:
        return playlists[0] if playlists else None
    return next((found for found in playlists if found.playlist_id == wanted.playlist_id), None)


@dataclass(slots=True)
class DeleteResult:
    """What came of the deletes."""

    deleted: int = 0
    failures: list[Failure] = field(default_factory=list)


async def delete(
    frame: Frame,
    rule: str,
    album: FrameAlbum,
    photos: Sequence[FramePhoto],
    *,
    emit: Emit,
    stopping: Callable[[], bool],
) -> DeleteResult:
    """Delete photos, a few at a time; each fails alone. Raises LoginNeeded."""
    result = DeleteResult()
    queue = iter(photos)

    async def work() -> None:
        for photo in queue:
            if stopping():
                return
            try:
                await frame.delete(album, photo)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                emit(ItemFailed(rule, photo.filename, error))
                result.failures.append(Failure(photo.filename or photo.photo_id, error))
            else:
                result.deleted += 1
                emit(PhotoDeleted(rule, photo.filename))

    await together(*(work() for _ in range(min(MAX_DELETES_AT_ONCE, len(photos)))))
    return result


async def together(*works: Awaitable[None]) -> None:
    """Wait for all; the first failure cancels the rest and is raised as itself, not as a group."""

    async def run(work: Awaitable[None]) -> None:
        await work

    with ungrouped():
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(run(work))


@contextmanager
def ungrouped() -> Iterator[None]:
    """Let what a task group raises come out as the one error that matters."""
    try:
        yield
    except BaseExceptionGroup as errors:
        raise _first(errors) from errors


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Pick the error to raise: a bug before a known error, since nobody expects it."""
    leaves = list(_leaves(group))
    return next((error for error in leaves if not isinstance(error, PicsyncError)), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error

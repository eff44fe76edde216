"""Local directories behind the port of sources.

Items come by path, folder by folder: an order that neither a touched file nor a fresh copy of everything
changes. Which ones are the newest is told by what the camera wrote into the file, and by the file's own time
where it wrote nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from picsync.core.errors import ItemError, TransientError
from picsync.core.model import Finding, Listing, Mark, MediaItem, SourceAlbum
from picsync.http.pace import DOWNLOADS, Pace
from picsync.http.retry import Operation
from picsync.media.formats import HEAD_BYTES, sniff
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.folder.aside import PATIENCE_S, NoProgress, aside
from picsync.sources.folder.beneath import cure, is_gone, open_file, open_root
from picsync.sources.folder.looks import Read
from picsync.sources.folder.memory import BUSY_TIMEOUT_S, Memory
from picsync.sources.folder.mounts import Mount, Mounts
from picsync.sources.folder.names import Choice
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.survey import KIND, Knowledge, Seen, Survey
from picsync.sources.folder.walk import shown
from picsync.sources.folder.watch import Watcher
from picsync.system.files import reason

T = TypeVar("T")

CAPABILITIES = SourceCapabilities(kind=KIND, title="Folder", videos=True)

OPERATIONS: tuple[Operation, ...] = ()
"""It makes no requests."""

CHUNK_BYTES = 1024 * 1024
READ_ATTEMPTS = 3
"""A server that restarts makes open files stale; opening them again cures that."""

LONGEST_CALM_S = 60.0
"""While a long copy goes on, what has arrived is taken so often."""

SHOWN_PROBLEMS = 3


@dataclass(slots=True)
class _Album:
    entry: FolderEntry
    choice: Choice
    knowledge: Knowledge = field(default_factory=Knowledge)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    stuck: asyncio.Event | None = None
    """Set once a look that no longer answered has ended after all."""
    touched: asyncio.Event = field(default_factory=asyncio.Event)
    touched_s: float = 0.0
    """When something was last seen to change, by the monotonic clock."""


class FolderSource:
    """Any number of folders, each an album."""

    def __init__(
        self,
        entries: Mapping[str, FolderEntry],
        *,
        own_folder: Path,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        read: Read = os.read,
        patience_s: float = PATIENCE_S,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        """`entries` by album id; what is to be remembered goes into `own_folder`.

        `now` gives seconds since 1970, `clock` those of a clock that is never set. `patience_s` is how long a
        file system may take for one answer, `busy_timeout_s` another process with what is remembered.
        """
        self._albums = {
            album_id: _Album(entry, Choice(entry.include, entry.exclude))
            for album_id, entry in entries.items()
        }
        self._memory = Memory(own_folder, busy_timeout_s)
        self._sleep = sleep
        self._reads = (pace or Pace()).limit(KIND, DOWNLOADS)
        self._now = now
        self._clock = clock
        self._read = read
        self._patience_s = patience_s
        self._watcher: Watcher | None = None

    @property
    def capabilities(self) -> SourceCapabilities:
        """What folders can do."""
        return CAPABILITIES

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the folders of the configuration."""
        for album_id, album in self._albums.items():
            yield SourceAlbum(album_id, album.entry.path)

    async def list(self, album_id: str) -> Listing:
        """List a folder; waits for its quiet period where new files may still be written."""
        album = self._albums[album_id]
        async with album.looking:
            album.touched.clear()
            try:
                seen = await self._look(album_id, album)
                if seen.unsettled_new:
                    await self._sleep(album.entry.quiet.total_seconds())
                    seen = await self._look(album_id, album)
            except NoProgress:
                problem = f"The folder {shown(album.entry.path)} does not answer. Check its disk or server."
                return Listing(KIND, album_id, problem=problem)
            if seen.unsettled:
                self._touch(album_id)
        return Listing(
            KIND, album_id, seen.items, _problem(seen), unrecognised=seen.unrecognised, note=seen.note
        )

    async def _look(self, album_id: str, album: _Album) -> Seen:
        if album.stuck is not None and not album.stuck.is_set():
            raise NoProgress  # One thread that hangs is enough.
        if self._watcher is None:
            self._watcher = Watcher(self._touch)
        watcher, watches = self._watcher, set[int]()

        def enter(folder: str) -> None:
            number = watcher.enter(album_id, folder)
            if number is not None:
                watches.add(number)

        survey = Survey(
            album_id,
            album.entry,
            album.choice,
            album.knowledge,
            self._memory,
            enter=enter,
            read=self._read,
            now_s=self._now(),
            clock_s=self._clock(),
        )
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def run() -> Seen:
            try:
                return survey.run()
            finally:
                watcher.keep(album_id, watches)
                with suppress(RuntimeError):  # The loop is gone.
                    loop.call_soon_threadsafe(ended.set)

        album.stuck = ended
        return await aside(run, progress=survey.progress, patience_s=self._patience_s)

    async def changed(self, album_id: str) -> None:
        """Return once something has changed since the last listing and it has become quiet in the folder."""
        album = self._albums[album_id]
        await album.touched.wait()
        quiet_s, began_s = album.entry.quiet.total_seconds(), self._clock()
        while True:
            until_s = min(album.touched_s + quiet_s, began_s + LONGEST_CALM_S)
            left_s = until_s - self._clock()
            if left_s <= 0:
                return
            await self._sleep(left_s)

    def _touch(self, album_id: str) -> None:
        album = self._albums[album_id]
        album.touched_s = self._clock()
        album.touched.set()

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Bring a file's bytes, if it is still the one that was listed and stays so meanwhile."""
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                async with self._reads.slot() as slot:
                    await self._bring(item, sink)
                    slot.succeeded("read", 0.0)
            except NoProgress:
                raise TransientError(
                    "its folder does not answer.", hint="Check its disk or server."
                ) from None
            except OSError as error:
                refusal = _refusal(item, error)
                if not isinstance(refusal, TransientError) or attempt == READ_ATTEMPTS:
                    raise refusal from error
            else:
                return

    async def _bring(self, item: MediaItem, sink: Sink) -> None:
        root, path = self._place(item)
        number, seen = await self._aside(lambda: _open(root, path))
        try:
            _require_unchanged(item, seen)
            chunk = await self._aside(lambda: self._read(number, CHUNK_BYTES))
            mime_type = sniff(chunk[:HEAD_BYTES])
            if mime_type is None:
                raise ItemError(_what(chunk), unusable=True)
            await sink.begin(seen.st_size, mime_type)
            count = 0
            while chunk and count < seen.st_size:
                await sink.write(chunk)
                count += len(chunk)
                chunk = await self._aside(lambda: self._read(number, CHUNK_BYTES))
            _require_unchanged(item, await self._aside(lambda: os.fstat(number)), count)
        finally:
            # Closing may wait for a server as well.
            await self._aside(lambda: os.close(number))

    def _place(self, item: MediaItem) -> tuple[str, str]:
        """Return the folder that an item was found in, and its path below it."""
        # A folder inside another one may be a link, and only its own entry leads through that.
        roots = [album.entry.path.rstrip("/") for album in self._albums.values()]
        inside = [root for root in roots if item.item_id.startswith(f"{root}/")]
        if not inside:
            raise ItemError("its folder is no longer in picsync.yaml.")
        root = max(inside, key=len)
        return root or "/", item.item_id[len(root) + 1 :]

    async def _aside(self, work: Callable[[], T]) -> T:
        return await aside(work, patience_s=self._patience_s)

    async def examine(self) -> Sequence[Finding]:
        """Say of each folder what it is on, and whether changes are noticed there."""
        findings = []
        for album_id, album in self._albums.items():
            try:
                mount = await self._aside(partial(_mount_of, album.entry.path))
            except NotADirectoryError:
                continue  # Its listing says what is wrong.
            except NoProgress:
                finding = Finding(Mark.PROBLEM, album_id, "it does not answer.", "Check its disk or server.")
            else:
                on = f"on {shown(str(mount))}; " if mount.kind else ""
                finding = (
                    Finding(Mark.OK, album_id, f"{on}changes are noticed immediately.")
                    if mount.tells_changes
                    else Finding(Mark.OK, album_id, f"{on}changes are noticed by the next cycle (`every`).")
                )
            findings.append(finding)
        return findings

    async def aclose(self) -> None:
        """Stop watching; safe to call twice."""
        if self._watcher is not None:
            self._watcher.close()


def _open(root: str, path: str) -> tuple[int, os.stat_result]:
    folder = open_root(root)
    try:
        return open_file(folder, path)
    finally:
        os.close(folder)


def _mount_of(path: str) -> Mount:
    """Return the file system that a folder is on; raises NotADirectoryError if there is no such folder."""
    if not os.path.isdir(path):  # noqa: PTH112 - texts all the way, for names in no encoding
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return Mounts.now().of(os.path.realpath(path))


def _problem(seen: Seen) -> str | None:
    problems = list(seen.problems)
    if seen.first and seen.unsettled_new:
        are = "is" if seen.unsettled_new == 1 else "are"
        problems.append(
            f"{seen.unsettled_new} of its files {are} still being written, so its contents are not known yet."
        )
    if len(problems) > SHOWN_PROBLEMS:
        problems[SHOWN_PROBLEMS:] = [f"And {len(problems) - SHOWN_PROBLEMS} more."]
    return " ".join(problems) or None


def _what(head: bytes) -> str:
    return "the file is not a picture or video of a known format." if head else "the file is empty."


def _require_unchanged(item: MediaItem, seen: os.stat_result, count: int | None = None) -> None:
    version = f"{seen.st_size}:{seen.st_mtime_ns}"
    same = item.version in (version, f"{version}:{seen.st_ino}")
    if not same or (count is not None and count != seen.st_size):
        raise ItemError("it has changed since it was listed; the next cycle takes the new version.")


def _refusal(item: MediaItem, error: OSError) -> ItemError | TransientError:
    if is_gone(error):
        return ItemError("it is no longer in its folder.")
    message, hint = f"it cannot be read: {reason(error)}.", cure(error, shown(item.item_id))
    if error.errno in (errno.EACCES, errno.EPERM):
        return ItemError(message, hint=hint)
    return TransientError(message, hint=hint)

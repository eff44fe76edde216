"""The source port for local directories.

Items are ordered by path, folder by folder, so that neither a touched file nor a fresh copy of the whole
folder changes the order. The newest ones are found by the time that the camera wrote into the file, or else
by the file's modification time.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import TypeVar

from picsync.core.errors import ItemError, TransientError
from picsync.core.model import Finding, Listing, Mark, MediaItem, SourceAlbum
from picsync.core.skipping import skipped_file, skipped_folder
from picsync.core.values import dataclass
from picsync.http.pace import DOWNLOADS, Pace
from picsync.http.retry import Operation
from picsync.media.formats import HEAD_BYTES, promised, sniff
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.choice import Choice
from picsync.sources.folder.database import BUSY_TIMEOUT_S, FolderDatabase
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.probing import Read
from picsync.sources.folder.scan import KIND, FolderState, Scan, ScanResult
from picsync.sources.folder.walk import shown
from picsync.sources.reading import read_again
from picsync.system.blocking import STALL_TIMEOUT_S, NoProgress, run_blocking
from picsync.system.files import reason
from picsync.system.mounts import Mount, Mounts
from picsync.system.nofollow import is_gone, open_file, open_root, what_helps
from picsync.system.watch import Watcher

T = TypeVar("T")

CAPABILITIES = SourceCapabilities(kind=KIND, title="Folder", videos=True, dated=False)

OPERATIONS: tuple[Operation, ...] = ()
"""This source sends no requests."""

CHUNK_BYTES = 1024 * 1024

LONGEST_CALM_S = 60.0
"""Interval at which newly arrived files are taken while a long copy is running."""

SHOWN_PROBLEMS = 3


@dataclass(slots=True)
class _Album:
    entry: FolderEntry
    choice: Choice
    state: FolderState = field(default_factory=FolderState)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    stuck: asyncio.Event | None = None
    """Set when a listing that was given up as unresponsive has ended."""
    touched: asyncio.Event = field(default_factory=asyncio.Event)
    touched_s: float = 0.0
    """Time of the last change, by the monotonic clock."""


class FolderSource:
    """Any number of folders, each of which is an album."""

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
        stall_timeout_s: float = STALL_TIMEOUT_S,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        """`entries` is by album ID; the database is stored in `own_folder`.

        `now` returns seconds since 1970, `clock` is monotonic. `stall_timeout_s` is how long the file system
        may take to respond, `busy_timeout_s` how long another process may lock the database.
        """
        self._albums = {
            album_id: _Album(entry, Choice(entry.include, entry.exclude))
            for album_id, entry in entries.items()
        }
        self._database = FolderDatabase(own_folder, busy_timeout_s)
        self._sleep = sleep
        self._reads = (pace or Pace()).limit(KIND, DOWNLOADS)
        self._now = now
        self._clock = clock
        self._read = read
        self._stall_timeout_s = stall_timeout_s
        self._watcher: Watcher | None = None

    @property
    def capabilities(self) -> SourceCapabilities:
        """The capabilities of folders."""
        return CAPABILITIES

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the configured folders."""
        for album_id, album in self._albums.items():
            yield SourceAlbum(album_id, album.entry.path)

    async def list(self, album_id: str) -> Listing:
        """List a folder; waits for the quiet period if new files may still be written."""
        album = self._albums[album_id]
        async with album.looking:
            album.touched.clear()
            try:
                seen = await self._list(album_id, album)
                if seen.unsettled_new:
                    await self._sleep(album.entry.quiet.total_seconds())
                    seen = await self._list(album_id, album)
            except NoProgress:
                problem = f"The folder {shown(album.entry.path)} does not respond. Check its disk or server."
                return Listing(KIND, album_id, problem=problem)
            if seen.unsettled:
                self._touch(album_id)
        return Listing(
            KIND, album_id, seen.items, _problem(seen), unrecognised=seen.unrecognised, note=seen.note
        )

    async def _list(self, album_id: str, album: _Album) -> ScanResult:
        if album.stuck is not None and not album.stuck.is_set():
            raise NoProgress  # One hanging thread is enough.
        if self._watcher is None:
            self._watcher = Watcher(self._touch, _ignored)
        watcher, watches = self._watcher, set[int]()

        def enter(folder: str) -> None:
            number = watcher.enter(album_id, folder)
            if number is not None:
                watches.add(number)

        scan = Scan(
            album_id,
            album.entry,
            album.choice,
            album.state,
            self._database,
            enter=enter,
            read=self._read,
            now_s=self._now(),
            clock_s=self._clock(),
        )
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def run() -> ScanResult:
            try:
                return scan.run()
            finally:
                watcher.keep(album_id, watches)
                with suppress(RuntimeError):  # The loop is closed.
                    loop.call_soon_threadsafe(ended.set)

        album.stuck = ended
        return await run_blocking(run, progress=scan.progress, stall_timeout_s=self._stall_timeout_s)

    async def changed(self, album_id: str) -> None:
        """Return once the folder has changed since the last listing and no longer changes."""
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

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Copy the file itself, which costs little; see the port."""
        await self.download(item, sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Copy a file into `sink`, provided that it is still the listed version and stays unchanged."""
        try:
            await read_again(lambda: self._attempt(item, sink), self._reads)
        except NoProgress:
            # Another attempt would wait as long.
            raise TransientError("its folder does not respond.", hint="Check its disk or server.") from None

    async def _attempt(self, item: MediaItem, sink: Sink) -> None:
        try:
            await self._copy(item, sink)
        except OSError as error:
            raise _refusal(item, error) from error

    async def _copy(self, item: MediaItem, sink: Sink) -> None:
        root, path = self._place(item)
        number, seen = await self._run_blocking(lambda: _open(root, path))
        try:
            _require_unchanged(item, seen)
            chunk = await self._run_blocking(lambda: self._read(number, CHUNK_BYTES))
            mime_type = sniff(chunk[:HEAD_BYTES])
            if mime_type is None:
                raise ItemError(_what(chunk), unusable=True)
            await sink.begin(seen.st_size, mime_type)
            count = 0
            while chunk and count < seen.st_size:
                await sink.write(chunk)
                count += len(chunk)
                chunk = await self._run_blocking(lambda: self._read(number, CHUNK_BYTES))
            _require_unchanged(item, await self._run_blocking(lambda: os.fstat(number)), count)
        finally:
            # Closing a file may also wait for a server.
            await self._run_blocking(lambda: os.close(number))

    def _place(self, item: MediaItem) -> tuple[str, str]:
        """Return the folder in which an item was found, and its path relative to it."""
        # A configured folder inside another one may be a link; only its own entry follows it.
        roots = [album.entry.path.rstrip("/") for album in self._albums.values()]
        inside = [root for root in roots if item.item_id.startswith(f"{root}/")]
        if not inside:
            raise ItemError("its folder is no longer in picsync.yaml.")
        root = max(inside, key=len)
        return root or "/", item.item_id[len(root) + 1 :]

    async def _run_blocking(self, work: Callable[[], T]) -> T:
        return await run_blocking(work, stall_timeout_s=self._stall_timeout_s)

    async def examine(self) -> Sequence[Finding]:
        """Report each folder's file system, and whether its changes are noticed immediately."""
        findings = []
        for album_id, album in self._albums.items():
            try:
                mount = await self._run_blocking(partial(_mount_of, album.entry.path))
            except NotADirectoryError:
                continue  # The listing reports the error.
            except NoProgress:
                finding = Finding(Mark.PROBLEM, album_id, "it does not respond.", "Check its disk or server.")
            else:
                on = f"on {shown(str(mount))}; " if mount.kind else ""
                finding = (
                    Finding(Mark.OK, album_id, f"{on}changes are noticed immediately.")
                    if mount.reports_changes
                    else Finding(Mark.OK, album_id, f"{on}changes are noticed by the next cycle (`every`).")
                )
            findings.append(finding)
        return findings

    async def aclose(self) -> None:
        """Stop watching; safe to call twice."""
        if self._watcher is not None:
            self._watcher.close()


def _ignored(name: str, is_folder: bool) -> bool:
    """Whether a change of this name may be ignored; an empty name stands for the folder itself.

    The next listing finds a picture with an unusual name. A log that is written all day must not cause one
    cycle after another.
    """
    if not name:
        return False
    if is_folder:
        return skipped_folder(name)
    return skipped_file(name) or ("." in name and promised(name) is None)


def _open(root: str, path: str) -> tuple[int, os.stat_result]:
    folder = open_root(root)
    try:
        return open_file(folder, path)
    finally:
        os.close(folder)


def _mount_of(path: str) -> Mount:
    """Return the file system of a folder; raises NotADirectoryError if the folder does not exist."""
    if not os.path.isdir(path):  # noqa: PTH112 - strings, since names may be undecodable
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return Mounts.now().of(os.path.realpath(path))


def _problem(seen: ScanResult) -> str | None:
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
    message, hint = f"it cannot be read: {reason(error)}.", what_helps(error, shown(item.item_id))
    if error.errno in (errno.EACCES, errno.EPERM):
        return ItemError(message, hint=hint)
    return TransientError(message, hint=hint)

"""The store port for the files of this machine.

A folder that is named in the configuration may be a symbolic link; below it, links are neither followed nor
moved. Files appear complete: they are written under another name in the same folder, flushed and renamed.
Nothing is overwritten, except by `replace` and `append`. A move within a file system is one rename. Between
file systems, the file is copied, flushed, renamed to its new name, and only then removed from the old place;
`settle` completes what a crash has interrupted.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from picsync.aio.tasks import progressed, run_all
from picsync.core.contenthash import ContentHash
from picsync.core.errors import (
    InaccessibleError,
    NotFoundError,
    PicsyncError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.core.model import Finding, Mark
from picsync.core.places import join, split
from picsync.core.text import harmless
from picsync.core.values import dataclass
from picsync.stores.base import (
    NO_MEDIA_INFO,
    ChangedError,
    ConflictError,
    Content,
    CursorResetError,
    Entry,
    EntryKind,
    MediaInfo,
    Move,
    Moved,
    Page,
    StoreCapabilities,
    Unlisted,
    Write,
    Written,
)
from picsync.stores.local.bin import move_to_bin
from picsync.system.blocking import STALL_TIMEOUT_S, NoProgress, run_blocking
from picsync.system.files import PART, SHARED_FILE, open_regular, reason, remedy, write_all
from picsync.system.mounts import Mounts
from picsync.system.renaming import rename_new
from picsync.system.watch import Watcher

T = TypeVar("T")

QUIET_S = 10.0
"""Programs usually pause for less than this while they write a file."""
LONGEST_CALM_S = 60.0
"""Interval at which new files are noticed while others keep changing."""
BATCH = 500
"""Moves between two flushes of their folders, and deletions between two looks at whether to stop."""
PAGE = 2_000
"""Entries per page."""
WRITERS = 8
"""Files that are written concurrently."""
LOCK = ".picsync-lock"
"""The file that is locked by the process that works in a folder."""
TEMPORARY = ".picsync-"
"""How the names of files begin that are being written."""

_CHUNK_BYTES = 1 << 20
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_NOTHING = _MISSING | {errno.ENAMETOOLONG}
"""Errors of looking at a path after which certainly nothing is there."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO, errno.ENOTCONN})


@dataclass(slots=True)
class _Watched:
    """A listed folder whose changes are noticed."""

    watcher: Watcher
    touched: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by each change; replaced by a new one then."""
    changes: int = 0
    listed: int = 0
    """`changes` at the last listing."""
    touched_s: float = 0.0
    """Time of the last change, by the monotonic clock."""
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    unsettled: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Path of a file that may still be written -> its version, and since when (monotonic clock)."""


@dataclass(slots=True)
class _Steps:
    """Counts system calls, by which a slow file system is told from one that hangs."""

    count: int = 0


class LocalStore:
    """The files below some folders of this machine."""

    def __init__(
        self,
        roots: Sequence[str] = ("/",),
        *,
        quiet_s: float = QUIET_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> None:
        """`roots` are the folders that the configuration names; only they may be links.

        `now` returns seconds since 1970, `clock` is monotonic. `stall_timeout_s` is how long the file system
        may take to respond.
        """
        self._roots = sorted({root.rstrip("/") or "/" for root in roots}, key=len, reverse=True)
        self._sleep = sleep
        self._now = now
        self._clock = clock
        self._stall_timeout_s = stall_timeout_s
        self._watched: dict[tuple[str, bool], _Watched] = {}
        self._owned: dict[str, int] = {}
        """Folder -> the descriptor of its lock."""
        self._capabilities = StoreCapabilities(
            kind="local",
            title="this machine",
            batch=BATCH,
            quiet_s=quiet_s,
            reports_changes=True,
            volumes=True,
        )

    @property
    def capabilities(self) -> StoreCapabilities:
        """The capabilities of this machine's files."""
        return self._capabilities

    # --- listing --------------------------------------------------------------------------------------

    async def list(self, folder: str, *, recursive: bool = False) -> AsyncIterator[Page]:
        """Yield what is in a folder; see the port."""
        watched = self._watch(folder, recursive=recursive)
        async with watched.looking:
            watched.listed = watched.changes
            cursor = str(watched.listed)
            steps = _Steps()
            listing = _Listing(self, watched, steps, recursive=recursive)
            await self._run(lambda: listing.read(folder), folder, steps)
            if listing.unsettled:
                self._touch((folder, recursive))
            watched.unsettled = listing.unsettled
        entries = sorted(listing.entries, key=lambda entry: entry.path.replace("/", "\0"))
        for at in range(0, max(1, len(entries)), PAGE):
            unlisted = listing.unlisted if at == 0 else ()
            yield Page(entries[at : at + PAGE], cursor=cursor, unlisted=unlisted)

    async def changes(
        self,
        folder: str,
        cursor: str,  # noqa: ARG002 - port
        *,
        recursive: bool = False,  # noqa: ARG002 - port
    ) -> AsyncIterator[Page]:
        """Raise CursorResetError: a file system keeps no list of changes."""
        raise CursorResetError(f"{folder} has no list of changes.")
        yield Page()  # type: ignore[unreachable] # It makes this a generator.

    async def changed(self, folder: str, cursor: str = "", *, recursive: bool = False) -> None:
        """Return once files were added or changed since the last listing, and no longer change."""
        watched = self._watch(folder, recursive=recursive)
        while watched.changes == (int(cursor) if cursor else watched.listed):
            await watched.touched.wait()
        began_s = self._clock()
        while True:
            until_s = min(watched.touched_s + self._capabilities.quiet_s, began_s + LONGEST_CALM_S)
            left_s = until_s - self._clock()
            if left_s <= 0:
                return
            await self._sleep(left_s)

    def _watch(self, folder: str, *, recursive: bool) -> _Watched:
        key = (folder, recursive)
        found = self._watched.get(key)
        if found is None:

            def ignored(name: str, is_folder: bool) -> bool:
                return bool(name) and (name.startswith(TEMPORARY) or (is_folder and not recursive))

            found = _Watched(Watcher(lambda _album: self._touch(key), ignored, departures=False))
            self._watched[key] = found
        return found

    def _touch(self, key: tuple[str, bool]) -> None:
        watched = self._watched[key]
        watched.touched_s = self._clock()
        watched.changes += 1
        touched, watched.touched = watched.touched, asyncio.Event()
        touched.set()

    def is_settled(self, watched: _Watched, path: str, rev: str, changed_s: float) -> float | None:
        """Return None if a file is complete; otherwise since when it is in this version."""
        quiet_s = self._capabilities.quiet_s
        if not quiet_s or self._now() - changed_s >= quiet_s:
            return None
        before, since_s = watched.unsettled.get(path, (rev, self._clock()))
        if before != rev:
            since_s = self._clock()
        # The file's times may lie in the future.
        return None if self._clock() - since_s >= quiet_s else since_s

    async def stat(self, path: str) -> Entry | None:
        """Return what is at a path."""

        def look() -> Entry | None:
            folder, name = split(path)
            try:
                if path == "/" or path in self._roots:
                    return _entry(path, os.stat(path))  # noqa: PTH116 - strings, since names may be undecodable
                with self._opened(folder) as above:
                    return _entry(path, _lstat(name, above))
            except OSError as error:
                if error.errno in _NOTHING:
                    return None
                raise

        return await self._run(look, path)

    async def media_info(self, entry: Entry) -> MediaInfo:  # noqa: ARG002 - port
        """Return nothing: a file system does not look into files."""
        return NO_MEDIA_INFO

    # --- reading --------------------------------------------------------------------------------------

    async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
        """Yield a file's bytes."""
        if entry.size_bytes - start <= _CHUNK_BYTES:
            # Most files are small: one call instead of five.
            if chunk := await self._run(lambda: self._rest(entry, start), entry.path):
                yield chunk
            return
        number = await self._run(lambda: self._open_file(entry), entry.path)
        try:
            if start:
                await self._run(lambda: os.lseek(number, start, os.SEEK_SET), entry.path)
            while chunk := await self._run(lambda: os.read(number, _CHUNK_BYTES), entry.path):
                yield chunk
            _require(entry, await self._run(lambda: os.fstat(number), entry.path))
        finally:
            await self._run(lambda: os.close(number), entry.path)

    def _rest(self, entry: Entry, start: int) -> bytes:
        number = self._open_file(entry)
        try:
            os.lseek(number, start, os.SEEK_SET)
            found = _full_chunk(number)
            _require(entry, os.fstat(number))
            return found
        finally:
            os.close(number)

    async def read_part(self, entry: Entry, start: int, size_bytes: int) -> bytes:
        """Return a part of a file."""

        def part() -> bytes:
            number = self._open_file(entry)
            try:
                os.lseek(number, start, os.SEEK_SET)
                found = bytearray()
                while len(found) < size_bytes and (chunk := os.read(number, size_bytes - len(found))):
                    found += chunk
                return bytes(found)
            finally:
                os.close(number)

        return await self._run(part, entry.path)

    async def content_hash(self, entry: Entry) -> str:
        """Return the content hash by reading the file."""
        steps = _Steps()

        def whole() -> str:
            number = self._open_file(entry)
            try:
                found = ContentHash()
                for chunk in _chunks(number, steps):
                    found.update(chunk)
                _require(entry, os.fstat(number))
                return found.hexdigest()
            finally:
                os.close(number)

        return entry.content_hash or await self._run(whole, entry.path, steps)

    def _open_file(self, entry: Entry) -> int:
        try:
            with self._opened(entry.folder) as above:
                number = open_regular(entry.name, os.O_RDONLY, folder=above)
        except OSError as error:
            if error.errno in _MISSING:
                raise ChangedError(f"{entry.path} is no longer there.") from error
            raise
        try:
            _require(entry, os.fstat(number))
        except BaseException:
            os.close(number)
            raise
        return number

    # --- writing --------------------------------------------------------------------------------------

    async def write(
        self, path: str, content: Content, size_bytes: int, *, modified_at: datetime | None = None
    ) -> Entry:
        """Write a new file."""
        folder, name = split(path)

        def publish(above: int, temporary: str) -> None:
            try:
                rename_new(temporary, name, source_folder=above, target_folder=above)
            except FileExistsError:
                if not _same_bytes(temporary, above, name, above):
                    raise ConflictError(f"Something is at {path} already.") from None
                os.unlink(temporary, dir_fd=above)

        return await self._write(path, folder, content, size_bytes, modified_at, publish)

    async def replace(
        self, entry: Entry, content: Content, size_bytes: int, *, modified_at: datetime | None = None
    ) -> Entry:
        """Replace a file's content."""

        def publish(above: int, temporary: str) -> None:
            _require(entry, _look(entry.name, above))
            os.rename(temporary, entry.name, src_dir_fd=above, dst_dir_fd=above)

        return await self._write(entry.path, entry.folder, content, size_bytes, modified_at, publish)

    async def write_all(
        self, writes: Iterable[Write], done: Callable[[Sequence[Written]], Awaitable[None]]
    ) -> None:
        """Write files, several of them concurrently."""
        due, reporting = iter(writes), asyncio.Lock()

        async def worker() -> None:
            for write in due:
                try:
                    if write.replaces is None:
                        entry = await self.write(
                            write.path, write.content, write.size_bytes, modified_at=write.modified_at
                        )
                    else:
                        entry = await self.replace(
                            write.replaces, write.content, write.size_bytes, modified_at=write.modified_at
                        )
                    written = Written(write, entry)
                except PicsyncError as error:
                    written = Written(write, error=error)
                async with reporting:
                    await done([written])

        await run_all(*(worker() for _ in range(WRITERS)))

    async def _write(
        self,
        path: str,
        folder: str,
        content: Content,
        size_bytes: int,
        modified_at: datetime | None,
        publish: Callable[[int, str], None],
    ) -> Entry:
        temporary = f"{TEMPORARY}{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}{PART}"
        name = split(path)[1]
        number = await self._run(lambda: self._create(folder, temporary), path)
        try:
            written, hashed = 0, ContentHash()
            async for chunk in content(0):
                await self._run(lambda: _write_chunk(number, chunk), path)  # noqa: B023 - called at once
                written += len(chunk)
                hashed.update(chunk)
            if written != size_bytes:
                raise TransientError(f"{path}: {written:,} bytes came instead of {size_bytes:,}.")

            def finish() -> Entry:
                os.fsync(number)
                if modified_at is not None:
                    moment = int(modified_at.timestamp() * 1e6) * 1000
                    os.utime(number, ns=(moment, moment))
                with self._opened(folder) as above:
                    publish(above, temporary)
                    _flush(above)
                    return _entry(path, _lstat(name, above))

            return replace(await self._run(finish, path), content_hash=hashed.hexdigest())
        finally:
            await self._run(lambda: self._discard(number, folder, temporary), path)

    def _create(self, folder: str, temporary: str) -> int:
        with self._opened(folder, create=True) as above:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=above)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(temporary, flags, SHARED_FILE, dir_fd=above)

    def _discard(self, number: int, folder: str, temporary: str) -> None:
        os.close(number)
        with suppress(OSError), self._opened(folder) as above:
            os.unlink(temporary, dir_fd=above)

    async def append(self, path: str, added: bytes, seen: Entry | None) -> Entry:
        """Add bytes at the end of a file; if that fails, none of them are left there."""
        folder, name = split(path)

        def add() -> Entry:
            with self._opened(folder, create=True) as above:
                flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if seen is None else 0)
                try:
                    number = open_regular(name, flags, SHARED_FILE, folder=above)
                except FileExistsError:
                    raise ChangedError(f"{path} has been created meanwhile.") from None
                except FileNotFoundError:
                    raise ChangedError(f"{path} is no longer there.") from None
                try:
                    fcntl.flock(number, fcntl.LOCK_EX)
                    before = os.fstat(number)
                    if seen is not None:
                        _require(seen, before)
                    try:
                        write_all(number, [added])
                    except OSError:
                        os.ftruncate(number, before.st_size)
                        raise
                    if seen is None:
                        _flush(above)
                    return _entry(path, os.fstat(number))
                finally:
                    os.close(number)

        return await self._run(add, path)

    # --- moving ---------------------------------------------------------------------------------------

    async def move(self, move: Move) -> Entry:
        """Move a file."""
        (moved,) = await self.move_all([move])
        if moved.entry is None:
            raise moved.error or AssertionError
        return moved.entry

    async def move_all(self, moves: Sequence[Move]) -> Sequence[Moved]:
        """Move files one after another, and flush their folders once."""
        steps = _Steps()

        stop = threading.Event()

        def work() -> list[Moved]:
            found: list[Moved] = []
            left: set[str] = set()
            reached: set[str] = set()
            fatal: PicsyncError | None = None
            for move in moves:
                steps.count += 1
                if stop.is_set():
                    fatal = TransientError("The process is stopping.")
                if fatal is not None:
                    found.append(Moved(move, error=fatal))
                    continue
                try:
                    entry = self._move(move, steps)
                except (OSError, PicsyncError) as error:
                    known = error if isinstance(error, PicsyncError) else _explained(error, move.entry.path)
                    found.append(Moved(move, error=known))
                    if isinstance(known, InaccessibleError | QuotaError):
                        fatal = known
                else:
                    left.add(move.entry.folder)
                    reached.add(entry.folder)
                    found.append(Moved(move, entry))
            # The new names first: a power failure must not take both names of a file.
            for folder in (*sorted(reached), *sorted(left - reached)):
                steps.count += 1
                with suppress(FileNotFoundError), self._opened(folder) as above:
                    _flush(above)
            return found

        running = asyncio.ensure_future(self._run(work, moves[0].entry.path if moves else "", steps))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # A thread cannot be cancelled; nothing may be moved after this has returned.
            stop.set()
            with suppress(PicsyncError):
                await running
            raise

    def _move(self, move: Move, steps: _Steps) -> Entry:
        entry, (folder, name) = move.entry, split(move.to)
        if entry.kind is not EntryKind.FILE:
            raise RefusedError(f"{entry.path} is not a regular file, so it is left where it is.", status=0)
        try:
            with self._opened(entry.folder) as source:
                seen = _look(entry.name, source)
                _require(entry, seen)
                with self._opened(folder, create=True) as target:
                    try:
                        rename_new(entry.name, name, source_folder=source, target_folder=target)
                    except FileExistsError:
                        raise ConflictError(f"Something is at {move.to} already.") from None
                    except OSError as error:
                        if error.errno != errno.EXDEV:
                            raise
                        self._move_copy(move, source, target, steps)
                    return _entry(move.to, _lstat(name, target))
        except FileNotFoundError as error:
            raise NotFoundError(f"{entry.path} is no longer there.", status=0) from error

    def _move_copy(self, move: Move, source: int, target: int, steps: _Steps) -> None:
        """Move a file to another file system."""
        entry, name = move.entry, split(move.to)[1]
        temporary = _temporary(move)
        with suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=target)
        original = open_regular(entry.name, os.O_RDONLY, folder=source)
        try:
            _require(entry, os.fstat(original))
            try:
                _copy(original, temporary, target, steps)
                _require(entry, os.fstat(original))
                rename_new(temporary, name, source_folder=target, target_folder=target)
            except FileExistsError:
                raise ConflictError(f"Something is at {move.to} already.") from None
            finally:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=target)
            _flush(target)
            # It must be the file that was copied which is removed, in the version that was copied.
            _require(entry, _look(entry.name, source))
            os.unlink(entry.name, dir_fd=source)
        finally:
            os.close(original)

    async def settle(self, move: Move) -> Entry | None:
        """Complete an interrupted move, and say whether it happened."""
        steps = _Steps()

        def look() -> Entry | None:
            entry, (folder, name) = move.entry, split(move.to)
            try:
                with self._opened(folder) as target:
                    with suppress(FileNotFoundError):
                        os.unlink(_temporary(move), dir_fd=target)
                    there = _lstat(name, target)
                    if not stat.S_ISREG(there.st_mode) or not self._arrived(
                        entry, there, name, target, steps
                    ):
                        return None
                    _flush(target)
                    return _entry(move.to, there)
            except OSError as error:
                if error.errno in _NOTHING:
                    return None
                raise

        return await self._run(look, move.to, steps)

    def _arrived(self, entry: Entry, there: os.stat_result, name: str, target: int, steps: _Steps) -> bool:
        """Whether the file at the new path is the one to move; if it is at both paths, the old one goes."""
        try:
            with self._opened(entry.folder) as source:
                before = _lstat(entry.name, source)
                if (before.st_dev, before.st_ino) == (there.st_dev, there.st_ino):
                    # Linked, and not removed yet.
                    os.unlink(entry.name, dir_fd=source)
                    _flush(source)
                    return True
                if _rev(before) == entry.rev:
                    if before.st_dev == there.st_dev or not _same_bytes(
                        entry.name, source, name, target, steps
                    ):
                        return False
                    # Copied, and not removed yet.
                    os.unlink(entry.name, dir_fd=source)
                    _flush(source)
                    return True
        except OSError as error:
            if error.errno not in _MISSING:
                raise
        # Nothing is left at the old path, or something new.
        return _rev(there) == entry.rev or _copy_rev(there) == entry.rev.rpartition(":")[0]

    # --- deleting, folders ----------------------------------------------------------------------------

    async def delete(self, entry: Entry) -> None:
        """Move a file or folder to the bin of its file system (freedesktop.org Trash specification)."""

        def remove() -> None:
            try:
                with self._opened(entry.folder) as above:
                    seen = _look(entry.name, above)
                    if entry.is_file:
                        _require(entry, seen)
                    move_to_bin(entry.path, above, entry.name, seen, self._now())
                    _flush(above)
            except (FileNotFoundError, NotFoundError):
                return

        await self._run(remove, entry.path)

    async def delete_all(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
        """Delete files and folders one after another."""
        found: list[PicsyncError | None] = []
        for entry in entries:
            try:
                await self.delete(entry)
            except PicsyncError as error:
                found.append(error)
            else:
                found.append(None)
        return found

    async def make_folder(self, path: str) -> Entry:
        """Create a folder and those above it."""

        def make() -> Entry:
            with self._opened(path, create=True) as folder:
                return _entry(path, os.fstat(folder))

        return await self._run(make, path)

    async def own(self, folder: str, owner: str) -> str:
        """Lock a file in the folder; the system releases it when the process ends."""

        def lock() -> str:
            if folder in self._owned:
                return ""
            with self._opened(folder) as above:
                number = open_regular(LOCK, os.O_RDWR | os.O_CREAT, folder=above)
            try:
                try:
                    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return (
                        harmless(os.pread(number, 200, 0).decode(errors="replace").strip())
                        or "another process"
                    )
                os.ftruncate(number, 0)
                os.pwrite(number, f"{owner}\n".encode(), 0)
                self._owned[folder], number = number, -1
            finally:
                if number >= 0:
                    os.close(number)
            return ""

        return await self._run(lock, folder)

    async def disown(self, folder: str) -> None:
        """Do nothing: the lock of a process that has ended is gone."""

    async def one_volume(self, folders: Sequence[str]) -> str:
        """Compare the volumes of the folders, and where these are mounted."""

        def compare() -> str:
            mounts, found = Mounts.now(), dict[tuple[int, str], str]()
            for folder in folders:
                with suppress(OSError):
                    place = os.path.realpath(folder)
                    found.setdefault((os.stat(place).st_dev, mounts.of(place).path), folder)  # noqa: PTH116 - strings
            if len(found) < 2:
                return ""
            (one, first), (other, second), *_ = ((key[1], folder) for key, folder in found.items())
            if one == other:
                return f"{first} and {second} are on different file systems"
            return f"{first} is on the file system mounted at {one}, {second} on the one at {other}"

        return await self._run(compare, folders[0] if folders else "")

    async def examine(self) -> Sequence[Finding]:
        """Report whether each folder exists, and on which file system it is."""
        findings = []
        for root in reversed(self._roots):

            def look(root: str = root) -> Finding:
                if not os.path.isdir(root):  # noqa: PTH112 - strings, since names may be undecodable
                    return Finding(Mark.PROBLEM, root, "there is no such folder.", "Create or mount it.")
                mount = Mounts.now().of(os.path.realpath(root))
                at_once = "changes are noticed immediately" if mount.reports_changes else "it is polled"
                return Finding(Mark.OK, root, f"on {mount}; {at_once}." if mount.kind else "exists.")

            findings.append(await self._run(look, root))
        return findings

    async def aclose(self) -> None:
        """Stop watching, and release the locks."""
        owned, self._owned = self._owned, {}
        for number in owned.values():
            os.close(number)
        watched, self._watched = self._watched, {}
        for each in watched.values():
            each.watcher.close()

    # --- descriptors, threads -------------------------------------------------------------------------

    @contextmanager
    def _opened(self, folder: str, *, create: bool = False) -> Iterator[int]:
        """Open a folder without following links below its root; yields a descriptor. Raises OSError."""
        root = self._root_of(folder)
        at = self._open_root(root, create=create)
        try:
            for part in folder[len(root) :].strip("/").split("/"):
                if part:
                    below = _open_below(at, part, folder, create=create)
                    os.close(at)
                    at = below
            yield at
        finally:
            os.close(at)

    def _root_of(self, path: str) -> str:
        for root in self._roots:
            if path == root or root == "/" or path.startswith(f"{root}/"):
                return root
        return "/"

    @staticmethod
    def _open_root(root: str, *, create: bool) -> int:
        try:
            return os.open(root, _PASS)
        except FileNotFoundError:
            if not create:
                raise
            # Only the last folder is created: the ones above it may be a volume that is not mounted.
            above = split(root)[0]
            if not os.path.isdir(above):  # noqa: PTH112 - as above
                raise InaccessibleError(
                    f"{root} cannot be created, since there is no folder {above}.",
                    hint="Mount the volume that belongs there, or create the folder.",
                ) from None
        with suppress(FileExistsError):
            Path(root).mkdir()
        at = os.open(above, _PASS)
        try:
            _flush(at)
        finally:
            os.close(at)
        return os.open(root, _PASS)

    async def _run(self, work: Callable[[], T], path: str, steps: _Steps | None = None) -> T:
        """Run file system calls in a thread, with their errors explained."""

        def progress() -> int:
            if steps is not None and steps.count:
                progressed()
            return steps.count if steps is not None else 0

        try:
            return await run_blocking(work, progress=progress, stall_timeout_s=self._stall_timeout_s)
        except NoProgress:
            raise InaccessibleError(
                f"{path} does not respond.", hint="Check the disk or server that it is on."
            ) from None
        except OSError as error:
            raise _explained(error, path) from error


class _Listing:
    """One listing of a folder, in a thread."""

    def __init__(self, store: LocalStore, watched: _Watched, steps: _Steps, *, recursive: bool) -> None:
        self.entries: list[Entry] = []
        self.unlisted: list[Unlisted] = []
        self.unsettled: dict[str, tuple[str, float]] = {}
        self._store = store
        self._watched = watched
        self._steps = steps
        self._recursive = recursive
        self._watches: set[int] = set()

    def read(self, folder: str) -> None:
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            try:
                below = self._read(path)
            except OSError as error:
                if path == folder:
                    if error.errno in _MISSING:
                        raise _no_folder(path, error) from error
                    raise
                if error.errno not in _MISSING:
                    self.unlisted.append(Unlisted(path, _explained(error, path)))
                continue
            if self._recursive:
                waiting += below
        self._watched.watcher.keep("", self._watches)

    def _read(self, path: str) -> list[str]:
        below = []
        with self._store._opened(path) as passed:  # noqa: SLF001 - of the same module
            number = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=passed)
        try:
            # Before reading, so that no change is missed.
            watch = self._watched.watcher.enter("", f"/proc/self/fd/{number}")
            if watch is not None:
                self._watches.add(watch)
            with os.scandir(number) as found:
                for each in found:
                    self._steps.count += 1
                    try:
                        seen = each.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    entry = _entry(join(path, each.name), seen)
                    if entry.kind is EntryKind.FOLDER:
                        below.append(entry.path)
                    elif entry.is_file:
                        entry = self._settled(entry, max(seen.st_mtime, seen.st_ctime))
                    self.entries.append(entry)
        finally:
            os.close(number)
        return below

    def _settled(self, entry: Entry, changed_s: float) -> Entry:
        since_s = self._store.is_settled(self._watched, entry.path, entry.rev, changed_s)
        if since_s is None:
            return entry
        self.unsettled[entry.path] = (entry.rev, since_s)
        return replace(entry, settled=False)


def _no_folder(path: str, error: OSError) -> PicsyncError:
    hint = remedy(error, path)
    return NotFoundError(f"There is no folder {path}.", status=0, hint=hint)


def _open_below(above: int, name: str, path: str, *, create: bool) -> int:
    try:
        return os.open(name, _PASS | os.O_NOFOLLOW, dir_fd=above)
    except FileNotFoundError:
        if not create:
            raise
    except NotADirectoryError as error:
        what = "a link" if stat.S_ISLNK(_lstat(name, above).st_mode) else "a file"
        message = f"{name} is {what}, not a folder"
        if create:
            raise ConflictError(f"{path}: {message}.") from error
        raise NotADirectoryError(errno.ENOTDIR, message, name) from error
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)
    _flush(above)
    return os.open(name, _PASS | os.O_NOFOLLOW, dir_fd=above)


def _lstat(name: str, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _look(name: str, folder: int) -> os.stat_result:
    """Return the status of a file; raises NotFoundError if there is none."""
    try:
        return _lstat(name, folder)
    except FileNotFoundError:
        raise NotFoundError(f"{name} is no longer there.", status=0) from None


def _flush(folder: int) -> None:
    """Flush the names in a folder, if its file system supports that."""
    number = -1
    try:
        number = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        os.fsync(number)
    except OSError as error:
        if error.errno in _FULL or error.errno in _BROKEN:
            raise
    finally:
        if number >= 0:
            os.close(number)


def _rev(seen: os.stat_result) -> str:
    """Return the version of a file; a copy has the same one except for the inode at its end."""
    return f"{_copy_rev(seen)}:{seen.st_ino}"


def _copy_rev(seen: os.stat_result) -> str:
    return f"{seen.st_size}:{seen.st_mtime_ns}"


def _require(entry: Entry, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode) or _rev(seen) != entry.rev:
        raise ChangedError(f"{entry.path} has changed meanwhile.")


def _entry(path: str, seen: os.stat_result) -> Entry:
    kinds = ((stat.S_ISREG, EntryKind.FILE), (stat.S_ISDIR, EntryKind.FOLDER), (stat.S_ISLNK, EntryKind.LINK))
    kind = next((kind for fits, kind in kinds if fits(seen.st_mode)), EntryKind.OTHER)
    if kind is not EntryKind.FILE:
        return Entry(path, kind, id=str(seen.st_ino))
    return Entry(path, kind, "", str(seen.st_ino), _rev(seen), seen.st_size, _instant(seen.st_mtime_ns))


def _instant(nanoseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _temporary(move: Move) -> str:
    return f"{TEMPORARY}{move.token}{PART}"


def _chunks(number: int, steps: _Steps) -> Iterator[bytes]:
    while chunk := os.read(number, _CHUNK_BYTES):
        steps.count += 1
        yield chunk


def _write_chunk(number: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(number, rest) :]


def _copy(original: int, name: str, folder: int, steps: _Steps) -> None:
    """Copy a file with its time, permissions and extended attributes, and flush it."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        for chunk in _chunks(original, steps):
            _write_chunk(number, chunk)
        seen = os.fstat(original)
        with suppress(OSError):  # The file system may have no owners or attributes.
            os.fchown(number, seen.st_uid, seen.st_gid)
        with suppress(OSError):
            os.fchmod(number, stat.S_IMODE(seen.st_mode))
        with suppress(OSError, AttributeError):
            for attribute in os.listxattr(original):
                os.setxattr(number, attribute, os.getxattr(original, attribute))
        os.utime(number, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        os.fsync(number)
    finally:
        os.close(number)


def _same_bytes(first: str, folder: int, second: str, other: int, steps: _Steps | None = None) -> bool:
    """Whether two regular files have the same content."""
    count = steps or _Steps()
    one = open_regular(first, os.O_RDONLY, folder=folder)
    try:
        two = open_regular(second, os.O_RDONLY, folder=other)
        try:
            if os.fstat(one).st_size != os.fstat(two).st_size:
                return False
            while True:
                chunk = _full_chunk(one)
                count.count += 1
                if chunk != _full_chunk(two):
                    return False
                if not chunk:
                    return True
        finally:
            os.close(two)
    finally:
        os.close(one)


def _full_chunk(number: int) -> bytes:
    found = bytearray()
    while len(found) < _CHUNK_BYTES and (chunk := os.read(number, _CHUNK_BYTES - len(found))):
        found += chunk
    return bytes(found)


def _explained(error: OSError, path: str) -> PicsyncError:
    """Return the error of the port for one of the operating system."""
    message, hint = f"{path}: {reason(error)}.", remedy(error, path)
    if error.errno in _FULL:
        return QuotaError(message, hint=hint)
    if error.errno in _MISSING:
        return NotFoundError(message, status=0, hint=hint)
    if error.errno in _BROKEN or error.errno == errno.EROFS:
        return InaccessibleError(message, hint=hint)
    return RefusedError(message, status=0, hint=hint)

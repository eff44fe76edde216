"""Carries out the steps of a mirror's plan; each may fail alone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial

from picsync.core.errors import InaccessibleError, NotFoundError, PicsyncError, RefusedError, TransientError
from picsync.core.mirror import Relocation, There, Transfer
from picsync.core.mirrorstate import Side, Why
from picsync.core.places import fold, parents
from picsync.core.values import dataclass
from picsync.jobs.mirrorlook import Look
from picsync.jobs.mirrormemory import Known, equal_file, here_file, sending_file, there_file
from picsync.jobs.passes import FATAL, Progress
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    Entry,
    Move,
    Store,
    Write,
    Written,
    entries_of,
)

SAVE_AFTER = 200
"""Steps between two writes of what is remembered."""


@dataclass(frozen=True, slots=True)
class StepsContext:
    """What the steps need of their pass."""

    here: Store
    there: Store
    target: str
    """The folder of `there`."""
    look: Look
    known: Known
    progress: Progress
    leaving: Callable[[], bool]
    """Whether to start no further step."""
    save: Callable[[], Awaitable[None]]
    """Writes what is remembered."""
    moved: Callable[[str, str], None]
    """Reports a move."""
    refused: Callable[[str, PicsyncError], None]
    """Reports a file that the other side does not accept in this version."""
    failed: Callable[[str, PicsyncError], None]
    """Reports any other failure."""


class Steps:
    """Carries out the steps of a plan, in the order of its fields. Raises what no other step can survive."""

    def __init__(self, context: StepsContext) -> None:
        self._here = context.here
        self._there = context.there
        self._look = context.look
        self._known = context.known
        self._progress = context.progress
        self._context = context
        self._fatal: PicsyncError | None = None
        self._unsaved = 0

    def _place(self, path: str) -> str:
        return f"{self._context.target.rstrip('/')}{path}"

    def _leaving(self) -> bool:
        self._progress.stopped = self._progress.stopped or self._context.leaving()
        return self._progress.stopped

    def _fail(self, path: str, error: PicsyncError) -> None:
        """Report a step that failed; an error that concerns all steps is raised by `_go_on`."""
        if isinstance(error, FATAL):
            self._fatal = self._fatal or error
        elif isinstance(error, ChangedError | ConflictError | NotFoundError):
            self._progress.left[Why.UNSETTLED] += 1  # The next pass looks again.
        elif isinstance(error, RefusedError):
            self._context.refused(path, error)
        else:
            self._context.failed(path, error)

    async def _go_on(self) -> None:
        """Save what is remembered, and raise what stops the pass."""
        await self._context.save()
        self._unsaved = 0
        if self._fatal is not None:
            raise self._fatal

    def _arrived(self, path: str, entry: Entry, content_hash: str) -> None:
        """Remember a file that is equal on both sides now."""
        here = self._look.here[path]
        self._known.put(here_file(path, here, content_hash))
        self._known.put(there_file(path, entry, content_hash))
        self._known.put(equal_file(path, here, entry.rev, content_hash))

    # --- moves, deletions, folders --------------------------------------------------------------------

    async def move(self, moves: Sequence[Relocation]) -> None:
        """Move files that were renamed or moved here."""
        size = self._there.capabilities.batch
        for at in range(0, len(moves), size):
            if self._leaving():
                return
            batch = moves[at : at + size]
            asked = [
                Move(self._look.there[one.there.path], self._place(one.to.path), secrets.token_hex(8))
                for one in batch
            ]
            for one, moved in zip(batch, await self._there.move_all(asked), strict=True):
                entry, error = moved.entry, moved.error
                if isinstance(error, TransientError) and not isinstance(error, (ChangedError, *FATAL)):
                    entry = await self._there.settle(moved.move)
                if entry is None:
                    if error is not None:
                        self._fail(one.to.path, error)
                    continue
                self._progress.done["moved"] += 1
                self._known.drop(Side.THERE, one.there.path)
                self._known.drop(Side.EQUAL, one.there.path)
                self._arrived(one.to.path, entry, one.to.content_hash)
                self._context.moved(one.there.path, one.to.path)
            await self._go_on()

    async def delete(self, some: Sequence[There]) -> None:
        """Delete files, and then the folders that hold nothing else."""
        blocked: set[str] = set()
        files = [other.path for other in some if not other.folder]
        size = self._there.capabilities.batch
        for at in range(0, len(files), size):
            if self._leaving():
                return
            blocked |= await self._delete(files[at : at + size])
        doomed = {other.path for other in some if other.folder} - blocked
        outer = [path for path in sorted(doomed) if not doomed.intersection(parents(path))]
        empty = []
        for path in outer:
            if self._leaving():
                return
            if await self._is_empty(path, doomed):
                empty.append(path)
            else:
                self._progress.left[Why.UNSETTLED] += 1
        for at in range(0, len(empty), size):
            await self._delete(empty[at : at + size])

    async def _delete(self, paths: Sequence[str]) -> set[str]:
        """Delete files or folders at once; return the folders that cannot be deleted therefore."""
        blocked: set[str] = set()
        outcomes = await self._there.delete_all([self._look.there[path] for path in paths])
        for path, error in zip(paths, outcomes, strict=True):
            if error is not None:
                blocked.update(parents(path))
                self._fail(path, error)
                continue
            self._progress.done["deleted"] += 1
            self._known.drop(Side.THERE, path)
            self._known.drop(Side.EQUAL, path)
        await self._go_on()
        return blocked

    async def _is_empty(self, path: str, doomed: set[str]) -> bool:
        """Whether a folder still has nothing in it but folders that are to be deleted, too."""
        place = self._place(path)
        key = fold if self._there.capabilities.folds_names else str
        known = {key(one) for one in doomed}
        try:
            inside, unlisted, _ = await entries_of(self._there, place, recursive=True)
        except NotFoundError:
            return True
        except PicsyncError as error:
            self._fail(path, error)
            await self._go_on()
            return False
        return not unlisted and all(
            not entry.is_file and key(f"{path}{entry.path[len(place) :]}") in known for entry in inside
        )

    async def make(self, folders: Sequence[str]) -> None:
        """Create empty folders."""
        for path in folders:
            if self._leaving():
                return
            try:
                await self._there.make_folder(self._place(path))
            except PicsyncError as error:
                self._fail(path, error)
                await self._go_on()
            else:
                self._progress.done["folders"] += 1

    # --- files ----------------------------------------------------------------------------------------

    async def send(self, transfers: Sequence[Transfer]) -> None:
        """Send files."""
        paths = {transfer.here.path for transfer in transfers}
        self._known.keep_only(Side.SENDING, paths)
        reading: dict[str, tuple[str, _Content]] = {}

        def writes() -> Iterator[Write]:
            for transfer in transfers:
                if self._leaving() or self._fatal is not None:
                    return
                write, content = self._write(transfer)
                reading[write.path] = transfer.here.path, content
                yield write

        async def done(outcomes: Sequence[Written]) -> None:
            for written in outcomes:
                await self._sent(written, *reading.pop(written.write.path))
            self._unsaved += len(outcomes)
            if self._unsaved >= SAVE_AFTER:
                await self._context.save()
                self._unsaved = 0

        await self._there.write_all(writes(), done)
        await self._go_on()

    def _write(self, transfer: Transfer) -> tuple[Write, _Content]:
        path, here = transfer.here.path, self._look.here[transfer.here.path]
        content = _Content(self._here, here)
        other = transfer.replaces
        seen = None if other is None else self._look.there[other.path]
        begun = self._known.of(Side.SENDING, path)
        write = Write(
            self._place(path) if seen is None else seen.path,
            content.read,
            here.size_bytes,
            here.modified_at,
            seen,
            begun.inode if begun is not None and begun.rev == here.rev else "",
            partial(self._began, path),
        )
        return write, content

    async def _began(self, path: str, token: str) -> None:
        self._known.put(sending_file(path, self._look.here[path], token))
        await self._context.save()

    async def _sent(self, written: Written, path: str, content: _Content) -> None:
        entry, error = written.entry, written.error
        if error is None or not isinstance(error, TransientError) or isinstance(error, ChangedError):
            self._known.drop(Side.SENDING, path)
        digest = ""
        if entry is not None:
            digest = entry.content_hash
            try:
                if not content.read_once or not digest:
                    digest = await self._here.content_hash(self._look.here[path])
                if entry.content_hash and entry.content_hash != digest:
                    error = ChangedError(f"{path} has changed while it was sent.")
            except PicsyncError as failure:
                error = failure
        if error is not None:
            self._fail(path, error)
        elif entry is not None:
            self._progress.done["sent"] += 1
            self._arrived(path, entry, digest)


class _Content:
    """The bytes of a file of this side."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store = store
        self._entry = entry
        self.read_once = False
        """Whether all bytes that were sent last came from one read, so that they are one version's."""

    async def read(self, start: int) -> AsyncIterator[bytes]:
        """Yield the bytes from an offset."""
        self.read_once = False
        try:
            async for chunk in self._store.read(self._entry, start):
                yield chunk
        except InaccessibleError as error:
            # Of this file; other files may be readable.
            raise RefusedError(error.message, status=0, hint=error.hint) from error
        self.read_once = start == 0

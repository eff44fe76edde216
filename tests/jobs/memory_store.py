"""A store in memory that refuses what real ones refuse, and fails when it is told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from picsync.core.contenthash import ContentHash
from picsync.core.errors import PicsyncError, TransientError
from picsync.core.places import fold, parents, split
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    CursorResetError,
    Entry,
    EntryKind,
    Move,
    Moved,
    Page,
    StoreCapabilities,
    Write,
    Written,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class MemoryStore:
    """Files below `/`; only what mirrors call is there."""

    folds: bool = False
    tree: dict[str, tuple[bytes | None, int]] = field(default_factory=dict)
    """Content (None for a folder) and version, by path."""
    versions: int = 0
    failing: Callable[[str], bool] = lambda _where: False
    """Whether a call fails, asked before and after its effect."""

    @property
    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities("memory", "memory", batch=3, folds_names=self.folds)

    # --- by other means -------------------------------------------------------------------------------

    def key(self, path: str) -> str:
        return fold(path) if self.folds else path

    def find(self, path: str) -> str | None:
        return next((one for one in self.tree if self.key(one) == self.key(path)), None)

    def make(self, path: str) -> None:
        for one in [*reversed([*parents(path)]), path]:
            found = self.find(one)
            if one == "/" or (found is not None and self.tree[found][0] is None):
                continue
            if found is not None:
                raise ConflictError(f"{one} is a file.")
            self.tree[one] = (None, 0)

    def put(self, path: str, data: bytes) -> Entry:
        self.make(split(path)[0])
        found = self.find(path)
        if found is not None and self.tree[found][0] is None:
            raise ConflictError(f"{path} is a folder.")
        self.versions += 1
        self.tree[found or path] = (data, self.versions)
        return self.entry(found or path)

    def remove(self, path: str) -> None:
        for one in [one for one in self.tree if self.key(f"{one}/").startswith(self.key(f"{path}/"))]:
            del self.tree[one]

    def entry(self, path: str) -> Entry:
        data, version = self.tree[path]
        if data is None:
            return Entry(path, EntryKind.FOLDER, self.key(path))
        return Entry(path, EntryKind.FILE, self.key(path), str(version), str(version), len(data), AT)

    def _require(self, entry: Entry) -> str:
        found = self.find(entry.path)
        if found is None or self.entry(found).rev != entry.rev:
            raise ChangedError(f"{entry.path} has changed.")
        return found

    def _fail(self, where: str) -> None:
        if self.failing(where):
            raise TransientError(f"{where} failed.")

    # --- the port -------------------------------------------------------------------------------------

    async def list(self, folder: str, *, recursive: bool = False) -> AsyncIterator[Page]:
        assert recursive
        self._fail("list")
        below = folder.rstrip("/") + "/"
        found = [one for one in self.tree if self.key(one).startswith(self.key(below))]
        yield Page([self.entry(one) for one in found])

    async def changes(self, folder: str, cursor: str, *, recursive: bool = False) -> AsyncIterator[Page]:
        raise CursorResetError("no cursors")
        yield Page()  # type: ignore[unreachable]

    async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
        self._fail("read")
        data = self.tree[self._require(entry)][0] or b""
        yield data[start:]

    async def content_hash(self, entry: Entry) -> str:
        self._fail("hash")
        found = ContentHash()
        found.update(self.tree[self._require(entry)][0] or b"")
        return found.hexdigest()

    async def write_all(
        self, writes: Iterable[Write], done: Callable[[Sequence[Written]], Awaitable[None]]
    ) -> None:
        for write in writes:
            try:
                written = Written(write, await self._write(write))
            except PicsyncError as error:
                written = Written(write, error=error)
            await done([written])

    async def _write(self, write: Write) -> Entry:
        data = b"".join([chunk async for chunk in write.content(0)])
        self._fail("write")
        if write.replaces is not None:
            self._require(write.replaces)
        elif self.find(write.path) is not None:
            raise ConflictError(f"Something is at {write.path}.")
        entry = self.put(write.path, data)
        self._fail("written")
        hashed = ContentHash()
        hashed.update(data)
        return replace(entry, content_hash=hashed.hexdigest())

    async def move_all(self, moves: Sequence[Move]) -> Sequence[Moved]:
        found = []
        for move in moves:
            try:
                self._fail("move")
                old = self._require(move.entry)
                if self.find(move.to) is not None:
                    raise ConflictError(f"Something is at {move.to}.")
                self.make(split(move.to)[0])
                self.tree[move.to] = self.tree.pop(old)
                self._fail("moved")
                found.append(Moved(move, self.entry(move.to)))
            except PicsyncError as error:
                found.append(Moved(move, error=error))
        return found

    async def settle(self, move: Move) -> Entry | None:
        there = self.find(move.to)
        entry = None if there is None else self.entry(there)
        return entry if entry is not None and entry.rev == move.entry.rev else None

    async def delete_all(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
        found: list[PicsyncError | None] = []
        for entry in entries:
            try:
                self._fail("delete")
                if entry.is_file and self.find(entry.path) is not None:
                    self._require(entry)
                self.remove(entry.path)
                self._fail("deleted")
                found.append(None)
            except PicsyncError as error:
                found.append(error)
        return found

    async def make_folder(self, path: str) -> Entry:
        self._fail("make")
        self.make(path)
        return self.entry(self.find(path) or path)

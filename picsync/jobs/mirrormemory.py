"""What a mirroring rule remembers from pass to pass, and what has changed of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import field, replace
from typing import Protocol

from picsync.core.mirrorstate import Key, KnownFile, MirrorState, MirrorUpdate, Side
from picsync.core.values import dataclass
from picsync.stores.base import Entry, EntryKind


class Memory(Protocol):
    """Where a mirror remembers files."""

    async def mirror(self, name: str) -> MirrorState | None:
        """Return what is stored of a mirror; raises CacheError."""

    async def record_mirror(self, name: str, update: MirrorUpdate) -> None:
        """Store what has changed; raises CacheError."""


@dataclass(slots=True)
class Known:
    """What is remembered, and what has changed of it since it was last written."""

    arguments: str
    cursor: str = ""
    files: dict[Key, KnownFile] = field(default_factory=dict)
    changed: dict[Key, KnownFile] = field(default_factory=dict)
    removed: set[Key] = field(default_factory=set)
    fresh: bool = True
    """Whether nothing of what is stored holds."""

    def of(self, side: Side, path: str) -> KnownFile | None:
        """Return what is remembered of a path."""
        return self.files.get((side, path))

    def all_of(self, side: Side) -> dict[str, KnownFile]:
        """Return what is remembered, by path."""
        return {path: one for (its, path), one in self.files.items() if its is side}

    def put(self, one: KnownFile) -> None:
        """Remember a file."""
        key = (one.side, one.path)
        if self.files.get(key) != one:
            self.files[key] = self.changed[key] = one
            self.removed.discard(key)

    def drop(self, side: Side, path: str) -> None:
        """Forget a file."""
        key = (side, path)
        if self.files.pop(key, None) is not None:
            self.changed.pop(key, None)
            self.removed.add(key)

    def keep_only(self, side: Side, paths: Collection[str]) -> None:
        """Forget all other paths of a side."""
        for its, path in [*self.files]:
            if its is side and path not in paths:
                self.drop(its, path)

    def rename_equal(self, here: Collection[str], key: Callable[[str], str]) -> None:
        """Let what was equal have the names that the files have here now; `key` is equal for equal names.

        The other side may not tell capital letters apart: then a file that is renamed by them stays equal.
        """
        names = {key(path): path for path in here}
        names |= {key(path): path for path in here if (Side.EQUAL, path) in self.files}
        for path, one in self.all_of(Side.EQUAL).items():
            name = names.get(key(path), path)
            if name != path:
                self.drop(Side.EQUAL, path)
                if (Side.EQUAL, name) not in self.files:
                    self.put(replace(one, path=name))

    def update(self) -> MirrorUpdate:
        """Return what has changed, and forget that it has."""
        found = MirrorUpdate(
            self.arguments, self.cursor, [*self.changed.values()], [*self.removed], replace=self.fresh
        )
        self.changed, self.removed, self.fresh = {}, set(), False
        return found


def entry_of(folder: str, one: KnownFile) -> Entry:
    """Return the remembered entry of the other side."""
    path = f"{folder.rstrip('/')}{one.path}"
    kind = EntryKind.FOLDER if one.size_bytes is None else EntryKind.FILE
    return Entry(path, kind, rev=one.rev, size_bytes=one.size_bytes or 0, content_hash=one.content_hash)


def there_file(path: str, entry: Entry, content_hash: str = "") -> KnownFile:
    """Return what is remembered of a file or folder of the other side."""
    size = entry.size_bytes if entry.is_file else None
    return KnownFile(Side.THERE, path, size, rev=entry.rev, content_hash=content_hash or entry.content_hash)


def here_file(path: str, entry: Entry, content_hash: str) -> KnownFile:
    """Return what is remembered of a file of this side that was read."""
    return KnownFile(Side.HERE, path, entry.size_bytes, entry.modified_at, entry.id, entry.rev, content_hash)


def equal_file(path: str, here: Entry, rev: str, content_hash: str) -> KnownFile:
    """Return what is remembered of a file that is equal on both sides; `rev` is the other side's version."""
    return KnownFile(Side.EQUAL, path, here.size_bytes, here.modified_at, "", rev, content_hash)


def sending_file(path: str, here: Entry, token: str) -> KnownFile:
    """Return what is remembered of a file that is being sent, which the store continues by `token`."""
    return KnownFile(Side.SENDING, path, here.size_bytes, here.modified_at, token, here.rev)

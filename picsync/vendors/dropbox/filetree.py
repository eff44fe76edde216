"""A folder's content as its listing and changes tell it; pure.

Dropbox's rules: a file replaces what was at its path with everything below; a folder replaces a file, but
keeps what is in it; a deletion removes a path with everything below, and means nothing if nothing is there.
Pages may repeat entries and name deletions of unknown paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from picsync.vendors.dropbox.wire import Metadata


class FileTree:
    """Entries by key (`Metadata.key`), in the order of their arrival, and what has changed since `saved`."""

    def __init__(self, entries: Mapping[str, Metadata] | None = None) -> None:
        self.entries: dict[str, Metadata] = dict(entries or {})
        self._folders: set[str] = set()
        """Keys below which something may be."""
        self.changed: set[str] = set()
        self.removed: set[str] = set()
        for key in self.entries:
            self._note_parents(key)

    def apply(self, entries: Iterable[Metadata]) -> None:
        """Apply a page, in its order."""
        for entry in entries:
            key = entry.key
            if entry.tag == "deleted":
                self._remove(key)
                continue
            if entry.tag not in ("file", "folder"):
                continue  # A sort of entry that is not known yet.
            there = self.entries.get(key)
            if entry.tag == "file":
                self._remove_below(key)
            if there != entry:
                self.entries[key] = entry
                self.changed.add(key)
                self.removed.discard(key)
                self._note_parents(key)

    def start_over(self) -> FileTree:
        """Return an empty tree for a new listing of the same folder."""
        return FileTree()

    def saved(self) -> None:
        """Forget which entries have changed."""
        self.changed.clear()
        self.removed.clear()

    def _remove(self, key: str) -> None:
        self._remove_below(key)
        if self.entries.pop(key, None) is not None:
            self.changed.discard(key)
            self.removed.add(key)

    def _remove_below(self, key: str) -> None:
        if key not in self._folders:
            return
        self._folders.discard(key)
        for below in [each for each in self.entries if each.startswith(f"{key}/")]:
            del self.entries[below]
            self._folders.discard(below)
            self.changed.discard(below)
            self.removed.add(below)

    def _note_parents(self, key: str) -> None:
        parent = key.rpartition("/")[0]
        while parent and parent not in self._folders:
            self._folders.add(parent)
            parent = parent.rpartition("/")[0]

"""A folder's content as its listing and changes tell it; pure.

Dropbox's rules: a file replaces what was at its path with everything below; a folder replaces a file, but
keeps what is in it; a deletion removes a path with everything below, and means nothing if nothing is there.
Pages may repeat entries and name deletions of unknown paths.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Self

from picsync.media.instants import instant
from picsync.vendors.dropbox.wire import Metadata

_TAGS = ("file", "folder")


class TreeEntry(NamedTuple):
    """A file or folder, as small as a library of thousands needs it."""

    tag: str
    name: str
    id: str
    path: str
    """As shown; empty behind a shared link."""
    rev: str = ""
    size: int = 0
    content_hash: str = ""
    modified: str = ""
    """By whoever uploaded it, ISO 8601."""

    @classmethod
    def of(cls, found: Metadata) -> Self:
        """Return what is kept of an entry."""
        return cls(
            found.tag,
            found.name,
            found.id,
            found.path_display or "",
            found.rev,
            found.size,
            found.content_hash or "",
            found.client_modified or "",
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the entry of a text; raises ValueError for anything but the result of `str`."""
        try:
            entry = cls(*json.loads(text))
        except TypeError as error:
            raise ValueError("not an entry") from error
        size = entry.size
        texts = all(isinstance(value, str) for value in entry if value is not size)
        if not texts or entry.tag not in _TAGS or not isinstance(size, int):
            raise ValueError("not an entry")
        return entry

    @property
    def modified_at(self) -> datetime | None:
        """Aware UTC; None if unknown."""
        return instant(self.modified)

    def __str__(self) -> str:
        return json.dumps(self, separators=(",", ":"))


class FileTree:
    """Entries by key (`Metadata.key`), and which of them have changed since `saved`."""

    def __init__(self, entries: Mapping[str, TreeEntry] | None = None) -> None:
        self.entries: dict[str, TreeEntry] = dict(entries or {})
        self._folders: set[str] = set()
        """Keys below which something may be."""
        self.changed: set[str] = set()
        self.removed: set[str] = set()
        """They may contain what was never saved."""
        for key in self.entries:
            self._note_parents(key)

    def apply(self, entries: Iterable[Metadata]) -> None:
        """Apply a page, in its order."""
        for found in entries:
            key = found.key
            if found.tag == "deleted":
                self._remove(key)
                continue
            if found.tag not in _TAGS:
                continue  # A sort of entry that is not known yet.
            if found.tag == "file":
                self._remove_below(key)
            entry = TreeEntry.of(found)
            if self.entries.get(key) != entry:
                self.entries[key] = entry
                self.changed.add(key)
                self.removed.discard(key)
                self._note_parents(key)

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

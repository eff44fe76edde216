"""A folder of a store as it was listed last."""

from __future__ import annotations

from picsync.core.places import fold
from picsync.stores.base import CursorResetError, Entry, Store, entries_of


class FolderContents:
    """The content of a folder as of the last listing; `look` continues it where the store has cursors."""

    def __init__(self, store: Store, path: str, *, recursive: bool = False) -> None:
        self.path = path
        self.cursor = ""
        self.entries: dict[str, Entry] = {}
        """By key."""
        self._store = store
        self._recursive = recursive

    async def look(self) -> None:
        """Bring the content up to date; raises as listings do, and what a subfolder raised."""
        if self.cursor and self._store.capabilities.cursors:
            try:
                await self._follow()
            except CursorResetError:
                pass
            else:
                return
        found, unlisted, cursor = await entries_of(self._store, self.path, recursive=self._recursive)
        if unlisted:
            raise unlisted[0].error
        self.entries = {entry.key: entry for entry in found}
        self.cursor = cursor

    async def _follow(self) -> None:
        cursor = self.cursor
        async for page in self._store.changes(self.path, cursor, recursive=self._recursive):
            self.entries.update((entry.key, entry) for entry in page.entries)
            for gone in page.gone:
                for key in [key for key in self.entries if key == gone or key.startswith(f"{gone}/")]:
                    del self.entries[key]
            self.cursor = page.cursor

    def files(self) -> list[Entry]:
        """Return the regular files, sorted by path."""
        found = (entry for entry in self.entries.values() if entry.is_file)
        return sorted(found, key=lambda entry: entry.path.replace("/", "\0"))

    def names(self) -> set[str]:
        """Return the names directly in the folder, for comparison."""
        return {fold(entry.name) for entry in self.entries.values() if entry.folder == self.path}

"""One folder of Dropbox, continued by its cursor.

Theory of operation: the tree holds what the folder contained at the cursor. A cycle asks for the changes
since then, usually one request without any. Tree and cursor are stored together, so a restart continues. A
void cursor (`reset`) says nothing about what has changed: the folder is listed again into a tree of its own,
which replaces the old one only when it is complete. Until then, the old one is what is known.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from picsync.core.errors import CacheError, ProtocolError
from picsync.core.model import ListingUpdate
from picsync.sources.base import ListingMemory
from picsync.vendors.dropbox.api import DropboxApi, FolderListing
from picsync.vendors.dropbox.filetree import FileTree, TreeEntry
from picsync.vendors.dropbox.refusals import DropboxError
from picsync.vendors.dropbox.wire import FolderPage

MAX_PAGES = 10_000
"""Far above any user's Dropbox, even with pages of a few entries."""


class CursorListing:
    """The content of one folder; call `refresh` by one task at a time."""

    def __init__(self, name: str, what: FolderListing) -> None:
        """`name` identifies it in the memory."""
        self.what = what
        self.tree = FileTree()
        self.cursor = ""
        """Empty until the folder was listed completely, and after a reset."""
        self.updated = asyncio.Event()
        """Set when the cursor changes; replaced by a new one then."""
        self.generation = 0
        """Changes whenever the entries do."""
        self._name = name
        self._arguments = json.dumps(_without_secrets(what), sort_keys=True)
        self._loaded = False

    async def refresh(
        self, api: DropboxApi, memory: ListingMemory | None, progress: Callable[[int], None]
    ) -> None:
        """Bring the tree up to date; raises what the calls raise, and then keeps what was known."""
        if not self._loaded and memory is not None:
            await self._load(memory)
        self._loaded = True
        if self.cursor:
            try:
                await self._go_on(api, memory)
            except DropboxError as error:
                if not error.has("reset"):
                    raise
                self._move_to("")
            else:
                return
        await self._start_over(api, memory, progress)

    async def _load(self, memory: ListingMemory) -> None:
        stored = await memory.load(self._name)
        if stored is None or stored.arguments != self._arguments:
            return
        try:
            entries = {key: TreeEntry.parse(text) for key, text in stored.entries.items()}
        except (ValueError, RecursionError):
            return  # Listing from the beginning is always right.
        self.tree = FileTree(entries)
        self.generation += 1
        self._move_to(stored.cursor)

    async def _go_on(self, api: DropboxApi, memory: ListingMemory | None) -> None:
        try:
            for _ in range(MAX_PAGES):
                page = await api.go_on(self.cursor)
                self.tree.apply(page.entries)
                self._move_to(page.cursor)
                if not page.has_more:
                    return
            raise ProtocolError("Dropbox: the pages of changes do not end.")
        finally:
            # What has come is true even if the rest has not; an unchanged tree needs no newer cursor.
            if self.tree.changed or self.tree.removed:
                self.generation += 1
                if memory is not None:
                    await self._save(memory, replace=False)

    async def _start_over(
        self, api: DropboxApi, memory: ListingMemory | None, progress: Callable[[int], None]
    ) -> None:
        tree = FileTree()
        page: FolderPage = await api.list(self.what)
        for _ in range(MAX_PAGES):
            tree.apply(page.entries)
            progress(len(tree.entries))
            if not page.has_more:
                break
            page = await api.go_on(page.cursor)
        else:
            raise ProtocolError("Dropbox: the pages of the listing do not end.")
        self.tree = tree
        self.generation += 1
        self._move_to(page.cursor)
        if memory is not None:
            await self._save(memory, replace=True)

    async def _save(self, memory: ListingMemory, *, replace: bool) -> None:
        tree = self.tree
        changed = tree.entries if replace else {key: tree.entries[key] for key in tree.changed}
        update = ListingUpdate(
            self._arguments,
            self.cursor,
            {key: str(entry) for key, entry in changed.items()},
            tuple(tree.removed),
            replace,
        )
        try:
            await memory.save(self._name, update)
        except CacheError:
            return  # Saved the next time; that the cache has trouble is told by what needs it.
        tree.saved()

    def _move_to(self, cursor: str) -> None:
        if cursor == self.cursor:
            return
        self.cursor = cursor
        updated, self.updated = self.updated, asyncio.Event()
        updated.set()


def _without_secrets(what: FolderListing) -> dict[str, object]:
    """Return what is listed, without the link: its name contains a mark of it."""
    return {"path": what.path, "recursive": what.recursive, "link": what.link is not None}

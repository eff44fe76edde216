"""The folder of a Dropbox frame: what is in it, its list of files, and how that list is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from picsync.core.errors import NotFoundError
from picsync.core.places import StorePlace, fold, join
from picsync.frames.dropbox.listing import own_files, up_to_date
from picsync.frames.dropbox.manifest import MANIFEST, MAX_BYTES, Manifest
from picsync.stores.base import ChangedError, ConflictError, Content, Entry, Store, TellsSpace
from picsync.stores.contents import FolderContents

TRIES = 3
"""How often the manifest is written although somebody else has changed it."""


class Directory:
    """A folder of an account with its manifest; who looks or writes holds the lock."""

    def __init__(self, store: Store, place: StorePlace) -> None:
        """Take over `store`."""
        self.store = store
        self.place = place
        self.folder = FolderContents(store, place.path)
        self.manifest = Manifest()
        self.stored: Entry | None = None
        """The manifest as it is stored; None if there is none."""
        self.just_looked = False
        """Whether the last look was for `rejected`: the question for an album follows, and needs no other."""
        self.lock = asyncio.Lock()

    def there(self) -> dict[str, Entry]:
        """Return the files that exist, by folded name."""
        return {fold(entry.name): entry for entry in self.folder.files()}

    def own(self) -> dict[str, Entry]:
        """Return picsync's files that exist as they were written."""
        return own_files(self.manifest, self.there())

    async def look(self) -> None:
        """Bring the folder's content and the manifest up to date."""
        self.just_looked = False
        try:
            await self.folder.look()
        except NotFoundError:
            # It is created with the first album.
            self.folder = FolderContents(self.store, self.place.path)
            self.manifest, self.stored = Manifest(), None
            return
        stored = self.there().get(fold(MANIFEST))
        if stored is None:
            self.manifest, self.stored = Manifest(), None
        elif self.stored is None or stored.rev != self.stored.rev:
            content = b""
            if stored.size_bytes <= MAX_BYTES:
                content = b"".join([part async for part in self.store.read(stored)])
            self.manifest = Manifest.parse(content, str(self.at(MANIFEST)))
            self.stored = stored

    def at(self, name: str) -> StorePlace:
        """Return the place of a file."""
        return StorePlace(self.place.account, join(self.place.path, name))

    async def store_manifest(self, change: Callable[[Manifest], Manifest]) -> None:
        """Write the manifest with a change; if somebody else has changed it meanwhile, change theirs."""
        for attempt in range(1, TRIES + 1):
            wanted = change(up_to_date(self.manifest, self.there()))
            files = {name: own for name, own in wanted.files.items() if own.albums}
            wanted = replace(wanted, files=files)
            if wanted == self.manifest:
                return
            text = wanted.text()
            path = self.at(MANIFEST).path
            try:
                if self.stored is None:
                    self.stored = await self.store.write(path, _bytes(text), len(text))
                else:
                    self.stored = await self.store.replace(self.stored, _bytes(text), len(text))
            except (ConflictError, ChangedError):
                if attempt == TRIES:
                    raise
                self.stored = None
                self.folder = FolderContents(self.store, self.place.path)
                await self.look()
            else:
                self.manifest = wanted
                self.folder.entries[self.stored.key] = self.stored
                return

    async def space(self) -> int | None:
        """Return the free space of the account; None if Dropbox does not tell it."""
        return await self.store.free_bytes() if isinstance(self.store, TellsSpace) else None


def _bytes(text: bytes) -> Content:
    async def content(start: int) -> AsyncIterator[bytes]:
        yield text[start:]

    return content

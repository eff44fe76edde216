"""An emulated Dropbox with sources that read from it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from picsync.core.model import Listing, ListingUpdate, MediaItem, StoredListing
from picsync.emulators.dropbox import SharedLink, User
from picsync.http.client import Hosts
from picsync.sources.dropbox.options import DropboxEntry
from picsync.sources.dropbox.source import DropboxSource
from picsync.vendors.dropbox.tokens import Login
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

JPEG = b"\xff\xd8\xff\xe0 a picture "


@dataclass
class Memory:
    """Keeps listings as the cache does."""

    stored: dict[str, StoredListing] = field(default_factory=dict)
    saves: list[ListingUpdate] = field(default_factory=list)

    async def load(self, album: str) -> StoredListing | None:
        return self.stored.get(album)

    async def save(self, album: str, change: ListingUpdate) -> None:
        self.saves.append(change)
        known = self.stored.get(album)
        entries = {} if change.replace or known is None else dict(known.entries)
        for entry in change.removed:
            entries.pop(entry, None)
        self.stored[album] = StoredListing(change.arguments, change.cursor, entries | change.changed)


@dataclass
class DropboxServer(DropboxAccount):
    """The service, with sources."""

    sources: list[DropboxSource] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def source(
        self, *entries: DropboxEntry | str, login: Login | None = None, link_password: str = "", **fields: Any
    ) -> DropboxSource:
        """Return a new source with the server's memory; it is closed with the server."""
        read = [DropboxEntry.model_validate(entry) for entry in entries]
        source = DropboxSource(
            login or self.login(**fields),
            entries={str(entry): entry for entry in read},
            hosts=Hosts(self.server.url),
            retrier_for=self.retrier,
            emit=self.events.append,
            sleep=self.sleep,
            link_password=link_password,
            timeout=httpx.Timeout(10.0, pool=None),
        )
        source.remember_in(self.memory)
        self.sources.append(source)
        return source

    async def listed(self, entry: object, **fields: Any) -> Listing:
        """Return what a new source lists for an entry."""
        read = DropboxEntry.model_validate(entry)
        return await self.source(read, **fields).list(str(read))

    def add(self, path: str, content: bytes | None = None, *, user: User | None = None) -> Any:
        """Store a photo a second after the last one."""
        self.clock.now += 1
        return self.dropbox.put(path, JPEG + path.encode() if content is None else content, user=user)

    def share(self, path: str, *, user: User | None = None, **fields: Any) -> SharedLink:
        """Share what is at a path."""
        entry = self.dropbox.find(path, user=user)
        assert entry is not None
        return self.dropbox.share(entry, user=user, **fields)


@asynccontextmanager
async def dropbox_server(**options: Any) -> AsyncIterator[DropboxServer]:
    """Run the service; close it and all sources at the end."""
    async with dropbox_account(**options) as account:
        running = DropboxServer(account.dropbox, account.server, account.clock)
        try:
            yield running
        finally:
            for source in running.sources:
                await source.aclose()
            for api in running.apis:
                await api.aclose()


def names(listing: Listing) -> list[str]:
    return [item.filename for item in listing.items]


class Sink:
    """Receives bytes in memory."""

    def __init__(self) -> None:
        self.data = b""
        self.begun: list[tuple[int | None, str]] = []

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        self.begun.append((size_bytes, mime_type))
        self.data = b""

    async def write(self, chunk: bytes) -> None:
        self.data += chunk


async def fetched(source: DropboxSource, item: MediaItem) -> bytes:
    sink = Sink()
    await source.download(item, sink)
    return sink.data

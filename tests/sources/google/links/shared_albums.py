"""Emulated albums shared by link, and sources of them, for tests."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from picsync.core.events import Event, ListingProgress, RequestFinished, RetryScheduled
from picsync.core.model import Listing
from picsync.emulators.faults import Fault
from picsync.emulators.google import Album, GoogleOptions, GooglePhotos, Item, SharedAlbum, SharingOptions
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.http.client import Hosts
from picsync.http.retry import Retrier
from picsync.sources.google.links.options import SharedLink
from picsync.sources.google.links.source import SharedLinksSource

SHORT = "photos.app.goo.gl"
PAGE = "photos.google.com"
BYTES = "lh3.googleusercontent.com"
BATCH = "batchexecute"


@dataclass
class SharedAlbums:
    """The service, the way to it, and what the sources have said and waited for."""

    google: GooglePhotos
    server: EmulatorServer
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: float = field(default_factory=time.time)
    sources: list[SharedLinksSource] = field(default_factory=list)

    @property
    def options(self) -> SharingOptions:
        return self.google.options.sharing

    def album(self, count: int, title: str = "Trip") -> tuple[SharedAlbum, list[Item]]:
        """Share an album with photos."""
        album = self.google.add_album(title, app_created=False)
        items = [self.add(album, n) for n in range(count)]
        return self.google.share(album), items

    def add(self, album: Album, number: int) -> Item:
        data = b"\xff\xd8\xff\xe0photo %d" % number
        return self.google.add_item(album, f"IMG_{number}.jpg", data, mime_type="image/jpeg")

    def source(self, *links: str, timeout_s: float = 10.0) -> SharedLinksSource:
        """Return a new source of these links; it is closed at the end."""
        entries = [SharedLink.parse(link) for link in links]
        source = SharedLinksSource(
            {str(entry): entry for entry in entries},
            hosts=Hosts(emulator=self.server.url),
            retrier_for=lambda policy: Retrier(policy, emit=self.note, sleep=self._sleep, jitter=lambda: 1.0),
            emit=self.note,
            timeout_s=timeout_s,
        )
        self.sources.append(source)
        return source

    async def listing(self, shared: SharedAlbum) -> Listing:
        """List an album once, by its short link."""
        source = self.source(shared.short_link)
        return await source.list(str(SharedLink.parse(shared.short_link)))

    def note(self, event: Event) -> None:
        if not isinstance(event, RequestFinished | ListingProgress):
            self.events.append(event)

    def retries(self) -> list[str]:
        return [event.operation for event in self.events if isinstance(event, RetryScheduled)]

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def fail(self, *faults: Fault) -> None:
        self.server.faults.add(*faults)

    def requests(self, host: str = "", path: str = "") -> Sequence[Record]:
        return self.server.log.matching(path=path, host=host)


@asynccontextmanager
async def shared_albums(options: GoogleOptions | None = None) -> AsyncIterator[SharedAlbums]:
    """Run the service; close it and all sources at the end."""
    google = GooglePhotos(options)
    async with EmulatorServer([google]) as server:
        world = SharedAlbums(google, server)
        try:
            yield world
        finally:
            for source in world.sources:
                await source.aclose()

"""An emulated Immich server with one key on it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from picsync.core.events import Event, RequestFinished
from picsync.core.model import Listing
from picsync.emulators.faults import Fault
from picsync.emulators.immich import HOST, Album, Asset, Immich, ImmichOptions, SharedLink
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.http.client import Hosts
from picsync.http.retry import Retrier
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.source import ImmichLogin, ImmichSource

START = 1_700_000_000.0
JPEG = b"\xff\xd8\xff\xe0 a picture "


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class ImmichServer:
    """The service, the way to it, and what the sources have said and waited for."""

    immich: Immich
    server: EmulatorServer
    clock: Clock
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    sources: list[ImmichSource] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None
    """Called before a request that failed is repeated."""

    @property
    def options(self) -> ImmichOptions:
        return self.immich.options

    def source(
        self,
        *entries: ImmichEntry,
        permissions: Iterable[str] = ("all",),
        address: str = f"http://{HOST}:2283",
        key: str | None = None,
        link_password: str = "",
        timeout_s: float = 10.0,
    ) -> ImmichSource:
        """Return a new source; it is closed with the server."""
        secret = self.immich.add_key(permissions).secret if key is None else key
        source = ImmichSource(
            ImmichLogin(address, secret, link_password),
            entries={str(entry): entry for entry in entries},
            hosts=Hosts(self.server.url),
            retrier_for=lambda policy: Retrier(policy, emit=self.note, sleep=self._sleep, jitter=lambda: 1.0),
            emit=self.note,
            timeout_s=timeout_s,
        )
        self.sources.append(source)
        return source

    async def listed(self, entry: str | ImmichEntry, **fields: Any) -> Listing:
        """Return what a new source lists for an entry."""
        read = ImmichEntry.model_validate(entry)
        return await self.source(read, **fields).list(str(read))

    def note(self, event: Event) -> None:
        """Keep what is no mere measurement."""
        if not isinstance(event, RequestFinished):
            self.events.append(event)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.meanwhile()

    def fail(self, *faults: Fault) -> None:
        self.server.faults.add(*faults)

    def requests(self, path: str = "") -> Sequence[Record]:
        return self.server.log.matching(path=path, host=HOST)

    def link(self, shared: SharedLink) -> str:
        """Return a shared link as a person would copy it."""
        return f"https://{HOST}/share/{shared.key}"

    def album(self, count: int, name: str = "Trip", **fields: Any) -> tuple[Album, list[Asset]]:
        """Add an album of photos, each taken a second after the other."""
        album = self.immich.add_album(name)
        return album, [self.add(album, f"IMG_{number}.jpg", **fields) for number in range(count)]

    def add(self, album: Album | None, filename: str, content: bytes | None = None, **fields: Any) -> Asset:
        """Add a photo, taken a second after the last one."""
        self.clock.now += 1
        data = JPEG + filename.encode() if content is None else content
        return self.immich.add_asset(album, filename, data, **{"mime_type": "image/jpeg", **fields})


@asynccontextmanager
async def immich_server(*, host: str = HOST, **options: Any) -> AsyncIterator[ImmichServer]:
    """Run the service; close it and all sources at the end."""
    clock = Clock()
    immich = Immich(ImmichOptions(now=clock, **options), host=host)
    async with EmulatorServer([immich]) as server:
        running = ImmichServer(immich, server, clock)
        try:
            yield running
        finally:
            for source in running.sources:
                await source.aclose()


def names(listing: Listing) -> list[str]:
    return [item.filename for item in listing.items]

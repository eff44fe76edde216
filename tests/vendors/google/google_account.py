"""An emulated Google Photos account with one app on it, for tests."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from picsync.core.events import AccessToken, Event, RequestFinished
from picsync.emulators.faults import Fault
from picsync.emulators.google import Album, GoogleOptions, GooglePhotos, Item
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.http.client import Hosts
from picsync.http.retry import Retrier
from picsync.sources.google.library.source import GooglePhotosSource
from picsync.vendors.google.tokens import GoogleLogin

API = "photoslibrary.googleapis.com"
BYTES = "lh3.googleusercontent.com"
TOKENS = "oauth2.googleapis.com"
READ = "photoslibrary.readonly.appcreateddata"


@dataclass
class GoogleAccount:
    """The service, the way to it, and what the sources have said and waited for."""

    google: GooglePhotos
    server: EmulatorServer
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: float = field(default_factory=time.time)
    """The sources' clock, seconds; the service's too where its options say so."""
    sources: list[GooglePhotosSource] = field(default_factory=list)

    @property
    def hosts(self) -> Hosts:
        return Hosts(emulator=self.server.url)

    def login(self, *, scopes: Iterable[str] = (READ,), expired: bool = False) -> GoogleLogin:
        """Return what an earlier login left behind."""
        left = self.google.issue_credentials(scopes, expired=expired)
        return GoogleLogin(
            left["client_id"],
            left["client_secret"],
            refresh_token=left["refresh_token"],
            access_token=left["access_token"],
            expiry=datetime.fromisoformat(left["expiry"]),
        )

    def source(self, login: GoogleLogin | None = None, *, timeout_s: float = 10.0) -> GooglePhotosSource:
        """Return a new source; it is closed with the account."""
        source = GooglePhotosSource(
            login or self.login(),
            hosts=self.hosts,
            retrier_for=lambda policy: Retrier(policy, emit=self.note, sleep=self._sleep, jitter=lambda: 1.0),
            emit=self.note,
            clock=lambda: self.now,
            timeout_s=timeout_s,
        )
        self.sources.append(source)
        return source

    def note(self, event: Event) -> None:
        """Keep what is no mere measurement."""
        if not isinstance(event, RequestFinished | AccessToken):
            self.events.append(event)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def fail(self, *faults: Fault) -> None:
        self.server.faults.add(*faults)

    def requests(self, path: str = "", host: str = API) -> Sequence[Record]:
        return self.server.log.matching(path=path, host=host)

    def album(self, count: int, title: str = "Trip") -> tuple[Album, list[Item]]:
        """Add an album with photos of the app."""
        album = self.google.add_album(title)
        items = [
            self.google.add_item(
                album, f"IMG_{n}.jpg", b"\xff\xd8\xff\xe0photo %d" % n, mime_type="image/jpeg"
            )
            for n in range(count)
        ]
        return album, items


@asynccontextmanager
async def google_account(options: GoogleOptions | None = None) -> AsyncIterator[GoogleAccount]:
    """Run the service; close it and all sources at the end."""
    google = GooglePhotos(options)
    async with EmulatorServer([google]) as server:
        account = GoogleAccount(google, server)
        try:
            yield account
        finally:
            for source in account.sources:
                await source.aclose()

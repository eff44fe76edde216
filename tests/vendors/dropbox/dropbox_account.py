"""An emulated Dropbox with one login to it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from picsync.core.events import Event, RetryScheduled
from picsync.emulators.dropbox import ALL_SCOPES, App, Dropbox, DropboxOptions, User
from picsync.emulators.faults import Fault
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.vendors.dropbox.api import DropboxApi
from picsync.vendors.dropbox.client import DropboxClient
from picsync.vendors.dropbox.tokens import Login

START = 1_700_000_000.0


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


@dataclass
class DropboxAccount:
    """The service, the way to it, and what clients have waited for."""

    dropbox: Dropbox
    server: EmulatorServer
    clock: Clock
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    apis: list[DropboxApi] = field(default_factory=list)

    @property
    def options(self) -> DropboxOptions:
        return self.dropbox.options

    @property
    def retries(self) -> list[float]:
        return [event.wait_s for event in self.events if isinstance(event, RetryScheduled)]

    def retrier(self, policy: RetryPolicy) -> Retrier:
        return Retrier(policy, emit=self.events.append, sleep=self.sleep, jitter=lambda: 1.0)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def login(
        self, *scopes: str, app: App | None = None, user: User | None = None, secret: bool = False
    ) -> Login:
        """Let the user log in, and return what the credentials file then says."""
        grant = self.dropbox.log_in(scopes or ALL_SCOPES, app=app, user=user)
        return Login(grant.app.key, grant.app.secret if secret else "", grant.refresh_token)

    def api(self, login: Login | None = None, **fields: Any) -> DropboxApi:
        """Return a new client; it is closed with the server."""
        client = DropboxClient(
            login or self.login(**fields),
            hosts=Hosts(self.server.url),
            retrier_for=self.retrier,
            timeout=httpx.Timeout(10.0, pool=None),
        )
        made = DropboxApi(client, sleep=self.sleep)
        self.apis.append(made)
        return made

    def fail(self, *faults: Fault) -> None:
        self.server.faults.add(*faults)

    def requests(self, path: str = "") -> list[Record]:
        return self.server.log.matching(path=path)

    def names(self, path: str = "") -> list[str]:
        """Return the calls so far, without those about tokens."""
        return [each.path.removeprefix("/2/") for each in self.requests(path) if "oauth2" not in each.path]


@asynccontextmanager
async def dropbox_account(**options: Any) -> AsyncIterator[DropboxAccount]:
    """Run the service; close it and all clients at the end."""
    clock = Clock()
    dropbox = Dropbox(DropboxOptions(now=clock, **options))
    async with EmulatorServer([dropbox]) as server:
        running = DropboxAccount(dropbox, server, clock)
        try:
            yield running
        finally:
            for api in running.apis:
                await api.aclose()
            await dropbox.webhooks.aclose()


def paths(entries: Iterable[Any]) -> list[str]:
    return [entry.path_display for entry in entries]

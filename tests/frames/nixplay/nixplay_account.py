"""An emulated Nixplay account with a frame on it, for tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from picsync.core.events import Event, RequestFinished
from picsync.emulators.faults import Fault
from picsync.emulators.nixplay import API, Nixplay, NixplayOptions
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.session import NixplayLogin
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy

USER, PASSWORD = "anna", "s3cret-Passw0rd"


@dataclass
class NixplayAccount:
    """The service, a client of it, and what the frame has emitted and waited for."""

    service: Nixplay
    server: EmulatorServer
    events: list[Event] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    pause: Callable[[float], Awaitable[None]] | None = None
    """Called while the frame waits, instead of nothing."""

    def frame(self, password: str = PASSWORD, monitor_timeout_s: float = 10) -> NixplayFrame:
        """Return a new frame on the account."""
        retrier = Retrier(RetryPolicy(), emit=self.note, sleep=self._sleep)
        return NixplayFrame(
            NixplayLogin(USER, password),
            hosts=Hosts(emulator=self.server.url),
            retrier=retrier,
            emit=self.note,
            monitor_timeout_s=monitor_timeout_s,
        )

    def note(self, event: Event) -> None:
        """Keep what is no mere measurement."""
        if not isinstance(event, RequestFinished):
            self.events.append(event)

    async def _sleep(self, seconds: float) -> None:
        if self.pause is not None:
            await self.pause(seconds)
            return
        self.waits.append(seconds)

    def fail(self, *faults: Fault) -> None:
        self.server.faults.add(*faults)

    def requests(self, path: str = "", method: str = "", host: str = API) -> Sequence[Record]:
        return self.server.log.matching(path=path, method=method, host=host)

    def asked(self) -> list[str]:
        """Return the API requests, in order: method and path."""
        return [f"{record.method} {record.path}" for record in self.requests()]


@asynccontextmanager
async def nixplay_account(options: NixplayOptions | None = None) -> AsyncIterator[NixplayAccount]:
    """Run the service with one user."""
    service = Nixplay(options)
    service.add_user(USER, PASSWORD)
    try:
        async with EmulatorServer([service]) as server:
            yield NixplayAccount(service, server)
    finally:
        service.close()

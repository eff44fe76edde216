"""Simulates network distance: the latency of each host, and bandwidth limits (pipes) that streams share.

A response begins no earlier than the host's latency after the request has arrived; the emulator's own
processing time is part of that. Bodies then pass through the host's pipe, if it has one: a token bucket that
all requests through it share, chunk by chunk in the order in which they are ready. A request body begins to
flow after the latency; its response follows when all of it has arrived.

Times are computed, never summed up from sleeps, so a timer that fires late delays one chunk and not the
following ones: a sender counts as ready from the moment its last chunk was due, up to `MAX_CATCH_UP_S` back.
`Wire.late_s` sums up by how much sleeps exceeded their due time, as a measure of accuracy.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

Sleep = Callable[[float], Awaitable[None]]

MAX_CATCH_UP_S = 0.005
"""How late a sender may be for its next chunk without leaving the pipe idle: the usual delay of timers."""


@dataclass(frozen=True, slots=True)
class Distance:
    """The distance of one host."""

    latency_s: float = 0.0
    """From a request's arrival to the first byte of its response, or of its body's transfer if that is paced.
    """
    pipe_out: str = ""
    """Name of the pipe for response bodies; empty for none."""
    pipe_in: str = ""
    """Name of the pipe for request bodies; only for hosts that receive uploads."""


@dataclass(frozen=True, slots=True)
class WireProfile:
    """All hosts; hosts that are not listed have no latency and no limit."""

    name: str
    summary: str
    hosts: Mapping[str, Distance] = field(default_factory=dict)
    pipes: Mapping[str, float] = field(default_factory=dict)
    """Name -> bytes per second, for all requests together."""


_GOOGLE_API = Distance(0.120)
_MEDIA = Distance(0.080, pipe_out="download")
_NIXPLAY_API = Distance(0.250)
_DROPBOX_API = Distance(0.150)
_DROPBOX_CONTENT = Distance(0.100, pipe_in="dropbox", pipe_out="dropbox")
_BUCKET = Distance(0.150, pipe_in="upload", pipe_out="download")

LAN = WireProfile("lan", "no latency, no limits")
HOME = WireProfile(
    "home",
    "a home internet connection: Google's API 120 ms, media 80 ms and 20 MB/s in all, Nixplay's API 250 ms,"
    " form upload 150 ms and 10 MB/s in all, upload monitor 300 ms, Dropbox's API 150 ms, content 100 ms and"
    " 10 MB/s in all",
    hosts={
        "photoslibrary.googleapis.com": _GOOGLE_API,
        "oauth2.googleapis.com": _GOOGLE_API,
        "photos.app.goo.gl": _GOOGLE_API,
        "photos.google.com": _GOOGLE_API,
        "lh3.googleusercontent.com": _MEDIA,
        "video-downloads.googleusercontent.com": _MEDIA,
        "api.nixplay.com": _NIXPLAY_API,
        "app.nixplay.com": _NIXPLAY_API,
        "nixplay-prod-upload.s3.us-west-2.amazonaws.com": _BUCKET,
        "nixplay-prod-original.s3.us-west-2.amazonaws.com": _BUCKET,
        "upload-monitor.nixplay.com": Distance(0.300),
        "api.dropboxapi.com": _DROPBOX_API,
        "content.dropboxapi.com": _DROPBOX_CONTENT,
        "notify.dropboxapi.com": _DROPBOX_API,
    },
    pipes={"download": 20e6, "upload": 10e6, "dropbox": 10e6},
)
PROFILES: Mapping[str, WireProfile] = {profile.name: profile for profile in (LAN, HOME)}
"""By name."""


@dataclass(slots=True)
class Pipe:
    """A bandwidth limit that several streams share."""

    rate: float
    free_at: float = 0.0
    """When everything sent so far will have passed."""

    def passed_at(self, size: int, ready_at: float) -> float:
        """Send `size` bytes that are ready at a given time; return when they will have passed."""
        self.free_at = max(self.free_at, ready_at) + size / self.rate
        return self.free_at


class Wire:
    """Applies a profile; `clock` and `sleep` in seconds.

    With `one_at_a_time`, a request waits until the previous one has ended, for any host.
    """

    def __init__(
        self,
        profile: WireProfile = LAN,
        *,
        one_at_a_time: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.profile = profile
        self.waits = 0
        """Number of waits."""
        self.late_s = 0.0
        """Sum of the time by which waits exceeded their due time."""
        self.worst_s = 0.0
        """Largest excess of a single wait."""
        self._turn = asyncio.Lock() if one_at_a_time else None
        self._clock = clock
        self._sleep = sleep
        self._pipes = {name: Pipe(rate) for name, rate in profile.pipes.items()}

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Wait until the request may start, and block others until the end of the context."""
        async with self._turn or nullcontext():
            yield

    def request(self, host: str) -> Transfer:
        """Return the passage of a request that arrives now."""
        distance = self.profile.hosts.get(host, Distance())
        pipes = self._pipes.get(distance.pipe_in), self._pipes.get(distance.pipe_out)
        return Transfer(self, self._clock() + distance.latency_s, *pipes)

    async def until(self, due: float) -> None:
        """Wait until a time of the clock, and record how late it is then."""
        if (wait_s := due - self._clock()) <= 0:
            return
        await self._sleep(wait_s)
        late_s = max(0.0, self._clock() - due)
        self.waits += 1
        self.late_s += late_s
        self.worst_s = max(self.worst_s, late_s)

    def now(self) -> float:
        """Return the clock's reading."""
        return self._clock()


class Transfer:
    """The simulated transfer of one request and its response."""

    def __init__(self, wire: Wire, begins_at: float, pipe_in: Pipe | None, pipe_out: Pipe | None) -> None:
        self._wire = wire
        self._due = begins_at
        self._in = pipe_in
        self._out = pipe_out

    @property
    def paces_body(self) -> bool:
        """Whether the request's body goes through a pipe."""
        return self._in is not None

    async def wait_for_start(self) -> None:
        """Wait until the response may begin."""
        await self._wire.until(self._due)

    async def wait_received(self, size: int) -> None:
        """Wait until `size` bytes of the request's body have arrived."""
        await self._through(self._in, size)

    async def wait_sent(self, size: int) -> None:
        """Wait until `size` bytes of the response's body have been sent."""
        await self._through(self._out, size)

    async def _through(self, pipe: Pipe | None, size: int) -> None:
        if pipe is None or not size:
            return
        # Not earlier: others may use the pipe until this one's latency is over.
        await self._wire.until(self._due)
        self._due = pipe.passed_at(size, max(self._due, self._wire.now() - MAX_CATCH_UP_S))
        await self._wire.until(self._due)


class ByteStream(Protocol):
    """The source of a request's body."""

    async def readany(self) -> bytes:
        """Return the next bytes; empty at the end."""
        ...


class PacedBody:
    """A request's body at the simulated speed."""

    def __init__(self, inner: ByteStream, transfer: Transfer) -> None:
        self._inner = inner
        self._transfer = transfer

    async def readany(self) -> bytes:
        """Return the next bytes once they have arrived; empty at the end."""
        chunk = await self._inner.readany()
        await self._transfer.wait_received(len(chunk))
        return chunk

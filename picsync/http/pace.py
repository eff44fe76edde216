"""Concurrency limits: the one place that decides how many requests and file reads run concurrently.

There is one limit per account and stage, shared by all rules, so that concurrent rules do not multiply the
load. `AdaptiveLimit` computes it, without any I/O: additive increase while it is needed and responses are
good, a cut when the service refuses, does not respond or becomes slow. `FairSemaphore` admits that many
callers, round-robin between the rules on whose behalf they come. `Pace` holds the limits of one account.
Nothing else limits concurrency: connection pools are unbounded, and the number of workers in
`sync/transfer` follows from these limits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field

from picsync.core.values import dataclass

REFUSED_SHARE = 0.5
"""What is left of a limit after the service has refused or not answered."""
SLOWER_SHARE = 0.75
"""What is left of it after the answers have become slow."""
SLOW_FACTOR = 2.0
"""Answers that take so many times as long as usual are slow."""
_LATENCY_SLACK_S = 0.1
"""Added to both sides of that comparison: what is below it is this machine's noise."""
_SMOOTHING = 0.1
_MOST_STRAIN = 4.0
"""No single answer counts for more than so many times its usual time."""
_FORGETTING = 0.003
"""How fast what is usual follows answers that stay slower."""

_key: ContextVar[str] = ContextVar("key", default="")


@dataclass(frozen=True, slots=True)
class Stage:
    """Requests of a service that share a limit, since they load the same part of it."""

    name: str
    """As under `concurrency:` in picsync.yaml."""
    start: int = 3
    floor: int = 1
    cap: int = 10
    by_latency: bool = True
    """Whether slow answers tell of too much load. They do not where the time is that of the bytes."""


API = Stage("api", start=6)
"""What an operation belongs to unless it says otherwise. It begins with as many as a browser, and so any web
app, sends to one host."""


DOWNLOADS = Stage("downloads", start=4, cap=8, by_latency=False)
"""Originals on their way from a source: by HTTP, or read from a folder. The time is that of the bytes."""


class AdaptiveLimit:
    """A limit that rises while it is needed and all goes well, and falls when it does not.

    It doubles in each round of answers until it is cut for the first time, then grows by one in each round.
    Answers to requests that began before the last cut neither raise nor cut it: what one overload does to
    all that is under way counts once.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._value = float(min(max(stage.start, stage.floor), stage.cap))
        self._ramping = True
        self._usual_s: dict[str, float] = {}
        self._strain = 1.0
        self._cuts = 0

    @property
    def value(self) -> int:
        """Requests that may be under way now, between the stage's floor and cap."""
        return int(self._value)

    @property
    def cuts(self) -> int:
        """How often it has been cut; a request keeps the number of the time when it began."""
        return self._cuts

    def on_success(self, operation: str, latency_s: float, *, cuts: int, needed: bool) -> None:
        """Count a good answer; `needed` says whether as many as allowed were under way."""
        if cuts != self._cuts:
            return
        if self._stage.by_latency and self._is_strained(operation, latency_s):
            self._cut(SLOWER_SHARE)
        elif needed:
            step = 1.0 if self._ramping else 1.0 / self._value
            self._value = min(float(self._stage.cap), self._value + step)

    def on_refused(self, *, cuts: int) -> None:
        """Count an answer that says that it is too much, such as 429 and 503, or no answer at all."""
        if cuts == self._cuts:
            self._cut(REFUSED_SHARE)

    def _cut(self, share: float) -> None:
        self._value = max(float(self._stage.floor), self._value * share)
        self._ramping = False
        self._strain = 1.0
        self._cuts += 1

    def _is_strained(self, operation: str, latency_s: float) -> bool:
        usual_s = self._usual_s.get(operation, latency_s)
        strain = min(_MOST_STRAIN, (latency_s + _LATENCY_SLACK_S) / (usual_s + _LATENCY_SLACK_S))
        if strain < 1.0:
            self._usual_s[operation] = latency_s
        else:
            self._usual_s[operation] = usual_s + _FORGETTING * (strain - 1.0) * (usual_s + _LATENCY_SLACK_S)
        self._strain += _SMOOTHING * (max(1.0, strain) - self._strain)
        return self._strain > SLOW_FACTOR


class FairSemaphore:
    """Admits up to `limit()` callers; waiters are served round-robin by key, FIFO within a key."""

    def __init__(self, limit: Callable[[], int]) -> None:
        """`limit` may change; it is called again whenever a caller enters or leaves."""
        self._limit = limit
        self._inside = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def full(self) -> bool:
        """Whether a further caller would have to wait."""
        return self._inside >= self._limit()

    async def enter(self, key: str) -> None:
        """Wait until admitted; the caller then holds a place until it calls `leave`."""
        if not self._waiting and not self.full:
            self._inside += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, deque()).append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                self._forget(key, waiter)
            else:  # Admitted, and cancelled before it could know.
                self.leave()
            raise

    def _forget(self, key: str, waiter: asyncio.Future[None]) -> None:
        queue = self._waiting.get(key, deque())
        if waiter in queue:
            queue.remove(waiter)
        if not queue:
            self._waiting.pop(key, None)

    def leave(self) -> None:
        """Give a place back."""
        self._inside -= 1
        while self._waiting and not self.full:
            key, queue = self._waiting.popitem(last=False)
            waiter = queue.popleft()
            if queue:
                self._waiting[key] = queue
            if not waiter.done():
                self._inside += 1
                waiter.set_result(None)


@dataclass(slots=True)
class Slot:
    """A place within a limit, held by one request; it reports how the request went."""

    _limit: AdaptiveLimit
    _needed: Callable[[], bool]
    _cuts: int

    def succeeded(self, operation: str, latency_s: float) -> None:
        """Report a good response."""
        self._limit.on_success(operation, latency_s, cuts=self._cuts, needed=self._needed())

    def refused(self) -> None:
        """Report that the service was overloaded, or did not respond."""
        self._limit.on_refused(cuts=self._cuts)


class ConcurrencyLimit:
    """The limit of one stage of a service."""

    def __init__(self, stage: Stage) -> None:
        self._limit = AdaptiveLimit(stage)
        self._semaphore = FairSemaphore(lambda: self._limit.value)

    @property
    def value(self) -> int:
        """The number of requests that may run concurrently now."""
        return self._limit.value

    def slot(self) -> SlotContext:
        """Wait for a slot, and hold it for the time of the context."""
        return SlotContext(self._limit, self._semaphore)


class SlotContext:
    """The context of `ConcurrencyLimit.slot`; a class, since each request enters one."""

    def __init__(self, limit: AdaptiveLimit, semaphore: FairSemaphore) -> None:
        self._limit = limit
        self._semaphore = semaphore

    async def __aenter__(self) -> Slot:
        await self._semaphore.enter(_key.get())
        return Slot(self._limit, lambda: self._semaphore.full, self._limit.cuts)

    async def __aexit__(self, *_: object) -> None:
        self._semaphore.leave()


@dataclass(slots=True)
class Pace:
    """The concurrency limits of one account, and the pauses that its services have asked for."""

    caps: Mapping[str, int] = field(default_factory=dict)
    """Name of a stage -> `concurrency:` of the configuration, which replaces the stage's own cap."""
    _limits: dict[tuple[str, str], ConcurrencyLimit] = field(default_factory=dict)
    _paused: dict[str, float] = field(default_factory=dict)

    def pause(self, service: str, until: float) -> None:
        """Let all requests to a service wait until a time of the monotonic clock."""
        self._paused[service] = max(until, self.paused_until(service))

    def paused_until(self, service: str) -> float:
        """Return the end of the last pause; it may be over."""
        return self._paused.get(service, 0.0)

    def cap(self, stage: Stage) -> int:
        """Return the highest value that the limit of a stage can have."""
        return self.caps.get(stage.name, stage.cap)

    def limit(self, service: str, stage: Stage) -> ConcurrencyLimit:
        """Return the limit of a service's stage; the same one each time."""
        key = (service, stage.name)
        if key not in self._limits:
            cap = self.cap(stage)
            capped = Stage(stage.name, min(stage.start, cap), min(stage.floor, cap), cap, stage.by_latency)
            self._limits[key] = ConcurrencyLimit(capped)
        return self._limits[key]


@contextmanager
def on_behalf_of(key: str) -> Iterator[None]:
    """Attribute the requests of this task, and of those it starts, to `key`: each gets an equal share."""
    token = _key.set(key)
    try:
        yield
    finally:
        _key.reset(token)

"""How many requests at a time: as many as a service answers well, within bounds, and to each rule its share.

`AdaptiveLimit` is the whole decision, pure: additive increase while there is need and the answers are good,
a cut where the service refuses, does not answer or becomes slow. `Gate` lets that many in, by turns between
those on whose behalf they come. `Pace` has one gate for each stage of each service and is shared by all that
speaks to them, so that rules side by side do not multiply the load.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

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

_behalf: ContextVar[str] = ContextVar("behalf", default="")


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


class Gate:
    """Lets at most `limit()` in at a time; those who wait, by turns between their sides, each in order."""

    def __init__(self, limit: Callable[[], int]) -> None:
        """`limit` may change; it is asked again whenever somebody comes or leaves."""
        self._limit = limit
        self._inside = 0
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def full(self) -> bool:
        """Whether nobody more would be let in."""
        return self._inside >= self._limit()

    @asynccontextmanager
    async def entered(self, side: str) -> AsyncIterator[None]:
        """Wait for the turn of `side`, and stay inside for the time of the context."""
        await self._enter(side)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, side: str) -> None:
        if not self._waiting and not self.full:
            self._inside += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(side, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._forget(side, turn)
            else:  # Let in, and cancelled before it could know.
                self._leave()
            raise

    def _forget(self, side: str, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(side, deque())
        if turn in line:
            line.remove(turn)
        if not line:
            self._waiting.pop(side, None)

    def _leave(self) -> None:
        self._inside -= 1
        while self._waiting and not self.full:
            side, line = self._waiting.popitem(last=False)
            turn = line.popleft()
            if line:
                self._waiting[side] = line
            if not turn.done():
                self._inside += 1
                turn.set_result(None)


@dataclass(slots=True)
class Turn:
    """One request's time inside a lane, which tells the lane how it went."""

    _limit: AdaptiveLimit
    _needed: Callable[[], bool]
    _cuts: int

    def succeeded(self, operation: str, latency_s: float) -> None:
        """Say that a good answer came."""
        self._limit.on_success(operation, latency_s, cuts=self._cuts, needed=self._needed())

    def refused(self) -> None:
        """Say that the service had too much to do, or did not answer."""
        self._limit.on_refused(cuts=self._cuts)


class Lane:
    """One stage of a service: the limit and the gate that goes by it."""

    def __init__(self, stage: Stage) -> None:
        self._limit = AdaptiveLimit(stage)
        self._gate = Gate(lambda: self._limit.value)

    @property
    def limit(self) -> int:
        """Requests that may be under way now."""
        return self._limit.value

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for a turn and have it for the time of the context."""
        async with self._gate.entered(_behalf.get()):
            yield Turn(self._limit, lambda: self._gate.full, self._limit.cuts)


@dataclass(slots=True)
class Pace:
    """The lanes of all services, made when first used; `caps` are a person's, in place of the stages' own."""

    caps: Mapping[str, int] = field(default_factory=dict)
    """Name of a stage -> most requests at a time to each service."""
    _lanes: dict[tuple[str, str], Lane] = field(default_factory=dict)

    def lane(self, service: str, stage: Stage) -> Lane:
        """Return the lane of a service's stage."""
        key = (service, stage.name)
        if key not in self._lanes:
            cap = self.caps.get(stage.name, stage.cap)
            capped = Stage(stage.name, min(stage.start, cap), min(stage.floor, cap), cap, stage.by_latency)
            self._lanes[key] = Lane(capped)
        return self._lanes[key]


@contextmanager
def on_behalf_of(side: str) -> Iterator[None]:
    """Say for whom the requests of this task, and of those it starts, are made: each gets an equal share."""
    token = _behalf.set(side)
    try:
        yield
    finally:
        _behalf.reset(token)

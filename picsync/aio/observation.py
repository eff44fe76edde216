"""Observations of a remote state that are shared by all callers who may use them.

A caller says how recent its knowledge has to be: "an observation that began after this instant", such as the
end of a write. One request may then serve many callers, under these rules:

- A caller gets a result whose observation began after the instant that it named, never an earlier one.
- Observations of the same state never overlap: one begins after the previous one has ended. So two
  different results are the state at two different times, and callers that wait for the end of an
  observation that is too old for them share the next one.
- A failure belongs to the caller for whom the observation began. The others share one more attempt; only
  if that fails too, it is a failure for all of them. `LoginNeeded` is immediately a failure for all: only
  the user can help, and services lock accounts after repeated attempts.
- A caller that is cancelled leaves the observation to the others. It is cancelled with the last one.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from picsync.aio.tasks import cancel_and_wait
from picsync.core.errors import LoginNeeded
from picsync.core.values import dataclass

T = TypeVar("T")

ALWAYS = -math.inf
"""An instant before all others."""


class Instants:
    """Returns increasing instants, even while the clock stands still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds and never decreases."""
        self._clock = clock
        self._latest = ALWAYS

    def now(self) -> float:
        """Return the clock's time, or the smallest later number if that was returned before."""
        self._latest = max(self._clock(), math.nextafter(self._latest, math.inf))
        return self._latest


@dataclass(frozen=True, slots=True)
class Observed(Generic[T]):
    """A result, and the instant at which its observation began."""

    began: float
    value: T


@dataclass(slots=True, eq=False)
class _Running(Generic[T]):
    """An observation in progress."""

    began: float
    task: asyncio.Task[Observed[T]]
    waiting: int = 0
    """Number of callers that wait for its result."""

    @property
    def given_up(self) -> bool:
        """Whether it has ended, or has been cancelled."""
        return self.task.done() or bool(self.task.cancelling())


class Observation(Generic[T]):
    """Observes one state, with at most one observation in progress; safe for concurrent use."""

    def __init__(self, observe: Callable[[], Awaitable[T]], instants: Instants, *, keep: int = 0) -> None:
        """`observe` is called for each observation; the last `keep` results are kept for later callers."""
        self._observe = observe
        self._instants = instants
        self._kept: deque[Observed[T]] = deque(maxlen=keep)
        self._running: _Running[T] | None = None
        self._callers = 0

    @property
    def kept(self) -> Sequence[Observed[T]]:
        """The results that are kept, the latest first."""
        return tuple(self._kept)

    @property
    def idle(self) -> bool:
        """Whether no caller waits."""
        return not self._callers

    async def after(self, instant: float) -> Observed[T]:
        """Return a result whose observation began after `instant`; raises what `observe` raises."""
        self._callers += 1
        try:
            return await self._after(instant)
        finally:
            self._callers -= 1

    async def _after(self, instant: float) -> Observed[T]:
        others_failed = False
        while True:
            if self._kept and self._kept[0].began > instant:
                return self._kept[0]
            running, mine = self._running, False
            if running is None:
                running, mine = self._begin(), True
            elif running.given_up or running.began <= instant:
                await asyncio.wait([running.task])
                continue
            await self._wait_for(running)
            if mine or others_failed or not _worth_repeating(running.task):
                return running.task.result()
            others_failed = True

    def _begin(self) -> _Running[T]:
        began = self._instants.now()

        async def observe() -> Observed[T]:
            observed = Observed(began, await self._observe())
            self._kept.appendleft(observed)
            return observed

        def ended(task: asyncio.Task[Observed[T]]) -> None:
            # This is the first callback of the task, so it runs before those who wait for it continue.
            self._running = None
            if not task.cancelled():
                task.exception()  # All callers may have been cancelled.

        self._running = running = _Running(began, asyncio.create_task(observe()))
        running.task.add_done_callback(ended)
        return running

    @staticmethod
    async def _wait_for(running: _Running[T]) -> None:
        running.waiting += 1
        try:
            await asyncio.wait([running.task])
        finally:
            running.waiting -= 1
            if not running.waiting and not running.task.done():
                await cancel_and_wait(running.task)


def _worth_repeating(ended: asyncio.Task[Any]) -> bool:
    """Return whether other callers may succeed after this failure."""
    if ended.cancelled():
        return True
    error = ended.exception()
    return error is not None and not isinstance(error, LoginNeeded)

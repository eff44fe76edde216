"""The long run: one cycle of every album rule after another, again after each interval, until stopped.

Stopping is in two strokes: no new work is taken up and what is in flight may finish until a deadline; then
everything is cancelled. Nothing is lost either way, since the next cycle goes by what the services report.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from picsync.cycle import AlbumRule
from picsync.events import CycleReport

GRACE_S = 25.0
"""Seconds for what is in flight to finish after a stop was asked for; inside Kubernetes' 30."""

RunCycle = Callable[[AlbumRule], Awaitable[CycleReport]]


class Stop:
    """Somebody's wish that the process should end: asked for once, it waits; twice, it is obeyed at once."""

    def __init__(
        self, grace_s: float = GRACE_S, *, acknowledge: Callable[[float], None] = lambda _grace_s: None
    ) -> None:
        """`acknowledge` is told, when first asked, how many seconds there are for what is in flight."""
        self._grace_s = grace_s
        self._acknowledge = acknowledge
        self._asked = asyncio.Event()
        self._task = asyncio.current_task()
        self._deadline: asyncio.TimerHandle | None = None

    def __call__(self) -> bool:
        """Whether stopping was asked for."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask once to finish what is in flight within the time of grace; again to give that up too."""
        if self._task is None:
            raise RuntimeError("a Stop belongs to the task that made it")
        if self._asked.is_set():
            self._task.cancel()
            return
        self._asked.set()
        self._acknowledge(self._grace_s)
        self._deadline = asyncio.get_running_loop().call_later(self._grace_s, self._task.cancel)

    async def within(self, seconds: float) -> bool:
        """Wait until stopping is asked for, at most `seconds`; return whether it was."""
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return False
        return True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Have SIGINT and SIGTERM ask."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.ask)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            if self._deadline is not None:
                # All is done in time; what closes connections and files now must not be cut short.
                self._deadline.cancel()


async def serve(
    rules: Sequence[AlbumRule], run_cycle: RunCycle, stop: Stop, every: timedelta | None
) -> list[CycleReport]:
    """Run every rule once, and again after each interval, if there is one, until stopped.

    Returns the last report of each rule. The interval counts from start to start; a cycle that takes
    longer is followed at once by the next.
    """
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        reports = [await run_cycle(rule) for rule in rules if not stop()]
        if every is None or await stop.within(max(0.0, began + every.total_seconds() - loop.time())):
            return reports

"""picsync with short waits: pauses, for example between attempts, take a hundredth of their time.

Timeouts are unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from picsync.cli import main as command

FACTOR = 0.01


class ShortWaitsLoop(asyncio.SelectorEventLoop):
    """An event loop in which `asyncio.sleep` is short."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self._factor = factor
        # Python's development mode would report callbacks that are slow only because the machine is busy.
        self.slow_callback_duration = 60.0

    def call_later(  # type: ignore[override] # the arguments need no more precise types here
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay * self._factor, callback, *args, context=context)


class ShortWaitsPolicy(asyncio.DefaultEventLoopPolicy):
    """Creates event loops with short waits."""

    def __init__(self, factor: float = FACTOR) -> None:
        super().__init__()
        self._factor = factor

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return ShortWaitsLoop(self._factor)


@contextlib.contextmanager
def short_waits() -> Iterator[None]:
    """Shorten the waits of commands that run in this process."""
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(ShortWaitsPolicy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(before)


def main(factor: float = FACTOR) -> None:
    """Run as the `picsync` command; waits take `factor` times their time."""
    asyncio.set_event_loop_policy(ShortWaitsPolicy(factor))
    command.main()

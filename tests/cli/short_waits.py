"""picsync in a hurry: its waits, as between attempts, take a hundredth of their time. Timeouts stay."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from picsync.cli import main as command

HASTE = 0.01


class HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop in which `asyncio.sleep` is short."""

    def __init__(self, haste: float) -> None:
        super().__init__()
        self._haste = haste
        # Python's development mode would tell of what takes long on a busy machine.
        self.slow_callback_duration = 60.0

    def call_later(  # type: ignore[override] # the arguments need no more precise types here
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay * self._haste, callback, *args, context=context)


class HurriedPolicy(asyncio.DefaultEventLoopPolicy):
    """Makes hurried loops."""

    def __init__(self, haste: float = HASTE) -> None:
        super().__init__()
        self._haste = haste

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return HurriedLoop(self._haste)


@contextlib.contextmanager
def in_a_hurry() -> Iterator[None]:
    """Let the commands of this process hurry."""
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(HurriedPolicy())
    try:
        yield
    finally:
        asyncio.set_event_loop_policy(before)


def main(haste: float = HASTE) -> None:
    """Be the `picsync` command; waits take `haste` times their time."""
    asyncio.set_event_loop_policy(HurriedPolicy(haste))
    command.main()

"""An event loop whose clock a test may set forward; sockets and everything else are real."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

WITHIN_S = 30.0
"""Real seconds after which a test has failed."""


class Clock(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        super().__init__()
        self._ahead = 0.0

    def time(self) -> float:
        return super().time() + self._ahead

    async def forward(self, seconds: float) -> None:
        """Let so much time pass at once, and everything happen that was due in it."""
        self._ahead += seconds
        for _ in range(5):
            await asyncio.sleep(0)


def clock() -> Clock:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Clock)
    return loop


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=Clock) as runner:
        return runner.run(work)

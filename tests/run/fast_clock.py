"""An event loop with a fast clock, so that an hour of waits and timeouts takes seconds."""

from __future__ import annotations

import asyncio
import selectors

SPEED = 100
"""Seconds of the loop in one of the wall: a timeout of a minute is still far more than an answer takes."""


class _FastSelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / SPEED)


class FastLoop(asyncio.SelectorEventLoop):
    """What is asked of it by delay or by time comes `SPEED` times sooner; sockets and threads are as ever."""

    def __init__(self) -> None:
        super().__init__(_FastSelector())

    def time(self) -> float:
        return super().time() * SPEED

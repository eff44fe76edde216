"""Keeps the file system's calls off the event loop, and the process alive when a share hangs.

A call to a server that does not answer may never return, and its thread can neither be stopped nor waited
for. So each piece of work has a thread of its own that the process does not wait for in the end: those of a
pool would be used up one by one, and others wait for the same pool.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

THREAD_NAME = "picsync-folder"

PATIENCE_S = 60.0
"""A disk that sleeps needs ten seconds to wake, a server that restarts some more."""


class NoProgress(Exception):  # noqa: N818 - reads as what it is
    """The file system does not answer."""


async def aside(
    work: Callable[[], T], *, progress: Callable[[], object] = lambda: None, patience_s: float = PATIENCE_S
) -> T:
    """Return what `work` returns, run in a thread of its own, or raise what it raises.

    Raises NoProgress when nothing has moved for `patience_s`: `work` did not end, and `progress` gave the
    same twice. The thread goes on then, unheard.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # it is what `work` has returned

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - raised again where it is awaited
            error = raised
        with suppress(RuntimeError):  # The loop is gone, and with it whoever waited.
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=THREAD_NAME, daemon=True).start()
    before = progress()
    while True:
        await asyncio.wait([future], timeout=patience_s)
        if future.done():
            return future.result()
        now = progress()
        if now == before:
            future.cancel()
            raise NoProgress
        before = now

"""Runs file system calls in threads that may hang without blocking the process.

A call to an unresponsive server may never return, and its thread can neither be stopped nor joined. Each call
therefore gets a daemon thread of its own, which does not delay the end of the process. A thread pool would
run out of threads, and others depend on it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

THREAD_NAME = "picsync-folder"

STALL_TIMEOUT_S = 60.0
"""A sleeping disk needs about ten seconds to spin up, a restarting server longer."""


class NoProgress(Exception):  # noqa: N818 - reads as what it is
    """The file system does not respond."""


async def run_blocking(
    work: Callable[[], T],
    *,
    progress: Callable[[], object] = lambda: None,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> T:
    """Run `work` in a thread of its own; return its result or raise its exception.

    Raises NoProgress if, for `stall_timeout_s`, `work` has not ended and `progress` has returned the same
    value. The thread then continues, and its result is ignored.
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
        except BaseException as raised:  # noqa: BLE001 - raised again in the loop
            error = raised
        with suppress(RuntimeError):  # The loop is closed; nobody waits any more.
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name=THREAD_NAME, daemon=True).start()
    before = progress()
    while True:
        await asyncio.wait([future], timeout=stall_timeout_s)
        if future.done():
            return future.result()
        now = progress()
        if now == before:
            future.cancel()
            raise NoProgress
        before = now

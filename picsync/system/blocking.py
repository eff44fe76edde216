"""Runs file system calls in threads that may hang without blocking the process.

A call to an unresponsive server may never return, and its thread can neither be stopped nor joined. So a call
never waits for the thread of another one, as it would in a pool: it gets a thread that is idle, or a new one.
They are daemon threads, which do not delay the end of the process.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

THREAD_NAME = "picsync-folder"
"""Of a thread that has work."""
IDLE_NAME = "picsync-idle"
IDLE_S = 5.0
"""How long a thread waits for further work before it ends."""

STALL_TIMEOUT_S = 60.0
"""A sleeping disk needs about ten seconds to spin up, a restarting server longer."""


class NoProgress(Exception):  # noqa: N818 - reads as what it is
    """The file system does not respond."""


class _Thread:
    """A thread that runs one piece of work after another."""

    idle: list[_Thread] = []  # noqa: RUF012 - shared on purpose
    """Those without work, the last used one at the end. Its methods are atomic."""

    def __init__(self) -> None:
        self._due: queue.SimpleQueue[Callable[[], Callable[[], None]]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
        self._thread.start()

    @classmethod
    def start(cls, work: Callable[[], Callable[[], None]]) -> None:
        """Run `work`, and then what it returns."""
        try:
            thread = cls.idle.pop()
        except IndexError:
            thread = cls()
        thread._due.put(work)

    def _run(self) -> None:
        while True:
            try:
                work = self._due.get(timeout=IDLE_S)
            except queue.Empty:
                try:
                    self.idle.remove(self)
                except ValueError:
                    continue  # It has just been chosen for work.
                return
            self._thread.name = THREAD_NAME
            report = work()
            self._thread.name = IDLE_NAME
            # First, so that whoever waits for the result finds this thread idle.
            self.idle.append(self)
            report()
            del work, report  # They hold what was read.


os.register_at_fork(after_in_child=_Thread.idle.clear)


async def run_blocking(
    work: Callable[[], T],
    *,
    progress: Callable[[], object] = lambda: None,
    stall_timeout_s: float = STALL_TIMEOUT_S,
) -> T:
    """Run `work` in a thread; return its result or raise its exception.

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

    def run() -> Callable[[], None]:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - raised again in the loop
            error = raised

        def report() -> None:
            with suppress(RuntimeError):  # The loop is closed; nobody waits any more.
                loop.call_soon_threadsafe(settle, result, error)

        return report

    _Thread.start(run)
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

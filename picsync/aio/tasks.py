"""Runs coroutines concurrently; the first failure is raised as itself, not as an exception group."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from picsync.core.errors import PicsyncError

T = TypeVar("T")


async def gather(*works: Awaitable[T]) -> list[T]:
    """Return all results in order; the first failure cancels the rest and is raised as itself."""

    async def run(work: Awaitable[T]) -> T:
        return await work

    with unwrap_group():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(work)) for work in works]
    return [task.result() for task in tasks]


async def run_all(*works: Awaitable[None]) -> None:
    """Run all to the end; the first failure cancels the rest and is raised as itself."""

    async def run(work: Awaitable[None]) -> None:
        await work

    with unwrap_group():
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(run(work))


async def cancel_and_wait(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until each has ended, whatever its result."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


_RESCHEDULES = 50
"""A limit is extended at most this often within its own length: every block of bytes is progress."""


class _Progress:
    def __init__(self, limit_s: float, timeout: asyncio.Timeout) -> None:
        self._limit_s = limit_s
        self._timeout = timeout
        self._moved_at_s = asyncio.get_running_loop().time()

    def made(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._moved_at_s > self._limit_s / _RESCHEDULES and not self._timeout.expired():
            self._moved_at_s = now_s
            self._timeout.reschedule(now_s + self._limit_s)


_progress: ContextVar[_Progress | None] = ContextVar("progress", default=None)


class Stalled(Exception):  # noqa: N818 - named for the state
    """Work made no progress for too long, and was cancelled."""


@asynccontextmanager
async def stalling_after(limit_s: float) -> AsyncIterator[None]:
    """Cancel the body and raise Stalled if `progressed` was not called for about `limit_s` seconds.

    Calls from the body's task and from the tasks that it starts count.
    """
    timeout = asyncio.timeout(limit_s)
    try:
        async with timeout:
            token = _progress.set(_Progress(limit_s, timeout))
            try:
                yield
            finally:
                _progress.reset(token)
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise Stalled from error


def progressed() -> None:
    """Report progress of the current task, such as bytes received; see `stalling_after`."""
    progress = _progress.get()
    if progress is not None:
        progress.made()


@contextmanager
def unwrap_group() -> Iterator[None]:
    """Raise the most important error of an exception group instead of the group."""
    try:
        yield
    except BaseExceptionGroup as errors:
        raise _first(errors) from errors


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Select the error to raise: a bug before a known error, since bugs are never expected."""
    leaves = list(_leaves(group))
    return next((error for error in leaves if not isinstance(error, PicsyncError)), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error

"""Several things at once: all of them, or the first failure as itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from picsync.errors import PicsyncError

T = TypeVar("T")


async def gathered(*works: Awaitable[T]) -> list[T]:
    """Return what all return, in order; the first failure cancels the rest and is raised as itself."""

    async def run(work: Awaitable[T]) -> T:
        return await work

    with ungrouped():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(work)) for work in works]
    return [task.result() for task in tasks]


async def together(*works: Awaitable[None]) -> None:
    """Wait for all; the first failure cancels the rest and is raised as itself, not as a group."""

    async def run(work: Awaitable[None]) -> None:
        await work

    with ungrouped():
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(run(work))


async def call_off(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, however they end."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def ungrouped() -> Iterator[None]:
    """Let what a task group raises come out as the one error that matters."""
    try:
        yield
    except BaseExceptionGroup as errors:
        raise _first(errors) from errors


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Pick the error to raise: a bug before a known error, since nobody expects it."""
    leaves = list(_leaves(group))
    return next((error for error in leaves if not isinstance(error, PicsyncError)), leaves[0])


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error

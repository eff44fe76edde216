from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator

import pytest

from picsync.profiling.stacks import MAX_DEPTH, describe_all, name_lines, task_stack, thread_stack

SECRET = "hunter2"


async def pages(started: asyncio.Event) -> AsyncIterator[int]:
    started.set()
    await asyncio.Event().wait()
    yield 1


async def lists(started: asyncio.Event) -> None:
    async for _ in pages(started):
        pass


async def test_a_task_is_followed_through_async_generators() -> None:
    started = asyncio.Event()
    task = asyncio.create_task(lists(started))
    await started.wait()
    await asyncio.sleep(0)
    names = [frame.function.rpartition(".")[2] for frame in task_stack(task)]
    task.cancel()
    assert names == ["wait", "pages", "lists"]


async def holds(password: str, started: asyncio.Event) -> None:
    started.set()
    await asyncio.Event().wait()
    assert password


async def test_all_is_told_once_and_without_values() -> None:
    started = [asyncio.Event(), asyncio.Event()]
    tasks = [asyncio.create_task(holds(SECRET, each), name=f"holder {n}") for n, each in enumerate(started)]
    for each in started:
        await each.wait()
    text = await asyncio.to_thread(describe_all, asyncio.get_running_loop())
    for task in tasks:
        task.cancel()
    assert "2 @ holder 0, holder 1\n" in text
    assert text.count(".holds  ") == 1
    assert "@ MainThread\n" in text
    assert SECRET not in text


async def test_the_running_task_is_marked() -> None:
    text = describe_all(asyncio.get_running_loop())
    assert "(running: see its thread)" in text


def test_deep_recursion_is_cut() -> None:
    seen = []

    def dive(left: int) -> None:
        if left:
            dive(left - 1)
        else:
            seen.append(thread_stack(sys._current_frames()[threading.get_ident()]))

    dive(MAX_DEPTH * 2)
    assert len(seen[0]) == MAX_DEPTH


def outer() -> object:
    def inner() -> int:
        return 1

    return inner


@pytest.mark.parametrize("set_aside", [False, True])
def test_lines_are_named_after_the_innermost_function(set_aside: bool) -> None:
    if set_aside:
        gc.freeze()
    file, first = outer.__code__.co_filename, outer.__code__.co_firstlineno
    found = name_lines([(file, first + 2), (file, first + 4), (file, 1), ("/gone.py", 3)])
    assert found[file, first + 2].function.endswith("outer.<locals>.inner")
    assert found[file, first + 4].function.endswith(".outer")
    assert found[file, 1].function == file
    assert found["/gone.py", 3].function == "/gone.py"

"""Stacks of threads and tasks: names, files and lines, never the value of a variable."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType

from picsync.profiling.pprof import Frame, Stack

MAX_DEPTH = 128
"""Maximum number of calls per stack, from the innermost one; runaway recursion must not fill the memory."""

_SUSPENDABLE: dict[type, tuple[str, str]] = {
    CoroutineType: ("cr_frame", "cr_await"),
    GeneratorType: ("gi_frame", "gi_yieldfrom"),
    AsyncGeneratorType: ("ag_frame", "ag_await"),
}
"""Attributes that hold the current frame, and the awaited object."""


def thread_stack(innermost: FrameType | None) -> Stack:
    """Return the calls that led to a frame."""
    return tuple(map(_describe, islice(_callers(innermost), MAX_DEPTH)))


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _describe(frame: FrameType) -> Frame:
    code = frame.f_code
    function = f"{frame.f_globals.get('__name__', '?')}.{code.co_qualname}"
    return Frame(function, code.co_filename, frame.f_lineno or 0, code.co_firstlineno)


def thread_frames() -> dict[int, FrameType]:
    """Return the innermost frame of each thread but the calling one, by `Thread.ident`."""
    frames = sys._current_frames()  # noqa: SLF001 - documented; the underscore marks it as a debugging function
    frames.pop(threading.get_ident(), None)
    return frames


def task_stack(task: asyncio.Task[object]) -> Stack:
    """Return the coroutines that await each other in a task; only the outermost if it is running."""
    chain = map(_describe, islice(_awaiting(task.get_coro()), MAX_DEPTH))
    return tuple(chain)[::-1]


def _awaiting(awaited: object) -> Iterator[FrameType]:
    while awaited is not None:
        if type(awaited) not in _SUSPENDABLE:
            # Objects awaited through `async for` or `__await__` have no attribute to follow.
            inner = (found for found in gc.get_referents(awaited) if type(found) in _SUSPENDABLE)
            awaited = next(inner, None)
            continue
        frame, awaits = _SUSPENDABLE[type(awaited)]
        if (here := getattr(awaited, frame)) is None:
            return
        yield here
        awaited = getattr(awaited, awaits)


def describe_all(loop: asyncio.AbstractEventLoop) -> str:
    """Return the stacks of all other threads, and of all tasks of `loop`, as text.

    It may be called from any thread. Equal stacks are shown once.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    threads = [
        (names.get(ident, f"thread {ident}"), thread_stack(frame)) for ident, frame in thread_frames().items()
    ]
    running = asyncio.current_task(loop)
    tasks = [
        (
            f"{task.get_name()} (running: see its thread)" if task is running else task.get_name(),
            task_stack(task),
        )
        for task in asyncio.all_tasks(loop)
    ]
    return "\n".join([*_grouped("threads", threads), *_grouped("tasks", tasks)])


def _grouped(kind: str, found: Iterable[tuple[str, Stack]]) -> Iterator[str]:
    names: dict[Stack, list[str]] = {}
    for name, stack in found:
        names.setdefault(stack, []).append(name)
    yield f"{kind}: {sum(map(len, names.values()))}\n"
    for stack, alike in sorted(names.items(), key=lambda group: (-len(group[1]), sorted(group[1]))):
        yield f"{len(alike)} @ {', '.join(sorted(alike))}"
        yield from (f"    {frame.function}  {frame.file}:{frame.line}" for frame in stack)
        yield ""


def name_lines(lines: Collection[tuple[str, int]]) -> dict[tuple[str, int], Frame]:
    """Return, for each (file, line), the frame of the innermost existing function that contains it.

    If there is none, as for a module's top-level code, the file name replaces the function's.
    """
    wanted: dict[str, set[int]] = {}
    for file, number in lines:
        wanted.setdefault(file, set()).add(number)
    found: dict[tuple[str, int], Frame] = {}
    # Objects loaded at the start are frozen, and therefore not listed by the garbage collector until
    # unfrozen.
    gc.unfreeze()
    pending: list[tuple[str, CodeType]] = [
        (each.__module__ or "?", each.__code__)
        for each in gc.get_objects()
        if type(each) is FunctionType and each.__code__.co_filename in wanted
    ]
    seen: set[int] = set()
    for module, code in pending:
        if id(code) in seen:
            continue
        seen.add(id(code))
        pending += ((module, inner) for inner in code.co_consts if isinstance(inner, CodeType))
        for *_, line in code.co_lines():
            if line is None or line not in wanted.get(code.co_filename, ()):
                continue
            place = (code.co_filename, line)
            # A function's first line is also executed by the code that defines it.
            if place not in found or found[place].first_line < code.co_firstlineno < line:
                found[place] = Frame(f"{module}.{code.co_qualname}", *place, code.co_firstlineno)
    for place in lines:
        found.setdefault(place, Frame(place[0], *place))
    return found

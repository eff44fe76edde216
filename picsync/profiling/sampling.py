"""Measures CPU time by sampling all threads, and memory through tracemalloc."""

from __future__ import annotations

import asyncio
import threading
import time
import tracemalloc
from collections import Counter
from datetime import UTC, datetime
from typing import TypeAlias

from picsync.profiling.pprof import Frame, Measure, Profile, Stack
from picsync.profiling.stacks import name_lines, thread_frames, thread_stack
from picsync.system.localtime import absolute

PERIOD_NS = 10_000_000
"""Interval between samples; 100 per second, like Go."""
HEAP_DEPTH = 4
"""Calls that are kept for each allocation; each costs time."""
MAX_STACKS = 2_000
"""Stacks in a heap profile; smaller ones are combined in one sum, since each costs time to write."""
_OTHERS = Frame("(all smaller ones)", "", 0)

_CPU = (Measure("samples", "count"), Measure("cpu", "nanoseconds"))
_HEAP = (Measure("inuse_objects", "count"), Measure("inuse_space", "bytes"))


def thread_cpu_ns(native_id: int) -> int:
    """Return the CPU time that a thread has used; raises OSError if it does not exist.

    Linux only: this is the clock that pthread_getcpuclockid(3) would return. That function must not be called
    for a thread that may have ended; reading the clock itself is safe.
    """
    return time.clock_gettime_ns(~native_id << 3 | 6)


class CpuSampler:
    """Sums up CPU time by stack since its creation, in all threads but its own.

    A sample's weight is the CPU time of its thread since the previous one; waiting threads do not count. Code
    that holds the interpreter lock is sampled when it releases the lock, with its whole weight.
    """

    def __init__(self) -> None:
        self._began_ns = time.time_ns()
        self._last_ns = self._first_ns = time.monotonic_ns()
        self._counts: Counter[Stack] = Counter()
        self._cpu_ns: Counter[Stack] = Counter()
        self._used_ns: dict[int, int] = {}
        self.sample()
        self._counts.clear()
        self._cpu_ns.clear()

    def sample(self) -> None:
        """Sample all threads once."""
        now_ns = time.monotonic_ns()
        most_ns = now_ns - self._last_ns
        frames = thread_frames()
        used_ns: dict[int, int] = {}
        for thread in threading.enumerate():
            if thread.ident not in frames or thread.native_id is None:
                continue
            try:
                used_ns[thread.native_id] = total_ns = thread_cpu_ns(thread.native_id)
            except OSError:
                continue  # it has ended since
            before_ns = self._used_ns.get(thread.native_id)
            if before_ns is None or total_ns < before_ns:  # new, perhaps with the number of one that ended
                weight_ns = min(total_ns, most_ns)
            else:
                weight_ns = total_ns - before_ns
            if weight_ns:
                stack = thread_stack(frames[thread.ident])
                self._counts[stack] += 1
                self._cpu_ns[stack] += weight_ns
        self._used_ns, self._last_ns = used_ns, now_ns

    def profile(self) -> Profile:
        """Return the profile so far."""
        return Profile(
            measures=_CPU,
            samples={stack: (self._counts[stack], used_ns) for stack, used_ns in self._cpu_ns.items()},
            began_ns=self._began_ns,
            duration_ns=self._last_ns - self._first_ns,
            period=PERIOD_NS,
        )


async def sample_cpu(seconds: float) -> Profile:
    """Sample for so many seconds; run it in a loop with its own thread, which is excluded."""
    loop = asyncio.get_running_loop()
    sampler = CpuSampler()
    now = due = loop.time()
    end = now + seconds
    while now < end:
        due = min(max(due + PERIOD_NS / 1e9, now), end)
        await asyncio.sleep(due - now)
        sampler.sample()
        now = loop.time()
    return sampler.profile()


Lines: TypeAlias = tuple[tuple[str, int], ...]
"""A stack in tracemalloc's form, innermost first: files and line numbers."""


class HeapProfiler:
    """Tracks memory that Python code allocates, from the first request on.

    Tracking costs time and memory for each allocation, so it is off until then.
    """

    def __init__(self) -> None:
        self._began_ns = 0
        self._own = False

    def start(self) -> None:
        """Start tracking, unless it has been started."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(HEAP_DEPTH)
            self._own, self._began_ns = True, time.time_ns()

    def stop(self) -> bool:
        """Stop what `start` began and discard the data; return whether tracking was on."""
        running = self._own and tracemalloc.is_tracing()
        if running:
            tracemalloc.stop()
        self._own = False
        return running

    def in_use(self) -> Profile:
        """Return the memory in use that was allocated since `start`."""
        self.start()
        return self._profile(_pieces(), duration_ns=0)

    async def growth(self, seconds: float) -> Profile:
        """Return the change of memory in use over so many seconds; negative for a decrease."""
        self.start()
        before, began_ns = _pieces(), time.monotonic_ns()
        await asyncio.sleep(seconds)
        changes: dict[Lines, tuple[int, int]] = {}
        after = _pieces()
        for lines in before.keys() | after.keys():
            (count, size), (had_count, had_size) = after.get(lines, (0, 0)), before.get(lines, (0, 0))
            if (change := (count - had_count, size - had_size)) != (0, 0):
                changes[lines] = change
        return self._profile(changes, time.monotonic_ns() - began_ns)

    def _profile(self, pieces: dict[Lines, tuple[int, int]], duration_ns: int) -> Profile:
        largest = sorted(pieces, key=lambda lines: -abs(pieces[lines][1]))[:MAX_STACKS]
        frames = name_lines({place for lines in largest for place in lines})
        samples = {tuple(frames[place] for place in lines): pieces.pop(lines) for lines in largest}
        if pieces:
            samples[_OTHERS,] = (sum(n for n, _ in pieces.values()), sum(size for _, size in pieces.values()))
        began_at = f"at {absolute(datetime.fromtimestamp(self._began_ns / 1e9, UTC))}"
        since = began_at if self._own else "by PYTHONTRACEMALLOC or other code"
        return Profile(
            measures=_HEAP,
            samples=samples,
            began_ns=time.time_ns() - duration_ns,
            duration_ns=duration_ns,
            period=1,
            comments=(f"Accounting was started {since}; older memory is not included.",),
        )


def _pieces() -> dict[Lines, tuple[int, int]]:
    groups = tracemalloc.take_snapshot().statistics("traceback")
    # The profiler's own memory is not of interest.
    own = {__file__, tracemalloc.__file__}
    return {
        tuple((frame.filename, frame.lineno) for frame in reversed(group.traceback)): (
            group.count,
            group.size,
        )
        for group in groups
        if group.traceback[-1].filename not in own
    }

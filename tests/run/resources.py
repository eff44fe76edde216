"""Resources of a process that must not grow."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Resources:
    """One look at this process."""

    cycles: int
    rss_kib: int
    objects: int
    """Containers that the garbage collector knows."""
    descriptors: int
    threads: int
    tasks: int

    def __str__(self) -> str:
        return "  ".join(f"{each.name} {getattr(self, each.name):>7}" for each in fields(self))


def measure(cycles: int) -> Resources:
    """Look at this process and the running loop, after all garbage is gone."""
    while gc.collect():
        continue
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)
    return Resources(
        cycles,
        rss_kib(),
        len(gc.get_objects()),
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - there is nothing to resolve
        threading.active_count(),
        len(asyncio.all_tasks()),
    )


def rss_kib() -> int:
    """Return the memory that this process has in use."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def assert_flat(taken: Sequence[Resources]) -> None:
    """What was taken at the end is no more than what was taken after the first third, the warm-up."""
    third = len(taken) // 3
    assert third >= 1, "too short a run to tell"
    warm, late = taken[third : 2 * third], taken[-third:]
    story = "\n".join(map(str, taken))
    for name, share, slack in (
        ("rss_kib", 0.04, 3000),
        ("objects", 0.02, 1500),
        ("descriptors", 0.0, 6),
        ("threads", 0.0, 4),
        # A look may meet a cycle in the middle, which is some tasks more than one in between.
        ("tasks", 0.0, 10),
    ):
        before = median(getattr(each, name) for each in warm)
        after = median(getattr(each, name) for each in late)
        assert after <= before * (1 + share) + slack, f"{name} grew from {before} to {after}:\n{story}"

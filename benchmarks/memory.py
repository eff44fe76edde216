"""`python -m benchmarks memory`: the memory of an idle picsync with different memory allocators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.measure import Program
from benchmarks.process import idle
from benchmarks.report import markdown

_LIBRARIES = {
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.2.0",
}
"""From Debian's packages libjemalloc2 and libmimalloc2.0."""
_KINDS = ("idle", "idle_link")
_COLUMNS = (
    "allocator",
    "Google's API: idle MB",
    "after a cycle",
    "peak",
    "CPU s of the cycle",
    "shared link: idle MB",
    "after a cycle",
    "peak",
    "CPU s of the cycle",
)


def allocators() -> dict[str, Mapping[str, str]]:
    """Return the allocators that this machine has: title -> the variables that choose it."""
    found: dict[str, Mapping[str, str]] = {
        "glibc": {},
        "glibc, `MALLOC_ARENA_MAX=1`": {"MALLOC_ARENA_MAX": "1"},
        "glibc, `MALLOC_ARENA_MAX=2`": {"MALLOC_ARENA_MAX": "2"},
        "glibc, `MALLOC_ARENA_MAX=1`, `MALLOC_TRIM_THRESHOLD_=131072`": {
            "MALLOC_ARENA_MAX": "1",
            "MALLOC_TRIM_THRESHOLD_": "131072",
        },
    }
    for title, name in _LIBRARIES.items():
        if path := next(Path("/usr/lib").glob(f"*/{name}"), None):
            found[title] = {"LD_PRELOAD": str(path)}
    return found


async def compared(say: Callable[[str], object]) -> str:
    """Measure an idle picsync with each allocator; return a table."""
    rows = []
    for title, variables in allocators().items():
        say(title)
        found = await idle(_KINDS, watched_s=0.0, program=Program(variables=variables))
        figures = [
            f"{found[f'{kind}_{name}']:.{digits}f}"
            for kind in _KINDS
            for name, digits in (("mb", 1), ("after_cycle_mb", 1), ("peak_mb", 1), ("cycle_cpu_s", 2))
        ]
        rows.append([title, *figures])
    return markdown([_COLUMNS, *rows])

"""`python -m benchmarks paired`: two versions of picsync, run alternately."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from benchmarks.measure import THIS, Program
from benchmarks.report import markdown
from benchmarks.results import Result
from benchmarks.running import Case, run_case

_COLUMNS = (
    "version",
    "commit",
    "wall s: least",
    "median",
    "CPU s: least",
    "median",
    "ms/photo",
    "ms/request",
    "CPU ratio",
    "peak MB",
    "requests",
)


async def compared(case: Case, before: Program, runs: int, say: Callable[[str], object]) -> str:
    """Measure a case with both, alternately, so that a busy machine slows down both; return a table.

    Each run has its own services and bare client. The CPU ratio is that of the two medians.
    """
    versions = {"before": before, "after": THIS}
    found: dict[str, list[Result]] = {name: [] for name in versions}
    for number in range(runs):
        for name, program in versions.items():
            result = await run_case(case, program)
            found[name].append(result)
            say(f"{number + 1}, {name}: wall {result.wall_s:.2f} s, CPU {result.cpu_s:.2f} s")
    everything = [result for results in found.values() for result in results]
    bare_s = [result.bare.cpu_s for result in everything if result.bare is not None]
    rows = [_row(name, versions[name].commit, results, bare_s) for name, results in found.items()]
    last = (
        ""
        if not bare_s
        else f"\n\nBare client: CPU least {min(bare_s):.2f} s, median {median(bare_s):.2f} s."
    )
    return f"{case}, {runs} runs\n\n{markdown([_COLUMNS, *rows])}{last}"


def _row(name: str, commit: str, results: Sequence[Result], bare_s: Sequence[float]) -> tuple[str, ...]:
    walls, cpus = [each.wall_s for each in results], [each.cpu_s for each in results]
    return (
        name,
        commit,
        f"{min(walls):.2f}",
        f"{median(walls):.2f}",
        f"{min(cpus):.2f}",
        f"{median(cpus):.2f}",
        f"{median(each.cpu_ms_per_photo for each in results):.2f}",
        f"{median(each.cpu_ms_per_request for each in results):.1f}",
        f"{median(cpus) / median(bare_s):.2f}" if bare_s else "-",
        f"{median(each.peak_bytes for each in results) / 1e6:.0f}",
        f"{median(each.request_count for each in results):.0f}",
    )

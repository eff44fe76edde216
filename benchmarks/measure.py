"""One picsync process, measured from the outside: time, CPU, memory, and what the services saw of it.

CPU seconds are those that the kernel counts for the process from its first instruction to its last. The
peak of its resident memory is read inside it, at the very end, since what the kernel tells a parent also
covers the moment before the program was loaded.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import picsync
from benchmarks.scenes import Scene

_FIGURES = "BENCHMARK_FIGURES"
_CHILD = f"""
import os, sys
from picsync.cli.main import main
try:
    main()
finally:
    with open("/proc/self/status") as status, open(os.environ["{_FIGURES}"], "w") as figures:
        figures.write(status.read())
"""


class PicsyncFailedError(Exception):
    """The process that was to be measured did not do its work; the message has what it said."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one process took."""

    wall_s: float
    """From its start to its end."""
    cpu_s: float
    """User and system time."""
    peak_bytes: int
    """Most resident memory."""
    started_at: float
    """Seconds since the epoch."""


def command(*arguments: str) -> list[str]:
    """Return the command line of a picsync that leaves its figures."""
    return [sys.executable, "-c", _CHILD, *arguments]


def environment(figures: Path) -> dict[str, str]:
    """Return the environment for one: nothing of it configures picsync."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PICSYNC_")}
    root = str(Path(picsync.__file__).parents[1])
    return {**kept, "PYTHONPATH": root, _FIGURES: str(figures)}


async def run_picsync(folder: Path, arguments: Sequence[str]) -> Spent:
    """Run it to its end; raises PicsyncFailedError if it exits with anything but 0."""
    figures, said = folder / "figures", folder / "said"
    with said.open("wb") as output:
        started_at, began = time.time(), time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns as soon as the child is there
            command(*arguments), cwd=folder, stdout=output, stderr=output, env=environment(figures)
        )
        code, used = await asyncio.to_thread(_wait, process.pid)
        wall_s = time.monotonic() - began
        process.returncode = code
    if code:
        tail = "\n".join(said.read_text(errors="replace").splitlines()[-20:])
        raise PicsyncFailedError(f"picsync {' '.join(arguments)} exited with {code}:\n{tail}")
    peak_kib = next(line.split()[1] for line in figures.read_text().splitlines() if line.startswith("VmHWM"))
    return Spent(wall_s, used.ru_utime + used.ru_stime, int(peak_kib) * 1024, started_at)


def _wait(pid: int) -> tuple[int, resource.struct_rusage]:
    _, status, used = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), used


@dataclass(frozen=True, slots=True)
class Emulator:
    """What the emulated services took themselves, on the machine that picsync ran on too."""

    cpu_s: float
    waits: int
    """How often something was to be waited for: a latency, a chunk's passage."""
    late_mean_s: float
    """By how much such a wait was too long, on average."""
    late_worst_s: float


def sync_arguments(scene: Scene) -> list[str]:
    """Return the command line of a sync in a scene."""
    return ["sync", str(scene.config), "--cache", str(scene.cache)]


async def cycle(scene: Scene) -> tuple[Spent, Emulator]:
    """Run one cycle of every rule, as a new process."""
    wire = scene.world.server.wire
    gc.collect()
    # A collection over a world of 50,000 photos would hold up the wire.
    gc.freeze()
    before = time.process_time()
    try:
        spent = await run_picsync(scene.folder, [*sync_arguments(scene), "--once"])
    finally:
        gc.unfreeze()
    cpu_s = time.process_time() - before
    mean_s = wire.late_s / wire.waits if wire.waits else 0.0
    return spent, Emulator(cpu_s, wire.waits, mean_s, wire.worst_s)


def git_commit() -> str:
    """Return the commit that is measured, with a plus if files differ from it; empty outside a clone."""
    root = Path(picsync.__file__).parents[1]

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine() -> dict[str, str | int]:
    """Return what the figures were measured on."""
    info = Path("/proc/cpuinfo").read_text(errors="replace")
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line), "")
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line)
    return {
        "processor": model or os.uname().machine,
        "cores": os.cpu_count() or 1,
        "memory_bytes": int(memory.split()[1]) * 1024,
        "system": f"{os.uname().sysname} {os.uname().release}",
        "python": sys.version.split()[0],
    }

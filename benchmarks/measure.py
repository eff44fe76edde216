"""Measures one process from the outside: time, CPU, memory, and what the services received from it.

CPU seconds are those that the kernel counts for the process from its first instruction to its last. The peak
of its resident memory is read inside it, at the very end, since the value that the kernel reports to a parent
includes the time before the program was loaded.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import picsync
from benchmarks.authority import plain_environment
from benchmarks.scenes import Scene
from picsync.emulators.wireprofile import Wire

FIGURES = "BENCHMARK_FIGURES"
"""Variable with the path to which a measured process writes its status at its end."""
_CHILD = f"""
import os, sys
from picsync.cli.main import main
try:
    main()
finally:
    with open("/proc/self/status") as status, open(os.environ["{FIGURES}"], "w") as figures:
        figures.write(status.read())
"""


class ProgramFailedError(Exception):
    """The measured process failed; the message contains its output."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The cost of one process."""

    wall_s: float
    """Seconds from start to end."""
    cpu_s: float
    """User and system time."""
    peak_bytes: int
    """Peak of the resident memory."""
    started_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Program:
    """A picsync to measure: that of this checkout, or another one."""

    root: Path = Path(picsync.__file__).parents[1]
    """The checkout."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Added to its environment, e.g. `LD_PRELOAD`."""

    @property
    def python(self) -> str:
        """Its interpreter: the one of the checkout's own `.venv`, else the one that runs this."""
        own = self.root / ".venv" / "bin" / "python"
        return str(own) if own.exists() else sys.executable

    @property
    def knows_authorities(self) -> bool:
        """Whether it has the setting `caCertificates`; `SSL_CERT_FILE` works for all versions."""
        return "`caCertificates`" in (self.root / "doc" / "configuration.md").read_text("utf-8")

    @cached_property
    def commit(self) -> str:
        """Its commit, with a plus if files differ from it; empty outside a clone."""
        try:
            changed = self._git("status", "--porcelain", "--untracked-files=no")
            return self._git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")
        except (OSError, subprocess.CalledProcessError):
            return ""

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607
            cwd=self.root,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """Its environment, in which nothing configures picsync; its modules are compiled beforehand."""
        environ = {**plain_environment(), "PYTHONPATH": str(self.root), **self.variables}
        packages = [str(self.root / name) for name in ("picsync", "benchmarks")]
        subprocess.run([self.python, "-m", "compileall", "-q", *packages], env=environ, check=True)
        return environ

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a picsync that leaves its figures."""
        return [self.python, "-c", _CHILD, *arguments]


THIS = Program()


async def run_picsync(
    folder: Path,
    arguments: Sequence[str],
    program: Program = THIS,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Spent:
    """Run it; raises ProgramFailedError if it does not exit with 0."""
    environ = {**program.environment, **environ}
    return await run(folder, program.command(*arguments), environ, f"picsync {' '.join(arguments)}")


async def run(folder: Path, command: Sequence[str], environ: Mapping[str, str], title: str) -> Spent:
    """Run a program that leaves its `/proc/self/status` in the file that a variable names.

    Its output goes to the file `said`. Raises ProgramFailedError if it exits with anything but 0.
    """
    figures, said = folder / "figures", folder / "said"
    with said.open("wb") as output:
        started_at, began = time.time(), time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns as soon as the child is there
            command, cwd=folder, stdout=output, stderr=output, env={**environ, FIGURES: str(figures)}
        )
        code, used = await asyncio.to_thread(_wait, process.pid)
        wall_s = time.monotonic() - began
        process.returncode = code
    if code:
        tail = "\n".join(said.read_text(errors="replace").splitlines()[-20:])
        raise ProgramFailedError(f"{title} exited with {code}:\n{tail}")
    peak_kib = next(line.split()[1] for line in figures.read_text().splitlines() if line.startswith("VmHWM"))
    return Spent(wall_s, used.ru_utime + used.ru_stime, int(peak_kib) * 1024, started_at)


def _wait(pid: int) -> tuple[int, resource.struct_rusage]:
    _, status, used = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), used


@dataclass(frozen=True, slots=True)
class Emulator:
    """The cost of the emulated services, which run on the same machine."""

    cpu_s: float
    waits: int
    """Number of waits: for a latency, or the transfer of a chunk."""
    late_mean_s: float
    """By how much such a wait was too long on average, in seconds."""
    late_worst_s: float


def sync_arguments(scene: Scene) -> list[str]:
    """Return the command line of a sync in a scene."""
    return ["sync", str(scene.config), "--cache", str(scene.cache)]


async def cycle(scene: Scene, program: Program = THIS) -> tuple[Spent, Emulator]:
    """Run one cycle of every rule, as a new process."""
    arguments = [*sync_arguments(scene), "--once"]
    with watched(scene.world.server.wire) as emulator:
        spent = await run_picsync(scene.folder, arguments, program, scene.environment)
    return spent, emulator()


@contextmanager
def watched(wire: Wire) -> Iterator[Callable[[], Emulator]]:
    """Measure the services of this process; what is yielded returns the figures once the context is over."""
    gc.collect()
    # A garbage collection over a world of 50,000 photos would delay responses.
    gc.freeze()
    before = time.process_time()
    cpu_s = 0.0

    def result() -> Emulator:
        mean_s = wire.late_s / wire.waits if wire.waits else 0.0
        return Emulator(cpu_s, wire.waits, mean_s, wire.worst_s)

    try:
        yield result
    finally:
        gc.unfreeze()
        cpu_s = time.process_time() - before


def machine() -> dict[str, str | int]:
    """Describe the machine of the measurement."""
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

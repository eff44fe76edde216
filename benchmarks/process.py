"""The cost of the process itself: the help, the time before the first request, idling, and memory.

An idle picsync has completed its first cycle, and its rule is due in an hour. Its wake-ups are the voluntary
context switches of all its threads within a minute. Then it gets new photos and is asked for a cycle; the
memory that it keeps after that cycle is measured once it is idle again.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import measure
from benchmarks.measure import THIS, Program
from benchmarks.scenes import SCENARIOS, Scene, world

REPEATS = 7
WATCHED_S = 60.0
PHOTOS = 1_000
PHOTO_BYTES = 3_000
NEW_PHOTOS = 100
NEW_PHOTO_BYTES = 300_000
QUIET_S = 7.0
"""A process that has used no CPU for so long has closed its connections and returned freed memory."""
_PATIENCE_S = 300.0
PROGRAM = "from picsync.cli.main import main; main()"


async def startup() -> dict[str, float]:
    """Return how long the help takes, and a sync with nothing to do until its first request: medians."""
    found: dict[str, list[float]] = {}
    async with _in_step("steady", PHOTOS, THIS) as scene:
        for _ in range(REPEATS):
            spent = await measure.run_picsync(scene.folder, ["--help"])
            found.setdefault("help_ms", []).append(spent.wall_s * 1000)
            found.setdefault("help_cpu_ms", []).append(spent.cpu_s * 1000)
            for name, value in (await _until_first_request(scene)).items():
                found.setdefault(name, []).append(value)
    return {name: median(values) for name, values in found.items()}


async def _until_first_request(scene: Scene) -> dict[str, float]:
    log = scene.world.server.log
    log.clear()
    started_at = time.time()
    with _process(scene, THIS, "--once") as process:
        await asyncio.wait_for(log.wait_for(lambda log: bool(log.records)), _PATIENCE_S)
        used_s = cpu_s(process.pid)
        await asyncio.to_thread(process.wait)
    return {
        "first_request_ms": (log.records[0].at - started_at) * 1000,
        "first_request_cpu_ms": used_s * 1000,
    }


@dataclass(frozen=True, slots=True)
class Idle:
    """An idle process to measure."""

    scenario: str
    """Number of photos in its album."""
    page: bool = False
    """Whether it serves the status page."""


IDLE = {
    "idle": Idle("steady"),
    "idle_page": Idle("steady", page=True),
    "idle_link": Idle("link-steady"),
    "idle_link_page": Idle("link-steady", page=True),
}
"""By the names of their figures."""


async def idle(
    names: Sequence[str] = tuple(IDLE),
    *,
    watched_s: float = WATCHED_S,
    size: int = PHOTOS,
    new_photos: int = NEW_PHOTOS,
    quiet_s: float = QUIET_S,
    program: Program = THIS,
) -> dict[str, float]:
    """Return memory and wake-ups of idle processes, which run concurrently."""
    async with AsyncExitStack() as stack:
        scenes = []
        for kind in map(IDLE.__getitem__, names):
            scene = await stack.enter_async_context(_in_step(kind.scenario, size, program))
            scene.head = ["every: 1h", *(["prometheus: {listen: '127.0.0.1:0'}"] if kind.page else [])]
            scene.write_settings()
            scenes.append(scene)
        found = await asyncio.gather(
            *(_idle(scene, watched_s, program, new_photos, quiet_s) for scene in scenes)
        )
    return {
        f"{name}_{figure}": value
        for name, figures in zip(names, found, strict=True)
        for figure, value in figures.items()
    }


@asynccontextmanager
async def _in_step(scenario: str, size: int, program: Program) -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as folder:
        async with world() as services:
            kind = SCENARIOS[scenario]
            scene = Scene(Path(folder), services, PHOTO_BYTES, source=kind.source)
            await kind.build(scene, size)
            scene.write_settings()
            await measure.cycle(scene, program)
            scene.assert_synced()
            yield scene


async def _idle(
    scene: Scene, watched_s: float, program: Program, new_photos: int, quiet_s: float
) -> dict[str, float]:
    said = scene.folder / "said"
    with _process(scene, program) as process:
        pid = process.pid
        await until_idle(pid, said, quiet_s, cycles=1)
        if page := _page(said):
            for path in ("", "status.json", "metrics", "healthz"):
                await asyncio.to_thread(_get, page + path)
        before = _wakeups(pid)
        await asyncio.sleep(watched_s)
        found = {
            "wakeups_per_minute": (_wakeups(pid) - before) * 60 / (watched_s or 60.0),
            "mb": status(pid, "VmRSS") / 1000,
            "anonymous_mb": status(pid, "RssAnon") / 1000,
        }
        scene.photo_bytes = NEW_PHOTO_BYTES
        scene.add(next(iter(scene.albums.values())), new_photos)
        used_s = cpu_s(pid)
        await _ask_for_cycle(scene)
        await until_idle(pid, said, quiet_s, cycles=2)
        scene.assert_synced()
        return found | {
            "after_cycle_mb": status(pid, "VmRSS") / 1000,
            "cycle_cpu_s": cpu_s(pid) - used_s,
            "peak_mb": status(pid, "VmHWM") / 1000,
        }


async def _ask_for_cycle(scene: Scene) -> None:
    folder = scene.folder / "asking"
    folder.mkdir()
    await measure.run_picsync(folder, ["sync-now", "--cache", str(scene.cache)])


@contextmanager
def _process(scene: Scene, program: Program, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a sync during the context; its output goes to the file `said`."""
    with (scene.folder / "said").open("wb") as output:
        process = subprocess.Popen(
            [program.python, "-c", PROGRAM, *measure.sync_arguments(scene), *options],
            cwd=scene.folder,
            stdout=output,
            stderr=output,
            env={**program.environment, **scene.environment},
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def until_idle(pid: int, said: Path, quiet_s: float, *, cycles: int) -> None:
    """Return when that many cycles are done and the process has used no CPU for a while."""
    quiet, before = 0, -1.0
    async with asyncio.timeout(_PATIENCE_S):
        while quiet < 10 * quiet_s or _finished_cycles(said) < cycles:
            await asyncio.sleep(0.1)
            now = cpu_s(pid)
            quiet, before = (quiet + 1 if now == before else 0), now


def _finished_cycles(said: Path) -> int:
    return said.read_text("utf-8").count('"cycle_finished"')


def _page(said: Path) -> str:
    """Return the address at which a process serves, if it has reported one."""
    for line in said.read_text("utf-8").splitlines():
        record = json.loads(line)
        if record.get("action") == "listening":
            return str(record["message"]).split()[-1]
    return ""


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own process
        answer.read()


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (float(fields[11]) + float(fields[12])) / os.sysconf("SC_CLK_TCK")


def _wakeups(pid: int) -> int:
    return sum(
        _field(task / "status", "voluntary_ctxt_switches") for task in Path(f"/proc/{pid}/task").iterdir()
    )


def status(pid: int, name: str) -> int:
    """Return a size in units of 1,024 bytes, turned into 1,000."""
    return _field(Path(f"/proc/{pid}/status"), name) * 1024 // 1000


def _field(path: Path, name: str) -> int:
    for line in path.read_text("ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"{path} has no {name}")

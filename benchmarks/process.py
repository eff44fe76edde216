"""What the process itself costs: the help, the time before the first request, and doing nothing.

An idle picsync is one whose rule is due in an hour and has had its first cycle. Its wake-ups are the
voluntary context switches of all its threads within a minute: what it does without being asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median

from benchmarks import measure
from benchmarks.scenes import SCENARIOS, Scene, world

REPEATS = 7
WATCHED_S = 60.0
PHOTOS = 1_000
PHOTO_BYTES = 3_000
_PATIENCE_S = 60.0
_PROGRAM = "from picsync.cli.main import main; main()"


async def startup() -> dict[str, float]:
    """Return how long the help takes, and a sync with nothing to do until its first request: medians."""
    found: dict[str, list[float]] = {}
    async with _in_step(PHOTOS) as scene:
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
    with _process(scene, "--once") as process:
        await asyncio.wait_for(log.wait_for(lambda log: bool(log.records)), _PATIENCE_S)
        cpu_s = _cpu_ticks(process.pid) / os.sysconf("SC_CLK_TCK")
        await asyncio.to_thread(process.wait)
    return {
        "first_request_ms": (log.records[0].at - started_at) * 1000,
        "first_request_cpu_ms": cpu_s * 1000,
    }


async def idle(watched_s: float = WATCHED_S) -> dict[str, float]:
    """Return resident memory and wake-ups of an idle process, without and with the status page."""
    async with _in_step(PHOTOS) as plain, _in_step(PHOTOS) as paged:
        paged.head = ["prometheus: {listen: '127.0.0.1:0'}"]
        without, serving = await asyncio.gather(_idle(plain, watched_s), _idle(paged, watched_s))
    return {f"idle_{name}": value for name, value in without.items()} | {
        f"idle_page_{name}": value for name, value in serving.items()
    }


@asynccontextmanager
async def _in_step(size: int) -> AsyncIterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="picsync-benchmark-") as folder:
        async with world() as services:
            scene = Scene(Path(folder), services, PHOTO_BYTES)
            await SCENARIOS["steady"].build(scene, size)
            scene.write_settings()
            await measure.cycle(scene)
            scene.assert_synced()
            yield scene


async def _idle(scene: Scene, watched_s: float) -> dict[str, float]:
    scene.head = [*scene.head, "every: 1h"]
    scene.write_settings()
    said = scene.folder / "said"
    with _process(scene) as process:
        async with asyncio.timeout(_PATIENCE_S):
            await _until_idle(process.pid, said)
        if page := _page(said):
            for path in ("", "status.json", "metrics", "healthz"):
                await asyncio.to_thread(_get, page + path)
        before = _wakeups(process.pid)
        await asyncio.sleep(watched_s)
        return {
            "wakeups_per_minute": (_wakeups(process.pid) - before) * 60 / (watched_s or 60.0),
            "mb": _status(process.pid, "VmRSS") / 1000,
            "anonymous_mb": _status(process.pid, "RssAnon") / 1000,
        }


@contextmanager
def _process(scene: Scene, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a sync, ended with the context if it has not ended by then; its words go to the file `said`."""
    with (scene.folder / "said").open("wb") as output:
        process = subprocess.Popen(
            [measure.THIS.python, "-c", _PROGRAM, *measure.sync_arguments(scene), *options],
            cwd=scene.folder,
            stdout=output,
            stderr=output,
            env={**measure.THIS.environment, **scene.environment},
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def _until_idle(pid: int, said: Path) -> None:
    """Return once the first cycle is over and nothing has used the processor for a while."""
    quiet, before = 0, -1.0
    while quiet < 20 or not _has_finished(said):
        await asyncio.sleep(0.1)
        now = _cpu_ticks(pid)
        quiet, before = (quiet + 1 if now == before else 0), now


def _has_finished(said: Path) -> bool:
    return '"cycle_finished"' in said.read_text("utf-8")


def _page(said: Path) -> str:
    """Return the address that a process said it serves, or nothing."""
    for line in said.read_text("utf-8").splitlines():
        record = json.loads(line)
        if record.get("action") == "listening":
            return str(record["message"]).split()[-1]
    return ""


def _get(url: str) -> None:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own process
        answer.read()


def _cpu_ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return float(fields[11]) + float(fields[12])


def _wakeups(pid: int) -> int:
    return sum(
        _field(task / "status", "voluntary_ctxt_switches") for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _status(pid: int, name: str) -> int:
    """Return a size in units of 1,024 bytes, turned into 1,000."""
    return _field(Path(f"/proc/{pid}/status"), name) * 1024 // 1000


def _field(path: Path, name: str) -> int:
    for line in path.read_text("ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"{path} has no {name}")

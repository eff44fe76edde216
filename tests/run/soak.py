"""A long run in simulated time with faults in every third cycle.

    python -m tests.run.soak --cycles 10000

picsync's event loop runs fast; the services have their own process and clock (`soak_services`). From time to
time the faults end: then the frame has to be right, and the resources of this process are measured. At the
end, the counters of picsync are compared with the request log of the services.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from picsync.cli.logs import LogView, set_up
from picsync.core.events import (
    ConfigApplied,
    ConfigRefused,
    CycleFinished,
    CycleOutcome,
    Event,
    RequestOutcome,
)
from picsync.run.process import LongRun, RunContext
from picsync.run.scheduler import Stop
from picsync.run.settings import SettingsFiles
from picsync.vendors.google import threads
from tests.grafana.prometheus import free_port
from tests.run.fast_clock import SPEED, FastLoop
from tests.run.resources import Resources, assert_flat, measure

ROOT = Path(__file__).parents[2]
PATIENCE_S = 300.0
"""Seconds of real time for a frame to be right after the faults end; far more than a busy machine takes."""
PAGES = ("/metrics", "/", "/status.json", "/healthz", "/readyz")
STALE = "Google Photos"
"""Its client library repeats a request by itself if a kept connection turns out to be closed."""


class Services:
    """The process of the services, which receives orders."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        command = [sys.executable, "-m", "tests.run.soak_services", str(folder), str(port), str(seed)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._unread = 0
        self._answer()

    def tell(self, what: str) -> None:
        """Send an order; it is carried out before later ones."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what}) + "\n")
        self._process.stdin.flush()
        self._unread += 1

    def ask(self, what: str) -> dict[str, Any]:
        """Send an order and return the response; blocks."""
        self.tell(what)
        while self._unread > 1:
            self._answer()
            self._unread -= 1
        self._unread = 0
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the services have ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate()


@dataclass
class Soak:
    """One long run and its result."""

    services: Services
    url: str
    noisy: bool = False
    until: float = math.inf
    """Latest end, by the monotonic clock."""
    taken: list[Resources] = field(default_factory=list)
    others_kib: list[int] = field(default_factory=list)
    """Resources of the services' process at the same moments."""
    memory: list[tracemalloc.Snapshot] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    applied: int = 0
    refused: int = 0
    scrapes: int = 0
    judged: dict[str, Any] = field(default_factory=dict)
    """The last report of the services."""
    metrics: str = ""
    """Metrics of picsync at the end."""
    _calm: bool = False
    _due: int = 0
    _idle: int | None = None

    def __post_init__(self) -> None:
        self._view = LogView()
        self._still = asyncio.Event()
        self.scraped = asyncio.Event()

    @property
    def cycles(self) -> int:
        return self.outcomes.total()

    def read(self, event: Event) -> None:
        self._view(event)
        match event:
            case ConfigApplied():
                self.applied += 1
                self._idle = 0 if self._calm else None
            case ConfigRefused():
                self.refused += 1
            case CycleFinished(report):
                self.outcomes[report.outcome] += 1
                fine = report.outcome is CycleOutcome.DONE and not report.changed and not report.downloaded
                if self._idle is not None:
                    self._idle = self._idle + 1 if fine else 0
            case _ if event.action == "cycle_scheduled":
                self._between()

    def _between(self) -> None:
        if not self._calm:
            if self.cycles >= self._due or time.monotonic() > self.until:
                self._still.set()
            else:
                self.services.tell("strike")
        elif self._idle is not None and self._idle >= 3:
            self._still.set()

    async def _until_still(self, patience_s: float) -> None:
        async with asyncio.timeout(patience_s * SPEED):
            await self._still.wait()
        self._still.clear()

    async def run_phases(self, cycles: int, looks: int) -> None:
        """Alternate between phases with and without faults, and check at the end of each phase without."""
        each = max(1, cycles // looks)
        while self.cycles < cycles and time.monotonic() < self.until:
            self._calm, self._due = False, self.cycles + each
            await self._until_still(PATIENCE_S + each)
            self._calm, self._idle = True, None
            await asyncio.to_thread(self.services.ask, "calm")
            await self._until_still(PATIENCE_S)
            self._look(await asyncio.to_thread(self.services.ask, "judge"))

    def _look(self, judged: dict[str, Any]) -> None:
        assert not judged["wrong"], judged["wrong"]
        self.judged = judged
        self.taken.append(measure(self.cycles))
        self.others_kib.append(judged["rss_kib"])
        if tracemalloc.is_tracing():
            self.memory.append(tracemalloc.take_snapshot())
        if self.noisy:
            print(f"{self.taken[-1]}  services' rss_kib {self.others_kib[-1]}", flush=True)

    async def scrape(self) -> None:
        """Request every page repeatedly, whether it exists or not."""
        async with httpx.AsyncClient(timeout=PATIENCE_S * SPEED) as client:
            while True:
                for path in PAGES:
                    with contextlib.suppress(httpx.TransportError):
                        answer = await client.get(self.url + path)
                        assert answer.status_code in (200, 503), answer
                        self.scrapes += 1
                        self.scraped.set()
                await asyncio.sleep(0.5 * SPEED)

    def finish(self, registry: CollectorRegistry) -> None:
        """Store the figures of both processes, after the end of picsync."""
        self.judged = self.services.ask("judge")
        self.metrics = generate_latest(registry).decode()

    def miscounted(self) -> list[str]:
        """Return the differences between the metrics and the request log of the services."""
        counted: Counter[str] = Counter()
        cancelled: Counter[str] = Counter()
        for labels, value in re.findall(
            r"^picsync_requests_total\{(.*)\} (\S+)$", self.metrics, re.MULTILINE
        ):
            label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            kind = f"{label['service']} {label['operation'].replace('_', ' ')}"
            if label["outcome"] == RequestOutcome.CANCELLED:
                cancelled[kind] += round(float(value))
            elif label["outcome"] != RequestOutcome.UNSENT:
                counted[kind] += round(float(value))
        asked, reset = Counter(self.judged["asked"]), Counter(self.judged["reset"])
        return [
            f"{kind}: counted {counted[kind]}, asked {asked[kind]}, {reset[kind]} of them reset"
            for kind in sorted(counted.keys() | asked.keys())
            # A request that picsync cancelled may have been sent already.
            if not counted[kind] <= asked[kind]
            or not asked[kind] <= counted[kind] + cancelled[kind] + (reset[kind] if STALE in kind else 0)
        ]


async def _soak(soak: Soak, folder: Path, cycles: int, looks: int) -> None:
    """Run `cycles`, with about that many checks."""
    files = SettingsFiles(folder / "picsync.yaml", {}, [folder / ".picsync-credentials.yaml"])
    stop = Stop()
    context = RunContext(str(folder / "cache.db"), soak.read, lambda _message: None, stop)
    async with asyncio.TaskGroup() as group:
        long_run = LongRun(files, context)
        running = group.create_task(long_run.run(files.load()))
        scraping = group.create_task(soak.scrape())
        await soak.run_phases(cycles, looks)
        await soak.scraped.wait()
        scraping.cancel()
        stop.ask()
        await running
    soak.finish(long_run._figures().registry)


def run(
    folder: Path, *, cycles: int, looks: int, seed: int = 0, noisy: bool = False, until: float = math.inf
) -> Soak:
    """Run that many cycles with about that many checks, but not beyond `until`; return the result."""
    with contextlib.ExitStack() as stack:
        port = free_port()
        services = Services(folder, port, seed)
        stack.callback(services.close)
        stack.enter_context(_short_timeouts_in_threads())
        sink = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        with contextlib.redirect_stderr(sink), _logging(), asyncio.Runner(loop_factory=FastLoop) as runner:

            async def main() -> Soak:
                soak = Soak(services, f"http://127.0.0.1:{port}", noisy, until)
                await _soak(soak, folder, cycles, looks)
                return soak

            return runner.run(main())


@contextlib.contextmanager
def _short_timeouts_in_threads() -> Iterator[None]:
    """Shorten the timeouts of httplib2, whose threads do not use the loop's clock."""
    before = threads.HttpThreads.__init__

    def shorter(self: threads.HttpThreads, timeout_s: float) -> None:
        before(self, timeout_s / SPEED)

    with pytest.MonkeyPatch.context() as waits:
        waits.setattr(threads.HttpThreads, "__init__", shorter)
        yield


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    log = logging.getLogger("picsync")
    before = log.handlers, log.propagate, log.level
    set_up(verbose=True, as_json=True)
    try:
        yield
    finally:
        log.handlers, log.propagate = before[:2]
        log.setLevel(before[2])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trace", action="store_true", help="say which lines hold more memory at the end")
    options = parser.parse_args()
    began = time.monotonic()
    if options.trace:
        tracemalloc.start()
    with tempfile.TemporaryDirectory() as folder:
        soak = run(Path(folder), cycles=options.cycles, looks=options.looks, seed=options.seed, noisy=True)
        size = (Path(folder) / "cache.db").stat().st_size
    print(f"The cache has {size / 1024:.0f} KiB after {soak.judged['made']} photos.")
    print(f"{soak.cycles} cycles in {time.monotonic() - began:.0f} s: {dict(soak.outcomes)}")
    print(f"{soak.applied} times configured, {soak.refused} refused, {soak.scrapes} pages asked for")
    print("\n".join(f"{count:>6}  {fault}" for fault, count in sorted(soak.judged["struck"].items())))
    if soak.memory:
        growth = soak.memory[-1].compare_to(soak.memory[len(soak.memory) // 3], "lineno")
        print("\n".join(str(each) for each in growth[:20]))
    asked = Counter(soak.judged["asked"]).total()
    print("\n".join(soak.miscounted()) or f"All {asked} requests are counted as they were made.")
    assert_flat(soak.taken)
    assert not soak.miscounted()


if __name__ == "__main__":
    main()

"""A long run in fast motion with everything going wrong; `python -m tests.longrun.soak --cycles 5000`.

Picsync's loop runs fast; the services have a thread and a clock of their own. Between the storms it gets calm
now and then: then the frame has to be right, and what the process holds is looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from picsync.cli.logs import LogView, set_up
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Album
from picsync.emulators.nixplay.hosts import HOSTS
from picsync.events import ConfigApplied, ConfigRefused, CycleFinished, CycleOutcome, Event
from picsync.longrun import LongRun, Surroundings
from picsync.service import Stop
from picsync.sources.googlephotos.source import GooglePhotosSource
from picsync.wiring import SettingsFiles
from tests.grafana.prometheus import free_port
from tests.longrun.fast import SPEED, FastLoop
from tests.longrun.vitals import Vitals, assert_flat, take
from tests.road.road import MEDIA_HOST, Road, open_road

T = TypeVar("T")

OTHER = "Holiday"
GOOGLE_HOSTS = (MEDIA_HOST, "photoslibrary.googleapis.com", "oauth2.googleapis.com")
STATUSES = (400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504)
BODIES = ("", "{}", "[]", "null", "[{}]", '{"error":', "<html>Sorry</html>", "\xff" * 3000)
PLACES = ("http://127.0.0.1:1/x?t=1", "https://app.nixplay.com/login", "/", "")
KINDS = [kind for kind in FaultKind for _ in range(1 if kind is FaultKind.HANG else 8)]
"""A hanging connection costs a whole timeout, so there are few."""
FEWEST, MOST = 4, 9
PATIENCE_S = 60.0


@contextlib.contextmanager
def looping() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="services")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Storm:
    """What happens to the services and the files between two cycles; lives in the services' loop."""

    def __init__(self, road: Road, other: Album, port: int, seed: int) -> None:
        self.road = road
        self.other = other
        self.rng = random.Random(seed)
        self._port = port
        self._rules = 1
        self.done: Counter[str] = Counter()

    def strike(self) -> None:
        """Disturb the next cycle."""
        self.done.update(
            f"{record.fault} at {record.host}" for record in self.road.server.log.records if record.fault
        )
        self.road.server.log.clear()
        self.road.server.faults.clear()
        for _ in range(self.rng.choice((0, 1, 1, 2, 3))):
            self.road.server.faults.add(self._fault())
        for album in (self.road.album, self.other):
            self._change(album)
        match self.rng.randrange(24):
            case 0:
                self.road.nixplay._parts.sessions.expire_all()
            case 1:
                self.road.google.expire_access_tokens()
            case 2:
                self.configure(rules=self.rng.choice((1, 2)))
            case 3:
                self.configure(trouble="albumz: {")
            case 4:
                self.configure(rules=self._rules)

    def _fault(self) -> Fault:
        kind = self.rng.choice(KINDS)
        pick = self.rng.choice
        return Fault(
            kind=kind,
            host=pick((*HOSTS, *GOOGLE_HOSTS)),
            skip=self.rng.randrange(4),
            count=pick((1, 1, 1, 2, 6, None)) if kind is not FaultKind.HANG else 1,
            after=kind in (FaultKind.STATUS, FaultKind.BODY, FaultKind.REDIRECT) and pick((True, False)),
            status=pick(STATUSES),
            headers=pick(({}, {}, {"Retry-After": pick(("3", "120", "soon"))})),
            body=pick(BODIES),
            content_type=pick(("text/html", "application/json")),
            location=pick(PLACES),
            chunk_bytes=4000,
            delay_s=0.001,
        )

    def _change(self, album: Album) -> None:
        if len(album.items) < FEWEST or (self.rng.random() < 0.4 and len(album.items) < MOST):
            self.road.add(self.rng.choice((1, 2)), album)
        elif len(album.items) > FEWEST and self.rng.random() < 0.4:
            self.road.google.remove_item(self.rng.choice(album.items))

    def configure(self, *, rules: int = 1, trouble: str = "") -> None:
        """Replace the configuration by one that differs, if only in a comment."""
        self._rules = rules
        self.road.rule_lines = ['maxDelete: "100%"']
        path = self.road.write_config(every="1s")
        text = path.read_text("utf-8") + f"prometheus: {{listen: '127.0.0.1:{self._port}'}}\n"
        if rules == 2:
            second = f"albums:\n- {{name: {OTHER}, sources: {{googlephotos: [{self.other.album_id}]}}, "
            text = text.replace("albums:\n", second + "maxDelete: '100%'}\n")
        new = path.with_suffix(".new")
        new.write_text(f"{text}{trouble}\n# {self.rng.random()}\n", "utf-8")
        new.replace(path)

    def calm(self) -> None:
        """Let nothing go wrong any more, with a number of photos that is always the same."""
        self.road.server.faults.clear()
        self._forget()
        for album in (self.road.album, self.other):
            while len(album.items) > FEWEST:
                self.road.google.remove_item(album.items[0])
            self.road.add(FEWEST - len(album.items), album)
        self.configure(rules=1)

    def _forget(self) -> None:
        """Let the emulator, which remembers every upload, not be what grows."""
        uploads = self.road.nixplay._parts.uploads
        for upload in [each for each in uploads._by_id.values() if each.outcome is not None]:
            del uploads._by_id[upload.upload_id], uploads._by_key[upload.key]


class Soak:
    """One long run, and what became of it."""

    def __init__(self, storm: Storm, services: asyncio.AbstractEventLoop, *, noisy: bool = False) -> None:
        self.storm = storm
        self.taken: list[Vitals] = []
        self.memory: list[tracemalloc.Snapshot] = []
        self.outcomes: Counter[str] = Counter()
        self.applied = 0
        self.refused = 0
        self.scrapes = 0
        self.over = False
        self._noisy = noisy
        self._services = services
        self._view = LogView()
        self._calm = False
        self._due = 0
        self._idle: int | None = None
        self._still = asyncio.Event()

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
            if self.cycles >= self._due:
                self._still.set()
            else:
                self._services.call_soon_threadsafe(self.storm.strike)
        elif self._idle == 3 and not self._still.is_set():
            self.taken.append(take(self.cycles))
            if tracemalloc.is_tracing():
                self.memory.append(tracemalloc.take_snapshot())
            if self._noisy:
                print(self.taken[-1], flush=True)
            self._still.set()

    async def _on_services(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._services))

    async def _until_still(self) -> None:
        async with asyncio.timeout(PATIENCE_S * SPEED):
            await self._still.wait()
        self._still.clear()

    async def weather(self, cycles: int, looks: int) -> None:
        """Let it storm and be calm in turns."""
        for look in range(1, looks + 1):
            self._calm, self._due = False, cycles * look // looks
            await asyncio.wait_for(self._still.wait(), PATIENCE_S * SPEED * cycles)
            self._still.clear()
            self._calm, self._idle = True, None

            async def settle() -> None:
                self.storm.calm()

            await self._on_services(settle())
            await self._until_still()
            assert_right(self.storm)

    async def scrape(self, url: str) -> None:
        """Ask for every page again and again, whether it is there or not."""
        async with httpx.AsyncClient(timeout=5) as client:
            while not self.over:
                for path in ("/metrics", "/", "/status.json", "/healthz", "/readyz"):
                    with contextlib.suppress(httpx.TransportError):
                        answer = await client.get(url + path)
                        assert answer.status_code in (200, 503), answer
                        self.scrapes += 1
                await asyncio.sleep(0.1)


def assert_right(storm: Storm) -> None:
    """The frame shows what the album holds, and has never been empty on the way."""
    storm.road.assert_synced()


async def _soak(soak: Soak, cycles: int, looks: int) -> None:
    road = soak.storm.road
    files = SettingsFiles(road.folder / "picsync.yaml", {}, [road.credentials])
    stop = Stop()
    surroundings = Surroundings(str(road.cache), soak.read, lambda _message: None, stop)
    url = f"http://127.0.0.1:{soak.storm._port}"
    scraping = asyncio.run_coroutine_threadsafe(soak.scrape(url), soak._services)
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(LongRun(files, surroundings).run(files.load()))
            await soak.weather(cycles, looks)
            stop.ask()
            await running
    finally:
        soak.over = True
        await asyncio.wrap_future(scraping)


def run(folder: Path, *, cycles: int, looks: int, seed: int = 0, noisy: bool = False) -> Soak:
    """Weather so many cycles, looking so many times; return what was seen."""
    with looping() as services, contextlib.ExitStack() as stack:

        def on_services(work: Coroutine[Any, Any, T]) -> T:
            return asyncio.run_coroutine_threadsafe(work, services).result(PATIENCE_S)

        opening = open_road(folder)
        road = on_services(opening.__aenter__())
        stack.callback(lambda: on_services(opening.__aexit__(None, None, None)))
        road.google.options.requests_per_day = road.google.options.media_requests_per_day = None
        # httplib2 waits by the clock on the wall.
        waits = stack.enter_context(pytest.MonkeyPatch.context())
        defaults = GooglePhotosSource.__init__.__kwdefaults__
        assert defaults is not None
        waits.setitem(defaults, "timeout_s", 60.0 / SPEED)
        sink = stack.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        with contextlib.redirect_stderr(sink), _logging(), asyncio.Runner(loop_factory=FastLoop) as runner:
            storm = Storm(road, road.google.add_album(OTHER), free_port(), seed)
            storm.calm()

            async def main() -> Soak:
                soak = Soak(storm, services, noisy=noisy)
                await _soak(soak, cycles, looks)
                return soak

            return runner.run(main())


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
    parser.add_argument("--cycles", type=int, default=5000)
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
    print(f"The cache has {size / 1024:.0f} KiB after {soak.storm.road.made} photos.")
    print(f"{soak.cycles} cycles in {time.monotonic() - began:.0f} s: {dict(soak.outcomes)}")
    print(f"{soak.applied} times configured, {soak.refused} refused, {soak.scrapes} pages asked for")
    print("\n".join(f"{count:>6}  {fault}" for fault, count in sorted(soak.storm.done.items())))
    if soak.memory:
        growth = soak.memory[-1].compare_to(soak.memory[len(soak.memory) // 3], "lineno")
        print("\n".join(str(each) for each in growth[:20]))
    assert_flat(soak.taken)


if __name__ == "__main__":
    main()

"""A household in simulated time: a real `picsync sync` with the emulators, scraped by Prometheus."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Album, generated_jpeg
from picsync.emulators.world import World
from picsync.frames.web.access import Access, Way
from picsync.system.control import Requests
from picsync.web.frame.server import Household
from tests.grafana.prometheus import JOB, Prometheus, free_port, open_prometheus
from tests.household_services import MEDIA_HOST, write_credentials

FAMILY, ITALY = "Family", "Italy (2024)"
"""One of the names holds what regular expressions take for their own."""
FRAME = "tablet"
CACHE = "cache.db"
DASHBOARD = Path(__file__).parents[2] / "doc" / "grafana" / "picsync.json"
EVERY_S = 10
"""What is shorter counts as this."""
LIBRARY_HOST = "photoslibrary.googleapis.com"
SLOW = {"kind": FaultKind.TRICKLE, "host": MEDIA_HOST, "chunk_bytes": 500, "delay_s": 0.06}
"""A download that takes some seconds, so that Prometheus sees the cycle while it runs."""
PROGRAM = "from picsync.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of one panel, as Grafana would send it."""

    panel: str
    ref: str
    expr: str
    legend: str
    instant: bool


def targets(album: str = ".*", rate_interval: str = "5s") -> list[Target]:
    """Return every query of the dashboard, variables substituted."""
    values = {"$__rate_interval": rate_interval, "$instance": ".*", "$album": album, "$job": JOB}
    found = []
    for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for name, value in values.items():
                expr = expr.replace(name, value.replace("\\", "\\\\"))
            instant = target.get("instant", False)
            found.append(Target(panel["title"], target["refId"], expr, target["legendFormat"], instant))
    return found


@dataclass
class MonitoredSync:
    """What is there, and when what has happened."""

    world: World
    prometheus: Prometheus
    albums: dict[str, Album]
    frame_url: str
    """Of the web frame `tablet`."""
    access: Access
    began_at: float = field(default_factory=time.time)
    moments: dict[str, float] = field(default_factory=dict)
    made: int = 0

    def add(self, name: str, count: int) -> None:
        """Put new photos into a Google album."""
        for _ in range(count):
            self.made += 1
            content = generated_jpeg(self.made, 20_000 + 137 * self.made)
            self.world.google.add_item(self.albums[name], f"IMG_{self.made}.jpg", content)

    async def settle(self, moment: str, standing: dict[str, int], cycles: int = 2) -> None:
        """Wait until all rules stand like that and some cycles more have gone by; remember when."""
        (expr,) = [each.expr for each in targets() if each.panel == "Is the frame up to date?"]
        photos = f"sum(picsync_media_items_listed) == {sum(len(each.items) for each in self.albums.values())}"
        await self.prometheus.until(photos)
        await self.prometheus.until(
            expr, lambda found: {each.labels["album"]: int(each.last) for each in found} == standing
        )
        ended = "min(sum by (album) (picsync_cycles_total))"
        (so_far,) = await self.prometheus.query(ended)
        for cycle in range(1, cycles + 1):
            await self.prometheus.until(f"{ended} >= {so_far.last + cycle}")
        self.moments[moment] = time.time()

    async def look(self) -> None:
        """Have a device open the web frame's list, and wait until Prometheus knows of it."""
        token = await asyncio.to_thread(self.access.grant, FRAME, Way.LINK)
        async with httpx.AsyncClient(trust_env=False) as device:
            answer = await device.get(f"{self.frame_url}/poll", headers={"X-Frame-Token": token})
        assert answer.status_code == 200, answer.text
        await self.prometheus.until(f'picsync_frame_last_seen_timestamp_seconds{{frame="{FRAME}"}} > 0')

    def trouble(self) -> None:
        """Have both services fail in ways that pass, and be slow."""
        self.world.server.faults.add(
            Fault.from_json(SLOW),
            Fault(kind=FaultKind.STATUS, host=MEDIA_HOST, status=503, count=6, skip=5),
            Fault(kind=FaultKind.STATUS, host="api.nixplay.com", method="POST", status=502, count=2, skip=4),
        )

    async def fail(self) -> None:
        """Have a listing refused, and wait for the cycle that fails by that."""
        refused = Fault(kind=FaultKind.STATUS, host=LIBRARY_HOST, path="mediaItems", status=400)
        self.world.server.faults.add(refused)
        failed = 'sum(picsync_cycles_total{outcome="failed"})'
        (so_far,) = await self.prometheus.query(failed)
        await self.prometheus.until(failed, lambda found: found[0].last > so_far.last)


@asynccontextmanager
async def open_monitored_sync(folder: Path, *, family: int, italy: int) -> AsyncIterator[MonitoredSync]:
    """Start emulators, Prometheus and, on an empty frame, picsync."""
    port, web_port = free_port(), free_port()
    async with World() as world, open_prometheus(folder, f"127.0.0.1:{port}") as prometheus:
        albums = {name: world.google.add_album(name) for name in (FAMILY, ITALY)}
        frame_url = f"http://127.0.0.1:{web_port}/frame/{FRAME}"
        access = Household(Requests.beside(str(folder / CACHE))).access
        monitored = MonitoredSync(world, prometheus, albums, frame_url, access)
        monitored.add(FAMILY, family)
        monitored.add(ITALY, italy)
        world.server.faults.add(Fault.from_json(SLOW))
        write_credentials(folder / ".picsync-credentials.yaml", world)
        rules = [
            {"name": name, "sources": {"googlephotos": [each.album_id]}} for name, each in albums.items()
        ]
        config = {
            "emulator": world.server.url,
            "every": f"{EVERY_S}s",
            "prometheus": {"listen": f"127.0.0.1:{port}"},
            "web": {"listen": f"127.0.0.1:{web_port}"},
            "frames": {FRAME: {"kind": "web"}},
            "albums": rules,
        }
        # Prometheus takes up its targets seconds after its start, and is to see the first sync.
        await prometheus.until("up")
        # JSON is YAML.
        (folder / "picsync.yaml").write_text(json.dumps(config), "utf-8")
        with (folder / "picsync.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, "sync", "--cache", CACHE, cwd=folder, stdout=log, stderr=log
            )
        try:
            yield monitored
        finally:
            assert process.returncode is None, (folder / "picsync.log").read_text("utf-8")
            process.terminate()
            assert await process.wait() == 0

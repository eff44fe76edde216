"""A real Prometheus, started by the tests: it scrapes once a second, on a port chosen by the system."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

BINARY = shutil.which("prometheus")
JOB = "picsync"
LIMIT_S = 40.0
"""Far more than anything here takes."""

Labels = frozenset[tuple[str, str]]


def free_port() -> int:
    """Return a port that was free a moment ago; what is to listen there cannot tell us which it has got."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer; of an instant query it has one point."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """Time and value."""

    @property
    def last(self) -> float:
        return self.points[-1][1]

    @property
    def key(self) -> Labels:
        return frozenset((name, value) for name, value in self.labels.items() if name != "__name__")


class Prometheus:
    """Asks the HTTP API."""

    def __init__(self, client: httpx.AsyncClient, instance: str) -> None:
        self._client = client
        self.instance = instance

    async def query(self, expr: str, at: float | None = None) -> list[Series]:
        answer = await self._get("query", {"query": expr} | ({} if at is None else {"time": at}))
        return [_series(each["metric"], [each["value"]]) for each in answer]

    async def query_range(self, expr: str, start: float, end: float, step: float = 1.0) -> list[Series]:
        answer = await self._get("query_range", {"query": expr, "start": start, "end": end, "step": step})
        return [_series(each["metric"], each["values"]) for each in answer]

    async def until(self, expr: str, right: Callable[[list[Series]], bool] = bool) -> list[Series]:
        """Ask until the answer is right, and return it."""

        async def asked() -> list[Series]:
            while not right(answer := await self.query(expr)):
                await asyncio.sleep(0.1)  # Prometheus tells nobody when it has scraped.
            return answer

        return await _in_time(asked, expr)

    async def _get(self, path: str, params: Mapping[str, str | float]) -> list[dict[str, object]]:
        response = await self._client.get(f"/api/v1/{path}", params=dict(params))
        answer = response.json()
        assert answer["status"] == "success", (params["query"], answer)
        result: list[dict[str, object]] = answer["data"]["result"]
        return result


def _series(labels: object, points: object) -> Series:
    assert isinstance(labels, dict)
    assert isinstance(points, list)
    return Series(labels, tuple((float(at), float(value)) for at, value in points))


async def _in_time(asked: Callable[[], Awaitable[list[Series]]], what: str) -> list[Series]:
    try:
        async with asyncio.timeout(LIMIT_S):
            return await asked()
    except TimeoutError:
        raise AssertionError(f"it never came true: {what}") from None


@asynccontextmanager
async def open_prometheus(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """Run Prometheus, with its data below `folder`, until the end of the context."""
    assert BINARY is not None
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs:\n- {{job_name: {JOB}, static_configs: [{{targets: ['{target}']}}]}}\n",
        "utf-8",
    )
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            BINARY,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=log,
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            await _ready(client)
            yield Prometheus(client, target)
    finally:
        process.terminate()
        await process.wait()


async def _ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                if (await client.get("/-/ready")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass  # It does not listen yet.
            await asyncio.sleep(0.05)

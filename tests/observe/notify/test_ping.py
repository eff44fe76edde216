"""The ping after good cycles, over loopback HTTP, and the link that messages carry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from picsync.config import Listen
from picsync.core.events import CycleFinished, CycleOutcome, CycleReport
from picsync.observe.notify import Level, Message, Pinger, page_address, with_page
from tests.config.builders import RULE, config, config_problems


@dataclass
class Monitor:
    """A server that counts the pings."""

    port: int = 0
    status: int = 200
    pings: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.port}/api/push/geheim?status=up")

    async def take(self, request: web.Request) -> web.Response:
        self.pings.put_nowait(f"{request.method} {request.path_qs}")
        return web.Response(status=self.status, text="geheim")


@asynccontextmanager
async def serving() -> AsyncIterator[Monitor]:
    monitor = Monitor()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", monitor.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monitor.port = runner.addresses[0][1]
    try:
        yield monitor
    finally:
        await runner.cleanup()


@asynccontextmanager
async def pinging(monitor: Monitor) -> AsyncIterator[Pinger]:
    pinger = Pinger()
    pinger.expect(monitor.url, ("A", "B"))
    try:
        yield pinger
    finally:
        await pinger.aclose(30)


async def end(pinger: Pinger, rule: str, outcome: CycleOutcome, *, dry_run: bool = False) -> None:
    """Tell of a cycle's end, and wait for what comes of it."""
    pinger.read(CycleFinished(CycleReport(rule, outcome, dry_run=dry_run)))
    if pinger._task is not None:
        await pinger._task


async def test_each_good_cycle_pings() -> None:
    async with serving() as monitor, pinging(monitor) as pinger:
        await end(pinger, "A", CycleOutcome.DONE)
        await end(pinger, "A", CycleOutcome.HELD)
        assert [monitor.pings.get_nowait() for _ in range(2)] == ["GET /api/push/geheim?status=up"] * 2
        assert monitor.pings.empty()


async def test_failing_rule_silences_the_ping_until_good_or_removed() -> None:
    async with serving() as monitor, pinging(monitor) as pinger:
        await end(pinger, "A", CycleOutcome.FAILED)
        await end(pinger, "B", CycleOutcome.DONE)
        assert monitor.pings.empty()
        pinger.expect(monitor.url, ("B",))
        await end(pinger, "B", CycleOutcome.DONE)
        assert monitor.pings.qsize() == 1


async def test_a_dry_run_says_nothing_of_the_frame() -> None:
    async with serving() as monitor, pinging(monitor) as pinger:
        await end(pinger, "A", CycleOutcome.DONE, dry_run=True)
        assert monitor.pings.empty()


async def test_refusing_monitor_is_reported_once_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving() as monitor, pinging(monitor) as pinger:
        monitor.status = 404
        await end(pinger, "A", CycleOutcome.DONE)
        await end(pinger, "A", CycleOutcome.DONE)
        monitor.status = 200
        await end(pinger, "A", CycleOutcome.DONE)
    said = [record.getMessage() for record in caplog.records if record.name == "picsync.notify"]
    assert len(said) == 2
    assert "Check `ping`" in said[0]
    assert "the monitor works again" in said[1]
    assert "geheim" not in " ".join(said)


@pytest.mark.parametrize(
    "url", ["ntfy://x", "hc-ping.com/x", "http://", "http://a:99999/", "http://u:geheim@a/"]
)
def test_an_address_that_cannot_be_requested_is_refused(tmp_path: Path, url: str) -> None:
    (problem,) = config_problems(tmp_path, f"ping: {url}\nalbums:\n{RULE}")
    assert "ping" in problem
    assert "geheim" not in problem


def test_the_address_is_a_secret(tmp_path: Path) -> None:
    loaded = config(tmp_path, f"ping: https://hc-ping.com/geheim\nalbums:\n{RULE}")
    assert "geheim" not in f"{loaded!r} {loaded.model_dump_json()}"


def test_messages_link_to_the_page_if_its_address_is_known() -> None:
    message = Message("t", "b", Level.INFO)
    assert with_page(message, "http://nas:1971/").body == "b\n\nStatus page: http://nas:1971/"
    assert with_page(message, "") == message
    assert page_address(Listen("", 1971), "http://nas/") == "http://nas/"
    assert page_address(Listen("10.0.0.2", 1971), None) == "http://10.0.0.2:1971/"
    assert page_address(Listen("::1", 1971), None) == "http://[::1]:1971/"
    assert page_address(Listen("", 1971), None, reachable=False) == ""
    assert page_address(Listen("", 0), None) == ""

"""Pings a monitor after each good cycle; the monitor raises an alarm when the pings stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Protocol

import httpx
from pydantic import SecretStr

from picsync.core.errors import PicsyncError
from picsync.core.events import CycleFinished, Event, PassFinished
from picsync.http.allowed import AllowedHosts
from picsync.http.client import HttpClient
from picsync.http.retry import Operation, Retrier, RetryPolicy

log = logging.getLogger("picsync.notify")

PING = Operation("Monitor", "ping")

POLICY = RetryPolicy(attempts=3, max_wait_s=10.0, budget_s=30.0)
"""The next good cycle pings again, and monitors tolerate a late one."""

TIMEOUT = httpx.Timeout(10.0)
CLOSE_S = 5.0
"""How long, in seconds, a ping may take when the process ends; within the grace period."""


class Client(Protocol):
    """An object that sends pings and can be closed."""

    async def ping(self) -> None:
        """Send a ping; raises PicsyncError."""

    async def aclose(self) -> None:
        """Close the connections."""


class HttpPing:
    """Requests one URL."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url.get_secret_value()
        parts = httpx.URL(self._url)
        origin = str(parts.copy_with(path="/", query=None, fragment=None)).rstrip("/")
        self._http = HttpClient(
            Retrier(POLICY, emit=lambda _event: None),
            allowed=AllowedHosts(origin=origin),
            timeout=TIMEOUT,
        )

    async def ping(self) -> None:
        """GET the URL; raises PicsyncError unless the response is a 2xx."""
        await self._http.request(PING, "GET", self._url, lambda _response: None)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()


class Pinger:
    """Pings after good cycles, in the background; for use within an event loop.

    While the last cycle of any rule has failed, it does not ping, so that the monitor raises the alarm.
    """

    def __init__(self, connect: Callable[[SecretStr], Client] = HttpPing) -> None:
        self._connect = connect
        self._url: SecretStr | None = None
        self._good: dict[str, bool] = {}
        self._task: asyncio.Task[None] | None = None
        self._failing = False

    def expect(self, url: SecretStr | None, rules: Collection[str]) -> None:
        """Set the URL and the rules in force."""
        self._url = url
        self._good = {rule: good for rule, good in self._good.items() if rule in rules}

    def read(self, event: Event) -> None:
        """Handle the end of a cycle, and start a ping if all rules are good."""
        if not isinstance(event, CycleFinished | PassFinished) or event.report.dry_run:
            return
        self._good[event.report.rule] = event.report.outcome.good
        if all(self._good.values()):
            self.send()

    def send(self) -> None:
        """Start a ping, unless one is in progress."""
        if self._url is not None and (self._task is None or self._task.done()):
            self._task = asyncio.get_running_loop().create_task(self._ping(self._url))

    async def aclose(self, wait_s: float = CLOSE_S) -> None:
        """Give a ping in progress `wait_s` seconds, then cancel it."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=wait_s)
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _ping(self, url: SecretStr) -> None:
        try:
            client = self._connect(url)
            try:
                await client.ping()
            finally:
                await client.aclose()
        except PicsyncError as error:
            if not self._failing:
                log.warning(
                    "Could not ping the monitor: %s Check `ping` in picsync.yaml. picsync tries again after"
                    " each good cycle.",
                    error.message,
                    extra={"action": "ping_failed"},
                )
            self._failing = True
        except Exception:
            # Photos are more important than pings: even a bug here ends no cycle.
            log.exception("The ping has failed.", extra={"action": "ping_failed"})
        else:
            if self._failing:
                log.info("Pinging the monitor works again.", extra={"action": "ping_sent"})
            self._failing = False

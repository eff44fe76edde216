"""Calls to the webhooks of apps when something changes in a Dropbox that they may read."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

from picsync.emulators.dropbox.account import Accounts, App, User
from picsync.emulators.dropbox.options import DropboxOptions

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to call a webhook."""

    url: str
    body: bytes
    status: int
    """0 if there was no response."""


class WebhookRefused(Exception):  # noqa: N818 - says what happened
    """The address did not answer the challenge; the text says what it did."""


class Webhooks:
    """Registers webhooks and calls them; needs a running event loop for each change."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._options: DropboxOptions = accounts.options
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: dict[str, set[str]] = {}
        self.deliveries: list[Delivery] = []

    def watch(self, user: User) -> None:
        """Call webhooks for each change of this user's files from now on."""
        user.tree.observers.append(lambda: self._changed(user))

    async def register(self, app: App, url: str) -> None:
        """Register a webhook as the App Console does; raises WebhookRefused."""
        challenge = secrets.token_urlsafe(24)
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S)) as session,
                session.get(url, params={"challenge": challenge}) as response,
            ):
                body = await response.content.read(1000)
                status, kind = response.status, response.content_type
                nosniff = response.headers.get("X-Content-Type-Options")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise WebhookRefused(f"no response ({type(error).__name__})") from error
        if (status, body) != (200, challenge.encode()):
            raise WebhookRefused(f"{status}, and not the challenge")
        if kind != "text/plain" or nosniff != "nosniff":
            raise WebhookRefused(f"the challenge as {kind} (X-Content-Type-Options: {nosniff})")
        app.webhooks.append(url)

    def _changed(self, user: User) -> None:
        for app in {grant.app.key: grant.app for grant in self._accounts.grants}.values():
            mine = any(
                grant.user is user and grant.app is app and not grant.revoked
                for grant in self._accounts.grants
            )
            if mine and app.webhooks:
                self.notify(app, user)

    def notify(self, app: App, *users: User) -> None:
        """Tell an app that something has changed; changes in the same moment are told in one call."""
        waiting = self._pending.get(app.key)
        if waiting is not None:
            waiting.update(user.account_id for user in users)
            return
        self._pending[app.key] = {user.account_id for user in users}
        task = asyncio.get_running_loop().create_task(self._deliver(app))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Wait until every call has been answered or given up."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def aclose(self) -> None:
        """Give up all calls."""
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, app: App) -> None:
        await asyncio.sleep(0)
        accounts = sorted(self._pending.pop(app.key))
        uids = [int(user.uid) for user in self._accounts.users if user.account_id in accounts]
        body = json.dumps({"list_folder": {"accounts": accounts}, "delta": {"users": uids}}).encode()
        await asyncio.gather(*(self._call(app, url, body) for url in app.webhooks))

    async def _call(self, app: App, url: str, body: bytes) -> None:
        headers = {
            "X-Dropbox-Signature": hmac.new(app.secret.encode(), body, hashlib.sha256).hexdigest(),
            "Content-Type": "application/json",
        }
        for attempt in range(self._options.webhook_attempts):
            if attempt:
                await self._options.sleep(self._options.webhook_gap_s * 2 ** (attempt - 1))
            status = 0
            with suppress(aiohttp.ClientError, TimeoutError):
                async with (
                    aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S)) as session,
                    session.post(url, data=body, headers=headers) as response,
                ):
                    status = response.status
            self.deliveries.append(Delivery(url, body, status))
            if status == 200:
                return

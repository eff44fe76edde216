"""One request to Dropbox in each of the API's styles.

Why not Dropbox's own SDK (12.2.4): it is built on requests, so each of its calls would need a thread, also
each long poll of eight minutes; it takes uploads as bytes in memory; it retries and renews tokens by rules of
its own, next to picsync's limits and events; and importing it takes 0.3 s of CPU and 30 MB. The tests use it
as a client of the emulator.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from picsync.core.errors import LoginNeeded
from picsync.http.client import TIMEOUT, Hosts, HttpClient
from picsync.http.retry import Answer, Operation, Retrier, RetryPolicy
from picsync.vendors.dropbox import wire
from picsync.vendors.dropbox.credentials import TITLE
from picsync.vendors.dropbox.refusals import LOGIN_AGAIN, ExpiredTokenError, refusal
from picsync.vendors.dropbox.tokens import RENEW_TOKEN, Login, Tokens, token_refusal

T = TypeVar("T")

API_HOST = "api.dropboxapi.com"
CONTENT_HOST = "content.dropboxapi.com"
NOTIFY_HOST = "notify.dropboxapi.com"
HOSTS = (API_HOST, CONTENT_HOST, NOTIFY_HOST)
POLICY = RetryPolicy(rate_limited_wait_s=5.0, account_waits=True)
"""A 429 may name no time; then 5 s and more are to be waited. It concerns the user's whole account."""
POLL_JITTER_S = 90
"""By how much a long poll may exceed its timeout."""


class DropboxClient:
    """One account, or an app without a user. All methods may run concurrently.

    Every method raises LoginNeeded, TransientError, ProtocolError, QuotaError, RefusedError and, for a call's
    own errors, DropboxError.
    """

    def __init__(
        self,
        login: Login,
        *,
        hosts: Hosts,
        retrier_for: Callable[[RetryPolicy], Retrier],
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        self.login = login
        self._hosts = hosts
        self._timeout = timeout
        self._http = HttpClient(
            retrier_for(POLICY), allowed=hosts.allowed(*HOSTS), timeout=timeout, refusal=_refused
        )
        self._tokens = Tokens(login, url=f"{hosts.url(API_HOST)}/oauth2/token", http=self._http)

    async def call(
        self, operation: Operation, name: str, argument: Mapping[str, Any] | None, adapter: TypeAdapter[T]
    ) -> T:
        """Send an RPC-style call and return its result; `argument` is None for calls without one."""
        url = f"{self._hosts.url(API_HOST)}/2/{name}"
        read = partial(wire.parse, operation, adapter)
        body = {"content": b"null", "headers": {"content-type": "application/json"}}

        async def send(authorization: str) -> T:
            options: dict[str, Any] = dict(body) if argument is None else {"json": argument}
            headers = {**options.pop("headers", {}), "authorization": authorization}
            return await self._http.request(operation, "POST", url, read, headers=headers, **options)

        return await self._authorized(send)

    async def upload(
        self,
        operation: Operation,
        name: str,
        argument: Mapping[str, Any],
        content: bytes | Callable[[], AsyncIterable[bytes]],
        read: Callable[[httpx.Response], T],
        *,
        size_bytes: int | None = None,
    ) -> T:
        """Send a content upload.

        `content` is bytes, or is called for each attempt and yields `size_bytes` bytes.
        """
        url = f"{self._hosts.url(CONTENT_HOST)}/2/{name}"
        length = {} if size_bytes is None else {"content-length": str(size_bytes)}

        async def send(authorization: str) -> T:
            body = content if isinstance(content, bytes) else _Again(content)
            headers = {
                "authorization": authorization,
                "dropbox-api-arg": argument_header(argument),
                "content-type": "application/octet-stream",
                **length,
            }
            return await self._http.request(operation, "POST", url, read, headers=headers, content=body)

        return await self._authorized(send)

    async def download(
        self,
        operation: Operation,
        name: str,
        argument: Mapping[str, Any],
        consume: Callable[[httpx.Response], Awaitable[None]],
        *,
        start: int = 0,
        size_bytes: int | None = None,
    ) -> None:
        """Send a content download, by GET, and let `consume` read the answer of each attempt.

        `size_bytes` limits the answer; None stands for everything from `start` on.
        """
        url = f"{self._hosts.url(CONTENT_HOST)}/2/{name}"

        async def send(authorization: str) -> None:
            headers = {"authorization": authorization, "dropbox-api-arg": argument_header(argument)}
            if start or size_bytes is not None:
                last = "" if size_bytes is None else start + size_bytes - 1
                headers["range"] = f"bytes={start}-{last}"
            await self._http.download(operation, url, consume, headers=headers)

        await self._authorized(send)

    async def poll(self, operation: Operation, cursor: str, timeout_s: int) -> wire.Poll:
        """Wait up to `timeout_s` (30 to 480) for changes; it needs no authorization."""
        url = f"{self._hosts.url(NOTIFY_HOST)}/2/files/list_folder/longpoll"
        silence_s = (self._timeout.read or 60.0) + timeout_s + POLL_JITTER_S
        timeout = httpx.Timeout(silence_s, connect=self._timeout.connect, pool=None)
        argument = {"cursor": cursor, "timeout": timeout_s}
        read = partial(wire.parse, operation, wire.POLL)
        return await self._http.request(operation, "POST", url, read, json=argument, timeout=timeout)

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._http.aclose()

    async def _authorized(self, send: Callable[[str], Awaitable[T]]) -> T:
        if not self.login.refresh_token:
            return await send(self._as_app())
        token = await self._tokens.get()
        try:
            return await send(f"Bearer {token}")
        except ExpiredTokenError:
            token = await self._tokens.get(refused=token)
        try:
            return await send(f"Bearer {token}")
        except ExpiredTokenError:
            raise LoginNeeded(
                f"{TITLE} refuses this login, even with a fresh token.",
                hint=f"Check this machine's clock. {LOGIN_AGAIN}",
            ) from None

    def _as_app(self) -> str:
        if not self.login.app_secret:
            raise LoginNeeded("There is no login to Dropbox.", hint=LOGIN_AGAIN)
        pair = f"{self.login.app_key}:{self.login.app_secret}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"


class _Again:
    """A body that is made anew for each attempt."""

    def __init__(self, make: Callable[[], AsyncIterable[bytes]]) -> None:
        self._make = make

    def __aiter__(self) -> Any:
        return self._make().__aiter__()


def argument_header(argument: Mapping[str, Any]) -> str:
    """Return the argument for a header: JSON in ASCII, U+007F escaped, too."""
    return json.dumps(argument, separators=(",", ":"))


def _refused(operation: Operation, response: httpx.Response, answer: Answer, content: bytes) -> Exception:
    if operation is RENEW_TOKEN:
        return token_refusal(answer, content)
    return refusal(operation, response, answer, content)

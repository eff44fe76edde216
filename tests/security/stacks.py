"""Each of the three ways in which picsync's requests leave, with picsync's own code around it."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trustme

from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.session import NixplayLogin
from picsync.http import network
from picsync.http.client import Hosts
from picsync.http.retry import Retrier, RetryPolicy
from picsync.sources.google.library.source import GooglePhotosSource
from picsync.vendors.google.login import login
from picsync.vendors.google.tokens import GoogleLogin

AUTHORITY = trustme.CA()
CLIENT_SECRET = "marked-secret"
"""By name, since a trace shows lines of the source."""


async def _no_wait(_seconds: float) -> None:
    return None


def retrier(policy: RetryPolicy) -> Retrier:
    return Retrier(policy, emit=lambda _event: None, sleep=_no_wait)


async def by_httpx() -> None:
    """Nixplay."""
    frame = NixplayFrame(
        NixplayLogin("grandma", "marked-password"),
        hosts=Hosts(),
        retrier=retrier(RetryPolicy()),
        emit=lambda _event: None,
    )
    try:
        await frame.albums()
    finally:
        await frame.aclose()


async def by_httplib2(access_token: str = "") -> None:
    """Google Photos: the token is renewed, unless there is one, and the albums are listed."""
    left = GoogleLogin(
        "id", "marked-secret", refresh_token="marked-refresh", access_token=access_token, expiry=None
    )
    source = GooglePhotosSource(left, hosts=Hosts(), retrier_for=retrier, emit=lambda _event: None)
    try:
        async for _ in source.albums():
            break
    finally:
        await source.aclose()


async def by_requests() -> None:
    """The login to Google Photos."""
    page: list[str] = []

    def say(text: str) -> None:
        page.extend(re.findall(r"^https\S+$", text, re.MULTILINE))

    def ask(_prompt: str) -> str:
        query = parse_qs(urlsplit(page[0]).query)
        return f"{query['redirect_uri'][0]}?state={query['state'][0]}&code=marked-code"

    await asyncio.to_thread(
        lambda: login("id", CLIENT_SECRET, hosts=Hosts(), open_browser=False, ask=ask, say=say)
    )


@dataclass(frozen=True)
class Stack:
    """A way to talk, and the host that is talked to first."""

    host: str
    talk: Callable[[], Awaitable[None]]


STACKS = {
    "httpx": Stack("api.nixplay.com", by_httpx),
    "httplib2, tokens": Stack("oauth2.googleapis.com", by_httplib2),
    "httplib2, listings": Stack("photoslibrary.googleapis.com", lambda: by_httplib2("marked-access")),
    "requests": Stack("oauth2.googleapis.com", by_requests),
}


@contextmanager
def trusting(folder: Path) -> Iterator[None]:
    """Let all stacks trust one authority besides the public ones, by the one setting that there is."""
    trusted = folder / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(trusted))
    with network.using(str(trusted)):
        yield


def certified(
    *names: str, authority: trustme.CA = AUTHORITY, not_after: datetime | None = None
) -> ssl.SSLContext:
    """Return what a server of these names serves with."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=not_after).configure_cert(made)
    return made

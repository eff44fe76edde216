"""Checks whether services can reach the webhooks, as far as that can be seen from inside."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx

from picsync.core.model import Finding, Mark
from picsync.http import network
from picsync.http.client import UnusableAnswer, send
from picsync.http.transport import Transport
from picsync.run.settings import Settings, reporting

_TIMEOUT_S = 10.0
"""Dropbox waits as long."""
_MOST_BYTES = 1000
_SUBJECT = "webhooks"


async def check_webhooks(settings: Settings) -> AsyncIterator[Finding]:
    """Yield one finding for each service that calls; nothing if webhooks are off."""
    webhooks = settings.config.webhooks
    if webhooks is None:
        return
    if webhooks.url is None:
        fix = "Set `webhooks.url` to the URL at which services reach picsync."
        yield Finding(Mark.NOTE, _SUBJECT, "the route from outside was not checked.", fix)
        return
    hooks = {one.hook.name: one.hook for one in reporting(settings.config, settings.credentials)}
    for hook in hooks.values():
        url = f"{webhooks.url.rstrip('/')}/hooks/{hook.name}"
        yield await _challenged(url, hook.challenge)


async def _challenged(url: str, parameter: str) -> Finding:
    challenge = secrets.token_urlsafe(16)
    target = httpx.URL(url, params={parameter: challenge})
    request = httpx.Request("GET", target, extensions={"timeout": httpx.Timeout(_TIMEOUT_S).as_dict()})
    try:
        async with asyncio.timeout(_TIMEOUT_S), Transport(network.current()) as transport:
            response = await send(transport, request)
            text = await _text(response)
    except (httpx.HTTPError, UnusableAnswer, TimeoutError) as error:
        fix = "Start picsync, and check the reverse proxy or tunnel, the name and the certificate."
        what = f"{url} does not answer ({type(error).__name__})."
        return Finding(Mark.PROBLEM, _SUBJECT, what, fix)
    if response.status_code == 200 and text == challenge:
        return Finding(Mark.OK, _SUBJECT, f"{url} answers, at least from here.")
    fix = "Let the reverse proxy pass /hooks/ to `webhooks.listen`, without a login of its own."
    return Finding(
        Mark.PROBLEM, _SUBJECT, f"{url} answers with status {response.status_code}, not as picsync does.", fix
    )


async def _text(response: httpx.Response) -> str:
    """Return the beginning of a response's body."""
    body = b""
    try:
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) >= _MOST_BYTES:
                break
    finally:
        await response.aclose()
    return body[:_MOST_BYTES].decode("ascii", "replace")

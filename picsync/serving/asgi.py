"""Serves an ASGI application by aiohttp: one server, with its limits for clients, has all pages.

HTTP only; there are no lifespan events, since the application is opened and closed by picsync itself.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias

from aiohttp import hdrs, web

from picsync.core.values import dataclass

Message: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_OWN_HEADERS = frozenset({"transfer-encoding", "connection", "date", "server"})
"""Headers of a response that the server writes itself."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request, and how it was addressed."""

    address: str
    scheme: str
    host: str
    """With the port, as the browser shows it."""


def client_of(request: web.BaseRequest, proxies: Collection[Network]) -> Client:
    """Return who sent a request; what a reverse proxy says of it counts if the proxy is one of `proxies`."""
    headers = request.headers
    direct = Client(request.remote or "", request.scheme, headers.get("Host", ""))
    if not _among(direct.address, proxies):
        return direct
    # Each proxy appends the address that it saw: the last one that is no proxy of ours is the client.
    passed = [part.strip() for part in headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    address = next((one for one in reversed(passed) if not _among(one, proxies)), direct.address)
    scheme = headers.get("X-Forwarded-Proto", "").split(",")[-1].strip().lower()
    host = headers.get("X-Forwarded-Host", "").split(",")[-1].strip()
    return Client(
        address if _is_address(address) else direct.address,
        scheme if scheme in {"http", "https"} else direct.scheme,
        host or direct.host,
    )


def handler(
    application: Application, *, proxies: Collection[Network] = ()
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return an aiohttp handler that has an ASGI application answer.

    Bodies are passed in blocks in both directions, as fast as the other side takes them. An exception of the
    application is aiohttp's to report. The server has to cancel handlers whose client has left.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        client = client_of(request, proxies)
        return await _Exchange(request).run(application, _scope(request, client))

    return handle


def _scope(request: web.Request, client: Client) -> Message:
    headers = [(name.lower(), value) for name, value in request.raw_headers if name.lower() != b"host"]
    headers.insert(0, (b"host", client.host.encode("latin-1", "replace")))
    transport = request.transport
    own = transport.get_extra_info("sockname") if transport is not None else None
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": f"{request.version.major}.{request.version.minor}",
        "method": request.method,
        "scheme": client.scheme,
        "path": request.path,
        "raw_path": request.rel_url.raw_path.encode("ascii", "replace"),
        "query_string": request.rel_url.raw_query_string.encode("ascii", "replace"),
        "root_path": "",
        "headers": headers,
        "client": (client.address, 0),
        "server": (own[0], own[1]) if own else None,
    }


class _Exchange:
    """One request and its response."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._response: web.StreamResponse | None = None
        self._start: Message | None = None
        self._ended = False
        self._lost = False

    async def run(self, application: Application, scope: Message) -> web.StreamResponse:
        await application(scope, self._receive, self._send)
        if self._response is None:
            raise RuntimeError("the application has sent no response")
        return self._response

    async def _receive(self) -> Message:
        if self._lost:
            return {"type": "http.disconnect"}
        if self._ended:
            # The next event is that the client leaves, and then aiohttp cancels the handler.
            await asyncio.get_running_loop().create_future()
        content = self._request.content
        try:
            block = await content.readany()
        except (ConnectionError, web.RequestPayloadError):
            self._lost = True
            return {"type": "http.disconnect"}
        self._ended = content.at_eof()
        return {"type": "http.request", "body": block, "more_body": not self._ended}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body":
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._response is None:
            self._response = response = self._begun(None if more else body)
            if not more:
                return
            await response.prepare(self._request)
        if self._request.method != hdrs.METH_HEAD:
            await self._response.write(body)
        if not more:
            await self._response.write_eof()

    def _begun(self, whole: bytes | None) -> web.StreamResponse:
        """Return the response that was begun; `whole` is its body, if that is all of it."""
        if self._start is None:
            raise RuntimeError("the application has sent a body before its response")
        status = self._start["status"]
        response = (
            web.StreamResponse(status=status) if whole is None else web.Response(status=status, body=whole)
        )
        # aiohttp's default would be a type for bodies that have none.
        response.headers.popall("Content-Type", None)
        for name, value in self._start.get("headers", ()):
            text = name.decode("latin-1")
            if text.lower() not in _OWN_HEADERS and (text.lower() != "content-length" or whole is None):
                response.headers.add(text, value.decode("latin-1"))
        return response


def _among(address: str, networks: Collection[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    return True

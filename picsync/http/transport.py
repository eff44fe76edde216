"""Connections to servers, kept open for the next request, through which httpx sends its requests.

httpx has a transport of its own, but its TLS and its parser are written in Python, and took more CPU than the
rest of picsync. doc/performance.md has the comparison.
"""

from __future__ import annotations

import asyncio
import base64
import socket

import httpx
from aiohappyeyeballs import start_connection

from picsync.core.values import dataclass
from picsync.http.allowed import PORTS
from picsync.http.connection import Body, Connection, Headers, Incoming
from picsync.http.deadline import CONNECT_S
from picsync.http.network import Network, Proxy

KEPT_CONNECTIONS = 32
"""Idle connections that are kept open. Open ones are not limited here: `http.pace` limits requests."""

KEPT_S = 4.0
"""How long an idle connection is kept. Servers on Node.js, such as Immich, close theirs after 5 s."""

_HAPPY_EYEBALLS_S = 0.25
"""Seconds after which the next address of a server is also tried (RFC 8305)."""

_INTERLEAVE = 1
"""Addresses of one family that are tried before one of the other."""


@dataclass(frozen=True, slots=True)
class _Route:
    """The properties that a connection and a request must have in common."""

    scheme: str
    host: str
    port: int
    proxy: Proxy | None


class Transport(httpx.AsyncBaseTransport):
    """Sends each request directly or through its proxy, on a connection of its own.

    Where every request counts, use it without httpx.AsyncClient: the redirects, cookies and authentication of
    that cost as much CPU per request as the transport itself.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._open: set[Connection] = set()
        self._idle: dict[Connection, tuple[_Route, float]] = {}
        """Idle connection -> its route, and since when it is idle; the newest last."""
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; raises httpx.TransportError, by which `client.no_answer` knows what happened."""
        route = self._route(request.url)
        timeout = request.extensions.get("timeout", {})
        connection = self._kept(route) or await self._connect(route, timeout.get("connect"))
        target, headers = request.url.raw_path, request.headers.raw
        if route.proxy is not None and route.scheme == "http":
            target = b"http://" + request.url.netloc + target
            headers = headers + _proxy_login(route.proxy)
        try:
            incoming = await connection.exchange(request, target, headers)
        except BaseException:
            connection.abort()
            raise

        def done(connection: Connection, incoming: Incoming) -> None:
            if connection.finish(incoming):
                self._keep(connection, route)

        silence_s: float = timeout.get("read") or float("inf")
        return httpx.Response(
            incoming.status,
            headers=incoming.headers,
            stream=Body(connection, incoming, silence_s, done),
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": incoming.reason},
        )

    async def aclose(self) -> None:
        """Close all connections, including those in use."""
        if self._sweep is not None:
            self._sweep.cancel()
        closing = list(self._open)
        for connection in closing:
            connection.abort()
        if closing:
            await asyncio.wait([connection.closed for connection in closing])

    def _route(self, url: httpx.URL) -> _Route:
        if url.scheme not in PORTS:
            raise httpx.UnsupportedProtocol("the address is neither http:// nor https://")
        host = url.raw_host.decode("ascii")
        if not host:
            raise httpx.UnsupportedProtocol("the address names no host")
        address = url.scheme, host, url.port or PORTS[url.scheme]
        return _Route(*address, self._network.proxy(*address))

    def _kept(self, route: _Route) -> Connection | None:
        """Return an idle connection, the one that was used last."""
        for connection in reversed(self._idle):
            if self._idle[connection][0] == route and connection.is_quiet:
                del self._idle[connection]
                return connection
        return None

    def _keep(self, connection: Connection, route: _Route) -> None:
        loop = asyncio.get_running_loop()
        self._idle[connection] = route, loop.time()
        while len(self._idle) > KEPT_CONNECTIONS:
            self._drop(next(iter(self._idle)))
        if self._sweep is None:
            self._sweep = loop.call_later(KEPT_S, self._close_expired)

    def _drop(self, connection: Connection) -> None:
        self._idle.pop(connection, None)
        connection.abort()

    def _close_expired(self) -> None:
        self._sweep = None
        loop = asyncio.get_running_loop()
        for connection, (_, since) in list(self._idle.items()):
            if since + KEPT_S <= loop.time():
                self._drop(connection)
        for _, since in self._idle.values():
            self._sweep = loop.call_at(since + KEPT_S, self._close_expired)
            break

    async def _connect(self, route: _Route, stage_s: float | None) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_S):
                return await self._connected(route, stage_s)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except (OSError, ValueError) as error:
            # ValueError: a name that IDNA refuses, a port above 65535, an unusual name in a certificate.
            raise httpx.ConnectError("no connection") from error

    async def _connected(self, route: _Route, stage_s: float | None) -> Connection:
        proxy = route.proxy
        scheme, host, port = (proxy or route).scheme, (proxy or route).host, (proxy or route).port
        async with asyncio.timeout(stage_s):
            loop = asyncio.get_running_loop()
            addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            # asyncio's own race is not used: in Python 3.11 it leaks a socket if it is cancelled at its end.
            found = await start_connection(
                addresses, happy_eyeballs_delay=_HAPPY_EYEBALLS_S, interleave=_INTERLEAVE
            )
            _, connection = await loop.create_connection(Connection, sock=found)
        self._open.add(connection)
        connection.closed.add_done_callback(lambda _: self._forget(connection))
        try:
            if scheme == "https":
                await self._encrypt(connection, host, stage_s)
            if proxy is not None and route.scheme == "https":
                async with asyncio.timeout(stage_s):
                    await _open_tunnel(connection, route, proxy)
                await self._encrypt(connection, route.host, stage_s)
        except BaseException:
            connection.abort()
            raise
        return connection

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)

    async def _encrypt(self, connection: Connection, host: str, stage_s: float | None) -> None:
        async with asyncio.timeout(stage_s):
            await connection.encrypt(self._network.context, host)


async def _open_tunnel(connection: Connection, route: _Route, proxy: Proxy) -> None:
    """Ask a proxy for a connection to a server (RFC 9110, 9.3.6); raises httpx.ProxyError if it refuses."""
    host = f"[{route.host}]" if ":" in route.host else route.host
    authority = f"{host}:{route.port}".encode()
    request = httpx.Request("CONNECT", proxy.url)
    try:
        incoming = await connection.exchange(request, authority, [(b"Host", authority), *_proxy_login(proxy)])
    except httpx.TransportError as error:
        raise httpx.ProxyError("the proxy gave no valid response") from error
    if not 200 <= incoming.status < 300:
        raise httpx.ProxyError(f"the proxy refused the connection with status {incoming.status}")


def _proxy_login(proxy: Proxy) -> Headers:
    if not (proxy.username or proxy.password):
        return []
    login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode())
    return [(b"Proxy-Authorization", b"Basic " + login)]

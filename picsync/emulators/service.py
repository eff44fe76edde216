"""The interface between the server and an emulated service, and what handlers may ask about a request.

A service serves one or more host names. Clients reach a host either by its name (the name resolves to the
emulator, or a proxy leads there) or through a path prefix on the emulator's own address:
`http://127.0.0.1:8080/api.nixplay.com/www-login/`. The server removes the prefix, so handlers see the path
that the real service would see; URLs that they return begin with `origin`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from picsync.emulators.wireprofile import ByteStream, PacedBody, Transfer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PARAMS: web.RequestKey[Mapping[str, str]] = web.RequestKey("params", Mapping)
"""Set by the server: the path parameters of the matched route, percent-decoded."""
BY_NAME: web.RequestKey[bool] = web.RequestKey("by_name", bool)
"""Set by the server: whether the Host header named the service."""
TRANSFER: web.RequestKey[Transfer] = web.RequestKey("passage", Transfer)
"""Set by the server: simulated latency and bandwidth of the request and its response."""


class Service(Protocol):
    """An emulated service: the routes of each of its hosts."""

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return host name -> routes; paths as the real service has them, parameters in braces.

        A host's route for any path, `web.route("*", "/{path:.*}", ...)`, comes last and handles unknown
        paths; without it the server responds with a plain 404.
        """
        ...


def origin(request: web.Request, host: str) -> str:
    """Return the URL prefix, without trailing slash, by which this request's client reaches `host`.

    By name: `https://lh3.googleusercontent.com` (with the port that the client used, if it named one);
    through a prefix: `http://127.0.0.1:8080/lh3.googleusercontent.com`.
    """
    if not by_name(request):
        return f"{request.scheme}://{request.host}/{host}"
    port = request.url.explicit_port
    return f"{request.scheme}://{host}" if port is None else f"{request.scheme}://{host}:{port}"


def params(request: web.Request) -> Mapping[str, str]:
    """Return the path parameters of the matched route, percent-decoded."""
    return request[PARAMS]


def by_name(request: web.Request) -> bool:
    """Return whether the Host header named the service, and not a path prefix."""
    return request[BY_NAME]


def body(request: web.Request) -> ByteStream:
    """Return the request's body at the simulated speed; handlers of uploads read this."""
    transfer = request[TRANSFER]
    return PacedBody(request.content, transfer) if transfer.paces_body else request.content

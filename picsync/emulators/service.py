"""What an emulated service is to the server, and what its handlers may ask about a request.

A service answers for one or more host names. Clients reach a host either by its name (the name resolves
to the emulator, or a proxy leads there) or through a path prefix on the emulator's own address:
`http://127.0.0.1:8080/api.nixplay.com/www-login/`. The server removes the prefix, so handlers see the
path that the real service would see; URLs that they hand out begin with `origin`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from aiohttp import web

from picsync.emulators.wireprofile import ByteStream, PacedBody, Passage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PARAMS: web.RequestKey[Mapping[str, str]] = web.RequestKey("params", Mapping)
"""Set by the server: the path parameters of the matched route, percent-decoded."""
BY_NAME: web.RequestKey[bool] = web.RequestKey("by_name", bool)
"""Set by the server: whether the Host header named the service."""
PASSAGE: web.RequestKey[Passage] = web.RequestKey("passage", Passage)
"""Set by the server: how the request and its answer travel."""


class Service(Protocol):
    """An emulated service: the routes of each of its hosts."""

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return host name -> routes; paths as the real service has them, parameters in braces.

        A host's route for any path, `web.route("*", "/{path:.*}", ...)`, comes last and answers what the
        host has no page for; without it the server answers a plain 404.
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
    """Return True if the Host header named the service, False if a path prefix did."""
    return request[BY_NAME]


def body(request: web.Request) -> ByteStream:
    """Return the request's body as it comes through the wire; handlers of uploads read this."""
    passage = request[PASSAGE]
    return PacedBody(request.content, passage) if passage.paces_body else request.content

"""Which requests of a browser the emulator refuses: those that a page of another site sends.

Programs send no `Origin`, or the one of the service's own web page; they are let through. A browser gives the
true origin of a page and adds `Sec-Fetch-Site`. A page whose name was made to lead to this machine (DNS
rebinding) is recognised by the `Host` header: no stranger can own a name without a dot.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from aiohttp import web
from yarl import URL

_SAME = frozenset({"same-origin", "none"})
_HOST = "Refused: the Host header names another server. Use the address that the emulator printed."
_SITE = "Refused: the request comes from a page of another site."


def refusal(request: web.BaseRequest, hosts: Collection[str]) -> str:
    """Return why a request is refused; empty if it is not. `hosts`: the names that are served."""
    try:
        own = (request.url.host or "").lower()
    except ValueError:
        return "The Host header is not valid."
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is None:
        if site in _SAME or request.method in {"GET", "HEAD"}:
            return "" if _known(own, hosts, request) else _HOST
        return _SITE
    if not _is_own(origin, request, hosts):
        return _SITE
    return "" if _known(own, hosts, request) else _HOST


def _is_own(origin: str, request: web.BaseRequest, hosts: Collection[str]) -> bool:
    try:
        url = URL(origin)
        host, port = (url.host or "").lower(), url.port
        if (host, port, url.scheme) == ((request.url.host or "").lower(), request.url.port, request.scheme):
            return True
    except ValueError:
        return False
    # A client that plays the page of a service, not a browser: browsers send Sec-Fetch-Site along.
    return host in hosts and "Sec-Fetch-Site" not in request.headers


def _known(own: str, hosts: Collection[str], request: web.BaseRequest) -> bool:
    if not _listens_on_loopback(request) or own in hosts:
        return True
    return "Host" not in request.headers or "." not in own or own.endswith(".localhost") or _is_address(own)


def _listens_on_loopback(request: web.BaseRequest) -> bool:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return (
        name is not None and _is_address(name[0]) and ipaddress.ip_address(name[0].split("%")[0]).is_loopback
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    return True

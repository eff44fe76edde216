"""Refuses requests that another site's page makes through a browser.

Programs send no `Origin`, or that of the service's own web page; they are allowed. A browser sends the true
origin of a page with a POST. With a GET it sends `Sec-Fetch-Site`, but only if the server is at a loopback
address or uses TLS; otherwise an image on another site is requested with nothing but a `User-Agent`, which no
page can change. DNS rebinding, which makes another site's name resolve to this machine, is detected by the
`Host` header: nobody else can own a name without a dot, or one of a local domain.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection

from aiohttp import web
from yarl import URL

_SAME = frozenset({"same-origin", "none"})
_LOCAL = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_BROWSER = "Mozilla/"
"""Prefix of every browser's `User-Agent`."""
_HOST = "Refused: the Host header names another server. Use the address that the server printed."
_SITE = "Refused: the request comes from a page of another site."
_UNKNOWN = (
    "Refused: a page of another site may have sent this. Follow the link on the page above this one, or use a"
    " program such as curl."
)


def refusal(
    request: web.BaseRequest, hosts: Collection[str] = (), *, get_acts: bool = False, local_only: bool = False
) -> str:
    """Return why a request is refused; empty if it is allowed.

    `hosts` are names that are served in addition to local ones. `get_acts` says that a GET changes something,
    `local_only` that a browser must use a local name; `get_acts` implies it.
    """
    browser = _BROWSER in request.headers.get("User-Agent", "")
    local_only = _listens_on_loopback(request) or (browser and (get_acts or local_only))
    try:
        own = (request.url.host or "").lower()
    except ValueError:
        return "The Host header is not valid."
    # On other addresses than loopback, programs may use any name for a server.
    if local_only and not _is_local(own, hosts, request):
        return _HOST
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is not None:
        return "" if _is_own(origin, request, hosts) else _SITE
    if request.method in {"GET", "HEAD"} and not get_acts:
        return ""
    if site is not None:
        return "" if site in _SAME else _SITE
    if get_acts and browser and not _is_own(request.headers.get("Referer", ""), request, ()):
        return _UNKNOWN
    return ""


def _is_own(origin: str, request: web.BaseRequest, hosts: Collection[str]) -> bool:
    try:
        url = URL(origin)
        host, port = (url.host or "").lower(), url.port
        if (host, port, url.scheme) == ((request.url.host or "").lower(), request.url.port, request.scheme):
            return True
    except ValueError:
        return False
    # A program that imitates a service's page, not a browser: browsers send Sec-Fetch-Site.
    return host in hosts and "Sec-Fetch-Site" not in request.headers


def _is_local(own: str, hosts: Collection[str], request: web.BaseRequest) -> bool:
    if own in hosts or "Host" not in request.headers:
        return True
    return "." not in own or own.endswith(_LOCAL) or _is_address(own)


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

"""What a redirect means: that it leads to an album, or what the other page stands for."""

from __future__ import annotations

import httpx

from picsync.core.errors import ForeignAddressError, NotFoundError, PicsyncError, RefusedError
from picsync.http.client import Hosts
from picsync.http.retry import Operation
from picsync.sources.google.links.options import ADVICE, PAGE_HOST, AlbumAddress

CONSENT_HOST = "consent.google.com"
LOGIN_HOST = "accounts.google.com"
SORRY_HOST = "www.google.com"

NOT_SHARED = "The album is not shared by link: sharing was switched off, or the album was deleted."
SHARE_IT = f"{ADVICE} into picsync.yaml. Until then the frame keeps its photos."


def leads_to(hosts: Hosts, response: httpx.Response) -> tuple[str, httpx.URL]:
    """Return the host that a redirect leads to, as the service names it, and the whole URL.

    The host is empty if the URL must not be followed: not encrypted, with a login, or with a port.
    """
    try:
        target = str(response.request.url.join(response.headers.get("location", "")))
        prefix = hosts.url("")
        url = httpx.URL(f"https://{target.removeprefix(prefix)}" if target.startswith(prefix) else target)
    except (httpx.InvalidURL, ValueError):
        return "", response.request.url
    fits = url.scheme == "https" and url.port is None and not url.userinfo
    # Not `url.host`, which decodes international names and raises for invalid ones.
    return (url.raw_host.decode("ascii", "replace") if fits else ""), url


def album_address(hosts: Hosts, operation: Operation, response: httpx.Response) -> AlbumAddress:
    """Return the album that a redirect leads to; raises what `redirect_error` returns for other redirects."""
    host, url = leads_to(hosts, response)
    address = AlbumAddress.parse(url) if host == PAGE_HOST else None
    if address is None:
        raise redirect_error(operation, host, response.status_code)
    return address


def redirect_error(operation: Operation, host: str, status: int) -> PicsyncError:
    """Return the error for a redirect to a host that is not an album."""
    if host == CONSENT_HOST:
        return RefusedError(
            f"{operation}: Google asks for consent to cookies instead of showing the album.",
            status=status,
            hint="This depends on the network that picsync runs in, and may resolve itself.",
        )
    if host == SORRY_HOST:
        return RefusedError(
            f"{operation}: Google treats picsync's requests as unusual traffic.",
            status=status,
            hint="This resolves itself. If it happens often, set a longer `every` in picsync.yaml.",
        )
    if host in (LOGIN_HOST, PAGE_HOST):
        return NotFoundError(NOT_SHARED, status=status, hint=SHARE_IT)
    where = host[:100] if host and host.isprintable() else "a URL that picsync does not follow"
    return ForeignAddressError(
        f"{operation}: redirected to {where}, where picsync does not send requests.",
        hint=f"Check the link in picsync.yaml. {ADVICE}.",
    )

"""Where an answer leads that is a redirect: to an album, or to a page that means something else."""

from __future__ import annotations

import httpx

from picsync.core.errors import ForeignAddressError, NotFoundError, PicsyncError, RefusedError
from picsync.http.client import Hosts
from picsync.http.retry import Operation
from picsync.sources.google.links.options import ADVICE, PAGE_HOST, AlbumAddress

CONSENT_HOST = "consent.google.com"
LOGIN_HOST = "accounts.google.com"
SORRY_HOST = "www.google.com"

NOT_SHARED = "The album is not open to everyone who has its link: that was switched off, or it was deleted."
SHARE_IT = f"{ADVICE} into picsync.yaml. Until then the frame keeps what it has."


def leads_to(hosts: Hosts, response: httpx.Response) -> tuple[str, httpx.URL]:
    """Return the host that a redirect names, as the service calls it, and the whole address.

    The host is empty if the address is none that may be followed: not encrypted, with a login in it, or
    with a port of its own.
    """
    try:
        target = str(response.request.url.join(response.headers.get("location", "")))
        prefix = hosts.url("")
        url = httpx.URL(f"https://{target.removeprefix(prefix)}" if target.startswith(prefix) else target)
    except (httpx.InvalidURL, ValueError):
        return "", response.request.url
    fits = url.scheme == "https" and url.port is None and not url.userinfo
    # Not `url.host`, which decodes international names and raises for those that are none.
    return (url.raw_host.decode("ascii", "replace") if fits else ""), url


def album_address(hosts: Hosts, operation: Operation, response: httpx.Response) -> AlbumAddress:
    """Return the album that a redirect leads to; raises what `elsewhere` returns if it is none."""
    host, url = leads_to(hosts, response)
    address = AlbumAddress.parse(url) if host == PAGE_HOST else None
    if address is None:
        raise elsewhere(operation, host, response.status_code)
    return address


def elsewhere(operation: Operation, host: str, status: int) -> PicsyncError:
    """Return what it means that a redirect leads to this host and not to an album."""
    if host == CONSENT_HOST:
        return RefusedError(
            f"{operation}: Google asks for consent to cookies in place of showing the album.",
            status=status,
            hint="This depends on the network that picsync runs in, and may pass by itself.",
        )
    if host == SORRY_HOST:
        return RefusedError(
            f"{operation}: Google takes picsync's requests for unusual traffic.",
            status=status,
            hint="It passes by itself. If it comes often, set a longer `every` in picsync.yaml.",
        )
    if host in (LOGIN_HOST, PAGE_HOST):
        return NotFoundError(NOT_SHARED, status=status, hint=SHARE_IT)
    where = host[:100] if host and host.isprintable() else "an address that is not followed"
    return ForeignAddressError(
        f"{operation}: it leads to {where}, where picsync does not send requests.",
        hint=f"Check the link in picsync.yaml. {ADVICE}.",
    )

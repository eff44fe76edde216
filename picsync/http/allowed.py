"""Which servers a client may talk to, whatever addresses a service puts into its answers.

An answer may name an address: of an original's bytes, of the bucket that takes an upload, of a redirect's
end. Fetching whatever stands there would let a service, or whoever can speak in its name, reach into the
network that picsync runs in. So every client is told the hosts that are known of its service, and nothing
is sent elsewhere: not the first request, not one after a redirect. Hosts are compared by name, encrypted
connections prove the name, and neither an IP address nor a local name can match a pattern.
"""

from __future__ import annotations

import re
from functools import cache

import httpx

from picsync.core.values import dataclass

PORTS = {"http": 80, "https": 443}
"""Scheme -> the port of an address that names none."""
_LABEL = "[a-z0-9_-]+"


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """The hosts of one service, or the one server that the user named."""

    patterns: tuple[str, ...] = ()
    """Host names, reached by https at its usual port only. `*.` at the beginning stands for one or more
    labels, any other `*` for characters of one label: `*.example.com` is not `example.com`."""
    origin: str | None = None
    """Scheme, host and port that the user wrote into the settings, such as `http://nas:2283`: allowed as it
    is, unencrypted or local."""

    def __post_init__(self) -> None:
        if not self.patterns and self.origin is None:
            raise ValueError("a client that may talk to nobody is of no use")

    def allow(self, url: httpx.URL) -> bool:
        """Return whether a request may go to `url`; one with a user name or password in it may not."""
        if url.userinfo:
            return False
        if self.origin is not None and _origin(url) == _origin_of(self.origin):
            return True
        return (
            url.scheme == "https"
            and url.port is None
            and any(_compiled(pattern).fullmatch(_host(url)) for pattern in self.patterns)
        )


def _host(url: httpx.URL) -> str:
    """Return the host as it goes on the wire, IDNA-encoded."""
    return url.raw_host.decode("ascii")


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, _host(url), url.port or PORTS.get(url.scheme)


@cache
def _origin_of(address: str) -> tuple[str, str, int | None]:
    return _origin(httpx.URL(address))


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Return whether two addresses are of the same server: scheme, host and port."""
    return _origin(one) == _origin(other)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    domain, rest = (rf"(?:{_LABEL}\.)+", pattern[2:]) if pattern.startswith("*.") else ("", pattern)
    return re.compile(domain + _LABEL.join(map(re.escape, rest.split("*"))))

"""Parses addresses as users paste them: of an Immich server, and of a shared link."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from typing import Self
from urllib.parse import urlsplit

from picsync.core.text import pasted
from picsync.core.values import dataclass
from picsync.http.addresses import base_address, decoded

_SHARED = re.compile(r"(?P<base>.*?)/(?P<form>share|s)/(?P<value>[^/]+)(?:/photos/[^/]+)?/?")
_QUERY = {"share": "key", "s": "slug"}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server's address."""

    origin: str
    """Scheme, host and port, such as `http://nas:2283`."""
    path: str = ""
    """Without trailing slash; empty unless a proxy serves Immich below a path."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse an address with or without `/api` or a trailing slash; raises ValueError."""
        url = base_address(text, "http://nas:2283", "only the server's address")
        path = re.sub(r"(^|/)api/*$", "", url.raw_path.decode("ascii").rstrip("/")).rstrip("/")
        return cls(f"{url.scheme}://{url.netloc.decode('ascii')}", path)

    @property
    def host(self) -> str:
        """The host name, without port."""
        return urlsplit(self.origin).hostname or ""

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


@dataclass(frozen=True, slots=True)
class SharedLinkAddress:
    """A shared link; everyone who has its value can see what it shows."""

    server: ServerAddress
    query: str
    """`key` or `slug`: the server's name for the value."""
    value: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `<server>/share/<key>` or `<server>/s/<slug>`; raises ValueError, which does not quote it.

        Browsers show a slug percent-encoded; it is decoded once.
        """
        bare = re.split(r"[?#]", pasted(text), maxsplit=1)[0]
        scheme, mark, rest = bare.partition("://")
        host, slash, path = rest.partition("/")
        found = _SHARED.fullmatch(f"{slash}{path}")
        if not mark or found is None:
            raise ValueError("must be a shared link of Immich, such as `https://<server>/share/<key>`")
        server = ServerAddress.parse(f"{scheme}://{host}{found['base']}")
        value = decoded(found["value"])
        return cls(server, _QUERY[found["form"]], value)

    def __str__(self) -> str:
        """Return a text that identifies the link without opening anything."""
        mark = hashlib.sha256(self.value.encode()).hexdigest()[:8]
        return f"{self.server.origin.partition('://')[2]}{self.server.path}#{mark}"

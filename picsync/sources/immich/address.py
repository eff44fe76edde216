"""Addresses as people paste them: of an Immich server, and of a shared link."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from picsync.core.text import pasted
from picsync.http.addresses import decoded, web_address

_SHARED = re.compile(r"(?P<base>.*?)/(?P<form>share|s)/(?P<value>[^/]+)(?:/photos/[^/]+)?/?")
_QUERY = {"share": "key", "s": "slug"}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is."""

    origin: str
    """Scheme, host and port, such as `http://nas:2283`."""
    path: str = ""
    """Without trailing slash; empty unless a proxy has put the server below one."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address with or without `/api` or a slash at its end; raises ValueError."""
        url = web_address(text, "http://nas:2283")
        if url.query or url.fragment:
            raise ValueError("must be the server's address alone, without anything after `?` or `#`")
        path = re.sub(r"(^|/)api/*$", "", url.raw_path.decode("ascii").rstrip("/")).rstrip("/")
        return cls(f"{url.scheme}://{url.netloc.decode('ascii')}", path)

    @property
    def host(self) -> str:
        """The host's name, without port."""
        return urlsplit(self.origin).hostname or ""

    def __str__(self) -> str:
        return f"{self.origin}{self.path}"


@dataclass(frozen=True, slots=True)
class SharedLinkAddress:
    """A shared link; whoever has its value can see what it shows."""

    server: ServerAddress
    query: str
    """`key` or `slug`: what the server calls the value."""
    value: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<server>/share/<key>` or `<server>/s/<slug>`; raises ValueError, which does not show it.

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
        """Return what tells it from other links without opening anything."""
        mark = hashlib.sha256(self.value.encode()).hexdigest()[:8]
        return f"{self.server.origin.partition('://')[2]}{self.server.path}#{mark}"

"""Parses shared links of Dropbox as users paste them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from typing import Self

from picsync.core.values import dataclass
from picsync.http.addresses import web_address

_EXAMPLE = "https://www.dropbox.com/scl/fo/<id>/<key>?rlkey=<key>"
_FOLDER = re.compile(r"/(?:scl/fo|sh)/([A-Za-z0-9_-]+)(?:/[^/]*)?/?")
_HOSTS = frozenset({"www.dropbox.com", "dropbox.com", "db.tt"})


@dataclass(frozen=True, slots=True)
class FolderLink:
    """A shared link of a folder; everyone who has it can see the folder."""

    url: str = field(repr=False)
    shown: str
    """Identifies the link without opening it."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a link; raises ValueError, which does not quote it."""
        url = web_address(text, _EXAMPLE, scheme="https")
        found = _FOLDER.fullmatch(url.path)
        if url.host in _HOSTS and re.match(r"/home(/|$)", url.path):
            raise ValueError("is the page of a folder of your own: write its path, such as `/Family/Frame`")
        if url.host not in _HOSTS or found is None:
            raise ValueError(f"must be a shared link of a folder in Dropbox, such as `{_EXAMPLE}`")
        mark = hashlib.sha256(f"{url.path}?{url.params.get('rlkey', '')}".encode()).hexdigest()[:8]
        return cls(str(url.copy_with(scheme="https")), f"dropbox.com/{found[1][:6]}#{mark}")

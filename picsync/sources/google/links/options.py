"""Shared links in picsync.yaml.

Everyone who has a link can see the album, so a link is a secret. Messages show a shortened form, which does
not open the album, but which its owner still recognises.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, TypeAlias
from urllib.parse import parse_qs

from pydantic import PlainValidator

from picsync.core.values import dataclass
from picsync.http.addresses import decoded, web_address

if TYPE_CHECKING:
    import httpx

SHORT_HOST = "photos.app.goo.gl"
PAGE_HOST = "photos.google.com"

CODE_EXAMPLE = f"https://{SHORT_HOST}/<code>"

_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Observed: 17 characters."""
_ALBUM_KEY = re.compile(r"AF1Qip[A-Za-z0-9_-]{4,200}")
_AUTH_KEY = re.compile(r"[A-Za-z0-9_-]{4,200}")
_USER = re.compile(r"/u/[0-9]{1,3}(?=/)")
"""Number of the account in a browser; meaningless to others."""

_SHOWN = 4
"""How many characters of a link's secret part are shown, followed by a digest of the rest."""

ADVICE = "In Google Photos, open the album, press Share, then `Create link`, and copy that link"


@dataclass(frozen=True, slots=True)
class AlbumAddress:
    """The keys that open an album page."""

    album_key: str
    auth_key: str = field(repr=False)

    @classmethod
    def parse(cls, url: httpx.URL) -> AlbumAddress | None:
        """Return the keys in the URL of a page at `PAGE_HOST`; None if it is not an album's."""
        share, _, rest = _USER.sub("", _path(url)).strip("/").partition("/")
        try:
            album_key = decoded(rest.partition("/")[0])  # A single photo of the album may follow.
        except ValueError:
            return None
        auth_key = parse_qs(url.query.decode("ascii")).get("key", [""])[0]
        fits = share == "share" and _ALBUM_KEY.fullmatch(album_key) and _AUTH_KEY.fullmatch(auth_key)
        return cls(album_key, auth_key) if fits else None


@dataclass(frozen=True, slots=True)
class SharedLink:
    """A link to a shared album; copies of the same link in different forms are equal."""

    code: str = field(default="", repr=False)
    """Set for a short link; otherwise `address` is set."""
    address: AlbumAddress | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: object) -> SharedLink:
        """Parse a link that the user wrote; raises ValueError, which does not quote it."""
        if isinstance(text, cls):
            return text
        if not isinstance(text, str):
            raise ValueError(f"must be a link such as `{CODE_EXAMPLE}`")  # noqa: TRY004 - pydantic's
        url = web_address(text, CODE_EXAMPLE, scheme="https")
        path = _path(url)
        # Not `url.host`, which decodes international names.
        host = url.raw_host.decode("ascii") if url.port is None else ""
        if host == SHORT_HOST and _CODE.fullmatch(code := decoded(path.strip("/"))):
            return cls(code=code)
        if host == PAGE_HOST and (address := AlbumAddress.parse(url)):
            return cls(address=address)
        raise ValueError(_problem(host, path))

    def __str__(self) -> str:
        if self.address is None:
            return f"{SHORT_HOST}/{_shortened(self.code)}"
        key = self.address.album_key.removeprefix("AF1Qip")
        return f"{PAGE_HOST}/share/AF1Qip{_shortened(key, self.address.auth_key)}"


def _path(url: httpx.URL) -> str:
    """Return the path as sent: encoded characters do not separate its elements."""
    return url.raw_path.decode("ascii").partition("?")[0]


def _shortened(begin: str, rest: str = "") -> str:
    digest = hashlib.sha256(f"{begin}?{rest}".encode()).hexdigest()
    return f"{begin[:_SHOWN]}...{digest[:6]}"


def _problem(host: str, path: str) -> str:
    if host == PAGE_HOST and "/share/" in path:
        return f"lacks the key that opens the album to others, `?key=...` at its end. {ADVICE}"
    if host == PAGE_HOST:
        return f"is the address of a page that only its owner can open. {ADVICE}"
    return f"must be a link to a shared album: {CODE_EXAMPLE} or https://{PAGE_HOST}/share/<album>?key=<key>"


Link: TypeAlias = Annotated[SharedLink, PlainValidator(SharedLink.parse)]
"""One entry under `sharedlinks:`."""

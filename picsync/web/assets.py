"""Files that pages load, served below a path that changes with their content, so that browsers keep them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import resources

from picsync.core.values import dataclass

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "png": "image/png",
    "woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: its bytes (text in UTF-8) and its content type."""

    body: bytes
    type: str


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of a package's folder."""

    files: Mapping[str, Asset]
    """By name."""
    build: str
    """Digest of all files, those that are not served included."""


@cache
def assets_of(package: str, folder: str = "assets") -> Assets:
    """Return the files in a folder of a package."""
    entries = [entry for entry in resources.files(package).joinpath(folder).iterdir() if entry.is_file()]
    digest, files = sha256(), {}
    for name, body in sorted((entry.name, entry.read_bytes()) for entry in entries):
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
        if (kind := _TYPES.get(name.rpartition(".")[2])) is not None:
            files[name] = Asset(body, kind)
    return Assets(files, digest.hexdigest()[:16])

"""Saves pictures that a visitor drops onto the frame's page into the directory behind the album."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from PIL import Image

MAX_BYTES = 100 * 2**20
"""Limit for one picture; the largest that cameras produce are about 60 MB."""

HEADER = "X-Picsync-Drop"
"""A header that other sites' pages cannot send without a CORS preflight, which is not granted."""

_KEPT = re.compile(r"[^\w .()+-]+")
_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "TIFF": ".tif"}


@dataclass(slots=True)
class DroppedPhotos:
    """Receives pictures from the page."""

    folder: Path

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post("/photos", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        if request.headers.get(HEADER) is None:
            raise web.HTTPForbidden(text="Only this page may send pictures here.")
        name = request.query.get("name", "")
        temporary = self.folder / f".{secrets.token_hex(8)}.part"
        digest, size = hashlib.sha256(), 0
        try:
            with temporary.open("xb") as file:
                async for chunk in request.content.iter_chunked(2**18):
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise web.HTTPRequestEntityTooLarge(MAX_BYTES, size)
                    digest.update(chunk)
                    file.write(chunk)
            kind = _kind(temporary)
            if kind is None:
                raise web.HTTPUnsupportedMediaType(text=f"{_shown(name)} is not a picture.")
            if there := self._same(digest.hexdigest(), size):
                raise web.HTTPConflict(text=f"{_shown(name)} already exists as {there.name}.")
            # A link is created only if no file has the name.
            os.link(temporary, self._free_path(name, kind))
        except OSError as error:
            raise web.HTTPInsufficientStorage(
                text=f"The picture cannot be saved: {error.strerror}."
            ) from error
        finally:
            temporary.unlink(missing_ok=True)
        return web.Response(status=201, text=f"{_shown(name)} is in the album. It will be sent to the frame.")

    def _same(self, digest: str, size: int) -> Path | None:
        for path in self.folder.rglob("*"):
            if path.name.startswith(".") or not path.is_file() or path.stat().st_size != size:
                continue
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == digest:
                    return path
        return None

    def _free_path(self, name: str, kind: str) -> Path:
        stem = _KEPT.sub("_", unicodedata.normalize("NFC", Path(name).stem)).strip(" .")[:100] or "picture"
        for number in range(1, 10_000):
            path = self.folder / f"{stem}{'' if number == 1 else f' ({number})'}{_SUFFIXES[kind]}"
            if not path.exists():
                return path
        raise FileExistsError(0, "too many pictures have its name")


def _kind(path: Path) -> str | None:
    """Return Pillow's name of the format; None if it is not a complete picture."""
    try:
        with Image.open(path) as image:
            kind = image.format
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return kind if kind in _SUFFIXES else None


def _shown(name: str) -> str:
    return "".join(char for char in Path(name).name if char.isprintable())[:80] or "The file"

"""The bytes: originals, edited pictures, previews and videos."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web
from PIL import Image, ImageOps, UnidentifiedImageError

from picsync.emulators.google import ranges
from picsync.emulators.google.content import BytesContent, Content, read_all
from picsync.emulators.immich.access import Visitor
from picsync.emulators.immich.errors import ImmichError, invalid
from picsync.emulators.immich.filters import choice
from picsync.emulators.immich.library import Asset
from picsync.emulators.immich.options import ImmichOptions

_SIZES = ("fullsize", "preview", "thumbnail")
_THUMBNAIL_EDGE = 250
_STILL_SIZE = (1280, 720)
_WEB_IMAGES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"})
FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
"""The beginning of a transcoded video; the rest is the original's bytes."""


@dataclass(frozen=True, slots=True)
class File:
    """Bytes with a type and a name."""

    content: Content
    mime_type: str
    name: str


def original(visitor: Visitor, asset: Asset, *, edited: bool) -> File:
    """Return an upload, or its edited version; raises ImmichError."""
    if visitor.link is not None and not visitor.link.allow_download:
        raise ImmichError(403, "Forbidden")
    if asset.offline:
        raise ImmichError(404, "Asset file not found")
    if edited and asset.edited is not None:
        return File(asset.edited, "image/jpeg", f"{_stem(asset)}.jpeg")
    return File(asset.content, asset.mime_type, asset.filename)


async def preview(
    visitor: Visitor, asset: Asset, size: str, options: ImmichOptions, *, edited: bool
) -> File | str:
    """Return a conversion, or the size that replaces it (`original`, `preview`); raises ImmichError."""
    choice(size, _SIZES, ("size",))
    visitor.require("asset.view")
    if options.now() < asset.ready_at:
        raise ImmichError(404, "Asset media not found")
    if size == "fullsize" and not (edited and asset.edited is not None):
        if asset.mime_type in _WEB_IMAGES and not edited:
            return "original"
        if not options.fullsize:
            return "preview"
    source = asset.edited if edited and asset.edited is not None else asset.content
    edge = {"preview": options.preview_edge, "thumbnail": _THUMBNAIL_EDGE}.get(size)
    kind = options.preview_format if size != "fullsize" else "JPEG"
    data = await asyncio.to_thread(_convert, asset, source, edge, kind)
    return File(BytesContent(data), f"image/{kind.lower()}", f"{_stem(asset)}_{size}.{kind.lower()}")


async def face(asset: Asset) -> File:
    """Return a square from the middle of a picture: faces are not detected here."""
    data = await asyncio.to_thread(_convert, asset, asset.content, _THUMBNAIL_EDGE, "JPEG", square=True)
    return File(BytesContent(data), "image/jpeg", f"{asset.asset_id}.jpeg")


def playback(asset: Asset, options: ImmichOptions) -> File:
    """Return a video in a format for browsers; raises ImmichError."""
    if asset.type != "VIDEO":
        raise ImmichError(400, "Asset is not a video")
    if asset.offline and not options.transcode:
        raise ImmichError(404, "Asset file not found")
    if asset.mime_type == "video/mp4" or not options.transcode:
        return File(asset.content, asset.mime_type, asset.filename)
    return File(BytesContent(FILM + read_all(asset.content)), "video/mp4", f"{asset.asset_id}.mp4")


def flag(request: web.Request, name: str) -> bool:
    """Return a Boolean query parameter; raises ImmichError for anything else."""
    value = request.query.get(name, "false")
    if value not in ("true", "false"):
        raise invalid([name], "Invalid option: expected one of true|false", "invalid_value")
    return value == "true"


async def send(request: web.Request, file: File) -> web.StreamResponse:
    """Send a file, or the requested range of it."""
    headers = {
        "Content-Type": file.mime_type,
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(file.name, safe='')}",
        "Cache-Control": "private, max-age=86400, no-transform",
    }
    return await ranges.send(request, file.content, headers)


def _stem(asset: Asset) -> str:
    return asset.filename.rpartition(".")[0] or asset.filename


def _convert(asset: Asset, content: Content, edge: int | None, kind: str, *, square: bool = False) -> bytes:
    """Return an upright picture; a grey one if Pillow cannot read it, such as a video."""
    try:
        with Image.open(io.BytesIO(b"" if asset.type == "VIDEO" else read_all(content))) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError):
        image = Image.new("RGB", _STILL_SIZE, (128, 128, 128))
    if square:
        image = ImageOps.fit(image, (min(image.size),) * 2)
    if edge is not None:
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, kind, quality=80)
    return out.getvalue()

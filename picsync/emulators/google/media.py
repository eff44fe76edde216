"""The bytes: lh3.googleusercontent.com and video-downloads.googleusercontent.com.

A parameter after `=` selects the rendition; without one, a preview of 512 pixels is returned. There is no
login: the URL is the secret. Errors are HTML.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from picsync.emulators.google.baseurls import BaseUrls
from picsync.emulators.google.content import read_all
from picsync.emulators.google.library import Item, Library
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.pages import error_page, not_found
from picsync.emulators.google.ranges import send
from picsync.emulators.google.resources import MEDIA_HOST, Resources
from picsync.emulators.service import origin, params

VIDEO_HOST = "video-downloads.googleusercontent.com"
LARGEST_SIDE = 16383
PREVIEW_SIDE = 512
_STILL_SIZE = (1280, 720)
_PART = re.compile(r"(?P<side>[wsh])(?P<pixels>\d{1,5})|(?P<flag>d|dv|c|p|no|k|rw|nu)")


@dataclass(frozen=True, slots=True)
class Rendering:
    """The rendition that the parameter after `=` selects."""

    width: int = 0
    """Largest width in pixels; 0: no limit."""
    height: int = 0
    crop: bool = False
    download: bool = False
    video: bool = False
    play_symbol: bool = True

    @classmethod
    def parse(cls, text: str) -> Rendering | None:
        """Parse a parameter; None if it is invalid."""
        sizes: dict[str, int] = {}
        flags: set[str] = set()
        for part in text.split("-") if text else ():
            match = _PART.fullmatch(part)
            if match is None:
                return None
            if match["flag"]:
                flags.add(match["flag"])
            else:
                sizes[match["side"]] = int(match["pixels"])
        if max(sizes.values(), default=0) > LARGEST_SIDE:
            return None
        side = sizes.get("s", 0) if sizes or flags & {"d", "dv"} else PREVIEW_SIDE
        return cls(
            width=sizes.get("w", side),
            height=sizes.get("h", side),
            crop="c" in flags,
            download="d" in flags and not sizes,
            video="dv" in flags,
            play_symbol="no" not in flags,
        )


class Media:
    """The hosts of the bytes."""

    def __init__(
        self, library: Library, options: GoogleOptions, resources: Resources, urls: BaseUrls
    ) -> None:
        self._library = library
        self._options = options
        self._resources = resources
        self._urls = urls
        self._requests_by_day: dict[int, int] = {}

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the routes of both hosts."""
        rest = web.route("*", "/{path:.*}", not_found)
        return {
            MEDIA_HOST: [web.get("/lr/{name}", self.image), web.get("/pw/{name}", self.shared_image), rest],
            VIDEO_HOST: [web.get("/{token}", self.video), rest],
        }

    async def image(self, request: web.Request) -> web.StreamResponse:
        """Serve a base URL with or without a parameter."""
        token = params(request)["name"].partition("=")[0]
        return await self._image(request, self._item(token, self._options.base_url_s, counted=True))

    async def shared_image(self, request: web.Request) -> web.StreamResponse:
        """Serve a URL from a shared album's page, with or without a parameter."""
        token = params(request)["name"].partition("=")[0]
        return await self._image(request, self._item(token, self._options.sharing.url_s, counted=False))

    async def _image(self, request: web.Request, item: Item | web.Response) -> web.StreamResponse:
        if isinstance(item, web.Response):
            return item
        wanted = Rendering.parse(params(request)["name"].partition("=")[2])
        if wanted is None:
            return error_page(400, "Your client has issued a malformed or illegal request.")
        try:
            if wanted.video:
                return self._redirect_to_video(request, item)
            if wanted.download and not item.is_video:
                return await _original(request, item, ranges=False)
            return await self._rendition(item, wanted)
        except FileNotFoundError:
            return await not_found(request)

    async def video(self, request: web.Request) -> web.StreamResponse:
        """Serve a video's bytes, or the requested range of them."""
        item = self._item(params(request)["token"], self._options.base_url_s, counted=True)
        if isinstance(item, web.Response):
            return item
        try:
            return await _original(request, item, ranges=True)
        except FileNotFoundError:
            return await not_found(request)

    def _item(self, token: str, lifetime_s: float | None, *, counted: bool) -> Item | web.Response:
        issued = self._urls.read(token)
        if issued is None:
            return error_page(404, "The requested URL was not found on this server.")
        number, at = issued
        if lifetime_s is not None and self._options.now() >= at + lifetime_s:
            return error_page(403, "Your client does not have permission to get this URL.")
        if counted and not self._quota():
            return error_page(429, "Rate-limit exceeded.")
        item = self._library.by_number.get(number)
        return item or error_page(404, "The requested URL was not found on this server.")

    def _quota(self) -> bool:
        """Count a download through the API's URLs; return whether the daily quota permits it."""
        day = int(self._options.now() // 86400)
        used = self._requests_by_day.get(day, 0) + 1
        self._requests_by_day = {day: used}
        most = self._options.media_requests_per_day
        return most is None or used <= most

    def _redirect_to_video(self, request: web.Request, item: Item) -> web.StreamResponse:
        if not item.is_video or self._resources.video_status(item) != "READY":
            return error_page(404, "The requested URL was not found on this server.")
        token = self._urls.issue(item.number, self._options.now())
        return web.Response(status=302, headers={"Location": f"{origin(request, VIDEO_HOST)}/{token}"})

    @staticmethod
    async def _rendition(item: Item, wanted: Rendering) -> web.StreamResponse:
        data = await asyncio.to_thread(render, item, wanted)
        disposition = "attachment" if wanted.download else "inline"
        headers = _headers(item, disposition)
        return web.Response(body=data, content_type="image/jpeg", headers=headers)


def render(item: Item, wanted: Rendering) -> bytes:
    """Return an upright JPEG of the item; a grey picture if Pillow cannot read it, such as a video."""
    try:
        with Image.open(io.BytesIO(b"" if item.is_video else read_all(item.content))) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        image = _still(item, play_symbol=item.is_video and wanted.play_symbol)
    box = (wanted.width or LARGEST_SIDE, wanted.height or LARGEST_SIDE)
    if wanted.crop and wanted.width and wanted.height:
        image = ImageOps.fit(image, box)
    else:
        image.thumbnail(box, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _still(item: Item, *, play_symbol: bool) -> Image.Image:
    width, height = (item.width, item.height) if item.width and item.height else _STILL_SIZE
    image = Image.new("RGB", (width, height), (128, 128, 128))
    if play_symbol:
        third = min(width, height) // 3
        left, top = (width - third) // 2, (height - third) // 2
        corners = [(left, top), (left, top + third), (left + third, top + third // 2)]
        ImageDraw.Draw(image).polygon(corners, fill=(255, 255, 255))
    return image


def _headers(item: Item, disposition: str) -> dict[str, str]:
    plain = item.filename.encode("ascii", "replace").decode().replace("?", "_").replace('"', "_")
    text = f'{disposition};filename="{plain}"'
    if plain != item.filename:
        text += f";filename*=UTF-8''{quote(item.filename, safe='')}"
    return {
        "Content-Disposition": text,
        "ETag": f'"v{item.number:x}{item.revision:x}"',
        "Cache-Control": "private, max-age=86400, no-transform",
        "X-Content-Type-Options": "nosniff",
        "Server": "fife",
    }


async def _original(request: web.Request, item: Item, *, ranges: bool) -> web.StreamResponse:
    headers = _headers(item, "attachment") | {"Content-Type": item.mime_type}
    return await send(request, item.content, headers, ranges=ranges)

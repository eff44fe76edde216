"""The page that shows the emulated frame as its owner sees it.

A slideshow of the playlist's photos that updates by itself. The page receives server-sent events; each
contains the whole state, so a missed one does not matter. The state is read again every second and whenever
`changed` is called; an event is sent only if it differs from the last one.
"""

from __future__ import annotations

import asyncio
import html
import io
import json
import mimetypes
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web
from PIL import Image, ImageOps, UnidentifiedImageError

from picsync.emulators.droppedphotos import DroppedPhotos

_RECHECK_S = 1.0
_BROWSER_IMAGES = frozenset({"JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP"})
_VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".webm"})
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""Nothing is loaded from other hosts, whatever a photo's name contains."""


@dataclass(frozen=True)
class ShownPhoto:
    """A photo of the playlist, in a local file."""

    photo_id: str
    title: str
    path: Path


class FramePage:
    """Serves the slideshow: its page, its state and its photos."""

    def __init__(
        self,
        photos: Callable[[], Sequence[ShownPhoto]],
        caption: Callable[[], Sequence[str]],
        *,
        title: str = "Photo frame",
        seconds_per_photo: float = 6.0,
        help_lines: Sequence[str] = (),
        dropped: DroppedPhotos | None = None,
    ) -> None:
        """`help_lines` are shown at first and on a key press; `dropped` receives dropped files."""
        self._photos = photos
        self._caption = caption
        self._title = title
        self._seconds_per_photo = seconds_per_photo
        self._help_lines = help_lines
        self._dropped = dropped
        self._news: dict[str, int | str] = {"number": 0, "text": ""}
        self._wake = asyncio.Event()
        self._closed = False
        self._streams: set[asyncio.Task[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; the page uses relative URLs, so they work below any common prefix."""
        return [
            web.get("/", self._page),
            web.get("/state", self._state_now),
            web.get("/events", self._events),
            web.get("/photo/{photo_id}", self._photo),
            *(self._dropped.routes() if self._dropped else []),
        ]

    def announce(self, text: str) -> None:
        """Show a line on all open pages for a moment; call it in the event loop."""
        self._news = {"number": int(self._news["number"]) + 1, "text": text}
        self.changed()

    def changed(self) -> None:
        """Notify open pages that photos or caption may have changed; call it in the event loop."""
        # Listeners hold the old event; the next round waits for the new one.
        self._wake.set()
        self._wake = asyncio.Event()

    async def close(self) -> None:
        """End the open event streams; new ones end immediately."""
        self._closed = True
        self.changed()
        if self._streams:
            _, stuck = await asyncio.wait(self._streams, timeout=_RECHECK_S)
            for task in stuck:  # a browser that does not read its data
                task.cancel()

    def _state(self) -> str:
        shown = [
            {
                "id": photo.photo_id,
                "title": photo.title,
                "version": _version(photo.path),
                "video": photo.path.suffix.lower() in _VIDEOS,
            }
            for photo in _unique(self._photos())
        ]
        return json.dumps({"photos": shown, "caption": list(self._caption()), "news": self._news})

    async def _page(self, _request: web.Request) -> web.Response:
        settings = json.dumps(
            {
                "secondsPerPhoto": self._seconds_per_photo,
                "help": list(self._help_lines),
                "drop": self._dropped is not None,
            }
        ).replace("<", "\\u003c")
        text = resources.files(__package__).joinpath("framepage.html").read_text("utf-8")
        text = text.replace("@SETTINGS@", settings).replace("@TITLE@", html.escape(self._title))
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _state_now(self, _request: web.Request) -> web.Response:
        return web.Response(
            text=self._state(), content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        stream = asyncio.create_task(self._stream(response))
        self._streams.add(stream)
        stream.add_done_callback(self._streams.discard)
        with suppress(ConnectionResetError):  # the browser disconnected
            await stream
        return response

    async def _stream(self, response: web.StreamResponse) -> None:
        await response.write(b"retry: 1000\n\n")
        last = ""
        while not self._closed:
            wake, state = self._wake, self._state()
            # If nothing is new, a comment finds out whether the browser is still connected.
            message = f"data: {state}\n\n" if state != last else ": \n\n"
            await response.write(message.encode())
            last = state
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), _RECHECK_S)

    async def _photo(self, request: web.Request) -> web.StreamResponse:
        wanted = _photo_id(request)
        path = next((photo.path for photo in self._photos() if photo.photo_id == wanted), None)
        if path is None or not path.is_file():
            raise web.HTTPNotFound(text="This photo is not in the playlist any more.")
        # The page's URLs contain the file's version, so a browser may cache photos and show them while the
        # server is down.
        keep = "private, max-age=86400, immutable" if request.query.get("v") else "no-cache"
        headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
        if path.suffix.lower() in _VIDEOS:
            kind = mimetypes.guess_type(path.name)[0] or "video/mp4"
            return web.FileResponse(path, headers={**headers, "Content-Type": kind})
        try:
            kind, converted = await asyncio.to_thread(_for_browser, path)
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError) as error:
            raise web.HTTPUnsupportedMediaType(text="This photo cannot be shown in a browser.") from error
        headers["Content-Type"] = kind
        if converted is None:
            return web.FileResponse(path, headers=headers)
        return web.Response(body=converted, headers=headers)


def _photo_id(request: web.Request) -> str:
    return unquote(request.rel_url.raw_path.rpartition("/photo/")[2])


def _unique(photos: Sequence[ShownPhoto]) -> list[ShownPhoto]:
    """Return `photos` without duplicates: a playlist may contain a photo twice."""
    first: dict[str, ShownPhoto] = {}
    for photo in photos:
        first.setdefault(photo.photo_id, photo)
    return list(first.values())


def _version(path: Path) -> str:
    """Return a value that changes when the file does; empty if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}"


def _for_browser(path: Path) -> tuple[str, bytes | None]:
    """Return the content type, and a JPEG if browsers cannot show the file as it is.

    Raises OSError (`UnidentifiedImageError` is one) or `DecompressionBombError` if Pillow cannot either.
    """
    with Image.open(path) as image:
        if image.format in _BROWSER_IMAGES:
            return Image.MIME[image.format], None
        upright = ImageOps.exif_transpose(image).convert("RGB")
    encoded = io.BytesIO()
    upright.save(encoded, "JPEG", quality=90)
    return "image/jpeg", encoded.getvalue()

"""A server of one web frame, for tests of the page: real HTTP, and everything can fail when told so."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from aiohttp import web
from PIL import Image

from picsync.web.frame import page

BASE = "/frame/tablet"
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Picture:
    """A photo of the frame."""

    body: bytes
    width: int
    height: int
    taken: str | None = "2024-06-15T16:21:09"
    caption: str | None = None
    place: str | None = None

    @property
    def photo_id(self) -> str:
        return sha256(self.body).hexdigest()[:12]


def painted(
    number: int, width: int = 160, height: int = 100, *, place: str | None = None, caption: str | None = None
) -> Picture:
    """Return a small picture with a colour of its own."""
    body = io.BytesIO()
    colour = (number * 37 % 256, number * 101 % 256, number * 59 % 256)
    picture = Image.new("RGB", (width, height), colour)
    picture.putpixel((0, 0), (number % 256, number // 256 % 256, 0))
    picture.save(body, "PNG")
    return Picture(body.getvalue(), width, height, place=place, caption=caption)


class FrameServer:
    """Serves the contract between page and server; what was asked is in `requests`."""

    def __init__(self, pictures: list[Picture], **settings: Any) -> None:
        self.pictures = pictures
        self.settings: dict[str, Any] = {
            "name": "tablet",
            "title": "Grandma's frame",
            "base": BASE,
            "build": page.build(),
            "poll": 30,
            "token": None,
            "ignored": [],
            **settings,
        }
        self.paired = True
        self.failing: set[str] = set()
        """Paths whose requests are answered with 503."""
        self.broken: set[str] = set()
        """Ids of photos that arrive as bytes that are no picture."""
        self.requests: list[str] = []
        self.seen: list[Mapping[str, Any]] = []
        self.rejected: list[str] = []
        self.commands: list[Mapping[str, Any]] = []
        self.changed = asyncio.Event()
        self.arrived = asyncio.Condition()
        self._streams: set[web.StreamResponse] = set()
        self._runner: web.AppRunner | None = None
        self._reserved: socket.socket | None = None
        """Has the port, and does not listen: while the server is stopped, nobody else gets it."""
        self.url = ""

    def photos(self) -> dict[str, Any]:
        shown = [picture for picture in self.pictures if picture.photo_id not in self.rejected]
        photos = [
            {
                "id": picture.photo_id,
                "url": f"{BASE}/p/{picture.photo_id}",
                "width": picture.width,
                "height": picture.height,
                "taken": picture.taken,
                "added": 1_700_000_000 + number,
                "caption": picture.caption,
                "place": picture.place,
                "album": "Family",
            }
            for number, picture in enumerate(shown)
        ]
        revision = sha256(json.dumps(photos).encode()).hexdigest()[:10]
        return {"revision": revision, "build": self.settings["build"], "photos": photos}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get(BASE, self._page),
                web.get(f"{BASE}/pairing", self._pairing),
                web.get(f"{BASE}/photos.json", self._photos),
                web.get(f"{BASE}/p/{{id}}", self._picture),
                web.get(f"{BASE}/still", self._still),
                web.get(f"{BASE}/events", self._events),
                web.get(f"{BASE}/poll", self._poll),
                web.post(f"{BASE}/seen", self._saw),
                web.post(f"{BASE}/reject", self._reject),
                web.get(f"{BASE}/sw.js", self._worker),
                web.get("/frame/assets/{build}/{name}", self._asset),
                web.get("/error", self._error),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        if self._reserved is None:
            self._reserved = socket.socket()
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._reserved.bind(("127.0.0.1", 0))
        port = self._reserved.getsockname()[1]
        await web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True).start()
        self.url = f"http://127.0.0.1:{port}{BASE}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    async def stop(self) -> None:
        if self._runner is not None:
            for stream in list(self._streams):
                with suppress(ConnectionError):  # its page is closed
                    await stream.write_eof()
            await self._runner.cleanup()
            self._runner = None

    async def send(self, event: str, data: str) -> None:
        """Send an event to all open pages."""
        for stream in list(self._streams):
            with suppress(ConnectionError):  # its page is closed
                await stream.write(f"event: {event}\ndata: {data}\n\n".encode())

    async def told(self, path: str, count: int = 1) -> None:
        """Wait until `path` has been asked for `count` times; for "/events", until so many were opened."""
        async with asyncio.timeout(PATIENCE_S), self.arrived:
            await self.arrived.wait_for(lambda: self.requests.count(path) >= count)

    async def _note(self, request: web.Request) -> None:
        """Record the request, and refuse it where a test wants that."""
        path = request.path.removeprefix(BASE)
        refusal = self._refusal(path)
        await self._record(path)
        if refusal is not None:
            raise refusal

    async def _record(self, path: str) -> None:
        async with self.arrived:
            self.requests.append(path)
            self.arrived.notify_all()

    def _refusal(self, path: str) -> web.HTTPException | None:
        if path in self.failing or "*" in self.failing:
            return web.HTTPServiceUnavailable()
        if not self.paired and path in ("/photos.json", "/events", "/poll", "/seen", "/reject"):
            return web.HTTPUnauthorized()
        return None

    async def _page(self, request: web.Request) -> web.Response:
        await self._note(request)
        headers = {"Content-Security-Policy": page.POLICY, "Cache-Control": "no-store"}
        if not self.paired:
            settings = {**self.settings, "pair": {"code": "402917", "poll": f"{BASE}/pairing"}}
            text = page.pairing_page(settings)
        else:
            text = page.frame_page(self.settings | _parameters(request))
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _error(self, _request: web.Request) -> web.Response:
        text = page.error_page(
            "There is no frame “kitchen”.",
            "Check the name in the address, or list the frames with `picsync frame list`.",
            self.settings,
        )
        headers = {"Content-Security-Policy": page.POLICY}
        return web.Response(text=text, status=404, content_type="text/html", headers=headers)

    async def _pairing(self, request: web.Request) -> web.Response:
        await self._note(request)
        return web.json_response({"paired": self.paired, "code": "402917", "expires": 600})

    async def _photos(self, request: web.Request) -> web.Response:
        await self._note(request)
        return web.json_response(self.photos(), headers={"Cache-Control": "no-cache"})

    async def _picture(self, request: web.Request) -> web.Response:
        await self._note(request)
        name = request.match_info["id"]
        for picture in self.pictures:
            if picture.photo_id == name:
                body = b"not a picture" if name in self.broken else picture.body
                kind = "image/png" if body[:4] == b"\x89PNG" else "image/jpeg"
                headers = {"Cache-Control": "private, max-age=31536000, immutable"}
                return web.Response(body=body, content_type=kind, headers=headers)
        raise web.HTTPNotFound

    async def _still(self, request: web.Request) -> web.Response:
        await self._note(request)
        photos = self.photos()["photos"]
        raise web.HTTPFound(
            photos[len(self.requests) % len(photos)]["url"], headers={"Cache-Control": "no-store"}
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if self._refusal("/events") is not None:
            await self._note(request)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        self._streams.add(response)
        try:
            await response.write(b": hello\n\n")
            await self._record("/events")
            while request.transport is not None and not request.transport.is_closing():
                await asyncio.sleep(0.2)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._streams.discard(response)
        return response

    async def _poll(self, request: web.Request) -> web.Response:
        await self._note(request)
        now = self.photos()
        commands, self.commands = self.commands, []
        return web.json_response({"revision": now["revision"], "build": now["build"], "commands": commands})

    async def _saw(self, request: web.Request) -> web.Response:
        self.seen.append(await request.json())
        await self._note(request)
        return web.Response(status=204)

    async def _reject(self, request: web.Request) -> web.Response:
        body = await request.json()
        await self._note(request)
        self.rejected.append(body["photo"])
        return web.Response(status=204)

    async def _worker(self, request: web.Request) -> web.Response:
        await self._note(request)
        asset = page.assets()["sw.js"]
        headers = {
            "Service-Worker-Allowed": BASE,
            "Cache-Control": "no-cache",
            "Content-Type": f"{asset.type}; charset=utf-8",
        }
        return web.Response(body=asset.body, headers=headers)

    async def _asset(self, request: web.Request) -> web.Response:
        await self._note(request)
        asset = page.assets().get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        headers = {
            "Content-Type": f"{asset.type}; charset=utf-8",
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        return web.Response(body=asset.body, headers=headers)


def _parameters(request: web.Request) -> dict[str, Any]:
    """Return the URL's parameters as settings; in tests they are sensible."""
    found: dict[str, Any] = {}
    for name, text in request.query.items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found

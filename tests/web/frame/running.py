"""Web frames that are served as picsync serves them, and devices that look at them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from picsync.frames.web.access import Way
from picsync.frames.web.frame import WebFrame
from picsync.frames.web.options import ShowSettings, WebFrameOptions
from picsync.serving.server import Limits
from picsync.system.control import Requests
from picsync.web.frame.pairing import Pairing
from picsync.web.frame.routes import Hide
from picsync.web.frame.server import LIMITS, FrameServer, Household
from tests.contract.frame_contract import ensure_album, rendition
from tests.pictures import jpeg

NOW = datetime(2026, 8, 1, 12, 30, tzinfo=UTC)


@dataclass
class Clock:
    """Seconds that a test sets."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Stream:
    """An open event stream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def next(self) -> tuple[str, str]:
        """Return the next event and its data; ("end", "") if the server has ended the stream."""
        event, data = "", ""
        async with asyncio.timeout(60):
            while line := (await self.reader.readline()).decode():
                # The lines of chunked coding have no colon.
                if line == "0\r\n":
                    break  # The end of the response.
                name, colon, value = line.rstrip("\r\n").partition(": ")
                if name == "event":
                    event, data = value, ""
                elif name == "data" or name == "data:":
                    data = value
                elif line == "\n" and event and not colon:
                    return event, data
        return "end", ""

    async def until(self, event: str) -> str:
        """Return the data of the next event of this name."""
        while True:
            name, data = await self.next()
            if name in (event, "end"):
                assert name == event
                return data


@dataclass
class RunningFrames:
    """A server of the frames `tablet` and `hall`."""

    folder: Path
    limits: Limits = LIMITS
    embed: tuple[str, ...] | None = None
    show: ShowSettings = field(default_factory=ShowSettings)
    clock: Clock = field(default_factory=Clock)
    hide: Hide | None = None
    tablet: WebFrame = field(init=False)
    hall: WebFrame = field(init=False)
    household: Household = field(init=False)
    server: FrameServer = field(init=False)
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.tablet, self.hall = (
            WebFrame(name, self.folder / "web-frames" / name, own_folder=self.folder, made=True)
            for name in ("tablet", "hall")
        )
        self.household = Household(Requests.beside(str(self.folder / "cache.db")))
        self.household.pairing = Pairing(self.clock)
        options = WebFrameOptions(title="Grandma's kitchen", show=self.show)
        self.server = FrameServer(
            [(self.tablet, options), (self.hall, WebFrameOptions())],
            self.household,
            embed=self.embed,
            hide=self.hide,
            limits=self.limits,
            now=lambda: NOW,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def token(self, frame: str = "tablet") -> str:
        return self.household.access.grant(frame, Way.LINK)

    def device(self, token: str = "", **headers: str) -> httpx.AsyncClient:
        """Return a device with cookies of its own."""
        own = {"X-Frame-Token": token, **headers} if token else headers
        return httpx.AsyncClient(base_url=self.url, headers=own)

    async def picture(
        self, url: str, token: str, headers: Mapping[str, str] | None = None, method: str = "GET"
    ) -> httpx.Response:
        """Request a picture, as a device does that has this token."""
        return await self.client.request(method, url, headers={"X-Frame-Token": token, **(headers or {})})

    async def add(
        self,
        *contents: str,
        frame: WebFrame | None = None,
        size: tuple[int, int] = (16, 9),
        extra: int = 0,
    ) -> None:
        """Put photos on a frame, as a cycle does; `extra` bytes follow the picture in its file."""
        frame = frame or self.tablet
        album = await ensure_album(frame, "Family")
        for content in contents:
            await frame.upload(album, rendition(jpeg(content, *size) + bytes(extra), f"{content[:20]}.jpg"))

    async def remove(self, content: str) -> None:
        album = await ensure_album(self.tablet, "Family")
        wanted = rendition(jpeg(content, 16, 9)).digest
        [photo] = [each for each in (await self.tablet.photos(album)).items if each.digest == wanted]
        await self.tablet.delete(album, photo)

    async def photos(self, token: str, frame: str = "tablet") -> list[dict[str, Any]]:
        answer = await self.client.get(f"/frame/{frame}/photos.json", headers={"X-Frame-Token": token})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["photos"]
        return found

    @asynccontextmanager
    async def stream(self, token: str, frame: str = "tablet") -> AsyncIterator[Stream]:
        """Open an event stream, and read the events that every one begins with."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(
                f"GET /frame/{frame}/events HTTP/1.1\r\nHost: x\r\nX-Frame-Token: {token}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head, head
            stream = Stream(reader, writer)
            assert (await stream.next())[0] == "build"
            yield stream
        finally:
            writer.close()


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncIterator[RunningFrames]:
    frames = RunningFrames(folder, **options)
    await frames.server.start("127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(base_url=frames.url) as frames.client:
            yield frames
    finally:
        await frames.server.close()

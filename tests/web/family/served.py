"""The family's pages over real HTTP, and a browser's part of the conversation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from picsync.family.library import FolderLibrary, Library
from picsync.family.people import People, Role
from picsync.family.photos import Photos
from picsync.family.pictures import Pictures
from picsync.family.state.database import State
from picsync.family.uploads.service import Uploads
from picsync.family.voting import Voting
from picsync.rendering.pool import Renderer
from picsync.serving.asgi import Network, handler
from picsync.system.control import Requests
from picsync.web.family.app import application
from picsync.web.family.services import Services
from picsync.web.frame.server import FrameServer, Household

TOKEN = re.compile(r'name="form-token" content="([0-9a-f]*)"')


class Pages:
    """A running server, and what it works with."""

    def __init__(self, services: Services, url: str) -> None:
        self.services = services
        self.url = url
        self.browsers: list[Browser] = []

    def browser(self) -> Browser:
        self.browsers.append(Browser(self))
        return self.browsers[-1]

    async def signed_in(self, name: str, role: Role = Role.MEMBER) -> Browser:
        """Return a browser in which somebody has opened an invitation."""
        made = await self.services.people.invite(name, role)
        browser = self.browser()
        response = await browser.client.post(f"/join/{made.token}", headers={"Origin": self.url})
        assert response.status_code == 303, response.text
        return browser


class Browser:
    """Sends what a browser would: cookies, the origin, and the form token of the last page."""

    def __init__(self, pages: Pages) -> None:
        self.client = httpx.AsyncClient(base_url=pages.url, headers={"Accept": "text/html,*/*"}, timeout=60)
        self.origin = pages.url

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def form_token(self) -> str:
        found = TOKEN.search((await self.get("/you")).text)
        assert found is not None
        return found[1]

    async def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form as one of our pages does."""
        data = {"form_token": await self.form_token(), **fields}
        return await self.client.post(path, data=data, headers={"Origin": self.origin})

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()


def routes_of(services: Services) -> list[RouteContext]:
    """Return all routes of the pages."""
    found = iter_route_contexts(application(services).routes)
    return [route for route in found if isinstance(route.original_route, APIRoute)]


@asynccontextmanager
async def serve(
    folder: Path,
    *,
    proxies: tuple[Network, ...] = (),
    cache: str = "",
    library: Library | None = None,
    state: State | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Pages]:
    """Serve the pages of a family without photos; `state` is closed at the end."""
    if state is None:
        state = await State.open(cache or str(folder / "cache.db"))
    renderer = Renderer(1)
    try:
        pictures = Pictures(folder / "pictures", renderer)
        if library is None:
            (folder / "library").mkdir(exist_ok=True)
            library = FolderLibrary(folder / "library", ["Family"])
        shown = {"Family": ["Family"]}
        uploads = Uploads(state, library, pictures, renderer, categories=shown, now=now, sleep=sleep)
        await uploads.start()
        services = Services(state, People(state), Photos(state), pictures, Voting(state), uploads)
        household = Household(Requests.beside(str(folder / "cache.db")))
        server = FrameServer([], household, others=handler(application(services), proxies=proxies))
        await server.start("127.0.0.1", 0)
        try:
            pages = Pages(services, f"http://127.0.0.1:{server.port}")
            try:
                yield pages
            finally:
                for browser in pages.browsers:
                    await browser.client.aclose()
        finally:
            await server.close()
            await uploads.aclose()
    finally:
        await renderer.aclose()
        await state.aclose()

"""Shared helpers of the tests of the emulated Immich."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from picsync.emulators.immich import HOST, Album, Asset, Immich, ImmichOptions
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer

JPEG = b"\xff\xd8\xff\xe0 a picture "


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class ImmichEmulator:
    immich: Immich
    http: httpx.AsyncClient
    clock: Clock
    server: EmulatorServer
    headers: dict[str, str] = field(default_factory=dict)

    def use_key(self, *permissions: str) -> None:
        """Use a new key with these permissions from now on."""
        self.headers = {"x-api-key": self.immich.add_key(permissions or ("all",)).secret}

    def log(self, path: str) -> Sequence[Record]:
        """Return the requests to a path."""
        return self.server.log.matching(path=path, host=HOST)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/{HOST}/api{path}", params=query, headers=self.headers)

    async def post(self, path: str, body: Any, **query: Any) -> httpx.Response:
        return await self.http.post(f"/{HOST}/api{path}", json=body, params=query, headers=self.headers)

    async def found(self, body: Any) -> list[str]:
        """Return the names of all search results, over all pages."""
        names: list[str] = []
        body = dict(body)
        while True:
            answer = await self.post("/search/metadata", body)
            assert answer.status_code == 200, answer.text
            assets = answer.json()["assets"]
            names += [item["originalFileName"] for item in assets["items"]]
            if assets.get("nextCursor"):
                body["cursor"] = assets["nextCursor"]
            elif assets["nextPage"]:
                body["page"] = int(assets["nextPage"])
            else:
                return names

    def album(self, names: Iterable[str], title: str = "Family") -> tuple[Album, list[Asset]]:
        """Add an album with an asset of each name, each taken a second after the other."""
        album = self.immich.add_album(title)
        assets = []
        for name in names:
            self.clock.now += 1
            content = JPEG + name.encode()
            assets.append(self.immich.add_asset(album, name, content, mime_type="image/jpeg"))
        return album, assets


@asynccontextmanager
async def immich_emulator(
    options: ImmichOptions | None = None, **fields: Any
) -> AsyncIterator[ImmichEmulator]:
    """Run the service, with a key that may do everything."""
    clock = Clock()
    immich = Immich(options or ImmichOptions(now=clock, **fields))
    async with (
        EmulatorServer([immich]) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        made = ImmichEmulator(immich, http, clock, server)
        made.use_key()
        yield made

"""Shared helpers of the tests of the emulated Dropbox."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from picsync.emulators.dropbox import ALL_SCOPES, API, CONTENT, NOTIFY, Dropbox, DropboxOptions, Grant
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class DropboxEmulator:
    dropbox: Dropbox
    http: httpx.AsyncClient
    clock: Clock
    server: EmulatorServer
    headers: dict[str, str] = field(default_factory=dict)

    def log_in(self, *scopes: str, **fields: Any) -> Grant:
        """Use a new login with these scopes from now on."""
        grant = self.dropbox.log_in(scopes or ALL_SCOPES, **fields)
        self.headers = {"Authorization": f"Bearer {self.dropbox.issue(grant)}"}
        return grant

    def log(self, path: str) -> Sequence[Record]:
        return self.server.log.matching(path=path)

    async def call(self, name: str, argument: Any = None, *, host: str = API) -> httpx.Response:
        url = f"/{host}/2/{name}"
        return await self.http.post(url, json=argument, headers=self.headers)

    async def ask(self, name: str, argument: Any = None, **fields: Any) -> Any:
        """Return the result of a call that succeeds."""
        answer = await self.call(name, argument, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, name: str, argument: Any = None) -> list[str]:
        """Return the tags of the error with which a call is refused."""
        answer = await self.call(name, argument)
        assert answer.status_code == 409, answer.text
        return tags(answer)

    async def send(self, name: str, argument: Any, data: bytes = b"") -> httpx.Response:
        headers = {
            **self.headers,
            "Dropbox-API-Arg": json.dumps(argument),
            "Content-Type": "application/octet-stream",
        }
        return await self.http.post(f"/{CONTENT}/2/{name}", content=data, headers=headers)

    async def upload(self, path: str, data: bytes, **fields: Any) -> Any:
        answer = await self.send("files/upload", {"path": path, **fields}, data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def poll(self, cursor: str) -> Any:
        answer = await self.http.post(
            f"/{NOTIFY}/2/files/list_folder/longpoll", json={"cursor": cursor, "timeout": 30}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def listed(self, **argument: Any) -> tuple[list[Any], str]:
        """Return all entries of a listing, and the last cursor."""
        return await self.rest(await self.ask("files/list_folder", argument))

    async def changes(self, cursor: str) -> tuple[list[Any], str]:
        return await self.rest(await self.ask("files/list_folder/continue", {"cursor": cursor}))

    async def rest(self, page: Any) -> tuple[list[Any], str]:
        entries = page["entries"]
        while page["has_more"]:
            page = await self.ask("files/list_folder/continue", {"cursor": page["cursor"]})
            entries = [*entries, *page["entries"]]
        return entries, page["cursor"]


def tags(answer: httpx.Response) -> list[str]:
    """Return the tags of an error, from the outside in."""
    error, found = answer.json()["error"], []
    while isinstance(error, dict) and ".tag" in error:
        found.append(error[".tag"])
        error = error.get(error[".tag"], error.get("reason"))
    return found


def named(entries: Sequence[Any]) -> list[str]:
    """Return tag and path of each entry."""
    return [f"{each['.tag']} {each.get('path_display', each['name'])}" for each in entries]


@asynccontextmanager
async def dropbox_emulator(
    options: DropboxOptions | None = None, **fields: Any
) -> AsyncIterator[DropboxEmulator]:
    """Run the service, with a login that may do everything."""
    clock = Clock()
    dropbox = Dropbox(options or DropboxOptions(now=clock, **fields))
    async with (
        EmulatorServer([dropbox]) as server,
        httpx.AsyncClient(base_url=server.url) as http,
    ):
        made = DropboxEmulator(dropbox, http, clock, server)
        made.log_in()
        yield made
        await dropbox.webhooks.aclose()

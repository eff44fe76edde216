"""Shared helpers of the tests of the emulated Google Photos."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image

from picsync.emulators.google import GoogleOptions, GooglePhotos
from picsync.emulators.server import EmulatorServer

API = "photoslibrary.googleapis.com"
LEGACY_SCOPES = ("photoslibrary.readonly", "photoslibrary")


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class GoogleEmulator:
    server: EmulatorServer
    google: GooglePhotos
    http: httpx.AsyncClient
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    def login(self, *scopes: str) -> None:
        """Use a fresh token with these scopes, by default those of an app today."""
        issued = self.google.issue_credentials(scopes) if scopes else self.google.issue_credentials()
        self.headers = {"Authorization": f"Bearer {issued['access_token']}"}

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(f"/{API}/v1/{path}", params=query, headers=self.headers)

    async def post(self, path: str, body: Any, **query: Any) -> httpx.Response:
        return await self.http.post(f"/{API}/v1/{path}", json=body, params=query, headers=self.headers)

    async def search(self, **body: Any) -> dict[str, Any]:
        answer = await self.post("mediaItems:search", body)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    async def upload(self, data: bytes, name: str = "") -> str:
        headers = {**self.headers, "X-Goog-Upload-Protocol": "raw"}
        if name:
            headers["X-Goog-Upload-File-Name"] = name
        answer = await self.http.post(f"/{API}/v1/uploads", content=data, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def pages(self, **body: Any) -> list[dict[str, Any]]:
        """Return all pages of a search as received."""
        pages = [await self.search(**body)]
        while token := pages[-1].get("nextPageToken"):
            pages.append(await self.search(**body, pageToken=token))
            assert len(pages) < 200
        return pages


def error_of(answer: httpx.Response) -> tuple[int, str, Mapping[str, Any]]:
    """Return HTTP status, status name and the whole error."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"], error


def ids(*pages: Mapping[str, Any]) -> list[str]:
    return [item["id"] for page in pages for item in page.get("mediaItems", ())]


def jpeg(width: int = 64, height: int = 48, *, orientation: int = 1, colour: str = "red") -> bytes:
    image = Image.new("RGB", (width, height), colour)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + b"v" * 5000


@asynccontextmanager
async def google_emulator(**options: Any) -> AsyncIterator[GoogleEmulator]:
    clock = Clock()
    google = GooglePhotos(GoogleOptions(now=clock, **options))
    async with EmulatorServer([google]) as server, httpx.AsyncClient(base_url=server.url, timeout=10) as http:
        emulator = GoogleEmulator(server, google, http, clock)
        emulator.login()
        yield emulator

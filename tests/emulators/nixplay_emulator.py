"""A small client of the emulated Nixplay, written against the protocol, for the emulator's own tests."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from picsync.emulators.nixplay import API, MONITOR, Nixplay
from picsync.emulators.server import EmulatorServer

USER, PASSWORD = "jane", "correct horse"


class FakeTime:
    """A clock that is advanced only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Loopback(httpx.AsyncHTTPTransport):
    """Leads every host name to one port of this machine, as a resolver would."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(verify=tls or False)
        self._port = port
        self._scheme = "https" if tls else "http"

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme=self._scheme, host="127.0.0.1", port=self._port)
        extensions = {**request.extensions, "sni_hostname": request.url.host}
        return await super().handle_async_request(
            httpx.Request(
                request.method, url, headers=request.headers, stream=request.stream, extensions=extensions
            )
        )


@dataclass
class NixplayEmulator:
    """An emulator, and a client that reaches it by name."""

    nixplay: Nixplay
    server: EmulatorServer
    http: httpx.AsyncClient

    async def login(self, user: str = USER, password: str = PASSWORD) -> dict[str, Any]:
        form = {"email": user, "password": password}
        answer = await self.http.post(f"https://{API}/www-login/", data=form)
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    def csrf_headers(self) -> dict[str, str]:
        return {
            "X-CSRFToken": self.http.cookies.get("prod.csrftoken") or "",
            "Origin": "https://app.nixplay.com",
            "Referer": "https://app.nixplay.com/",
        }

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {**self.csrf_headers(), **more.pop("headers", {})}
        return await self.http.request(method, f"https://{API}{path}", headers=headers, **more)

    async def json(self, method: str, path: str, **more: Any) -> Any:
        answer = await self.call(method, path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def create_album(self, name: str) -> int:
        (album,) = await self.json("POST", "/album/create/json/", data={"name": name})
        assert isinstance(album["id"], int)
        return album["id"]

    async def create_playlist(self, name: str) -> int:
        playlist_id = (await self.json("POST", "/v3/playlists", json={"name": name}))["playlistId"]
        assert isinstance(playlist_id, int)
        return playlist_id

    async def pictures(self, album_id: int, page: int = 1, limit: int = 100) -> list[dict[str, Any]]:
        query = {"page": page, "limit": limit}
        body = await self.json("GET", f"/album/{album_id}/pictures/json/", params=query)
        photos: list[dict[str, Any]] = body["photos"]
        return photos

    async def slides(self, playlist_id: int, offset: int = 0, size: int = 100) -> list[dict[str, Any]]:
        query = {"size": size, "offset": offset}
        body = await self.json("GET", f"/v3/playlists/{playlist_id}/slides", params=query)
        slides: list[dict[str, Any]] = body["slides"]
        return slides

    async def permission(
        self, target: Mapping[str, int], name: str, size: int, file_type: str = "image/jpeg"
    ) -> httpx.Response:
        form = {key: str(value) for key, value in target.items()}
        token = (await self.json("POST", "/v3/upload/receivers/", data={**form, "total": "1"}))["token"]
        form |= {"uploadToken": token, "fileName": name, "fileType": file_type, "fileSize": str(size)}
        return await self.call("POST", "/v3/photo/upload/", data=form)

    async def store(self, data: Mapping[str, Any], content: bytes, **changed: str) -> httpx.Response:
        fields = s3_fields(data) | changed
        return await self.http.post(data["s3UploadUrl"], data=fields, files={"file": ("x.jpg", content)})

    async def sent(self, target: Mapping[str, int], name: str, content: bytes) -> str:
        answer = await self.permission(target, name, len(content))
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        stored = await self.store(data, content)
        assert stored.status_code == 201, stored.text
        assert f'<ETag>"{md5(content)}"</ETag>' in stored.text
        upload_id = data["userUploadIds"][0]
        assert isinstance(upload_id, str)
        return upload_id

    async def status(self, upload_id: str) -> httpx.Response:
        return await self.http.get(f"https://{MONITOR}/status", params={"id": upload_id})

    async def upload(self, target: Mapping[str, int], name: str, content: bytes) -> httpx.Response:
        return await self.status(await self.sent(target, name, content))


def s3_fields(data: Mapping[str, Any]) -> dict[str, str]:
    return {
        "key": data["key"],
        "acl": data["acl"],
        "content-type": data["fileType"],
        "x-amz-meta-batch-upload-id": data["batchUploadId"],
        "success_action_status": "201",
        "AWSAccessKeyId": data["AWSAccessKeyId"],
        "Policy": data["Policy"],
        "Signature": data["Signature"],
    }


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


@asynccontextmanager
async def nixplay_emulator(
    nixplay: Nixplay, server_tls: ssl.SSLContext | None = None, client_tls: ssl.SSLContext | None = None
) -> AsyncIterator[NixplayEmulator]:
    """Serve `nixplay`, with one user, until the block ends."""
    nixplay.add_user(USER, PASSWORD)
    try:
        async with (
            EmulatorServer([nixplay], ssl_context=server_tls) as server,
            httpx.AsyncClient(transport=Loopback(server.port, client_tls), timeout=10) as http,
        ):
            yield NixplayEmulator(nixplay, server, http)
    finally:
        nixplay.close()

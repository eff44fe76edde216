"""Uploads: `/v1/uploads` receives the bytes, `mediaItems.batchCreate` creates items from them.

Both the raw and the resumable protocol are supported; Go clients use the latter.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from picsync.emulators.google import errors, positions
from picsync.emulators.google.albums import BATCH, LARGEST_ALBUM
from picsync.emulators.google.api import WRITE, Answer, Api, Call, Method
from picsync.emulators.google.content import BytesContent, Content, FileContent, sniff
from picsync.emulators.google.errors import ApiError, invalid
from picsync.emulators.google.library import Album, Item, Library
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.resources import Resources
from picsync.emulators.service import origin

TOKEN_LIFE_S = 86400
GRANULARITY = 256 * 1024
_HOST = "photoslibrary.googleapis.com"


@dataclass(slots=True)
class Upload:
    """An upload in progress; `expected` is None if the client did not announce a size."""

    client_id: str
    filename: str
    started_at: float
    path: Path | None
    expected: int | None = None
    received: int = 0
    status: str = "active"
    token: str = ""
    _parts: list[bytes] = field(default_factory=list)

    def take(self, chunk: bytes) -> None:
        """Append bytes."""
        self.received += len(chunk)
        if self.path is None:
            self._parts.append(chunk)
            return
        with self.path.open("ab") as file:
            file.write(chunk)

    def content(self) -> Content:
        """Return all bytes received."""
        return BytesContent(b"".join(self._parts)) if self.path is None else FileContent(self.path)


class Uploads:
    """Receives bytes and creates items from them."""

    def __init__(self, library: Library, options: GoogleOptions, resources: Resources, api: Api) -> None:
        self._library = library
        self._options = options
        self._resources = resources
        self._api = api
        self._sessions: dict[str, Upload] = {}
        self._finished: dict[str, Upload] = {}

    def methods(self) -> Sequence[Method]:
        """Return the JSON methods."""
        return (
            Method(
                "mediaItems.batchCreate", "BatchCreateMediaItems", "POST", "/v1/mediaItems:batchCreate",
                WRITE, self.batch_create, "BatchCreateMediaItemsResponse", "BatchCreateMediaItemsRequest",
            ),
        )  # fmt: skip

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Receive bytes, raw or a part of a resumable upload; the response body is the upload token."""
        try:
            commands = {each.strip() for each in request.headers.get("X-Goog-Upload-Command", "").split(",")}
            if "upload_id" in request.query:
                return await self._continue(request, commands)
            client_id, held = self._api.identify(request, "CreateUpload")
            self._api.check_scopes("CreateUpload", WRITE, held)
            upload = self._new(request, client_id)
            match request.headers.get("X-Goog-Upload-Protocol", "").lower():
                case "raw":
                    return await self._raw(request, upload)
                case "resumable" if "start" in commands:
                    return self._start(request, upload)
                case other:
                    raise invalid(f"Upload protocol {other!r} is not supported here.")
        except ApiError as error:
            return error.response()

    def batch_create(self, call: Call) -> Answer:
        """Create items; each succeeds or fails independently, 207 if some failed."""
        wanted = call.body.get("newMediaItems", [])
        if not 1 <= len(wanted) <= BATCH:
            raise invalid(f"Request must have 1 to {BATCH} new media items.")
        album = self._album(call, len(wanted))
        results = [self._create(call, each) for each in wanted]
        created = [item for item, _ in results if item is not None]
        if album is not None:
            positions.place(album, created, call.body.get("albumPosition", {}))
        status = 200 if len(created) == len(results) else 207
        return status, {"newMediaItemResults": [result for _, result in results]}

    def _new(self, request: web.Request, client_id: str) -> Upload:
        name = request.headers.get("X-Goog-Upload-File-Name", "")
        directory = self._options.upload_directory
        path = None if directory is None else directory / f"upload-{secrets.token_hex(8)}"
        return Upload(client_id, name, self._options.now(), path)

    async def _raw(self, request: web.Request, upload: Upload) -> web.StreamResponse:
        async for chunk in _chunks(request):
            upload.take(chunk)
        if not upload.received:
            raise invalid("The upload has no content.")
        return web.Response(text=self._finish(upload), content_type="text/plain")

    def _start(self, request: web.Request, upload: Upload) -> web.StreamResponse:
        size = request.headers.get("X-Goog-Upload-Raw-Size", "")
        upload.expected = int(size) if size.isdigit() else None
        upload_id = secrets.token_urlsafe(48)
        self._sessions[upload_id] = upload
        url = f"{origin(request, _HOST)}/v1/uploads?upload_id={upload_id}&upload_protocol=resumable"
        headers = {"X-Goog-Upload-URL": url, "X-Goog-Upload-Chunk-Granularity": str(GRANULARITY)}
        return web.Response(headers={**headers, "X-Goog-Upload-Status": "active"})

    async def _continue(self, request: web.Request, commands: set[str]) -> web.StreamResponse:
        upload = self._sessions.get(request.query["upload_id"])
        if upload is None:
            raise errors.not_found()
        if "cancel" in commands:
            upload.status = "cancelled"
        if "upload" in commands:
            offset = request.headers.get("X-Goog-Upload-Offset", "")
            if upload.status != "active" or offset != str(upload.received):
                raise invalid(f"Upload is {upload.status}, with {upload.received} bytes received.")
            async for chunk in _chunks(request):
                upload.take(chunk)
        if "finalize" in commands and upload.status == "active":
            if upload.expected not in (None, upload.received):
                raise invalid(f"Upload has {upload.received} bytes instead of {upload.expected}.")
            upload.status, upload.token = "final", self._finish(upload)
        headers = {"X-Goog-Upload-Status": upload.status}
        if upload.status == "active":
            headers["X-Goog-Upload-Size-Received"] = str(upload.received)
            headers["X-Goog-Upload-Chunk-Granularity"] = str(GRANULARITY)
        return web.Response(text=upload.token, headers=headers)

    def _finish(self, upload: Upload) -> str:
        token = f"CAIS{secrets.token_urlsafe(180)}"
        self._finished[token] = upload
        return token

    def _album(self, call: Call, more: int) -> Album | None:
        if not call.body.get("albumId"):
            if call.body.get("albumPosition"):
                raise invalid("Album position requires an album id.")
            return None
        album = self._library.albums.get(call.album_id(call.body["albumId"]))
        if album is None:
            raise errors.not_found()
        if album.client_id != call.client_id:
            raise ApiError("PERMISSION_DENIED", "No permission to add media items to this album.")
        if len(album.items) + more > LARGEST_ALBUM:
            raise invalid(f"An album can hold at most {LARGEST_ALBUM} media items.")
        return album

    def _create(self, call: Call, wanted: Mapping[str, Any]) -> tuple[Item | None, Mapping[str, Any]]:
        simple = wanted.get("simpleMediaItem")
        if simple is None:
            raise invalid("Each new media item must have a simpleMediaItem.")
        token = simple.get("uploadToken", "")
        upload = self._finished.get(token)
        now = self._options.now()
        known = upload is not None and upload.client_id == call.client_id
        if upload is None or not known or upload.started_at + TOKEN_LIFE_S < now:
            return None, _failure(token, 3, "Invalid upload token.")
        content = upload.content()
        mime_type = sniff(content)
        if not mime_type:
            return None, _failure(token, 3, "NOT_IMAGE: There was an error while creating this media item.")
        item = self._library.find_equal(content, call.client_id) or self._library.add_item(
            simple.get("fileName") or upload.filename or f"{secrets.token_hex(8)}.bin",
            content,
            mime_type=mime_type,
            client_id=call.client_id,
            description=wanted.get("description", ""),
            ready_at=now + self._options.video_processing_s,
        )
        resource = self._resources.item(call, item, with_url=False)
        return item, {"uploadToken": token, "status": {"message": "Success"}, "mediaItem": resource}


def _failure(token: str, code: int, message: str) -> Mapping[str, Any]:
    return {"uploadToken": token, "status": {"code": code, "message": message}}


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_chunked(64 * 1024):
        yield chunk

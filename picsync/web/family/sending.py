"""Routes about sending photos: the page, resumable uploads (tus 1.0.0), forms and programs.

The protocol is tus (https://tus.io/protocols/resumable-upload) with the extensions creation,
creation-with-upload, checksum, expiration and termination. An upload belongs to the person who began it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse, Response

from picsync.family.people import Session
from picsync.family.uploads.service import CHECKSUMS, KEPT_FOR, MAX_KEY, MAX_UPLOAD_BYTES, Uploads
from picsync.family.uploads.values import Problem, Upload, UploadError, UploadState
from picsync.web.assets import assets_of
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import FORM_TOKEN, Member, StreamingMember, prove
from picsync.web.family.multipart import FormError, parts_of
from picsync.web.family.pages import PACKAGE, page
from picsync.web.family.services import Served, Services

ANY_SIZE = 2**62
"""Bodies of uploads are written as they arrive; each file has its own limit."""
TUS = "1.0.0"
MAX_IDS = 200
_TUS_TYPE = "application/offset+octet-stream"
_EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
_STATUS = {
    Problem.UNKNOWN: 404,
    Problem.INVALID: 400,
    Problem.TOO_LARGE: 413,
    Problem.TOO_MANY: 429,
    Problem.FULL: 507,
    Problem.UNAVAILABLE: 503,
    Problem.WRONG_OFFSET: 409,
    Problem.OVERRUN: 400,
    Problem.DAMAGED: 460,
    Problem.INTERRUPTED: 423,
}
_RETRY_AFTER_S = {Problem.UNAVAILABLE: 30, Problem.FULL: 300, Problem.TOO_MANY: 60}


def refusal_of(error: UploadError) -> Refusal:
    """Return what a request is refused with."""
    return Refusal(
        _STATUS[error.problem], error.message, error.hint, retry_after_s=_RETRY_AFTER_S.get(error.problem)
    )


@contextmanager
def refusing() -> Iterator[None]:
    """Translate what an upload is refused with."""
    try:
        yield
    except UploadError as error:
        raise refusal_of(error) from error
    except FormError as error:
        raise Refusal(400, f"The form is not valid: {error}.") from error


class _Route(APIRoute):
    """Translates what an upload is refused with."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def translated(request: Request) -> Response:
            with refusing():
                return await handle(request)

        return translated


router = APIRouter()
_pages = APIRouter(include_in_schema=False, route_class=_Route)
_api = APIRouter(prefix="/api/uploads", tags=["uploads"], route_class=_Route)


class AboutUpload(BaseModel):
    """A file that was sent, and what has become of it."""

    id: str
    album: str
    filename: str
    size_bytes: int | None
    state: UploadState
    reason: str
    photo: str | None
    created_at: datetime


def _about(upload: Upload) -> AboutUpload:
    return AboutUpload(
        id=upload.upload,
        album=upload.album,
        filename=upload.filename,
        size_bytes=None if upload.size_bytes < 0 else upload.size_bytes,
        state=upload.state,
        reason=upload.reason,
        photo=upload.photo,
        created_at=upload.created_at,
    )


def uploads_of(services: Services) -> Uploads:
    """Return the service; raises Refusal if there is no library."""
    if services.uploads is None:
        raise Refusal(
            404,
            "Nobody can send photos: there is no library.",
            "The person who runs picsync sets `family.library` in picsync.yaml.",
        )
    return services.uploads


# The page.


@_pages.get("/send")
async def send(request: Request, session: Member, services: Served) -> Response:
    """Show the page on which photos are sent."""
    return await _send_page(request, session, services, ())


@_pages.post("/send", max_body_size=ANY_SIZE)
async def send_form(request: Request, session: StreamingMember, services: Served) -> Response:
    """Receive photos from a browser without JavaScript: fields first, then files."""
    uploads, album, taken = uploads_of(services), "", []
    try:
        async for part in parts_of(request.headers.get("Content-Type", ""), _body(request)):
            if part.filename is None:
                value = await part.text()
                if part.name == FORM_TOKEN:
                    prove(request, session, value)
                elif part.name in ("album", "other") and value.strip():
                    album = value
            elif part.filename:
                prove(request, session)
                name = album or (await uploads.albums() or ["Family"])[0]
                taken.append(
                    await uploads.take(session.person.person, name, part.filename, part.blocks, None)
                )
    except ClientDisconnect:
        raise UploadError(Problem.INTERRUPTED, "The connection was lost.", "Send the rest again.") from None
    prove(request, session)
    settled = await uploads.wait(session.person.person, [each.upload for each in taken])
    return await _send_page(request, session, services, settled, sent=True)


@_pages.post("/send/shared", max_body_size=ANY_SIZE)
async def shared(request: Request) -> Response:  # noqa: ARG001
    """Answer a phone's share button if the service worker has not; it reads nothing."""
    return RedirectResponse("/send?shared=again", 303)


async def _send_page(
    request: Request, session: Session, services: Services, settled: Any, *, sent: bool = False
) -> Response:
    uploads = uploads_of(services)
    try:
        albums, problem = await uploads.albums(), None
    except UploadError as error:
        albums, problem = [], error
    return page(
        request,
        "send.html",
        session,
        files_at=uploads.bucket_origin,
        direct=bool(uploads.bucket_origin),
        albums=albums,
        problem=problem,
        settled=settled,
        sent=sent,
        again=request.query_params.get("shared") == "again",
    )


@_pages.get("/manifest.webmanifest")
async def manifest(services: Served) -> Response:
    """Describe the pages as an app that phones can install, and share photos with."""
    assets = f"/family/assets/{assets_of(PACKAGE).build}"
    icons = [
        {"src": f"{assets}/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    maskable = {**icons[1], "src": f"{assets}/icon-maskable-512.png", "purpose": "maskable"}
    content = {
        "id": "/",
        "name": services.title,
        "short_name": services.title[:12].strip(),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f3f1ec",
        "theme_color": "#f3f1ec",
        "icons": [*icons, maskable],
        "shortcuts": [{"name": "Send photos", "url": "/send"}],
        "share_target": {
            "action": "/send/shared",
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {"files": [{"name": "files", "accept": ["image/*", "video/*"]}]},
        },
    }
    return Response(
        json.dumps(content),
        headers={"Content-Type": "application/manifest+json", "Cache-Control": "no-cache"},
    )


@_pages.get("/sw.js")
async def service_worker() -> Response:
    """Return the service worker, which has to be at the top to serve all pages."""
    asset = assets_of(PACKAGE).files["sw.js"]
    return Response(asset.body, media_type=asset.type, headers={"Cache-Control": "no-cache"})


# Programs.


@_api.get("")
async def list_uploads(
    session: Member, services: Served, ids: Annotated[str, Query(alias="id", max_length=33 * MAX_IDS)] = ""
) -> list[AboutUpload]:
    """List your uploads, the newest first; `id` has the IDs of those wanted, separated by commas."""
    wanted = [each for each in ids.split(",") if each][:MAX_IDS] if ids else None
    found = await uploads_of(services).of_person(session.person.person, wanted, most=MAX_IDS)
    return [_about(each) for each in found]


@_api.get("/albums")
async def albums(_session: Member, services: Served) -> list[str]:
    """List the albums of the library."""
    return list(await uploads_of(services).albums())


@_api.post(
    "",
    max_body_size=ANY_SIZE,
    openapi_extra={
        "requestBody": {
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "properties": {
                            "album": {"type": "string"},
                            "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        },
                    }
                },
            }
        }
    },
)
async def post_uploads(
    request: Request,
    session: StreamingMember,
    services: Served,
    album: Annotated[str, Query(max_length=300)] = "",
    name: Annotated[str, Query(max_length=300)] = "",
) -> list[AboutUpload]:
    """Send files: one as the body, or several as a form. Answers when they are ready.

    A file that is no picture or video, or that the library has already, is no error: `state` says so.
    """
    uploads, person = uploads_of(services), session.person.person
    prove(request, session)
    album = album or (await uploads.albums() or ["Family"])[0]
    content_type = request.headers.get("Content-Type", "")
    taken = []
    try:
        if content_type.lower().startswith("multipart/form-data"):
            async for part in parts_of(content_type, _body(request)):
                if part.filename is not None:
                    taken.append(await uploads.take(person, album, part.filename or name, part.blocks, None))
                elif part.name == "album":
                    album = (await part.text()).strip() or album
        else:
            size = request.headers.get("Content-Length", "")
            announced = int(size) if size.isascii() and size.isdecimal() and len(size) < 19 else None
            taken.append(await uploads.take(person, album, name, _body(request), announced))
    except ClientDisconnect:
        raise UploadError(Problem.INTERRUPTED, "The connection was lost.", "Send it again.") from None
    settled = await uploads.wait(person, [each.upload for each in taken])
    return [_about(each) for each in settled]


# Straight to the bucket.


class PartToSend(BaseModel):
    """A part of a file that is missing: PUT these bytes of it to the URL, which is valid for an hour."""

    number: int
    start: int
    size_bytes: int
    url: str = Field(repr=False)


class DirectUpload(BaseModel):
    """A file that goes straight to the library's bucket, in parts."""

    id: str
    state: UploadState
    received_bytes: int
    missing: list[PartToSend]


class NewUpload(BaseModel):
    """A file that somebody wants to send."""

    filename: str = Field(max_length=300)
    album: str = Field("", max_length=300)
    size_bytes: int = Field(ge=1, le=MAX_UPLOAD_BYTES)
    sha256: str = Field("", max_length=64)
    key: str = Field(
        "", max_length=MAX_KEY, description="Text of your own; repeating it finds the upload that was begun."
    )


@_api.post("/direct", status_code=201)
async def begin_direct(wanted: NewUpload, session: Member, services: Served) -> DirectUpload:
    """Begin an upload straight to the library's bucket; 404 if the library is a folder."""
    uploads, person = uploads_of(services), session.person.person
    if not uploads.bucket_origin:
        raise Refusal(404, "The library is no bucket.", "Send by tus.")
    album = wanted.album or (await uploads.albums() or ["Family"])[0]
    upload = await uploads.create(
        person,
        album,
        wanted.filename,
        wanted.size_bytes,
        wanted.sha256.lower(),
        direct=True,
        key=wanted.key,
    )
    return await _direct(uploads, person, upload.upload)


@_api.get("/direct/{upload}")
async def continue_direct(upload: str, session: Member, services: Served) -> DirectUpload:
    """Say which parts are missing, and where to send the first of them."""
    return await _direct(uploads_of(services), session.person.person, upload)


@_api.post("/direct/{upload}/complete")
async def complete_direct(upload: str, session: Member, services: Served) -> AboutUpload:
    """Have an upload checked of which all parts are there; 409 if some are missing."""
    return _about(await uploads_of(services).complete_direct(session.person.person, upload))


@_api.delete("/direct/{upload}", status_code=204)
async def remove_direct(upload: str, session: Member, services: Served) -> Response:
    """End an upload."""
    await uploads_of(services).remove(session.person.person, upload)
    return Response(status_code=204)


async def _direct(uploads: Uploads, person: str, upload: str) -> DirectUpload:
    found, progress = await uploads.progress(person, upload)
    parts = [
        PartToSend(number=each.number, start=each.start, size_bytes=each.size_bytes, url=each.url)
        for each in progress.missing
    ]
    return DirectUpload(id=upload, state=found.state, received_bytes=progress.received_bytes, missing=parts)


# Resumable uploads.


def _tus_schema(*headers: str, body: bool = False) -> dict[str, Any]:
    """Return what the OpenAPI document says of a request: its headers, and whether it may have bytes."""
    schemas: dict[str, dict[str, Any]] = {
        "Tus-Resumable": {"type": "string", "enum": [TUS]},
        "Upload-Length": {"type": "integer", "minimum": 0, "maximum": MAX_UPLOAD_BYTES},
        "Upload-Offset": {"type": "integer", "minimum": 0, "maximum": MAX_UPLOAD_BYTES},
        "Upload-Metadata": {
            "type": "string",
            "description": "Keys, each with its value in Base64, by commas.",
        },
        "Upload-Checksum": {"type": "string", "description": "An algorithm, and the digest in Base64."},
    }
    optional = ("Upload-Metadata", "Upload-Checksum")
    parameters = [
        {"name": name, "in": "header", "required": name not in optional, "schema": schemas[name]}
        for name in ("Tus-Resumable", *headers)
    ]
    content = {_TUS_TYPE: {"schema": {"type": "string", "format": "binary"}}}
    return {"parameters": parameters, **({"requestBody": {"content": content}} if body else {})}


@_api.options("/tus", status_code=204)
async def tus_options(_session: Member) -> Response:
    """Say what the server can do."""
    return _tus_answer(
        204,
        {
            "Tus-Version": TUS,
            "Tus-Extension": _EXTENSIONS,
            "Tus-Max-Size": str(MAX_UPLOAD_BYTES),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
        },
    )


@_api.post(
    "/tus",
    status_code=201,
    response_class=Response,
    max_body_size=ANY_SIZE,
    openapi_extra=_tus_schema("Upload-Length", "Upload-Metadata", "Upload-Checksum", body=True),
)
async def tus_create(request: Request, session: Member, services: Served) -> Response:
    """Begin an upload, and receive its first bytes if there are some."""
    _require_tus(request)
    uploads, person = uploads_of(services), session.person.person
    told = _metadata(request.headers.get("Upload-Metadata", ""))
    size = _whole_number(request, "Upload-Length")
    album = told.get("album", "") or (await uploads.albums() or ["Family"])[0]
    name = told.get("filename") or told.get("name", "")
    upload = await uploads.create(
        person, album, name, size, told.get("sha256", "").lower(), key=told.get("key", "")
    )
    headers = {"Location": f"/api/uploads/tus/{upload.upload}", **_expires(upload)}
    if request.headers.get("Content-Type", "") == _TUS_TYPE:
        headers["Upload-Offset"] = str(await _append(request, uploads, person, upload.upload, 0))
    return _tus_answer(201, headers)


@_api.head("/tus/{upload}", response_class=Response, openapi_extra=_tus_schema())
async def tus_offset(request: Request, upload: str, session: Member, services: Served) -> Response:
    """Say how much of an upload has arrived."""
    _require_tus(request)
    found, offset = await uploads_of(services).offset(session.person.person, upload)
    if found.state is UploadState.FAILED:
        return _tus_answer(410, {"Cache-Control": "no-store"})
    headers = {
        "Upload-Offset": str(offset),
        "Upload-Length": str(max(found.size_bytes, 0)),
        "Cache-Control": "no-store",
    }
    return _tus_answer(200, {**headers, **(_expires(found) if not found.state.settled else {})})


@_api.patch(
    "/tus/{upload}",
    status_code=204,
    max_body_size=ANY_SIZE,
    openapi_extra=_tus_schema("Upload-Offset", "Upload-Checksum", body=True),
)
async def tus_append(request: Request, upload: str, session: Member, services: Served) -> Response:
    """Receive a part of an upload."""
    _require_tus(request)
    if request.headers.get("Content-Type", "") != _TUS_TYPE:
        raise Refusal(415, f"The body needs the type {_TUS_TYPE}.")
    offset = _whole_number(request, "Upload-Offset")
    uploads, person = uploads_of(services), session.person.person
    end = await _append(request, uploads, person, upload, offset)
    return _tus_answer(204, {"Upload-Offset": str(end), **_expires(await uploads.find(person, upload))})


@_api.delete("/tus/{upload}", status_code=204, openapi_extra=_tus_schema())
async def tus_remove(request: Request, upload: str, session: Member, services: Served) -> Response:
    """End an upload."""
    _require_tus(request)
    await uploads_of(services).remove(session.person.person, upload)
    return _tus_answer(204)


async def _append(request: Request, uploads: Uploads, person: str, upload: str, offset: int) -> int:
    try:
        return await uploads.append(
            person, upload, offset, _body(request), request.headers.get("Upload-Checksum", "")
        )
    except ClientDisconnect:
        raise UploadError(Problem.INTERRUPTED, "The connection was lost.") from None


def _tus_answer(status: int, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status_code=status, headers={"Tus-Resumable": TUS, **(headers or {})})


def _require_tus(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != TUS:
        raise Refusal(412, f"The header Tus-Resumable must be {TUS}.")


def _whole_number(request: Request, header: str) -> int:
    value = request.headers.get(header, "")
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        raise Refusal(400, f"The header {header} must be a whole number.")
    return int(value)


def _metadata(header: str) -> dict[str, str]:
    """Return the pairs of `Upload-Metadata`; raises Refusal."""
    pairs = {}
    for pair in header.split(",") if header else ():
        key, _, value = pair.strip().partition(" ")
        try:
            pairs[key] = base64.b64decode(value.strip(), validate=True).decode()
        except ValueError:
            raise Refusal(400, "The header Upload-Metadata is not valid.") from None
    return pairs


def _expires(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": format_datetime(upload.changed_at.astimezone(UTC) + KEPT_FOR, usegmt=True)}


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for block in request.stream():
        if block:
            yield block


router.include_router(_pages)
router.include_router(_api)

"""Routes of the photos themselves: small versions, and originals for download."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, RedirectResponse, Response

from picsync.core.errors import ItemError
from picsync.family.people import Role
from picsync.family.pictures import SIZES
from picsync.media.formats import promised
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import Viewer
from picsync.web.family.sending import refusing
from picsync.web.family.services import Served, Services

router = APIRouter(include_in_schema=False)
_KEPT = "private, max-age=31536000, immutable"
"""A photo's ID is its content's: what is at an address never changes."""


@router.get("/pictures/{photo}/{size}.jpg")
async def picture(request: Request, photo: str, size: int, session: Viewer, services: Served) -> Response:
    """Return a small version of a photo."""
    if size not in SIZES:
        raise Refusal(404, "There is no such picture.")
    await _require_visible(services, photo, hidden=session.may(Role.MEMBER))
    tag = f'"{photo}-{size}"'
    headers = {"Cache-Control": _KEPT, "ETag": tag}
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    body = await small_version(services, photo, size)
    return Response(body, media_type="image/jpeg", headers=headers)


@router.get("/pictures/{photo}/original")
async def original(photo: str, session: Viewer, services: Served) -> Response:
    """Return the original of a photo that somebody has sent, for download."""
    await _require_visible(services, photo, hidden=session.may(Role.MEMBER))
    return await send_original(services, photo)


async def small_version(services: Services, photo: str, size: int) -> bytes:
    """Return a version of a photo, which is made again if it is missing; raises Refusal."""
    try:
        path = services.pictures.path(photo, size)
    except ValueError:
        raise Refusal(404, "There is no such picture.") from None
    try:
        body = await asyncio.to_thread(path.read_bytes)
    except OSError:
        if not await _made_again(services, photo):
            raise Refusal(404, "There is no such picture.") from None
        body = await asyncio.to_thread(path.read_bytes)
    return body


async def send_original(services: Services, photo: str) -> Response:
    """Return the original for download; raises Refusal if the library does not have it."""
    found = None
    if services.uploads is not None:
        with refusing():
            found = await services.uploads.original(photo)
    if found is None:
        raise Refusal(404, "The original of this photo is not in the library.")
    if found.path is None:
        return RedirectResponse(found.url, 303, {"Cache-Control": "no-store"})
    name = found.stored.partition("/")[2]
    return FileResponse(
        found.path,
        media_type=promised(name) or "application/octet-stream",
        filename=name,
        headers={"Cache-Control": "private, no-cache"},
    )


async def _require_visible(services: Services, photo: str, *, hidden: bool) -> None:
    """Raise Refusal unless there is such a photo, which may be `hidden`."""
    known = await services.photos.find(photo)
    if known is None or (known.hidden and not hidden):
        raise Refusal(404, "There is no such picture.")


async def _made_again(services: Services, photo: str) -> bool:
    if services.uploads is None:
        return False
    with refusing():
        try:
            return await services.uploads.make_pictures(photo)
        except ItemError:
            return False

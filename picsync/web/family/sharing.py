"""Routes for links to a photo or an album: making and revoking them, and what they show to anybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from picsync.family.people import Role, Session
from picsync.family.photos import Photo
from picsync.family.pictures import SIZES
from picsync.family.shares import Share, ShareKind, TooManySharesError
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import Member
from picsync.web.family.looking import After, no_photo, ratio, show_album, show_photo
from picsync.web.family.pages import page
from picsync.web.family.pictures import send_original, small_version
from picsync.web.family.services import Served, Services
from picsync.web.family.voting import MAX_CATEGORY

router = APIRouter()
_pages = APIRouter(include_in_schema=False)
_api = APIRouter(prefix="/api", tags=["shares"])

_KEPT = "private, max-age=3600"
_SHARED = {
    # A messenger's preview is on a page of another site.
    "Cross-Origin-Resource-Policy": "cross-origin",
    # The address is the secret.
    "Referrer-Policy": "no-referrer",
}


class ToShare(BaseModel):
    """What a link is to show."""

    kind: ShareKind
    target: str = Field(max_length=MAX_CATEGORY, description="A photo's ID, or a category.")


class AboutShare(BaseModel):
    """A link to a photo or an album."""

    id: str
    kind: ShareKind
    target: str
    person: str
    downloads: bool
    created_at: datetime
    expires_at: datetime


class NewShare(AboutShare):
    """A new link; its address is shown only now."""

    url: str = Field(repr=False)


# --- for the family ---------------------------------------------------------------------------------------


@_pages.post("/photo/{photo}/share")
async def share_photo(request: Request, photo: str, session: Member, services: Served) -> Response:
    """Create a link to a photo, and show it."""
    _, link = await _create(request, services, session, ShareKind.PHOTO, photo)
    return await show_photo(request, session, services, photo, link=link)


@_pages.post("/album/{category:path}")
async def share_album(request: Request, category: str, session: Member, services: Served) -> Response:
    """Create a link to an album, and show it."""
    _, link = await _create(request, services, session, ShareKind.ALBUM, category)
    return await show_album(request, session, services, category, link=link)


@_pages.post("/shares/{share}/revoke")
async def revoke(
    share: str, session: Member, services: Served, back: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """End a link."""
    found = await _revoke(services, session, share)
    if back == "admin":
        return RedirectResponse("/admin/shares", 303)
    place = "photo" if found.kind is ShareKind.PHOTO else "album"
    return RedirectResponse(f"/{place}/{quote(found.target)}", 303)


# --- for anybody who has the link -------------------------------------------------------------------------


@_pages.get("/s/{token}")
async def shared(request: Request, token: str, services: Served, after: After = "") -> Response:
    """Show what a link is to."""
    share = await _open(request, services, token)
    if share.kind is ShareKind.PHOTO:
        return await _show(request, services, token, share, share.target)
    found = await services.looking.latest(share.target, after=after)
    if not found.photos and not after:
        raise _gone()
    response = page(
        request,
        "shared_album.html",
        share=share,
        token=token,
        found=found,
        first=not after,
        ratio=ratio,
        base=_base(request, services),
        by=await _name(services, share),
    )
    response.headers.update(_SHARED)
    return response


@_pages.get("/s/{token}/{photo}")
async def shared_photo(request: Request, token: str, photo: str, services: Served) -> Response:
    """Show a photo of a shared album."""
    share = await _open(request, services, token)
    return await _show(request, services, token, share, photo)


@_pages.get("/s/{token}/{photo}/{size}.jpg")
async def shared_picture(request: Request, token: str, photo: str, size: int, services: Served) -> Response:
    """Return a small version of what is shared."""
    share = await _open(request, services, token)
    await _shared(services, share, photo)
    if size not in SIZES:
        raise no_photo()
    body = await small_version(services, photo, size)
    return Response(body, media_type="image/jpeg", headers={"Cache-Control": _KEPT, **_SHARED})


@_pages.get("/s/{token}/{photo}/download")
async def shared_download(request: Request, token: str, photo: str, services: Served) -> Response:
    """Return the original of what is shared; the largest version if the library does not have it."""
    share = await _open(request, services, token)
    found = await _shared(services, share, photo)
    if not share.downloads or not services.downloads:
        raise Refusal(403, "This link does not allow downloads.")
    try:
        response = await send_original(services, photo)
    except Refusal:
        body = await small_version(services, photo, SIZES[0])
        stem = found.filename.rpartition(".")[0] or "photo"
        name = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{stem}.jpg', safe='')}"}
        response = Response(body, media_type="image/jpeg", headers=name)
    response.headers.update({"Cache-Control": "private, no-cache", **_SHARED})
    return response


# --- API --------------------------------------------------------------------------------------------------


@_api.get("/shares")
async def shares(
    session: Member,
    services: Served,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[AboutShare]:
    """List the links that are valid: yours, or all for an administrator. At most 100."""
    by = None if session.may(Role.ADMINISTRATOR) else session.person.person
    return [AboutShare(**_fields(each)) for each in await services.shares.valid(by=by, offset=offset)]


@_api.post("/shares", status_code=201)
async def create_share(request: Request, what: ToShare, session: Member, services: Served) -> NewShare:
    """Create a link."""
    share, link = await _create(request, services, session, what.kind, what.target)
    return NewShare(**_fields(share), url=link)


@_api.delete("/shares/{share}", status_code=204)
async def delete_share(share: str, session: Member, services: Served) -> None:
    """End a link: one of yours, or any for an administrator."""
    await _revoke(services, session, share)


# ----------------------------------------------------------------------------------------------------------


async def _create(
    request: Request, services: Services, session: Session, kind: ShareKind, target: str
) -> tuple[Share, str]:
    if kind is ShareKind.PHOTO:
        photo = await services.photos.find(target)
        if photo is None:
            raise no_photo()
        if photo.hidden:
            raise Refusal(409, "This photo is not on the frame, and cannot be shared.")
        if not await services.photos.categories_of(target):
            raise Refusal(409, "This photo is in no album any more, and cannot be shared.")
    elif target not in await services.voting.categories():
        raise Refusal(404, "There is no such album.")
    try:
        share, token = await services.shares.create(
            kind,
            target,
            by=session.person.person,
            valid_for=services.share_for,
            downloads=services.downloads,
        )
    except TooManySharesError as error:
        raise Refusal(409, f"Nothing was shared: {error}.", "Revoke some of them.") from error
    return share, f"{_base(request, services)}s/{token}"


async def _revoke(services: Services, session: Session, share: str) -> Share:
    found = await services.shares.find(share)
    if found is None or not _may_revoke(session, found):
        raise Refusal(404, "You have no such link.")
    await services.shares.revoke(share, by=session.person.person)
    return found


def _may_revoke(session: Session, share: Share) -> bool:
    return share.person == session.person.person or session.may(Role.ADMINISTRATOR)


def _base(request: Request, services: Services) -> str:
    return services.url or str(request.base_url)


async def _open(request: Request, services: Services, token: str) -> Share:
    """Return the link of a request; raises Refusal."""
    address = request.client.host if request.client else ""
    if services.wrong.blocked(address) and not services.was_right(token):
        raise Refusal(429, "Too many wrong links.", "Wait a minute, then try again.", retry_after_s=60)
    share = await services.shares.open(token)
    if share is None:
        services.wrong.wrong(address)
        raise _gone()
    services.note_right(token)
    return share


def _gone() -> Refusal:
    return Refusal(
        404, "There is nothing behind this link any more.", "Ask who has sent it to you for another one."
    )


async def _shared(services: Services, share: Share, photo: str) -> Photo:
    """Return a photo that a link shows; raises Refusal."""
    found = await services.photos.find(photo)
    if found is None or found.hidden:
        raise _gone()
    albums = await services.photos.categories_of(photo)
    if not albums or share.target not in ([photo] if share.kind is ShareKind.PHOTO else albums):
        raise _gone()
    return found


@dataclass(frozen=True, slots=True)
class _Beside:
    newer: str | None = None
    older: str | None = None


async def _show(request: Request, services: Services, token: str, share: Share, photo: str) -> Response:
    found = await _shared(services, share, photo)
    beside = _Beside()
    if share.kind is ShareKind.ALBUM and (seen := await services.looking.see(photo, share.target)):
        beside = _Beside(seen.newer, seen.older)
    response = page(
        request,
        "shared.html",
        share=share,
        token=token,
        photo=found,
        beside=beside,
        downloads=share.downloads and services.downloads,
        base=_base(request, services),
        by=await _name(services, share),
    )
    response.headers.update(_SHARED)
    return response


async def _name(services: Services, share: Share) -> str:
    person = await services.people.find(share.person)
    return "" if person is None else person.name


def _fields(share: Share) -> dict[str, object]:
    return {
        "id": share.share,
        "kind": share.kind,
        "target": share.target,
        "person": share.person,
        "downloads": share.downloads,
        "created_at": share.created_at,
        "expires_at": share.expires_at,
    }


router.include_router(_pages)
router.include_router(_api)

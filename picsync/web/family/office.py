"""Routes for administrators."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Form, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from picsync.family.office import PAGE, size_of
from picsync.family.people import (
    MAX_EMAIL,
    MAX_NAME,
    EmailTakenError,
    Invitation,
    LastAdministratorError,
    Role,
    Session,
    TooManyPeopleError,
    UnknownPersonError,
)
from picsync.family.sittings import NoTournamentError
from picsync.web.family.account import AboutDevice, AboutPerson, devices_of
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import Administrator
from picsync.web.family.pages import page
from picsync.web.family.services import Served, Services

router = APIRouter()
_pages = APIRouter(prefix="/admin", include_in_schema=False)
_api = APIRouter(prefix="/api", tags=["administration"])

Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Id = Annotated[str, Form(max_length=60)]

ACTS = {
    "invited": "invited",
    "signed_in": "signed in on",
    "signed_out": "signed out",
    "revoked": "signed somebody's device out",
    "role_changed": "changed the role of",
    "removed": "removed",
    "token_created": "created a token",
    "password_set": "set a password of",
    "password_removed": "removed the password of",
    "account_linked": "linked an account of",
    "account_unlinked": "unlinked the account of",
    "uploaded": "sent",
    "hid": "took off the frame",
    "restored": "put back",
    "captioned": "wrote the caption of",
    "tagged": "changed the tags of",
    "judged": "judged",
    "undid": "took back a tournament",
    "shared": "shared by a link",
    "unshared": "revoked a link",
    "imported": "imported everything",
}
"""How the log tells what was done."""


class ToInvite(BaseModel):
    """Whom to invite."""

    name: str = Field(max_length=4 * MAX_NAME)
    role: Role | None = None
    email: str | None = Field(
        None,
        max_length=MAX_EMAIL,
        repr=False,
        description="By which an account at the OpenID provider may be linked; an empty one removes it.",
    )


class ToChange(BaseModel):
    """What somebody may do."""

    role: Role


class AboutInvitation(BaseModel):
    """A link that signs a person in on one device; shown only now."""

    person: AboutPerson
    url: str = Field(repr=False)
    expires_at: datetime


class AboutHidden(BaseModel):
    """Something that is on no frame."""

    id: str
    person: str | None
    frame: str
    hidden_at: datetime | None


class AboutTournament(BaseModel):
    """Somebody's tournament."""

    id: str
    category: str
    person: str
    started_at: datetime | None
    finished: bool
    games: int
    undone: bool


class AboutFailed(BaseModel):
    """An upload that was not taken."""

    id: str
    person: str
    filename: str
    reason: str
    changed_at: datetime | None


class AboutAct(BaseModel):
    """A line of the log."""

    number: int
    at: datetime | None
    person: str | None
    act: str
    subject: str
    detail: str


class AboutStorage(BaseModel):
    """What is stored."""

    photos: int
    people: int
    games: int
    uploads: int
    uploaded_bytes: int
    database_bytes: int
    pictures_bytes: int = Field(description="The small versions, which can be made again.")


# --- pages ------------------------------------------------------------------------------------------------


@_pages.get("")
async def people(request: Request, session: Administrator, services: Served) -> Response:
    """Show people, their devices and what is stored."""
    return await _people(request, session, services)


@_pages.post("/invite")
async def invite(
    request: Request,
    session: Administrator,
    services: Served,
    name: Annotated[str, Form(max_length=4 * MAX_NAME)],
    role: Annotated[Role | None, Form()] = None,
    email: Annotated[str, Form(max_length=MAX_EMAIL)] = "",
) -> Response:
    """Invite a person, and show the link."""
    try:
        # An empty field says nothing: the form is also for another device of somebody who has an address.
        made = await _invite(services, session, name, role, email or None)
    except Refusal as refusal:
        return await _people(request, session, services, problem=refusal.message)
    return await _people(request, session, services, made=made)


@_pages.post("/role")
async def change_role(
    request: Request, session: Administrator, services: Served, person: Id, role: Annotated[Role, Form()]
) -> Response:
    """Change what somebody may do."""
    return await _then_people(request, session, services, _set_role(services, session, person, role))


@_pages.post("/remove")
async def remove(request: Request, session: Administrator, services: Served, person: Id) -> Response:
    """Let somebody in no more."""
    return await _then_people(request, session, services, _remove(services, session, person))


@_pages.post("/sign-out")
async def sign_out(session: Administrator, services: Served, person: Id, device: Id) -> Response:
    """Sign somebody's device out."""
    await services.people.sign_out(person, device, by=session.person.person)
    return RedirectResponse("/admin", 303)


@_pages.get("/hidden")
async def hidden(request: Request, session: Administrator, services: Served, offset: Offset = 0) -> Response:
    """Show what is hidden."""
    lines = await services.office.hidden(offset=offset)
    return await _list(request, session, services, "hidden", lines, offset)


@_pages.post("/restore")
async def restore(session: Administrator, services: Served, photo: Id) -> Response:
    """Let the frames show a photo again."""
    await services.photos.restore(photo, by=session.person.person)
    return RedirectResponse("/admin/hidden", 303)


@_pages.get("/uploads")
async def uploads(request: Request, session: Administrator, services: Served, offset: Offset = 0) -> Response:
    """Show uploads that were not taken."""
    lines = await services.office.failed_uploads(offset=offset)
    return await _list(request, session, services, "uploads", lines, offset)


@_pages.get("/tournaments")
async def tournaments(
    request: Request, session: Administrator, services: Served, offset: Offset = 0
) -> Response:
    """Show tournaments."""
    lines = await services.office.tournaments(offset=offset)
    return await _list(request, session, services, "tournaments", lines, offset)


@_pages.post("/undo")
async def undo(session: Administrator, services: Served, tournament: Id) -> Response:
    """Take all answers of a tournament back."""
    try:
        await services.voting.undo_tournament(tournament, by=session.person.person)
    except NoTournamentError:
        raise Refusal(404, "There is no such tournament.") from None
    return RedirectResponse("/admin/tournaments", 303)


@_pages.get("/shares")
async def shares(request: Request, session: Administrator, services: Served, offset: Offset = 0) -> Response:
    """Show links that are valid."""
    lines = await services.shares.valid(most=PAGE, offset=offset)
    return await _list(request, session, services, "shares", lines, offset)


@_pages.get("/log")
async def log(request: Request, session: Administrator, services: Served, offset: Offset = 0) -> Response:
    """Show who did what."""
    lines = await services.office.log(offset=offset)
    return await _list(request, session, services, "log", lines, offset)


# --- API --------------------------------------------------------------------------------------------------


@_api.post("/people", status_code=201)
async def invite_person(
    request: Request, what: ToInvite, session: Administrator, services: Served
) -> AboutInvitation:
    """Invite a person by name: a new one, or a known one to another device."""
    made = await _invite(services, session, what.name, what.role, what.email)
    person = made.person
    return AboutInvitation(
        person=AboutPerson(id=person.person, name=person.name, role=person.role),
        url=_link(request, services, made),
        expires_at=made.expires_at,
    )


@_api.patch("/people/{person}", status_code=204)
async def change_person(person: str, what: ToChange, session: Administrator, services: Served) -> None:
    """Change what somebody may do."""
    await _set_role(services, session, person, what.role)


@_api.delete("/people/{person}", status_code=204)
async def remove_person(person: str, session: Administrator, services: Served) -> None:
    """Let somebody in no more. What the person did stays."""
    await _remove(services, session, person)


@_api.get("/people/{person}/devices")
async def list_devices(person: str, session: Administrator, services: Served) -> list[AboutDevice]:
    """List where somebody is signed in, and that person's API tokens."""
    return await devices_of(person, session, services)


@_api.delete("/people/{person}/devices/{device}", status_code=204)
async def remove_device(person: str, device: str, session: Administrator, services: Served) -> None:
    """Sign somebody's device out."""
    if not await services.people.sign_out(person, device, by=session.person.person):
        raise Refusal(404, "There is no such device.")


@_api.get("/hidden")
async def list_hidden(_session: Administrator, services: Served, offset: Offset = 0) -> list[AboutHidden]:
    """List what is on no frame, the latest first."""
    return [
        AboutHidden(id=each.photo, person=each.person, frame=each.frame, hidden_at=each.hidden_at)
        for each in await services.office.hidden(offset=offset)
    ]


@_api.get("/tournaments")
async def list_tournaments(
    _session: Administrator, services: Served, offset: Offset = 0
) -> list[AboutTournament]:
    """List all tournaments, the latest first."""
    return [
        AboutTournament(
            id=each.tournament,
            category=each.category,
            person=each.person,
            started_at=each.started_at,
            finished=each.finished,
            games=each.games,
            undone=each.undone,
        )
        for each in await services.office.tournaments(offset=offset)
    ]


@_api.get("/failed-uploads")
async def list_failed(_session: Administrator, services: Served, offset: Offset = 0) -> list[AboutFailed]:
    """List the uploads of everybody that were not taken, the latest first."""
    return [
        AboutFailed(
            id=each.upload,
            person=each.person,
            filename=each.filename,
            reason=each.reason,
            changed_at=each.changed_at,
        )
        for each in await services.office.failed_uploads(offset=offset)
    ]


@_api.get("/log")
async def list_acts(_session: Administrator, services: Served, offset: Offset = 0) -> list[AboutAct]:
    """List who did what, the latest first."""
    return [
        AboutAct(
            number=each.number,
            at=each.at,
            person=each.person,
            act=each.act,
            subject=each.subject,
            detail=each.detail,
        )
        for each in await services.office.log(offset=offset)
    ]


@_api.get("/storage")
async def storage(_session: Administrator, services: Served) -> AboutStorage:
    """Say what is stored."""
    found = await services.office.storage()
    return AboutStorage(
        photos=found.photos,
        people=found.people,
        games=found.games,
        uploads=found.uploads,
        uploaded_bytes=found.uploaded_bytes,
        database_bytes=found.database_bytes,
        pictures_bytes=await asyncio.to_thread(size_of, services.pictures.folder),
    )


# ----------------------------------------------------------------------------------------------------------


async def _people(
    request: Request,
    session: Session,
    services: Services,
    *,
    made: Invitation | None = None,
    problem: str = "",
) -> Response:
    link = _link(request, services, made) if made else ""
    code = (
        segno.make(link, error="m").svg_data_uri(scale=5, border=2, dark="#000", light="#fff") if link else ""
    )
    everybody = await services.people.people()
    devices: dict[str, list[Any]] = {each.person: [] for each in everybody}
    for each in await services.office.devices():
        devices.setdefault(each.person, []).append(each)
    return page(
        request,
        "admin.html",
        session,
        status=422 if problem else 200,
        tab="people",
        people=everybody,
        devices=devices,
        roles=[str(role) for role in Role],
        storage=await services.office.storage(),
        pictures_bytes=await asyncio.to_thread(size_of, services.pictures.folder),
        made=made,
        link=link,
        code=code,
        problem=problem,
        size=_size,
    )


async def _list(
    request: Request, session: Session, services: Services, tab: str, lines: Any, offset: int
) -> Response:
    return page(
        request,
        "admin_list.html",
        session,
        tab=tab,
        lines=lines,
        offset=offset,
        step=PAGE,
        names=await services.office.names(),
        acts=ACTS,
    )


async def _then_people(request: Request, session: Session, services: Services, work: Any) -> Response:
    try:
        await work
    except Refusal as refusal:
        return await _people(request, session, services, problem=refusal.message)
    return RedirectResponse("/admin", 303)


async def _invite(
    services: Services, session: Session, name: str, role: Role | None, email: str | None
) -> Invitation:
    try:
        return await services.people.invite(name, role, email=email, by=session.person.person)
    except (EmailTakenError, TooManyPeopleError) as error:
        raise Refusal(409, f"Nobody was invited: {error}.") from error
    except LastAdministratorError as error:
        raise Refusal(409, f"Nothing was changed: {error}.") from error
    except ValueError as error:
        raise Refusal(422, f"The name or the e-mail address cannot be used: {error}.") from error


async def _set_role(services: Services, session: Session, person: str, role: Role) -> None:
    try:
        await services.people.set_role(person, role, by=session.person.person)
    except UnknownPersonError:
        raise Refusal(404, "There is no such person.") from None
    except LastAdministratorError as error:
        raise Refusal(409, f"Nothing was changed: {error}.") from error


async def _remove(services: Services, session: Session, person: str) -> None:
    try:
        await services.people.remove(person, by=session.person.person)
    except UnknownPersonError:
        raise Refusal(404, "There is no such person.") from None
    except LastAdministratorError as error:
        raise Refusal(409, f"Nothing was changed: {error}.") from error


def _link(request: Request, services: Services, made: Invitation) -> str:
    return f"{services.url or request.base_url}join/{made.token}"


def _size(count: int) -> str:
    """Return a number of bytes in words."""
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 10 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


router.include_router(_pages)
router.include_router(_api)

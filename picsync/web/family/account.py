"""Routes about people: invitations, signing in and out, devices and API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from picsync.family.passwords import MAX_LENGTH, MIN_LENGTH, WeakPasswordError
from picsync.family.people import MAX_NAME, DeviceKind, Person, Session, UnknownPersonError
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import COOKIE, Administrator, Member, Viewer, optional_session, set_cookie
from picsync.web.family.pages import page
from picsync.web.family.services import Served, Services
from picsync.web.operator import cross_site

router = APIRouter()
_pages = APIRouter(include_in_schema=False)
_api = APIRouter(prefix="/api", tags=["people"])

_SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Macintosh", "CrOS", "Linux")
_BROWSERS = ("Firefox", "Edg", "OPR", "SamsungBrowser", "Chrome", "Safari")


class AboutPerson(BaseModel):
    """A person."""

    id: str
    name: str
    role: str


class AboutMe(AboutPerson):
    """You."""

    looked_at: datetime | None = Field(description="When you last looked at what is new; null for never.")
    new: int = Field(description="How many photos have arrived since.")


class AboutDevice(BaseModel):
    """Where a person is signed in."""

    id: str
    kind: str
    name: str
    created_at: datetime
    seen_at: datetime
    current: bool


@_pages.get("/welcome")
async def welcome(request: Request, services: Served) -> Response:
    """Say how to sign in, to somebody who is not."""
    if await optional_session(request, services) is not None:
        return RedirectResponse("/", 303)
    return page(request, "welcome.html", problem="", name="")


@_pages.post("/sign-in")
async def sign_in(
    request: Request,
    services: Served,
    name: Annotated[str, Form(max_length=4 * MAX_NAME)] = "",
    password: Annotated[str, Form(max_length=MAX_LENGTH)] = "",
) -> Response:
    """Sign the device in by a password."""
    if refused := cross_site(request.headers):
        raise Refusal(403, refused.strip())
    person = await _by_password(request, services, name, password)
    if person is None:
        # Whether the name is known is nobody's business.
        return page(
            request, "welcome.html", status=403, problem="The name or the password is wrong.", name=name
        )
    device = device_name(request.headers.get("User-Agent", ""))
    response = RedirectResponse("/", 303)
    set_cookie(request, response, await services.people.sign_in(person.person, device))
    return response


@_pages.get("/join/{token}")
async def invitation(request: Request, token: str, services: Served) -> Response:
    """Show whom an invitation is for; the preview of a messenger does not use it up."""
    return await show_invitation(request, services, token)


async def show_invitation(
    request: Request, services: Services, token: str, *, provider: str = "", problem: str = ""
) -> Response:
    """Return an invitation's page; `provider` is where the browser goes on to accept it. Raises Refusal."""
    person = await services.people.invited(_guess(request, services, token))
    if person is None:
        raise no_invitation(request, services)
    session = await optional_session(request, services)
    other = session.person if session is not None else None
    return page(
        request,
        "join.html",
        status=503 if problem else 200,
        person=person,
        token=token,
        other=other,
        provider=provider,
        problem=problem,
    )


def no_invitation(request: Request, services: Services) -> Refusal:
    """Return what a wrong invitation is refused with, and count it."""
    services.wrong.wrong(address_of(request))
    return Refusal(404, "This invitation is no longer valid.", "Ask for another one.")


@_pages.post("/join/{token}")
async def join(request: Request, token: str, services: Served) -> Response:
    """Sign the device in."""
    if refused := cross_site(request.headers):
        raise Refusal(403, refused.strip())
    device = device_name(request.headers.get("User-Agent", ""))
    session = await services.people.accept(_guess(request, services, token), device)
    if session is None:
        raise no_invitation(request, services)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, session)
    return response


@_pages.get("/you")
async def you(request: Request, session: Viewer, services: Served) -> Response:
    """Show a person where they are signed in."""
    return await about_you(request, session, services)


@_pages.post("/you/device")
async def another_device(request: Request, session: Viewer, services: Served) -> Response:
    """Show a link, and its QR code, by which the person signs in on another device."""
    made = await services.people.invite_again(session.person.person, by=session.person.person)
    link = f"{services.url or request.base_url}join/{made.token}"
    code = segno.make(link, error="m").svg_data_uri(scale=5, border=2, dark="#000", light="#fff")
    return await about_you(request, session, services, link=link, code=code)


@_pages.post("/you/token")
async def new_token(
    request: Request, session: Member, services: Served, name: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Create an API token, and show it once."""
    made = await _token(session, services, name)
    return await about_you(request, session, services, token=made.token)


@_pages.post("/you/password")
async def change_password(
    request: Request,
    session: Viewer,
    services: Served,
    password: Annotated[str, Form(max_length=4 * MAX_LENGTH)] = "",
    current: Annotated[str, Form(max_length=4 * MAX_LENGTH)] = "",
    remove: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Set, change or remove the person's password; who has one has to know it."""
    person = session.person
    if session.device.kind is not DeviceKind.BROWSER:
        raise Refusal(403, "A token cannot change the password.")
    if not services.passwords:
        raise Refusal(404, "There are no passwords here.")
    if person.has_password and await _by_password(request, services, person.person, current) is None:
        return await about_you(request, session, services, problem="The current password is wrong.")
    try:
        await services.people.set_password(person.person, None if remove else password, by=person.person)
    except WeakPasswordError as error:
        return await about_you(request, session, services, problem=f"The password was not stored: {error}.")
    return RedirectResponse("/you", 303)


@_pages.post("/you/sign-out")
async def sign_out(
    session: Viewer, services: Served, device: Annotated[str, Form(max_length=60)]
) -> Response:
    """Sign a device of the person out."""
    own = device == session.device.device
    await services.people.sign_out(session.person.person, device, by=session.person.person)
    response = RedirectResponse("/welcome" if own else "/you", 303)
    if own:
        response.delete_cookie(COOKIE, path="/")
    return response


@_api.get("/me")
async def me(session: Viewer, services: Served) -> AboutMe:
    """Say who you are, and how much is new to you."""
    person = session.person
    new = await services.looking.count_since(person.looked_at)
    return AboutMe(id=person.person, name=person.name, role=person.role, looked_at=person.looked_at, new=new)


@_api.put("/me/looked", status_code=204)
async def looked(session: Viewer, services: Served) -> None:
    """Store that you have looked at what is new."""
    await services.people.looked(session.person.person, services.now())


@_api.get("/me/devices")
async def my_devices(session: Viewer, services: Served) -> list[AboutDevice]:
    """List where you are signed in, and your API tokens."""
    return await devices_of(session.person.person, session, services)


@_api.delete("/me/devices/{device}", status_code=204)
async def remove_my_device(device: str, session: Viewer, services: Served) -> None:
    """Sign a device out, or make an API token invalid."""
    if not await services.people.sign_out(session.person.person, device, by=session.person.person):
        raise Refusal(404, "You have no such device.")


@_api.get("/people")
async def people(_session: Administrator, services: Served) -> list[AboutPerson]:
    """List everybody who may sign in."""
    return [
        AboutPerson(id=each.person, name=each.name, role=each.role) for each in await services.people.people()
    ]


async def devices_of(person: str, session: Session, services: Services) -> list[AboutDevice]:
    """Return where a person is signed in."""
    return [
        AboutDevice(
            id=each.device,
            kind=each.kind,
            name=each.name,
            created_at=each.created_at,
            seen_at=each.seen_at,
            current=each.device == session.device.device,
        )
        for each in await services.people.devices(person)
    ]


async def about_you(
    request: Request,
    session: Session,
    services: Services,
    *,
    link: str = "",
    code: str = "",
    token: str = "",
    problem: str = "",
    provider: str = "",
) -> Response:
    """Return the page about a person; `provider` is where the browser goes on to link an account."""
    return page(
        request,
        "you.html",
        session,
        status=422 if problem else 200,
        devices=await services.people.devices(session.person.person),
        link=link,
        code=code,
        token=token,
        problem=problem,
        provider=provider,
        min_length=MIN_LENGTH,
    )


def refuse_guesses(request: Request, services: Services) -> None:
    """Raise Refusal if too many links of the address were wrong."""
    if services.wrong.blocked(address_of(request)):
        raise Refusal(429, "Too many wrong links.", "Wait a minute, then try again.", retry_after_s=60)


async def _by_password(request: Request, services: Services, name: str, password: str) -> Person | None:
    """Return who has this name and password; None if nobody has. Raises Refusal after too many wrong ones."""
    if not services.passwords:
        raise Refusal(404, "There are no passwords here.")
    address = address_of(request)
    async with services.comparing:
        if services.wrong_passwords.blocked(address):
            raise Refusal(
                429, "Too many wrong passwords.", "Wait a minute, then try again.", retry_after_s=60
            )
        found = await services.people.by_password(name, password)
        if found is None:
            services.wrong_passwords.wrong(address)
    return found


async def _token(session: Session, services: Served, name: str) -> Session:
    if session.device.kind is not DeviceKind.BROWSER:
        raise Refusal(403, "A token cannot create others.")
    try:
        return await services.people.api_token(session.person.person, name)
    except UnknownPersonError:
        raise
    except ValueError:
        raise Refusal(422, "The token needs a name.", "Call it after the program that will use it.") from None


def _guess(request: Request, services: Services, token: str) -> str:
    """Return the token, unless too many were wrong."""
    refuse_guesses(request, services)
    return token


def address_of(request: Request) -> str:
    """Return the address by which guesses are counted."""
    return request.client.host if request.client else ""


def device_name(agent: str) -> str:
    """Return what a browser calls itself, in a few words."""
    system = next((name for name in _SYSTEMS if name in agent), "")
    browser = next((name for name in _BROWSERS if name in agent), "")
    words = [
        {"Edg": "Edge", "OPR": "Opera", "Macintosh": "Mac"}.get(word, word) for word in (browser, system)
    ]
    return " on ".join(word for word in words if word) or "Browser"


router.include_router(_pages)
router.include_router(_api)

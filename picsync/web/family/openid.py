"""Routes of signing in through an OpenID provider, and of linking an account there to a person."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from picsync.config.openid import REDIRECT_PATH
from picsync.core.errors import PicsyncError
from picsync.family.people import DeviceKind, LinkedElsewhereError, Session
from picsync.web.family.account import (
    about_you,
    address_of,
    device_name,
    no_invitation,
    refuse_guesses,
    show_invitation,
)
from picsync.web.family.errors import Refusal
from picsync.web.family.guards import Viewer, optional_session, set_cookie
from picsync.web.family.pages import page
from picsync.web.family.services import Served, Services
from picsync.web.operator import cross_site

if TYPE_CHECKING:
    from picsync.family.openid import Flow, Provider

router = APIRouter(include_in_schema=False)

COOKIE = "picsync-family-openid"
_BEGIN_PATH = "/sign-in/openid"
_MAX_CODE = 4000
_ELSEWHERE = "This account is linked to somebody else here."
_log = logging.getLogger("picsync.web")


@router.get(_BEGIN_PATH)
async def begin(request: Request, services: Served) -> Response:
    """Send the browser to the provider."""
    from picsync.family.openid import Flow

    provider = _provider(services)
    refuse_guesses(request, services)
    flow = Flow.begin()
    try:
        response: Response = RedirectResponse(await provider.address(flow), 303)
    except PicsyncError as error:
        return _unreachable(request, provider, error)
    _remember(request, response, flow)
    return response


@router.post("/you/openid")
async def begin_linking(request: Request, session: Viewer, services: Served) -> Response:
    """Send the browser to the provider, to link an account."""
    from picsync.family.openid import Flow

    provider = _provider(services)
    _by_browser(session)
    show = partial(about_you, request, session, services)
    return await _go_on(request, provider, Flow.begin(session.token), show)


@router.post("/join/{token}/openid")
async def begin_joining(request: Request, token: str, services: Served) -> Response:
    """Send the browser to the provider, to accept an invitation and link an account in one step."""
    from picsync.family.openid import Flow

    provider = _provider(services)
    if refused := cross_site(request.headers):
        # The account of whoever opens another site's page would be linked to the person of its invitation.
        raise Refusal(403, refused.strip())
    show = partial(show_invitation, request, services, token)
    return await _go_on(request, provider, Flow.begin(invitation=token), show)


@router.post("/you/openid/unlink")
async def unlink(session: Viewer, services: Served) -> Response:
    """Let the person's account at the provider open nothing any more."""
    _provider(services)
    _by_browser(session)
    await services.people.link(session.person.person, None, by=session.person.person)
    return RedirectResponse("/you", 303)


@router.get(REDIRECT_PATH)
async def done(
    request: Request,
    services: Served,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=_MAX_CODE)] = "",
    iss: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Sign in, or link, whoever comes back from the provider."""
    provider = _provider(services)
    refuse_guesses(request, services)
    response = await _done(request, services, provider, state=state, code=code, iss=iss)
    # Each attempt has one answer.
    response.delete_cookie(COOKIE, path=_BEGIN_PATH)
    return response


async def _done(
    request: Request, services: Services, provider: Provider, *, state: str, code: str, iss: str
) -> Response:
    from picsync.family.openid import Flow, WrongTokenError

    flow = Flow.read(request.cookies.get(COOKIE, ""))
    if flow is None or not flow.answered_by(state) or iss not in ("", provider.issuer):
        services.wrong.wrong(address_of(request))
        return _again(request, "This was not begun in this browser, or took too long. Try again.")
    session = await optional_session(request, services) if flow.seal else None
    if flow.seal and (session is None or not flow.links(session.token)):
        services.wrong.wrong(address_of(request))
        return _again(request, "You are no longer signed in as the person who wanted to link an account.")
    if not code:
        return _again(request, f"{provider.name} has not signed you in.")
    try:
        account = await provider.account(code, flow)
    except WrongTokenError as error:
        _log_failure(error)
        services.wrong.wrong(address_of(request))
        return _again(request, f"What {provider.name} says could not be verified. picsync's log says why.")
    except PicsyncError as error:
        # A made-up code is refused by the provider, too.
        services.wrong.wrong(address_of(request))
        return _unreachable(request, provider, error)
    if flow.invitation:
        return await _join(request, services, flow.invitation, account.subject)
    if session is not None:
        return await _link(request, services, session, account.subject)
    device = device_name(request.headers.get("User-Agent", ""))
    entered = await services.people.enter(account.subject, account.email, device)
    if entered is None:
        return _again(
            request,
            f"Your account at {provider.name} is linked to nobody here. Open your invitation, and there: Come"
            f" in with {provider.name}.",
        )
    response = RedirectResponse("/", 303)
    set_cookie(request, response, entered)
    return response


async def _join(request: Request, services: Services, invitation: str, subject: str) -> Response:
    device = device_name(request.headers.get("User-Agent", ""))
    try:
        session = await services.people.accept(invitation, device, subject)
    except LinkedElsewhereError:
        return _again(request, _ELSEWHERE)
    if session is None:
        raise no_invitation(request, services)
    response = RedirectResponse("/", 303)
    set_cookie(request, response, session)
    return response


async def _link(request: Request, services: Services, session: Session, subject: str) -> Response:
    try:
        await services.people.link(session.person.person, subject, by=session.person.person)
    except LinkedElsewhereError:
        return await about_you(request, session, services, problem=_ELSEWHERE)
    return RedirectResponse("/you", 303)


def _provider(services: Services) -> Provider:
    if services.openid is None:
        raise Refusal(404, "There is no such way to sign in here.")
    return services.openid


def _by_browser(session: Session) -> None:
    if session.device.kind is not DeviceKind.BROWSER:
        raise Refusal(403, "A token cannot link accounts.")


def _remember(request: Request, response: Response, flow: Flow) -> None:
    from picsync.family.openid import FLOW_S

    response.set_cookie(
        COOKIE,
        flow.cookie,
        max_age=FLOW_S,
        path=_BEGIN_PATH,
        secure=request.url.scheme == "https",
        httponly=True,
        # Strict cookies are not sent when the provider sends the browser back.
        samesite="lax",
    )


async def _go_on(
    request: Request, provider: Provider, flow: Flow, show: Callable[..., Awaitable[Response]]
) -> Response:
    """Have the browser open the provider's page: a form of these pages must not lead elsewhere.

    `show` returns the page of the form, given the `provider`'s address, or the `problem` that it has none.
    """
    try:
        address = await provider.address(flow)
    except PicsyncError as error:
        _log_failure(error)
        return await show(problem=_cannot_be_reached(provider))
    response = await show(provider=address)
    response.headers["Refresh"] = f"0; url={address}"
    _remember(request, response, flow)
    return response


def _again(request: Request, problem: str, status: int = 403) -> Response:
    return page(request, "welcome.html", status=status, problem=problem, name="")


def _cannot_be_reached(provider: Provider) -> str:
    return (
        f"{provider.name} cannot be used at the moment. Invitations, and devices that are signed in, still"
        " work."
    )


def _unreachable(request: Request, provider: Provider, error: Exception) -> Response:
    _log_failure(error)
    return _again(request, _cannot_be_reached(provider), 503)


def _log_failure(error: Exception) -> None:
    _log.warning("Signing in by OpenID Connect: %s", error, extra={"action": "openid_failed"})

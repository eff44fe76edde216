"""Who sent a request, and whether it may do what it asks for.

A route names the role that it needs as a parameter: `session: Viewer`, `Member` or `Administrator`. The same
dependency protects requests that change something: with the cookie, a browser must say that one of our pages
sent them, and they need the session's form token, as the field `form_token` or in `X-Form-Token`. Programs
send `Authorization: Bearer`, which no other site's page can; they need neither.

Wrong tokens are limited for each address: then no other one is accepted from it for a minute, except those
that were right before, since a household has one address.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Annotated, TypeAlias

from fastapi import Depends, Request
from starlette.responses import Response

from picsync.family.people import SESSION_FOR, DeviceKind, Role, Session
from picsync.web.family.errors import Refusal
from picsync.web.family.services import Services, services_of
from picsync.web.operator import cross_site

COOKIE = "picsync-family"
FORM_TOKEN = "form_token"  # noqa: S105 - a name
FORM_TOKEN_HEADER = "X-Form-Token"  # noqa: S105 - a name
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def form_token(session: Session) -> str:
    """Return the token that forms of a session carry. It follows from the session's, which only it knows."""
    return hmac.new(session.token.encode(), b"form", sha256).hexdigest()[:32]


def set_cookie(request: Request, response: Response, session: Session) -> None:
    """Sign the browser in that gets this response."""
    response.set_cookie(
        COOKIE,
        session.token,
        max_age=int(SESSION_FOR.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


async def optional_session(request: Request, services: Services) -> Session | None:
    """Return the session of a request; None without one. Raises Refusal for one that is not valid."""
    known: Session | None = getattr(request.state, "session", None)
    if known is not None:
        return known
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    by_header = scheme.lower() == "bearer"
    token = bearer.strip() if by_header else request.cookies.get(COOKIE, "")
    if not token:
        return None
    address = request.client.host if request.client else ""
    if services.wrong.blocked(address) and not services.was_right(token):
        raise Refusal(429, "Too many wrong tokens.", "Wait a minute, then try again.", retry_after_s=60)
    found = await services.people.session(token)
    if found is not None and by_header is not (found.device.kind is DeviceKind.TOKEN):
        # A cookie's value is no API token, and the other way round.
        found = None
    if found is not None:
        services.note_right(token)
    else:
        services.wrong.wrong(address)
        if by_header:
            raise Refusal(401, "This token is not valid.", "Create another one on the page about you.")
    request.state.session = found
    return found


async def _checked(request: Request, services: Services, role: Role) -> Session:
    session = await optional_session(request, services)
    if session is None:
        raise Refusal(401, "You are not signed in here.", "Ask the family's administrator for an invitation.")
    if not session.may(role):
        raise Refusal(403, f"Only a person with the role {role} may do this.")
    if request.method not in _SAFE and session.device.kind is DeviceKind.BROWSER:
        await _own_form(request, session)
    return session


async def _own_form(request: Request, session: Session) -> None:
    """Raise Refusal unless one of our own pages has sent the request."""
    if refused := cross_site(request.headers):
        raise Refusal(403, refused.strip())
    sent = request.headers.get(FORM_TOKEN_HEADER, "")
    if not sent and request.headers.get("Content-Type", "").startswith(_FORMS):
        form = await request.form()
        field = form.get(FORM_TOKEN, "")
        sent = field if isinstance(field, str) else ""
    if not hmac.compare_digest(sent.encode(), form_token(session).encode()):
        raise Refusal(403, "This page is too old.", "Reload it, then try again.")


async def streaming_member(request: Request) -> Session:
    """Return the session of a member whose request has a large form; the route has to `prove` it.

    Its body is read as it arrives, and the form token is in it.
    """
    session = await optional_session(request, services_of(request))
    if session is None:
        raise Refusal(401, "You are not signed in here.", "Ask the family's administrator for an invitation.")
    if not session.may(Role.MEMBER):
        raise Refusal(403, f"Only a person with the role {Role.MEMBER} may do this.")
    if session.device.kind is DeviceKind.BROWSER and (refused := cross_site(request.headers)):
        raise Refusal(403, refused.strip())
    return session


def prove(request: Request, session: Session, sent: str = "") -> None:
    """Raise Refusal unless the request has the form token: as a header, or as a field that was `sent`.

    To be called for the field, and before anything is changed.
    """
    if session.device.kind is not DeviceKind.BROWSER:
        return
    sent = sent or getattr(request.state, "form_token", "") or request.headers.get(FORM_TOKEN_HEADER, "")
    if not hmac.compare_digest(sent.encode(), form_token(session).encode()):
        raise Refusal(403, "This page is too old.", "Reload it, then try again.")
    request.state.form_token = sent


async def viewer(request: Request) -> Session:
    """Return the session of somebody who may look."""
    return await _checked(request, services_of(request), Role.VIEWER)


async def member(request: Request) -> Session:
    """Return the session of somebody who may send, vote, write and hide."""
    return await _checked(request, services_of(request), Role.MEMBER)


async def administrator(request: Request) -> Session:
    """Return the session of an administrator."""
    return await _checked(request, services_of(request), Role.ADMINISTRATOR)


Viewer: TypeAlias = Annotated[Session, Depends(viewer)]
Member: TypeAlias = Annotated[Session, Depends(member)]
StreamingMember: TypeAlias = Annotated[Session, Depends(streaming_member)]
Administrator: TypeAlias = Annotated[Session, Depends(administrator)]

"""Renders templates, with what all pages have in common."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from picsync.core.text import harmless
from picsync.family.people import Role, Session
from picsync.system.localtime import day, day_in_words, to_minute
from picsync.web.assets import assets_of
from picsync.web.family.guards import form_token
from picsync.web.family.services import services_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; font-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Nothing external, and nothing inline."""
PACKAGE = "picsync.web.family"

_JINJA = Environment(
    loader=PackageLoader(PACKAGE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_JINJA.filters |= {"printable": harmless, "day": day, "day_in_words": day_in_words, "minute": to_minute}


def load() -> None:
    """Load everything of which pages are made: templates are compiled, which takes milliseconds each."""
    for template in _JINJA.list_templates(extensions=["html"]):
        _JINJA.get_template(template)
    assets_of(PACKAGE)


def page(
    request: Request,
    template: str,
    session: Session | None = None,
    *,
    status: int = 200,
    files_at: str = "",
    **content: Any,
) -> HTMLResponse:
    """Return a page; `content` is what its template shows, `session` who sees it.

    `files_at` is another origin, to which its script may send, and of which it may play videos.
    """
    services = services_of(request)
    text = _JINJA.get_template(template).render(
        assets=f"/family/assets/{assets_of(PACKAGE).build}",
        title=services.title,
        passwords=services.passwords,
        openid=services.openid.name if services.openid else "",
        by_email=services.openid is not None and services.openid.by_email,
        session=session,
        form_token=form_token(session) if session else "",
        is_member=session is not None and session.may(Role.MEMBER),
        is_administrator=session is not None and session.may(Role.ADMINISTRATOR),
        path=request.url.path,
        **content,
    )
    policy = POLICY
    if files_at:
        for what in ("connect-src", "media-src"):
            policy = policy.replace(f"{what} 'self'", f"{what} 'self' {files_at}")
    return HTMLResponse(text, status, {"Content-Security-Policy": policy})

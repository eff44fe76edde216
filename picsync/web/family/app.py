"""The application: routes by topic, and what holds for every response."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from picsync.core.errors import PicsyncError
from picsync.family.people import UnknownPersonError
from picsync.family.state.database import GoneError
from picsync.web.assets import assets_of
from picsync.web.family import account, looking, office, openid, pictures, reference, sending, sharing, voting
from picsync.web.family.errors import AboutProblem, Refusal
from picsync.web.family.pages import PACKAGE, load, page
from picsync.web.family.services import Services

MAX_BODY_BYTES = 64 * 1024
"""Of a request, unless a route says something else."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_ROUTERS = (
    # Routes are tried in order; those for choosing come first, since they are used most.
    voting.router,
    account.router,
    looking.router,
    office.router,
    openid.router,
    pictures.router,
    reference.router,
    sending.router,
    sharing.router,
)
_log = logging.getLogger("picsync.web")


class _Application(FastAPI):
    """Answers requests that are too large as it answers others; the library would do so in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        replaced = False

        async def answer(message: Message) -> None:
            nonlocal replaced
            if replaced:
                return
            if message["type"] == "http.response.start" and _is_from_the_library(message):
                replaced = True
                await _too_large(Request(scope))(scope, receive, send)
            else:
                await send(message)

        await super().__call__(scope, receive, answer)


def application(services: Services) -> FastAPI:
    """Return the application; it sends nothing and opens nothing."""
    app = _Application(
        title="picsync: the family's pages",
        version=version("picsync"),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=MAX_BODY_BYTES,
        responses={"4XX": {"model": AboutProblem, "description": "The request was refused."}},
        exception_handlers={
            Refusal: _refused,
            PicsyncError: _failed,
            GoneError: _gone,
            UnknownPersonError: _gone,
            HTTPException: _http_error,
            RequestValidationError: _invalid,
        },
    )
    app.state.services = services
    app.add_middleware(_Headers)
    app.add_api_route("/family/assets/{build}/{name}", _asset, include_in_schema=False)
    for router in _ROUTERS:
        app.include_router(router)
    return app


async def prepare(app: FastAPI) -> None:
    """Load what the first requests would have to wait for: templates, files, and the table of routes."""
    await asyncio.to_thread(load)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    # A path that no route has is compared with each of them.
    scope = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/-/"}
    await app(
        scope | {"raw_path": b"/-/", "query_string": b"", "root_path": "", "headers": []}, receive, send
    )


class _Headers:
    """Adds the headers that every response has, unless it has its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


async def _asset(build: str, name: str) -> Response:
    assets = assets_of(PACKAGE)
    asset = assets.files.get(name)
    if asset is None:
        return Response(status_code=404)
    # A page of an older version gets what there is, but does not keep it.
    kept = "public, max-age=31536000, immutable" if build == assets.build else "no-cache"
    return Response(asset.body, media_type=asset.type, headers={"Cache-Control": kept})


def _wants_json(request: Request) -> bool:
    path, accept = request.url.path, request.headers.get("Accept", "")
    return path.startswith("/api/") or "text/html" not in accept


def _answer(
    request: Request, status: int, message: str, hint: str = "", headers: dict[str, str] | None = None
) -> Response:
    """Return an error, for a program or a person."""
    if _wants_json(request):
        return JSONResponse({"error": message, "hint": hint}, status, headers)
    response = page(request, "error.html", status=status, message=message, hint=hint)
    response.headers.update(headers or {})
    return response


async def _refused(request: Request, error: Any) -> Response:
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    if error.status == HTTPStatus.UNAUTHORIZED:
        if not _wants_json(request) and request.method == "GET":
            return RedirectResponse("/welcome", 303)
        headers["WWW-Authenticate"] = "Bearer"
    return _answer(request, error.status, error.message, error.hint, headers)


async def _failed(request: Request, error: Any) -> Response:
    _log.warning("Family pages: %s", error, extra={"action": "family_request_failed"})
    return _answer(
        request,
        503,
        "The photos cannot be reached at the moment.",
        "Nothing is lost. Try again in a minute; picsync's log says why.",
        {"Retry-After": "30"},
    )


async def _gone(request: Request, error: Any) -> Response:
    """Answer a request whose person, or subject, was removed after it was looked up."""
    what = "You were" if isinstance(error, UnknownPersonError) else "What this is about was"
    return _answer(request, 409, f"{what} removed meanwhile.", "Nothing was changed.")


async def _http_error(request: Request, error: Any) -> Response:
    message = {404: "There is no such page.", 405: "This address does not take such requests."}
    return _answer(
        request, error.status_code, message.get(error.status_code, str(error.detail)), headers=error.headers
    )


def _is_from_the_library(start: Message) -> bool:
    """Whether a response says in plain text that a request is too large."""
    kind = Headers(raw=start["headers"]).get("Content-Type", "")
    return start["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and kind.startswith("text/plain")


def _too_large(request: Request) -> Response:
    response = _answer(
        request,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "This is too large.",
        f"Nothing was changed. Photos are sent on the page Send; anything else has at most"
        f" {MAX_BODY_BYTES // 1024} kB.",
    )
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _invalid(request: Request, error: Any) -> Response:
    """Say which field of a request is wrong, without its value."""
    said = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors()][:5]
    return _answer(request, 422, "The request is not valid.", "; ".join(said))

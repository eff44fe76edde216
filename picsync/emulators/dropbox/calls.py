"""One call of the API: its style, scope and argument, and how a request becomes a response."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from picsync.emulators.dropbox.access import Access, Caller
from picsync.emulators.dropbox.arguments import Fields, parse
from picsync.emulators.dropbox.errors import DropboxError, json_answer, malformed
from picsync.emulators.service import Handler

API, CONTENT, NOTIFY = "api.dropboxapi.com", "content.dropboxapi.com", "notify.dropboxapi.com"


class Style(StrEnum):
    """How argument and result travel."""

    RPC = "rpc"
    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose sender and argument are valid."""

    caller: Caller
    argument: Mapping[str, Any]
    request: web.Request


Handle = Callable[[Asked], Awaitable[Any]]
"""Returns what is sent as JSON, or a whole response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call."""

    name: str
    handle: Handle
    scope: str = ""
    fields: Fields = field(default_factory=dict)
    style: Style = Style.RPC
    host: str = API
    app_auth: bool = False
    """Whether an app may call it without a user."""
    anonymous: bool = False
    """Whether it takes no authorization."""

    @property
    def path(self) -> str:
        """The path of its URL."""
        return f"/2/{self.name}"


_TYPES = {
    Style.RPC: ("application/json", "text/plain"),
    Style.UPLOAD: ("application/octet-stream", "text/plain"),
}


class Calls:
    """Turns calls into routes."""

    def __init__(self, access: Access, refresh: Callable[[], None]) -> None:
        """`refresh` is called before each request is handled."""
        self._access = access
        self._refresh = refresh
        self.calls: list[Call] = []

    def add(self, *calls: Call) -> None:
        """Add calls."""
        self.calls += calls

    def routes(self, host: str) -> list[web.RouteDef]:
        """Return the routes of a host; unknown calls get Dropbox's 400."""
        routes = []
        for call in self.calls:
            if call.host == host:
                methods = ("POST", "GET") if call.style is Style.DOWNLOAD else ("POST",)
                routes += [web.route(method, call.path, self._answer(call)) for method in methods]
        return [*routes, web.route("*", "/{path:.*}", answered(_unknown))]

    def _answer(self, call: Call) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            self._refresh()
            argument = await self._argument(call, request)
            if call.anonymous:
                caller = Caller(next(iter(self._access.apps())), None)
            else:
                caller = self._access.caller(call.name, request, call.scope, app_auth=call.app_auth)
            result = await call.handle(Asked(caller, argument, request))
            return result if isinstance(result, web.StreamResponse) else json_answer(result)

        return answered(answer)

    @staticmethod
    async def _argument(call: Call, request: web.Request) -> Mapping[str, Any]:
        if call.style is Style.RPC:
            text = await request.text()
            sent = request.headers.get("Content-Type", "")
            if (text or sent) and request.content_type not in _TYPES[Style.RPC]:
                raise malformed(call.name, f'Bad HTTP "Content-Type" header: "{sent}".')
            if sent and not text and not call.fields:
                raise malformed(call.name, "request body: could not decode input as JSON")
            return parse(call.name, call.fields, text, "request body")
        if call.style is Style.UPLOAD and request.content_type not in _TYPES[Style.UPLOAD]:
            sent = request.headers.get("Content-Type", "")
            raise malformed(call.name, f'Bad HTTP "Content-Type" header: "{sent}".')
        header = request.headers.get("Dropbox-API-Arg", request.query.get("arg", ""))
        if any("\ud800" <= each <= "\udfff" for each in header):
            raise malformed(call.name, 'HTTP header "Dropbox-API-Arg": could not decode input as UTF-8')
        if not header:
            raise malformed(call.name, 'Must provide HTTP header "Dropbox-API-Arg" or URL parameter "arg".')
        return parse(call.name, call.fields, header, 'HTTP header "Dropbox-API-Arg"')


def answered(handler: Handler) -> Handler:
    """Return the handler with Dropbox's errors as responses, and a request ID in each."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except DropboxError as error:
            response = error.response()
        if not response.prepared:
            response.headers["X-Dropbox-Request-Id"] = secrets.token_hex(16)
        return response

    return answer


async def _unknown(request: web.Request) -> web.StreamResponse:
    raise DropboxError(400, text=f"Unknown API function: {request.path.removeprefix('/2/')!r}")


def result_header(value: Mapping[str, Any]) -> dict[str, str]:
    """Return the header with the result of a download-style call."""
    return {"Dropbox-API-Result": json.dumps(value), "X-Dropbox-Request-Id": secrets.token_hex(16)}

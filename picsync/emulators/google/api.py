"""Common parts of every API method: routing, identity, scopes, quota, parameters, partial responses.

`X-HTTP-Method-Override: GET` on a POST with a form body is treated as the GET that it stands for;
google-api-python-client sends long requests this way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from multidict import MultiDict, MultiMapping

from picsync.emulators.google import errors
from picsync.emulators.google.account import SCOPE_PREFIX, Account
from picsync.emulators.google.errors import ApiError, invalid, json_answer
from picsync.emulators.google.fields import select
from picsync.emulators.google.options import Era, GoogleOptions
from picsync.emulators.google.pages import not_found
from picsync.emulators.google.schemas import camel_case, read, tree

ID = re.compile(r"[A-Za-z0-9_-]{40,200}")
APP_DATA = "photoslibrary.readonly.appcreateddata"
READ = ("photoslibrary.readonly", APP_DATA, "photoslibrary")
WRITE = ("photoslibrary.appendonly", "photoslibrary", "photoslibrary.sharing")
CHANGE = ("photoslibrary.edit.appcreateddata", "photoslibrary.appendonly", "photoslibrary")
EDIT = ("photoslibrary.edit.appcreateddata",)
_REMOVED = frozenset({"photoslibrary", "photoslibrary.readonly", "photoslibrary.sharing"})
_WHOLE_LIBRARY = frozenset({"photoslibrary", "photoslibrary.readonly"})
COMMON_PARAMETERS = frozenset(
    {"alt", "fields", "key", "prettyPrint", "quotaUser", "access_token", "oauth_token", "callback"}
    | {"uploadType", "upload_protocol", "$.xgafv"}
)
"""Scopes of all methods in Google's discovery documents."""
_ACCEPTED_PARAMETERS = COMMON_PARAMETERS | {"userIp", "xgafv", "$alt", "$fields", "$prettyPrint"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a method, after the checks that all methods share."""

    request: web.Request
    client_id: str
    sees_all: bool
    """Whether things that the app did not create are visible."""
    path: Mapping[str, str]
    query: MultiMapping[str]
    """Names in camelCase."""
    body: Mapping[str, Any]
    """In camelCase, without nulls, containing only fields of the method's request."""

    def item_id(self, value: object) -> str:
        """Return an ID of the correct form; raises ApiError for anything else."""
        if not isinstance(value, str) or not ID.fullmatch(value):
            raise invalid("Invalid media item ID.")
        return value

    def album_id(self, value: object) -> str:
        """Return an ID of the correct form; raises ApiError for anything else."""
        if not isinstance(value, str) or not ID.fullmatch(value):
            raise invalid("Invalid album ID.")
        return value


Answer = Mapping[str, Any] | tuple[int, Mapping[str, Any]]
MethodHandler = Callable[[Call], Answer]
RawHandler = Callable[[web.Request, str], Awaitable[web.StreamResponse]]
"""Takes the request and the client ID."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the API."""

    identity: str
    """Its name in clients, e.g. `albums.list`."""
    name: str
    """Its name in errors, e.g. `ListAlbums`."""
    verb: str
    path: str
    """With `{parameters}`, each one path segment."""
    scopes: Sequence[str]
    """Any one of them is sufficient; none: the method has been removed."""
    handler: MethodHandler
    response: str
    """The response message."""
    request: str = ""
    """The message in the body; empty if there is none."""
    query: frozenset[str] = frozenset()
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(pattern))


class Api:
    """Handles requests to the API's host."""

    def __init__(self, account: Account, options: GoogleOptions) -> None:
        self._account = account
        self._options = options
        self._methods: list[Method] = []
        self._requests_by_day: dict[int, int] = {}

    @property
    def methods(self) -> Sequence[Method]:
        """All registered methods."""
        return tuple(self._methods)

    def add(self, *methods: Method) -> None:
        """Register methods."""
        self._methods += methods

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handle a request to any method."""
        override = request.headers.get("X-HTTP-Method-Override", "").upper()
        verb = override if request.method == "POST" and override else request.method
        verb = "GET" if verb == "HEAD" else verb
        method, path = self._find(verb, request.rel_url.raw_path)
        if method is None:
            return await not_found(request)
        try:
            client_id, scopes = self.identify(request, method.name)
            call = await self._call(request, method, path, (client_id, scopes), form=verb != request.method)
            answer = method.handler(call)
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            selector = call.query.get("fields") or call.query.get("$fields")
            if selector:
                body = select(body, selector, tree(method.response))
        except ApiError as error:
            return error.response()
        pretty = call.query.get("prettyPrint") or call.query.get("$prettyPrint")
        response = json_answer(body, status=status, indent=None if pretty == "false" else 2)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            response.enable_compression(web.ContentCoding.gzip)
        return response

    def identify(self, request: web.Request, method: str) -> tuple[str, frozenset[str]]:
        """Return the calling client's ID and short scopes, counting the request; raises ApiError."""
        if not self._options.service_enabled:
            raise errors.service_disabled()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = request.query.get("access_token", "")
        grant = self._account.holder(token)
        if grant is None:
            raise errors.unauthenticated(method, token=bool(token))
        self._count()
        return grant.client_id, frozenset(scope.removeprefix(SCOPE_PREFIX) for scope in grant.scopes)

    def check_scopes(self, method: str, scopes: Sequence[str], held: frozenset[str]) -> None:
        """Raise ApiError unless one of the scopes is held and still valid."""
        usable = held - _REMOVED if self._options.era is Era.Y2025 else held
        if not usable.intersection(scopes):
            wanted = [SCOPE_PREFIX + scope for scope in scopes]
            raise errors.insufficient_scope(method, wanted)

    def _count(self) -> None:
        # The real quota is reset at midnight Pacific time; here the day is the clock's, in UTC.
        day = int(self._options.now() // 86400)
        used = self._requests_by_day.get(day, 0) + 1
        self._requests_by_day = {day: used}
        if self._options.requests_per_day is not None and used > self._options.requests_per_day:
            raise errors.quota_exceeded()

    def _find(self, verb: str, raw_path: str) -> tuple[Method | None, Mapping[str, str]]:
        for method in self._methods:
            match = method.pattern.fullmatch(raw_path) if method.verb == verb else None
            if match is not None:
                return method, {name: unquote(value) for name, value in match.groupdict().items()}
        return None, {}

    async def _call(
        self,
        request: web.Request,
        method: Method,
        path: Mapping[str, str],
        caller: tuple[str, frozenset[str]],
        *,
        form: bool,
    ) -> Call:
        client_id, held = caller
        self.check_scopes(method.name, method.scopes, held)
        query = MultiDict((_parameter(name), value) for name, value in request.query.items())
        if form:
            query.extend((_parameter(name), str(value)) for name, value in (await request.post()).items())
        body = {} if form or not method.request else read(method.request, await _json_body(request))
        for name in query:
            if name not in _ACCEPTED_PARAMETERS | method.query:
                raise invalid(
                    f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter.'
                )
        sees_all = self._options.era is Era.LEGACY and bool(held & _WHOLE_LIBRARY)
        return Call(request, client_id, sees_all, path, query, body)


async def _json_body(request: web.Request) -> Mapping[str, Any]:
    text = await request.text()
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from None
    if not isinstance(value, dict):
        raise invalid("Invalid JSON payload received. The root must be an object.")
    return value


def _parameter(name: str) -> str:
    return name if name in _ACCEPTED_PARAMETERS else camel_case(name)

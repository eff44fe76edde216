"""The Picker API: sessions in which the user picks in Google's own page, and the picked items' bytes.

Unknown facts (the limit of sessions per user, their lifetime) are options. Instead of Google's page there is
a plain one with a form; programs call `Picker.pick`.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from picsync.emulators.google import errors
from picsync.emulators.google.api import Api, Call, Method
from picsync.emulators.google.baseurls import BaseUrls
from picsync.emulators.google.discovery import Discovery
from picsync.emulators.google.errors import ApiError, invalid
from picsync.emulators.google.library import Item, Library
from picsync.emulators.google.media import Media
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.google.pages import error_page
from picsync.emulators.google.paging import Pager, PageRequest, listing_key
from picsync.emulators.google.resources import MEDIA_HOST, video_status
from picsync.emulators.google.schemas import PICKER
from picsync.emulators.service import origin, params

API_HOST = "photospicker.googleapis.com"
PAGE_HOST = "photos.google.com"
SCOPE = "photospicker.mediaitems.readonly"
_SCOPES = (SCOPE,)
_SESSION = "/v1/sessions/{sessionId}"
_MOST_ITEMS = 2000


@dataclass(slots=True, eq=False)
class Session:
    """One picking session of the user."""

    session_id: str
    page: str
    """The last part of its page's URL."""
    client_id: str
    expires_at: float
    most: int
    request_id: str = ""
    items: list[Item] | None = None
    """None until the user has pressed Done."""


class Picker:
    """Handles the Picker API, its page and its bytes."""

    def __init__(
        self, library: Library, options: GoogleOptions, urls: BaseUrls, api: Api, media: Media
    ) -> None:
        """Use a separate `api`, since the Library API's quotas do not apply here."""
        self._library = library
        self._all_options = options
        self._options = options.picker
        self._urls = urls
        self._media = media
        self._pager = Pager(options)
        self._api = api
        self.sessions: dict[str, Session] = {}
        page = frozenset({"sessionId", "pageSize", "pageToken"})
        api.add(
            Method(
                "sessions.create", "CreateSession", "POST", "/v1/sessions", _SCOPES, self.create,
                "PickingSession", "PickingSession", frozenset({"requestId"}),
            ),
            Method("sessions.get", "GetSession", "GET", _SESSION, _SCOPES, self.get, "PickingSession"),
            Method("sessions.delete", "DeleteSession", "DELETE", _SESSION, _SCOPES, self.delete, "Empty"),
            Method(
                "mediaItems.list", "ListMediaItems", "GET", "/v1/mediaItems", _SCOPES, self.list,
                "ListPickedMediaItemsResponse", query=page,
            ),
        )  # fmt: skip
        title = "Google Photos Picker API"
        self._discovery = Discovery("photospicker", title, API_HOST, PICKER, api.methods)

    @property
    def methods(self) -> Sequence[Method]:
        """The methods of its API."""
        return self._api.methods

    def api_routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the API's host."""
        return [
            web.get("/$discovery/rest", self._discovery.handle),
            web.route("*", "/{path:.*}", self._handle),
        ]

    def page_routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the page on which the user picks."""
        return [web.get("/picker/{page}", self._show), web.post("/picker/{page}", self._done)]

    def media_routes(self) -> Sequence[web.RouteDef]:
        """Return the routes of the bytes, which require the token, unlike those of the Library API."""
        return [web.get("/pk/{name}", self._bytes)]

    def pick(self, items: Iterable[Item], session_id: str = "") -> Session:
        """Let the user pick and press Done in a session, by default the latest one."""
        session = self.sessions[session_id] if session_id else list(self.sessions.values())[-1]
        session.items = list(items)[: session.most]
        return session

    # --- methods ----------------------------------------------------------------------------------------

    def create(self, call: Call) -> dict[str, Any]:
        """Create a session; repeating the same request ID creates no second one."""
        if not self._options.has_account:
            message = "The user does not have an active Google Photos account."
            raise ApiError("FAILED_PRECONDITION", message)
        request_id = call.query.get("requestId", "")
        known = next((each for each in self._alive() if request_id and each.request_id == request_id), None)
        if known is not None:
            return self._session(call, known)
        if len(self._alive()) >= self._options.sessions:
            raise ApiError("RESOURCE_EXHAUSTED", "Too many sessions.")
        session = Session(
            secrets.token_hex(18),
            secrets.token_urlsafe(24),
            call.client_id,
            self._now() + self._options.session_s,
            _most(call.body.get("pickingConfig", {})),
            request_id,
        )
        self.sessions[session.session_id] = session
        return self._session(call, session)

    def get(self, call: Call) -> dict[str, Any]:
        """Return a session's state."""
        return self._session(call, self._of(call, call.path["sessionId"]))

    def delete(self, call: Call) -> dict[str, Any]:
        """End a session."""
        del self.sessions[self._of(call, call.path["sessionId"]).session_id]
        return {}

    def list(self, call: Call) -> dict[str, Any]:
        """List what was picked."""
        session = self._of(call, call.query.get("sessionId", ""))
        if session.items is None:
            raise ApiError("FAILED_PRECONDITION", "The user has not finished picking media items.")
        try:
            size = int(call.query.get("pageSize") or 0)
        except ValueError:
            raise invalid() from None
        if size < 0:
            raise invalid("Page size must not be negative.")
        listing = listing_key("picked", call.client_id, {"session": session.session_id})
        request = PageRequest(min(size or 50, 100), call.query.get("pageToken", ""), listing)
        items, token = self._pager.page(session.items, request)
        answer: dict[str, Any] = {"mediaItems": [self._item(call, item) for item in items]} if items else {}
        return answer | ({"nextPageToken": token} if token else {})

    def _now(self) -> float:
        return self._all_options.now()

    def _alive(self) -> Sequence[Session]:
        return [each for each in self.sessions.values() if each.expires_at > self._now()]

    def _of(self, call: Call, session_id: str) -> Session:
        session = self.sessions.get(session_id)
        if session is None or session.client_id != call.client_id or session not in self._alive():
            raise errors.not_found()
        return session

    def _session(self, call: Call, session: Session) -> dict[str, Any]:
        resource: dict[str, Any] = {
            "id": session.session_id,
            "pickerUri": f"{origin(call.request, PAGE_HOST)}/picker/{session.page}",
            "expireTime": _rfc3339(session.expires_at),
        }
        if session.items is not None:
            return {**resource, "mediaItemsSet": True}
        options = self._options
        polling = {"pollInterval": f"{options.poll_s:g}s", "timeoutIn": f"{options.timeout_s:g}s"}
        return {**resource, "pollingConfig": polling}

    def _item(self, call: Call, item: Item) -> dict[str, Any]:
        url = f"{origin(call.request, MEDIA_HOST)}/pk/{self._urls.issue(item.number, self._now())}"
        size = {"width": item.width, "height": item.height}
        metadata: dict[str, Any] = {name: value for name, value in size.items() if value}
        if item.is_video:
            metadata["videoMetadata"] = {"fps": 30, "processingStatus": video_status(item, self._now())}
        else:
            metadata["photoMetadata"] = {}
        return {
            "id": item.item_id,
            "createTime": _rfc3339(item.created_at),
            "type": "VIDEO" if item.is_video else "PHOTO",
            "mediaFile": {
                "baseUrl": url,
                "mimeType": item.mime_type,
                "filename": item.filename,
                "mediaFileMetadata": metadata,
            },
        }

    # --- requests ---------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not self._options.enabled:
            return errors.service_disabled(API_HOST).response()
        return await self._api.handle(request)

    async def _bytes(self, request: web.Request) -> web.StreamResponse:
        try:
            _, held = self._api.identify(request, "GetBytes")
            self._api.check_scopes("GetBytes", _SCOPES, held)
        except ApiError:
            return error_page(403, "Your client does not have permission to get this URL.")
        return await self._media.image(request)

    def _by_page(self, request: web.Request) -> Session | None:
        page = params(request)["page"]
        return next((each for each in self._alive() if each.page == page and each.items is None), None)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        if self._by_page(request) is None:
            return error_page(404, "This page is of no use any more.")
        self._library.refresh()
        boxes = "".join(
            f'<p><label><input type=checkbox name=item value="{item.item_id}">'
            f" {html.escape(item.filename)}</label>\n"
            for item in self._library.items.values()
        )
        form = f"<form method=post>{boxes}<button>Done</button></form>"
        page = f"<!DOCTYPE html>\n<meta charset=utf-8>\n<title>Pick photos</title>\n{form}\n"
        return web.Response(text=page, content_type="text/html")

    async def _done(self, request: web.Request) -> web.StreamResponse:
        session = self._by_page(request)
        if session is None:
            return error_page(404, "This page is of no use any more.")
        chosen = {str(value) for value in (await request.post()).getall("item", [])}
        items = self._library.items.values()
        self.pick([item for item in items if item.item_id in chosen], session.session_id)
        return web.Response(text="Done. You may close this window.\n")


def _most(config: Mapping[str, Any]) -> int:
    most = int(config.get("maxItemCount", _MOST_ITEMS))
    if not 0 < most <= _MOST_ITEMS:
        raise invalid("Invalid max_item_count.")
    return most


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Google's Picker API: access to what the user has picked in Google's own page, and nothing else.

Its JSON is proto3's, like the Library API's. Unlike those of the Library API, its base URLs require the
access token; the token is not sent to another server that a URL redirects to (documented).
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from picsync.core.errors import (
    ItemError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    RefusedError,
)
from picsync.core.model import MediaItem, MediaKind
from picsync.http.client import Hosts, HttpClient
from picsync.http.pace import DOWNLOADS
from picsync.http.retry import Operation, Retrier, RetryPolicy
from picsync.media.instants import instant
from picsync.sources.base import Sink
from picsync.sources.download import receive
from picsync.sources.google.library.source import BYTES_HOSTS, KIND, POLICY, SUFFIX, VIDEO_PROBLEMS
from picsync.sources.google.picked.port import PickingSession
from picsync.vendors.google.threads import HttpThreads
from picsync.vendors.google.tokens import GoogleLogin, Tokens
from picsync.vendors.google.wire import Sendable, read

M = TypeVar("M", bound=BaseModel)
R = TypeVar("R")

API_HOST = "photospicker.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/photospicker.mediaitems.readonly"
"""The only permission that picking and its bytes need."""

BEGIN_SESSION = Operation("Google Photos", "begin_picking")
READ_SESSION = Operation("Google Photos", "look_at_picking")
LIST_PICKED = Operation("Google Photos", "list_picked_items")
END_SESSION = Operation("Google Photos", "end_picking")
DOWNLOAD_PICKED = Operation("Google Photos", "download_picked", stage=DOWNLOADS)
OPERATIONS = (BEGIN_SESSION, READ_SESSION, LIST_PICKED, END_SESSION, DOWNLOAD_PICKED)
"""Every kind of request that is sent while the user picks."""

ITEMS_PER_PAGE = 100
"""Google's maximum."""
MAX_PAGES = 200
"""A session contains at most 2,000 items, 20 pages of the maximum size."""

URL_MAX_AGE_S = 50 * 60.0
"""Base URLs are valid for 60 minutes after the response that contained them (documented)."""

TIMEOUT_S = 60.0
_AGAIN = "Run the command again; it asks for a new login if that helps."
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True, defer_build=True)


class Polling(_Wire):
    """How often and how long to poll; absent once the user is done."""

    poll_interval: str = ""
    timeout_in: str = ""


class SessionWire(_Wire):
    """A picking session."""

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,500}$")
    picker_uri: Sendable = ""
    polling_config: Polling = Polling()
    media_items_set: bool = False
    """Absent until the user has pressed Done."""
    expire_time: object = None

    def session(self) -> PickingSession:
        """Return it as a picking session."""
        polling = self.polling_config
        return PickingSession(
            self.id,
            self.picker_uri,
            done=self.media_items_set,
            poll_after_s=_seconds(polling.poll_interval) or 5.0,
            patience_s=_seconds(polling.timeout_in),
            expires_at=instant(self.expire_time),
        )


class VideoMetadata(_Wire):
    """Fields that only videos have."""

    processing_status: str = ""


class FileMetadata(_Wire):
    """What Google knows about a file."""

    video_metadata: VideoMetadata | None = None


class MediaFile(_Wire):
    """The file of a picked item."""

    base_url: Sendable = Field(default="", repr=False)
    mime_type: str = ""
    filename: str = ""
    media_file_metadata: FileMetadata = FileMetadata()


class PickedWire(_Wire):
    """A picked item; its ID is the same in every session (documented)."""

    id: str = Field(min_length=1)
    create_time: object = None
    type: str = ""
    media_file: MediaFile = MediaFile()

    def media_item(self, source: str) -> MediaItem:
        """Return it as a media item."""
        file = self.media_file
        mime_type = file.mime_type.partition(";")[0].strip().lower()
        video = self.type == "VIDEO" or mime_type.startswith("video/")
        return MediaItem(
            source,
            self.id,
            kind=MediaKind.VIDEO if video else MediaKind.PHOTO,
            mime_type=mime_type,
            filename=file.filename,
            taken_at=instant(self.create_time),
            url=file.base_url,
        )


class Nothing(_Wire):
    """The response to a deletion: an empty object."""


class PickedPage(_Wire):
    """A page of `mediaItems.list`."""

    media_items: list[PickedWire] = []
    next_page_token: Sendable = ""


class GooglePicker:
    """Picking sessions of one login; implements Picker."""

    def __init__(
        self,
        login: GoogleLogin,
        *,
        hosts: Hosts,
        retrier_for: Callable[[RetryPolicy], Retrier],
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Create it without sending anything; `timeout_s` limits how long the service may stay silent."""
        retrier = retrier_for(POLICY)
        timeout = httpx.Timeout(timeout_s, pool=None)
        self._clock = clock
        self._threads = HttpThreads(timeout_s)
        self._tokens = Tokens(login, hosts=hosts, threads=self._threads, retrier=retrier)
        self._api = HttpClient(retrier, allowed=hosts.allowed(API_HOST), timeout=timeout)
        self._bytes = HttpClient(retrier, allowed=hosts.allowed(*BYTES_HOSTS), timeout=timeout)
        self._base = f"{hosts.url(API_HOST)}/v1"
        self._fresh: dict[str, dict[str, PickedWire]] = {}
        self._fresh_at = 0.0

    async def begin(self) -> PickingSession:
        """Start a session; repeating the request with its ID does not start a second one (documented)."""
        request_id = str(uuid4())
        found = await self._call(
            BEGIN_SESSION, "POST", "/sessions", SessionWire, params={"requestId": request_id}, json={}
        )
        if not found.picker_uri:
            raise ProtocolError(f"{BEGIN_SESSION}: Google's response contains no page to pick on.")
        return found.session()

    async def session(self, session_id: str) -> PickingSession:
        """Return a session's state; raises NotFoundError if it has ended."""
        return (await self._call(READ_SESSION, "GET", f"/sessions/{session_id}", SessionWire)).session()

    async def picked(self, session_id: str) -> Sequence[MediaItem]:
        """Return all items, in Google's order; raises ProtocolError if the pages do not end."""
        wires = await self._list(session_id)
        return [wire.media_item(KIND) for wire in wires.values()]

    async def download(self, session_id: str, item: MediaItem, sink: Sink) -> None:
        """Write an original to `sink`; uses a fresh URL if the old one is too old or was refused."""
        if self._clock() - self._fresh_at > URL_MAX_AGE_S:
            await self._list(session_id)
        try:
            await self._receive(session_id, item, sink)
        except RefusedError:
            await self._list(session_id)
            try:
                await self._receive(session_id, item, sink)
            except RefusedError as error:
                raise ItemError(
                    f"Google refuses the download ({error.status}).", hint="Run the command again."
                ) from error

    async def end(self, session_id: str) -> None:
        """Delete a session, since the number per user is limited; succeeds if it has already ended."""
        try:
            await self._call(END_SESSION, "DELETE", f"/sessions/{session_id}", Nothing)
        except NotFoundError:
            return

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
        await self._api.aclose()
        await self._bytes.aclose()
        await self._threads.aclose()

    async def _list(self, session_id: str) -> dict[str, PickedWire]:
        since = self._clock()
        found: dict[str, PickedWire] = {}
        token, seen = "", {""}
        for _ in range(MAX_PAGES):
            query = {"sessionId": session_id, "pageSize": str(ITEMS_PER_PAGE)}
            query |= {"pageToken": token} if token else {}
            page = await self._call(LIST_PICKED, "GET", "/mediaItems", PickedPage, params=query)
            found |= {wire.id: wire for wire in page.media_items}
            token = page.next_page_token
            if not token:
                self._fresh[session_id], self._fresh_at = found, since
                return found
            if token in seen:
                raise ProtocolError(f"{LIST_PICKED}: Google's pages repeat.")
            seen.add(token)
        raise ProtocolError(f"{LIST_PICKED}: Google's pages do not end.")

    async def _receive(self, session_id: str, item: MediaItem, sink: Sink) -> None:
        wire = self._fresh.get(session_id, {}).get(item.item_id)
        if wire is None or not wire.media_file.base_url:
            raise ItemError("Google provides no download URL.")
        video = wire.media_file.media_file_metadata.video_metadata
        if video is not None and video.processing_status in VIDEO_PROBLEMS:
            raise ItemError(VIDEO_PROBLEMS[video.processing_status])
        url = wire.media_file.base_url + SUFFIX[item.kind]

        async def send(headers: dict[str, str]) -> None:
            await self._bytes.download(
                DOWNLOAD_PICKED, url, partial(receive, DOWNLOAD_PICKED, sink), headers=headers
            )

        await self._with_token(send)

    async def _call(self, operation: Operation, method: str, path: str, model: type[M], **options: Any) -> M:
        async def send(headers: dict[str, str]) -> M:
            return await self._api.request(
                operation,
                method,
                f"{self._base}{path}",
                partial(read, operation, model),
                headers=headers,
                **options,
            )

        try:
            return await self._with_token(send)
        except RefusedError as error:
            raise _explained(error) from error

    async def _with_token(self, send: Callable[[dict[str, str]], Awaitable[R]]) -> R:
        token = await self._tokens.get()
        try:
            return await send({"authorization": f"Bearer {token}"})
        except RefusedError as error:
            if error.status != 401:
                raise
        return await send({"authorization": f"Bearer {await self._tokens.get(refused=token)}"})


def _explained(error: RefusedError) -> PicsyncError:
    """Return what a refusal means for the user."""
    if error.status == 401:
        return LoginNeeded("Google refuses this login, even with a fresh token (401).", hint=_AGAIN)
    if error.status == 403:
        return LoginNeeded(
            "Google does not let this login pick photos (403).",
            hint="Enable the Google Photos Picker API in the Google Cloud project (APIs & Services), and"
            f" wait a few minutes. {_AGAIN}",
        )
    return error


def _seconds(duration: str) -> float:
    """Return a protobuf duration in seconds; 0 for anything else."""
    found = _DURATION.fullmatch(duration)
    return float(found[1]) if found else 0.0

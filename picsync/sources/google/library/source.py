"""The source port for the Google Photos Library API.

A listing is complete only if every page came without error, no page token was repeated, and there are at
least as many items as the album claims. Every other listing is incomplete, and an incomplete listing deletes
nothing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

import httpx

from picsync.core.errors import FailureCode, ItemError, LoginNeeded, PicsyncError, ProtocolError, RefusedError
from picsync.core.events import AccessToken, Emit, ListingProgress, LoginRefused
from picsync.core.model import Finding, Listing, Mark, MediaItem, MediaKind, SourceAlbum
from picsync.http.client import Hosts, HttpClient
from picsync.http.pace import DOWNLOADS
from picsync.http.retry import Operation, Retrier, RetryPolicy
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.download import receive
from picsync.sources.google.library.api import (
    IDS_PER_BATCH,
    LIST_ALBUMS,
    LIST_MEDIA_ITEMS,
    LIST_SHARED_ALBUMS,
    LOOK_AT_ALBUM,
    RENEW_URLS,
    LibraryApi,
)
from picsync.sources.google.library.links import Link, Links
from picsync.sources.google.library.quotas import DAILY_DOWNLOADS, REQUESTS, Quota
from picsync.vendors.google.refusals import LOGIN_AGAIN, REFRESH_TOKEN
from picsync.vendors.google.threads import HttpThreads
from picsync.vendors.google.tokens import READ_SCOPE, GoogleLogin, Tokens
from picsync.vendors.google.wire import Album, AlbumPage, MediaItemResult, SharedAlbumPage

KIND = "googlephotos"
TITLE = "Google Photos"
DOWNLOAD = Operation(TITLE, "download", stage=DOWNLOADS)
OPERATIONS = (
    REFRESH_TOKEN,
    LIST_ALBUMS,
    LIST_SHARED_ALBUMS,
    LOOK_AT_ALBUM,
    LIST_MEDIA_ITEMS,
    RENEW_URLS,
    DOWNLOAD,
)
"""Every kind of request that this source sends."""

POLICY = RetryPolicy(rate_limited_wait_s=30.0)
"""Google asks for at least 30 s after a 429."""

MAX_PAGES = 2_000
"""An album contains at most 20,000 items, 200 pages; dozens of empty pages with a next page were observed."""

BYTES_HOSTS = ("*.googleusercontent.com",)
"""Hosts of the bytes: `lh3` and similar; videos redirect to `video-downloads` (observed)."""

TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 15.0
THUMBNAIL_SUFFIX = "=w320-h240"
"""Google scales a picture to fit, upright, as JPEG; of a video it is a still."""
SUFFIX = {MediaKind.PHOTO: "=d", MediaKind.VIDEO: "=dv"}
"""Suffix that requests the original photo, or the video; without it lh3 returns a small preview."""

VIDEO_PROBLEMS = {
    "PROCESSING": "Google is still processing this video.",
    "FAILED": "Google could not process this video.",
}


class _Page(Protocol):
    @property
    def next_page_token(self) -> str: ...


P = TypeVar("P", bound=_Page)


class GooglePhotosSource:
    """The albums that this app's OAuth client created, through the Library API."""

    def __init__(
        self,
        login: GoogleLogin,
        *,
        hosts: Hosts,
        retrier_for: Callable[[RetryPolicy], Retrier],
        emit: Emit,
        clock: Callable[[], float] = time.monotonic,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Create it without sending anything; `timeout_s` limits how long a service may stay silent."""
        retrier = retrier_for(POLICY)
        self._emit = emit
        self._clock = clock
        self._threads = HttpThreads(timeout_s)
        self._tokens = Tokens(login, hosts=hosts, threads=self._threads, retrier=retrier)
        self._api = LibraryApi(
            hosts=hosts,
            threads=self._threads,
            tokens=self._tokens,
            retrier=retrier,
            quota=Quota(REQUESTS, clock),
        )
        self._downloads = Quota(DAILY_DOWNLOADS, clock)
        self._links = Links(self._fresh_links, batch_size=IDS_PER_BATCH, clock=clock)
        self._http = HttpClient(
            retrier,
            allowed=hosts.allowed(*BYTES_HOSTS),
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S), pool=None),
        )
        self._capabilities = SourceCapabilities(kind=KIND, title=TITLE, videos=True)

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""
        return self._capabilities

    @property
    def token_expires_at(self) -> datetime | None:
        """When the current access token expires, in aware UTC; None if unknown."""
        return self._tokens.expires_at

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield all albums that this app created; see the port."""
        async for album in _albums(LIST_ALBUMS, self._api.albums):
            yield album

    async def shared_albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the shared albums; raises RefusedError, since Google removed this in 2025."""
        async for album in _albums(LIST_SHARED_ALBUMS, self._api.shared_albums):
            yield album

    async def list(self, album_id: str) -> Listing:
        """List an album; see the port."""
        items: dict[str, MediaItem] = {}
        asked_at: dict[str, float] = {}
        cause: FailureCode | None = None
        try:
            album = await self._api.album(album_id)
            self._emit(AccessToken(TITLE, self.token_expires_at))
            since = self._clock()
            async for page in _pages(LIST_MEDIA_ITEMS, partial(self._api.media_items, album_id)):
                for each in page.media_items:
                    if each.id not in items:
                        items[each.id] = each.media_item(KIND)
                        asked_at[each.id] = since
                total = album.media_items_count
                self._emit(ListingProgress(TITLE, album.title or album_id, len(items), total))
                since = self._clock()
            problem = _contradiction(album, len(items))
        except LoginNeeded as error:
            self._emit(LoginRefused(TITLE, error.message, error.hint))
            raise
        except RefusedError as error:
            cause = error.code
            problem = _refused_album(album_id) if error.status in (400, 404) and not items else str(error)
        except PicsyncError as error:
            problem, cause = str(error), error.code
        self._links.listed(album_id, asked_at)
        return Listing(KIND, album_id, tuple(items.values()), problem, cause)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Write a small version to `sink`; see the port."""
        await self._bring(item, THUMBNAIL_SUFFIX, sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Write an original to `sink`; see the port."""
        await self._bring(item, SUFFIX[item.kind], sink)

    async def _bring(self, item: MediaItem, suffix: str, sink: Sink) -> None:
        try:
            link = await self._links.link(item)
            try:
                await self._receive(link, suffix, sink)
            except RefusedError:
                # An expired URL is refused with 403, sometimes 404.
                link = await self._links.link(item, refused=link)
                await self._receive(link, suffix, sink)
        except RefusedError as error:
            raise ItemError(
                f"Google refuses the download ({error.status}).", hint="The next cycle tries again."
            ) from error

    async def examine(self) -> Sequence[Finding]:
        """Renew the login, to check that this works, what it permits, and when it expires."""
        answer = await self._tokens.renew()
        granted = answer.scope.split()
        may_read = READ_SCOPE in granted or not granted
        findings = [
            Finding(Mark.OK, TITLE, "logged in; the access token was renewed.")
            if may_read
            else Finding(
                Mark.PROBLEM,
                TITLE,
                "this login lacks the permission to read the albums that this app created.",
                f"{LOGIN_AGAIN} Leave every permission on Google's page ticked.",
            )
        ]
        if answer.refresh_token_expires_in is not None:
            days = answer.refresh_token_expires_in / 86_400
            findings.append(
                Finding(
                    Mark.PROBLEM,
                    f"{TITLE} login",
                    f"it expires in {days:.1f} days, since the Google Cloud project is in Testing.",
                    f"Press `Publish app` on the project's OAuth consent screen, then: {LOGIN_AGAIN}",
                )
            )
        return findings

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
        await self._http.aclose()
        await self._threads.aclose()

    async def _receive(self, link: Link, suffix: str, sink: Sink) -> None:
        if link.problem:
            raise ItemError(link.problem)
        url, consume = link.url + suffix, partial(receive, DOWNLOAD, sink)
        await self._downloads.spend(lambda: self._http.download(DOWNLOAD, url, consume))

    async def _fresh_links(self, item_ids: Sequence[str]) -> Mapping[str, Link]:
        since = self._clock()
        answer = await self._api.batch(item_ids)
        return {
            item_id: _link(result, since)
            for item_id, result in zip(item_ids, answer.media_item_results, strict=True)
        }


async def _pages(operation: Operation, fetch: Callable[[str], Awaitable[P]]) -> AsyncIterator[P]:
    """Yield all pages; only a missing or empty token ends them, not a short or empty page.

    Raises ProtocolError if a page token repeats, and what `fetch` raises.
    """
    token = ""
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        page = await fetch(token)
        yield page
        token = page.next_page_token
        if not token:
            return
        if token in seen:
            raise ProtocolError(f"{operation}: Google's pages repeat.")
        seen.add(token)
    raise ProtocolError(f"{operation}: Google's pages do not end.")


async def _albums(
    operation: Operation, fetch: Callable[[str], Awaitable[AlbumPage | SharedAlbumPage]]
) -> AsyncIterator[SourceAlbum]:
    seen: set[str] = set()
    async for page in _pages(operation, fetch):
        for album in page.albums:
            if album.id not in seen:
                seen.add(album.id)
                yield SourceAlbum(album.id, album.title, album.media_items_count)


def _contradiction(album: Album, count: int) -> str | None:
    if count >= album.media_items_count:
        return None
    return (
        f"Google Photos says that the album contains {album.media_items_count} items, but lists only"
        f" {count}. This usually resolves itself."
    )


def _refused_album(album_id: str) -> str:
    return (
        f"Google Photos has no album with the ID {album_id} that this login may see. Compare the ID in"
        " picsync.yaml with the output of `picsync googlephotos list`: since 2025-03-31 it shows only"
        " albums that were created with the same client ID."
    )


def _link(result: MediaItemResult, since: float) -> Link:
    item = result.media_item
    if item is None or result.status.code:
        return Link("", since, "It is no longer in Google Photos.")
    if not item.base_url:
        return Link("", since, "Google Photos provides no download URL.")
    video = item.media_metadata.video
    return Link(item.base_url, since, VIDEO_PROBLEMS.get(video.status, "") if video else "")

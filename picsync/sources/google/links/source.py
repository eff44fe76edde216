"""The source port for Google Photos albums shared by link.

A listing is complete only if every page came without error, every item was understood, no page token was
repeated, and there are exactly as many items as each page claims. Every other listing is incomplete, which
deletes nothing. There is no cheaper check for changes: the first page does not reflect changes on other
pages, and has no ETag (observed).

An item is identified by its key, which stays the same while its URL changes. Its version is Google's key of
the content, which an edit changes (observed), so an edited photo is downloaded again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import field
from functools import partial

import httpx

from picsync.core.errors import FailureCode, ItemError, NotFoundError, PicsyncError, RefusedError
from picsync.core.events import Emit, ListingProgress
from picsync.core.model import Finding, Listing, MediaItem, MediaKind, SourceAlbum
from picsync.core.values import dataclass
from picsync.http.client import Hosts, HttpClient
from picsync.http.pace import DOWNLOADS
from picsync.http.retry import Operation, Retrier, RetryPolicy
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.download import receive
from picsync.sources.google.links.client import (
    OPEN_SHORT_LINK,
    READ_ALBUM_PAGE,
    READ_FURTHER_PAGE,
    TITLE,
    SharedAlbums,
)
from picsync.sources.google.links.options import AlbumAddress, SharedLink
from picsync.sources.google.links.wire import CHANGED_HINT, KIND, AlbumPage

DOWNLOAD = Operation(TITLE, "download", stage=DOWNLOADS)
OPERATIONS = (OPEN_SHORT_LINK, READ_ALBUM_PAGE, READ_FURTHER_PAGE, DOWNLOAD)
"""Every kind of request that this source sends."""

PAGE_POLICY = RetryPolicy(attempts=4, first_wait_s=2.0, rate_limited_wait_s=30.0)
"""These pages are made for people: fewer attempts and longer pauses than for an API."""
BYTES_POLICY = RetryPolicy(rate_limited_wait_s=30.0)

MAX_PAGES = 200
"""An album contains at most 20,000 items (documented), 67 pages of 300 (observed)."""

BYTES_HOSTS = ("*.googleusercontent.com",)
"""Hosts of the bytes: `lh3` and similar; videos redirect to `video-downloads` (observed)."""

TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 15.0
THUMBNAIL_SUFFIX = "=w320-h240"
"""Google scales a picture to fit, upright, as JPEG; of a video it is a still."""
_SUFFIX = {MediaKind.PHOTO: "=d", MediaKind.VIDEO: "=dv"}
"""Suffix that requests the original photo, or the video; without it lh3 returns a small preview."""


@dataclass(slots=True)
class _Reading:
    """What has been read of an album so far."""

    title: str = ""
    counts: list[int | None] = field(default_factory=list)
    """The item count that each page claims."""
    items: dict[str, MediaItem] = field(default_factory=dict)
    problem: str | None = None

    def take(self, page: AlbumPage) -> None:
        self.title = page.title
        self.problem = self.problem or page.problem
        self.counts.append(page.count)
        for item in page.items:
            self.items.setdefault(item.item_id, item)

    def why_incomplete(self) -> str | None:
        """Return why the listing is incomplete, after all pages were read; None if it is complete."""
        if self.problem is not None:
            return self.problem
        listed, (count, *further) = len(self.items), self.counts
        if count is None and listed:
            return f"The page has changed: it no longer contains the album's item count. {CHANGED_HINT}"
        if any(each not in (None, count) for each in further):
            return "The album changed while its pages were read. This usually resolves itself."
        if listed != (count or 0):
            return f"The album's page claims {count} items, but shows {listed}. This usually resolves itself."
        return None


class SharedLinksSource:
    """The albums of the links in picsync.yaml."""

    def __init__(
        self,
        links: Mapping[str, SharedLink],
        *,
        hosts: Hosts,
        retrier_for: Callable[[RetryPolicy], Retrier],
        emit: Emit,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`links` maps each entry's text to its link; `timeout_s` limits a service's silence."""
        allowed = hosts.allowed(*BYTES_HOSTS)
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_TIMEOUT_S), pool=None)
        self._links = links
        self._emit = emit
        self._albums = SharedAlbums(
            retrier_for(PAGE_POLICY), hosts, lambda url: allowed.allow(httpx.URL(url)), timeout
        )
        self._http = HttpClient(retrier_for(BYTES_POLICY), allowed=allowed, timeout=timeout)
        self._resolved: dict[str, AlbumAddress] = {}
        self._one_album_at_a_time = asyncio.Lock()
        self._capabilities = SourceCapabilities(kind=KIND, title=TITLE, videos=True)

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""
        return self._capabilities

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the albums of all links; see the port."""
        for album_id, link in self._links.items():
            try:
                async with self._one_album_at_a_time:
                    _, page = await self._open(link)
            except NotFoundError:
                continue  # An album that is no longer shared is not visible.
            yield SourceAlbum(album_id, page.title, page.count or 0)

    async def list(self, album_id: str) -> Listing:
        """List an album; see the port."""
        reading = _Reading()
        cause: FailureCode | None = None
        link = self._links.get(album_id)
        if link is None:
            return Listing(KIND, album_id, problem=f"{album_id} is not among the links of picsync.yaml.")
        try:
            async with self._one_album_at_a_time:
                await self._read(link, album_id, reading)
            problem = reading.why_incomplete()
        except NotFoundError as error:
            problem, cause = f"{album_id}: {error}", error.code
        except PicsyncError as error:
            problem, cause = str(error), error.code
        return Listing(KIND, album_id, tuple(reading.items.values()), problem, cause)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Write a small version to `sink`; see the port."""
        await self._bring(item, THUMBNAIL_SUFFIX, sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Write an original to `sink`; see the port."""
        await self._bring(item, _SUFFIX[item.kind], sink)

    async def _bring(self, item: MediaItem, suffix: str, sink: Sink) -> None:
        try:
            await self._http.download(DOWNLOAD, item.url + suffix, partial(receive, DOWNLOAD, sink))
        except RefusedError as error:
            waits = " Google may still be processing the video." if item.kind is MediaKind.VIDEO else ""
            raise ItemError(
                f"Google refuses the download ({error.status}).{waits}", hint="The next cycle tries again."
            ) from error

    async def examine(self) -> Sequence[Finding]:
        """Return nothing: there is no login, and a listing reports the rest; see the port."""
        return []

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
        await self._albums.aclose()
        await self._http.aclose()

    async def _read(self, link: SharedLink, album_id: str, reading: _Reading) -> None:
        address, page = await self._open(link)
        seen: set[str] = set()
        while True:
            reading.take(page)
            self._emit(ListingProgress(TITLE, page.title or album_id, len(reading.items), page.count))
            if not page.next_token:
                return
            if page.next_token in seen or len(seen) == MAX_PAGES:
                reading.problem = reading.problem or "The album's pages do not end."
                return
            seen.add(page.next_token)
            page = await self._albums.further_page(address, page.next_token)

    async def _open(self, link: SharedLink) -> tuple[AlbumAddress, AlbumPage]:
        """Return an album's address and first page; the target of a short link is remembered."""
        if link.address is not None:
            return link.address, await self._albums.first_page(link.address)
        known = self._resolved.get(link.code)
        if known is not None:
            try:
                return known, await self._albums.first_page(known)
            except NotFoundError:
                del self._resolved[link.code]
        address = await self._albums.resolve(link.code)
        page = await self._albums.first_page(address)
        self._resolved[link.code] = address
        return address, page

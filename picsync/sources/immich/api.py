"""The calls of Immich's API that picsync makes, with an API key or through a shared link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from pydantic import TypeAdapter

from picsync.core.errors import ForeignAddressError, NotFoundError, PicsyncError, ProtocolError, RefusedError
from picsync.core.values import dataclass
from picsync.http.client import HttpClient
from picsync.http.pace import Stage
from picsync.http.retry import Operation
from picsync.sources.base import Sink
from picsync.sources.download import receive
from picsync.sources.immich import wire
from picsync.sources.immich.refusals import refusal

T = TypeVar("T")

TITLE = "Immich"
HOME_API = Stage("api", start=4, cap=4)
HOME_DOWNLOADS = Stage("downloads", start=4, cap=4, by_latency=False)
"""A home server is small: more concurrent requests would only wait for its disk."""

READ_VERSION = Operation(TITLE, "read_version", stage=HOME_API)
READ_KEY = Operation(TITLE, "read_key", stage=HOME_API)
LIST_ALBUMS = Operation(TITLE, "list_albums", stage=HOME_API)
LOOK_AT_ALBUM = Operation(TITLE, "look_at_album", stage=HOME_API)
LIST_PEOPLE = Operation(TITLE, "list_people", stage=HOME_API)
LOOK_AT_PERSON = Operation(TITLE, "look_at_person", stage=HOME_API)
LIST_TAGS = Operation(TITLE, "list_tags", stage=HOME_API)
LOOK_AT_TAG = Operation(TITLE, "look_at_tag", stage=HOME_API)
OPEN_LINK = Operation(TITLE, "open_shared_link", stage=HOME_API)
LOG_IN_TO_LINK = Operation(TITLE, "log_in_to_shared_link", stage=HOME_API)
SEARCH = Operation(TITLE, "search", stage=HOME_API)
COUNT = Operation(TITLE, "count", stage=HOME_API)
LOOK_AT_TRASH = Operation(TITLE, "look_at_trash", stage=HOME_API)
DOWNLOAD = Operation(TITLE, "download", stage=HOME_DOWNLOADS)
DOWNLOAD_CONVERSION = Operation(TITLE, "download_conversion", stage=HOME_DOWNLOADS)
OPERATIONS = (
    READ_VERSION,
    READ_KEY,
    LIST_ALBUMS,
    LOOK_AT_ALBUM,
    LIST_PEOPLE,
    LOOK_AT_PERSON,
    LIST_TAGS,
    LOOK_AT_TAG,
    OPEN_LINK,
    LOG_IN_TO_LINK,
    SEARCH,
    COUNT,
    LOOK_AT_TRASH,
    DOWNLOAD,
    DOWNLOAD_CONVERSION,
)
"""Every kind of request that this source sends."""

PERMISSIONS: Mapping[Operation, str] = {
    LIST_ALBUMS: "album.read",
    LOOK_AT_ALBUM: "album.read",
    LIST_PEOPLE: "person.read",
    LOOK_AT_PERSON: "person.read",
    LIST_TAGS: "tag.read",
    LOOK_AT_TAG: "tag.read",
    SEARCH: "asset.read",
    COUNT: "asset.statistics",
    DOWNLOAD: "asset.download",
    DOWNLOAD_CONVERSION: "asset.view",
}
"""The permission that each needs (Immich's API reference)."""

PEOPLE_PER_PAGE = 1000
"""Immich's maximum."""


@dataclass(frozen=True, slots=True)
class Access:
    """Access to the server: an API key, or a shared link."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    by_link: bool = False
    section: str = "immich"
    """The section of the credentials file, for messages."""


class ImmichApi:
    """One server with one kind of access.

    Each call raises LoginNeeded, TransientError, RefusedError, NotFoundError or ProtocolError.
    """

    def __init__(self, url: str, http: HttpClient, access: Access) -> None:
        """`url` is the API's URL, without trailing slash; this object closes `http`."""
        self._url = url
        self._http = http
        self._access = access
        self._under_way: dict[str, asyncio.Future[Any]] = {}

    async def version(self) -> wire.Version:
        """Return the server's version; raises ProtocolError if it is not an Immich server."""
        try:
            return await self._shared(
                "version", lambda: self._get(READ_VERSION, "/server/version", wire.VERSION)
            )
        except (NotFoundError, ProtocolError) as error:
            if isinstance(error, ForeignAddressError):
                raise
            raise ProtocolError(
                f"There is no Immich server at {self._url.removesuffix('/api')}: {error.message}",
                hint=error.hint
                or "Open the address in a browser: it must show Immich, not the login page of a proxy.",
            ) from error

    async def key(self) -> wire.KeyWire:
        """Return the API key's permissions."""
        return await self._get(READ_KEY, "/api-keys/me", wire.KEY)

    async def albums(self, *, shared: bool = False) -> list[wire.AlbumWire]:
        """Return the user's albums; before 3.0, `shared` is needed for those that others share."""
        query = {"shared": "true"} if shared else {}
        return await self._shared(
            f"albums {query}", lambda: self._get(LIST_ALBUMS, "/albums", wire.ALBUMS, query)
        )

    async def album(self, album_id: str, version: wire.Version) -> wire.AlbumWire:
        """Return an album without its assets, which versions before 3.0 include by default."""
        query = {"withoutAssets": "true"} if version.major < 3 else {}
        return await self._get(LOOK_AT_ALBUM, f"/albums/{album_id}", wire.ALBUM, query)

    async def album_with_assets(self, album_id: str) -> wire.AlbumWithAssets:
        """Return an album with its assets, as versions before 3.0 send it."""
        return await self._get(LOOK_AT_ALBUM, f"/albums/{album_id}", wire.ALBUM_WITH_ASSETS)

    async def people(self, page: int) -> wire.PeoplePage:
        """Return a page of people without hidden ones; the first page is 1."""
        query = {"page": str(page), "size": str(PEOPLE_PER_PAGE), "withHidden": "false"}
        return await self._shared(
            f"people {page}", lambda: self._get(LIST_PEOPLE, "/people", wire.PEOPLE, query)
        )

    async def person(self, person_id: str) -> wire.PersonWire:
        """Return a person."""
        return await self._get(LOOK_AT_PERSON, f"/people/{person_id}", wire.PERSON)

    async def tags(self) -> list[wire.TagWire]:
        """Return all tags."""
        return await self._shared("tags", lambda: self._get(LIST_TAGS, "/tags", wire.TAGS))

    async def tag(self, tag_id: str) -> wire.TagWire:
        """Return a tag."""
        return await self._get(LOOK_AT_TAG, f"/tags/{tag_id}", wire.TAG)

    async def shared_link(self) -> wire.SharedLinkWire:
        """Return what the shared link shows."""
        return await self._get(OPEN_LINK, "/shared-links/me", wire.SHARED_LINK)

    async def log_in_to_link(self, password: str) -> None:
        """Send the link's password; the server sets a cookie that opens the link."""
        await self._call(
            LOG_IN_TO_LINK, "POST", "/shared-links/login", wire.SHARED_LINK, {}, json={"password": password}
        )

    async def search(self, body: Mapping[str, Any]) -> wire.AssetPage:
        """Return a page of search results."""
        answer = await self._call(SEARCH, "POST", "/search/metadata", wire.SEARCH, {}, json=body)
        return answer.assets

    async def count(self, body: Mapping[str, Any]) -> int:
        """Return how many assets a search would find."""
        answer = await self._call(COUNT, "POST", "/search/statistics", wire.COUNT, {}, json=body)
        return answer.total

    async def trashed(self, album_id: str) -> int:
        """Return how many assets of an album are in the trash; this also works for shared links."""
        query = {"albumId": album_id, "isTrashed": "true"}
        buckets = await self._get(LOOK_AT_TRASH, "/timeline/buckets", wire.BUCKETS, query)
        return sum(bucket.count for bucket in buckets)

    async def download(self, path: str, sink: Sink) -> None:
        """Write the bytes at a path below the API to `sink`."""
        operation = DOWNLOAD if "/original" in path else DOWNLOAD_CONVERSION
        mark = "&" if "?" in path else "?"
        query = f"{mark}{urlencode(self._access.query)}" if self._access.query else ""
        try:
            await self._http.download(
                operation,
                f"{self._url}{path}{query}",
                partial(receive, operation, sink),
                headers=self._access.headers,
            )
        except RefusedError as error:
            raise self._refusal(operation, error) from error

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
        for asked in self._under_way.values():
            asked.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._http.aclose()

    async def _shared(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `ask`, shared by all concurrent callers with the same `what`.

        A cycle lists its entries concurrently, and each begins with the same requests. Results are not kept:
        the next cycle requests them again.
        """
        asked = self._under_way.get(what)
        if asked is None or asked.done():
            asked = self._under_way[what] = asyncio.ensure_future(ask())
            # The waiting callers may have been cancelled by then.
            asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        found: T = await asyncio.shield(asked)
        return found

    async def _get(
        self, operation: Operation, path: str, adapter: TypeAdapter[T], query: Mapping[str, str] | None = None
    ) -> T:
        return await self._call(operation, "GET", path, adapter, query or {})

    async def _call(
        self,
        operation: Operation,
        method: str,
        path: str,
        adapter: TypeAdapter[T],
        query: Mapping[str, str],
        **options: Any,
    ) -> T:
        try:
            return await self._http.request(
                operation,
                method,
                f"{self._url}{path}",
                partial(wire.parse, operation, adapter),
                params={**query, **self._access.query},
                headers=self._access.headers,
                **options,
            )
        except RefusedError as error:
            raise self._refusal(operation, error) from error

    def _refusal(self, operation: Operation, error: RefusedError) -> PicsyncError:
        permission = PERMISSIONS.get(operation, "")
        return refusal(
            operation, permission, error, by_link=self._access.by_link, section=self._access.section
        )

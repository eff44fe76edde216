"""The Library API calls that picsync makes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from picsync.core.errors import ProtocolError, RefusedError
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import Operation, Retrier
from picsync.sources.google.library.quotas import Quota
from picsync.vendors.google.refusals import api_refusal, unauthenticated
from picsync.vendors.google.tokens import Tokens
from picsync.vendors.google.wire import (
    MEDIA_ITEM_FIELDS,
    Album,
    AlbumPage,
    BatchAnswer,
    MediaItemPage,
    SharedAlbumPage,
    read,
)

M = TypeVar("M", bound=BaseModel)

API_HOST = "photoslibrary.googleapis.com"
ALBUMS_PER_PAGE = 50
ITEMS_PER_PAGE = 100
IDS_PER_BATCH = 50
"""Google's maximum; every page counts against 10,000 requests per day."""

LIST_ALBUMS = Operation("Google Photos", "list_albums")
LIST_SHARED_ALBUMS = Operation("Google Photos", "list_shared_albums")
LOOK_AT_ALBUM = Operation("Google Photos", "look_at_album")
LIST_MEDIA_ITEMS = Operation("Google Photos", "list_media_items")
RENEW_URLS = Operation("Google Photos", "renew_urls")

UNAUTHENTICATED = 401

_ALBUM_FIELDS = "id,title,mediaItemsCount"


class LibraryApi:
    """The calls.

    Each raises LoginNeeded, LimitError, TransientError, RefusedError, NotFoundError or ProtocolError.
    """

    def __init__(
        self, *, hosts: Hosts, tokens: Tokens, retrier: Retrier, quota: Quota, timeout: httpx.Timeout
    ) -> None:
        self._base = f"{hosts.url(API_HOST)}/v1"
        self._http = HttpClient(retrier, allowed=hosts.allowed(API_HOST), timeout=timeout)
        self._tokens = tokens
        self._quota = quota

    async def album(self, album_id: str) -> Album:
        """Return an album's title and item count."""
        path = f"/albums/{quote(album_id, safe='')}"
        return await self._call(LOOK_AT_ALBUM, Album, "GET", path, {"fields": _ALBUM_FIELDS})

    async def albums(self, page_token: str) -> AlbumPage:
        """Return a page of the albums that this app created."""
        query = {"pageSize": ALBUMS_PER_PAGE, "fields": f"nextPageToken,albums({_ALBUM_FIELDS})"}
        return await self._call(LIST_ALBUMS, AlbumPage, "GET", "/albums", query | _page(page_token))

    async def shared_albums(self, page_token: str) -> SharedAlbumPage:
        """Return a page of the shared albums; Google has refused this call since 2025-03-31."""
        query = {"pageSize": ALBUMS_PER_PAGE, "fields": f"nextPageToken,sharedAlbums({_ALBUM_FIELDS})"}
        return await self._call(
            LIST_SHARED_ALBUMS, SharedAlbumPage, "GET", "/sharedAlbums", query | _page(page_token)
        )

    async def media_items(self, album_id: str, page_token: str) -> MediaItemPage:
        """Return a page of an album. A short or empty page may still have a next page."""
        body = {"albumId": album_id, "pageSize": ITEMS_PER_PAGE, **_page(page_token)}
        query = {"fields": f"nextPageToken,mediaItems({MEDIA_ITEM_FIELDS})"}
        return await self._call(
            LIST_MEDIA_ITEMS, MediaItemPage, "POST", "/mediaItems:search", query, json=body
        )

    async def batch(self, item_ids: Sequence[str]) -> BatchAnswer:
        """Return at most `IDS_PER_BATCH` items with fresh URLs, in the order of the IDs."""
        fields = f"mediaItemResults(status,mediaItem({MEDIA_ITEM_FIELDS}))"
        query = {"mediaItemIds": list(item_ids), "fields": fields}
        answer = await self._call(RENEW_URLS, BatchAnswer, "GET", "/mediaItems:batchGet", query)
        came = [result.media_item and result.media_item.id for result in answer.media_item_results]
        if len(came) != len(item_ids) or any(
            got not in (None, due) for got, due in zip(came, item_ids, strict=True)
        ):
            raise ProtocolError(f"{RENEW_URLS}: the response contains other items than requested.")
        return answer

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._http.aclose()

    async def _call(
        self, operation: Operation, model: type[M], method: str, path: str, query: Any, **options: Any
    ) -> M:
        async def send(token: str) -> M:
            return await self._quota.spend(
                lambda: self._http.request(
                    operation,
                    method,
                    f"{self._base}{path}",
                    partial(read, operation, model),
                    refused=partial(api_refusal, operation),
                    headers={"authorization": f"Bearer {token}"},
                    params=query,
                    **options,
                )
            )

        # The token is fetched outside of the retries, since fetching it has its own.
        token = await self._tokens.get()
        try:
            return await send(token)
        except RefusedError as error:
            if error.status != UNAUTHENTICATED:
                raise
        try:
            return await send(await self._tokens.get(refused=token))
        except RefusedError as error:
            if error.status == UNAUTHENTICATED:
                raise unauthenticated() from error
            raise


def _page(token: str) -> dict[str, str]:
    return {"pageToken": token} if token else {}

"""The Library API calls that picsync makes, on google-api-python-client.

The client library reads the API's description from our own `discovery.json`, since Google's packages contain
none for it, and fetching it would need the network before the first call. Its own retries are off: picsync's
retry policy decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import resources
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from picsync.aio.loading import deferring, loading
from picsync.core.errors import ProtocolError, RefusedError
from picsync.http.client import Hosts
from picsync.http.retry import (
    EXCERPT_CHARACTERS,
    Answer,
    Operation,
    Retrier,
    parse_retry_after,
)
from picsync.sources.google.library.quotas import Quota
from picsync.vendors.google.refusals import api_refusal, unauthenticated
from picsync.vendors.google.threads import HttpThreads
from picsync.vendors.google.tokens import Tokens
from picsync.vendors.google.wire import (
    MEDIA_ITEM_FIELDS,
    Album,
    AlbumPage,
    BatchAnswer,
    MediaItemPage,
    SharedAlbumPage,
    read_bytes,
)

if TYPE_CHECKING:
    import httplib2

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

Build = Callable[[Any], Any]
"""Builds a googleapiclient HttpRequest from an object with the API's collections."""


class LibraryApi:
    """The calls.

    Each raises LoginNeeded, LimitError, TransientError, RefusedError, NotFoundError or ProtocolError.
    """

    def __init__(
        self, *, hosts: Hosts, threads: HttpThreads, tokens: Tokens, retrier: Retrier, quota: Quota
    ) -> None:
        self._root_url = f"{hosts.url(API_HOST)}/"
        self._threads = threads
        self._tokens = tokens
        self._retrier = retrier
        self._quota = quota
        self._service: Any = None

    async def album(self, album_id: str) -> Album:
        """Return an album's title and item count."""
        return await self._call(
            LOOK_AT_ALBUM, Album, lambda api: api.albums.get(albumId=album_id, fields=_ALBUM_FIELDS)
        )

    async def albums(self, page_token: str) -> AlbumPage:
        """Return a page of the albums that this app created."""
        fields = f"nextPageToken,albums({_ALBUM_FIELDS})"
        return await self._call(
            LIST_ALBUMS,
            AlbumPage,
            lambda api: api.albums.list(pageSize=ALBUMS_PER_PAGE, fields=fields, **_page(page_token)),
        )

    async def shared_albums(self, page_token: str) -> SharedAlbumPage:
        """Return a page of the shared albums; Google has refused this call since 2025-03-31."""
        fields = f"nextPageToken,sharedAlbums({_ALBUM_FIELDS})"
        return await self._call(
            LIST_SHARED_ALBUMS,
            SharedAlbumPage,
            lambda api: api.sharedAlbums.list(pageSize=ALBUMS_PER_PAGE, fields=fields, **_page(page_token)),
        )

    async def media_items(self, album_id: str, page_token: str) -> MediaItemPage:
        """Return a page of an album. A short or empty page may still have a next page."""
        body = {"albumId": album_id, "pageSize": ITEMS_PER_PAGE, **_page(page_token)}
        fields = f"nextPageToken,mediaItems({MEDIA_ITEM_FIELDS})"
        return await self._call(
            LIST_MEDIA_ITEMS, MediaItemPage, lambda api: api.mediaItems.search(body=body, fields=fields)
        )

    async def batch(self, item_ids: Sequence[str]) -> BatchAnswer:
        """Return at most `IDS_PER_BATCH` items with fresh URLs, in the order of the IDs."""
        fields = f"mediaItemResults(status,mediaItem({MEDIA_ITEM_FIELDS}))"
        answer = await self._call(
            RENEW_URLS,
            BatchAnswer,
            lambda api: api.mediaItems.batchGet(mediaItemIds=list(item_ids), fields=fields),
        )
        came = [result.media_item and result.media_item.id for result in answer.media_item_results]
        if len(came) != len(item_ids) or any(
            got not in (None, due) for got, due in zip(came, item_ids, strict=True)
        ):
            raise ProtocolError(f"{RENEW_URLS}: the response contains other items than requested.")
        return answer

    async def _call(self, operation: Operation, model: type[M], build: Build) -> M:
        # The token is fetched outside of the retries, since fetching it has its own.
        token = await self._tokens.get()
        try:
            return await self._send(operation, model, build, token)
        except RefusedError as error:
            if error.status != UNAUTHENTICATED:
                raise
        try:
            return await self._send(operation, model, build, await self._tokens.get(refused=token))
        except RefusedError as error:
            if error.status == UNAUTHENTICATED:
                raise unauthenticated() from error
            raise

    async def _send(self, operation: Operation, model: type[M], build: Build, token: str) -> M:
        async def attempt() -> M:
            return await self._threads.run(
                lambda client: self._execute(operation, model, build, client, token)
            )

        return await self._quota.spend(lambda: self._retrier.run(operation, attempt))

    def _execute(
        self, operation: Operation, model: type[M], build: Build, client: httplib2.Http, token: str
    ) -> M:
        request = build(self._resource(client))
        from googleapiclient.errors import HttpError

        request.headers["authorization"] = f"Bearer {token}"
        try:
            content = request.execute(http=client, num_retries=0)
        except HttpError as error:
            after_s = parse_retry_after(error.resp.get("retry-after"), datetime.now(UTC))
            excerpt = error.content[:EXCERPT_CHARACTERS].decode(errors="replace")
            raise api_refusal(
                operation, Answer(error.resp.status, after_s, excerpt), error.content
            ) from error
        except OSError:
            raise  # A refused certificate is also a ValueError.
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
            # The library fails if the JSON of an error response has an unknown shape.
            raise ProtocolError(f"{operation}: expected JSON, but got something else.") from error
        return read_bytes(operation, model, content)

    def _resource(self, client: httplib2.Http) -> Any:
        if self._service is None:
            # Imported late: it is large, and most commands never call Google.
            with loading(), deferring("google.oauth2.service_account", "google.auth.transport.mtls"):
                # Those two are for logins that picsync does not use; the first loads cryptography.
                from googleapiclient.discovery import build_from_document

                from picsync.sources.google.library.undecoded import Undecoded

            document = json.loads(resources.files(__package__).joinpath("discovery.json").read_text("utf-8"))
            # `client` only keeps it from looking for credentials; each request carries its own.
            service = build_from_document(
                {**document, "rootUrl": self._root_url}, http=client, model=Undecoded()
            )
            # The library would build a collection again for each request.
            names = ("albums", "sharedAlbums", "mediaItems")
            self._service = SimpleNamespace(**{name: getattr(service, name)() for name in names})
        return self._service


def _page(token: str) -> dict[str, str]:
    return {"pageToken": token} if token else {}

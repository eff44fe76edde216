"""The reading methods of `mediaItems`, and `patch`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from picsync.emulators.google import errors
from picsync.emulators.google.albums import BATCH
from picsync.emulators.google.api import EDIT, ID, READ, Call, Method
from picsync.emulators.google.errors import invalid
from picsync.emulators.google.filters import compile_filters
from picsync.emulators.google.library import Item, Library
from picsync.emulators.google.paging import Pager, PageRequest, listing_key
from picsync.emulators.google.resources import Resources, sees

_PAGE = frozenset({"pageSize", "pageToken"})
_ORDERS = ("MediaMetadata.creation_time", "MediaMetadata.creation_time desc")
_NOT_FOUND = {"status": {"code": 5, "message": "Media item not found."}}
_BAD_ID = {"status": {"code": 3, "message": "Invalid media item ID."}}


class MediaItems:
    """The methods."""

    def __init__(self, library: Library, resources: Resources, pager: Pager) -> None:
        self._library = library
        self._resources = resources
        self._pager = pager

    def methods(self) -> Sequence[Method]:
        """Return the methods."""
        return (
            Method(
                "mediaItems.list", "ListMediaItems", "GET", "/v1/mediaItems", READ, self.list,
                "ListMediaItemsResponse", query=_PAGE,
            ),
            Method(
                "mediaItems.search", "SearchMediaItems", "POST", "/v1/mediaItems:search", READ, self.search,
                "SearchMediaItemsResponse", "SearchMediaItemsRequest",
            ),
            Method(
                "mediaItems.batchGet", "BatchGetMediaItems", "GET", "/v1/mediaItems:batchGet", READ,
                self.batch_get, "BatchGetMediaItemsResponse", query=frozenset({"mediaItemIds"}),
            ),
            Method(
                "mediaItems.get", "GetMediaItem", "GET", "/v1/mediaItems/{mediaItemId}", READ, self.get,
                "MediaItem",
            ),
            Method(
                "mediaItems.patch", "UpdateMediaItem", "PATCH", "/v1/mediaItems/{id}", EDIT, self.patch,
                "MediaItem", "MediaItem", frozenset({"updateMask"}),
            ),
        )  # fmt: skip

    def list(self, call: Call) -> dict[str, Any]:
        """List all items that the caller may see, newest first."""
        self._library.refresh()
        items = self._newest_first(call)
        listing = listing_key("list", call.client_id, {})
        return self._page(call, items, call.query.get("pageSize"), call.query.get("pageToken"), listing)

    def search(self, call: Call) -> dict[str, Any]:
        """List an album's items in its order, or those that match filters, newest first."""
        album_id, filters = call.body.get("albumId"), call.body.get("filters", {})
        order = call.body.get("orderBy")
        if album_id and filters:
            raise invalid("Only one of album_id and filters can be set.")
        if order and (order not in _ORDERS or not filters.get("dateFilter")):
            raise invalid("Invalid order_by: it goes with a date filter only.")
        self._library.refresh()
        if album_id:
            album = self._library.albums.get(call.album_id(album_id))
            if album is None or not sees(call)(album):
                raise errors.not_found()
            items: Sequence[Item] = self._resources.visible_items(call, album)
        else:
            passes = compile_filters(filters, call.client_id)
            items = [item for item in self._newest_first(call) if passes(item)]
            items = items[::-1] if order == _ORDERS[0] else items
        listing = listing_key(
            "search", call.client_id, {"album": album_id, "filters": filters, "order": order}
        )
        return self._page(call, items, call.body.get("pageSize"), call.body.get("pageToken"), listing)

    def get(self, call: Call) -> dict[str, Any]:
        """Return one item."""
        self._library.refresh()
        item = self._resources.visible_item(call, call.item_id(call.path["mediaItemId"]))
        if item is None:
            raise errors.not_found()
        return self._resources.item(call, item)

    def batch_get(self, call: Call) -> dict[str, Any]:
        """Return up to 50 items in the requested order, or the reason why one is missing."""
        self._library.refresh()
        ids = call.query.getall("mediaItemIds", [])
        if not 1 <= len(ids) <= BATCH:
            raise invalid(f"Request must have 1 to {BATCH} media item ids.")
        if len(set(ids)) != len(ids):
            raise invalid("Request must not contain duplicate ids.")
        return {"mediaItemResults": [self._result(call, item_id) for item_id in ids]}

    def patch(self, call: Call) -> dict[str, Any]:
        """Change the description of an item that the app created."""
        item = self._library.items.get(call.item_id(call.path["id"]))
        if item is None or item.client_id != call.client_id:
            raise errors.not_found()
        if call.query.get("updateMask") != "description":
            raise invalid("Update mask must name description.")
        item.description = call.body.get("description", "")
        return self._resources.item(call, item)

    def _result(self, call: Call, item_id: str) -> dict[str, Any]:
        if not ID.fullmatch(item_id):
            return _BAD_ID
        item = self._resources.visible_item(call, item_id)
        return _NOT_FOUND if item is None else {"mediaItem": self._resources.item(call, item)}

    def _newest_first(self, call: Call) -> Sequence[Item]:
        items = filter(sees(call), self._library.items.values())
        return sorted(items, key=lambda item: (-item.created_at, item.number))

    def _page(
        self, call: Call, items: Sequence[Item], size: object, token: object, listing: str
    ) -> dict[str, Any]:
        wanted = self._pager.size(size, default=25, maximum=100)
        page, after = self._pager.page(items, PageRequest(wanted, str(token or ""), listing))
        answer: dict[str, Any] = {}
        if page:
            answer["mediaItems"] = [self._resources.item(call, item) for item in page]
        return {**answer, "nextPageToken": after} if after else answer

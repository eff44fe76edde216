"""Albums and items as JSON of the API: without default values, 64-bit numbers as strings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from picsync.emulators.google.api import Call
from picsync.emulators.google.baseurls import BaseUrls
from picsync.emulators.google.library import Album, Item, Library
from picsync.emulators.google.options import GoogleOptions
from picsync.emulators.service import origin

MEDIA_HOST = "lh3.googleusercontent.com"


class Resources:
    """Creates JSON for a caller: with the caller's URLs, and only what the caller may see."""

    def __init__(self, library: Library, options: GoogleOptions, urls: BaseUrls) -> None:
        self._library = library
        self._options = options
        self._urls = urls

    def visible_item(self, call: Call, item_id: str) -> Item | None:
        """Return the item if the caller may see it."""
        item = self._library.items.get(item_id)
        return item if item is not None and sees(call)(item) else None

    def visible_items(self, call: Call, album: Album) -> list[Item]:
        """Return the album's items that the caller may see, in album order."""
        return list(filter(sees(call), album.items))

    def base_url(self, call: Call, item: Item) -> str:
        """Return a fresh base URL."""
        return f"{origin(call.request, MEDIA_HOST)}/lr/{self._urls.issue(item.number, self._options.now())}"

    def item(self, call: Call, item: Item, *, with_url: bool = True) -> dict[str, Any]:
        """Return a mediaItem."""
        resource = {
            "id": item.item_id,
            "description": item.description,
            "productUrl": f"https://photos.google.com/lr/photo/{item.item_id}",
            "baseUrl": self.base_url(call, item) if with_url else "",
            "mimeType": item.mime_type,
            "mediaMetadata": self._metadata(item),
            "filename": item.filename,
        }
        return {name: value for name, value in resource.items() if value != ""}

    def album(self, call: Call, album: Album) -> dict[str, Any]:
        """Return an album."""
        items = self.visible_items(call, album)
        count = max(0, len(items) + self._options.count_offset)
        resource: dict[str, Any] = {
            "id": album.album_id,
            "title": album.title,
            "productUrl": f"https://photos.google.com/lr/album/{album.album_id}",
            "isWriteable": album.client_id == call.client_id,
            "mediaItemsCount": str(count) if count else "",
        }
        if items:
            cover = album.cover if album.cover in items else items[0]
            resource["coverPhotoBaseUrl"] = self.base_url(call, cover)
            resource["coverPhotoMediaItemId"] = cover.item_id
        return {name: value for name, value in resource.items() if value}

    def _metadata(self, item: Item) -> dict[str, Any]:
        metadata: dict[str, Any] = {"creationTime": _rfc3339(item.created_at)}
        if item.width and item.height:
            metadata |= {"width": str(item.width), "height": str(item.height)}
        if item.is_video:
            return {**metadata, "video": {**item.details, "status": self.video_status(item)}}
        return {**metadata, "photo": dict(item.details)}

    def video_status(self, item: Item) -> str:
        """Return the current state of a video's processing."""
        return video_status(item, self._options.now())


def video_status(item: Item, now: float) -> str:
    """Return the state of a video's processing."""
    if item.failed:
        return "FAILED"
    return "READY" if item.ready_at <= now else "PROCESSING"


def sees(call: Call) -> Callable[[Item | Album], bool]:
    """Return a predicate for what the caller may see: its own items, or everything."""
    return lambda thing: call.sees_all or thing.client_id == call.client_id


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""The methods of `albums` and `sharedAlbums`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from picsync.emulators.google import errors, positions
from picsync.emulators.google.api import CHANGE, EDIT, READ, WRITE, Call, Method, MethodHandler
from picsync.emulators.google.errors import invalid
from picsync.emulators.google.library import Album, Enrichment, Item, Library, opaque_id
from picsync.emulators.google.options import Era, GoogleOptions
from picsync.emulators.google.paging import Pager, PageRequest, listing_key
from picsync.emulators.google.resources import Resources, sees
from picsync.emulators.google.schemas import camel_case

LARGEST_ALBUM = 20_000
LONGEST_TITLE = 500
BATCH = 50
_LIST_PARAMETERS = frozenset({"pageSize", "pageToken", "excludeNonAppCreatedData"})
_UPDATE = frozenset({"updateMask"})
_SHARING = ("photoslibrary.sharing", "photoslibrary.readonly", "photoslibrary")


class Albums:
    """The methods for albums."""

    def __init__(self, library: Library, options: GoogleOptions, resources: Resources, pager: Pager) -> None:
        self._library = library
        self._options = options
        self._resources = resources
        self._pager = pager

    def methods(self) -> Sequence[Method]:
        """Return the methods."""
        album, own = "/v1/albums/{albumId}", "/v1/albums/{id}"
        return (
            Method(
                "albums.list", "ListAlbums", "GET", "/v1/albums", READ, self.list, "ListAlbumsResponse",
                query=_LIST_PARAMETERS,
            ),
            Method(
                "albums.create", "CreateAlbum", "POST", "/v1/albums", WRITE, self.create, "Album",
                "CreateAlbumRequest",
            ),
            Method("albums.get", "GetAlbum", "GET", album, READ, self.get, "Album"),
            Method(
                "albums.patch", "UpdateAlbum", "PATCH", own, EDIT, self.patch, "Album", "Album", _UPDATE
            ),
            _batch("albums.batchAddMediaItems", "BatchAddMediaItemsToAlbum", self.add),
            _batch("albums.batchRemoveMediaItems", "BatchRemoveMediaItemsFromAlbum", self.remove),
            _batch("albums.addEnrichment", "AddEnrichmentToAlbum", self.enrich),
            Method(
                "sharedAlbums.list", "ListSharedAlbums", "GET", "/v1/sharedAlbums", _SHARING,
                self.list_shared, "ListSharedAlbumsResponse", query=_LIST_PARAMETERS,
            ),
            Method(
                "sharedAlbums.get", "GetSharedAlbum", "GET", "/v1/sharedAlbums/{shareToken}", _SHARING,
                self.removed, "Album",
            ),
            self._removed("albums.share", "ShareAlbum", f"{album}:share"),
            self._removed("albums.unshare", "UnshareAlbum", f"{album}:unshare"),
            self._removed("sharedAlbums.join", "JoinSharedAlbum", "/v1/sharedAlbums:join"),
            self._removed("sharedAlbums.leave", "LeaveSharedAlbum", "/v1/sharedAlbums:leave"),
        )  # fmt: skip

    def _removed(self, identity: str, name: str, path: str) -> Method:
        answer, asked = f"{name}Response", f"{name}Request"
        return Method(identity, name, "POST", path, _SHARING, self.removed, answer, asked)

    def list(self, call: Call) -> dict[str, Any]:
        """List the albums that the caller may see."""
        return self._list(call, "albums", lambda _: True)

    def list_shared(self, call: Call) -> dict[str, Any]:
        """List shared albums; since 2025 this is refused whatever the scope (documented)."""
        if self._options.era is Era.Y2025:
            self.removed(call)
        return self._list(call, "sharedAlbums", lambda album: album.shared)

    def removed(self, call: Call) -> dict[str, Any]:
        """Refuse what Google removed; sharing through the API is not emulated."""
        raise errors.insufficient_scope(call.request.path, ())

    def get(self, call: Call) -> dict[str, Any]:
        """Return one album."""
        return self._resources.album(call, self._find(call, call.path["albumId"]))

    def create(self, call: Call) -> dict[str, Any]:
        """Create an album; titles need not be unique."""
        title = _title(call.body.get("album", {}))
        album = self._library.add_album(title, client_id=call.client_id)
        return self._resources.album(call, album)

    def patch(self, call: Call) -> dict[str, Any]:
        """Change title or cover of an album that the app created."""
        album = self._writeable(call, call.path["id"])
        mask = {camel_case(name) for name in call.query.get("updateMask", "").split(",") if name}
        if not mask or not mask <= {"title", "coverPhotoMediaItemId"}:
            raise invalid("Update mask must name title or cover_photo_media_item_id.")
        title = _title(call.body) if "title" in mask else album.title
        if "coverPhotoMediaItemId" in mask:
            item = self._library.items.get(call.item_id(call.body.get("coverPhotoMediaItemId")))
            if item not in album.items:
                raise invalid("The cover must be a media item of the album.")
            album.cover = item
        album.title = title
        return self._resources.album(call, album)

    def enrich(self, call: Call) -> dict[str, Any]:
        """Add a text, a place or a map to an album that the app created."""
        album = self._writeable(call, call.path["albumId"])
        content = call.body.get("newEnrichmentItem", {})
        if not _is_complete(content):
            raise invalid("Request must have one new enrichment item: a text, a location or a map.")
        enrichment = Enrichment(opaque_id("enrichment", secrets.token_hex(8)), content)
        positions.enrich(album, enrichment, call.body.get("albumPosition", {}))
        return {"enrichmentItem": {"id": enrichment.enrichment_id}}

    def add(self, call: Call) -> dict[str, Any]:
        """Add items to an album, all or none; items already in it keep their position."""
        album = self._writeable(call, call.path["albumId"])
        new = [item for item in self._app_items(call) if item not in album.items]
        if len(album.items) + len(new) > LARGEST_ALBUM:
            raise invalid(f"An album can hold at most {LARGEST_ALBUM} media items.")
        album.items += new
        return {}

    def remove(self, call: Call) -> dict[str, Any]:
        """Remove items from an album, all or none; they stay in the library."""
        album = self._writeable(call, call.path["albumId"])
        leaving = self._app_items(call)
        if any(item not in album.items for item in leaving):
            raise invalid("Request contains a media item that is not in the album.")
        album.items = [item for item in album.items if item not in leaving]
        return {}

    def _list(self, call: Call, name: str, wanted: Callable[[Album], bool]) -> dict[str, Any]:
        self._library.refresh()
        own_only = call.query.get("excludeNonAppCreatedData", "false").lower() == "true"
        albums = [
            album
            for album in self._library.albums.values()
            if sees(call)(album) and wanted(album) and not (own_only and album.client_id != call.client_id)
        ]
        size = self._pager.size(call.query.get("pageSize"), default=20, maximum=50)
        listing = listing_key(name, call.client_id, {"own": own_only})
        page, token = self._pager.page(albums, PageRequest(size, call.query.get("pageToken", ""), listing))
        answer: dict[str, Any] = {}
        if page:
            answer[name] = [self._resources.album(call, album) for album in page]
        return {**answer, "nextPageToken": token} if token else answer

    def _find(self, call: Call, album_id: object) -> Album:
        self._library.refresh()
        album = self._library.albums.get(call.album_id(album_id))
        if album is None or not sees(call)(album):
            raise errors.not_found()
        return album

    def _writeable(self, call: Call, album_id: object) -> Album:
        album = self._find(call, album_id)
        if album.client_id != call.client_id:
            raise errors.ApiError("PERMISSION_DENIED", "No permission to change this album.")
        return album

    def _app_items(self, call: Call) -> Sequence[Item]:
        ids = call.body.get("mediaItemIds", [])
        if not 1 <= len(ids) <= BATCH:
            raise invalid(f"Request must have 1 to {BATCH} media item ids.")
        items = [self._library.items.get(call.item_id(item_id)) for item_id in ids]
        own = [item for item in items if item is not None and item.client_id == call.client_id]
        if len(own) != len(items):
            raise invalid("Request contains an invalid media item id.")
        return own


def _batch(identity: str, name: str, handler: MethodHandler) -> Method:
    path = f"/v1/albums/{{albumId}}:{identity.removeprefix('albums.')}"
    return Method(identity, name, "POST", path, CHANGE, handler, f"{name}Response", f"{name}Request")


def _title(album: Mapping[str, Any]) -> str:
    title = str(album.get("title", ""))
    if not title.strip() or len(title) > LONGEST_TITLE:
        raise invalid(f"Album title must have 1 to {LONGEST_TITLE} characters.")
    return title


def _is_complete(content: Mapping[str, Any]) -> bool:
    """Return whether an enrichment is one text, one place, or one map between two places."""
    match list(content.items()):
        case [("textEnrichment", {"text": str(text)})]:
            return bool(text)
        case [("locationEnrichment", {"location": place})]:
            return bool(place)
        case [("mapEnrichment", {"origin": origin, "destination": destination})]:
            return bool(origin and destination)
    return False

"""The methods of `albums` and `sharedAlbums`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from picsync.emulators.google import errors, fields
from picsync.emulators.google.api import CHANGE, EDIT, READ, WRITE, Call, Method, MethodHandler
from picsync.emulators.google.errors import invalid
from picsync.emulators.google.library import Album, Item, Library
from picsync.emulators.google.options import Era, GoogleOptions
from picsync.emulators.google.paging import Pager, PageRequest, listing_key
from picsync.emulators.google.resources import Resources, sees

LARGEST_ALBUM = 20_000
LONGEST_TITLE = 500
BATCH = 50
_LIST_PARAMETERS = frozenset({"pageSize", "pageToken", "excludeNonAppCreatedData"})
_IDS = frozenset({"mediaItemIds"})
_ALBUM = frozenset({"album"})
_SHARING = ("photoslibrary.sharing", "photoslibrary.readonly", "photoslibrary")


class Albums:
    """What can be done with albums."""

    def __init__(self, library: Library, options: GoogleOptions, resources: Resources, pager: Pager) -> None:
        self._library = library
        self._options = options
        self._resources = resources
        self._pager = pager

    def methods(self) -> Sequence[Method]:
        """Return the methods."""
        album = "/v1/albums/{albumId}"
        return (
            Method("ListAlbums", "GET", "/v1/albums", READ, self.list, fields.ALBUM_LIST, _LIST_PARAMETERS),
            Method("CreateAlbum", "POST", "/v1/albums", WRITE, self.create, fields.ALBUM, body=_ALBUM),
            Method("GetAlbum", "GET", album, READ, self.get, fields.ALBUM),
            Method(
                "UpdateAlbum", "PATCH", album, EDIT, self.patch, fields.ALBUM, frozenset({"updateMask"}),
                frozenset({"id", "title", "coverPhotoMediaItemId"}),
            ),
            self._batch("BatchAddMediaItemsToAlbum", "batchAddMediaItems", self.add),
            self._batch("BatchRemoveMediaItemsFromAlbum", "batchRemoveMediaItems", self.remove),
            Method(
                "ListSharedAlbums", "GET", "/v1/sharedAlbums", _SHARING, self.list_shared,
                fields.SHARED_ALBUM_LIST, _LIST_PARAMETERS,
            ),
            self._removed("ShareAlbum", f"{album}:share"),
            self._removed("UnshareAlbum", f"{album}:unshare"),
            self._removed("JoinSharedAlbum", "/v1/sharedAlbums:join"),
            self._removed("LeaveSharedAlbum", "/v1/sharedAlbums:leave"),
        )  # fmt: skip

    def _removed(self, name: str, path: str) -> Method:
        asked = frozenset({"sharedAlbumOptions", "shareToken"})
        return Method(name, "POST", path, _SHARING, self.removed, fields.EMPTY, body=asked)

    def list(self, call: Call) -> dict[str, Any]:
        """List the albums that the caller may see."""
        return self._list(call, "albums", lambda _: True)

    def list_shared(self, call: Call) -> dict[str, Any]:
        """List shared albums; since 2025 this is refused whatever the scope (documented)."""
        if self._options.era is Era.Y2025:
            self.removed(call)
        return self._list(call, "sharedAlbums", lambda album: album.shared)

    def removed(self, call: Call) -> dict[str, Any]:
        """Refuse what Google removed; sharing itself is emulated in no era."""
        raise errors.insufficient_scope(call.request.path, ())

    def get(self, call: Call) -> dict[str, Any]:
        """Return one album."""
        return self._resources.album(call, self._find(call, call.path["albumId"]))

    def create(self, call: Call) -> dict[str, Any]:
        """Create an album; titles need not be unique."""
        asked = call.body.get("album")
        title = asked.get("title") if isinstance(asked, dict) else None
        if not isinstance(title, str) or not title.strip() or len(title) > LONGEST_TITLE:
            raise invalid(f"Album title must have 1 to {LONGEST_TITLE} characters.")
        album = self._library.add_album(title, client_id=call.client_id)
        return self._resources.album(call, album)

    def patch(self, call: Call) -> dict[str, Any]:
        """Change title or cover of an album that the app created."""
        album = self._writeable(call, call.path["albumId"])
        mask = {name for name in call.query.get("updateMask", "").split(",") if name}
        if not mask or not mask <= {"title", "coverPhotoMediaItemId", "cover_photo_media_item_id"}:
            raise invalid("Update mask must name title or cover_photo_media_item_id.")
        if "title" in mask:
            title = call.body.get("title")
            if not isinstance(title, str) or not title or len(title) > LONGEST_TITLE:
                raise invalid(f"Album title must have 1 to {LONGEST_TITLE} characters.")
            album.title = title
        return self._resources.album(call, album)

    def add(self, call: Call) -> dict[str, Any]:
        """Add items to an album, all or none; those already there stay where they are."""
        album = self._writeable(call, call.path["albumId"])
        new = [item for item in self._app_items(call) if item not in album.items]
        if len(album.items) + len(new) > LARGEST_ALBUM:
            raise invalid(f"An album can hold at most {LARGEST_ALBUM} media items.")
        album.items += new
        return {}

    def remove(self, call: Call) -> dict[str, Any]:
        """Take items out of an album, all or none; they stay in the library."""
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
        ids = call.body.get("mediaItemIds")
        if not isinstance(ids, list) or not 1 <= len(ids) <= BATCH:
            raise invalid(f"Request must have 1 to {BATCH} media item ids.")
        items = [self._library.items.get(call.item_id(item_id)) for item_id in ids]
        own = [item for item in items if item is not None and item.client_id == call.client_id]
        if len(own) != len(items):
            raise invalid("Request contains an invalid media item id.")
        return own

    @staticmethod
    def _batch(name: str, verb: str, handler: MethodHandler) -> Method:
        path = f"/v1/albums/{{albumId}}:{verb}"
        return Method(name, "POST", path, CHANGE, handler, fields.EMPTY, body=_IDS)

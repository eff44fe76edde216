"""Every kind of request that picsync sends, and how one is recognised at the wire."""

from __future__ import annotations

import re
from dataclasses import dataclass

from picsync.emulators.nixplay.hosts import API, MONITOR, UPLOADS
from picsync.frames.nixplay import OPERATIONS as NIXPLAY
from picsync.frames.nixplay import client as nixplay
from picsync.frames.nixplay.session import LOGIN, PROBE
from picsync.http.retry import Operation
from picsync.sources.googlephotos import api as google
from picsync.sources.googlephotos.source import DOWNLOAD
from picsync.sources.googlephotos.source import OPERATIONS as GOOGLE
from picsync.sources.googlephotos.tokens import REFRESH_TOKEN

LIBRARY = "photoslibrary.googleapis.com"
BYTES = "lh3.googleusercontent.com"

OPERATIONS = (*NIXPLAY, *GOOGLE)

NEVER_IN_A_CYCLE = frozenset({google.LIST_ALBUMS, google.LIST_SHARED_ALBUMS})
"""What only commands ask for."""


@dataclass(frozen=True)
class Place:
    """How requests of one kind are recognised."""

    method: str
    host: str
    path: str
    """Regular expression for the whole path."""

    def matches(self, method: str, host: str, path: str) -> bool:
        same = self.method == method and self.host == host
        return same and re.fullmatch(self.path, path) is not None


PLACES: dict[Operation, Place] = {
    LOGIN: Place("POST", API, "/www-login/"),
    PROBE: Place("GET", API, "/user/profile/edit/"),
    nixplay.LIST_WEB_ALBUMS: Place("GET", API, "/v2/albums/web/json/"),
    nixplay.LIST_EMAIL_ALBUMS: Place("GET", API, "/v2/albums/email/json/"),
    nixplay.CREATE_ALBUM: Place("POST", API, "/album/create/json/"),
    nixplay.DELETE_ALBUM: Place("POST", API, r"/album/\d+/delete/json/"),
    nixplay.LIST_PHOTOS: Place("GET", API, r"/album/\d+/pictures/json/"),
    nixplay.DELETE_PHOTO: Place("POST", API, r"/picture/\d+/delete/json/"),
    nixplay.OPEN_RECEIVER: Place("POST", API, "/v3/upload/receivers/"),
    nixplay.PERMIT_UPLOAD: Place("POST", API, "/v3/photo/upload/"),
    nixplay.STORE_BYTES: Place("POST", UPLOADS, "/"),
    nixplay.AWAIT_PROCESSING: Place("GET", MONITOR, "/status"),
    nixplay.LIST_PLAYLISTS: Place("GET", API, "/v3/playlists"),
    nixplay.LIST_SLIDES: Place("GET", API, r"/v3/playlists/\d+/slides"),
    nixplay.CREATE_PLAYLIST: Place("POST", API, "/v3/playlists"),
    nixplay.DELETE_PLAYLIST: Place("DELETE", API, r"/v3/playlists/\d+"),
    nixplay.ADD_ITEMS: Place("POST", API, r"/v3/playlists/\d+/items"),
    nixplay.REMOVE_ITEM: Place("DELETE", API, r"/v3/playlists/\d+/items"),
    REFRESH_TOKEN: Place("POST", "oauth2.googleapis.com", "/token"),
    google.LIST_ALBUMS: Place("GET", LIBRARY, "/v1/albums"),
    google.LIST_SHARED_ALBUMS: Place("GET", LIBRARY, "/v1/sharedAlbums"),
    google.LOOK_AT_ALBUM: Place("GET", LIBRARY, "/v1/albums/[^/]+"),
    google.LIST_MEDIA_ITEMS: Place("POST", LIBRARY, "/v1/mediaItems:search"),
    google.RENEW_URLS: Place("GET", LIBRARY, "/v1/mediaItems:batchGet"),
    DOWNLOAD: Place("GET", BYTES, "/.+"),
}

WRITES = frozenset(
    {
        nixplay.CREATE_ALBUM,
        nixplay.DELETE_ALBUM,
        nixplay.DELETE_PHOTO,
        nixplay.OPEN_RECEIVER,
        nixplay.PERMIT_UPLOAD,
        nixplay.STORE_BYTES,
        nixplay.CREATE_PLAYLIST,
        nixplay.DELETE_PLAYLIST,
        nixplay.ADD_ITEMS,
        nixplay.REMOVE_ITEM,
    }
)
"""What may change something at Nixplay; the only requests whose effect can be lost with their answer."""


def operation_of(method: str, host: str, path: str) -> Operation:
    """Return the kind of a request; raises LookupError for one that is in no table."""
    found = [operation for operation, place in PLACES.items() if place.matches(method, host, path)]
    if len(found) != 1:
        raise LookupError(f"{method} {host}{path} is of {len(found)} kinds")
    return found[0]

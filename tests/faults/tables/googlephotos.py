"""Requests to Google's Library API."""

from __future__ import annotations

from picsync.sources.google.library import api as google
from picsync.sources.google.library.source import DOWNLOAD
from picsync.vendors.google.refusals import REFRESH_TOKEN
from tests.faults.tables.table import Place, Table

LIBRARY = "photoslibrary.googleapis.com"
BYTES = "lh3.googleusercontent.com"

TABLE = Table(
    places={
        REFRESH_TOKEN: Place("POST", "oauth2.googleapis.com", "/token"),
        google.LIST_ALBUMS: Place("GET", LIBRARY, "/v1/albums"),
        google.LIST_SHARED_ALBUMS: Place("GET", LIBRARY, "/v1/sharedAlbums"),
        google.LOOK_AT_ALBUM: Place("GET", LIBRARY, "/v1/albums/[^/]+"),
        google.LIST_MEDIA_ITEMS: Place("POST", LIBRARY, "/v1/mediaItems:search"),
        google.RENEW_URLS: Place("GET", LIBRARY, "/v1/mediaItems:batchGet"),
        DOWNLOAD: Place("GET", BYTES, "/lr/.+"),
    },
    downloads=frozenset({DOWNLOAD}),
    unread=frozenset({DOWNLOAD}),
    unplayed=frozenset({google.LIST_ALBUMS, google.LIST_SHARED_ALBUMS}),
    swaps={
        REFRESH_TOKEN: (google.LOOK_AT_ALBUM,),
        google.LOOK_AT_ALBUM: (google.LIST_MEDIA_ITEMS, REFRESH_TOKEN),
        google.LIST_MEDIA_ITEMS: (google.LOOK_AT_ALBUM,),
        google.RENEW_URLS: (google.LIST_MEDIA_ITEMS,),
        DOWNLOAD: (google.LIST_MEDIA_ITEMS,),
    },
)

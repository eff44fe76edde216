"""Requests to an Immich server."""

from __future__ import annotations

from picsync.emulators.immich import HOST
from picsync.sources.immich import api as immich
from tests.faults.tables.table import Place, Table

ASSET = "/api/assets/[^/]+"

TABLE = Table(
    places={
        immich.READ_VERSION: Place("GET", HOST, "/api/server/version"),
        immich.READ_KEY: Place("GET", HOST, "/api/api-keys/me"),
        immich.LIST_ALBUMS: Place("GET", HOST, "/api/albums"),
        immich.LOOK_AT_ALBUM: Place("GET", HOST, "/api/albums/[^/]+"),
        immich.LIST_PEOPLE: Place("GET", HOST, "/api/people"),
        immich.LOOK_AT_PERSON: Place("GET", HOST, "/api/people/[^/]+"),
        immich.LIST_TAGS: Place("GET", HOST, "/api/tags"),
        immich.LOOK_AT_TAG: Place("GET", HOST, "/api/tags/[^/]+"),
        immich.OPEN_LINK: Place("GET", HOST, "/api/shared-links/me"),
        immich.LOG_IN_TO_LINK: Place("POST", HOST, "/api/shared-links/login"),
        immich.SEARCH: Place("POST", HOST, "/api/search/metadata"),
        immich.COUNT: Place("POST", HOST, "/api/search/statistics"),
        immich.LOOK_AT_TRASH: Place("GET", HOST, "/api/timeline/buckets"),
        immich.DOWNLOAD: Place("GET", HOST, f"{ASSET}/original"),
        immich.DOWNLOAD_CONVERSION: Place("GET", HOST, f"{ASSET}/(thumbnail|video/playback)"),
    },
    downloads=frozenset({immich.DOWNLOAD, immich.DOWNLOAD_CONVERSION}),
    unread=frozenset({immich.DOWNLOAD}),
    # A conversion takes the same way as an original, from another address; the trash is asked for only where
    # a link's search is refused.
    unplayed=frozenset({immich.READ_KEY, immich.LOOK_AT_TRASH, immich.DOWNLOAD_CONVERSION}),
    swaps={
        immich.READ_VERSION: (immich.COUNT,),
        immich.LIST_ALBUMS: (immich.LIST_TAGS,),
        immich.LOOK_AT_ALBUM: (immich.LOOK_AT_TAG, immich.LIST_ALBUMS),
        immich.LIST_PEOPLE: (immich.SEARCH,),
        immich.LOOK_AT_PERSON: (immich.LOOK_AT_ALBUM,),
        immich.LIST_TAGS: (immich.LIST_ALBUMS,),
        immich.LOOK_AT_TAG: (immich.LOOK_AT_ALBUM,),
        immich.OPEN_LINK: (immich.LOOK_AT_ALBUM,),
        immich.SEARCH: (immich.COUNT, immich.LIST_PEOPLE),
        immich.COUNT: (immich.SEARCH,),
        immich.DOWNLOAD: (immich.SEARCH,),
    },
)

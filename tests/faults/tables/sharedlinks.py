"""Requests for albums that are shared by link."""

from __future__ import annotations

from picsync.sources.google.links import client
from picsync.sources.google.links.source import DOWNLOAD
from tests.faults.tables.table import Place, Table

PAGES = "photos.google.com"

TABLE = Table(
    places={
        client.OPEN_SHORT_LINK: Place("GET", "photos.app.goo.gl", "/.+"),
        client.READ_ALBUM_PAGE: Place("GET", PAGES, "/share/.+"),
        client.READ_FURTHER_PAGE: Place("POST", PAGES, "/_/PhotosUi/data/batchexecute"),
        DOWNLOAD: Place("GET", "lh3.googleusercontent.com", "/pw/.+"),
    },
    downloads=frozenset({DOWNLOAD}),
    # Pages with JavaScript, and JSON behind a guard.
    unread=frozenset({client.OPEN_SHORT_LINK, client.READ_ALBUM_PAGE, client.READ_FURTHER_PAGE, DOWNLOAD}),
    swaps={
        client.READ_ALBUM_PAGE: (client.READ_FURTHER_PAGE,),
        client.READ_FURTHER_PAGE: (client.READ_ALBUM_PAGE,),
        DOWNLOAD: (client.READ_ALBUM_PAGE,),
    },
)

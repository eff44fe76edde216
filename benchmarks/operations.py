"""The name of each request: the same as in picsync's metrics, told from what the services see of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from picsync.emulators.requestlog import Record

GOOGLE_API = "photoslibrary.googleapis.com"
LINK, ALBUM_PAGE = "photos.app.goo.gl", "photos.google.com"
IMMICH = "immich.example"
MEDIA = "lh3.googleusercontent.com"
NIXPLAY_API = "api.nixplay.com"
BUCKET = "nixplay-prod-upload.s3.us-west-2.amazonaws.com"
MONITOR = "upload-monitor.nixplay.com"

_NAMES = [
    ("POST", "oauth2.googleapis.com", r"/token$", "refresh_token"),
    ("GET", GOOGLE_API, r"/v1/albums/[^/]+$", "look_at_album"),
    ("POST", GOOGLE_API, r"/v1/mediaItems:search$", "list_media_items"),
    ("GET", GOOGLE_API, r"/v1/mediaItems:batchGet$", "renew_urls"),
    ("GET", LINK, r"", "open_short_link"),
    ("GET", ALBUM_PAGE, r"^/share/", "read_album_page"),
    ("POST", ALBUM_PAGE, r"/batchexecute$", "read_further_page"),
    ("GET", IMMICH, r"/api/server/version$", "read_version"),
    ("GET", IMMICH, r"/api/albums$", "list_albums"),
    ("POST", IMMICH, r"/api/search/metadata$", "search"),
    ("POST", IMMICH, r"/api/search/statistics$", "count"),
    ("GET", IMMICH, r"/api/assets/[^/]+/original$", "download"),
    ("GET", MEDIA, r"", "download"),
    ("GET", "video-downloads.googleusercontent.com", r"", "download"),
    ("POST", NIXPLAY_API, r"/www-login/$", "login"),
    ("GET", NIXPLAY_API, r"/albums/web/json/$", "list_web_albums"),
    ("GET", NIXPLAY_API, r"/albums/email/json/$", "list_email_albums"),
    ("POST", NIXPLAY_API, r"/album/create/json/$", "create_album"),
    ("GET", NIXPLAY_API, r"/pictures/json/$", "list_photos"),
    ("POST", NIXPLAY_API, r"/picture/\d+/delete/json/$", "delete_photo"),
    ("POST", NIXPLAY_API, r"/v3/upload/receivers/?$", "open_receiver"),
    ("POST", NIXPLAY_API, r"/v3/photo/upload/?$", "permit_upload"),
    ("POST", BUCKET, r"^/$", "store_bytes"),
    ("GET", MONITOR, r"^/status$", "await_processing"),
    ("GET", NIXPLAY_API, r"/v3/playlists/?$", "list_playlists"),
    ("POST", NIXPLAY_API, r"/v3/playlists/?$", "create_playlist"),
    ("GET", NIXPLAY_API, r"/v3/playlists/\d+/slides/?$", "list_slides"),
    ("POST", NIXPLAY_API, r"/v3/playlists/\d+/items/?$", "add_items"),
    ("DELETE", NIXPLAY_API, r"/v3/playlists/\d+/items/?$", "remove_item"),
]

PAGES = ("list_media_items", "read_album_page", "read_further_page", "search", "list_photos", "list_slides")
"""Requests of which there are as many as a listing has pages."""


def operation(record: Record) -> str:
    """Return the name of a request; one that has none is named by method, host and path."""
    for method, host, path, name in _NAMES:
        if (record.method, record.host) == (method, host) and re.search(path, record.path):
            return name
    return f"{record.method} {record.host}{record.path}"


def counted(records: Iterable[Record]) -> dict[str, int]:
    """Return name -> number of requests, the most frequent first."""
    return dict(Counter(map(operation, records)).most_common())

"""Emulated Nixplay: REST API, upload monitor and S3 buckets, with their peculiarities.

Nixplay's API is undocumented. The emulated behaviour was observed by clients of the real service; unknown
behaviour is an option (`NixplayOptions`).
"""

from picsync.emulators.nixplay.hosts import API, APP, HOSTS, MONITOR, ORIGINALS, UPLOADS
from picsync.emulators.nixplay.options import (
    Answer,
    Emoji,
    ExpiredSession,
    GonePhoto,
    ListingOrder,
    NixplayOptions,
    OnFrames,
    OverLimit,
    RateLimit,
    StorageRefusal,
)
from picsync.emulators.nixplay.service import Nixplay, Observer
from picsync.emulators.nixplay.state import Account, Album, Foreign, Frame, Photo, Playlist, PlaylistItem

__all__ = [
    "API",
    "APP",
    "HOSTS",
    "MONITOR",
    "ORIGINALS",
    "UPLOADS",
    "Account",
    "Album",
    "Answer",
    "Emoji",
    "ExpiredSession",
    "Foreign",
    "Frame",
    "GonePhoto",
    "ListingOrder",
    "Nixplay",
    "NixplayOptions",
    "Observer",
    "OnFrames",
    "OverLimit",
    "Photo",
    "Playlist",
    "PlaylistItem",
    "RateLimit",
    "StorageRefusal",
]

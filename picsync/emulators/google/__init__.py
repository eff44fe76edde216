"""Emulated Google Photos: OAuth, the Library API, albums shared by link and the hosts of the bytes.

Not emulated: sharing through the API, the Ambient API (it reports that it is not enabled), the removal of the
location from downloads, Google's recompression, and the decoding of HEIC and videos (scaled pictures of them
are grey). The day of a quota is the clock's, in UTC.
"""

from picsync.emulators.google.content import generated_jpeg
from picsync.emulators.google.library import Album, Item
from picsync.emulators.google.options import Era, GoogleOptions
from picsync.emulators.google.service import GooglePhotos
from picsync.emulators.google.sharing.albums import SharedAlbum
from picsync.emulators.google.sharingoptions import Consent, Scripts, SharingOptions, Unshared

__all__ = [
    "Album",
    "Consent",
    "Era",
    "GoogleOptions",
    "GooglePhotos",
    "Item",
    "Scripts",
    "SharedAlbum",
    "SharingOptions",
    "Unshared",
    "generated_jpeg",
]

"""An emulated Immich server of the versions 2.7, 3.0, 3.2 and 3.3, and of a future one.

Emulated are albums, people, tags, favourites, memories, shared links, the metadata search in both of its
forms, the original, the edited picture, previews and videos, and the server's information about itself. Not
emulated: user logins, uploads, smart search, the timeline's assets and the mobile app's calls, and the
decoding of HEIC, RAW and videos (pictures of them are grey).
"""

from picsync.emulators.immich.errors import ImmichError
from picsync.emulators.immich.library import Album, ApiKey, Asset, Person, SharedLink, Tag
from picsync.emulators.immich.options import FUTURE, V2_7, V3_0, V3_2, V3_3, Future, ImmichOptions
from picsync.emulators.immich.service import HOST, Immich

__all__ = [
    "FUTURE",
    "HOST",
    "V2_7",
    "V3_0",
    "V3_2",
    "V3_3",
    "Album",
    "ApiKey",
    "Asset",
    "Future",
    "Immich",
    "ImmichError",
    "ImmichOptions",
    "Person",
    "SharedLink",
    "Tag",
]

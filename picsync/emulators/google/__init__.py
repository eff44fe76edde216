"""Google Photos, emulated: OAuth, the Library API and the hosts of the bytes.

Not emulated: sharing, enrichments, the Picker and Ambient APIs (they answer that they are not enabled),
the removal of the location from downloads, Google's recompression, and the decoding of HEIC and videos
(scaled pictures of them are grey). The day of a quota is the clock's, in UTC.
"""

from picsync.emulators.google.content import generated_jpeg
from picsync.emulators.google.library import Album, Item
from picsync.emulators.google.options import Era, GoogleOptions
from picsync.emulators.google.service import GooglePhotos

__all__ = ["Album", "Era", "GoogleOptions", "GooglePhotos", "Item", "generated_jpeg"]

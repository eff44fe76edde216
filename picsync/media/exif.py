"""When a camera took a picture, as it says in the file: the four tags of Exif that tell, and nothing else.

Read here, in two short tables of known size, since it is strangers' bytes that are read: the libraries for it
walk through everything that a file says there is, and a damaged or hostile one sends them round in circles.
The layout is that of TIFF 6.0; the tags are those of Exif 2.32 (CIPA DC-008).
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

from picsync.media import tiff

_HEADER = b"Exif\0\0"
_EXIF_IFD = 0x8769
_TIMES = ((0x9003, 0x9011), (0x9004, 0x9012))
"""Tags of the time and of its offset from UTC: of the exposure, and of the moment when it was stored."""


def taken_at_s(head: bytes) -> float | None:
    """Return seconds since 1970 from a file's first bytes; None if they do not say.

    Without an offset it is in the time zone of the machine, which is near enough to tell new from old.
    """
    # A TIFF begins with the block itself; in JPEG, HEIC, PNG and WebP it stands behind this word.
    block = head if head[:4] in tiff.BYTE_ORDERS else head.partition(_HEADER)[2]
    first = next(tiff.directories(io.BytesIO(block)), None)
    exif = first.inner(_EXIF_IFD) if first else None
    found = next((pair for pair in _TIMES if exif and pair[0] in exif), None)
    if exif is None or found is None:
        return None
    time, offset = found
    try:
        taken = datetime.strptime(exif.text(time), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        return taken.replace(tzinfo=_zone(exif.text(offset))).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _zone(offset: str) -> timezone | None:
    """Return the zone of an offset such as `+02:00`; None for what is none."""
    sign, hours, minutes = offset[:1], offset[1:3], offset[4:6]
    if sign not in ("+", "-") or not (hours.isdecimal() and minutes.isdecimal()):
        return None
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-away if sign == "-" else away)

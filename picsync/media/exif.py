"""Reads the capture time of a picture from four Exif tags.

Implemented here with two short tables of known size, since the bytes are untrusted: libraries read everything
that a file claims to contain, and damaged or hostile files can trap them in endless loops. The layout is that
of TIFF 6.0; the tags are those of Exif 2.32 (CIPA DC-008).
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

from picsync.media import tiff

_HEADER = b"Exif\0\0"
_EXIF_IFD = 0x8769
_TIMES = ((0x9003, 0x9011), (0x9004, 0x9012))
"""Tags of a time and its UTC offset: of the exposure, and of its storage."""


def taken_at_s(head: bytes) -> float | None:
    """Return seconds since 1970 from a file's first bytes; None if they contain no time.

    Without an offset, the machine's time zone is assumed, which is sufficient for sorting by age.
    """
    # A TIFF begins with the block itself; in JPEG, HEIC, PNG and WebP it follows this word.
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
    """Return the zone of an offset such as `+02:00`; None if it is invalid."""
    sign, hours, minutes = offset[:1], offset[1:3], offset[4:6]
    if sign not in ("+", "-") or not (hours.isdecimal() and minutes.isdecimal()):
        return None
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-away if sign == "-" else away)

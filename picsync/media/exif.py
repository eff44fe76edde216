"""When a camera took a picture, as it says in the file: the four tags of Exif that tell, and nothing else.

Read here, in two short tables of known size, since it is strangers' bytes that are read: the libraries for it
walk through everything that a file says there is, and a damaged or hostile one sends them round in circles.
The layout is that of TIFF 6.0; the tags are those of Exif 2.32 (CIPA DC-008).
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone

_HEADER = b"Exif\0\0"
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_EXIF_IFD = 0x8769
_TIMES = ((0x9003, 0x9011), (0x9004, 0x9012))
"""Tags of the time and of its offset from UTC: of the exposure, and of the moment when it was stored."""
_ENTRY_BYTES = 12
_LONGEST_TEXT = 40


def taken_at_s(head: bytes) -> float | None:
    """Return seconds since 1970 from a file's first bytes; None if they do not say.

    Without an offset it is in the time zone of the machine, which is near enough to tell new from old.
    """
    # A TIFF begins with the block itself; in JPEG, HEIC, PNG and WebP it stands behind this word.
    block = head if head[:4] in _BYTE_ORDERS else head.partition(_HEADER)[2]
    order = _BYTE_ORDERS.get(block[:4])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}I", block, 4)
        (exif,) = struct.unpack_from(f"{order}I", block, _entries(block, order, first)[_EXIF_IFD] + 8)
        found = _entries(block, order, exif)
        time, offset = next(pair for pair in _TIMES if pair[0] in found)
        taken = datetime.strptime(_text(block, order, found[time]), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
        zone = _zone(_text(block, order, found[offset])) if offset in found else None
        return taken.replace(tzinfo=zone).timestamp()
    except (struct.error, KeyError, StopIteration, ValueError, OverflowError, OSError):
        return None


def _entries(block: bytes, order: str, at: int) -> dict[int, int]:
    """Return where the entries of the directory at an offset are, by tag."""
    (count,) = struct.unpack_from(f"{order}H", block, at)
    begin, room = at + 2, (len(block) - at - 2) // _ENTRY_BYTES
    places = range(begin, begin + min(count, room) * _ENTRY_BYTES, _ENTRY_BYTES)
    return {struct.unpack_from(f"{order}H", block, place)[0]: place for place in places}


def _text(block: bytes, order: str, entry: int) -> str:
    length, at = struct.unpack_from(f"{order}II", block, entry + 4)
    length = min(length, _LONGEST_TEXT)
    at = entry + 8 if length <= 4 else at
    return block[at : at + length].split(b"\0")[0].decode("ascii").strip()


def _zone(offset: str) -> timezone | None:
    """Return the zone of an offset such as `+02:00`; None for what is none."""
    sign, hours, minutes = offset[:1], offset[1:3], offset[4:6]
    if sign not in ("+", "-") or not (hours.isdecimal() and minutes.isdecimal()):
        return None
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-away if sign == "-" else away)

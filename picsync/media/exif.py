"""Reads a few Exif tags of a picture, and writes the ones to keep.

Implemented here with two short tables of known size, since the bytes are untrusted: libraries read everything
that a file claims to contain, and damaged or hostile files can trap them in endless loops. The layout is that
of TIFF 6.0; the tags are those of Exif 2.32 (CIPA DC-008).
"""

from __future__ import annotations

import io
import re
import struct
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import BinaryIO, TypeAlias

from picsync.media import tiff

_HEADER = b"Exif\0\0"
_EXIF_IFD = 0x8769
_TIMES = ((0x9003, 0x9011), (0x9004, 0x9012))
"""Tags of a time and its UTC offset: of the exposure, and of its storage."""
_SUB_SECONDS = {0x9003: 0x9291, 0x9004: 0x9292}
_DESCRIPTION, _ORIENTATION = 0x010E, 0x0112
_GPS_IFD, _INTEROPERABILITY_IFD = 0x8825, 0xA005
_INTEROPERABILITY = 1
_ADOBE_RGB = "R03"
"""Cameras that follow DCF mark Adobe RGB so; they embed no profile."""
_LATITUDE, _LONGITUDE = 2, 4
_POSITION = (0, 1, _LATITUDE, 3, _LONGITUDE, 5, 6)
"""GPS tags that are kept with a position: version, latitude, longitude, altitude."""
_MAX_DESCRIPTION_BYTES = 4_000
_OF_CAMERAS = re.compile(
    r"(?:[A-Z ]*DIGITAL CAMERA|SONY DSC|SAMSUNG|Exif_JPEG_PICTURE|DCIM.*)", re.IGNORECASE
)
"""Descriptions that cameras write by themselves."""
_TEXT, _LONG = 2, 4


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


Block: TypeAlias = bytes | BinaryIO
"""A TIFF structure; a TIFF file is one as a whole."""


def _first(block: Block) -> tiff.Directory | None:
    return next(tiff.directories(io.BytesIO(block) if isinstance(block, bytes) else block), None)


def orientation(block: Block) -> int:
    """Return how a picture is turned, 1 to 8, by its TIFF structure; 1 if that says nothing valid."""
    first = _first(block)
    found = first.integers(_ORIENTATION, 1) if first else ()
    return found[0] if found and 1 <= found[0] <= 8 else 1


def is_adobe_rgb(block: Block) -> bool:
    """Whether a camera says that colours without a profile are Adobe RGB."""
    first = _first(block)
    inner = first.inner(_EXIF_IFD) if first else None
    directory = inner.inner(_INTEROPERABILITY_IFD) if inner else None
    return directory is not None and directory.text(_INTEROPERABILITY) == _ADOBE_RGB


def has_position(block: Block) -> bool:
    """Whether the TIFF structure tells where the picture was taken, or may do so."""
    first = _first(block)
    if first is None or _GPS_IFD not in first:
        return False
    gps = first.inner(_GPS_IFD)
    # A directory that cannot be read here may be readable for others.
    return gps is None or _LATITUDE in gps or _LONGITUDE in gps


def description(block: Block) -> str:
    """Return the description; empty if there is none, or if it is only the camera's name for itself."""
    first = _first(block)
    data = first.content(_DESCRIPTION, _MAX_DESCRIPTION_BYTES)[2].split(b"\0")[0] if first else b""
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        text = data.decode("latin-1").strip()
    return "" if _OF_CAMERAS.fullmatch(text) else text


def local_time(block: Block) -> datetime | None:
    """Return when the picture was taken, by the clock of the place where that was; None if unknown."""
    first = _first(block)
    return _local_time(first.inner(_EXIF_IFD) if first else None)


def false_time(block: Block) -> str:
    """Return what stands there instead of a time taken, such as 0000:00:00; empty if there is nothing.

    A field of blanks stands for a time that is not known, as Exif says.
    """
    first = _first(block)
    inner = first.inner(_EXIF_IFD) if first else None
    if inner is None or _local_time(inner) is not None:
        return ""
    texts = (inner.text(tag).strip() for tag, _ in _TIMES)
    return next((text for text in texts if text.strip(": ")), "")


def local_time_of_directory(block: Block) -> datetime | None:
    """Return the same for a TIFF structure whose first directory is the one with the Exif tags."""
    return _local_time(_first(block))


def _local_time(exif: tiff.Directory | None) -> datetime | None:
    for time, _ in _TIMES if exif else ():
        with suppress(ValueError):
            return datetime.strptime(exif.text(time) if exif else "", "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    return None


def position(block: Block) -> tuple[float, float] | None:
    """Return latitude and longitude in degrees, positive in the north and the east; None if unknown."""
    first = _first(block)
    gps = first.inner(_GPS_IFD) if first else None
    if first is None or gps is None:
        return None
    found = [_degrees(gps.content(tag, 24)[2], first.order) for tag in (_LATITUDE, _LONGITUDE)]
    latitude, longitude = found
    if latitude is None or longitude is None or latitude > 90 or longitude > 180:
        return None
    south, west = gps.text(_LATITUDE - 1).upper() == "S", gps.text(_LONGITUDE - 1).upper() == "W"
    if (latitude, longitude) == (0, 0):
        return None  # What cameras write that have not found their satellites.
    return -latitude if south else latitude, -longitude if west else longitude


def _degrees(data: bytes, order: str) -> float | None:
    """Return degrees, minutes and seconds, each a fraction, as degrees."""
    if len(data) != 24:
        return None
    numbers: tuple[int, ...] = struct.unpack(f"{order}6I", data)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if any(not below for _, below in pairs[:1]):
        return None
    return sum(
        above / (below or 1) / scale for (above, below), scale in zip(pairs, (1, 60, 3600), strict=True)
    )


def kept(block: Block, *, location: bool) -> bytes:
    """Return a TIFF structure with only the time taken and the description; empty if there is neither.

    With `location`, the position is kept too. Times such as 0000:00:00 are dropped.
    """
    first = _first(block)
    if first is None:
        return b""
    entries: dict[int, tuple[int, int, bytes]] = {}
    _, count, description = first.content(_DESCRIPTION, _MAX_DESCRIPTION_BYTES)
    if count and (text := description.split(b"\0")[0].strip()):
        entries[_DESCRIPTION] = (_TEXT, len(text) + 1, text + b"\0")
    inner = _times(first.inner(_EXIF_IFD))
    gps = _gps(first.inner(_GPS_IFD)) if location else {}
    return _written(entries, {_EXIF_IFD: inner, _GPS_IFD: gps}, first.order)


def joined(first: bytes, inner: bytes, gps: bytes) -> bytes:
    """Return one TIFF structure for three with one directory each: the first one, Exif's, and that of GPS.

    It has only what picsync reads: orientation, description, time and position. Empty without the first.
    """
    directory, position = _first(first), _first(gps)
    if directory is None:
        return b""
    found = {tag: directory.content(tag, _MAX_DESCRIPTION_BYTES) for tag in (_DESCRIPTION, _ORIENTATION)}
    entries = {tag: entry for tag, entry in found.items() if entry[1]}
    if position is not None and position.order != directory.order:
        position = None
    return _written(entries, {_EXIF_IFD: _times(_first(inner)), _GPS_IFD: _gps(position)}, directory.order)


def _times(exif: tiff.Directory | None) -> dict[int, tuple[int, int, bytes]]:
    """Return the time of the exposure, or that of its storage in its place, with offset and fraction."""
    for time, offset in _TIMES if exif else ():
        with suppress(ValueError):
            text = exif.text(time) if exif else ""
            datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - only whether it is valid
            zone, fraction = (exif.text(offset), exif.text(_SUB_SECONDS[time])) if exif else ("", "")
            found = {0x9003: text}
            found |= {0x9011: zone} if _zone(zone) else {}
            found |= {0x9291: fraction} if fraction.isdecimal() and fraction.isascii() else {}
            return {
                tag: (_TEXT, len(each) + 1, each.encode("ascii", "replace") + b"\0")
                for tag, each in found.items()
            }
    return {}


def _gps(gps: tiff.Directory | None) -> dict[int, tuple[int, int, bytes]]:
    if gps is None or _LATITUDE not in gps or _LONGITUDE not in gps:
        return {}
    found = {tag: gps.content(tag, 64) for tag in _POSITION}
    return {tag: entry for tag, entry in found.items() if entry[1]}


def _written(
    entries: dict[int, tuple[int, int, bytes]],
    inner: dict[int, dict[int, tuple[int, int, bytes]]],
    order: str,
) -> bytes:
    """Return a TIFF structure of a directory and those inside it; empty if there is nothing in them."""
    inner = {tag: directory for tag, directory in inner.items() if directory}
    if not entries and not inner:
        return b""
    pointers = {tag: (_LONG, 1, bytes(4)) for tag in inner}
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    at = 8 + len(tiff.directory({**entries, **pointers}, order, 8))
    behind = b""
    for tag, directory in inner.items():
        pointers[tag] = (_LONG, 1, struct.pack(f"{order}I", at + len(behind)))
        behind += tiff.directory(directory, order, at + len(behind))
    return head + tiff.directory({**entries, **pointers}, order, 8) + behind

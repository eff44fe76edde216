"""Reads the number of pixels of a picture from its header, without decoding it.

A few hundred bytes can claim a picture of billions of pixels, and decoding it would exhaust the memory. The
header alone shows that. The size of a damaged picture, or of an unknown format, is unknown. Whatever a file
contains, at most `_MAX_STEPS` parts of it are read, and nothing but OSError is raised.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from picsync.media import tiff
from picsync.media.boxes import MAX_BOXES, boxes

_MAX_STEPS = 2_000
"""Maximum number of segments to read; a camera's picture has a few dozen."""

_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers: those that contain the size, and those without a length."""

_CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0}
"""HEIF boxes on the path to the sizes, with the number of bytes before their first inner box."""


def pixel_count(file: BinaryIO, mime_type: str) -> int | None:
    """Return width times height of a picture, None if unknown; moves the file's position.

    For HEIF and AVIF, which may contain several pictures, that of the largest. Raises OSError.
    """
    size = pixel_size(file, mime_type)
    return None if size is None else size[0] * size[1]


def pixel_size(file: BinaryIO, mime_type: str) -> tuple[int, int] | None:
    """Return width and height as stored, None if unknown; like `pixel_count` otherwise."""
    read = _READERS.get(mime_type)
    if read is None:
        return None
    try:
        return read(file)
    except (struct.error, OverflowError, ValueError):
        return None  # It ends inside its own header, or points outside of the file.


def _at(file: BinaryIO, offset: int, form: str) -> tuple[int, ...]:
    file.seek(offset)
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _png(file: BinaryIO) -> tuple[int, int]:
    width, height = _at(file, 16, ">II")
    return width, height


def _gif(file: BinaryIO) -> tuple[int, int]:
    width, height = _at(file, 6, "<HH")
    return width, height


def _bmp(file: BinaryIO) -> tuple[int, int]:
    (header_size,) = _at(file, 14, "<I")
    width, height = _at(file, 18, "<HH" if header_size == 12 else "<ii")
    return abs(width), abs(height)


def _webp(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(12)
    match file.read(4):
        case b"VP8X":
            a, b, c, d, e, f = _at(file, 24, "6B")
            return (a | b << 8 | c << 16) + 1, (d | e << 8 | f << 16) + 1
        case b"VP8L":
            (bits,) = _at(file, 21, "<I")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = _at(file, 26, "<HH")
            return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(file: BinaryIO) -> tuple[int, int] | None:
    offset = 2
    for _ in range(_MAX_STEPS):
        start, marker = _at(file, offset, "BB")
        if start != 0xFF:
            return None
        if marker == 0xFF:  # Fill bytes may stand before a marker.
            offset += 1
        elif marker in _ALONE:
            offset += 2
        elif marker in _SOF:
            height, width = _at(file, offset + 5, ">HH")
            return width, height
        elif marker in (0xD9, 0xDA):
            return None
        else:
            (length,) = _at(file, offset + 2, ">H")
            offset += 2 + max(length, 2)
    return None


def _tiff(file: BinaryIO) -> tuple[int, int] | None:
    return tiff.size(file)


def _heif(file: BinaryIO) -> tuple[int, int] | None:
    pending = [iter(boxes(file, 0, file.seek(0, io.SEEK_END)))]
    largest: tuple[int, int] | None = None
    for _ in range(MAX_BOXES):
        while pending and (box := next(pending[-1], None)) is None:
            pending.pop()
        if not pending or box is None:
            break
        if box.kind in _CONTAINERS:
            pending.append(boxes(file, box.body + _CONTAINERS[box.kind], box.end))
        elif box.kind == b"ispe":
            width, height = _at(file, box.body + 4, ">II")
            if largest is None or width * height > largest[0] * largest[1]:
                largest = width, height
    return largest


_READERS = {
    "image/png": _png,
    "image/gif": _gif,
    "image/bmp": _bmp,
    "image/webp": _webp,
    "image/jpeg": _jpeg,
    "image/tiff": _tiff,
    "image/heic": _heif,
    "image/heif": _heif,
    "image/avif": _heif,
}

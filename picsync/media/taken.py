"""Finds in a picture or video when it was taken.

Pictures: the Exif of JPEG, HEIF, PNG, WebP, TIFF and of cameras' raw formats. Videos: Apple's creation date,
or that of `udta`, which have the time on the camera's clock, and otherwise the creation time of the movie
(ISO/IEC 14496-12, `mvhd`), which is UTC. The bytes are untrusted: a bounded number of them is read, and
nothing but what the file itself raises is raised.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from picsync.media import exif, tiff
from picsync.media.boxes import Box, boxes

_EXIF = b"Exif\0\0"
_MAX_SEGMENTS = 200
_MAX_DURATION_S = 100 * 3600.0
_MAX_EXIF_BYTES = 1 << 17
"""A segment of a JPEG file has at most half of it."""
_MAX_META_BYTES = 1 << 22
_MAX_TEXT_BYTES = 64
_FULL = 4
"""Bytes of version and flags."""
_MAC_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_UNSET = datetime(1970, 1, 2, tzinfo=UTC)
"""Earlier creation times are those of cameras without a clock."""
_CREATION_DATE = b"com.apple.quicktime.creationdate"
_OTHER_TIFF = {b"IIRO": b"II*\0", b"IIRS": b"II*\0", b"MMOR": b"MM\0*", b"IIU\0": b"II*\0"}
"""How raw files of Olympus and Panasonic begin, which otherwise are TIFF files."""
_RAF = b"FUJIFILMCCD-RAW"
_RAF_PICTURE = 84
"""Offset of the offset of the JPEG picture that has the metadata."""
_CANON_EXIF = b"CMT2"


def taken(file: BinaryIO) -> datetime | None:
    """Return when a picture or video was taken; None if it does not say.

    Without a zone, it is the time on the camera's clock; with one, an instant in UTC.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(min(size, 32))
    try:
        return _taken(file, head, size)
    except (struct.error, ValueError, OverflowError, IndexError, KeyError, StopIteration):
        return None


def _taken(file: BinaryIO, head: bytes, size: int) -> datetime | None:
    if head.startswith(b"\xff\xd8\xff"):
        return _in_jpeg(file, 0, size)
    if head[:4] in tiff.BYTE_ORDERS:
        return exif.local_time(file)
    if head[:4] in _OTHER_TIFF:
        file.seek(0)
        return exif.local_time(_OTHER_TIFF[head[:4]] + file.read(_MAX_EXIF_BYTES)[4:])
    if head.startswith(_RAF):
        file.seek(_RAF_PICTURE)
        return _in_jpeg(file, int.from_bytes(file.read(4)), size)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _in_chunks(file, 8, size, b"eXIf", b"IDAT")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _in_riff(file, size)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return _in_boxes(file, size)
    return None


def _in_jpeg(file: BinaryIO, start: int, size: int) -> datetime | None:
    at = start + 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(at)
        marker = file.read(min(10, max(0, size - at)))
        if len(marker) < 4 or marker[0] != 0xFF or marker[1] in (0xDA, 0xD9):
            return None
        if marker[1] == 0xFF:
            at += 1
            continue
        length = int.from_bytes(marker[2:4])
        if marker[1] == 0xE1 and marker[4:10] == _EXIF:
            file.seek(at + 10)
            if (found := exif.local_time(file.read(max(0, length - 8)))) is not None:
                return found
        at += 2 + length
    return None


def _in_chunks(file: BinaryIO, at: int, size: int, wanted: bytes, last: bytes) -> datetime | None:
    for _ in range(_MAX_SEGMENTS):
        file.seek(at)
        head = file.read(min(8, max(0, size - at)))
        if len(head) < 8 or head[4:] == last:
            return None
        length = int.from_bytes(head[:4])
        if head[4:] == wanted:
            return exif.local_time(file.read(min(length, _MAX_EXIF_BYTES)))
        at += 12 + length
    return None


def _in_riff(file: BinaryIO, size: int) -> datetime | None:
    at = 12
    for _ in range(_MAX_SEGMENTS):
        file.seek(at)
        head = file.read(min(8, max(0, size - at)))
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"EXIF":
            return exif.local_time(file.read(min(length, _MAX_EXIF_BYTES)).removeprefix(_EXIF))
        at += 8 + length + length % 2
    return None


# --- boxes --------------------------------------------------------------------------------------------


def _in_boxes(file: BinaryIO, size: int) -> datetime | None:
    for box in boxes(file, 0, size):
        if box.kind == b"meta":
            return _in_heif(file, box, size)
        if box.kind == b"moov":
            return _in_movie(file, box, min(box.end, size))
    return None


def _in_heif(file: BinaryIO, meta: Box, size: int) -> datetime | None:
    """Return the time in the Exif item of a HEIF file (ISO/IEC 23008-12, annex A)."""
    file.seek(meta.body)
    data = file.read(min(meta.end, size, meta.body + _MAX_META_BYTES) - meta.body)
    inside = io.BytesIO(data)
    parts = {box.kind: box for box in boxes(inside, _FULL, len(data))}
    item = _exif_item(data, inside, parts[b"iinf"])
    start, length = _extent(data, parts, item)
    if b"idat" in parts and start < 0:
        block = data[parts[b"idat"].body - start - 1 :][:length]
    else:
        file.seek(start)
        block = file.read(min(length, _MAX_EXIF_BYTES))
    # It begins with the number of bytes before the TIFF structure.
    before = int.from_bytes(block[:4])
    return exif.local_time(block[4 + before :])


def _exif_item(data: bytes, inside: BinaryIO, table: Box) -> int:
    first = table.body + _FULL + (2 if data[table.body] == 0 else 4)
    for entry in boxes(inside, first, table.end):
        width = 4 if data[entry.body] == 3 else 2
        if data[entry.body + _FULL + width + 2 :][:4] == b"Exif":
            return _number(data, entry.body + _FULL, width)
    raise ValueError("no Exif")


def _extent(data: bytes, parts: dict[bytes, Box], item: int) -> tuple[int, int]:
    """Return offset and length of an item; an offset in `idat` is returned as -1 minus it."""
    table = parts[b"iloc"]
    version, sizes = data[table.body], _number(data, table.body + _FULL, 2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    width = 4 if version == 2 else 2
    at = table.body + _FULL + 2
    count = _number(data, at, width)
    at += width
    for _ in range(count):
        found = _number(data, at, width)
        at += width
        method = 0
        if version:
            method = _number(data, at, 2) & 15
            at += 2
        base = _number(data, at + 2, base_size)
        at += 2 + base_size
        extents = _number(data, at, 2)
        at += 2
        if found == item:
            at += index_size
            start = base + _number(data, at, offset_size)
            length = _number(data, at + offset_size, length_size)
            return (-1 - start if method == 1 else start), length
        at += extents * (index_size + offset_size + length_size)
    raise ValueError("no place")


def _number(data: bytes, at: int, width: int) -> int:
    if at + width > len(data):
        raise ValueError("beyond the end")
    return int.from_bytes(data[at : at + width])


def _in_movie(file: BinaryIO, movie: Box, stop: int) -> datetime | None:
    created = None
    for box in boxes(file, movie.body, stop):
        found = None
        if box.kind == b"mvhd":
            created = _creation_time(file, box)
        elif box.kind == b"meta":
            found = _apple_date(file, box)
        elif box.kind == b"udta":
            found = _user_date(file, box)
        elif box.kind == b"uuid":
            found = _canon_date(file, box)
        if found is not None:
            return found
    return created


def duration_s(file: BinaryIO) -> float | None:
    """Return how long an MP4 or QuickTime file lasts, in seconds; None if it does not say."""
    stop = file.seek(0, io.SEEK_END)
    for movie in boxes(file, 0, stop):
        for box in boxes(file, movie.body, min(movie.end, stop)) if movie.kind == b"moov" else ():
            if box.kind == b"mvhd":
                file.seek(box.body)
                head = file.read(32)
                long = head[:1] == b"\1"
                scale = int.from_bytes(head[20:24] if long else head[12:16])
                units = int.from_bytes(head[24:32] if long else head[16:20])
                seconds = units / scale if scale else 0.0
                return seconds if 0 < seconds < _MAX_DURATION_S else None
    return None


def _creation_time(file: BinaryIO, box: Box) -> datetime | None:
    file.seek(box.body)
    head = file.read(12)
    seconds = int.from_bytes(head[4:12] if head[:1] == b"\1" else head[4:8])
    moment = _MAC_EPOCH + timedelta(seconds=seconds)
    return moment if moment >= _UNSET else None


def _apple_date(file: BinaryIO, box: Box) -> datetime | None:
    file.seek(box.body)
    # QuickTime's box has neither version nor flags.
    start = box.body if file.read(8)[4:] == b"hdlr" else box.body + _FULL
    parts = {inner.kind: inner for inner in boxes(file, start, box.end)}
    if b"keys" not in parts or b"ilst" not in parts:
        return None
    keys = boxes(file, parts[b"keys"].body + 8, parts[b"keys"].end)
    for number, key in enumerate(keys, 1):
        file.seek(key.body)
        if file.read(min(key.end - key.body, len(_CREATION_DATE) + 1)) == _CREATION_DATE:
            return _apple_value(file, parts[b"ilst"], number.to_bytes(4))
    return None


def _apple_value(file: BinaryIO, values: Box, number: bytes) -> datetime | None:
    for value in boxes(file, values.body, values.end):
        if value.kind != number:
            continue
        for inner in boxes(file, value.body, value.end):
            if inner.kind == b"data":
                file.seek(inner.body + 8)
                return _iso(file.read(max(0, min(inner.end - inner.body - 8, _MAX_TEXT_BYTES))))
    return None


def _user_date(file: BinaryIO, box: Box) -> datetime | None:
    for inner in boxes(file, box.body, box.end):
        if inner.kind == b"\xa9day":
            file.seek(inner.body + 4)
            return _iso(file.read(max(0, min(inner.end - inner.body - 4, _MAX_TEXT_BYTES))))
    return None


def _canon_date(file: BinaryIO, box: Box) -> datetime | None:
    for inner in boxes(file, box.body + 16, box.end):
        if inner.kind == _CANON_EXIF:
            file.seek(inner.body)
            block = file.read(min(inner.end - inner.body, _MAX_EXIF_BYTES))
            return exif.local_time_of_directory(block)
    return None


def _iso(text: bytes) -> datetime | None:
    """Return the time of an ISO 8601 text with a time: in UTC if it ends in `Z`, else by its own clock."""
    with suppress(ValueError, UnicodeDecodeError):
        written = text.decode("ascii").strip("\0 ")
        if len(written) >= 19:
            found = datetime.fromisoformat(written)
            return found if written.endswith("Z") else found.replace(tzinfo=None)
    return None

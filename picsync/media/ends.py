"""Detects truncated pictures and videos by their structure, without decoding them.

A truncated picture is shown with a grey lower half, or not at all. If the structure does not tell, the file
counts as complete: frames show many files that are not quite valid.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from picsync.media import tiff
from picsync.media.boxes import MAX_BOXES, boxes

_MAX_SEGMENTS = 2_000
_BLOCK_BYTES = 256 * 1024
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length."""
_PNG_END = b"IEND\xaeB`\x82"
"""Type of the last chunk, and its checksum."""
_FILLED = frozenset({b"mdat", b"moov", b"moof", b"meta"})
"""Boxes that must be complete; others, such as padding, may claim more than there is."""


def is_truncated(file: BinaryIO, mime_type: str) -> bool:
    """Whether a file certainly ends too early; moves its position. Raises OSError."""
    check = _CHECKS.get(mime_type)
    return check is not None and check(file, file.seek(0, io.SEEK_END))


def _jpeg(file: BinaryIO, size: int) -> bool:
    """Whether no end of image follows the first scan; thumbnails before it have their own."""
    offset = 2
    for _ in range(_MAX_SEGMENTS):
        file.seek(offset)
        head = file.read(4)
        if len(head) < 4 or head[1] == 0xD9:
            return True
        if head[0] != 0xFF:
            # Decoders skip anything between segments, up to the next marker.
            offset = find(file, b"\xff", offset, size)
            if offset < 0:
                return True
        elif head[1] == 0xFF:  # Fill bytes may stand before a marker.
            offset += 1
        elif head[1] in _ALONE:
            offset += 2
        else:
            after = offset + 2 + max(int.from_bytes(head[2:]), 2)
            if head[1] == 0xDA:
                return find(file, b"\xff\xd9", after, size) < 0
            offset = after
    return False


def _png(file: BinaryIO, size: int) -> bool:
    # Almost always it is at the end; then only one block is read.
    tail = max(0, size - _BLOCK_BYTES)
    return find(file, _PNG_END, tail, size) < 0 and find(file, _PNG_END, 0, size) < 0


def _webp(file: BinaryIO, size: int) -> bool:
    file.seek(4)
    return 8 + int.from_bytes(file.read(4), "little") > size


def _tiff(file: BinaryIO, size: int) -> bool:
    end = tiff.ends_at(file)
    return end is None or end > size


def _heif(file: BinaryIO, size: int) -> bool:
    return _is_short(file, size, {b"meta", b"mdat"})


def _movie(file: BinaryIO, size: int) -> bool:
    """Whether the index, which most cameras write last, or some of the data is missing."""
    return _is_short(file, size, {b"moov", b"mdat"})


def _is_short(file: BinaryIO, size: int, needed: set[bytes]) -> bool:
    found = list(boxes(file, 0, size))
    if any(box.kind in _FILLED and box.end > size for box in found):
        return True
    # If a file has more boxes than are read, nothing can be concluded.
    return not needed <= {box.kind for box in found} and len(found) < MAX_BOXES


def find(file: BinaryIO, what: bytes, start: int, stop: int) -> int:
    """Return the offset of `what` between two offsets; -1 if it does not occur."""
    kept = b""
    while start < stop:
        file.seek(start)
        block = file.read(_BLOCK_BYTES)
        if not block:
            break
        place = (kept + block).find(what)
        if place >= 0:
            return start - len(kept) + place
        start += len(block)
        kept = block[1 - len(what) :] if len(what) > 1 else b""
    return -1


_CHECKS = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "image/tiff": _tiff,
    "image/heic": _heif,
    "image/avif": _heif,
    "video/mp4": _movie,
    "video/quicktime": _movie,
}

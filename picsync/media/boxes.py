"""The boxes of the ISO base media file format (ISO/IEC 14496-12): MP4, QuickTime, HEIF and AVIF files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from picsync.core.values import dataclass

MAX_BOXES = 2_000
"""Maximum number of boxes to read in a file; a camera's picture has a few dozen."""

_FULL_BOX_BYTES = 4
"""Length of the version and flags with which some boxes begin."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box."""

    kind: bytes
    """Four characters."""
    body: int
    """Offset of the content."""
    end: int
    """Offset of the end according to the box; may be beyond the end of the file."""


def boxes(file: BinaryIO, start: int, stop: int) -> Iterator[Box]:
    """Yield the boxes that begin between two offsets; stops at the first invalid one."""
    for _ in range(MAX_BOXES):
        if start + 8 > stop:
            return
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        length, body = int.from_bytes(head[:4]), start + 8
        if length == 1 and len(head) == 16:
            length, body = int.from_bytes(head[8:]), start + 16
        end = stop if length == 0 else start + length
        if end < body:
            return
        yield Box(head[4:8], body, end)
        start = end


def brands(head: bytes) -> tuple[bytes, ...]:
    """Return the brands of a file that begins with `ftyp`, the major one first; empty for other files."""
    if head[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(head[:4]), len(head))
    compatible = [head[place : place + 4] for place in range(16, end - 3, 4)]
    return (head[8:12], *compatible)


def item_types(file: BinaryIO, stop: int) -> frozenset[bytes]:
    """Return the codings of a HEIF file's pictures, such as `hvc1` or `av01`; empty if it does not say."""
    for outer in boxes(file, 0, stop):
        if outer.kind == b"meta":
            for inner in boxes(file, outer.body + _FULL_BOX_BYTES, min(outer.end, stop)):
                if inner.kind == b"iinf":
                    return _entries(file, inner, stop)
    return frozenset()


def _entries(file: BinaryIO, box: Box, stop: int) -> frozenset[bytes]:
    file.seek(box.body)
    # The number of entries has two bytes in version 0 and four in later ones.
    first = box.body + _FULL_BOX_BYTES + (2 if file.read(1) == b"\0" else 4)
    found = set()
    for entry in boxes(file, first, min(box.end, stop)):
        if entry.kind != b"infe":
            continue
        file.seek(entry.body)
        body = file.read(_FULL_BOX_BYTES + 10)
        try:
            # After the item's number, of two or four bytes, and its protection.
            (kind,) = struct.unpack_from("4s", body, _FULL_BOX_BYTES + (6 if body[:1] == b"\3" else 4))
        except struct.error:
            continue
        found.add(kind)
    return frozenset(found)

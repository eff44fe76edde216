"""Finds the JPEG previews in cameras' raw files: every maker embeds them, each in a way of its own.

So the file is searched for whole JPEG pictures, whatever directories or boxes lead to them. The sensor's
data, which some makers code as lossless JPEG, does not count.
"""

from __future__ import annotations

import io
import re
from typing import BinaryIO

from picsync.core.values import dataclass
from picsync.media import exif, jpeg, tiff
from picsync.media.boxes import boxes

_BEGINNING = re.compile(rb"\xff\xd8\xff[\xc0\xc4\xdb\xdd\xe0-\xef\xfe]")
_MAX_CANDIDATES = 200
_BLOCK_BYTES = 4 * 2**20
_FIRST_BYTES = 256 * 1024
"""Where the directory with the orientation is, in files that are no TIFF."""
_CANON_BOXES = {b"moov": 0, b"uuid": 16}
_CANON_DIRECTORIES = (b"CMT1", b"CMT2", b"CMT4")
"""TIFF structures of one directory each: the first one, that of Exif, and that of the position."""
_DIRECTORY_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Preview:
    """A JPEG picture inside another file."""

    picture: jpeg.Jpeg
    metadata: exif.Block
    """TIFF structure of the file around it, perhaps that file itself; empty if unknown."""


def find_preview(file: BinaryIO) -> Preview | None:
    """Return the largest preview, None if there is none; moves the file's position. Raises OSError."""
    best: jpeg.Jpeg | None = None
    for start in _beginnings(file):
        if best is not None and best.end is not None and start < best.end:
            continue  # It is a thumbnail within the preview.
        found = jpeg.read(file, start)
        if found is None or not (found.baseline or found.progressive) or found.end is None:
            continue
        if best is None or found.width * found.height > best.width * best.height:
            best = found
    return None if best is None else Preview(best, _metadata(file) or best.exif or b"")


def _beginnings(file: BinaryIO) -> list[int]:
    found: list[int] = []
    offset, kept = 0, b""
    file.seek(0)
    while (block := file.read(_BLOCK_BYTES)) and len(found) < _MAX_CANDIDATES:
        data = kept + block
        found += [offset - len(kept) + match.start() for match in _BEGINNING.finditer(data)]
        offset += len(block)
        kept = data[-3:]
    return found[:_MAX_CANDIDATES]


def _metadata(file: BinaryIO) -> exif.Block:
    """Return the TIFF structure with orientation and time: the file itself, or that in Canon's boxes."""
    file.seek(0)
    head = file.read(_FIRST_BYTES)
    if head[:4] in tiff.BYTE_ORDERS:
        return file
    if head[:2] in (b"II", b"MM"):
        # Olympus and Panasonic write other letters in place of the number 42.
        return (b"II*\0" if head[:2] == b"II" else b"MM\0*") + head[4:]
    return _canon(file) if head[4:8] == b"ftyp" else b""


def _canon(file: BinaryIO) -> bytes:
    found: dict[bytes, bytes] = {}
    pending = [(0, file.seek(0, io.SEEK_END))]
    for _ in range(8):
        if not pending:
            break
        for box in boxes(file, *pending.pop()):
            if box.kind in _CANON_DIRECTORIES:
                file.seek(box.body)
                found.setdefault(box.kind, file.read(min(box.end - box.body, _DIRECTORY_BYTES)))
            if box.kind in _CANON_BOXES:
                pending.append((box.body + _CANON_BOXES[box.kind], box.end))
    return exif.joined(*(found.get(kind, b"") for kind in _CANON_DIRECTORIES))


def orientation(preview: Preview) -> int:
    """Return how the preview is turned: what its own metadata says, else that of the file around it."""
    own = exif.orientation(preview.picture.exif) if preview.picture.exif else 1
    return own if own != 1 else exif.orientation(preview.metadata)

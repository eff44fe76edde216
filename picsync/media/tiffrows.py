"""Splits TIFF 6.0 pictures into files of a few strips each: a large one is decoded in little memory.

Scanners write such files, of 50 megapixels and more. What is not split: tiles, separate planes, a single
compressed strip, and samples that are no whole numbers of at most 16 bits.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

from picsync.core.values import dataclass
from picsync.media import tiff

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS = 256, 257, 258, 259, 273
_SAMPLES, _ROWS_PER_STRIP, _SIZES, _PLANES, _SAMPLE_FORMAT = 277, 278, 279, 284, 339
_PLAIN = 1
_COMPRESSIONS = frozenset({_PLAIN, 5, 7, 8, 32773, 32946})
"""None, LZW, JPEG, Deflate, PackBits, and the old number of Deflate."""
_KEPT = (
    _WIDTH,
    _BITS,
    _COMPRESSION,
    262,
    266,
    _SAMPLES,
    _PLANES,
    317,
    320,
    338,
    _SAMPLE_FORMAT,
    347,
    529,
    530,
    532,
)
"""Tags that say how strips are coded; not the orientation, since parts are not to be turned."""
_MAX_VALUE_BYTES = 1 << 20
_MAX_EDGE = 1_000_000
_LONG = 4


@dataclass(frozen=True, slots=True)
class Strips:
    """A picture in strips, from its first row to its last."""

    width: int
    height: int
    file: BinaryIO
    order: str
    entries: dict[int, tuple[int, int, bytes]]
    rows: int
    """Of each strip but the last one, which may have fewer."""
    places: tuple[tuple[int, int], ...]
    """Offset and size of each strip in the file."""

    def parts(self, multiple: int, size_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Yield TIFF files of consecutive strips, with the number of their first row.

        That is a multiple of `multiple`. A part has about `size_bytes` if its strips are small enough.
        """
        step = multiple // math.gcd(self.rows, multiple)
        strip_bytes = max(1, self.rows * self.width * 4)
        step *= max(1, size_bytes // (strip_bytes * step))
        for first in range(0, len(self.places), step):
            row = first * self.rows
            yield row, self._part(row, self.places[first : first + step])

    def _part(self, row: int, places: tuple[tuple[int, int], ...]) -> bytes:
        strips = []
        for offset, size in places:
            self.file.seek(offset)
            strips.append(self.file.read(size))
        numbers = f"{self.order}{len(places)}I"
        height = min(len(places) * self.rows, self.height - row)
        entries = self.entries | {
            _HEIGHT: (_LONG, 1, struct.pack(f"{self.order}I", height)),
            _ROWS_PER_STRIP: (_LONG, 1, struct.pack(f"{self.order}I", self.rows)),
            _SIZES: (_LONG, len(places), struct.pack(numbers, *map(len, strips))),
            _OFFSETS: (_LONG, len(places), bytes(4 * len(places))),
        }
        at = 8 + len(tiff.directory(entries, self.order, 8))
        offsets = []
        for strip in strips:
            offsets.append(at)
            at += len(strip)
        entries[_OFFSETS] = (_LONG, len(places), struct.pack(numbers, *offsets))
        head = (b"II*\0" if self.order == "<" else b"MM\0*") + struct.pack(f"{self.order}I", 8)
        return b"".join((head, tiff.directory(entries, self.order, 8), *strips))


def open_strips(file: BinaryIO) -> Strips | None:
    """Return the first picture of a file in strips; None if it is not to be split."""
    first = next(tiff.directories(file), None)
    if first is None:
        return None

    def number(tag: int, default: int) -> int:
        found = first.integers(tag, 1)
        return found[0] if found else default

    width, height = number(_WIDTH, 0), number(_HEIGHT, 0)
    bits, samples = first.integers(_BITS, 8) or (1,), number(_SAMPLES, 1)
    formats = set(first.integers(_SAMPLE_FORMAT, 8)) or {1}
    compression = number(_COMPRESSION, _PLAIN)
    if not (0 < width <= _MAX_EDGE and 0 < height <= _MAX_EDGE and len(bits) == samples <= 5):
        return None
    if compression not in _COMPRESSIONS or formats != {1} or max(bits) > 16 or number(_PLANES, 1) != 1:
        return None
    rows = min(number(_ROWS_PER_STRIP, height), height)
    places = tuple(zip(first.integers(_OFFSETS), first.integers(_SIZES), strict=False))
    if rows >= height and compression == _PLAIN and len(places) == 1:
        rows, places = _virtual(places[0], -(-width * sum(bits) // 8), height)
    if not 0 < rows < height or len(places) != -(-height // rows):
        return None
    entries = {tag: first.content(tag, _MAX_VALUE_BYTES) for tag in _KEPT if tag in first}
    return Strips(width, height, file, first.order, entries, rows, places)


def _virtual(place: tuple[int, int], row_bytes: int, height: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return a strip that is not compressed as strips of 16 rows."""
    offset, size = place
    if size < row_bytes * height:
        return height, (place,)
    rows = 16
    starts = range(0, height, rows)
    return rows, tuple((offset + at * row_bytes, min(rows, height - at) * row_bytes) for at in starts)

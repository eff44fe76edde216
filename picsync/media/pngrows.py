"""Splits PNG pictures (W3C PNG) into files of a few rows each: a large one is decoded in little memory.

A row may refer to the one before it. So each file begins with the last row of the file before, which comes
from its decoded picture. Files that are interlaced or have 16 bits per sample are not split.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Bytes per pixel of each kind of picture."""
_KEPT = (b"PLTE", b"tRNS")
_MAX_CHUNKS = 100_000
_MAX_KEPT_BYTES = 1_024
_BLOCK_BYTES = 1 << 16
_HEADER = ">2I5B"


class Rows:
    """A picture, from its first row to its last."""

    def __init__(self, file: BinaryIO, header: bytes, kept: bytes) -> None:
        """Use `open_rows`."""
        self.width = int.from_bytes(header[:4])
        self.height = int.from_bytes(header[4:8])
        self._file = file
        self._header = header
        self._kept = kept
        self._size = 1 + self.width * _CHANNELS[header[9]]
        self._place = file.tell()
        self._left_in_chunk = 0
        self._chunks = 0
        self._inflate = zlib.decompressobj()
        self._coded = b""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self._size - 1

    def next(self, count: int, before: bytes) -> bytes:
        """Return a PNG file with the row `before`, if it is not empty, and the next `count` rows.

        Raises OSError if the file ends too early, zlib.error if it is damaged.
        """
        rows = (b"\0" + before if before else b"") + self._read(count * self._size)
        header = bytearray(self._header)
        header[4:8] = (count + (1 if before else 0)).to_bytes(4)
        return (
            _SIGNATURE
            + _chunk(b"IHDR", bytes(header))
            + self._kept
            + _chunk(b"IDAT", zlib.compress(rows, 0))
            + _chunk(b"IEND", b"")
        )

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            if not self._coded:
                self._coded = self._block()
            part = self._inflate.decompress(self._coded, size)
            self._coded = self._inflate.unconsumed_tail
            if self._inflate.eof and not part:
                raise OSError("image file is truncated")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _block(self) -> bytes:
        """Return coded data of this chunk, or of the next one that has some."""
        self._file.seek(self._place)
        while not self._left_in_chunk:
            self._left_in_chunk, kind = _chunk_head(self._file)
            self._chunks += 1
            if kind != b"IDAT" or self._chunks > _MAX_CHUNKS:
                raise OSError("image file is truncated")
            if not self._left_in_chunk:
                self._file.read(4)
        block = self._file.read(min(self._left_in_chunk, _BLOCK_BYTES))
        if not block:
            raise OSError("image file is truncated")
        self._left_in_chunk -= len(block)
        if not self._left_in_chunk:
            self._file.read(4)  # The checksum; zlib has its own.
        self._place = self._file.tell()
        return block


def open_rows(file: BinaryIO) -> Rows | None:
    """Return the rows of a PNG file, None if it cannot be split; moves the file's position."""
    file.seek(len(_SIGNATURE))
    size, kind = _chunk_head(file)
    header = file.read(struct.calcsize(_HEADER))
    if kind != b"IHDR" or size != len(header) or len(header) != struct.calcsize(_HEADER):
        return None
    _, _, depth, colours, _, _, interlaced = struct.unpack(_HEADER, header)
    if depth != 8 or colours not in _CHANNELS or interlaced:
        return None
    file.read(4)
    kept = b""
    for _ in range(_MAX_CHUNKS):
        size, kind = _chunk_head(file)
        if kind == b"IDAT":
            file.seek(-8, 1)
            return Rows(file, header, kept)
        if kind in _KEPT and size <= _MAX_KEPT_BYTES:
            kept += _chunk(kind, file.read(size))
            file.read(4)
        elif len(kind) == 4:
            file.seek(size + 4, 1)
        else:
            break
    return None


def _chunk_head(file: BinaryIO) -> tuple[int, bytes]:
    head = file.read(8)
    return int.from_bytes(head[:4]), head[4:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)

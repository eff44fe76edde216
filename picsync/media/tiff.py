"""Reads the directories of TIFF 6.0 and BigTIFF files, and detects cameras' raw pictures among them.

Most raw formats are TIFF files that contain the sensor's data: a program that only knows TIFF shows a
thumbnail, or nothing. The relevant tags are those of TIFF/EP (ISO 12234-2) and Adobe's DNG specification; the
compressions were defined by camera makers, as listed by LibRaw and ExifTool.

BigTIFF has offsets of 64 bits. A value that is too large for 32 bits counts as the largest of those: no file
that picsync accepts is that large.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import zip_longest
from typing import BinaryIO

BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">", b"II+\0": "<", b"MM\0+": ">"}
"""How TIFF and BigTIFF files begin, with their order of bytes as `struct` writes it."""
_MAX_DIRECTORIES = 16
_MAX_ENTRIES = 1_000
_MAX_VALUES = 100_000
_LONGEST_TEXT = 40

_NEW_SUBFILE_TYPE, _COMPRESSION, _PHOTOMETRIC, _MAKE = 254, 259, 262, 271
_SUB_DIRECTORIES, _DNG_VERSION = 330, 50706
_OFFSETS = ((273, 279), (324, 325))
"""Tags of the offsets of strips and tiles, each with that of their sizes."""

_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of a value of each type."""
_LONG = 4
_MOST = 0xFFFFFFFF
_REDUCED = 1
_SENSOR_DATA = frozenset({32803, 34892})
"""Photometric interpretations: one colour per pixel, and linear raw."""
_RAW_COMPRESSIONS = frozenset({32767, 32769, 32770, 32772, 34713, 34892, 65000, 65535})
"""Of Sony, of packed sensor data, of Samsung (two), Nikon, lossy DNG, Kodak and Pentax."""
_BY_MAKE = (
    ("NIKON", "image/x-nikon-nef"),
    ("SONY", "image/x-sony-arw"),
    ("SAMSUNG", "image/x-samsung-srw"),
    ("PENTAX", "image/x-pentax-pef"),
    ("RICOH", "image/x-pentax-pef"),
)
OTHER_RAW = "image/x-dcraw"


class Directory:
    """One directory; values that are missing or outside of the file are empty."""

    def __init__(self, file: BinaryIO, order: str, offset: int, *, big: bool = False) -> None:
        """Read the entries, of a BigTIFF file if `big`; raises struct.error if there is no directory."""
        self._file = file
        self._order = order
        self._big = big
        self._offset = f"{order}Q" if big else f"{order}I"
        file.seek(offset)
        (count,) = (
            struct.unpack(f"{order}Q", file.read(8)) if big else struct.unpack(f"{order}H", file.read(2))
        )
        count = min(count, _MAX_ENTRIES)
        form = f"{order}HHQ8s" if big else f"{order}HHI4s"
        entry_bytes = struct.calcsize(form)
        table = file.read(count * entry_bytes)
        self._entries = {
            tag: (kind, min(length, _MOST), value)
            for tag, kind, length, value in struct.iter_unpack(
                form, table[: len(table) - len(table) % entry_bytes]
            )
        }
        after = file.read(struct.calcsize(self._offset))
        self.next = self._place(after) if len(after) == struct.calcsize(self._offset) else 0

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def integers(self, tag: int, most: int = _MAX_VALUES) -> tuple[int, ...]:
        """Return a tag's integers, at most `most`."""
        kind, length, value = self._entries.get(tag, (0, 0, b""))
        if kind not in _INTEGERS:
            return ()
        form = _INTEGERS[kind]
        data = self._bytes(struct.calcsize(form) * min(length, most), value)
        count = len(data) // struct.calcsize(form)
        values = struct.unpack(f"{self._order}{count}{form}", data[: count * struct.calcsize(form)])
        return tuple(min(value, _MOST) for value in values) if form == "Q" else values

    def text(self, tag: int) -> str:
        """Return a tag's text without surrounding spaces, at most 40 characters."""
        _, length, value = self._entries.get(tag, (0, 0, bytes(4)))
        return (
            self._bytes(min(length, _LONGEST_TEXT), value).split(b"\0")[0].decode("ascii", "replace").strip()
        )

    def content(self, tag: int, most: int) -> tuple[int, int, bytes]:
        """Return a tag's type, its number of values, and their bytes; none if they are more than `most`.

        Types that only BigTIFF has become those of TIFF.
        """
        kind, length, value = self._entries.get(tag, (0, 0, b""))
        if _INTEGERS.get(kind) == "Q" and 8 * length <= most:
            found = self.integers(tag)
            return _LONG, len(found), struct.pack(f"{self._order}{len(found)}I", *found)
        size = _SIZES.get(kind, 0) * length
        data = self._bytes(size, value) if 0 < size <= most else b""
        return (kind, length, data) if data and len(data) == size else (kind, 0, b"")

    @property
    def order(self) -> str:
        """Order of bytes, as `struct` writes it."""
        return self._order

    def inner(self, tag: int) -> Directory | None:
        """Return the directory that a tag points to; None if there is none."""
        for offset in self.integers(tag, 1):
            with suppress(struct.error):
                return Directory(self._file, self._order, offset, big=self._big)
        return None

    def _bytes(self, size: int, value: bytes) -> bytes:
        if size <= len(value):
            return value[:size]
        self._file.seek(self._place(value))
        return self._file.read(size)

    def _place(self, value: bytes) -> int:
        return min(int(struct.unpack(self._offset, value)[0]), _MOST)


def _is_big(head: bytes) -> bool:
    return b"+" in head[2:4]


def directories(file: BinaryIO) -> Iterator[Directory]:
    """Yield the directories of a TIFF file, each followed by those inside it; stops at a broken one."""
    file.seek(0)
    head = file.read(16)
    order, big = BYTE_ORDERS.get(head[:4]), _is_big(head)
    if order is None or len(head) < (16 if big else 8):
        return
    first = struct.unpack(f"{order}Q", head[8:]) if big else struct.unpack(f"{order}I", head[4:8])
    pending = [min(first[0], _MOST)]
    seen = set[int]()
    while pending and len(seen) < _MAX_DIRECTORIES:
        offset = pending.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        try:
            directory = Directory(file, order, offset, big=big)
        except struct.error:
            continue
        yield directory
        pending = [*directory.integers(_SUB_DIRECTORIES, _MAX_DIRECTORIES), *pending, directory.next]


def raw_type(file: BinaryIO) -> str | None:
    """Return the MIME type of a raw picture that is a TIFF file, None for others; raises OSError."""
    file.seek(0)
    head = file.read(12)
    # In BigTIFF, it is the place of the first directory.
    signature = b"" if _is_big(head) else head[8:]
    if signature[:2] == b"CR":
        return "image/x-canon-cr2"
    if signature == b"IIII":
        return "image/x-phaseone-iiq"
    make, raw = "", False
    for number, directory in enumerate(directories(file)):
        if number == 0:
            make = directory.text(_MAKE).upper()
            if _DNG_VERSION in directory:
                return "image/x-adobe-dng"
            # As TIFF/EP requires, the main picture is a thumbnail, and the full picture is inside.
            reduced = any(kind & _REDUCED for kind in directory.integers(_NEW_SUBFILE_TYPE, 1))
            raw = reduced and _SUB_DIRECTORIES in directory
        raw = raw or not _SENSOR_DATA.isdisjoint(directory.integers(_PHOTOMETRIC, 1))
        raw = raw or not _RAW_COMPRESSIONS.isdisjoint(directory.integers(_COMPRESSION, 1))
        if raw:
            return next((mime_type for name, mime_type in _BY_MAKE if make.startswith(name)), OTHER_RAW)
    return None


def size(file: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of the first picture, None if unknown; raises OSError."""
    for directory in directories(file):
        width, height = directory.integers(256, 1), directory.integers(257, 1)
        return (width[0], height[0]) if width and height else None
    return None


def ends_at(file: BinaryIO) -> int | None:
    """Return the offset after the first picture's data, 0 if its place is unknown.

    None if there is no directory. Raises OSError.
    """
    for directory in directories(file):
        for places, sizes in _OFFSETS:
            offsets, lengths = directory.integers(places), directory.integers(sizes)
            if offsets:
                return max(map(sum, zip_longest(offsets, lengths, fillvalue=0)))
        return 0
    return None


def directory(entries: Mapping[int, tuple[int, int, bytes]], order: str, at: int) -> bytes:
    """Return a directory that is to stand at an offset, with the values that do not fit into it behind it.

    `entries` has the type, the number of values and their bytes for each tag.
    """
    after = at + 2 + 12 * len(entries) + 4
    table, behind = b"", b""
    for tag, (kind, count, value) in sorted(entries.items()):
        table += struct.pack(f"{order}HHI", tag, kind, count)
        if len(value) <= 4:
            table += value.ljust(4, b"\0")
        else:
            table += struct.pack(f"{order}I", after + len(behind))
            behind += value + bytes(len(value) % 2)
    return struct.pack(f"{order}H", len(entries)) + table + bytes(4) + behind

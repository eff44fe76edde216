"""Reads the structure of JPEG files (ITU-T T.81), and copies them with other metadata.

Coded data is copied, never decoded. The bytes are untrusted: a bounded number of segments is read, and
nothing but OSError is raised.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from picsync.core.values import dataclass
from picsync.media import exif, icc
from picsync.media.ends import find

MAX_SEGMENTS = 2_000
"""Maximum number of segments to read; a camera's picture has a few dozen."""
MAX_PROFILE_BYTES = 4 * 2**20
"""Of an ICC profile; those of printers have up to 3 MB."""
MAX_JUNK_BYTES = 4096
"""What may stand before the picture, such as the rest of a response's header."""

START, END = b"\xff\xd8", b"\xff\xd9"
_SOS, _EOI, _COMMENT = 0xDA, 0xD9, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_SOF = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""
_BASELINE, _PROGRESSIVE = 0xC0, 0xC2
_EXIF, _ICC, _ADOBE = b"Exif\0\0", b"ICC_PROFILE\0", b"Adobe"
_XMP, _MPF = b"http://ns.adobe.com/", b"MPF\0"
_POSITION = b"GPSL"
"""Beginning of the names of latitude and longitude in XMP."""
_AFTER_CODED = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker other than those that occur within coded data."""
_BLOCK_BYTES = 1 << 18
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


@dataclass(frozen=True, slots=True)
class Jpeg:
    """What the segments of a JPEG file say about its first picture."""

    start: int
    """Offset of the picture; more than 0 if something stands before it."""
    end: int | None
    """Offset after the picture; None if its end is missing."""
    trailing: bool
    """Whether anything but zeros follows it, such as a second picture or a video."""
    width: int
    height: int
    coding: int
    """Which of the start-of-frame markers it has."""
    precision: int
    """Bits per component."""
    sampling: tuple[tuple[int, int], ...]
    """Horizontal and vertical factor of each component."""
    transform: int | None
    """Colour transform according to Adobe's segment; None without one."""
    profile: bytes | None
    """ICC profile; empty if it is incomplete, None without one."""
    exif: bytes | None
    """TIFF structure; None without one."""
    position: bool
    """Whether XMP contains a position."""
    several: bool
    """Whether it says that other pictures follow: MPO, Ultra HDR."""

    @property
    def baseline(self) -> bool:
        """Whether every decoder can show it."""
        return self.coding == _BASELINE and self.precision == 8

    @property
    def progressive(self) -> bool:
        """Whether it is coded in several passes."""
        return self.coding == _PROGRESSIVE and self.precision == 8

    @property
    def subsampled(self) -> bool:
        """Whether it is YCbCr in 4:2:0 or 4:2:2."""
        usual = self.sampling in (((2, 2), (1, 1), (1, 1)), ((2, 1), (1, 1), (1, 1)))
        return usual and self.transform != 0


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int
    """Offset of the marker."""
    body: int
    """Offset of the content."""
    end: int


def read(file: BinaryIO, start: int | None = None) -> Jpeg | None:
    """Return what a file's segments say, None if it is no JPEG file; moves its position.

    `start` is where the picture begins; by default, at the first marker near the beginning of the file.
    """
    if start is None:
        file.seek(0)
        start = file.read(MAX_JUNK_BYTES + 3).find(b"\xff\xd8\xff")
        if start < 0:
            return None
    size = file.seek(0, io.SEEK_END)
    frame = b""
    coding = 0
    end: int | None = None
    extras = _Extras()
    for segment in _segments(file, start, size):
        if segment.marker == _EOI:
            end = segment.end
        elif segment.marker in _SOF and not frame:
            coding, frame = segment.marker, _content(file, segment, 6 + 3 * 4)
        elif _APP0 <= segment.marker <= _APP15:
            extras.add(file, segment)
    if len(frame) < 9:
        return None
    return Jpeg(
        start=start,
        end=end,
        trailing=end is not None and _filled(file, end),
        width=int.from_bytes(frame[3:5]),
        height=int.from_bytes(frame[1:3]),
        coding=coding,
        precision=frame[0],
        sampling=tuple((each >> 4, each & 15) for each in frame[7 : 6 + 3 * frame[5] : 3]),
        transform=extras.transform,
        profile=extras.profile(),
        exif=extras.exif,
        position=extras.position,
        several=extras.several,
    )


class _Extras:
    """What the application segments contain."""

    def __init__(self) -> None:
        self.transform: int | None = None
        self.exif: bytes | None = None
        self.position = False
        self.several = False
        self._parts: dict[int, bytes] = {}
        self._count: int | None = None

    def add(self, file: BinaryIO, segment: _Segment) -> None:
        """Take note of a segment."""
        head = _content(file, segment, 32)
        if segment.marker == _APP1 and head.startswith(_EXIF):
            self.exif = self.exif or _content(file, segment, 65_536)[len(_EXIF) :]
        elif segment.marker == _APP1 and head.startswith(_XMP):
            self.position = self.position or _POSITION in _content(file, segment, 65_536)
        elif segment.marker == _APP2 and head.startswith(_ICC) and len(head) > len(_ICC) + 1:
            self._count = head[len(_ICC) + 1]
            self._parts[head[len(_ICC)]] = _content(file, segment, 65_536)[len(_ICC) + 2 :]
        elif segment.marker == _APP2 and head.startswith(_MPF):
            self.several = True
        elif segment.marker == _APP14 and head.startswith(_ADOBE) and len(head) >= 12:
            self.transform = head[11]

    def profile(self) -> bytes | None:
        """Return the profile from its numbered parts; empty if some are missing, None if there is none."""
        if self._count is None:
            return None
        if sorted(self._parts) != [*range(1, self._count + 1)]:
            return b""
        whole = b"".join(self._parts[number] for number in sorted(self._parts))
        return whole if len(whole) <= MAX_PROFILE_BYTES else b""


def copy_with(file: BinaryIO, picture: Jpeg, target: BinaryIO, *, metadata: bytes) -> None:
    """Write the picture with `metadata` (a TIFF structure, may be empty) in place of all that it has.

    What decoding needs stays: tables, and Adobe's segment. The pixels are the same. Moves both positions.
    """
    size = picture.end or file.seek(0, io.SEEK_END)
    target.write(START + _JFIF)
    if metadata:
        body = _EXIF + metadata
        target.write(b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body)
    for segment in _segments(file, picture.start, size):
        named = segment.marker == _APP14 and _content(file, segment, 5) == _ADOBE
        metadata_only = _APP0 <= segment.marker <= _APP15 or segment.marker == _COMMENT
        if named or not metadata_only:
            file.seek(segment.start)
            left = segment.end - segment.start
            while left > 0 and (block := file.read(min(left, _BLOCK_BYTES))):
                target.write(block)
                left -= len(block)


def _segments(file: BinaryIO, start: int, size: int) -> Iterator[_Segment]:
    """Yield all segments after the first marker; those of scans include the coded data."""
    offset = start + 2
    for _ in range(MAX_SEGMENTS):
        file.seek(offset)
        head = file.read(4)
        if len(head) < 2:
            return
        if head[0] != 0xFF:
            # Decoders skip anything between segments, up to the next marker.
            offset = find(file, b"\xff", offset, size)
            if offset < 0:
                return
        elif head[1] == 0xFF:  # Fill bytes may stand before a marker.
            offset += 1
        elif head[1] == _EOI:
            yield _Segment(_EOI, offset, offset + 2, offset + 2)
            return
        elif head[1] in _ALONE or head[1] == 0:
            offset += 2
        else:
            end = offset + 2 + max(int.from_bytes(head[2:]), 2)
            if head[1] == _SOS:
                end = _after_scan(file, end, size)
            yield _Segment(head[1], offset, offset + 4, min(end, size))
            offset = end


def _after_scan(file: BinaryIO, offset: int, size: int) -> int:
    """Return the offset of the marker that ends the coded data, `size` if there is none."""
    while offset < size:
        file.seek(offset)
        block = file.read(_BLOCK_BYTES)
        found = _AFTER_CODED.search(block)
        if found:
            return offset + found.start()
        if len(block) < 2:
            break
        offset += len(block) - 1  # A marker may begin with its last byte.
    return size


def _content(file: BinaryIO, segment: _Segment, most: int) -> bytes:
    file.seek(segment.body)
    return file.read(min(most, segment.end - segment.body))


def _filled(file: BinaryIO, start: int) -> bool:
    """Whether there is anything but zeros from an offset on; only the first block is looked at."""
    file.seek(start)
    return bool(file.read(1 << 16).strip(b"\0"))


def is_upright(picture: Jpeg) -> bool:
    """Whether a decoder that ignores the orientation shows it as it should be."""
    return picture.exif is None or exif.orientation(picture.exif) == 1


def is_srgb(picture: Jpeg) -> bool:
    """Whether its colours are sRGB: so says the profile, or there is nothing that says otherwise."""
    if picture.profile is not None and (known := icc.is_srgb(picture.profile)) is not None:
        return known
    return picture.exif is None or not exif.is_adobe_rgb(picture.exif)

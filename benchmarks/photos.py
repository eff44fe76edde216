"""Photos that use no memory: unique bytes, generated while they are sent."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from picsync.emulators.google.content import GeneratedContent, generated_jpeg, read_all

_SIDE = 64
_SEED = struct.Struct(">Q")
_MARK = b"\xff\xfe" + struct.pack(">H", 2 + _SEED.size)
_COMMENT_BYTES = 65533
_PIECE = b"\xff\xfe" + struct.pack(">H", 2 + _COMMENT_BYTES) + bytes(_COMMENT_BYTES)
_MP4_HEAD = struct.pack(">I4s4sI4s4s", 24, b"ftyp", b"isom", 512, b"isom", b"mp42")


@dataclass(frozen=True, slots=True)
class PhotoBytes(GeneratedContent):
    """A small JPEG with its number in a comment, enlarged by further comments; its bytes are not stored."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        picture = _picture()
        yield picture[:2] + _MARK + _SEED.pack(self.seed)
        left = self.size - smallest_photo()
        while left >= len(_PIECE):
            yield _PIECE
            left -= len(_PIECE)
        if left >= 4:
            yield b"\xff\xfe" + struct.pack(">H", left - 2) + bytes(left - 4)
            left = 0
        # A marker may be preceded by any number of 0xff (ITU T.81, B.1.1.2).
        yield b"\xff" * left + picture[2:]


@dataclass(frozen=True, slots=True)
class VideoBytes(GeneratedContent):
    """Bytes with the header of an MP4 and a number; of any size, but without a picture."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        head = _MP4_HEAD + struct.pack(">I4sQ", self.size - len(_MP4_HEAD), b"mdat", self.seed)
        yield head
        left = self.size - len(head)
        while left > 0:
            yield _PIECE[:left]
            left -= len(_PIECE)


def photo(number: int, size_bytes: int) -> PhotoBytes:
    """Return photo `number`, of exactly `size_bytes`; raises ValueError if that is too small for one."""
    if size_bytes < smallest_photo():
        raise ValueError(f"a photo takes at least {smallest_photo()} bytes, not {size_bytes}")
    return PhotoBytes(number, size_bytes, _SIDE, _SIDE)


def video(number: int, size_bytes: int) -> VideoBytes:
    """Return video `number`."""
    return VideoBytes(number, size_bytes, 1920, 1080)


def smallest_photo() -> int:
    """Return the minimum size of a photo, in bytes."""
    return len(_picture()) + len(_MARK) + _SEED.size


def md5(content: GeneratedContent) -> str:
    """Return the digest that Nixplay reports of the bytes."""
    hashed = hashlib.md5(usedforsecurity=False)
    for chunk in content.chunks():
        hashed.update(chunk)
    return hashed.hexdigest()


@cache
def _picture() -> bytes:
    return read_all(generated_jpeg(0, 2000, width=_SIDE, height=_SIDE))

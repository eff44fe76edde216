"""The bytes of media items: in memory, in a file, or generated while they are sent."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from PIL import Image, UnidentifiedImageError

CHUNK_BYTES = 64 * 1024
_LONGEST_COMMENT = 65533
_ORIENTATION_TAG = 0x0112

_BRANDS = {
    b"heic": "image/heif",
    b"heix": "image/heif",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"qt  ": "video/quicktime",
}
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1aE\xdf\xa3", "video/x-matroska"),
)


class Content(Protocol):
    """Bytes of a known size that can be read repeatedly; raises OSError if they no longer exist."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        ...


@dataclass(frozen=True, slots=True)
class BytesContent:
    """Bytes in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        for start in range(0, len(self.data), CHUNK_BYTES):
            yield self.data[start : start + CHUNK_BYTES]


@dataclass(frozen=True, slots=True)
class FileContent:
    """Bytes in a file."""

    path: Path

    @property
    def size(self) -> int:
        """Current number of bytes."""
        return self.path.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


@dataclass(frozen=True, slots=True)
class GeneratedContent:
    """A small JPEG enlarged by comments; the same bytes for the same seed and size."""

    seed: int
    size: int
    width: int
    height: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes from the start."""
        picture = _picture(self.seed, self.width, self.height)
        yield picture[:2]
        left, number = self.size - len(picture), 0
        while left >= 4:
            length = min(left - 4, _LONGEST_COMMENT)
            yield b"\xff\xfe" + struct.pack(">H", length + 2) + self._filler(number, length)
            left, number = left - 4 - length, number + 1
        # A marker may be preceded by any number of 0xff bytes (ITU T.81, B.1.1.2).
        yield b"\xff" * left + picture[2:]

    def _filler(self, number: int, length: int) -> bytes:
        block = hashlib.sha256(f"{self.seed}:{number}".encode()).digest()
        return (block * (length // len(block) + 1))[:length]


def generated_jpeg(seed: int, size_bytes: int, *, width: int = 64, height: int = 48) -> GeneratedContent:
    """Return a JPEG of exactly `size_bytes` that is never completely in memory.

    Raises ValueError if the picture alone (about 1 KiB at the default dimensions) is larger.
    """
    smallest = len(_picture(seed, width, height))
    if size_bytes < smallest:
        raise ValueError(f"a {width}x{height} JPEG takes at least {smallest} bytes, not {size_bytes}")
    return GeneratedContent(seed, size_bytes, width, height)


@lru_cache(maxsize=64)
def _picture(seed: int, width: int, height: int) -> bytes:
    colours = hashlib.sha256(f"picture {seed}".encode()).digest()
    image = Image.new("RGB", (2, 2))
    image.putdata([tuple(colours[start : start + 3]) for start in (0, 3, 6, 9)])
    out = io.BytesIO()
    image.resize((width, height), Image.Resampling.BILINEAR).save(out, "JPEG", quality=75)
    return out.getvalue()


def as_content(value: bytes | Path | Content) -> Content:
    """Return bytes or the path of a file as content."""
    if isinstance(value, bytes):
        return BytesContent(value)
    return FileContent(value) if isinstance(value, Path) else value


def read_all(content: Content) -> bytes:
    """Return all bytes at once."""
    return b"".join(content.chunks())


def digest(content: Content) -> str:
    """Return the SHA-256 of the bytes."""
    sha = hashlib.sha256()
    for chunk in content.chunks():
        sha.update(chunk)
    return sha.hexdigest()


def fingerprint(content: Content) -> str:
    """Return a value that distinguishes contents, without reading large ones."""
    if isinstance(content, BytesContent):
        return digest(content)
    if isinstance(content, FileContent):
        stat = content.path.stat()
        return f"{content.path} {stat.st_size} {stat.st_mtime_ns}"
    return repr(content)


def sniff(content: Content) -> str:
    """Return the MIME type according to the first bytes; empty if unknown."""
    head = b""
    for chunk in content.chunks():
        head += chunk
        if len(head) >= 16:
            break
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return ""


def dimensions(content: Content) -> tuple[int, int]:
    """Return width and height as displayed upright; (0, 0) if Pillow cannot read it."""
    if isinstance(content, GeneratedContent):
        return content.width, content.height
    source = content.path if isinstance(content, FileContent) else io.BytesIO(read_all(content))
    try:
        with Image.open(source) as image:
            turned = image.getexif().get(_ORIENTATION_TAG, 1) >= 5
            return (image.height, image.width) if turned else (image.width, image.height)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return 0, 0

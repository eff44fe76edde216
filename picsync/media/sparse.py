"""A file of which only some parts are known, for parsers that read a few bytes here and there."""

from __future__ import annotations

import io

from picsync.core.values import dataclass


class MissingPart(Exception):  # noqa: N818 - a request, not an error
    """A parser wants to read bytes that are not known; add them and start it again."""

    def __init__(self, start: int, size_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes at {start}")
        self.start = start
        self.size_bytes = size_bytes


@dataclass(frozen=True, slots=True)
class _Part:
    start: int
    data: bytes


class SparseFile(io.RawIOBase):
    """A file that raises MissingPart where nothing is known."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self._size_bytes = size_bytes
        self._parts: list[_Part] = []
        self._at = 0

    def add(self, start: int, data: bytes) -> None:
        """Add known bytes."""
        self._parts.append(_Part(start, data))

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position; returns it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the bytes at the position; raises MissingPart."""
        left = max(0, self._size_bytes - self._at)
        wanted = left if size < 0 else min(size, left)
        found = bytearray()
        while len(found) < wanted:
            at = self._at + len(found)
            part = next((p for p in self._parts if p.start <= at < p.start + len(p.data)), None)
            if part is None:
                raise MissingPart(at, wanted - len(found))
            found += part.data[at - part.start :][: wanted - len(found)]
        self._at += len(found)
        return bytes(found)

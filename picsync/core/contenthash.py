"""Dropbox's content hash, by which files are compared between stores.

The SHA-256 of the concatenated SHA-256 digests of the file's blocks of 4 MiB (Dropbox developer pages,
"Content hash").
"""

from __future__ import annotations

import hashlib

BLOCK_BYTES = 4 * 2**20


class ContentHash:
    """Computes the hash of bytes that arrive in chunks of any size."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._block = hashlib.sha256()
        self._in_block = 0

    def update(self, chunk: bytes | memoryview) -> None:
        """Add bytes."""
        rest = memoryview(chunk)
        while rest:
            part = rest[: BLOCK_BYTES - self._in_block]
            self._block.update(part)
            self._in_block += len(part)
            rest = rest[len(part) :]
            if self._in_block == BLOCK_BYTES:
                self._whole.update(self._block.digest())
                self._block, self._in_block = hashlib.sha256(), 0

    def hexdigest(self) -> str:
        """Return the hash of the bytes so far: 64 lower-case hexadecimal digits."""
        whole = self._whole.copy()
        if self._in_block:
            whole.update(self._block.digest())
        return whole.hexdigest()

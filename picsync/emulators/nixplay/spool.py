"""The bytes of photos, stored in files: at most one chunk of them is in memory."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored file with its size and digest."""

    path: Path
    md5: str
    size_bytes: int

    def discard(self) -> None:
        """Remove the file; succeeds if it does not exist."""
        self.path.unlink(missing_ok=True)


class BlobWriter:
    """Writes and hashes one file; leaving the block without `finish` removes it.

    Writing blocks the event loop while the kernel copies a chunk into its cache.
    """

    def __init__(self, spool: Path) -> None:
        self._path = spool / uuid.uuid4().hex
        self._file = self._path.open("wb")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._finished = False
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._finished:
            self._path.unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append `chunk`."""
        self._file.write(chunk)
        self._md5.update(chunk)
        self.size_bytes += len(chunk)

    def finish(self) -> Blob:
        """Close the file and keep it."""
        self._file.close()
        self._finished = True
        return Blob(self._path, self._md5.hexdigest(), self.size_bytes)


def spooled(spool: Path, content: bytes) -> Blob:
    """Store `content`."""
    with BlobWriter(spool) as writer:
        writer.write(content)
        return writer.finish()

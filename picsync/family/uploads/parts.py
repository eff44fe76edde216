"""Files that are being received. Their sizes are the offsets: nothing else has to be right after a crash.

A block that comes with a checksum counts only once that was compared. Until then a second file says where the
block begins, and whoever asks for the offset removes the block.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from picsync.system.files import SHARED_FILE, flush_folder

_UPLOAD = re.compile(r"[0-9a-f]{32}")
_CHUNK_BYTES = 1 << 20


class Parts:
    """The folder of the files; all methods block and raise OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, upload: str) -> Path:
        """Return where the file of an upload is. Raises ValueError for something that is no ID."""
        if not _UPLOAD.fullmatch(upload):
            raise ValueError("not an upload")
        return self._folder / upload

    def create(self, upload: str) -> None:
        """Create an empty file, whose name outlasts a power failure.

        What is there under that name is of an attempt that failed.
        """
        self.remove(upload)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(self.path(upload), flags, SHARED_FILE))
        flush_folder(self._folder)

    def offset(self, upload: str) -> int:
        """Return how many bytes have arrived, without an unverified block, which is removed."""
        path, begin = self.path(upload), self._begin(upload)
        with suppress(FileNotFoundError):
            text = begin.read_text("ascii")
            with suppress(FileNotFoundError):
                # A crash may have left the note empty: then nothing of the block was written.
                if text.isdecimal() and int(text) < path.stat().st_size:
                    os.truncate(path, int(text))
            begin.unlink(missing_ok=True)
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def open(self, upload: str, offset: int) -> int:
        """Open the file for writing at its end; return the descriptor."""
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self.path(upload), flags, SHARED_FILE)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def begin_block(self, upload: str, offset: int) -> None:
        """Note that what follows does not count before it was compared with its checksum."""
        begin = self._begin(upload)
        descriptor = os.open(begin, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.write(descriptor, str(offset).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def end_block(self, upload: str) -> None:
        """Count what was received."""
        self._begin(upload).unlink(missing_ok=True)

    def truncate(self, upload: str, offset: int) -> None:
        """Remove everything from an offset on."""
        with suppress(FileNotFoundError):
            os.truncate(self.path(upload), offset)

    def remove(self, upload: str) -> None:
        """Remove all files of an upload; succeeds if there are none."""
        self.path(upload).unlink(missing_ok=True)
        self._begin(upload).unlink(missing_ok=True)
        self.path(upload).with_suffix(".fetched").unlink(missing_ok=True)

    def sweep(self, wanted: Iterable[str]) -> None:
        """Remove the files of all uploads but the wanted ones."""
        kept = set(wanted)
        for path in self._folder.iterdir():
            upload = path.name.partition(".")[0]
            if _UPLOAD.fullmatch(upload) and upload not in kept:
                path.unlink(missing_ok=True)

    def _begin(self, upload: str) -> Path:
        return self.path(upload).with_suffix(".unverified")


def write_block(descriptor: int, block: bytes) -> None:
    """Write all of a block; raises OSError, and then a part of it may be there."""
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

"""Standard streams that never raise: picsync continues even if the log's reader is gone or its disk full."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error codes for a full disk, quota or file."""

BUSY_LIMIT_S = 1.0
"""How long to wait, in seconds, for a reader of a non-blocking stream."""


class LastingWriter(io.RawIOBase):
    """Writes to a file descriptor; output that cannot be written is dropped, and the first reason is kept."""

    def __init__(self, number: int, *, was_closed: bool = False) -> None:
        """Write to the descriptor `number`, which stays open.

        `was_closed`: the null device replaces a closed descriptor, so output is lost.
        """
        self._number = number
        self._was_closed = was_closed
        self.lost: OSError | None = None
        """Why output was dropped; None if none was."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write everything, or drop the rest."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        if self._was_closed:
            self.lost = self.lost or OSError(errno.EBADF, "it is closed")
            return size
        try:
            while rest:
                try:
                    rest = rest[os.write(self._number, rest) :]
                except BlockingIOError:
                    if not select.select([], [self._number], [], BUSY_LIMIT_S)[1]:
                        raise
        except OSError as error:
            self.lost = self.lost or error
        return size

    def writable(self) -> bool:
        """Return True: it can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Return whether this is a terminal."""
        return os.isatty(self._number)


@contextmanager
def lasting_streams() -> Iterator[LastingWriter]:
    """Replace the standard streams by ones that never raise; yields the one for stdout.

    Characters that an encoding lacks are escaped. A closed stream is replaced by the null device. Otherwise a
    file that is opened later, such as the cache, would get its number and be overwritten by mistake.
    """
    closed = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            os.open(os.devnull, os.O_RDWR)  # The system gives the lowest free number, which is this one.
    before = sys.stdin, sys.stdout, sys.stderr
    out = LastingWriter(1, was_closed=1 in closed)
    # typeshed does not say that each is None if it was closed when Python started.
    sys.stdin = before[0] or io.TextIOWrapper(io.FileIO(0, closefd=False))
    sys.stdout = _text(before[1], out)
    sys.stderr = _text(before[2], LastingWriter(2))
    try:
        yield out
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def _text(stream: TextIO | None, writer: LastingWriter) -> io.TextIOWrapper:
    if stream is not None:
        with suppress(OSError):
            stream.flush()
    by_line = writer.fileno() == 2 or writer.isatty() or bool(getattr(stream, "write_through", False))
    return io.TextIOWrapper(
        io.BufferedWriter(writer),
        encoding=(stream and stream.encoding) or "utf-8",
        errors="backslashreplace",
        line_buffering=by_line,
    )


def takes_all(stream: TextIO) -> bool:
    """Return whether an encoding has every character; for others, JSON needs escapes."""
    return (stream.encoding or "").lower().startswith("utf")

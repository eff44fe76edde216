"""Standard streams that never raise: whatever becomes of a log's reader or disk, picsync goes on."""

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
"""What the system says where a disk, a quota or a file is full."""

BUSY_LIMIT_S = 1.0
"""Seconds to wait for a reader that takes nothing, where the stream does not wait by itself."""


class LastingWriter(io.RawIOBase):
    """Writes to a file descriptor; what cannot be written is dropped, and the first reason is kept."""

    def __init__(self, number: int, *, was_closed: bool = False) -> None:
        """Write to the descriptor `number`, which stays open.

        `was_closed`: the null device stands in for a closed descriptor, so what is written is lost.
        """
        self._number = number
        self._was_closed = was_closed
        self.lost: OSError | None = None
        """Why something was dropped; None if nothing was."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it, or drop the rest."""
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
        """Say that this is for writing."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Say whether this is a terminal."""
        return os.isatty(self._number)


@contextmanager
def lasting_streams() -> Iterator[LastingWriter]:
    """Put streams that never raise in the place of the standard ones; yields what stdout writes to.

    Characters that an encoding lacks are escaped. A stream that is closed becomes the null device, so that
    no file that is opened later, as the cache, takes its number and is written into by mistake.
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
    # typeshed leaves out that each of them is None if it was closed when Python started.
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
    """Say whether an encoding has every character: elsewhere JSON needs escapes of its own."""
    return (stream.encoding or "").lower().startswith("utf")

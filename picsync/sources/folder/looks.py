"""Looking into a file, once for each version of it: its format, and when the picture was taken."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import TypeAlias

from picsync.media.formats import sniff
from picsync.sources.folder.exif import taken_at_s
from picsync.sources.folder.memory import Look

Read: TypeAlias = Callable[[int, int], bytes]
"""Reads from a file's number so many bytes at most, as `os.read` does."""

_HEAD_BYTES = 128 * 1024
"""Cameras write what they know of a picture before the picture: in a JPEG within the first 64 KiB."""


def open_file(path: str) -> tuple[int, os.stat_result]:
    """Open a file for reading, not following a link in its place; raises OSError."""
    # Opening what has become a pipe meanwhile must not wait for somebody to write to it.
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        seen = os.fstat(number)
    except BaseException:
        os.close(number)
        raise
    if not stat.S_ISREG(seen.st_mode):
        os.close(number)
        raise FileNotFoundError(errno.ENOENT, "is no file any more", path)
    return number, seen


def look_into(path: str, version: str, read: Read) -> Look:
    """Return what the beginning of a file says; raises OSError."""
    number, _ = open_file(path)
    try:
        head = read(number, _HEAD_BYTES)
    finally:
        os.close(number)
    mime_type = sniff(head)
    if mime_type is None:
        return Look(version, "")
    return Look(version, mime_type, taken_at_s(head))

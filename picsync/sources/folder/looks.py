"""Looking into a file, once for each version of it: its format, and when the picture was taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from picsync.media.exif import taken_at_s
from picsync.media.formats import sniff
from picsync.sources.folder.memory import Look

Read: TypeAlias = Callable[[int, int], bytes]
"""Reads from a file's number so many bytes at most, as `os.read` does."""

_HEAD_BYTES = 128 * 1024
"""Cameras write what they know of a picture before the picture: in a JPEG within the first 64 KiB."""


def look_into(number: int, version: str, read: Read) -> Look:
    """Return what the beginning of an open file says, and close it; raises OSError."""
    try:
        head = read(number, _HEAD_BYTES)
    finally:
        os.close(number)
    mime_type = sniff(head)
    if mime_type is None:
        return Look(version, "")
    return Look(version, mime_type, taken_at_s(head))

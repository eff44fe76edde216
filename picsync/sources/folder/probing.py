"""Reads the beginning of a file to detect its format and the time at which the picture was taken."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from picsync.media.exif import taken_at_s
from picsync.media.formats import sniff
from picsync.sources.folder.database import Probed

Read: TypeAlias = Callable[[int, int], bytes]
"""Reads at most so many bytes from a file descriptor, like `os.read`."""

_HEAD_BYTES = 128 * 1024
"""Cameras write metadata before the image data: in a JPEG within the first 64 KiB."""


def probe(number: int, version: str, read: Read) -> Probed:
    """Probe an open file's beginning, and close the file; raises OSError."""
    try:
        head = read(number, _HEAD_BYTES)
    finally:
        os.close(number)
    mime_type = sniff(head)
    if mime_type is None:
        return Probed(version, "")
    return Probed(version, mime_type, taken_at_s(head))

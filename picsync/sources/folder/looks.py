"""Looking into a file, once for each version of it: its format, and when the picture was taken."""

from __future__ import annotations

import errno
import io
import logging
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TypeAlias

import exifread

from picsync.formats import sniff
from picsync.sources.folder.memory import Look

Read: TypeAlias = Callable[[int, int], bytes]
"""Reads from a file's number so many bytes at most, as `os.read` does."""

_HEAD_BYTES = 128 * 1024
"""Cameras write what they know of a picture before the picture: in a JPEG within the first 64 KiB."""
_WITH_EXIF = frozenset({"image/jpeg", "image/heic", "image/tiff", "image/webp"})

# It has a warning for each picture that no camera has made.
logging.getLogger("exifread").setLevel(logging.CRITICAL)


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
    return Look(version, mime_type, taken_at_s(head) if mime_type in _WITH_EXIF else None)


def taken_at_s(head: bytes) -> float | None:
    """Return when a camera says it took a picture, in seconds since 1970; None if it does not.

    Without a time zone it counts as UTC, which is near enough to tell new pictures from old ones.
    """
    try:
        tags = exifread.process_file(io.BytesIO(head), details=False, extract_thumbnail=False)
        for time, zone in (
            ("EXIF DateTimeOriginal", "EXIF OffsetTimeOriginal"),
            ("EXIF DateTimeDigitized", "EXIF OffsetTimeDigitized"),
        ):
            if time in tags:
                taken = datetime.strptime(str(tags[time]).strip(), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
                return taken.replace(tzinfo=_zone(str(tags.get(zone, "")))).timestamp()
    except Exception:  # noqa: BLE001 - strangers' bytes upset the library in more ways than it names
        return None
    return None


def _zone(offset: str) -> timezone:
    """Return the zone of an EXIF offset such as `+02:00`; UTC for what is none."""
    sign, hours, minutes = offset[:1], offset[1:3], offset[4:6]
    if sign not in ("+", "-") or not (hours.isdecimal() and minutes.isdecimal()):
        return UTC
    away = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-away if sign == "-" else away)

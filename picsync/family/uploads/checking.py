"""Decides by its content what a received file is. Reads it in blocks; blocks the thread."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from picsync.core.model import MediaKind
from picsync.core.values import dataclass
from picsync.media.ends import is_truncated
from picsync.media.formats import identify, media_kind
from picsync.media.taken import taken

_BLOCK_BYTES = 1 << 20


class NotTakenError(Exception):
    """A file is not taken; the text says why, to its sender."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a received file is."""

    sha256: str
    mime_type: str
    taken_at: datetime | None
    """By the camera's clock, without a zone; None if unknown."""

    @property
    def kind(self) -> MediaKind:
        """Whether it is a picture or a video."""
        return media_kind(self.mime_type)


def sha256_of(file: BinaryIO, progress: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of an open file, in hexadecimal; `progress` is called after each block."""
    digest = hashlib.sha256()
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
        progress()
    return digest.hexdigest()


def check(
    file: BinaryIO, size_bytes: int, sha256: str, progress: Callable[[], None] = lambda: None
) -> Content:
    """Return what a file is that was announced with this size, and with this SHA-256 unless it is empty.

    Raises NotTakenError, and OSError.
    """
    size = file.seek(0, io.SEEK_END)
    if size != size_bytes:
        raise NotTakenError(f"{size:,} bytes have arrived instead of {size_bytes:,}. Send it again.")
    if not size:
        raise NotTakenError("The file is empty.")
    os.fsync(file.fileno())
    found = sha256_of(file, progress)
    if sha256 and found != sha256:
        raise NotTakenError("It was damaged on the way. Send it again.")
    mime_type = identify(file)
    if mime_type is None:
        raise NotTakenError("This is neither a picture nor a video.")
    if is_truncated(file, mime_type):
        raise NotTakenError("Its end is missing: the file on the device is incomplete.")
    moment = taken(file)
    if moment is not None and moment.tzinfo is not None:
        moment = moment.astimezone()
    return Content(found, mime_type, moment.replace(tzinfo=None) if moment else None)

"""How web frames and the family's uploads are used, as far as metrics tell it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class FrameUse:
    """The use of one web frame."""

    frame: str
    pages: int
    """Open pages that listen for changes."""
    devices: int
    """Devices that may show it."""
    seen_at: datetime | None
    """When one of them was seen last; None if none ever was."""
    pictures_sent: int
    """Since the process started, like `bytes_sent`."""
    bytes_sent: int


@dataclass(frozen=True, slots=True)
class UploadUse:
    """What the family has sent since the process started."""

    settled: Mapping[str, int]
    """Number of uploads by outcome: `ready`, `duplicate`, `failed`."""
    bytes_received: int
    waiting: int
    """Uploads that have arrived and are still to be checked."""
    library_available: bool

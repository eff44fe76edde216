"""When the devices of web frames were seen last, in a file, so that a restart does not forget it.

The file is in the request folder of the cache, beside the tokens. A damaged one counts as empty: a device is
known again when it is seen again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from picsync.core.errors import CacheError
from picsync.core.values import dataclass
from picsync.system.files import PRIVATE_FOLDER, read_regular, reason, remedy, replace_file

FILE = "frames-seen.json"
FORGOTTEN_AFTER = timedelta(days=400)
"""The cookie of a device that was away for longer has expired, too."""
_MAX_BYTES = 4_000_000
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Seen:
    """A device, when it was seen last."""

    at: datetime
    """When it last said what it shows, asked for changes, or had an open page."""
    photo: str = ""
    """ID of the photo that it showed; empty if unknown."""
    paused: bool = False


class LastSeen:
    """The file, and what it says by frame and token ID."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the request folder."""
        self._folder = folder
        self._loaded = False
        self._frames: dict[str, dict[str, Seen]] = {}

    def of(self, frame: str) -> dict[str, Seen]:
        """Return the devices of a frame by token ID, to be kept up to date by the caller."""
        return self._frames.setdefault(frame, {})

    def load(self) -> None:
        """Add what the file says of devices that were not seen since; blocks."""
        if self._loaded:
            return
        self._loaded = True
        for frame, devices in self._read().items():
            known = self.of(frame)
            for token_id, seen in devices.items():
                known.setdefault(token_id, seen)

    def last(self, frame: str) -> Seen | None:
        """Return the device of a frame that was seen last; None if none ever was."""
        return max(self.of(frame).values(), key=lambda seen: seen.at, default=None)

    def content(self, now: datetime) -> bytes:
        """Return what is to be written."""
        frames = {
            frame: {
                token_id: {"at": seen.at.isoformat(), "photo": seen.photo, "paused": seen.paused}
                for token_id, seen in devices.items()
                if now - seen.at < FORGOTTEN_AFTER
            }
            for frame, devices in self._frames.items()
        }
        return json.dumps({"format": 1, "frames": frames}, separators=(",", ":")).encode() + b"\n"

    def write(self, content: bytes) -> None:
        """Replace the file; blocks. Raises CacheError."""
        path = self._folder / FILE
        try:
            self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            replace_file(path, [content], owner_of=self._folder.parent)
        except OSError as error:
            raise CacheError(
                f"The file {path} cannot be written: {reason(error)}.", hint=remedy(error, path)
            ) from error

    def _read(self) -> Mapping[str, Mapping[str, Seen]]:
        with suppress(OSError, *_DAMAGED):
            frames = json.loads(read_regular(self._folder / FILE, _MAX_BYTES))["frames"]
            return {str(frame): _devices(devices) for frame, devices in frames.items()}
        return {}


def _devices(devices: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Seen]:
    found = {}
    for token_id, one in devices.items():
        with suppress(*_DAMAGED):
            at = datetime.fromisoformat(one["at"]).astimezone(UTC)
            found[str(token_id)] = Seen(at, str(one.get("photo", "")), one.get("paused") is True)
    return found

"""The frames that are paired with an account, and which playlists they show.

No client that is known parses these listings completely: how a frame's number is called in them, and how a
playlist names the frames that show it, are guesses. So each field that a client uses is understood, and each
that looks like it; and everything that is done is verified by reading it back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from picsync.core.errors import ProtocolError
from picsync.core.values import dataclass

_NUMBERS = ("framePk", "frame_pk", "pk", "id", "frameId", "frame_id")
"""Fields that may contain the number by which requests name a frame, the most probable first. The first one
is that of the connection status (observed)."""
_NAMES = ("name", "frame_name", "frameName")
_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Device:
    """A frame that is paired with the account."""

    number: str
    """What requests call it; digits."""
    name: str
    """Its name in the app; several may have the same one."""
    online: bool | None = None
    """Whether it is connected; None if the service does not say."""


def devices(listing: Sequence[Any], statuses: Sequence[Any]) -> list[Device]:
    """Return the frames of a listing, with their connection status.

    Raises ProtocolError if a frame has no name or no number.
    """
    connected = {number: status for status in statuses for number in _numbers(status)[:1]}
    found = []
    for record in listing:
        name, numbers = _name(record), _numbers(record)
        known = [number for number in numbers if number in connected] or numbers
        if not name or not known:
            raise ProtocolError("Nixplay lists a frame without a name or a number that picsync knows.")
        status = connected.get(known[0])
        online = status.get("connected") if isinstance(status, Mapping) else None
        found.append(Device(known[0], name, online if isinstance(online, bool) else None))
    return found


def shows(on_frames: Iterable[Any], device: Device) -> bool:
    """Return whether a playlist's list of frames contains this one."""
    return any(_is(entry, device) for entry in on_frames)


def _is(entry: Any, device: Device) -> bool:
    if isinstance(entry, Mapping):
        numbers = _numbers(entry)
        return device.number in numbers if numbers else _name(entry) == device.name
    return _number(entry) == device.number or entry == device.name


def _numbers(record: Any) -> list[str]:
    if not isinstance(record, Mapping):
        return []
    return [number for key in _NUMBERS if (number := _number(record.get(key))) is not None]


def _number(value: Any) -> str | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if _NUMBER.fullmatch(text) else None


def _name(record: Any) -> str:
    if not isinstance(record, Mapping):
        return ""
    return next((name for key in _NAMES if isinstance(name := record.get(key), str) and name), "")

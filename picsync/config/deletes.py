"""The setting `maxDelete`: how much may be deleted without permission."""

from __future__ import annotations

import re
from collections.abc import Callable

from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class MaxDelete:
    """How many photos or files one cycle may delete; exactly one of the fields is set."""

    count: int | None = None
    percent: float | None = None
    """Of the photos in the frame album, or of the files there; 0 to 100."""


def max_delete_of(what: str) -> Callable[[object], object]:
    """Return a validator that parses the setting; `what` is deleted."""

    def parse(value: object) -> object:
        if value is None or isinstance(value, MaxDelete):
            return value
        text = value if isinstance(value, str) else ""
        found = re.fullmatch(r"([0-9]{1,9})|([0-9]{1,3}(?:\.[0-9]{1,9})?) ?%", text)
        if not found or float(found[2] or 0) > 100:
            but = f", not {value[:60]!r}" if isinstance(value, str) else ""
            raise ValueError(f'must be a number of {what} such as 50, or a share such as "20%"{but}')
        return MaxDelete(count=int(found[1])) if found[1] else MaxDelete(percent=float(found[2]))

    return parse

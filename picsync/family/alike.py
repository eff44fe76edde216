"""Photos that look alike and were taken together; a pure function."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from picsync.core.choice import SIMILAR_BITS, SIMILAR_WITHIN

_COMPARED = 40
"""How many earlier photos each one is compared with: thousands may have the same date, such as scans."""


def groups(photos: Iterable[tuple[str, datetime, int]]) -> dict[str, str]:
    """Return the group of each photo that has others like it; a group is named by its first photo.

    `photos` have an ID, the time by the camera's clock, and the perceptual hash. Alike means both: taken
    within `SIMILAR_WITHIN`, and hashes that differ in at most `SIMILAR_BITS`.
    """
    ordered = sorted(photos, key=lambda one: (one[1], one[0]))
    group: dict[str, str] = {}
    for at, (photo, taken, look) in enumerate(ordered):
        for other, earlier, other_look in reversed(ordered[max(0, at - _COMPARED) : at]):
            if taken - earlier > SIMILAR_WITHIN:
                break
            if (look ^ other_look).bit_count() <= SIMILAR_BITS:
                group[photo] = group.setdefault(other, other)
                break
    return group

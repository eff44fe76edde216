"""Durations as people write them in picsync.yaml: the grammar of Go's `time.ParseDuration`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "\N{MICRO SIGN}s": 1_000,
    "\N{GREEK SMALL LETTER MU}s": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LIMIT_NS = 1 << 63
"""Go keeps a duration in a signed 64-bit number of nanoseconds, about 292 years."""
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")


def parse_duration(text: str) -> timedelta:
    """Return the duration written in `text`, cut to whole microseconds; may be zero or negative.

    Raises ValueError, saying what to write, for whatever Go would not accept either.
    """
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return timedelta(0)
    if not rest:
        raise ValueError(f"must be a duration such as `10m`, `1h30m` or `90s`, not {text!r}")
    total_ns, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None or not (part[1] or part[2]):
            raise ValueError(f"must be a duration such as `10m`, `1h30m` or `90s`, not {text[:40]!r}")
        total_ns += _part_ns(part[1], part[2] or "", part[3], text[:40])
        at = part.end()
    if total_ns > _LIMIT_NS - (not negative):
        raise ValueError(f"must be less than 292 years, not {text[:40]!r}")
    length = timedelta(microseconds=total_ns // 1000)
    return -length if negative else length


def _part_ns(digits: str, decimals: str, unit: str, text: str) -> int:
    if not unit:
        raise ValueError(
            f"needs a unit: write `{digits[:6] or 1}s` for seconds or `{digits[:6] or 1}m` for minutes"
        )
    if unit not in _UNIT_NS:
        raise ValueError(
            f"has the unknown unit {unit[:20]!r} in {text!r}; the units are ns, us, ms, s, m and h"
        )
    digits = digits.lstrip("0")
    whole_ns = int(digits[:20] or 0) * _UNIT_NS[unit]
    if len(digits) >= 20 or whole_ns > _LIMIT_NS:
        raise ValueError(f"must be less than 292 years, not {text!r}")
    numerator, scale = 0, 1.0
    for digit in decimals:
        longer = numerator * 10 + int(digit)
        if longer > _LIMIT_NS:
            break
        numerator, scale = longer, scale * 10
    # In floating point on purpose: Go does the same, so equal texts are equal durations.
    return whole_ns + int(numerator * (_UNIT_NS[unit] / scale))

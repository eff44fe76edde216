"""Durations in picsync.yaml, as Go's `time.ParseDuration` reads them, and spans of days, months and years."""

from __future__ import annotations

import re
from datetime import timedelta

from picsync.core.choice import Span

_UNIT_NS = {
    "ns": 1,
    "us": 10**3,
    "\N{MICRO SIGN}s": 10**3,
    "\N{GREEK SMALL LETTER MU}s": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_LIMIT_NS = 1 << 63
"""Go keeps a duration in a signed 64-bit number of nanoseconds, about 292 years."""
_MAX_LENGTH = 200
_PART = re.compile(r"([0-9]*)(\.[0-9]*)?([^0-9.]*)")


def parse_duration(text: str) -> timedelta:
    """Return the duration written in `text`, truncated to microseconds; may be zero or negative.

    Raises ValueError, which says what to write, for anything that Go would not accept either.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return timedelta(0)
    *parts, _ = _PART.findall(rest[: _MAX_LENGTH + 1])  # The last match is the empty one at the end.
    if not parts or len(rest) > _MAX_LENGTH:
        raise ValueError(f"must be a duration such as `10m`, `1h30m` or `90s`, not {text[:40]!r}")
    total_ns = sum(_part_ns(whole, fraction, unit, text[:40]) for whole, fraction, unit in parts)
    if not -_LIMIT_NS <= sign * total_ns < _LIMIT_NS:
        raise ValueError(f"must be less than 292 years, not {text[:40]!r}")
    return sign * timedelta(microseconds=total_ns // 1000)


def _part_ns(whole: str, fraction: str, unit: str, text: str) -> int:
    if not whole and len(fraction) < 2:
        raise ValueError(f"must be a duration such as `10m`, `1h30m` or `90s`, not {text!r}")
    if not unit:
        raise ValueError(
            f"needs a unit: write `{whole[:6] or 1}s` for seconds or `{whole[:6] or 1}m` for minutes"
        )
    if unit not in _UNIT_NS:
        raise ValueError(
            f"has the unknown unit {unit[:20]!r} in {text!r}; the units are ns, us, ms, s, m and h"
        )
    # The fraction is in floating point, as in Go: a third of an hour is 20 minutes.
    return int(whole or 0) * _UNIT_NS[unit] + int(float(f"0{fraction or '.0'}") * _UNIT_NS[unit])


_SPAN_UNITS = {
    "y": Span(12),
    "mo": Span(1),
    "w": Span(time=timedelta(weeks=1)),
    "d": Span(time=timedelta(days=1)),
    "h": Span(time=timedelta(hours=1)),
}
_SPAN_PART = re.compile(r"([0-9]{1,6}) ?([a-z]+) ?")
_SPAN = "must be a span such as `14d`, `3w`, `6mo` or `2y`"
MAX_YEARS = 1000


def parse_span(text: str) -> Span:
    """Return the span written in `text`, such as `1y6mo`; raises ValueError, which says what to write."""
    months, time, rest = 0, timedelta(0), text.strip()
    while rest:
        part = _SPAN_PART.match(rest)
        if part is None:
            raise ValueError(f"{_SPAN}, not {text[:40]!r}")
        number, unit = int(part[1]), part[2]
        if unit not in _SPAN_UNITS:
            meant = "; for months write `mo`" if unit == "m" else ""
            raise ValueError(
                f"has the unknown unit {unit[:20]!r} in {text[:40]!r}; the units are y, mo, w, d and h{meant}"
            )
        months += number * _SPAN_UNITS[unit].months
        time += number * _SPAN_UNITS[unit].time
        rest = rest[part.end() :]
    if not months and not time:
        raise ValueError(f"{_SPAN}, not {text[:40]!r}")
    if months + time.days // 30 > 12 * MAX_YEARS:
        raise ValueError(f"must be less than {MAX_YEARS} years, not {text[:40]!r}")
    return Span(months, time)

"""Instants and durations for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from picsync.words import counted

_UNITS = (("day", 86400.0), ("hour", 3600.0), ("minute", 60.0))


def rfc3339(instant: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def absolute(instant: datetime) -> str:
    """Return an aware instant as "2026-03-04 05:06:07 UTC"."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def rough(span: timedelta) -> str:
    """Return a duration in the unit that suits it: "45 seconds", "12 minutes", "3 days"."""
    seconds = max(0.0, span.total_seconds())
    # Up to two of a unit, the next smaller one tells more: 90 minutes rather than 1 hour.
    unit, length = next((each for each in _UNITS if seconds >= 2 * each[1]), ("second", 1.0))
    return counted(round(seconds / length), unit)


def relative(instant: datetime, now: datetime) -> str:
    """Return how long ago or ahead an instant is: "12 minutes ago", "in 3 hours", "now"."""
    span = instant - now
    if abs(span) < timedelta(seconds=2):
        return "now"
    return f"in {rough(span)}" if span > timedelta(0) else f"{rough(-span)} ago"

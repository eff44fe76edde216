"""Instants and durations for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from picsync import words


def rfc3339(instant: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC, to the second."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def absolute(instant: datetime) -> str:
    """Return an aware instant as "2026-03-04 05:06:07 UTC"."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def rough(span: timedelta) -> str:
    """Return a duration in the unit that suits it."""
    return words.rough(span.total_seconds())


def relative(instant: datetime, now: datetime) -> str:
    """Return how long ago or ahead an instant is: "12 minutes ago", "in 3 hours", "now"."""
    span = instant - now
    if abs(span) < timedelta(seconds=2):
        return "now"
    return f"in {rough(span)}" if span > timedelta(0) else f"{rough(-span)} ago"

"""Durations for people."""

from __future__ import annotations

from datetime import datetime, timedelta

from picsync.observe import words


def rough(span: timedelta) -> str:
    """Return a duration in the unit that suits it."""
    return words.rough(span.total_seconds())


def relative(instant: datetime, now: datetime) -> str:
    """Return how long ago or ahead an instant is: "12 minutes ago", "in 3 hours", "now"."""
    span = instant - now
    if abs(span) < timedelta(seconds=2):
        return "now"
    return f"in {rough(span)}" if span > timedelta(0) else f"{rough(-span)} ago"

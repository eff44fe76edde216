"""The machine's time zone as a value."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from picsync.core.choice import Choice, Span, Subject, choose
from picsync.system.localtime import MachineZone


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("hours", range(0, 24 * 365, 501))
def test_it_converts_as_the_zone_of_that_name(hours: int) -> None:
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    here, there = instant.astimezone(MachineZone()), instant.astimezone(ZoneInfo("Europe/Berlin"))
    assert here.replace(tzinfo=None) == there.replace(tzinfo=None)
    assert (here.utcoffset(), here.tzname()) == (there.utcoffset(), there.tzname())
    assert here.astimezone(UTC) == instant


def test_days_begin_by_it_also_at_the_ends_of_the_calendar() -> None:
    zone, now = MachineZone(), datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    items = [
        Subject(text, text, taken_at=datetime.fromisoformat(text))
        for text in ("2026-07-01T21:59:59+00:00", "2026-07-01T22:00:00+00:00")
    ]
    assert choose(items, Choice(since=date(2026, 7, 2)), now=now, zone=zone).keys == (items[1].key,)
    for choice in (
        Choice(since=date(1, 1, 1)),
        Choice(until=date(9999, 12, 31)),
        Choice(since=Span(12 * 3000)),
    ):
        assert len(choose(items, choice, now=now, zone=zone).keys) == 2

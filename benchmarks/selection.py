"""What choosing costs: CPU time of the pure choice among many photos, without any I/O."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from picsync.core.choice import Choice, Excluded, Order, Orientation, Span, Subject, choose
from picsync.core.values import dataclass

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
YEARS = 10
_ROUNDS = 5
"""Of these, the fastest counts: whatever else the machine does only makes it slower."""

MOST = 500
FRESH = Span(time=timedelta(days=14))
CHOICES = {
    **{f"order: {order}": Choice(most=MOST, order=order, fresh=FRESH) for order in Order},
    "order: random, rotate: 7d": Choice(most=MOST, order=Order.RANDOM, rotate_days=7, fresh=FRESH),
    "everything": Choice(
        most=MOST,
        since=Span(12 * YEARS),
        order=Order.SPREAD,
        fresh=FRESH,
        orientation=Orientation.LANDSCAPE,
        min_rating=1,
        similar_one=True,
        exclude=frozenset(Excluded),
    ),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of one choice."""

    settings: str
    chosen: int
    cpu_s: float


def subjects(count: int) -> list[Subject[int]]:
    """Return photos of ten years, one in five of them within seconds of another."""
    chance = random.Random(1)  # noqa: S311 - always the same photos
    found = []
    taken_at = NOW
    for number in range(count):
        near = chance.random() < 0.2
        taken_at = (
            taken_at + timedelta(seconds=3)
            if near
            else NOW - timedelta(seconds=chance.randrange(YEARS * 365 * 86_400))
        )
        wide = chance.random() < 0.7
        found.append(
            Subject(
                number,
                f"immich/{chance.getrandbits(128):032x}",
                number,
                taken_at,
                width=4032 if wide else 3024,
                height=3024 if wide else 4032,
                rating=chance.choice([0, 0, 3, 4, 5]),
                favorite=chance.random() < 0.1,
                look=chance.getrandbits(64),
                looked_at=True,
            )
        )
    return found


def measured(count: int) -> Iterator[Measured]:
    """Yield the cost of each choice among `count` photos, of which the newest ones are shown."""
    items = subjects(count)
    shown = frozenset(choose(items, Choice(most=MOST), now=NOW).keys)
    zone = ZoneInfo("Europe/Berlin")
    for settings, choice in CHOICES.items():
        best, chosen = float("inf"), 0
        for _ in range(_ROUNDS):
            began = time.process_time()
            chosen = len(choose(items, choice, shown=shown, now=NOW, zone=zone, seed="Family").keys)
            best = min(best, time.process_time() - began)
        yield Measured(settings, chosen, best)


def table(count: int) -> str:
    """Return the measured costs as a Markdown table."""
    rows = [f"| `{one.settings}` | {one.chosen:,} | {one.cpu_s:.3f} s |" for one in measured(count)]
    return "\n".join([f"| choice among {count:,} photos | chosen | CPU |", "| --- | ---: | ---: |", *rows])

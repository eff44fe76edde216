"""Finds the date that a phone or program has written into a file's name.

Known forms, at any place in the name: `2015-02-12 00.05.58` (Dropbox's camera upload; also with `_`, `.` or
`:`), `IMG_20150212_000558` (Android, Samsung, Windows Phone), `Screenshot 2015-02-12 at 00.05.58` (macOS),
`IMG-20150212-WA0001` and `WhatsApp Image 2015-02-12 at 00.05.58`, `photo_2015-02-12_00-05-58` (Telegram),
`signal-2015-02-12-000558`, and `PXL_20150212_000558123`, which Pixel phones write in UTC. All others write
what the phone's clock shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

_COMPACT = re.compile(
    r"(?<!\d)(\d{4})(\d\d)(\d\d)(?:[-_ T.]?([01]\d|2[0-3])([0-5]\d)([0-5]\d)\d{0,3})?(?!\d)", re.ASCII
)
_SEPARATED = re.compile(
    r"(?<!\d)(\d{4})([-_.:])(\d{1,2})\2(\d{1,2})(?!\d)"
    r"(?:(?: at |[-_ T.,]{1,3})(\d{1,2})[-_.:h]?([0-5]\d)[-_.:m]?([0-5]\d)(?!\d))?",
    re.ASCII,
)
_IN_UTC = "PXL_"

YEAR = re.compile(r"^20\d\d$")
MONTH = re.compile(r"^(0?[1-9]|1[012])$")


def date_in_name(
    name: str, *, year: re.Pattern[str] = YEAR, month: re.Pattern[str] = MONTH
) -> datetime | None:
    """Return the first date in a file's name whose year and month match; None if there is none.

    Without a zone, it is the time on the phone's clock, at midnight if the name has no time.
    """
    for _, date, clock in sorted(_dates(name)):
        if not (year.search(date[0]) and month.search(date[1])):
            continue
        for time in (clock, ("0", "0", "0")):
            try:
                found = datetime(*map(int, (*date, *time)))  # type: ignore[arg-type] # noqa: DTZ001
            except ValueError:
                continue
            return found.replace(tzinfo=UTC) if name.startswith(_IN_UTC) else found
    return None


def has_time(name: str) -> bool:
    """Whether a name has a date with a time to the second, so that it hardly occurs twice."""
    return any(any(clock) for _, _, clock in _dates(name))


def _dates(name: str) -> Iterator[tuple[int, tuple[str, str, str], tuple[str, str, str]]]:
    """Yield place, date and time, the time as empty texts if there is none."""
    for found in _COMPACT.finditer(name):
        yield found.start(), (found[1], found[2], found[3]), _clock(found, 4)
    for found in _SEPARATED.finditer(name):
        yield found.start(), (found[1], found[3], found[4]), _clock(found, 5)


def _clock(found: re.Match[str], first: int) -> tuple[str, str, str]:
    return tuple(found[at] or "0" if found[first] else "" for at in range(first, first + 3))  # type: ignore[return-value] # three

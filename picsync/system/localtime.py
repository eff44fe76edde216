"""Displays times in the time zone of `TZ`, or of the machine.

Inside picsync, times are aware UTC; this module converts all displayed times. The C library treats an unknown
zone as UTC, but names it after the first letters of `TZ`. `use_known_zone` therefore replaces such a `TZ`
when picsync starts, and `zone_problem` says what is wrong with it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

ZONE_FOLDERS = (Path("/usr/share/zoneinfo"), Path("/usr/lib/zoneinfo"), Path("/usr/share/lib/zoneinfo"))
"""Where C libraries look for zones."""
LOCALTIME = Path("/etc/localtime")

_NAME = r"(?:<[A-Za-z0-9+-]{3,}>|[A-Za-z]{3,})"
_OFFSET = r"[+-]?\d{1,2}(?::\d{2}){0,2}"
_RULES = re.compile(rf"{_NAME}{_OFFSET}(?:{_NAME}(?:{_OFFSET})?(?:,[MJ\d.:/+-]+,[MJ\d.:/+-]+)?)?", re.ASCII)
"""A zone in POSIX notation, such as `CET-1CEST,M3.5.0,M10.5.0/3`."""
_REVERSED = re.compile(r"(?:UTC|GMT)([+-]?)(0?[1-9]|[12]\d)", re.ASCII)
"""Something that looks like an offset; POSIX counts it westwards, and the times would still be called UTC."""
_WITHOUT_DATA = frozenset({"", "UTC", "UTC0", "GMT", "GMT0", "Etc/UTC", "Etc/GMT", "Etc/UCT", "Zulu", "Z"})
"""Names that need no data, and mean UTC."""
_replaced: list[str] = []
"""The process's original `TZ`, if it is unusable."""


class MachineZone(tzinfo):
    """The time zone of the process, as the C library knows it."""

    def utcoffset(self, moment: datetime | None) -> timedelta:
        """Return the offset of a local time."""
        found = None if moment is None else _aware(moment.replace(tzinfo=None)).utcoffset()
        return found or timedelta(0)

    def dst(self, moment: datetime | None) -> None:
        """Return None: nothing depends on it."""

    def tzname(self, moment: datetime | None) -> str | None:
        """Return the abbreviation of the zone at a local time."""
        return None if moment is None else _aware(moment.replace(tzinfo=None)).tzname()

    def fromutc(self, moment: datetime) -> datetime:
        """Return the local time of a UTC time."""
        return _aware(moment.replace(tzinfo=UTC)).replace(tzinfo=self)


def _aware(moment: datetime) -> datetime:
    """Return a naive local time, or an aware one, with the offset of the process's zone."""
    try:
        return moment.astimezone()
    except (OverflowError, ValueError, OSError):
        return moment  # At the ends of the calendar.


def local(instant: datetime) -> datetime:
    """Return an aware instant in the time zone of the process."""
    try:
        return instant.astimezone()
    except (OverflowError, ValueError, OSError):
        # At the ends of the calendar, which dates in foreign data may reach.
        return instant


def absolute(instant: datetime) -> str:
    """Return an aware instant as "2026-03-04 05:06:07 CET"."""
    return f"{local(instant):%Y-%m-%d %H:%M:%S %Z}"


def to_second(instant: datetime) -> str:
    """Return an aware instant as "2026-03-04 05:06:07", for lists whose zone is known."""
    return f"{local(instant):%Y-%m-%d %H:%M:%S}"


def to_minute(instant: datetime | None) -> str:
    """Return an aware instant as "2026-03-04 05:06"; empty for None."""
    return "" if instant is None else f"{local(instant):%Y-%m-%d %H:%M}"


def upcoming(instant: datetime, now: datetime) -> str:
    """Return an aware instant as "05:06" if it is today, otherwise as "2026-03-04 05:06"."""
    same_day = local(instant).date() == local(now).date()
    return f"{local(instant):%H:%M}" if same_day else to_minute(instant)


def clock(instant: datetime) -> str:
    """Return the time of day of an aware instant as "05:06:07"."""
    return f"{local(instant):%H:%M:%S}"


def day(instant: datetime) -> str:
    """Return the day of an aware instant as "2026-03-04"."""
    return f"{local(instant):%Y-%m-%d}"


def day_in_words(instant: datetime) -> str:
    """Return the day of an aware instant as "4 March 2026"."""
    return f"{local(instant).day} {local(instant):%B %Y}"


def rfc3339(instant: datetime) -> str:
    """Return an aware instant as RFC 3339 to the second, with the local offset; `Z` for UTC."""
    return local(instant).isoformat(timespec="seconds").replace("+00:00", "Z")


def exact(instant: datetime) -> str:
    """Return an aware instant as RFC 3339 with all its digits and the local offset."""
    return local(instant).isoformat()


def zone_name() -> str:
    """Return the name of the zone: that of `TZ`, or of the machine; UTC if unknown."""
    if "TZ" in os.environ:
        return os.environ["TZ"].removeprefix(":") or "Etc/UTC"
    with suppress(OSError):
        if found := str(LOCALTIME.resolve(strict=True)).partition("/zoneinfo/")[2]:
            return found
    return "Etc/UTC"


def use_known_zone(environ: MutableMapping[str, str]) -> None:
    """Replace an unusable `TZ` by UTC, so that times are labelled correctly."""
    zone = environ.get("TZ", "")
    if not _known(zone, environ):
        _replaced[:] = [zone]
        environ["TZ"] = "Etc/UTC"
        time.tzset()


def zone_problem() -> tuple[str, str] | None:
    """Return what is wrong with the process's original `TZ`, and what to do about it."""
    if not _replaced:
        return None
    # Only for this message.
    import difflib
    from zoneinfo import available_timezones

    zone = _replaced[0]
    if turned := _REVERSED.fullmatch(zone):
        way = "ahead of" if turned[1] == "-" else "behind"
        return (
            f"TZ is {zone!r}, which by its rules means {int(turned[2])} h {way} UTC: all times are UTC.",
            "Write the name of a zone, such as TZ=Europe/Berlin.",
        )
    if not any(folder.is_dir() for folder in _folders(os.environ)):
        what = "this machine has no time zone data"
        return (
            f"TZ is {zone!r}, but {what}: all times are UTC.",
            "Install the package tzdata, or mount /usr/share/zoneinfo.",
        )
    close = difflib.get_close_matches(zone.removeprefix(":"), sorted(available_timezones()), n=1)
    example = close[0] if close else "Europe/Berlin"
    return (
        f"TZ is {zone!r}, which is not a time zone that this machine knows: all times are UTC.",
        f"{'Did you mean' if close else 'Write'} TZ={example}{'?' if close else ' or the like.'}",
    )


def _known(zone: str, environ: Mapping[str, str]) -> bool:
    zone = zone.removeprefix(":")
    if zone in _WITHOUT_DATA:
        return True
    if _RULES.fullmatch(zone):
        return not _REVERSED.fullmatch(zone)
    # An absolute path is kept.
    return any(_has_rules(folder / zone) for folder in _folders(environ))


def _folders(environ: Mapping[str, str]) -> Sequence[Path]:
    own = environ.get("TZDIR")
    return [Path(own)] if own else ZONE_FOLDERS


def _has_rules(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"TZif"
    except (OSError, ValueError):
        return False

"""Writes the parts of dates in many languages. Babel is loaded when the first one is needed."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache

from picsync.core.caption import DatePart


@lru_cache(maxsize=64)
def date_parts(language: str) -> DatePart:
    """Return a function for the parts of a date in a language; an empty one is English."""
    from babel import Locale
    from babel.dates import format_date, get_day_names, get_month_names, get_period_names

    locale = Locale.parse(language or "en", sep="-")

    def month(taken: datetime, width: str, beside_day: bool) -> str:
        # Many languages have another form of the name for "3 May" than for "May 2026".
        context = "format" if beside_day else "stand-alone"
        return str(get_month_names(width, context, locale)[taken.month])  # type: ignore[arg-type]

    def part(taken: datetime, directive: str, beside_day: bool) -> str:
        match directive:
            case "B" | "b":
                return month(taken, "wide" if directive == "B" else "abbreviated", beside_day)
            case "A" | "a":
                width = "wide" if directive == "A" else "abbreviated"
                return str(get_day_names(width, "format", locale)[taken.weekday()])  # type: ignore[arg-type]
            case "x":
                return format_date(taken, "long", locale=locale)
            case "p":
                return str(get_period_names(locale=locale)["am" if taken.hour < 12 else "pm"])
            case "Y":
                return f"{taken.year}"
            case "e":
                return f"{taken.day}"
        return f"{taken:%{directive}}"

    return part

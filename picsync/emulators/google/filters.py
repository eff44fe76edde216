"""The filters of `mediaItems.search`."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from picsync.emulators.google.errors import invalid
from picsync.emulators.google.library import Item

Predicate = Callable[[Item], bool]

_MAX_DATES = 5
_MAX_CATEGORIES = 10


def compile_filters(filters: Mapping[str, Any], client_id: str) -> Predicate:
    """Return a predicate for all filters; raises ApiError for filters that Google refuses."""
    parts: list[Predicate] = []
    if not filters.get("includeArchivedMedia"):
        parts.append(lambda item: not item.archived)
    if filters.get("excludeNonAppCreatedData"):
        parts.append(lambda item: item.client_id == client_id)
    if filters.get("mediaTypeFilter"):
        parts.append(_media_types(filters["mediaTypeFilter"]))
    if filters.get("featureFilter"):
        parts.append(_features(filters["featureFilter"]))
    if filters.get("contentFilter"):
        parts.append(_contents(filters["contentFilter"]))
    if filters.get("dateFilter"):
        parts.append(_dates(filters["dateFilter"]))
    return lambda item: all(part(item) for part in parts)


def _media_types(value: Mapping[str, Any]) -> Predicate:
    types = set(value.get("mediaTypes", ()))
    if len(types) != 1:
        raise invalid("There must be exactly one media type in the media type filter.")
    (wanted,) = types
    return lambda item: wanted == "ALL_MEDIA" or item.is_video == (wanted == "VIDEO")


def _features(value: Mapping[str, Any]) -> Predicate:
    wanted = value.get("includedFeatures", ())
    return lambda item: item.favorite or "FAVORITES" not in wanted


def _contents(value: Mapping[str, Any]) -> Predicate:
    included = set(value.get("includedContentCategories", ())) - {"NONE"}
    excluded = set(value.get("excludedContentCategories", ())) - {"NONE"}
    if max(len(included), len(excluded)) > _MAX_CATEGORIES:
        raise invalid(f"There must be at most {_MAX_CATEGORIES} categories in the content filter.")
    return lambda item: (not included or bool(included & item.categories)) and not excluded & item.categories


def _dates(value: Mapping[str, Any]) -> Predicate:
    dates, ranges = value.get("dates", []), value.get("ranges", [])
    if len(dates) > _MAX_DATES or len(ranges) > _MAX_DATES:
        raise invalid(f"There must be at most {_MAX_DATES} dates and {_MAX_DATES} ranges in the date filter.")
    spans = [_span(each, each) for each in dates]
    for each in ranges:
        start, end = each.get("startDate", {}), each.get("endDate", {})
        if [bool(start.get(unit)) for unit in _UNITS] != [bool(end.get(unit)) for unit in _UNITS]:
            raise invalid("Start and end of a date range must have the same format.")
        spans.append(_span(start, end))
    if not spans:
        return lambda _: True

    def taken_within(item: Item) -> bool:
        taken = datetime.fromtimestamp(item.created_at, UTC).date()
        return any(matches(taken) for matches in spans)

    return taken_within


_UNITS = ("year", "month", "day")


def _span(start: Mapping[str, Any], end: Mapping[str, Any]) -> Callable[[date], bool]:
    """Return whether a date is between two dates that may be partial; a missing year means every year."""
    try:
        year, month, day = (start.get(unit, 0) for unit in _UNITS)
        last_year, last_month, last_day = (end.get(unit, 0) for unit in _UNITS)
        if not year:
            low, high = (month, day or 1), (last_month, last_day or 31)
            if not month:
                raise invalid("Invalid date: it has neither year nor month.")
            return lambda taken: low <= (taken.month, taken.day) <= high
        first = date(year, month or 1, day or 1)
        last_month = last_month or 12
        last = date(last_year, last_month, last_day or calendar.monthrange(last_year, last_month)[1])
    except ValueError as error:
        raise invalid(f"Invalid date: {error}.") from None
    if last < first:
        raise invalid("The end of a date range is before its start.")
    return lambda taken: first <= taken <= last

"""Assets by capture time: the buckets of the web page, and the memories of earlier years."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from picsync.emulators.immich.access import Calls, Visitor
from picsync.emulators.immich.errors import invalid, json_answer
from picsync.emulators.immich.filters import VISIBILITIES, choice
from picsync.emulators.immich.library import Asset
from picsync.emulators.immich.media import flag
from picsync.emulators.immich.resources import asset_json, instant
from picsync.emulators.service import Handler


class Timeline(Calls):
    """The calls below `/timeline` and `/memories`."""

    def calls(self) -> Sequence[tuple[str, str, Handler]]:
        """Return verb, path below `/api` and handler of each."""
        return (("GET", "/timeline/buckets", self._buckets), ("GET", "/memories", self._memories))

    async def _buckets(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "asset.read", shared=True)
        found = Counter(_day(asset).replace(day=1).isoformat() for asset in self._asked(visitor, request))
        return json_answer(
            [{"timeBucket": month, "count": found[month]} for month in sorted(found, reverse=True)]
        )

    def _asked(self, visitor: Visitor, request: web.Request) -> list[Asset]:
        query = request.query
        fits: list[Callable[[Asset], bool]] = []
        if "albumId" in query:
            found = self._access.album(visitor, query["albumId"]).assets
        else:
            visitor.require("timeline.read")
            found = self._library.visible(visitor.user)
        if "visibility" in query:
            visibility = choice(query["visibility"], VISIBILITIES, ("visibility",))
            fits.append(lambda asset: asset.visibility == visibility)
        else:
            fits.append(lambda asset: asset.visibility in ("timeline", "archive"))
        if "isFavorite" in query:
            favorite = flag(request, "isFavorite")
            fits.append(lambda asset: asset.favorite == favorite)
        if "personId" in query:
            fits.append(lambda asset: query["personId"] in asset.people)
        if "tagId" in query:
            fits.append(lambda asset: query["tagId"] in asset.tags)
        trashed = flag(request, "isTrashed")
        return [asset for asset in found if asset.trashed == trashed and all(each(asset) for each in fits)]

    async def _memories(self, request: web.Request) -> web.StreamResponse:
        visitor = self._access.visitor(request, "memory.read")
        query = request.query
        wanted = query.get("type", "on_this_day") == "on_this_day"
        if flag(request, "isSaved") or flag(request, "isTrashed") or not wanted:
            # Memories are never saved, deleted or of another type.
            return json_answer([])
        today = _read_day(query["for"]) if "for" in query else _date(self._options.now())
        years: dict[int, list[Asset]] = {}
        for asset in self._library.visible(visitor.user):
            day = _day(asset)
            same = (day.month, day.day) == (today.month, today.day) and day.year < today.year
            if same and not asset.trashed and asset.visibility == "timeline":
                years.setdefault(day.year, []).append(asset)
        return json_answer(
            [self._memory(visitor, today, year, years[year]) for year in sorted(years, reverse=True)]
        )

    def _memory(self, visitor: Visitor, today: date, year: int, assets: Sequence[Asset]) -> dict[str, Any]:
        midnight = datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp()
        made = instant(self._options.now())
        return {
            "id": _memory_id(visitor.user.user_id, today, year),
            "ownerId": visitor.user.user_id,
            "type": "on_this_day",
            "data": {"year": year},
            "isSaved": False,
            "memoryAt": f"{year:04}-{today:%m-%d}T00:00:00.000Z",
            "showAt": instant(midnight),
            "hideAt": instant(midnight + 86_399.999),
            "createdAt": made,
            "updatedAt": made,
            "assets": [asset_json(asset, self._options) for asset in assets],
        }


def _memory_id(user_id: str, today: date, year: int) -> str:
    """Return a stable ID with the format of UUID version 4."""
    digits = list(str(uuid5(NAMESPACE_URL, f"{user_id} {today} {year}")))
    digits[14] = "4"
    return "".join(digits)


def _day(asset: Asset) -> date:
    return _date(asset.taken_at)


def _date(at: float) -> date:
    return datetime.fromtimestamp(at, UTC).date()


def _read_day(text: str) -> date:
    """Parse a day given as a date or a time; raises ImmichError."""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise invalid(["for"], "Invalid ISO date", "invalid_format") from None

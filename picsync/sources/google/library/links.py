"""Renews the URLs of originals that expire between a listing and the downloads.

A base URL is valid for 60 minutes after the response that contained it (documented; 30 to 40 were observed),
so in a long first run the listed URLs expire before they are used. A URL is renewed when it is old or was
refused, together with those of the following items of the album, which are equally old and needed next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import field
from itertools import chain, dropwhile, islice

from picsync.core.model import MediaItem
from picsync.core.values import dataclass

MAX_AGE_S = 55 * 60.0
"""Renew before Google's 60 minutes end, so that a slow download still starts in time."""

_LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class Link:
    """The location of an original."""

    url: str = field(repr=False)
    """A bearer secret; empty if there is none."""
    since: float
    """Clock reading before the request whose response contained it."""
    problem: str = ""
    """For the user: why the original is unavailable; empty if it should be available."""


class Links:
    """The latest URL of each listed item; at most one renewal runs at a time."""

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], Awaitable[Mapping[str, Link]]],
        *,
        batch_size: int,
        clock: Callable[[], float],
    ) -> None:
        self._fetch = fetch
        self._batch_size = batch_size
        self._clock = clock
        self._lock = asyncio.Lock()
        self._listed: dict[str, dict[str, float]] = {}
        self._renewed: dict[str, Link] = {}

    def listed(self, album_id: str, since: dict[str, float]) -> None:
        """Record a new listing of an album: item ID -> when its URL was requested, in album order."""
        self._listed[album_id] = since
        # Forget the album's old items: nobody requests an item that no album contains any more.
        others = {item_id for other, ages in self._listed.items() if other != album_id for item_id in ages}
        for item_id in [each for each in self._renewed if each in since or each not in others]:
            del self._renewed[item_id]

    async def link(self, item: MediaItem, *, refused: Link | None = None) -> Link:
        """Return the item's link, renewed if it is old or equals `refused`; raises what `fetch` raises."""
        link = self._latest(item.item_id, item.url)
        if self._usable(link, refused):
            return link
        async with self._lock:
            link = self._latest(item.item_id, item.url)
            if not self._usable(link, refused):
                fresh = await self._fetch(self._due(item.item_id))
                self._renewed.update(fresh)
                link = fresh[item.item_id]
            return link

    def _latest(self, item_id: str, url: str) -> Link:
        renewed = self._renewed.get(item_id)
        if renewed is not None:
            return renewed
        since = max((ages[item_id] for ages in self._listed.values() if item_id in ages), default=_LONG_AGO)
        return Link(url, since)

    def _usable(self, link: Link, refused: Link | None) -> bool:
        known = bool(link.url or link.problem)
        return known and link != refused and self._clock() - link.since < MAX_AGE_S

    def _due(self, item_id: str) -> list[str]:
        following = next((ages for ages in self._listed.values() if item_id in ages), {item_id: _LONG_AGO})
        rest = dropwhile(lambda other: other != item_id, following)
        # The earlier ones last: refusals of concurrent downloads do not arrive in order.
        candidates = dict.fromkeys(chain(rest, following))
        others = (other for other in candidates if other != item_id and not self._is_renewed(other))
        return [item_id, *islice(others, self._batch_size - 1)]

    def _is_renewed(self, item_id: str) -> bool:
        renewed = self._renewed.get(item_id)
        return renewed is not None and self._usable(renewed, None)

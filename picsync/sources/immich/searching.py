"""Reads all pages of an Immich search, in either form, and collects the assets.

Nothing is guessed: a response that omits a required field, or contradicts the request, ends the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from picsync.core.errors import ProtocolError, RefusedError, TransientError
from picsync.core.model import MediaItem
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.options import Rendition
from picsync.sources.immich.renditions import KINDS, media_item
from picsync.sources.immich.selection import LARGEST_PAGE, TIMELINE, Selection
from picsync.sources.immich.wire import AssetPage, AssetWire

MAX_PAGES = 1_000
"""A million assets; more than any user's album."""


class _ConditionIgnoredError(ProtocolError):
    """The search ignored one of its conditions."""


@dataclass
class Collected:
    """What has been found so far; still useful if an error ends the search."""

    kind: str
    wanted: Rendition
    through: str
    """Name of the API through which the bytes are downloaded."""
    progress: Callable[[str, int, int | None], None]
    """Called after each page with title, count and expected count."""
    title: str = ""
    ratings: bool = False
    """Whether ratings are needed."""
    offline_only: bool = False
    """Only assets whose files are missing were requested."""
    seen: set[str] = field(default_factory=set)
    items: dict[str, MediaItem] = field(default_factory=dict)
    motions: set[str] = field(default_factory=set)
    """Videos of live photos; each is represented by its still image."""

    def take(self, assets: Iterable[AssetWire]) -> int:
        """Add a page's assets, and return how many of them are new."""
        before = len(self.seen)
        for asset in assets:
            if asset.id in self.seen:
                continue
            self.seen.add(asset.id)
            if asset.live_photo_video_id:
                self.motions.add(asset.live_photo_video_id)
            # A file that is missing on the server's disk was not deleted by a user, although Immich moves it
            # to the trash.
            trashed = asset.is_trashed and not (asset.is_offline or self.offline_only)
            put_away = trashed or asset.is_archived or asset.visibility != TIMELINE
            if asset.type in KINDS and not put_away:
                self.items[asset.id] = media_item(self.kind, asset, self.wanted, through=self.through)
        return len(self.seen) - before

    def visible_items(self) -> tuple[MediaItem, ...]:
        """Return the items, without the videos of live photos."""
        return tuple(item for item in self.items.values() if item.item_id not in self.motions)

    def empty_copy(self, *, offline_only: bool = False) -> Collected:
        """Return an empty one for a further search of the same entry."""
        return Collected(
            self.kind,
            self.wanted,
            self.through,
            lambda *_: None,
            ratings=self.ratings,
            offline_only=offline_only,
        )

    def add(self, other: Collected) -> None:
        """Add the items of another one."""
        self.items = {**other.items, **self.items}
        self.motions |= other.motions

    def clear(self) -> None:
        """Drop everything, since it is not what was requested."""
        self.items.clear()


class Search:
    """Reads all pages of a search."""

    def __init__(self, api: ImmichApi, collected: Collected, claimed: int | None) -> None:
        self._api = api
        self._collected = collected
        self._claimed = claimed
        self.pages = 0
        """Number of pages read."""

    async def in_either_form(self, selection: Selection, *, by_filter: bool) -> bool:
        """Search in one form, and once in the other if the server rejects it; return whether by filter.

        The version number is not sufficient: forms have been renamed and removed before.
        """
        forms = (self.by_cursor, self.flat) if by_filter else (self.flat, self.by_cursor)
        try:
            await forms[0](selection)
        except RefusedError as refused:
            if refused.status != 400 or self._collected.seen:
                raise
            try:
                await forms[1](selection)
            except RefusedError:
                raise refused from None
            return not by_filter
        return by_filter

    async def flat(self, selection: Selection) -> None:
        """Search in the flat form, page by number."""
        number = 1
        for _ in range(MAX_PAGES):
            page = await self._api.search(selection.flat_page(number))
            self._take(page, "next_page")
            if page.next_page is None:
                return
            if not page.next_page.isdecimal() or int(page.next_page[:9]) != number + 1:
                raise ProtocolError(f"{SEARCH}: Immich names a next page other than the one after {number}.")
            number += 1
        raise ProtocolError(f"{SEARCH}: Immich's pages do not end.")

    async def by_cursor(self, selection: Selection) -> None:
        """Search in the filter form, page by cursor."""
        cursor = None
        for _ in range(MAX_PAGES):
            page = await self._api.search(selection.filter_page(cursor))
            self._take(page, "next_cursor")
            cursor = page.next_cursor
            if not cursor:
                return
        raise ProtocolError(f"{SEARCH}: Immich's pages do not end.")

    def _take(self, page: AssetPage, following: str) -> None:
        if following not in page.model_fields_set:
            raise ProtocolError(f"{SEARCH}: the response does not say whether there is another page.")
        if page.count is not None and page.count != len(page.items):
            raise ProtocolError(
                f"{SEARCH}: {page.count} assets were announced, but {len(page.items)} were sent."
            )
        self.pages += 1
        if self._collected.offline_only and any(asset.is_offline is False for asset in page.items):
            raise _ConditionIgnoredError(f"{SEARCH}: Immich also lists pictures whose files are not missing.")
        new = self._collected.take(page.items)
        more = getattr(page, following) is not None
        if more and not new:
            raise ProtocolError(f"{SEARCH}: Immich's pages repeat.")
        self._collected.progress(self._collected.title, len(self._collected.seen), self._claimed)
        if self._claimed is not None and len(self._collected.seen) > self._claimed + LARGEST_PAGE:
            refuse_too_many(self._collected, self._claimed)


async def collect_missing(
    api: ImmichApi, missing: Collected, selection: Selection, *, by_filter: bool
) -> str | None:
    """Collect the assets whose files are missing; return why their number is unknown, None if it is known."""
    search = Search(api, missing, None)
    try:
        await search.in_either_form(selection.missing(), by_filter=by_filter)
    except (RefusedError, TransientError, _ConditionIgnoredError) as error:
        return f"It is unknown whether Immich omits pictures whose disk is not mounted. {error}"
    return None


def refuse_too_many(collected: Collected, claimed: int | None) -> None:
    """Raise ProtocolError, and drop everything, if more was found than the album contains."""
    if claimed is not None and len(collected.seen) > claimed:
        collected.clear()
        raise ProtocolError(
            f"{SEARCH}: Immich lists {len(collected.seen)} pictures of an album that contains {claimed}; "
            "some seem to belong to other albums, so none is taken.",
            hint="This version of Immich may have changed its search: check for a newer picsync.",
        )

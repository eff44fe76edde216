"""Reads a search of Immich to its end, in either form, and keeps what it shows.

What an answer does not say, or says of something else, is never guessed: it ends the search.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from picsync.core.errors import ProtocolError, RefusedError, TransientError
from picsync.core.model import MediaItem
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.options import Wanted
from picsync.sources.immich.renditions import KINDS, media_item
from picsync.sources.immich.selection import LARGEST_PAGE, TIMELINE, Selection
from picsync.sources.immich.wire import AssetPage, AssetWire

MAX_PAGES = 1_000
"""A million assets; more than anyone's album."""


class _ConditionIgnoredError(ProtocolError):
    """The search was answered, but for something else than it asked for."""


@dataclass
class Gathered:
    """What has been found so far; worth something also if an error ends it."""

    kind: str
    wanted: Wanted
    through: str
    """The name of the API that leads to the bytes."""
    progress: Callable[[str, int, int | None], None]
    """Told title, count and how many there should be, after each page."""
    title: str = ""
    offline_only: bool = False
    """What is asked for are assets whose files are missing."""
    seen: set[str] = field(default_factory=set)
    items: dict[str, MediaItem] = field(default_factory=dict)
    motions: set[str] = field(default_factory=set)
    """Moving parts of live photos: each is shown by its still."""

    def take(self, assets: Iterable[AssetWire]) -> int:
        """Take a page's assets and return how many of them are new."""
        before = len(self.seen)
        for asset in assets:
            if asset.id in self.seen:
                continue
            self.seen.add(asset.id)
            if asset.live_photo_video_id:
                self.motions.add(asset.live_photo_video_id)
            # A file that is missing on the server's disk is no wish to see it gone, although Immich puts it
            # into the trash.
            trashed = asset.is_trashed and not (asset.is_offline or self.offline_only)
            put_away = trashed or asset.is_archived or asset.visibility != TIMELINE
            if asset.type in KINDS and not put_away:
                self.items[asset.id] = media_item(self.kind, asset, self.wanted, through=self.through)
        return len(self.seen) - before

    def chosen(self) -> tuple[MediaItem, ...]:
        """Return the items, without the moving parts of live photos."""
        return tuple(item for item in self.items.values() if item.item_id not in self.motions)

    def apart(self, *, offline_only: bool = False) -> Gathered:
        """Return an empty one for a further search of the same entry."""
        return Gathered(self.kind, self.wanted, self.through, lambda *_: None, offline_only=offline_only)

    def add(self, other: Gathered) -> None:
        """Take what another one has gathered besides."""
        self.items = {**other.items, **self.items}
        self.motions |= other.motions

    def forget(self) -> None:
        """Drop everything: it is not what was asked for."""
        self.items.clear()


class Search:
    """Reads all pages of a search."""

    def __init__(self, api: ImmichApi, gathered: Gathered, claimed: int | None) -> None:
        self._api = api
        self._gathered = gathered
        self._claimed = claimed
        self.pages = 0
        """How many have been read."""

    async def either(self, selection: Selection, *, by_filter: bool) -> bool:
        """Gather in one form, and once in the other if the server rejects it; return whether by filter.

        A version's number alone does not tell: forms were renamed and taken away before.
        """
        forms = (self.by_cursor, self.flat) if by_filter else (self.flat, self.by_cursor)
        try:
            await forms[0](selection)
        except RefusedError as refused:
            if refused.status != 400 or self._gathered.seen:
                raise
            try:
                await forms[1](selection)
            except RefusedError:
                raise refused from None
            return not by_filter
        return by_filter

    async def flat(self, selection: Selection) -> None:
        """Gather page by number."""
        number = 1
        for _ in range(MAX_PAGES):
            page = await self._api.search(selection.flat_page(number))
            self._take(page, "next_page")
            if page.next_page is None:
                return
            if not page.next_page.isdecimal() or int(page.next_page[:9]) != number + 1:
                raise ProtocolError(f"{SEARCH}: the page after {number} is said to be another one.")
            number += 1
        raise ProtocolError(f"{SEARCH}: Immich's pages do not end.")

    async def by_cursor(self, selection: Selection) -> None:
        """Gather in the filter form."""
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
            raise ProtocolError(f"{SEARCH}: the answer does not say whether there is another page.")
        if page.count is not None and page.count != len(page.items):
            raise ProtocolError(f"{SEARCH}: {page.count} were announced, but {len(page.items)} were sent.")
        self.pages += 1
        if self._gathered.offline_only and any(asset.is_offline is False for asset in page.items):
            raise _ConditionIgnoredError(f"{SEARCH}: Immich also lists pictures whose files are there.")
        new = self._gathered.take(page.items)
        more = getattr(page, following) is not None
        if more and not new:
            raise ProtocolError(f"{SEARCH}: Immich's pages repeat.")
        self._gathered.progress(self._gathered.title, len(self._gathered.seen), self._claimed)
        if self._claimed is not None and len(self._gathered.seen) > self._claimed + LARGEST_PAGE:
            refuse_too_many(self._gathered, self._claimed)


async def gather_missing(
    api: ImmichApi, missing: Gathered, selection: Selection, *, by_filter: bool
) -> str | None:
    """Gather the assets whose files are missing; return why it cannot be told whether there are any."""
    search = Search(api, missing, None)
    try:
        await search.either(selection.missing(), by_filter=by_filter)
    except (RefusedError, TransientError, _ConditionIgnoredError) as error:
        return f"It is unknown whether Immich omits pictures whose disk is not mounted. {error}"
    return None


def refuse_too_many(gathered: Gathered, claimed: int | None) -> None:
    """Raise ProtocolError, and drop everything, if more was found than there is."""
    if claimed is not None and len(gathered.seen) > claimed:
        gathered.forget()
        raise ProtocolError(
            f"{SEARCH}: Immich lists {len(gathered.seen)} pictures of an album that contains {claimed}; "
            "some seem to belong to other albums, so none is taken.",
            hint="This version of Immich may have changed its search: check for a newer picsync.",
        )

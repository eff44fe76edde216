"""Collects what an entry shows, and asks whether that is all.

Immich's answers have changed from version to version, and each time a client that filled the gaps itself
showed nothing. So a listing is complete only if something else than the search says so, too: the album's
count, or the search's statistics. Nothing found where an album says that it holds something is never
believed, and more found than it holds means that the search was not understood: then nothing is taken.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from picsync.errors import ProtocolError, RefusedError
from picsync.model import MediaItem
from picsync.sources.immich import names
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.names import Resolved
from picsync.sources.immich.options import ImmichEntry, Wanted
from picsync.sources.immich.renditions import KINDS, media_item
from picsync.sources.immich.selection import LARGEST_PAGE, TIMELINE, Selection
from picsync.sources.immich.wire import AssetPage, AssetWire, SharedLinkWire, Version

MAX_PAGES = 1_000
"""A million assets; more than anyone's album."""

OLDEST_MAJOR = 2
_ALBUM, _INDIVIDUAL = "ALBUM", "INDIVIDUAL"


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
    """Take only assets whose files are missing, whatever else an answer has."""
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
            if self.offline_only and not asset.is_offline:
                continue
            # A file that is missing on the server's disk is no wish to see it gone, although Immich puts it
            # into the trash.
            trashed = asset.is_trashed and not asset.is_offline
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


async def list_entry(api: ImmichApi, entry: ImmichEntry, gathered: Gathered) -> str | None:
    """Gather what an entry shows on the key's server; return why that may not be all, None if it is.

    Raises what the calls raise, and ProtocolError.
    """
    version = await known_version(api)
    resolved = await names.resolve(api, entry, version)
    gathered.title = resolved.title
    search = Search(api, gathered, resolved.claimed)
    by_filter = await search.gather(resolved.selection, version)
    if resolved.claimed is not None and len(gathered.seen) > resolved.claimed:
        # Somebody may have put some in meanwhile.
        resolved = await names.resolve(api, entry, version)
        _refuse_too_many(gathered, resolved.claimed)
    missing = gathered.apart(offline_only=True)
    problem = await _gather_missing(api, missing, resolved.selection, by_filter=by_filter)
    if not version.known and (resolved.claimed is None or missing.items):
        await _refuse_if_not_understood(api, gathered, resolved.selection, by_filter=by_filter)
    gathered.add(missing)
    return problem or await _doubts(api, gathered, resolved, by_filter=by_filter and not version.known)


async def list_link(api: ImmichApi, gathered: Gathered, password: str) -> str | None:
    """Gather what a shared link shows; return why that may not be all, None if it is.

    Raises what the calls raise, and ProtocolError.
    """
    version = await known_version(api)
    link = await _open(api, password)
    if not link.allow_download:
        if gathered.wanted in (Wanted.ORIGINAL, Wanted.EDITED):
            raise RefusedError(
                "The shared link does not allow downloads of originals.",
                status=403,
                hint="Ask its owner to allow them, or write `rendition: preview` into the entry.",
            )
        gathered.wanted = Wanted.PREVIEW
    if link.type == _INDIVIDUAL:
        gathered.title = "shared pictures"
        gathered.take(link.assets)
        gathered.progress(gathered.title, len(gathered.seen), None)
        return None if link.assets else "The shared link shows nothing any more."
    if link.type != _ALBUM or link.album is None:
        raise ProtocolError(f"{SEARCH}: the shared link shows something that picsync does not know.")
    album, gathered.title = link.album, link.album.album_name
    claimed = album.asset_count
    if version.major < 3:
        gathered.take((await api.album_with_assets(album.id)).assets)
        gathered.progress(gathered.title, len(gathered.seen), claimed)
    else:
        # Through a link Immich searches only where the album stands at the top of the body.
        await Search(api, gathered, claimed).flat(Selection("album", album.id))
    if len(gathered.seen) > claimed:
        again = await _open(api, password)
        claimed = again.album.asset_count if again.album else 0
        _refuse_too_many(gathered, claimed)
    # A server that does not answer this through a link cannot be asked in any other way.
    missing = gathered.apart(offline_only=True)
    await _gather_missing(api, missing, Selection("album", album.id), by_filter=False)
    gathered.add(missing)
    found = len(gathered.seen)
    if found == claimed:
        return None
    if found and version.major >= 3:
        archived = gathered.apart()
        await Search(api, archived, claimed).flat(Selection("album", album.id).archived())
        if found + len(archived.seen) == claimed:
            return None
    return f"The shared album is said to hold {claimed} pictures, but shows only {found}."


async def known_version(api: ImmichApi) -> Version:
    """Return the server's version; raises ProtocolError for one that is too old to be asked."""
    version = await api.version()
    if version.major < OLDEST_MAJOR:
        raise ProtocolError(
            f"Immich {version} is too old for picsync.", hint="Update Immich to 2.7 or a later version."
        )
    return version


class Search:
    """Reads all pages of a search."""

    def __init__(self, api: ImmichApi, gathered: Gathered, claimed: int | None) -> None:
        self._api = api
        self._gathered = gathered
        self._claimed = claimed

    async def gather(self, selection: Selection, version: Version) -> bool:
        """Gather in the form that suits the version; return whether that was the filter form."""
        return await self.either(selection, by_filter=version.takes_filter)

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
            raise ProtocolError(f"{SEARCH}: {page.count} are said to come, but {len(page.items)} came.")
        new = self._gathered.take(page.items)
        more = getattr(page, following) is not None
        if more and not new:
            raise ProtocolError(f"{SEARCH}: Immich's pages repeat.")
        self._gathered.progress(self._gathered.title, len(self._gathered.seen), self._claimed)
        if self._claimed is not None and len(self._gathered.seen) > self._claimed + LARGEST_PAGE:
            _refuse_too_many(self._gathered, self._claimed)


async def _gather_missing(
    api: ImmichApi, missing: Gathered, selection: Selection, *, by_filter: bool
) -> str | None:
    """Gather the assets whose files are missing; return why it cannot be told whether there are any."""
    search = Search(api, missing, None)
    try:
        await search.either(selection.missing(), by_filter=by_filter)
    except RefusedError as error:
        return f"Whether Immich leaves out pictures whose disk is not mounted cannot be told. {error}"
    return None


async def _open(api: ImmichApi, password: str) -> SharedLinkWire:
    try:
        return await api.shared_link()
    except RefusedError as error:
        if error.status != 401 or not password:
            raise
    await api.log_in_to_link(password)
    return await api.shared_link()


def _refuse_too_many(gathered: Gathered, claimed: int | None) -> None:
    if claimed is not None and len(gathered.seen) > claimed:
        gathered.forget()
        raise ProtocolError(
            f"{SEARCH}: Immich lists {len(gathered.seen)} pictures of an album that holds {claimed}; others "
            "seem to be among them, and none is taken.",
            hint="This version of Immich may have changed its search: look for a newer picsync.",
        )


async def _refuse_if_not_understood(
    api: ImmichApi, gathered: Gathered, selection: Selection, *, by_filter: bool
) -> None:
    """Raise ProtocolError if a version that nobody knows finds pictures of what does not exist.

    Only then is it sure that it did not simply leave the condition out, and list the whole library.
    """
    if selection.kind == "favorites":
        nothing = Selection("tag", str(uuid.uuid4()))
    else:
        nothing = Selection(selection.kind, str(uuid.uuid4()))
    try:
        body = nothing.filter_page(None) if by_filter else nothing.flat_page(1)
        found = len((await api.search(body)).items)
    except RefusedError as error:
        if error.status != 400:
            raise
        found = 0
    if found:
        gathered.forget()
        raise ProtocolError(
            f"{SEARCH}: this version of Immich does not look for what it is asked for; nothing is taken.",
            hint="Look for a newer picsync.",
        )


async def _doubts(api: ImmichApi, gathered: Gathered, resolved: Resolved, *, by_filter: bool) -> str | None:
    """Return why there may be more than was found; None if a second source agrees."""
    found, claimed = len(gathered.seen), resolved.claimed
    if found == claimed:
        return None
    if found == 0 and claimed:
        return (
            f"Immich says that the album holds {claimed} pictures, but lists none. If all of them are "
            "archived or in the trash, remove them from the album."
        )
    selection = resolved.selection
    try:
        total = await _count(api, selection, by_filter=by_filter)
    except RefusedError as error:
        return f"Whether Immich lists everything cannot be told. {error}"
    if total == found:
        return None
    return f"Immich counts {total} pictures, but lists {found}. This usually passes by itself."


async def _count(api: ImmichApi, selection: Selection, *, by_filter: bool) -> int:
    """Return how many assets there are, asked in one form and, if that is rejected, once in the other."""
    try:
        return await api.count(selection.statistics(by_filter=by_filter))
    except RefusedError as refused:
        if refused.status != 400:
            raise
        try:
            return await api.count(selection.statistics(by_filter=not by_filter))
        except RefusedError:
            raise refused from None

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

from picsync.errors import ProtocolError, RefusedError, TransientError
from picsync.model import MediaItem
from picsync.sources.immich import names
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.names import Resolved
from picsync.sources.immich.options import ImmichEntry, Wanted
from picsync.sources.immich.renditions import KINDS, media_item
from picsync.sources.immich.selection import LARGEST_PAGE, TIMELINE, Selection
from picsync.sources.immich.wire import AlbumWire, AssetPage, AssetWire, SharedLinkWire, Version

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


async def list_entry(api: ImmichApi, entry: ImmichEntry, gathered: Gathered) -> str | None:
    """Gather what an entry shows on the key's server; return why that may not be all, None if it is.

    Raises what the calls raise, and ProtocolError.
    """
    version = await known_version(api)
    resolved = await names.resolve(api, entry, version)
    gathered.title = resolved.title
    selection, prefers_filter = resolved.selection, version.takes_filter
    # What is counted first is not lost if its disk goes meanwhile; what is looked for among the missing
    # before all others, not if its disk comes back.
    counted = await _counted(api, resolved, by_filter=prefers_filter)
    missing = gathered.apart(offline_only=True)
    problem = await _gather_missing(api, missing, selection, by_filter=prefers_filter)
    search = Search(api, gathered, resolved.claimed)
    by_filter = await search.either(selection, by_filter=prefers_filter)
    if resolved.claimed is not None and len(gathered.seen) > resolved.claimed:
        # Somebody may have put some in meanwhile.
        resolved = await names.resolve(api, entry, version)
        _refuse_too_many(gathered, resolved.claimed)
    if len(gathered.seen) not in (resolved.claimed, counted):
        again = gathered.apart(offline_only=True)
        problem = problem or await _gather_missing(api, again, selection, by_filter=by_filter)
        missing.add(again)
    if not version.known and (resolved.claimed is None or missing.items):
        await _refuse_if_not_understood(api, gathered, selection, by_filter=by_filter)
    gathered.add(missing)
    return problem or await _doubts(
        api, gathered, resolved, counted, paged=search.pages > 1, by_filter=by_filter and not version.known
    )


async def list_link(api: ImmichApi, gathered: Gathered, password: str, libraries: set[str]) -> str | None:
    """Gather what a shared link shows; return why that may not be all, None if it is.

    `libraries` are the external ones that it has shown before; those of now are added. Raises what the calls
    raise, and ProtocolError.
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
        if not link.assets:
            return "The shared link shows nothing any more."
        return _lost_libraries(link.assets, libraries)
    if link.type != _ALBUM or link.album is None:
        raise ProtocolError(f"{SEARCH}: the shared link shows something that picsync does not know.")
    gathered.title = link.album.album_name
    return await _list_shared_album(api, gathered, link.album, version, password)


async def _list_shared_album(
    api: ImmichApi, gathered: Gathered, album: AlbumWire, version: Version, password: str
) -> str | None:
    claimed, selection = album.asset_count, Selection("album", album.id)
    missing = gathered.apart(offline_only=True)
    problem = await _gather_missing_of_link(api, missing, selection)
    if version.major < 3:
        gathered.take((await api.album_with_assets(album.id)).assets)
        gathered.progress(gathered.title, len(gathered.seen), claimed)
    else:
        # Through a link Immich searches only where the album stands at the top of the body or of the filter.
        await Search(api, gathered, claimed).either(selection, by_filter=False)
    if len(gathered.seen) > claimed:
        again = await _open(api, password)
        claimed = again.album.asset_count if again.album else 0
        _refuse_too_many(gathered, claimed)
    gathered.add(missing)
    found = len(gathered.seen)
    if found == claimed:
        return problem
    if found and version.major >= 3:
        archived = gathered.apart()
        await Search(api, archived, claimed).either(selection.archived(), by_filter=False)
        if found + len(archived.seen) == claimed:
            return problem
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
            raise ProtocolError(f"{SEARCH}: {page.count} are said to come, but {len(page.items)} came.")
        self.pages += 1
        if self._gathered.offline_only and any(asset.is_offline is False for asset in page.items):
            raise ProtocolError(f"{SEARCH}: Immich also lists pictures whose files are there.")
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
    except (RefusedError, TransientError, ProtocolError) as error:
        return f"Whether Immich leaves out pictures whose disk is not mounted cannot be told. {error}"
    return None


async def _gather_missing_of_link(api: ImmichApi, missing: Gathered, selection: Selection) -> str | None:
    """Gather the assets of a shared album whose files are missing; return why there may be more.

    Before 3.0 Immich does not search through a link. It counts the album's trash, and where there is nothing
    in it, nothing is missing.
    """
    if await _gather_missing(api, missing, selection, by_filter=False) is None:
        return None
    try:
        trashed = await api.trashed(selection.chosen_id)
    except (RefusedError, TransientError, ProtocolError) as error:
        return (
            f"Whether the shared album leaves out pictures whose disk is not mounted cannot be told. {error}"
        )
    if not trashed:
        return None
    return (
        f"{trashed} pictures of the shared album are in Immich's trash. Whether somebody put them there, or "
        "their disk is not mounted, an API key can tell, but this link cannot. Nothing is deleted until the "
        "trash is empty."
    )


def _lost_libraries(assets: Iterable[AssetWire], libraries: set[str]) -> str | None:
    """Return why a link to single pictures may not show all, None if it does.

    It can be asked for nothing but what it shows. If it showed something of a library and now shows nothing
    of it, the disk is rather not mounted.
    """
    now = {asset.library_id for asset in assets if asset.library_id}
    lost = libraries - now
    libraries |= now
    if not lost:
        return None
    return (
        "The shared link has shown pictures of an external library and shows none of them any more. Look "
        "whether its disk is mounted at the server; if they were removed on purpose, restart picsync."
    )


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


async def _counted(api: ImmichApi, resolved: Resolved, *, by_filter: bool) -> int | RefusedError | None:
    """Return how many assets there are before they are listed; None where the album says enough.

    Pages are counted from the beginning: what goes while they are read shifts the rest, and one is never
    seen. Only a count from before tells.
    """
    if resolved.claimed is not None and resolved.claimed <= LARGEST_PAGE:
        return None
    try:
        return await _count(api, resolved.selection, by_filter=by_filter)
    except RefusedError as error:
        return error


async def _doubts(
    api: ImmichApi,
    gathered: Gathered,
    resolved: Resolved,
    counted: int | RefusedError | None,
    *,
    paged: bool,
    by_filter: bool,
) -> str | None:
    """Return why there may be more than was found; None if a second source agrees."""
    found, claimed = len(gathered.seen), resolved.claimed
    if found == claimed:
        return None
    if found == 0 and claimed:
        return (
            f"Immich says that the album holds {claimed} pictures, but lists none. If all of them are "
            "archived or in the trash, remove them from the album."
        )
    if found == counted:
        return None
    try:
        if isinstance(counted, RefusedError):
            raise counted
        if paged and counted is not None:
            return f"Immich counted {counted} pictures, but listed {found}. This usually passes by itself."
        total = await _count(api, resolved.selection, by_filter=by_filter)
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

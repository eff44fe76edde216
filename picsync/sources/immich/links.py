"""Collects what a shared link shows, and checks that it is complete.

A link permits less than a key: it cannot be counted, and before 3.0 it cannot be searched.
"""

from __future__ import annotations

from collections.abc import Iterable

from picsync.core.errors import ProtocolError, RefusedError, TransientError
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.listing import known_version
from picsync.sources.immich.options import Rendition
from picsync.sources.immich.searching import Collected, Search, collect_missing, refuse_too_many
from picsync.sources.immich.selection import Selection
from picsync.sources.immich.wire import AlbumWire, AssetWire, SharedLinkWire, Version

_ALBUM, _INDIVIDUAL = "ALBUM", "INDIVIDUAL"


async def list_link(api: ImmichApi, collected: Collected, password: str, libraries: set[str]) -> str | None:
    """Collect what a shared link shows; return why that may be incomplete, None if it is complete.

    `libraries` are the external libraries that it has shown before; current ones are added. Raises what the
    calls raise, and ProtocolError.
    """
    version = await known_version(api)
    link = await _open(api, password)
    if not link.allow_download:
        if collected.wanted in (Rendition.ORIGINAL, Rendition.EDITED):
            raise RefusedError(
                "The shared link does not allow downloads of originals.",
                status=403,
                hint="Ask its owner to allow them, or write `rendition: preview` into the entry.",
            )
        collected.wanted = Rendition.PREVIEW
    if link.type == _INDIVIDUAL:
        collected.title = "shared pictures"
        collected.take(link.assets)
        collected.progress(collected.title, len(collected.seen), None)
        if not link.assets:
            return "The shared link no longer shows anything."
        return _lost_libraries(link.assets, libraries)
    if link.type != _ALBUM or link.album is None:
        raise ProtocolError(f"{SEARCH}: the shared link shows something that picsync does not support.")
    collected.title = link.album.album_name
    return await _list_shared_album(api, collected, link.album, version, password)


async def _list_shared_album(
    api: ImmichApi, collected: Collected, album: AlbumWire, version: Version, password: str
) -> str | None:
    claimed, selection = album.asset_count, Selection("album", album.id, ratings=collected.ratings)
    missing = collected.empty_copy(offline_only=True)
    problem = await _collect_missing_of_link(api, missing, selection)
    if version.major < 3:
        collected.take((await api.album_with_assets(album.id)).assets)
        collected.progress(collected.title, len(collected.seen), claimed)
    else:
        # Through a link, Immich searches only if the album is at the top of the body or of the filter.
        await Search(api, collected, claimed).in_either_form(selection, by_filter=False)
    if len(collected.seen) > claimed:
        again = await _open(api, password)
        claimed = again.album.asset_count if again.album else 0
        refuse_too_many(collected, claimed)
    collected.add(missing)
    found = len(collected.seen)
    if found == claimed:
        return problem
    if found and version.major >= 3:
        archived = collected.empty_copy()
        await Search(api, archived, claimed).in_either_form(selection.archived(), by_filter=False)
        if found + len(archived.seen) == claimed:
            return problem
    return f"The shared album claims {claimed} pictures, but shows only {found}."


async def _collect_missing_of_link(api: ImmichApi, missing: Collected, selection: Selection) -> str | None:
    """Collect the shared album's assets whose files are missing; return why there may be more.

    Before 3.0 Immich does not search through a link. It does count the album's trash: if that is empty,
    nothing is missing.
    """
    if await collect_missing(api, missing, selection, by_filter=False) is None:
        return None
    try:
        trashed = await api.trashed(selection.chosen_id)
    except (RefusedError, TransientError) as error:
        return f"It is unknown whether the shared album omits pictures whose disk is not mounted. {error}"
    if not trashed:
        return None
    return (
        f"{trashed} pictures of the shared album are in Immich's trash. A shared link does not show whether "
        "they were moved there by a user, or because their disk is not mounted; an API key does. Nothing is "
        "deleted until the trash is empty."
    )


def _lost_libraries(assets: Iterable[AssetWire], libraries: set[str]) -> str | None:
    """Return why a link to single pictures may be incomplete; None if it is complete.

    Such a link can only be listed. If it showed something of a library before and shows nothing of it now,
    its disk is probably not mounted.
    """
    now = {asset.library_id for asset in assets if asset.library_id}
    lost = libraries - now
    libraries |= now
    if not lost:
        return None
    return (
        "The shared link has shown pictures of an external library and no longer shows any of them. "
        "Check that its disk is mounted on the server; if they were removed on purpose, restart picsync."
    )


async def _open(api: ImmichApi, password: str) -> SharedLinkWire:
    try:
        return await api.shared_link()
    except RefusedError as error:
        if error.status != 401 or not password:
            raise
    await api.log_in_to_link(password)
    return await api.shared_link()

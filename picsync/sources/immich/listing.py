"""Collects what an entry shows, and asks whether that is all.

Immich's answers have changed from version to version, and each time a client that filled the gaps itself
showed nothing. So a listing is complete only if something else than the search says so, too: the album's
count, or the search's statistics. Nothing found where an album says that it holds something is never
believed, and more found than it holds means that the search was not understood: then nothing is taken.
"""

from __future__ import annotations

import uuid

from picsync.core.errors import ProtocolError, RefusedError
from picsync.sources.immich import names
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.gathering import Gathered, Search, gather_missing, refuse_too_many
from picsync.sources.immich.names import Resolved
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.selection import Selection
from picsync.sources.immich.wire import Version

OLDEST_MAJOR = 2


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
    problem = await gather_missing(api, missing, selection, by_filter=prefers_filter)
    search = Search(api, gathered, resolved.claimed)
    by_filter = await search.either(selection, by_filter=prefers_filter)
    if resolved.claimed is not None and len(gathered.seen) > resolved.claimed:
        # Someone may have put some in meanwhile.
        resolved = await names.resolve(api, entry, version)
        refuse_too_many(gathered, resolved.claimed)
    if len(gathered.seen) not in (resolved.claimed, counted):
        again = gathered.apart(offline_only=True)
        problem = problem or await gather_missing(api, again, selection, by_filter=by_filter)
        missing.add(again)
    if not version.known and (resolved.claimed is None or missing.items):
        await _refuse_if_not_understood(api, gathered, selection, by_filter=by_filter)
    gathered.add(missing)
    return problem or await _doubts(
        api, gathered, resolved, counted, paged=search.pages > 1, by_filter=by_filter
    )


async def known_version(api: ImmichApi) -> Version:
    """Return the server's version; raises ProtocolError for one that is too old to be asked."""
    version = await api.version()
    if version.major < OLDEST_MAJOR:
        raise ProtocolError(
            f"Immich {version} is too old for picsync.", hint="Update Immich to 2.7 or a later version."
        )
    return version


async def _refuse_if_not_understood(
    api: ImmichApi, gathered: Gathered, selection: Selection, *, by_filter: bool
) -> None:
    """Raise ProtocolError if a version that no one knows finds pictures of what does not exist.

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
            f"{SEARCH}: this version of Immich ignores search conditions; no pictures are taken.",
            hint="Check for a newer picsync.",
        )


async def _counted(api: ImmichApi, resolved: Resolved, *, by_filter: bool) -> int | RefusedError | None:
    """Return how many assets there are before they are listed; None of an album, which says so itself.

    Pages are counted from the beginning: what goes while they are read shifts the rest, and one is never
    seen. Only a count from before tells.
    """
    if resolved.claimed is not None:
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
    if claimed is not None:
        # An album counts what is archived, too. The statistics would not help: they leave out what others
        # have put into it.
        archived = gathered.apart()
        await Search(api, archived, None).either(resolved.selection.archived(), by_filter=by_filter)
        if found + len(archived.seen) == claimed:
            return None
    elif found == counted:
        return None
    try:
        if isinstance(counted, RefusedError):
            raise counted
        if paged:
            there = counted if claimed is None else claimed
            return f"Immich counted {there} pictures, but listed {found}. This usually passes by itself."
        total = await _count(api, resolved.selection, by_filter=by_filter)
    except RefusedError as error:
        return f"It is unknown whether Immich lists everything. {error}"
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

"""Collects what an entry shows, and checks that it is complete.

Immich's responses have changed between versions, and each time, clients that filled gaps with defaults showed
nothing. A listing is therefore complete only if a second source agrees: the album's count, or the search
statistics. An empty result for an album that claims to contain something is never trusted. More results than
the album contains mean that the search was not understood, and then nothing is taken.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from picsync.core.errors import ProtocolError, RefusedError
from picsync.sources.immich import names
from picsync.sources.immich.api import SEARCH, ImmichApi
from picsync.sources.immich.names import Resolved
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.searching import Collected, Search, collect_missing, refuse_too_many
from picsync.sources.immich.selection import Selection
from picsync.sources.immich.wire import Version

OLDEST_MAJOR = 2


async def list_entry(api: ImmichApi, entry: ImmichEntry, collected: Collected) -> str | None:
    """Collect what an entry shows on the server; return why that may be incomplete, None if it is complete.

    Raises what the calls raise, and ProtocolError.
    """
    version = await known_version(api)
    resolved = await names.resolve(api, entry, version)
    collected.title = resolved.title
    selection, prefers_filter = replace(resolved.selection, ratings=collected.ratings), version.takes_filter
    # Counting first notices a disk that fails during the listing; searching for missing files first notices
    # one that comes back.
    counted = await _counted(api, resolved, by_filter=prefers_filter)
    missing = collected.empty_copy(offline_only=True)
    problem = await collect_missing(api, missing, selection, by_filter=prefers_filter)
    search = Search(api, collected, resolved.claimed)
    by_filter = await search.in_either_form(selection, by_filter=prefers_filter)
    if resolved.claimed is not None and len(collected.seen) > resolved.claimed:
        # Assets may have been added in the meantime.
        resolved = await names.resolve(api, entry, version)
        refuse_too_many(collected, resolved.claimed)
    if len(collected.seen) not in (resolved.claimed, counted):
        again = collected.empty_copy(offline_only=True)
        problem = problem or await collect_missing(api, again, selection, by_filter=by_filter)
        missing.add(again)
    if not version.known and (resolved.claimed is None or missing.items):
        await _refuse_if_not_understood(api, collected, selection, by_filter=by_filter)
    collected.add(missing)
    return problem or await _why_incomplete(
        api, collected, resolved, counted, paged=search.pages > 1, by_filter=by_filter
    )


async def known_version(api: ImmichApi) -> Version:
    """Return the server's version; raises ProtocolError if it is too old."""
    version = await api.version()
    if version.major < OLDEST_MAJOR:
        raise ProtocolError(
            f"Immich {version} is too old for picsync.", hint="Update Immich to 2.7 or a later version."
        )
    return version


async def _refuse_if_not_understood(
    api: ImmichApi, collected: Collected, selection: Selection, *, by_filter: bool
) -> None:
    """Raise ProtocolError if an unknown version finds assets for a condition that matches nothing.

    Only this check shows that the server does not ignore the condition and list the whole library.
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
        collected.clear()
        raise ProtocolError(
            f"{SEARCH}: this version of Immich ignores search conditions; no pictures are taken.",
            hint="Check for a newer picsync.",
        )


async def _counted(api: ImmichApi, resolved: Resolved, *, by_filter: bool) -> int | RefusedError | None:
    """Return the number of assets before they are listed; None for an album, which has its own count.

    Pages are numbered from the beginning: if an asset is removed while they are read, the others shift and
    one is skipped. Only a count from before the listing shows that.
    """
    if resolved.claimed is not None:
        return None
    try:
        return await _count(api, resolved.selection, by_filter=by_filter)
    except RefusedError as error:
        return error


async def _why_incomplete(
    api: ImmichApi,
    collected: Collected,
    resolved: Resolved,
    counted: int | RefusedError | None,
    *,
    paged: bool,
    by_filter: bool,
) -> str | None:
    """Return why more may exist than was found; None if a second source agrees."""
    found, claimed = len(collected.seen), resolved.claimed
    if found == claimed:
        return None
    if found == 0 and claimed:
        return (
            f"Immich says that the album contains {claimed} pictures, but lists none. If all of them are"
            " archived or in the trash, remove them from the album."
        )
    if claimed is not None:
        # An album also counts archived assets. The statistics would not help: they omit what other users
        # added.
        archived = collected.empty_copy()
        await Search(api, archived, None).in_either_form(resolved.selection.archived(), by_filter=by_filter)
        if found + len(archived.seen) == claimed:
            return None
    elif found == counted:
        return None
    try:
        if isinstance(counted, RefusedError):
            raise counted
        if paged:
            there = counted if claimed is None else claimed
            return f"Immich counted {there} pictures, but listed {found}. This usually resolves itself."
        total = await _count(api, resolved.selection, by_filter=by_filter)
    except RefusedError as error:
        return f"It is unknown whether Immich lists everything. {error}"
    if total == found:
        return None
    return f"Immich counts {total} pictures, but lists {found}. This usually resolves itself."


async def _count(api: ImmichApi, selection: Selection, *, by_filter: bool) -> int:
    """Return the number of assets; uses one form, and once the other if the server rejects it."""
    try:
        return await api.count(selection.statistics(by_filter=by_filter))
    except RefusedError as refused:
        if refused.status != 400:
            raise
        try:
            return await api.count(selection.statistics(by_filter=not by_filter))
        except RefusedError:
            raise refused from None

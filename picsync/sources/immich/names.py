"""Resolves names of albums, people and tags to their IDs on the server, in every cycle."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from picsync.core.errors import AmbiguousError, ProtocolError, RefusedError
from picsync.core.values import dataclass
from picsync.sources.immich.api import LIST_PEOPLE, ImmichApi
from picsync.sources.immich.options import ImmichEntry
from picsync.sources.immich.selection import Selection
from picsync.sources.immich.wire import AlbumWire, Version

T = TypeVar("T")

MAX_PEOPLE_PAGES = 100

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an entry stands for."""

    title: str
    selection: Selection
    claimed: int | None = None
    """The album's own count, including hidden assets; None if there is no such count."""


async def resolve(api: ImmichApi, entry: ImmichEntry, version: Version) -> Resolved:
    """Find what an entry names; raises AmbiguousError, RefusedError and what the calls raise."""
    if entry.favorites:
        return Resolved("favorites", Selection("favorites"))
    if entry.album is not None:
        album = await _album(api, entry.album, version)
        return Resolved(album.album_name, Selection("album", album.id), album.asset_count)
    if entry.person is not None:
        return await _person(api, entry.person)
    return await _tag(api, entry.tag or "")


async def albums(api: ImmichApi, version: Version) -> Sequence[AlbumWire]:
    """Return the user's own albums and those that others share with the user, each once."""
    own = await api.albums()
    shared = await api.albums(shared=True) if version.major < 3 else []
    return list({album.id: album for album in (*own, *shared)}.values())


async def _album(api: ImmichApi, name: str, version: Version) -> AlbumWire:
    if not _is_id(name):
        found = await albums(api, version)
        album_id = _single_id("album", name, [(album.id, album.album_name) for album in found])
        return next(album for album in found if album.id == album_id)
    return await _by_id("album", name, api.album(name.lower(), version))


async def _person(api: ImmichApi, name: str) -> Resolved:
    if _is_id(name):
        person = await _by_id("person", name, api.person(name.lower()))
        return Resolved(person.name or name, Selection("person", person.id))
    people: list[tuple[str, str]] = []
    for number in range(1, MAX_PEOPLE_PAGES + 1):
        page = await api.people(number)
        people += [(person.id, person.name) for person in page.people]
        if not page.has_next_page:
            return Resolved(name, Selection("person", _single_id("person", name, people)))
    raise ProtocolError(f"{LIST_PEOPLE}: Immich's pages do not end.")


async def _tag(api: ImmichApi, name: str) -> Resolved:
    if _is_id(name):
        tag = await _by_id("tag", name, api.tag(name.lower()))
        return Resolved(tag.value, Selection("tag", tag.id))
    tags = await api.tags()
    whole = [(tag.id, tag.value) for tag in tags]
    known = any(_folded(value) == _folded(name) for _, value in whole)
    found = _single_id("tag", name, whole if known else [(tag.id, tag.name) for tag in tags])
    return Resolved(name, Selection("tag", found))


async def _by_id(kind: str, name: str, asked: Awaitable[T]) -> T:
    try:
        return await asked
    except RefusedError as error:
        if error.status not in (400, 404):
            raise
        raise _missing(kind, name, error.status) from error


def _is_id(name: str) -> bool:
    return _UUID.fullmatch(name) is not None


def _folded(name: str) -> str:
    """Return a name for comparison: in composed form, ignoring case."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _single_id(kind: str, name: str, known: Sequence[tuple[str, str]]) -> str:
    """Return the ID of the only match; an exact match is preferred to one that differs in case."""
    same = [thing_id for thing_id, called in known if _folded(called) == _folded(name)]
    spelt = [
        thing_id
        for thing_id, called in known
        if unicodedata.normalize("NFC", called) == unicodedata.normalize("NFC", name)
    ]
    match spelt or same:
        case [only]:
            return only
        case []:
            raise _missing(kind, name, 404)
        case several:
            raise AmbiguousError(
                f"Immich has {len(several)} {_PLURALS[kind]} with the name {name[:100]!r}:"
                f" {', '.join(several[:5])}.",
                hint=f"Write the ID instead, as in `{kind}: {several[0]}`.",
            )


_PLURALS = {"album": "albums", "person": "people", "tag": "tags"}


def _missing(kind: str, name: str, status: int) -> RefusedError:
    return RefusedError(
        f"Immich has no {kind} {name[:100]!r} that the API key's owner can see.",
        status=status,
        hint="Compare it with Immich's web page; the address of its page there ends with its ID.",
    )

"""Checks the remote services: frames, sources, and what each rule would sync."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace

from picsync.config import Config, Credentials
from picsync.config.organizing import OrganizeSettings
from picsync.core.errors import ConfigError, PicsyncError
from picsync.core.events import Emit
from picsync.core.model import DEFAULT_FRAME, Finding, FrameAlbum, Listing, Mark, Playlist
from picsync.core.select import Overflow
from picsync.frames.base import Frame, PlaylistFrame
from picsync.frames.kinds import FRAMES
from picsync.http.client import Hosts
from picsync.observe.words import counted, listing_words
from picsync.run.settings import Settings, album_rules, frames_in_use
from picsync.run.wiring import library_of, open_services, open_source, open_stores
from picsync.sources.base import Source
from picsync.stores.base import Store, entries_of
from picsync.sync.rule import AlbumRule


async def check_services(settings: Settings, cache: str, emit: Emit) -> AsyncIterator[Finding]:
    """Yield the findings; each service is checked even if another one fails."""
    async with open_services(settings.config, settings.credentials, cache=cache, emit=emit) as (
        sources,
        frames,
    ):
        reachable = {}
        kinds = {used.name: used.kind for used in frames_in_use(settings.config, settings.credentials)}
        for name, frame in frames.items():
            found = await _checked(FRAMES[kinds[name]].title, frame.examine())
            if all(finding.mark is not Mark.PROBLEM for finding in found):
                reachable[name] = frame
            for finding in found:
                named = finding.subject if name == DEFAULT_FRAME else f"{finding.subject} ({name})"
                yield replace(finding, subject=named)
        for source in sources.values():
            for finding in await _checked(source.capabilities.title, source.examine()):
                yield finding
        async for finding in _rules(
            album_rules(settings.config, settings.credentials.kinds), sources, reachable
        ):
            yield finding
    async for finding in _stores(settings, cache, emit):
        yield finding


async def _stores(settings: Settings, cache: str, emit: Emit) -> AsyncIterator[Finding]:
    """Yield the findings about accounts of files, and about the folder that each rule sorts."""
    async with open_stores(settings.config, settings.credentials, cache=cache, emit=emit) as stores:
        for store in stores.values():
            for finding in await _checked(store.capabilities.title, store.examine()):
                yield finding
        for rule in settings.config.organize:
            subject = f"organize {rule.name}"
            for finding in await _checked(subject, _sorted_folder(rule, stores[rule.from_.account])):
                yield replace(finding, subject=subject)


async def _sorted_folder(rule: OrganizeSettings, store: Store) -> Sequence[Finding]:
    entries, unlisted, _ = await entries_of(store, rule.from_.path, recursive=rule.recursive)
    files = counted(sum(entry.is_file for entry in entries), "file")
    if unlisted:
        text = f"{rule.from_} has folders that cannot be read: {unlisted[0].error.message}"
        return [Finding(Mark.PROBLEM, "", text, unlisted[0].error.hint)]
    return [
        Finding(Mark.OK, "", f"{files} in {rule.from_}; `picsync organize --dry-run` says where they go.")
    ]


async def _rules(
    rules: Sequence[AlbumRule], sources: Mapping[str, Source], frames: Mapping[str, Frame]
) -> AsyncIterator[Finding]:
    """Yield what each rule lists, once, and its state on each frame that can be reached."""
    listings: dict[tuple[str, str], Listing] = {}
    told: set[str] = set()
    for rule in rules:
        items = set()
        for listing in await _listings(rule, sources, listings):
            items |= set(listing.items)
            if rule.album not in told:
                yield _listing(f"rule {rule.album}", listing)
        told.add(rule.album)
        if (frame := frames.get(rule.frame)) is not None:
            for finding in await _checked(f"rule {rule.name}", _frame_side(rule, frame, len(items))):
                yield finding


async def check_sources(
    config: Config, credentials: Credentials, cache: str, emit: Emit
) -> AsyncIterator[Finding]:
    """Yield the findings about the sources that have sufficient credentials."""
    hosts = Hosts(config.emulator)
    for rule in config.albums:
        for kind, entries in rule.sources.items():
            try:
                async with open_source(
                    kind, entries, credentials, hosts, emit, cache=cache, library=library_of(config)
                ) as source:
                    for album_id in dict.fromkeys(map(str, entries)):
                        yield _listing(f"rule {rule.name}", await source.list(album_id))
            except ConfigError:
                continue  # The findings about the files say what is missing.
            except PicsyncError as error:
                yield Finding(Mark.PROBLEM, f"rule {rule.name}", error.message, error.hint)


async def _checked(subject: str, look: Awaitable[Sequence[Finding]]) -> Sequence[Finding]:
    try:
        return await look
    except PicsyncError as error:
        return [Finding(Mark.PROBLEM, subject, error.message, error.hint)]


async def _listings(
    rule: AlbumRule, sources: Mapping[str, Source], known: dict[tuple[str, str], Listing]
) -> list[Listing]:
    """Return the listings of the rule's albums; those that are `known` are not requested again."""
    albums = [(account, album_id) for account, albums in rule.sources.items() for album_id in albums]
    for account, album_id in albums:
        if (account, album_id) not in known:
            try:
                known[account, album_id] = await sources[account].list(album_id)
            except PicsyncError as error:
                # The source's own findings already contain it.
                known[account, album_id] = Listing(account, album_id, problem=error.message)
    return [known[album] for album in albums]


def _listing(subject: str, listing: Listing) -> Finding:
    seen = listing_words(listing)
    if listing.problem is not None:
        fix = "Until the listing is complete, nothing is deleted from the frame."
        return Finding(Mark.PROBLEM, subject, f"{seen}: {listing.problem}", fix)
    if not listing.items:
        fix = "If this is unexpected, compare the entry in picsync.yaml with the album."
        return Finding(Mark.NOTE, subject, f"{seen}.", fix)
    return Finding(Mark.OK, subject, f"{seen}.")


async def _frame_side(rule: AlbumRule, frame: Frame, count: int) -> list[Finding]:
    return [*_playlist_space(rule, frame, count), *await _album(rule, frame), *await _playlist(rule, frame)]


def _playlist_space(rule: AlbumRule, frame: Frame, count: int) -> Iterator[Finding]:
    subject, limit = f"rule {rule.name}", frame.capabilities.playlist_limit
    if limit is None or not count:
        return
    room = f"{counted(count, 'item')}; a playlist of {frame.capabilities.title} holds {limit:,}."
    if count <= limit:
        yield Finding(Mark.OK, subject, room)
    elif rule.rule.overflow is Overflow.NEWEST:
        fix = "Set `overflow: split` in the rule to show the rest in additional playlists."
        yield Finding(Mark.NOTE, subject, f"{room} The newest are shown.", fix)
    elif rule.rule.overflow is Overflow.ERROR:
        fix = "Remove some from the source albums, or set `overflow: split` or `overflow: newest`."
        yield Finding(Mark.PROBLEM, subject, room, fix)
    else:
        yield Finding(Mark.OK, subject, f"{room} The rest goes into additional playlists.")


async def _album(rule: AlbumRule, frame: Frame) -> list[Finding]:
    album = await frame.find_album(rule.album)
    subject = f"rule {rule.name}"
    if album is None:
        return [Finding(Mark.OK, subject, "the album does not exist yet; the first cycle creates it.")]
    photos = "" if album.photo_count is None else f" with {counted(album.photo_count, 'photo')}"
    other = _other_name(album, frame)
    return [Finding(Mark.OK, subject, f"the album exists{photos}{other}.")]


async def _playlist(rule: AlbumRule, frame: Frame) -> list[Finding]:
    if not isinstance(frame, PlaylistFrame):
        return []
    name, subject = rule.rule.playlist_name, f"rule {rule.name}"
    playlists = await frame.playlists(name)
    if not playlists:
        text = f"the playlist {name} does not exist yet; the first cycle creates it."
        return [Finding(Mark.NOTE, subject, text, "Assign it to a frame once after that.")]
    if all(playlist.assigned is False for playlist in playlists):
        fix = f"Assign it once, in the app of {frame.capabilities.title} or on the frame."
        text = f"no frame shows the playlist {playlists[0].shown_name}."
        return [Finding(Mark.PROBLEM, subject, text, fix)]
    shown = counted(sum(len(playlist.items) for playlist in playlists), "photo")
    other = _other_name(playlists[0], frame)
    return [Finding(Mark.OK, subject, f"the playlist {name} exists with {shown}{other}.")]


def _other_name(there: FrameAlbum | Playlist, frame: Frame) -> str:
    """Return the name to look for in the service's app, if it does not keep the name."""
    if not there.listed_as:
        return ""
    return f"; {frame.capabilities.title} calls it {there.listed_as}, since it does not keep the name"

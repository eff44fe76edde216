"""The port `Frame` on Nixplay.

What it guards against, all of it observed or feared (nothing is documented): names are not unique and a
listing may be wrong, so nothing is created before the service has denied it twice; a creation whose answer is
lost may still be under way, so it is not repeated; a name may be changed on the way, so it is compared after
the creation; pages shift and photos are listed late, so a listing is compared with the album's `photo_count`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import shlex
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import httpx

from picsync.errors import AmbiguousError, NotFoundError, ProtocolError, RefusedError, TransientError
from picsync.events import Emit, ListingProgress
from picsync.frames.base import FrameCapabilities, Rendition, UploadResult
from picsync.frames.nixplay import names, pages, wire
from picsync.frames.nixplay.client import PHOTOS, PROCESSING, NixplayClient
from picsync.frames.nixplay.pages import Page, Pager
from picsync.frames.nixplay.recent import Recent
from picsync.frames.nixplay.session import SERVICE, NixplayLogin, Session
from picsync.frames.nixplay.upload import TYPES, Uploader
from picsync.http.client import TIMEOUT, Hosts
from picsync.http.retry import Retrier
from picsync.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos, Playlist, PlaylistItem
from picsync.tasks import gathered, ungrouped

T = TypeVar("T")

CAPABILITIES = FrameCapabilities(
    kind="nixplay",
    title=SERVICE,
    digest_algorithm="md5",
    mime_types=TYPES | {"image/heif"},
    # Observed: what goes beyond vanishes though the answer is 200.
    playlist_limit=2000,
    max_uploads=PHOTOS.cap + PROCESSING.cap,
)

CREATE_ATTEMPTS = 3
LOOK_AGAIN_AFTER_S = 5.0
"""Pause between two looks for what a creation that was answered with an error may have made all the same:
as long as a known client waits for Nixplay to process photos."""
MAX_REMOVALS = 3
"""Requests at a time."""
MAX_RETRY_AFTER_S = 60.0
"""Longest `Retry-After` that a creation is repeated after; the next cycle is soon enough for a longer one."""
DENIED_FOR_S = 60.0
"""How long an answer that does not have a name counts among the two that it takes to make one."""
MONITOR_TIMEOUT_S = 120.0
"""The monitor blocks until a photo is processed; for how long at most is not known."""


class NixplayFrame:
    """An account at Nixplay as a Frame."""

    def __init__(
        self,
        login: NixplayLogin,
        *,
        hosts: Hosts,
        retrier: Retrier,
        emit: Emit,
        timeout: httpx.Timeout = TIMEOUT,
        monitor_timeout_s: float = MONITOR_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._emit = emit
        self._pause = retrier.pause
        session = Session(login, hosts=hosts, retrier=retrier, emit=emit, timeout=timeout)
        self._client = NixplayClient(
            session, hosts=hosts, retrier=retrier, timeout=timeout, monitor_timeout_s=monitor_timeout_s
        )
        self._uploader = Uploader(self._client, retrier.pace.lane(SERVICE, PHOTOS))
        self._creating_albums: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._creating_playlists: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._albums = Recent(self._client.web_albums, clock)
        self._playlists = Recent(self._client.playlists, clock)
        self._denied_albums, self._denied_playlists = Denials(clock), Denials(clock)
        self._counts: dict[str, int | None] = {}
        """Album id -> its photo count in the listing that found it, until used or outdated."""
        self._empty: set[str] = set()
        """Ids of albums and playlists that were made just now, and that the service lists as empty."""
        self._photo_pages = Pager(pages.PHOTOS)
        self._slide_pages = Pager(pages.SLIDES)

    @property
    def capabilities(self) -> FrameCapabilities:
        """What Nixplay can do."""
        return CAPABILITIES

    def prepare(self) -> None:
        """Begin to log in."""
        self._client.prepare()

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the albums made by people and programs, then the one for e-mail."""
        records = [*await self._client.web_albums(), *await self._client.email_albums()]
        return [_as_album(record) for record in records]

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the service has denied twice that it exists."""
        albums, since = await self._albums.get(name)
        record = _only(name, albums) or await self._album_record(name)
        if record is None:
            self._denied_albums.note(name, 2, since)
        return None if record is None else self._remembered(record)

    async def create_album(self, name: str) -> FrameAlbum:
        """Create an album unless the service lists one of that name, or has just denied it to `find_album`.

        Raises AmbiguousError for several, and RefusedError if the service does not keep the name as it is.
        """
        async with self._creating_albums[name]:
            record = await _find_or_create(
                lambda: self._album_record(name),
                lambda: self._new_album(name),
                denials=self._denied_albums.take(name),
                pause=self._pause,
            )
        return self._remembered(record)

    async def delete_album(self, album: FrameAlbum) -> None:
        """Delete an album with its photos; fine if it is already gone."""
        self._counts.pop(album.album_id, None)
        self._albums.outdate(album.name)
        await _unless_gone(self._client.delete_album(album.album_id))

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return all photos of the album, compared with the count that the service gives elsewhere.

        Directly after `find_album` that count is known already; otherwise it costs one request more, made
        side by side with the first page's.
        """
        count = self._counts.pop(album.album_id, None)
        if album.album_id in self._empty:
            self._empty.remove(album.album_id)
            return Photos()
        first: Sequence[wire.PhotoRecord] | None = None
        if count is None:
            with ungrouped():
                async with asyncio.TaskGroup() as group:
                    counting = group.create_task(self._photo_count(album))
                    beginning = group.create_task(self._photo_pages.begin(self._photo_page(album)))
            count, first = counting.result(), beginning.result()
        records = await self._photo_records(album, count, first)
        if count is not None and len(records) < count:
            count = await self._photo_count(album)
        photos, problem = _as_photos(records)
        if count is not None and len(records) < count:
            problem = f"Nixplay says the album holds {count} photos but lists {len(records)}."
        return Photos(photos, problem)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Send the bytes and wait for the upload monitor's answer."""
        self._counts.pop(album.album_id, None)
        self._empty.discard(album.album_id)
        return await self._uploader.upload(album, rendition, upcoming)

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Delete a photo; Nixplay takes it out of all playlists itself."""
        self._counts.pop(album.album_id, None)
        await _unless_gone(self._client.delete_photo(photo.photo_id))

    async def playlists(self, name: str) -> Sequence[Playlist]:
        """Return the playlists of that name with their items."""
        playlists, since = await self._playlists.get(name)
        found = names.matching(name, playlists, lambda record: record.name)
        if found:
            self._denied_playlists.take(name)
        else:
            self._denied_playlists.note(name, 1, since)
        return await gathered(*map(self._with_items, found))

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        """Return the playlist as it is now; its slides are asked for while the list of playlists is."""

        async def read() -> Sequence[wire.Slide]:
            # The list says whether it is gone, or only its slides were denied.
            with contextlib.suppress(NotFoundError):
                return await self._slides(known.playlist_id, expected)
            return ()

        with ungrouped():
            async with asyncio.TaskGroup() as group:
                listing = group.create_task(self._client.playlists())
                reading = group.create_task(read())
        for record in listing.result():
            if record.id == known.playlist_id:
                slides = reading.result()
                agreed = record.picture_count in (None, len(slides))
                return _as_playlist(record, slides) if agreed else await self._with_items(record)
        return None

    async def create_playlist(self, name: str) -> Playlist:
        """Return the playlist of that name, creating it if there is none.

        Raises RefusedError if the service does not keep the name as it is.
        """
        async with self._creating_playlists[name]:
            record = await _find_or_create(
                lambda: self._playlist_record(name),
                lambda: self._new_playlist(name),
                denials=self._denied_playlists.take(name),
                pause=self._pause,
            )
        if record.id in self._empty:
            self._empty.remove(record.id)
            return Playlist(record.id, record.name, (), record.assigned)
        return await self._with_items(record)

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        """Append photos in order, in one request that is never repeated by itself."""
        if photos:
            photo_ids = [int(photo.photo_id) for photo in photos]
            await self._client.add_items(playlist.playlist_id, photo_ids)

    async def remove_items(self, playlist: Playlist, items: Sequence[PlaylistItem]) -> None:
        """Remove items, each by its own request."""
        await _for_each(
            [item.item_id for item in items],
            lambda item_id: _unless_gone(self._client.remove_item(playlist.playlist_id, item_id)),
        )

    async def examine(self) -> Sequence[Finding]:
        """Look at the login; how much room is left, Nixplay does not tell."""
        albums = await self.albums()
        photos = sum(album.photo_count or 0 for album in albums)
        return (
            Finding(
                Mark.OK, SERVICE, f"logged in; the account has {len(albums)} albums with {photos:,} photos."
            ),
            Finding(
                Mark.NOTE,
                f"{SERVICE} storage",
                "Nixplay does not tell how much room is left; picsync says so when an upload is refused.",
            ),
        )

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._client.aclose()

    def _remembered(self, record: wire.AlbumRecord) -> FrameAlbum:
        self._counts[record.id] = record.photo_count
        return _as_album(record)

    async def _album_record(self, name: str) -> wire.AlbumRecord | None:
        return _only(name, await self._client.web_albums())

    async def _new_album(self, name: str) -> wire.AlbumRecord:
        try:
            created = await self._client.create_album(name)
        finally:
            self._denied_albums.outdate(name)
            self._albums.outdate(name)
        # The listing is what later cycles look it up in.
        listed = [record for record in await self._client.web_albums() if record.id == created.id]
        made = listed[0] if listed else created
        if not names.same(made.title, name):
            # An album with photos in it is not the new one, whatever id the answer named.
            if listed and made.photo_count == 0:
                await _unless_gone(self._client.delete_album(made.id))
            raise _renamed("album", name, made.title)
        if listed and made.photo_count == 0:
            self._empty.add(made.id)
        return made

    async def _photo_count(self, album: FrameAlbum) -> int | None:
        for listing in (self._client.web_albums, self._client.email_albums):
            for record in await listing():
                if record.id == album.album_id:
                    return record.photo_count
        raise ProtocolError(f"Nixplay no longer lists the album {album.name!r} ({album.album_id}).")

    def _photo_page(self, album: FrameAlbum) -> Callable[[Page], Awaitable[Sequence[wire.PhotoRecord]]]:
        return lambda page: self._client.photos(album.album_id, page.number, page.size)

    async def _photo_records(
        self, album: FrameAlbum, count: int | None, first: Sequence[wire.PhotoRecord] | None
    ) -> list[wire.PhotoRecord]:
        return await self._photo_pages.collect(
            self._photo_page(album),
            announced=count,
            first=first,
            progress=lambda found: self._emit(ListingProgress(SERVICE, album.name, found, count)),
        )

    async def _playlist_record(self, name: str) -> wire.PlaylistRecord | None:
        found = names.matching(name, await self._client.playlists(), lambda record: record.name)
        return next(iter(found), None)

    async def _new_playlist(self, name: str) -> wire.PlaylistRecord:
        try:
            playlist_id = await self._client.create_playlist(name)
        finally:
            self._denied_playlists.outdate(name)
            self._playlists.outdate(name)
        listed = [record for record in await self._client.playlists() if record.id == playlist_id]
        made = listed[0] if listed else wire.PlaylistRecord(id=playlist_id, name=name)
        if not names.same(made.name, name):
            if listed and made.picture_count == 0:
                await _unless_gone(self._client.delete_playlist(playlist_id))
            raise _renamed("playlist", name, made.name)
        if listed and made.picture_count == 0:
            self._empty.add(made.id)
        return made

    async def _with_items(self, record: wire.PlaylistRecord) -> Playlist:
        slides = await self._slides(record.id, record.picture_count)
        if len(slides) < (record.picture_count or 0):
            # What is only not listed must not be added again; the count may have changed meanwhile.
            latest = [each for each in await self._client.playlists() if each.id == record.id]
            count = latest[0].picture_count if latest else None
            if len(slides) < (count or 0):
                raise ProtocolError(
                    f"Nixplay says the playlist {record.name!r} holds {count} items but lists {len(slides)}."
                )
        return _as_playlist(record, slides)

    async def _slides(self, playlist_id: str, announced: int | None) -> Sequence[wire.Slide]:
        return await self._slide_pages.collect(
            lambda page: self._client.slides(playlist_id, page.offset, page.size), announced=announced
        )


class Denials:
    """Names that the service has said lately not to have, as long as nothing of the name was made since."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._made_at: dict[str, float] = {}
        self._noted: dict[str, list[float]] = {}

    def note(self, name: str, times: int, since: float) -> None:
        """Keep that looks which began at `since` have not found a name."""
        self._noted.setdefault(name, []).extend([since] * times)

    def take(self, name: str) -> int:
        """Return how many times it was denied; good for one use."""
        since = max(self._made_at.get(name, -math.inf), self._clock() - DENIED_FOR_S)
        return sum(at > since for at in self._noted.pop(name, ()))

    def outdate(self, name: str) -> None:
        """Say that it was or may have been made: no look that began before tells of it."""
        self._made_at[name] = self._clock()


async def _find_or_create(
    find: Callable[[], Awaitable[T | None]],
    create: Callable[[], Awaitable[T]],
    *,
    denials: int,
    pause: Callable[[float], Awaitable[None]],
) -> T:
    """Return what `find` finds, or else what `create` makes; it was denied `denials` times already.

    One empty answer is not believed. Where no answer came to a creation, it may take place at any time from
    then on: if it has not yet, that is raised, and it is for a later cycle to look again. After an error as
    an answer (503, or a proxy's 502 and 504) it is tried once more, if two looks with a pause between them do
    not find it. An answer that makes no sense says that the service is done with it, so a look tells whether
    to try once more.
    """
    repeated = False
    for attempt in itertools.count(1):
        for _ in range(denials, 2):
            if found := await find():
                return found
        denials = 0
        try:
            return await create()
        except TransientError as error:
            if made := await find():
                return made
            if not error.answered or repeated:
                raise
            repeated = True
            await pause(max(LOOK_AGAIN_AFTER_S, min(error.retry_after_s or 0.0, MAX_RETRY_AFTER_S)))
            if made := await find():
                return made
            denials = 2
        except ProtocolError:
            if attempt == CREATE_ATTEMPTS:
                raise
    raise AssertionError("unreachable")


async def _unless_gone(deletion: Awaitable[None]) -> None:
    with contextlib.suppress(NotFoundError):
        await deletion


async def _for_each(keys: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do the work for all keys, a few at a time; the first error ends it and is raised."""
    remaining = iter(keys)

    async def worker() -> None:
        for key in remaining:
            await work(key)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(MAX_REMOVALS):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _as_album(record: wire.AlbumRecord) -> FrameAlbum:
    return FrameAlbum(record.id, record.title, record.photo_count)


def _as_playlist(record: wire.PlaylistRecord, slides: Iterable[wire.Slide]) -> Playlist:
    items = tuple(PlaylistItem(slide.id, slide.photo_id or "") for slide in slides)
    return Playlist(record.id, record.name, items, record.assigned)


def _as_photos(records: Iterable[wire.PhotoRecord]) -> tuple[tuple[FramePhoto, ...], str | None]:
    """Return the photos that can be compared, and what is wrong if some cannot."""
    photos, odd = [], []
    for record in records:
        try:
            photos.append(FramePhoto(record.id, Digest.md5(record.md5 or ""), record.filename or ""))
        except ValueError:
            odd.append(record.id)
    if not odd:
        return tuple(photos), None
    return tuple(photos), f"Nixplay lists {len(odd)} photos without a valid MD5 (the first one is {odd[0]})."


def _only(name: str, albums: Sequence[wire.AlbumRecord]) -> wire.AlbumRecord | None:
    """Return the album of that name, or None; raises AmbiguousError."""
    found = names.matching(name, albums, lambda record: record.title)
    if len(found) > 1:
        raise _ambiguous(name, found)
    return found[0] if found else None


def _ambiguous(name: str, found: Sequence[wire.AlbumRecord]) -> AmbiguousError:
    fullest = max(found, key=lambda record: record.photo_count or 0)
    listed = ", ".join(f"{record.id} ({_photos(record.photo_count)})" for record in found)
    command = f"picsync nixplay delete album {shlex.quote(name)} --delete-multiple --keep {fullest.id}"
    return AmbiguousError(
        f"Nixplay has {len(found)} albums named {name!r}: {listed}. picsync will not guess.",
        hint=f"Rename all but one in the Nixplay app, or keep the fullest and delete the others with their "
        f"photos: {command}",
    )


def _photos(count: int | None) -> str:
    return "unknown number of photos" if count is None else f"{count} photo{'' if count == 1 else 's'}"


def _renamed(kind: str, asked: str, made: str) -> RefusedError:
    return RefusedError(
        f"Nixplay cannot keep the {kind} name {asked!r}: it makes {made!r} of it.",
        status=200,
        hint=f"Write {made!r}, or another name that Nixplay keeps, in picsync.yaml.",
    )

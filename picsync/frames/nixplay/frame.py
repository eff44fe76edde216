"""The port `Frame` for Nixplay.

Nothing about the service is documented. Observed or suspected problems that this package handles: names are
not unique and may be changed, listings may be wrong, and responses may be lost (`catalog`, `names`); pages
shift and photos are listed late, so a listing is compared with the album's `photo_count`.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import httpx

from picsync.aio.tasks import gather, unwrap_group
from picsync.core.caption import AboutPhoto, Captions
from picsync.core.errors import AmbiguousError, NotFoundError, ProtocolError
from picsync.core.events import Emit, ListingProgress
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos, Playlist, PlaylistItem
from picsync.frames.base import Assigned, FrameCapabilities, Rendition, UploadResult
from picsync.frames.nixplay import names, pages, wire
from picsync.frames.nixplay.assigning import Assigner, ShowOn, list_devices, resolved
from picsync.frames.nixplay.catalog import Catalog
from picsync.frames.nixplay.client import PHOTOS, PROCESSING, NixplayClient
from picsync.frames.nixplay.devices import Device
from picsync.frames.nixplay.pages import Page, Pager
from picsync.frames.nixplay.session import SERVICE, NixplayLogin, Session
from picsync.frames.nixplay.upload import TYPES, Uploader
from picsync.frames.nixplay.view import AccountView, Found, find
from picsync.http.client import TIMEOUT, Hosts
from picsync.http.retry import Retrier

T = TypeVar("T")

CAPABILITIES = FrameCapabilities(
    kind="nixplay",
    title=SERVICE,
    digest_algorithm="md5",
    mime_types=TYPES | {"image/heif"},
    # Observed: items beyond this limit are dropped although the status is 200.
    playlist_limit=2000,
    max_uploads=PHOTOS.cap + PROCESSING.cap,
    captions=Captions.ON_REQUEST,
)

MAX_REMOVALS = 3
"""Maximum number of concurrent requests."""
COUNT_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between reads of a playlist that lists fewer items than it counts."""
MONITOR_TIMEOUT_S = 120.0
"""The monitor blocks until a photo is processed; its own limit is unknown."""


class NixplayFrame:
    """A Nixplay account as a Frame."""

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
        show_on: ShowOn = ShowOn(),  # noqa: B008 - frozen
    ) -> None:
        self._emit = emit
        self._pause = retrier.pause
        session = Session(login, hosts=hosts, retrier=retrier, emit=emit, timeout=timeout)
        self._client = NixplayClient(
            session, hosts=hosts, retrier=retrier, timeout=timeout, monitor_timeout_s=monitor_timeout_s
        )
        self._uploader = Uploader(self._client, retrier.pace.limit(SERVICE, PHOTOS))
        client = self._client
        self._view = AccountView(client, clock)
        self._albums = Catalog(
            "album",
            self._view.albums,
            _choose_album,
            create=client.create_album,
            delete=client.delete_album,
            pause=retrier.pause,
            emit=emit,
        )
        self._playlists = Catalog(
            "playlist",
            self._view.playlists,
            lambda found: next(iter(found.all), None),
            create=client.create_playlist,
            delete=client.delete_playlist,
            pause=retrier.pause,
            emit=emit,
        )
        self._assigner = Assigner(
            client,
            show_on,
            latest=self._view.playlists.latest,
            fresh=self._fresh_playlists,
            clock=clock,
        )
        self._show_on = show_on
        self._photo_pages = Pager(pages.PHOTOS)
        self._slide_pages = Pager(pages.SLIDES)

    @property
    def capabilities(self) -> FrameCapabilities:
        """The capabilities of Nixplay."""
        return CAPABILITIES

    def prepare(self) -> None:
        """Start logging in."""
        self._client.prepare()

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the albums created by users and programs, then the one for e-mail."""
        records = [*await self._client.web_albums(), *await self._client.email_albums()]
        return [_as_album(record, record.name) for record in records]

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the service has denied twice that it exists."""
        return await self.look_for_album(name, lambda: None)

    async def look_for_album(self, name: str, denied: Callable[[], None]) -> FrameAlbum | None:
        """Return what `find_album` returns, and call `denied` after the first denial."""
        record = await self._albums.find(name, denied)
        return None if record is None else _as_album(record, name)

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:
        """Create an album unless the service lists one of that name.

        A denial that `find_album` just got counts. Raises AmbiguousError for several, and RefusedError if the
        service keeps neither the name nor the plain name.
        """

        async def prepare(made: wire.AlbumRecord) -> None:
            if upcoming:
                await self._uploader.prepare(made.id, upcoming)

        return _as_album(await self._albums.ensure(name, prepare), name)

    async def delete_album(self, album: FrameAlbum) -> None:
        """Delete an album with its photos; succeeds if it is already gone."""
        view = self._view.albums
        with view.filling(album.album_id), view.changing(album.name):
            await _unless_gone(self._client.delete_album(album.album_id))

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return all photos of the album, compared with the count in the list of albums.

        Directly after `find_album` that count is already known; otherwise it costs one more request, sent
        concurrently with the one for the first page.
        """
        known = self._view.albums.take_content(album.album_id)
        if known.made:
            return Photos()
        count = known.count
        first: Sequence[wire.PhotoRecord] | None = None
        if count is None:
            with unwrap_group():
                async with asyncio.TaskGroup() as group:
                    counting = group.create_task(self._photo_count(album))
                    beginning = group.create_task(self._photo_pages.begin(self._photo_page(album)))
            count, first = counting.result(), beginning.result()
        records = await self._photo_records(album, count, first)
        if count is not None and len(records) < count:
            count = await self._photo_count(album)
        photos, problem = _as_photos(records)
        if count is not None and len(records) < count:
            problem = f"Nixplay says the album contains {count} photos but lists {len(records)}."
        return Photos(photos, problem)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Send the bytes and wait for the upload monitor's response."""
        with self._view.albums.filling(album.album_id):
            return await self._uploader.upload(album, rendition, upcoming)

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Delete a photo; Nixplay removes it from all playlists."""
        with self._view.albums.filling(album.album_id):
            await _unless_gone(self._client.delete_photo(photo.photo_id))

    async def playlists(self, name: str) -> Sequence[Playlist]:
        """Return the playlists of that name with their items."""
        found = find(name, (await self._view.playlists.look_up(name)).value)
        return await gather(*(self._with_items(record, name) for record in found.all))

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        """Return the playlist as it is now; slides and list of playlists are requested concurrently."""

        async def read() -> Sequence[wire.Slide]:
            # The list shows whether the playlist is gone, or only its slides were refused.
            with contextlib.suppress(NotFoundError):
                return await self._slides(known.playlist_id, expected)
            return ()

        with unwrap_group():
            async with asyncio.TaskGroup() as group:
                listing = group.create_task(self._view.playlists.fetch(known.name))
                reading = group.create_task(read())
        for record in listing.result().value:
            if record.id == known.playlist_id:
                slides = reading.result()
                agreed = record.count in (None, len(slides))
                if not agreed:
                    return await self._with_items(record, known.name)
                return _as_playlist(record, known.name, slides)
        return None

    async def create_playlist(self, name: str) -> Playlist:
        """Return the playlist of that name, creating it if there is none.

        Raises RefusedError if the service keeps neither the name nor the plain name.
        """
        record = await self._playlists.ensure(name)
        if self._view.playlists.take_content(record.id).made:
            return _as_playlist(record, name, ())
        return await self._with_items(record, name)

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        """Append photos in order, in one request that is never repeated automatically."""
        if photos:
            photo_ids = [int(photo.photo_id) for photo in photos]
            await self._client.add_items(playlist.playlist_id, photo_ids)

    async def remove_items(self, playlist: Playlist, items: Sequence[PlaylistItem]) -> None:
        """Remove items, each by its own request."""
        await _for_each(
            [item.item_id for item in items],
            lambda item_id: _unless_gone(self._client.remove_item(playlist.playlist_id, item_id)),
        )

    def same_caption(self, shown: str, wanted: str) -> bool:
        """Compare captions; how Nixplay changes texts is not known."""
        return names.same_text(shown, wanted)

    async def describe(self, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto) -> None:  # noqa: ARG002 - port
        """Set the caption of a photo; Nixplay shows nothing else with it."""
        await self._client.set_caption(photo.photo_id, about.caption)

    async def assign(self, playlist: Playlist) -> Assigned | None:
        """Have the frames of `showOn` show a playlist."""
        return await self._assigner.assign(playlist.playlist_id)

    async def devices(self) -> Sequence[tuple[Device, Sequence[str]]]:
        """Return the paired frames, each with the names of the playlists that it shows."""
        with unwrap_group():
            async with asyncio.TaskGroup() as group:
                listing = group.create_task(list_devices(self._client))
                playlists = group.create_task(self._fresh_playlists())
        records = playlists.result()
        return [
            (device, [record.name for record in records if record.is_on(device)])
            for device in listing.result()
        ]

    async def examine(self) -> Sequence[Finding]:
        """Check the login; Nixplay does not report the free storage."""
        albums = await self.albums()
        photos = sum(album.photo_count or 0 for album in albums)
        return (
            *await self._examine_show_on(),
            Finding(
                Mark.OK, SERVICE, f"logged in; the account has {len(albums)} albums with {photos:,} photos."
            ),
            Finding(
                Mark.NOTE,
                f"{SERVICE} storage",
                "Nixplay does not report the free storage; picsync reports when an upload is refused.",
            ),
        )

    async def _examine_show_on(self) -> Sequence[Finding]:
        """Check the names of `showOn`."""
        if not self._show_on.names:
            return ()
        subject = f"{SERVICE} frames"
        try:
            found = resolved(self._show_on.names, await list_devices(self._client))
        except (NotFoundError, AmbiguousError, ProtocolError) as error:
            return (Finding(Mark.PROBLEM, subject, error.message, error.hint),)
        shown = ", ".join(device.name for device in found)
        return (Finding(Mark.OK, subject, f"playlists are shown on {shown}."),)

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._client.aclose()

    async def _fresh_playlists(self) -> Sequence[wire.PlaylistRecord]:
        return (await self._view.playlists.fetch("")).value

    async def _photo_count(self, album: FrameAlbum) -> int | None:

        async def web_albums() -> Sequence[wire.AlbumRecord]:
            return (await self._view.albums.fetch(album.name)).value

        for listing in (web_albums, self._client.email_albums):
            for record in await listing():
                if record.id == album.album_id:
                    return record.count
        raise ProtocolError(f"Nixplay no longer lists the album {album.shown_name!r} ({album.album_id}).")

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

    async def _with_items(self, record: wire.PlaylistRecord, name: str) -> Playlist:
        slides = await self._slides(record.id, record.count)
        for wait_s in (*COUNT_WAITS_S, None):
            if len(slides) >= (record.count or 0):
                break
            # Items that are only missing from the listing must not be added again; the count may have changed
            # or lag.
            listing = await self._view.playlists.fetch(name)
            latest = [each for each in listing.value if each.id == record.id]
            if not latest or len(slides) >= (latest[0].count or 0):
                break
            if wait_s is None:
                raise ProtocolError(
                    f"Nixplay says the playlist {record.name!r} contains {latest[0].count} items but lists"
                    f" {len(slides)}."
                )
            await self._pause(wait_s)
            record = latest[0]
            slides = await self._slides(record.id, record.count)
        return _as_playlist(record, name, slides)

    async def _slides(self, playlist_id: str, announced: int | None) -> Sequence[wire.Slide]:
        return await self._slide_pages.collect(
            lambda page: self._client.slides(playlist_id, page.offset, page.size), announced=announced
        )


async def _unless_gone(deletion: Awaitable[None]) -> None:
    with contextlib.suppress(NotFoundError):
        await deletion


async def _for_each(keys: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do the work for all keys with limited concurrency; the first error ends it and is raised."""
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


def _as_album(record: wire.AlbumRecord, name: str) -> FrameAlbum:
    return FrameAlbum(record.id, name, record.count, _service_name(record.name, name))


def _as_playlist(record: wire.PlaylistRecord, name: str, slides: Iterable[wire.Slide]) -> Playlist:
    items = tuple(PlaylistItem(slide.id, slide.photo_id or "") for slide in slides)
    return Playlist(record.id, name, items, record.assigned, _service_name(record.name, name))


def _service_name(listed: str, name: str) -> str:
    """Return the service's name for what was requested as `name`, if the two differ."""
    return "" if names.same(listed, name) else listed


def _as_photos(records: Iterable[wire.PhotoRecord]) -> tuple[tuple[FramePhoto, ...], str | None]:
    """Return the photos that can be compared, and a problem if some cannot."""
    photos, odd = [], []
    for record in records:
        try:
            digest = Digest.md5(record.md5 or "")
            photos.append(FramePhoto(record.id, digest, record.filename or "", caption=record.caption))
        except ValueError:
            odd.append(record.id)
    if not odd:
        return tuple(photos), None
    return tuple(photos), f"Nixplay lists {len(odd)} photos without a valid MD5 (the first one is {odd[0]})."


def _choose_album(found: Found[wire.AlbumRecord]) -> wire.AlbumRecord | None:
    """Return the album to use, or None; raises AmbiguousError.

    If one with the plain name exists too, which can happen when a creation takes effect very late, the one
    that contains photos is used.
    """
    exact, plain = (_only(records) for records in (found.exact, found.plain))
    return plain if exact is None or (plain and plain.count and exact.count == 0) else exact


def _only(found: Sequence[wire.AlbumRecord]) -> wire.AlbumRecord | None:
    if len(found) > 1:
        raise _ambiguous(found)
    return found[0] if found else None


def _ambiguous(found: Sequence[wire.AlbumRecord]) -> AmbiguousError:
    name, fullest = found[0].name, max(found, key=lambda record: record.count or 0)
    listed = ", ".join(f"{record.id} ({_photos(record.count)})" for record in found)
    command = f"picsync nixplay delete album {shlex.quote(name)} --delete-multiple --keep {fullest.id}"
    return AmbiguousError(
        f"Nixplay has {len(found)} albums named {name!r}: {listed}. picsync does not guess.",
        hint=f"Rename all but one in the Nixplay app, or keep the fullest and delete the others with their "
        f"photos: {command}",
    )


def _photos(count: int | None) -> str:
    return "unknown number of photos" if count is None else f"{count} photo{'' if count == 1 else 's'}"

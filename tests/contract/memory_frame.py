"""A frame without a service: implements the port in memory, with failures on demand."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from picsync.core.caption import AboutPhoto, Captions
from picsync.core.errors import AmbiguousError, NotFoundError, PicsyncError, QuotaError, TransientError
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos, Playlist, PlaylistItem
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult

CAPABILITIES = FrameCapabilities(
    kind="memory",
    title="Memory",
    digest_algorithm="md5",
    mime_types=frozenset({"image/jpeg", "image/png", "image/heic", "video/mp4"}),
    playlist_limit=None,
    max_uploads=3,
)


@dataclass(eq=False)
class MemoryAlbum:
    """An album with its photos, newest last."""

    album: FrameAlbum
    photos: dict[str, FramePhoto] = field(default_factory=dict)

    def holds(self, digest: Digest) -> bool:
        return any(photo.digest == digest for photo in self.photos.values())


@dataclass(eq=False)
class MemoryPlaylist:
    """A playlist with its items in order."""

    playlist_id: str
    name: str
    items: list[PlaylistItem] = field(default_factory=list)
    assigned: bool = False

    def value(self) -> Playlist:
        return Playlist(self.playlist_id, self.name, tuple(self.items), self.assigned)


class MemoryFrame:
    """Implements `Frame`. Tests read and change the content directly, and script failures.

    `fail[method]` and `fail_after[method]` contain errors for the next calls of that method: each call takes
    the first one and raises it, before or after it takes effect (the latter is a lost response). `calls`
    records the calls with names and IDs. `observers` run after every change, and `passing` at the begin and
    end of each call, with its method.
    """

    def __init__(self, capabilities: FrameCapabilities = CAPABILITIES) -> None:
        self.capabilities = capabilities
        self.album_list: list[MemoryAlbum] = []
        self.playlist_list: list[MemoryPlaylist] = []
        self.fail: dict[str, list[PicsyncError]] = {}
        self.fail_after: dict[str, list[PicsyncError]] = {}
        self.calls: list[tuple[str, ...]] = []
        self.observers: list[Callable[[], object]] = []
        self.passing: Callable[[str], object] = _ignore
        self.photos_problem: str | None = None
        """If set, `photos` reports it: its listing is incomplete."""
        self.unlisted: dict[str, int] = {}
        """Photo ID -> how many more listings silently omit it."""
        self.listed_late = 0
        """How many listings omit a new photo."""
        self.room: int | None = None
        """The storage, as a number of photos in all albums."""
        self.adds_break_off: list[int] = []
        """After how many photos each of the next additions to a playlist ends without a response."""
        self.adds_drop: list[int] = []
        """How many photos each of the next additions accepts; the others are silently dropped."""
        self.about: dict[str, AboutPhoto] = {}
        """Photo ID -> what was told of it last."""
        self.captions_with_upload = True
        """Whether a caption that comes with an upload is kept."""
        self._ids = itertools.count(1)

    # Interface for tests.

    def album_named(self, name: str) -> MemoryAlbum:
        """Return the first album of that name; raises KeyError."""
        for album in self.album_list:
            if album.album.name == name:
                return album
        raise KeyError(name)

    def playlist_named(self, name: str) -> MemoryPlaylist:
        """Return the first playlist of that name; raises KeyError."""
        for playlist in self.playlist_list:
            if playlist.name == name:
                return playlist
        raise KeyError(name)

    def digests(self, album_name: str) -> set[Digest]:
        """Return the content of the albums of that name; empty if there is none."""
        return {
            photo.digest
            for album in self.album_list
            if album.album.name == album_name
            for photo in album.photos.values()
        }

    def playlist_digests(self, name: str) -> list[Digest]:
        """Return the content of the playlists of that name, in order; empty if there is none."""
        photos = {photo_id: photo for each in self.album_list for photo_id, photo in each.photos.items()}
        return [
            photos[item.photo_id].digest
            for playlist in self.playlist_list
            if playlist.name == name
            for item in playlist.items
        ]

    def add_album(self, name: str) -> MemoryAlbum:
        """Create an album, even if the name is taken."""
        album = MemoryAlbum(FrameAlbum(f"a{next(self._ids)}", name))
        self.album_list.append(album)
        self._changed()
        return album

    def add_playlist(self, name: str, photos: Iterable[FramePhoto] = ()) -> MemoryPlaylist:
        """Create a playlist, even if the name is taken."""
        playlist = MemoryPlaylist(f"l{next(self._ids)}", name, [self._item(photo) for photo in photos])
        self.playlist_list.append(playlist)
        self._changed()
        return playlist

    def put(self, album_name: str, data: bytes, filename: str = "") -> FramePhoto:
        """Add a photo to an album, created if necessary, like a user would; returns the existing one if there
        is one."""
        try:
            album = self.album_named(album_name)
        except KeyError:
            album = self.add_album(album_name)
        return self.put_into(album, data, filename)

    def put_into(self, album: MemoryAlbum, data: bytes, filename: str = "") -> FramePhoto:
        """Add a photo to this album; returns the existing one if there is one."""
        digest = self._digest(hashlib.new(self.capabilities.digest_algorithm, data))
        for photo in album.photos.values():
            if photo.digest == digest:
                return photo
        return self._add_photo(album, digest, filename)

    def new_id(self, prefix: str) -> str:
        """Return an unused ID."""
        return f"{prefix}{next(self._ids)}"

    def remove(self, photo_id: str) -> None:
        """Remove a photo from its album and from all playlists; does nothing if there is none."""
        if not any(album.photos.pop(photo_id, None) for album in self.album_list):
            return
        for playlist in self.playlist_list:
            playlist.items = [item for item in playlist.items if item.photo_id != photo_id]
        self._changed()

    # The port.

    def prepare(self) -> None:
        self.calls.append(("prepare",))

    async def albums(self) -> Sequence[FrameAlbum]:
        await self._begin("albums")
        self._end("albums")
        return tuple(replace(album.album, photo_count=len(album.photos)) for album in self.album_list)

    async def find_album(self, name: str) -> FrameAlbum | None:
        await self._begin("find_album", name)
        album = self._only_album(name)
        self._end("find_album")
        return album

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:
        await self._begin("create_album", name)
        album = self._only_album(name) or self.add_album(name).album
        self._end("create_album")
        return album

    async def photos(self, album: FrameAlbum) -> Photos:
        await self._begin("photos", album.name)
        items = tuple(photo for photo in self._album(album).photos.values() if self._listed(photo))
        self._end("photos")
        return Photos(items, self.photos_problem)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        assert upcoming >= 1
        await self._begin("upload", album.name, rendition.filename)
        rendition.file.seek(0)
        content = hashlib.new(self.capabilities.digest_algorithm)
        while chunk := rendition.file.read(2**16):
            content.update(chunk)
        digest = self._digest(content)
        result: UploadResult = AlreadyThere()
        if not self._album(album).holds(digest):
            if self.room is not None and sum(len(each.photos) for each in self.album_list) >= self.room:
                raise QuotaError(f"The storage of {self.capabilities.title} is full.")
            own = self.capabilities.captions is not Captions.NONE
            photo = self._add_photo(
                self._album(album),
                digest,
                rendition.filename,
                caption=(rendition.about.caption if self.captions_with_upload else "") if own else None,
            )
            self.about[photo.photo_id] = rendition.about
            self.unlisted[photo.photo_id] = self.listed_late
            result = Uploaded()
        self._end("upload")
        return result

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        await self._begin("delete", album.name, photo.photo_id)
        self.remove(photo.photo_id)
        self._end("delete")

    def same_caption(self, shown: str, wanted: str) -> bool:
        return shown == wanted

    async def describe(self, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto) -> None:
        await self._begin("describe", album.name, photo.photo_id, about.caption)
        photos = self._album(album).photos
        if photo.photo_id not in photos:
            raise NotFoundError(
                f"{self.capabilities.title} has no photo {photo.photo_id} any more.", status=404
            )
        photos[photo.photo_id] = replace(photos[photo.photo_id], caption=about.caption)
        self.about[photo.photo_id] = about
        self._end("describe")

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        await self._begin("arrange", album.name, *(photo.photo_id for photo in photos))
        mine = self._album(album)
        named = [photo.photo_id for photo in photos if photo.photo_id in mine.photos]
        mine.photos = {each: mine.photos[each] for each in dict.fromkeys((*named, *mine.photos))}
        self._changed()
        self._end("arrange")

    async def playlists(self, name: str) -> Sequence[Playlist]:
        await self._begin("playlists", name)
        self._end("playlists")
        return tuple(playlist.value() for playlist in self.playlist_list if playlist.name == name)

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        await self._begin("playlist", known.name)
        self._end("playlist")
        now = (each.value() for each in self.playlist_list)
        return next((each for each in now if each.playlist_id == known.playlist_id), None)

    async def create_playlist(self, name: str) -> Playlist:
        await self._begin("create_playlist", name)
        found = [playlist for playlist in self.playlist_list if playlist.name == name]
        playlist = found[0] if found else self.add_playlist(name)
        self._end("create_playlist")
        return playlist.value()

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        await self._begin("add_items", playlist.name, *(photo.photo_id for photo in photos))
        existing = {photo_id for album in self.album_list for photo_id in album.photos}
        mine = self._playlist(playlist)
        breaks_off = self.adds_break_off.pop(0) if self.adds_break_off else None
        taken = photos[:breaks_off]
        if self.adds_drop:
            taken = taken[: self.adds_drop.pop(0)]
        mine.items += [self._item(photo) for photo in taken if photo.photo_id in existing]
        mine.items = mine.items[: self.capabilities.playlist_limit]
        self._changed()
        if breaks_off is not None:
            raise TransientError("The wire broke while photos were added to a playlist.")
        self._end("add_items")

    async def remove_items(self, playlist: Playlist, items: Sequence[PlaylistItem]) -> None:
        await self._begin("remove_items", playlist.name, *(item.item_id for item in items))
        gone = {item.item_id for item in items}
        mine = self._playlist(playlist)
        mine.items = [item for item in mine.items if item.item_id not in gone]
        self._changed()
        self._end("remove_items")

    async def examine(self) -> Sequence[Finding]:
        return [Finding(Mark.OK, self.capabilities.title, "in memory.")]

    async def aclose(self) -> None:
        self.calls.append(("aclose",))

    # Implementation.

    async def _begin(self, method: str, *arguments: str) -> None:
        self.calls.append((method, *arguments))
        await asyncio.sleep(0)  # Lets other tasks in, as a request would.
        self.passing(method)
        _raise_next(self.fail, method)

    def _end(self, method: str) -> None:
        self.passing(method)
        _raise_next(self.fail_after, method)

    def _listed(self, photo: FramePhoto) -> bool:
        left = self.unlisted.get(photo.photo_id, 0)
        if left:
            self.unlisted[photo.photo_id] = left - 1
        return not left

    def _changed(self) -> None:
        for observer in self.observers:
            observer()

    def _only_album(self, name: str) -> FrameAlbum | None:
        found = [album.album for album in self.album_list if album.album.name == name]
        if len(found) > 1:
            raise AmbiguousError(f"{self.capabilities.title} has {len(found)} albums named {name!r}.")
        return found[0] if found else None

    def _album(self, album: FrameAlbum) -> MemoryAlbum:
        for each in self.album_list:
            if each.album.album_id == album.album_id:
                return each
        raise NotFoundError(f"{self.capabilities.title} has no album {album.name!r} any more.", status=404)

    def _playlist(self, playlist: Playlist) -> MemoryPlaylist:
        for each in self.playlist_list:
            if each.playlist_id == playlist.playlist_id:
                return each
        raise NotFoundError(
            f"{self.capabilities.title} has no playlist {playlist.name!r} any more.", status=404
        )

    def _add_photo(
        self, album: MemoryAlbum, digest: Digest, filename: str, caption: str | None = None
    ) -> FramePhoto:
        photo = FramePhoto(f"p{next(self._ids)}", digest, filename, caption=caption)
        album.photos[photo.photo_id] = photo
        self._changed()
        return photo

    def _item(self, photo: FramePhoto) -> PlaylistItem:
        return PlaylistItem(f"i{next(self._ids)}", photo.photo_id)

    def _digest(self, content: hashlib._Hash) -> Digest:
        return Digest(self.capabilities.digest_algorithm, content.hexdigest())


class MemoryAlbumFrame(MemoryFrame):
    """One that shows albums: it has no playlists, but captions and an order of its own."""

    playlists = None  # type: ignore[assignment] # no part of this one's port

    def __init__(self) -> None:
        super().__init__(replace(CAPABILITIES, captions=Captions.OWN, keeps_order=True))


def _ignore(_: str) -> None:
    return


def _raise_next(script: dict[str, list[PicsyncError]], method: str) -> None:
    errors = script.get(method)
    if errors:
        raise errors.pop(0)

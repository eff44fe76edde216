"""The emulated service's data: accounts with albums, photos, playlists and frames.

Every method that changes something then reports it, by a name, to `changed`.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from picsync.emulators.nixplay.options import (
    BAD_NAME,
    BAD_NAME_V3,
    NAME_TROUBLE,
    NAME_TROUBLE_V3,
    Emoji,
    ListingOrder,
    NixplayOptions,
    Refused,
)
from picsync.emulators.nixplay.spool import Blob

_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_DAY_S = 24 * 3600.0
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tif",
    "image/heic": "heic",
    "video/mp4": "mp4",
}
_T = TypeVar("_T")
MY_UPLOADS = "My Uploads"


@dataclass(slots=True, eq=False)
class Photo:
    """A photo in an album."""

    photo_id: int
    album_id: int
    filename: str
    md5: str
    size_bytes: int
    file_type: str
    key: str
    """Object name in the bucket of originals; the same for equal bytes of one account."""
    path: Path
    """Path of the bytes on this machine."""
    added_at: float
    """Unix time."""
    caption: str = ""


@dataclass(slots=True, eq=False)
class Album:
    """An album; its photos from oldest to newest."""

    album_id: int
    name: str
    kind: str
    """`Web` or `Email`."""
    created_at: float
    deletable: bool = True
    photos: dict[int, Photo] = field(default_factory=dict)
    by_md5: dict[str, Photo] = field(default_factory=dict)
    counts: list[tuple[float, int]] = field(default_factory=list)
    """Number of photos after each change, and when."""

    def newest_first(self) -> list[Photo]:
        """Return the photos in the order of the service's listing."""
        return list(reversed(self.photos.values()))


@dataclass(slots=True, eq=False)
class Frame:
    """A picture frame."""

    pk: int
    name: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class Foreign:
    """An external picture, linked into a playlist by its URL."""

    photo_url: str
    thumbnail_url: str = ""
    orientation: int = 0
    caption: str = ""


@dataclass(frozen=True, slots=True)
class PlaylistItem:
    """One entry of a playlist."""

    item_id: str
    content: Photo | Foreign
    added_at: float


@dataclass(slots=True, eq=False)
class Playlist:
    """An ordered list of references; the same photo may occur several times."""

    playlist_id: int
    name: str
    created_at: float
    updated_at: float
    items: list[PlaylistItem] = field(default_factory=list)
    counts: list[tuple[float, int]] = field(default_factory=list)
    """Number of items after each change, and when."""
    version: int = 1
    frames: list[Frame] = field(default_factory=list)

    def photos(self) -> list[Photo]:
        """Return the photos in order, without foreign items."""
        return [item.content for item in self.items if isinstance(item.content, Photo)]


@dataclass(slots=True, eq=False)
class Account:
    """A user with all data."""

    name: str
    """The part before `@mynixplay.com`."""
    password: str = field(repr=False)
    number: int
    albums: dict[int, Album] = field(default_factory=dict)
    playlists: dict[int, Playlist] = field(default_factory=dict)
    photos: dict[int, Photo] = field(default_factory=dict)
    frames: dict[int, Frame] = field(default_factory=dict)
    stored_bytes: int = 0

    @property
    def address(self) -> str:
        """The account's e-mail address."""
        return f"{self.name}@mynixplay.com"

    def my_uploads(self) -> Album:
        """Return the album for uploads to playlists."""
        return next(album for album in self.albums.values() if album.name == MY_UPLOADS)


def _by_picture(item: PlaylistItem) -> int:
    return item.content.photo_id if isinstance(item.content, Photo) else 0


class State:
    """All accounts, and the only code that changes them."""

    def __init__(
        self, options: NixplayOptions, clock: Callable[[], float], changed: Callable[[str], None]
    ) -> None:
        self.options = options
        self.accounts: dict[str, Account] = {}
        self.by_key: dict[str, dict[int, Photo]] = {}
        self._clock = clock
        self._changed = changed
        self._account_numbers = itertools.count(3293355)
        self._album_ids = itertools.count(9140211)
        self._photo_ids = itertools.count(512883007)
        self._playlist_ids = itertools.count(3201700)
        self._frame_pks = itertools.count(180001)
        self._item_ids = itertools.count(0x5F3A9C0000)

    def name(self, text: str, *, v3: bool = False) -> str:
        """Return the stored form of a name; raises Refused, in the format of `/v3/` or of the old backend."""
        form = self.options.normal_form
        basic = self._basic(unicodedata.normalize(form, text) if form else text, v3=v3)
        return (basic.strip() if self.options.trim_names else basic)[: self.options.name_characters]

    def _basic(self, text: str, *, v3: bool) -> str:
        lost = _BEYOND_ASCII if self.options.only_ascii else _BEYOND_BASIC_PLANE
        match self.options.emoji:
            case Emoji.STRIP:
                return lost.sub("", text)
            case Emoji.QUESTION_MARK:
                return lost.sub("?", text)
            case Emoji.ESCAPE:
                return lost.sub(lambda found: f"\\U{ord(found[0]):08x}", text)
            case Emoji.CUT:
                return lost.split(text)[0]
            case Emoji.REFUSE if lost.search(text):
                raise Refused(BAD_NAME_V3 if v3 else BAD_NAME)
            case Emoji.FAIL if lost.search(text):
                raise Refused(NAME_TROUBLE_V3 if v3 else NAME_TROUBLE)
        return text

    def add_account(self, name: str, password: str) -> Account:
        """Create a user with the content of a new account."""
        account = Account(name, password, next(self._account_numbers))
        self.accounts[name] = account
        for made in (
            self.create_album(account, MY_UPLOADS, deletable=False),
            self.create_album(account, account.address, kind="Email", deletable=False),
            self.create_playlist(account, account.address),
            self.create_playlist(account, "Favorites"),
        ):
            made.created_at -= _DAY_S
        self.add_frame(account, "Living Room")
        return account

    def add_frame(self, account: Account, name: str) -> Frame:
        """Pair a frame with the account."""
        pk = next(self._frame_pks)
        frame = Frame(pk, name, f"8001{pk:012d}")
        account.frames[pk] = frame
        self._changed("add_frame")
        return frame

    def create_album(
        self, account: Account, name: str, *, kind: str = "Web", deletable: bool = True
    ) -> Album:
        """Create an album; names need not be unique."""
        album = Album(next(self._album_ids), self.name(name), kind, self._clock(), deletable)
        account.albums[album.album_id] = album
        self._changed("create_album")
        return album

    def delete_album(self, account: Account, album: Album) -> None:
        """Delete an album with its photos, wherever they are shown."""
        for photo in album.photos.values():
            self._forget(account, photo)
        self._unlist(account, album.photos)
        del account.albums[album.album_id]
        self._changed("delete_album")

    def add_photo(self, account: Account, album: Album, blob: Blob, filename: str, file_type: str) -> Photo:
        """Add a photo to an album that does not contain its bytes."""
        extension = _EXTENSIONS.get(file_type, "jpg")
        photo = Photo(
            photo_id=next(self._photo_ids),
            album_id=album.album_id,
            filename=self.name(filename),
            md5=blob.md5,
            size_bytes=blob.size_bytes,
            file_type=file_type,
            key=f"{account.number}/{account.number}_{blob.md5}.{extension}",
            path=blob.path,
            added_at=self._clock(),
        )
        album.photos[photo.photo_id] = photo
        album.by_md5[photo.md5] = photo
        album.counts.append((photo.added_at, len(album.photos)))
        account.photos[photo.photo_id] = photo
        account.stored_bytes += photo.size_bytes
        self.by_key.setdefault(photo.key, {})[photo.photo_id] = photo
        self._changed("add_photo")
        return photo

    def delete_photo(self, account: Account, photo: Photo) -> None:
        """Delete a photo from its album, and thereby from all playlists."""
        album = account.albums[photo.album_id]
        del album.photos[photo.photo_id]
        del album.by_md5[photo.md5]
        album.counts.append((self._clock(), len(album.photos)))
        self._forget(account, photo)
        self._unlist(account, {photo.photo_id})
        self._changed("delete_photo")

    def set_caption(self, photo: Photo, caption: str) -> None:
        """Set a photo's caption."""
        if self.options.keep_captions:
            photo.caption = self.name(caption, v3=True)[: self.options.caption_characters]
        self._changed("set_caption")

    def create_playlist(self, account: Account, name: str) -> Playlist:
        """Create a playlist; names need not be unique."""
        now = self._clock()
        playlist = Playlist(next(self._playlist_ids), self.name(name, v3=True), now, now)
        account.playlists[playlist.playlist_id] = playlist
        self._changed("create_playlist")
        return playlist

    def delete_playlist(self, account: Account, playlist: Playlist) -> None:
        """Delete a playlist; its photos stay in their albums."""
        del account.playlists[playlist.playlist_id]
        self._changed("delete_playlist")

    def append_items(self, playlist: Playlist, contents: Iterable[Photo | Foreign]) -> None:
        """Append to a playlist, in order; items beyond the limit are dropped."""
        now = self._clock()
        room = max(0, self.options.playlist_limit - len(playlist.items))
        playlist.items += [
            PlaylistItem(f"{next(self._item_ids):x}", content, now)
            for content in itertools.islice(contents, room)
        ]
        self._touch(playlist)
        self._changed("append_items")

    def remove_items(self, playlist: Playlist, item_ids: Sequence[str]) -> None:
        """Remove items; succeeds if they are already gone. Without IDs: every item."""
        gone = set(item_ids)
        playlist.items = [item for item in playlist.items if item.item_id not in gone] if gone else []
        self._touch(playlist)
        self._changed("remove_items" if gone else "clear_items")

    def albums_listed(self, account: Account) -> list[Album]:
        """Return the albums that a listing currently shows."""
        latest = self._clock() - self.options.created_seconds
        listed = [album for album in account.albums.values() if album.created_at <= latest]
        return self._ordered(listed, lambda album: album.album_id)

    def playlists_listed(self, account: Account) -> list[Playlist]:
        """Return the playlists that a listing currently shows."""
        latest = self._clock() - self.options.created_seconds
        listed = [playlist for playlist in account.playlists.values() if playlist.created_at <= latest]
        return self._ordered(listed, lambda playlist: playlist.playlist_id)

    def pictures_listed(self, album: Album) -> list[Photo]:
        """Return all photos of an album in the order of a listing."""
        if self.options.order is ListingOrder.OLDEST_FIRST:
            return list(album.photos.values())
        return self._ordered(album.newest_first(), lambda photo: photo.photo_id)

    def photo_count(self, album: Album) -> int:
        """Return an album's photo count according to a listing."""
        return self._count(len(album.photos), album.counts, self.options.photo_count_seconds)

    def picture_count(self, playlist: Playlist) -> int:
        """Return a playlist's item count according to a listing."""
        return self._count(len(playlist.items), playlist.counts, self.options.picture_count_seconds)

    def _count(self, present: int, counts: Sequence[tuple[float, int]], behind_s: float) -> int:
        if not behind_s:
            return present
        latest = self._clock() - behind_s
        return next((count for at, count in reversed(counts) if at <= latest), 0)

    def _ordered(self, listed: list[_T], number: Callable[[_T], int]) -> list[_T]:
        if self.options.order is not ListingOrder.SCATTERED:
            return listed
        # A multiplicative hash: neighbours are moved far apart.
        return sorted(listed, key=lambda each: number(each) * 2654435761 % 2**32)

    def assign(self, frame: Frame, playlist: Playlist) -> None:
        """Let a frame show a playlist; succeeds if it already does."""
        if frame not in playlist.frames and self.options.keep_assignments:
            playlist.frames.append(frame)
        self._changed("assign")

    def withdraw(self, frame: Frame, playlist: Playlist) -> None:
        """Let a frame no longer show a playlist; succeeds if it does not."""
        if frame in playlist.frames and self.options.keep_removals:
            playlist.frames.remove(frame)
        self._changed("withdraw")

    def items_listed(self, playlist: Playlist) -> list[PlaylistItem]:
        """Return a playlist's items in the order of a listing."""
        if self.options.keep_order:
            return playlist.items
        return sorted(playlist.items, key=_by_picture)

    def _touch(self, playlist: Playlist) -> None:
        playlist.version += 1
        playlist.updated_at = self._clock()
        playlist.counts.append((playlist.updated_at, len(playlist.items)))

    def _forget(self, account: Account, photo: Photo) -> None:
        del account.photos[photo.photo_id]
        account.stored_bytes -= photo.size_bytes
        same_bytes = self.by_key[photo.key]
        del same_bytes[photo.photo_id]
        if not same_bytes:
            del self.by_key[photo.key]
        photo.path.unlink(missing_ok=True)

    def _unlist(self, account: Account, photo_ids: Container[int]) -> None:
        for playlist in account.playlists.values():
            kept = [
                item
                for item in playlist.items
                if not isinstance(item.content, Photo) or item.content.photo_id not in photo_ids
            ]
            if len(kept) != len(playlist.items):
                playlist.items = kept
                self._touch(playlist)

"""The port that every frame implements."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import BinaryIO, Protocol, TypeAlias, runtime_checkable

from picsync.core.caption import NOTHING_KNOWN, AboutPhoto, Captions
from picsync.core.model import (
    Digest,
    Finding,
    FrameAlbum,
    FramePhoto,
    MediaKind,
    Photos,
    Playlist,
    PlaylistItem,
)
from picsync.core.rejected import Rejected, Rejection
from picsync.core.values import dataclass


@dataclass(frozen=True, slots=True)
class FrameCapabilities:
    """What the engine needs to know about a frame; it never asks for the frame's name."""

    kind: str
    title: str
    """Its name in messages."""
    digest_algorithm: str
    """Algorithm of the digests that the frame reports for uploaded bytes: `md5` or `sha256`."""
    mime_types: frozenset[str]
    """MIME types that it accepts; anything else is not even downloaded."""
    playlist_limit: int | None
    """Maximum number of items in a playlist; None if there is no known limit, or no playlist."""
    max_uploads: int
    """Maximum number of concurrent uploads that the service is known to handle."""
    captions: Captions = Captions.NONE
    """Whether it shows captions of its own; if so, it is a `ShowsCaptions`. Equal to that of its kind."""
    keeps_order: bool = False
    """Whether it is a `KeepsOrder`. A `PlaylistFrame` keeps the order of its playlists, and needs no more.
    Equal to that of its kind."""

    def accepts(self, mime_type: str) -> bool:
        """Whether a file of that type may be sent. An unknown (empty) type may be tried."""
        return not mime_type or mime_type in self.mime_types

    def accepts_kind(self, kind: MediaKind) -> bool:
        """Whether the frame accepts any type of that kind."""
        prefix = "video/" if kind is MediaKind.VIDEO else "image/"
        return any(name.startswith(prefix) for name in self.mime_types)


@dataclass(frozen=True, slots=True)
class Rendition:
    """Bytes in a temporary file, ready for a frame."""

    file: BinaryIO
    """Seekable; the frame rewinds it before each attempt."""
    size_bytes: int
    digest: Digest
    mime_type: str
    filename: str
    about: AboutPhoto = NOTHING_KNOWN
    """What a frame with captions may show with it; for other frames nothing is known. It is no part of the
    bytes: two renditions that differ only in this are one photo."""
    content: Digest | None = None
    """Of the original's bytes; None if it is unknown, or if there are two of them."""
    original_size: tuple[int, int] | None = None
    """Width and height of the original in pixels, as it is shown; None if unknown."""


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The frame album already contains these bytes; equivalent to a new upload."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The frame's service has confirmed that the photo is in the album."""


UploadResult: TypeAlias = Uploaded | AlreadyThere


class Frame(Protocol):
    """A photo frame, or the service behind it. All methods may run concurrently.

    A frame shows all photos of an album, unless it is a `PlaylistFrame`. Every method raises LoginNeeded if
    the user has to act, TransientError if all retries failed, and ProtocolError for a response that cannot be
    understood. No method treats a failure as absence.
    """

    @property
    def capabilities(self) -> FrameCapabilities:
        """What this frame can do; never changes."""

    def prepare(self) -> None:
        """Start what the first call would wait for, such as a login; a failure is raised by that call."""

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return all albums, in the service's order; names need not be unique."""

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the service certainly has none.

        Raises AmbiguousError, which names the albums and the remedy, if there are several.
        """

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:
        """Create an album unless one of that name exists by now, and return it.

        Repeating is safe: a lost response never leads to a second album. `upcoming` is the number of uploads
        that follow, which the frame may prepare in the meantime; a wrong number only costs requests.
        """

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return all photos of the album, each once; in any order, unless the frame is a `KeepsOrder`.

        If the listing contradicts other information from the service, the result is marked incomplete.
        """

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Send the bytes and wait until the service confirms them; from then on, `photos` lists them.

        `upcoming` is the number of expected uploads to the album, including this one; a wrong number only
        costs requests. Raises ItemError (`unusable`) if the service rejects this file permanently, and
        QuotaError if the storage is full. Repeating is safe: an album contains equal bytes once.
        """

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove a photo from its album, and thereby from all playlists; succeeds if it is already gone."""

    async def examine(self) -> Sequence[Finding]:
        """Check what only this frame can know about itself.

        That is: whether it can be reached, which account is used, and how much space is left. Changes
        nothing. Raises like every other method if a check cannot be finished.
        """

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""


@runtime_checkable
class PlaylistFrame(Frame, Protocol):
    """A frame that shows playlists rather than albums.

    All methods may run concurrently, except two writes to one playlist.
    """

    async def playlists(self, name: str) -> Sequence[Playlist]:
        """Return the playlists of that name with their items; usually one or none."""

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        """Return a playlist as it is now, or None if it no longer exists.

        `expected` is the expected number of items; a wrong number only costs requests.
        """

    async def create_playlist(self, name: str) -> Playlist:
        """Create an empty playlist unless one of that name exists by now; repeating is safe."""

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        """Append photos to a playlist in the given order, even if they are already in it.

        Not repeated automatically if the response is lost: read the playlist and decide again. Beyond
        `playlist_limit` the service may drop items silently, so check the result as well.
        """

    async def remove_items(self, playlist: Playlist, items: Sequence[PlaylistItem]) -> None:
        """Remove entries from a playlist; the photos stay in their album. Succeeds if already removed.

        An empty `items` does nothing. Other entries stay, even after a failure.
        """


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whether the devices that are to show a playlist do so."""

    shown: bool | None
    """None if that is unknown."""
    remark: str = ""
    """For the user: what could not be done; empty if everything is as it is wanted."""


@runtime_checkable
class Assigns(Protocol):
    """A `PlaylistFrame` that can choose which devices show a playlist, if its configuration says so."""

    async def assign(self, playlist: Playlist) -> Assigned | None:
        """Have the configured devices show a playlist; None if none are configured.

        Called in each cycle, for playlists that are not empty; sends nothing if the last listing shows that
        nothing is to be done. Raises PicsyncError only for what the user has to correct; what the service
        does not carry out is a remark.
        """


@runtime_checkable
class DeniesTwice(Protocol):
    """A frame that asks its service twice before it says that there is no album of a name."""

    async def look_for_album(self, name: str, denied: Callable[[], None]) -> FrameAlbum | None:
        """Do what `find_album` does, and call `denied` after the first answer without the album.

        The caller may then prepare what a new album needs, but must not change anything yet.
        """


@runtime_checkable
class TellsRoom(Protocol):
    """A frame that tells how much more it can hold."""

    async def free_bytes(self) -> int | None:
        """Return how many bytes of photos still fit; None if that is unknown. Raises as `Frame` says."""


@runtime_checkable
class ShowsCaptions(Protocol):
    """A frame that shows captions of its own: text beside the picture, not pixels of it.

    Its `capabilities.captions` is not NONE, and so is `captions` of its kind. Then a rule's `caption` is not
    part of the recipe. It comes as `Rendition.about.caption` with the upload, together with whatever else is
    known of the photo. A frame that cannot take a caption with the upload ignores it there.

    `photos` returns each photo with its `caption`: the text as the frame has it, and an empty text for a
    photo without one. Every cycle compares these texts with the wanted ones and calls `describe` where they
    differ. So a photo that was there before (`AlreadyThere`), or whose caption was lost, gets its caption in
    the same cycle, and a template that changes sends no photo again. A steady cycle calls nothing.
    """

    def same_caption(self, shown: str, wanted: str) -> bool:
        """Whether a photo that has the caption `shown` needs no other for `wanted`.

        Equality, unless the service changes texts: if it trims or shortens them, what it makes of `wanted` is
        the same. Otherwise each cycle would send the caption again.
        """

    async def describe(self, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto) -> None:
        """Replace everything that the frame shows with a photo; from then on, `photos` lists its caption.

        An empty caption removes the one that the photo has. Succeeds if it already has the caption. Repeating
        is safe. Raises NotFoundError if the photo is gone, RefusedError if the service takes no captions, and
        otherwise what `Frame` says. Nothing else about the photo changes, its ID and its place included.
        """


@runtime_checkable
class KeepsOrder(Protocol):
    """A frame without playlists that can show the photos of an album in a given order.

    Its `capabilities.keeps_order` is true. `photos` then returns an album's photos in the order in which the
    frame shows them. If a rule asks for an order (`order` of its `select`), and the photos are in another one
    at the end of a cycle, the cycle calls `arrange`. Rules without an order, and steady cycles, call nothing.
    """

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Show the album's photos in this order; from then on, `photos` lists them in it.

        `photos` are those of the last listing, each once, in the wanted order. Photos that are not among them
        come after them, in the order that they have. At any moment, even after a failure, the album has all
        its photos; then each is in its old place or in the new one. Repeating is safe. IDs of photos may
        change, for instance if they are file names. Raises as `Frame` says.
        """


@runtime_checkable
class Rejects(Protocol):
    """A frame whose viewers can say that they do not want a photo.

    It stores with the photos what was rejected, so that this survives the loss of everything else. The
    methods raise as `Frame` says.
    """

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return what the viewers have rejected, the oldest first, including what is noticed just now.

        Without `record` nothing is written, so the next call notices the same again.
        """

    async def reject(self, photo: FramePhoto) -> bool:
        """Remember that a photo is not wanted, and remove it from all albums; return whether it was removed.

        The only photo of a frame is remembered but stays, since a frame is never empty. A photo that does not
        exist any more is not remembered.
        """

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Forget that these photos were rejected; a cycle sends those that its rule still wants.

        May be called by another process than the one that runs the cycles. Repeating is safe.
        """


@runtime_checkable
class RecordsItems(Protocol):
    """A frame that stores which media items its photos show."""

    async def record_items(self, album: FrameAlbum, items: Mapping[str, Digest]) -> None:
        """Store the items that photos of the album show: the digest of the photo by the item's key.

        Called at the end of each cycle, with every listed item whose photo the album has, so also with those
        that are equal to another one. Repeating is safe. Raises as `Frame` says.
        """


@runtime_checkable
class GivesPictures(Protocol):
    """A frame whose photos can be read here without a download."""

    def open_photo(self, photo: FramePhoto) -> BinaryIO:
        """Open the bytes of a listed photo; blocks. Raises OSError, also if it is gone."""

    async def newest(self, album: str, count: int) -> Sequence[FramePhoto]:
        """Return at most `count` photos of the album with this name that were added last, the newest first.

        Costs little, however many photos there are. Raises as `Frame` says.
        """

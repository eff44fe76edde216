"""The port through which picsync sees any photo frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeAlias, runtime_checkable

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


@dataclass(frozen=True, slots=True)
class FrameCapabilities:
    """What the engine must know of a frame; it asks for these, never for the frame's name."""

    kind: str
    title: str
    """Its name in messages to people."""
    digest_algorithm: str
    """What the frame reports of the bytes it was sent: `md5` or `sha256`."""
    mime_types: frozenset[str]
    """Types it takes; anything else is not even downloaded."""
    playlist_limit: int | None
    """Maximum number of items in a playlist; None if there is no known limit, or no playlist."""
    max_uploads: int
    """Uploads at a time that the service is known to bear."""

    def accepts(self, mime_type: str) -> bool:
        """Whether a file of that type may be sent. An unknown (empty) type may be tried."""
        return not mime_type or mime_type in self.mime_types

    def accepts_kind(self, kind: MediaKind) -> bool:
        """Whether the frame takes any type of that kind."""
        prefix = "video/" if kind is MediaKind.VIDEO else "image/"
        return any(name.startswith(prefix) for name in self.mime_types)


@dataclass(frozen=True, slots=True)
class Rendition:
    """Bytes ready for a frame, in a spool file."""

    file: BinaryIO
    """Seekable; the frame rewinds it itself before each attempt."""
    size_bytes: int
    digest: Digest
    mime_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """The frame album holds these bytes already; as good as a fresh upload."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The frame's service has confirmed that the photo is in the album."""


UploadResult: TypeAlias = Uploaded | AlreadyThere


class Frame(Protocol):
    """A photo frame, or the service behind it. All methods may run concurrently.

    A frame shows all photos of an album, unless it is a `PlaylistFrame`. Every method raises LoginNeeded
    where the user has to act, TransientError when retries have failed, and ProtocolError for a response that
    makes no sense. None concludes absence from a failure.
    """

    @property
    def capabilities(self) -> FrameCapabilities:
        """What this frame can do; constant."""

    def prepare(self) -> None:
        """Begin what the first call would have to wait for, such as a login; its failure is that call's."""

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return all albums, in the service's order; names need not be unique."""

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the service surely has none.

        Raises AmbiguousError, naming them and the way out, if there are several.
        """

    async def create_album(self, name: str) -> FrameAlbum:
        """Create an album unless one of that name exists by now, and return it.

        Repeating is safe: an answer lost on the way never leaves a second album.
        """

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return all photos of the album, each once, order not significant.

        Where the listing contradicts what the service says elsewhere, the result is marked incomplete.
        """

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Send the bytes and wait until the service confirms them; only then will `photos` list them.

        `upcoming` is how many uploads to the album are expected, this one included; where it is wrong that
        only costs requests.
        Raises ItemError (`unusable`) if the service refuses this file for what it is, QuotaError if there
        is no room. Repeating is safe: equal bytes are in an album once.
        """

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove a photo from its album and so from all playlists; fine if it is already gone."""

    async def examine(self) -> Sequence[Finding]:
        """Look at what only this frame knows of itself.

        That is whether it can be reached, who we are there and how much room is left. Changes nothing.
        Raises as every method does where a look is cut short.
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
        """Return a playlist as it is now, or None if it is gone.

        `expected` is how many items it should hold by now; where it holds others that costs requests only.
        """

    async def create_playlist(self, name: str) -> Playlist:
        """Create an empty playlist unless one of that name exists by now; repeating is safe."""

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        """Append photos to a playlist in the given order, whether or not they are in it already.

        Not repeated by itself when the answer is lost: read the playlist and decide again. Beyond
        `playlist_limit` the service may drop items without a word, so read it back as well.
        """

    async def remove_items(self, playlist: Playlist, items: Sequence[PlaylistItem]) -> None:
        """Remove entries from a playlist, leaving the photos in their album; fine if already gone.

        An empty `items` does nothing. Entries not named stay, whatever fails on the way.
        """

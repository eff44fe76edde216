"""A frame on which nothing is ever changed: reads pass through, writes only change what is read next.

With it, a dry run runs the same code as a real cycle and shows the plan that would be carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from picsync.core.model import Finding, FrameAlbum, FramePhoto, Photos, Playlist, PlaylistItem
from picsync.frames.base import (
    AlreadyThere,
    Frame,
    FrameCapabilities,
    PlaylistFrame,
    Rendition,
    Uploaded,
    UploadResult,
)

_PREDICTED = "predicted-"


class DryRunFrame:
    """Stands before a real frame and keeps every write to itself."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._added: list[FramePhoto] = []
        self._deleted: set[str] = set()

    @property
    def capabilities(self) -> FrameCapabilities:
        """The real frame's."""
        return self._frame.capabilities

    def prepare(self) -> None:
        """Prepare the real frame."""
        self._frame.prepare()

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the real frame's albums."""
        return await self._frame.albums()

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Look at the real frame."""
        return await self._frame.find_album(name)

    async def create_album(self, name: str) -> FrameAlbum:
        """Predict an empty album."""
        return FrameAlbum(_PREDICTED + name, name)

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the real photos, with what would have been uploaded and without what would be deleted."""
        real = Photos() if album.album_id.startswith(_PREDICTED) else await self._frame.photos(album)
        kept = tuple(photo for photo in real.items if photo.photo_id not in self._deleted)
        return replace(real, items=(*self._added, *kept))

    async def upload(
        self,
        album: FrameAlbum,  # noqa: ARG002 - port
        rendition: Rendition,
        *,
        upcoming: int = 1,  # noqa: ARG002 - port
    ) -> UploadResult:
        """Predict the photo."""
        if any(photo.digest == rendition.digest for photo in self._added):
            return AlreadyThere()
        photo_id = f"{_PREDICTED}{rendition.digest.hex}"
        self._added.append(FramePhoto(photo_id, rendition.digest, rendition.filename))
        return Uploaded()

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:  # noqa: ARG002 - port
        """Predict that the photo is gone."""
        self._deleted.add(photo.photo_id)

    async def examine(self) -> Sequence[Finding]:
        """Return what the real frame finds."""
        return await self._frame.examine()

    async def aclose(self) -> None:
        """Leave the real frame to its owner."""


class DryRunPlaylistFrame(DryRunFrame):
    """The same for a frame that shows playlists."""

    def __init__(self, frame: PlaylistFrame) -> None:
        super().__init__(frame)
        self._shown = frame
        self._playlists: dict[str, Playlist] = {}

    async def playlists(self, name: str) -> Sequence[Playlist]:
        """Return the real playlists as they would be by now."""
        real = await self._shown.playlists(name)
        found = [self._playlists.get(playlist.playlist_id, playlist) for playlist in real]
        predicted = self._playlists.get(_PREDICTED + name)
        return [*found, predicted] if predicted else found

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        """Return the real playlist as it would be by now."""
        if known.playlist_id in self._playlists:
            return self._playlists[known.playlist_id]
        return await self._shown.playlist(known, expected=expected)

    async def create_playlist(self, name: str) -> Playlist:
        """Predict an empty playlist."""
        playlist = Playlist(_PREDICTED + name, name)
        self._playlists[playlist.playlist_id] = playlist
        return playlist

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        """Predict the entries."""
        now = self._playlists.get(playlist.playlist_id, playlist)
        start = len(now.items)
        new = (PlaylistItem(f"{_PREDICTED}{n}", photo.photo_id) for n, photo in enumerate(photos, start))
        self._playlists[playlist.playlist_id] = replace(now, items=(*now.items, *new))

    async def remove_items(self, playlist: Playlist, items: Sequence[PlaylistItem]) -> None:
        """Predict the playlist without the entries."""
        now = self._playlists.get(playlist.playlist_id, playlist)
        gone = {item.item_id for item in items}
        left = tuple(item for item in now.items if item.item_id not in gone)
        self._playlists[playlist.playlist_id] = replace(now, items=left)


def unchanged(frame: Frame) -> DryRunFrame:
    """Return a frame that reads from `frame` and keeps all writes to itself."""
    return DryRunPlaylistFrame(frame) if isinstance(frame, PlaylistFrame) else DryRunFrame(frame)

"""A frame that is never changed: reads go to the real frame, writes only change later reads.

With it, a dry run executes the same code as a real cycle and shows the plan that would be carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from picsync.core.caption import AboutPhoto, Captions
from picsync.core.model import Finding, FrameAlbum, FramePhoto, Photos, Playlist, PlaylistItem
from picsync.frames.base import (
    AlreadyThere,
    Frame,
    FrameCapabilities,
    PlaylistFrame,
    Rendition,
    ShowsCaptions,
    TellsRoom,
    Uploaded,
    UploadResult,
)

_PREDICTED = "predicted-"


class DryRunFrame:
    """Wraps a real frame and records writes instead of executing them."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._added: list[FramePhoto] = []
        self._added_bytes = 0
        self._deleted: dict[str, int] = {}
        """ID of a photo -> its size, as far as the frame tells it."""
        self._captions: dict[str, str] = {}
        """ID of a photo -> its predicted caption."""
        self._places: dict[str, int] = {}
        """ID of a photo -> its predicted place in its album."""

    @property
    def capabilities(self) -> FrameCapabilities:
        """The real frame's capabilities."""
        return self._frame.capabilities

    def prepare(self) -> None:
        """Prepare the real frame."""
        self._frame.prepare()

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the real frame's albums."""
        return await self._frame.albums()

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Look up the album on the real frame."""
        return await self._frame.find_album(name)

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:  # noqa: ARG002 - it needs no preparation
        """Predict an empty album."""
        return FrameAlbum(_PREDICTED + name, name)

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the real photos, plus predicted uploads and minus predicted deletions."""
        real = Photos() if album.album_id.startswith(_PREDICTED) else await self._frame.photos(album)
        kept = (photo for photo in real.items if photo.photo_id not in self._deleted)
        photos = [
            replace(photo, caption=self._captions.get(photo.photo_id, photo.caption))
            for photo in (*self._added, *kept)
        ]
        photos.sort(key=lambda photo: self._places.get(photo.photo_id, len(self._places)))
        return replace(real, items=tuple(photos))

    async def upload(
        self,
        album: FrameAlbum,  # noqa: ARG002 - port
        rendition: Rendition,
        *,
        upcoming: int = 1,  # noqa: ARG002 - port
    ) -> UploadResult:
        """Predict the uploaded photo."""
        if any(photo.digest == rendition.digest for photo in self._added):
            return AlreadyThere()
        photo_id = f"{_PREDICTED}{rendition.digest.hex}"
        caption = rendition.about.caption if self.capabilities.captions is not Captions.NONE else None
        self._added_bytes += rendition.size_bytes
        self._added.append(FramePhoto(photo_id, rendition.digest, rendition.filename, caption=caption))
        return Uploaded()

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:  # noqa: ARG002 - port
        """Predict that the photo is deleted."""
        self._deleted[photo.photo_id] = photo.size_bytes or 0

    def same_caption(self, shown: str, wanted: str) -> bool:
        """Ask the real frame."""
        return isinstance(self._frame, ShowsCaptions) and self._frame.same_caption(shown, wanted)

    async def describe(self, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto) -> None:  # noqa: ARG002 - port
        """Predict the photo's caption."""
        self._captions[photo.photo_id] = about.caption

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:  # noqa: ARG002 - port
        """Predict the photos' order."""
        self._places = {photo.photo_id: place for place, photo in enumerate(photos)}

    async def free_bytes(self) -> int | None:
        """Return the real frame's free space after the predicted changes; None if it does not tell it."""
        free = await self._frame.free_bytes() if isinstance(self._frame, TellsRoom) else None
        return None if free is None else max(0, free - self._added_bytes + sum(self._deleted.values()))

    async def examine(self) -> Sequence[Finding]:
        """Return the real frame's findings."""
        return await self._frame.examine()

    async def aclose(self) -> None:
        """Do nothing; the owner of the real frame closes it."""


class DryRunPlaylistFrame(DryRunFrame):
    """The same for a frame with playlists."""

    def __init__(self, frame: PlaylistFrame) -> None:
        super().__init__(frame)
        self._shown = frame
        self._playlists: dict[str, Playlist] = {}

    async def playlists(self, name: str) -> Sequence[Playlist]:
        """Return the real playlists with the predicted changes."""
        real = await self._shown.playlists(name)
        found = [self._playlists.get(playlist.playlist_id, playlist) for playlist in real]
        predicted = self._playlists.get(_PREDICTED + name)
        return [*found, predicted] if predicted else found

    async def playlist(self, known: Playlist, *, expected: int) -> Playlist | None:
        """Return the real playlist with the predicted changes."""
        if known.playlist_id in self._playlists:
            return self._playlists[known.playlist_id]
        return await self._shown.playlist(known, expected=expected)

    async def create_playlist(self, name: str) -> Playlist:
        """Predict an empty playlist."""
        playlist = Playlist(_PREDICTED + name, name)
        self._playlists[playlist.playlist_id] = playlist
        return playlist

    async def add_items(self, playlist: Playlist, photos: Sequence[FramePhoto]) -> None:
        """Predict the added entries."""
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
    """Return a frame that reads from `frame` and executes no writes."""
    return DryRunPlaylistFrame(frame) if isinstance(frame, PlaylistFrame) else DryRunFrame(frame)

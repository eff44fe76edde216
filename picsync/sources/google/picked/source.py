"""The source port for albums of picked photos."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from picsync.core.errors import DiskError, ItemError
from picsync.core.model import Finding, Listing, Mark, MediaItem, SourceAlbum
from picsync.observe.words import counted
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.google.picked.library import Library, media_item
from picsync.system.files import open_regular, reason, remedy

KIND = "picked"
TITLE = "Picked photos"
_CHUNK_BYTES = 1 << 18
_PICK = "Pick photos into it with `picsync googlephotos pick`."


def _opened(path: Path) -> BinaryIO:
    return os.fdopen(open_regular(path, os.O_RDONLY), "rb")


class PickedSource:
    """The photos that `picsync googlephotos pick` downloaded; complete unless a file is missing."""

    def __init__(self, library: Library, open_file: Callable[[Path], BinaryIO] = _opened) -> None:
        self._library = library
        self._open = open_file
        self._capabilities = SourceCapabilities(kind=KIND, title=TITLE, videos=True)
        self._places: dict[str, Path] = {}
        """Item ID -> its file, as of the last listing that contained it."""

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""
        return self._capabilities

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the albums, by name."""
        for album in await asyncio.to_thread(self._library.albums):
            records, _ = await asyncio.to_thread(album.read)
            yield SourceAlbum(album.name, album.name, len(records))

    async def list(self, album_id: str) -> Listing:
        """List an album, oldest first; incomplete if the album or one of its files is missing."""
        album = self._library.album(album_id)
        try:
            records, problem = await asyncio.to_thread(album.read)
        except DiskError as error:
            return Listing(KIND, album_id, problem=str(error), cause=error.code)
        if problem is not None:
            problem = f"{problem} Check that the volume is mounted. {_PICK}"
        for record in records:
            self._places[record.item_id] = album.folder / record.stored_as
        return Listing(KIND, album_id, tuple(media_item(KIND, record) for record in records), problem)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Read an item's bytes from the library; raises ItemError if they differ from what was picked."""
        place = self._places.get(item.item_id)
        if place is None:
            raise ItemError("it is no longer in the library of picked photos.")
        try:
            digest = await self._read(place, item, sink)
        except OSError:
            # Network shares fail temporarily; the file is read once more, from the beginning.
            try:
                digest = await self._read(place, item, sink)
            except OSError as error:
                hint = remedy(error, place)
                raise ItemError(f"its file {place} cannot be read: {reason(error)}.", hint=hint) from error
        if digest != item.version:
            raise ItemError(f"its file {place} was changed. Remove it with `picsync picked remove`.")

    async def _read(self, place: Path, item: MediaItem, sink: Sink) -> str:
        digest = hashlib.sha256()
        with await asyncio.to_thread(self._open, place) as file:
            await sink.begin(item.size_bytes, item.mime_type)
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                digest.update(chunk)
                await sink.write(chunk)
        return digest.hexdigest()

    async def examine(self) -> Sequence[Finding]:
        """Check the library's folder."""
        albums = await asyncio.to_thread(self._library.albums)
        where = self._library.folder
        if not albums:
            return [Finding(Mark.NOTE, TITLE, f"there is no album in {where} yet.", _PICK)]
        return [Finding(Mark.OK, TITLE, f"{counted(len(albums), 'album')} in {where}.")]

    async def aclose(self) -> None:
        """Do nothing: no resource is kept open."""

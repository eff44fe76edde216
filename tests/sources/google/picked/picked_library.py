"""A library of picked photos on disk, for tests."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from picsync.core.model import MediaItem
from picsync.sources.google.picked.library import Library, PickedAlbum

FIRST_TAKEN = datetime(2024, 5, 1, 12, tzinfo=UTC)


def item(number: int, filename: str = "") -> MediaItem:
    """Return the item that a person picks as the `number`-th."""
    taken_at = FIRST_TAKEN + timedelta(minutes=number)
    return MediaItem(
        "googlephotos", f"id-{number}", filename=filename or f"IMG_{number}.jpg", taken_at=taken_at
    )


async def put(album: PickedAlbum, picked: MediaItem, data: bytes, announced: int | None = None) -> None:
    """Bring an item into an album."""
    album.create()
    with album.receive(picked) as file:
        await file.begin(len(data) if announced is None else announced, "")
        await file.write(data)
        file.keep()


def library(folder: Path) -> Library:
    return Library(folder / "picsync-library")


class BrokenFile(io.BytesIO):
    """Breaks off halfway."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(10)


class Openings:
    """Opens files; some of them break off when they are read."""

    def __init__(self) -> None:
        self.broken: dict[str, int] = {}
        """Name of a file -> how many of its next readings break off."""

    def __call__(self, path: Path) -> BinaryIO:
        if self.broken.get(path.name):
            self.broken[path.name] -= 1
            return BrokenFile(path.read_bytes())
        return path.open("rb")

"""How the family's library is tried as a source."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from picsync.core.model import MediaItem
from picsync.http.pace import Pace
from picsync.sources.base import Source
from picsync.sources.uploads.bucket import BucketSource
from picsync.sources.uploads.source import UploadsSource
from picsync.system.library import MARKER
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.family.storage import storage
from tests.faults.bucket_source import bucket_cells
from tests.faults.directory_source import source_cells
from tests.pictures import jpeg
from tests.sources.folder.folder_album import LATER_S, FolderAlbum
from tests.trials import Trial


async def no_pause(_seconds: float) -> None:
    """Do not wait."""


def uploads(library: Path, own: Path, *albums: str, **options: Any) -> UploadsSource:
    """Return a source whose clock is ahead of the disk's, so that files just made are old."""
    return UploadsSource(
        albums or ("Family",),
        library,
        own_folder=own,
        sleep=no_pause,
        now=lambda: time.time() + LATER_S,
        busy_timeout_s=0.01,
        **options,
    )


@asynccontextmanager
async def library(folder: Path) -> AsyncIterator[SourceWorld]:
    root = folder / "library"
    album = FolderAlbum(root / "Known", folder)
    for number, each in enumerate(ORIGINALS):
        album.put(f"{number}/{each.filename}", each.data)
    (root / "Empty").mkdir()
    (root / MARKER).touch()

    def break_off(item: MediaItem) -> None:
        album.broken_reads[str(root / item.item_id)] = 1

    source = uploads(root, folder, "Known", "Empty", "Missing", read=album._read)
    yield SourceWorld(
        source,
        "Known",
        "Empty",
        "Missing",
        vanish=lambda item: (root / item.item_id).unlink(),
        break_off=break_off,
    )
    await source.aclose()


@asynccontextmanager
async def bucket(folder: Path) -> AsyncIterator[SourceWorld]:
    with storage() as server:
        place = server.bucket()
        place.put(MARKER, b"", 0)
        place.put("Empty/", b"", 0)
        for number, each in enumerate(ORIGINALS):
            place.put(f"Known/{number}/{each.filename}", each.data, len(each.data))

        def break_off(item: MediaItem) -> None:
            server.break_off = item.item_id

        source = BucketSource(("Known", "Empty"), place, folder / "incoming", pace=Pace(), sleep=no_pause)
        yield SourceWorld(
            source,
            "Known",
            "Empty",
            "Missing",
            vanish=lambda item: place.delete(item.item_id),
            break_off=break_off,
        )
        await source.aclose()


class LibraryAlbum:
    """An album of a library, for the fault matrix and the kill tests."""

    kind = "uploads"
    entry = "Family"
    written = "Family"

    def __init__(self, folder: Path) -> None:
        self.root = folder / "library"
        self.top_lines = [f"family: {{library: {self.root}}}"]
        self._own = folder / "own"
        self._own.mkdir()
        (self.root / self.entry).mkdir(parents=True)
        (self.root / MARKER).touch()

    async def put(self, name: str) -> bytes:
        content = jpeg(name)
        part = self.root / f".{name}"
        part.write_bytes(content)
        part.rename(self.root / self.entry / name)
        return content

    def remove(self, name: str) -> None:
        (self.root / self.entry / name).unlink()

    def open(self) -> Source:
        return uploads(self.root, self._own)


TRIALS = {
    "uploads": Trial(
        worlds={"": library, "bucket": bucket},
        directory=LibraryAlbum,
        cells=lambda: [*source_cells("uploads", LibraryAlbum), *bucket_cells()],
    )
}

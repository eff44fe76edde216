"""How the library of picked photos is tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.model import MediaItem
from picsync.sources.base import Source
from picsync.sources.google.picked.source import PickedSource
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.directory_source import source_cells
from tests.pictures import jpeg
from tests.sources.google.picked.picked_library import Openings, item, library, put
from tests.trials import Trial


@asynccontextmanager
async def picked(folder: Path) -> AsyncIterator[SourceWorld]:
    albums, openings = library(folder), Openings()
    for number, each in enumerate(ORIGINALS):
        await put(albums.album("Known"), item(number, each.filename), each.data)
    albums.album("Empty").create()

    def vanish(gone: MediaItem) -> None:
        albums.album("Known").remove({gone.item_id})

    def break_off(broken: MediaItem) -> None:
        openings.broken[broken.url] = 1

    source = PickedSource(albums, openings)
    yield SourceWorld(source, "Known", "Empty", "Missing", vanish=vanish, break_off=break_off)


class PickedPhotos:
    """A library with one album, for the fault matrix and the kill tests."""

    kind = "picked"
    entry = "Known"
    written = entry

    def __init__(self, folder: Path) -> None:
        self._library = library(folder)
        self.root = self._library.folder

    async def put(self, name: str) -> bytes:
        content = jpeg(name)
        await put(self._library.album(self.entry), self._item(name), content)
        return content

    def remove(self, name: str) -> None:
        self._library.album(self.entry).remove({self._item(name).item_id})

    def _item(self, name: str) -> MediaItem:
        return item(int(name[4:-4]), name)

    def open(self) -> Source:
        return PickedSource(self._library)


TRIALS = {
    "picked": Trial(
        worlds={"": picked},
        directory=PickedPhotos,
        cells=lambda: source_cells("picked", PickedPhotos),
    )
}

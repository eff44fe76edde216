"""How a directory is tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.model import MediaItem
from picsync.sources.base import Source
from picsync.sources.folder.options import FolderEntry
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.directory_source import source_cells
from tests.pictures import jpeg
from tests.sources.folder.folder_album import FolderAlbum
from tests.trials import Trial


@asynccontextmanager
async def directory(folder: Path) -> AsyncIterator[SourceWorld]:
    album = FolderAlbum(folder / "known", folder)
    paths = {}
    for number, each in enumerate(ORIGINALS):
        file = album.put(f"{number}/{each.filename}", each.data)
        paths[str(file)] = file
    (folder / "empty").mkdir()
    empty, missing = (FolderEntry(path=str(folder / name)) for name in ("empty", "missing"))

    def break_off(item: MediaItem) -> None:
        album.broken_reads[item.item_id] = 1

    yield SourceWorld(
        album.source(empty, missing),
        str(album.entry),
        str(empty),
        str(missing),
        vanish=lambda item: paths[item.item_id].unlink(),
        break_off=break_off,
    )
    await album.close()


class PictureFolder:
    """A folder with a subfolder, for the fault matrix and the kill tests."""

    kind = "folder"

    def __init__(self, folder: Path) -> None:
        self.root = folder / "pictures"
        self._album = FolderAlbum(self.root, folder)
        self.entry = str(self._album.entry)
        self.written = {"path": str(self.root), "quiet": "0s"}

    async def put(self, name: str) -> bytes:
        content = jpeg(name)
        self._album.put(f"below/{name}" if name.endswith("1.jpg") else name, content)
        return content

    def remove(self, name: str) -> None:
        [path] = self.root.rglob(name)
        path.unlink()

    def open(self) -> Source:
        return self._album.source()


TRIALS = {
    "folder": Trial(
        worlds={"": directory},
        directory=PictureFolder,
        cells=lambda: source_cells("folder", PictureFolder),
    )
}

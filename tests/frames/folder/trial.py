"""How a directory is tried as a frame."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.frames.base import Frame
from picsync.frames.folder.frame import FolderFrame
from tests.crash.frame_albums import DirectoryAlbum
from tests.faults.directory_frame import directory_cells
from tests.trials import Trial


@asynccontextmanager
async def directory(folder: Path) -> AsyncIterator[Frame]:
    (folder / "frame").mkdir()
    yield FolderFrame(str(folder / "frame"), own_folder=folder)


TRIALS = {
    "folder": Trial(worlds={"": directory}, frame_album=DirectoryAlbum, cells=directory_cells),
}

"""How a web frame is tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.frames.base import Frame
from picsync.frames.web.frame import WebFrame
from tests.crash.frame_albums import WebAlbum
from tests.faults.directory_frame import web_cells
from tests.trials import Trial


@asynccontextmanager
async def own_folder(folder: Path) -> AsyncIterator[Frame]:
    yield WebFrame("tablet", folder / "web-frames" / "tablet", own_folder=folder, made=True)


@asynccontextmanager
async def given_folder(folder: Path) -> AsyncIterator[Frame]:
    (folder / "frame").mkdir()
    yield WebFrame("tablet", folder / "frame", own_folder=folder)


TRIALS = {
    "web": Trial(worlds={"": own_folder, "path": given_folder}, frame_album=WebAlbum, cells=web_cells),
}

"""How a folder in Dropbox is tried as a frame."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.places import StorePlace
from picsync.frames.base import Frame
from picsync.frames.dropbox.frame import DropboxFrame
from picsync.stores.dropbox.store import DropboxStore
from tests.crash.frame_albums import DropboxFolder
from tests.faults.tables import dropbox
from tests.frames.dropbox.cells import frame_cells
from tests.trials import Trial
from tests.vendors.dropbox.dropbox_account import dropbox_account

PLACE = StorePlace("dropbox", "/Frames/Kitchen")


@asynccontextmanager
async def folder(_: Path) -> AsyncIterator[Frame]:
    async with dropbox_account() as account:
        frame = DropboxFrame(DropboxStore(account.api(), sleep=account.sleep), PLACE, sleep=account.sleep)
        yield frame
        await frame.aclose()


TRIALS = {
    "dropbox": Trial(
        worlds={"": folder}, requests=dropbox.FRAME_TABLE, frame_album=DropboxFolder, cells=frame_cells
    )
}

"""How spools are tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.model import MediaItem
from picsync.emulators.faults import Fault, FaultKind
from picsync.sources.base import Source
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.source import InboxSource
from picsync.stores.dropbox.store import DropboxStore
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.directory_source import source_cells
from tests.pictures import jpeg
from tests.sources.inbox.spool_folders import BreakingStore, SpoolFolders, entry_of
from tests.trials import Trial
from tests.vendors.dropbox.dropbox_account import dropbox_account


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[SourceWorld]:
    spool, empty = (
        SpoolFolders(folder / "known", folder / "own"),
        SpoolFolders(folder / "empty", folder / "own"),
    )
    for number, each in enumerate(ORIGINALS):
        spool.put(f"done/{number}/{each.filename}", each.data)
    missing = entry_of(folder / "missing")
    store = BreakingStore([str(folder)])

    def break_off(item: MediaItem) -> None:
        store.broken[item.filename] = 1

    yield SourceWorld(
        spool.source(empty.entry, missing, store=store),
        spool.album_id,
        str(empty.entry),
        str(missing),
        vanish=lambda item: Path(item.item_id).unlink(),
        break_off=break_off,
    )
    await spool.close()


def _in_dropbox(name: str) -> InboxEntry:
    folders = {each: f"dropbox:/{name}/{each}" for each in ("incoming", "work", "done")}
    return InboxEntry.model_validate(folders)


@asynccontextmanager
async def dropbox(folder: Path) -> AsyncIterator[SourceWorld]:
    async with dropbox_account(page_cap=4) as account:
        tree = account.dropbox.owner.tree
        for name in ("Known", "Empty"):
            for folder_name in ("incoming", "work", "done"):
                account.dropbox.create_folder(f"/{name}/{folder_name}")
        for number, each in enumerate(ORIGINALS):
            account.dropbox.put(f"/Known/done/{number}/{each.filename}", each.data)
        known, empty, missing = map(_in_dropbox, ("Known", "Empty", "Missing"))

        def vanish(item: MediaItem) -> None:
            found = account.dropbox.find(item.item_id.removeprefix("dropbox:"))
            assert found is not None
            tree.delete(found)

        def break_off(_: MediaItem) -> None:
            account.fail(Fault(kind=FaultKind.TRUNCATE, path="files/download"))

        source = InboxSource(
            {str(entry): entry for entry in (known, empty, missing)},
            {"dropbox": DropboxStore(account.api(), sleep=account.sleep)},
            own_folder=folder,
        )
        yield SourceWorld(source, str(known), str(empty), str(missing), vanish, break_off, resumes=True)
        await source.aclose()


class SpoolDirectory:
    """A spool, for the fault matrix and the kill tests: pictures are put into `incoming`."""

    kind = "inbox"

    def __init__(self, folder: Path) -> None:
        self._spool = SpoolFolders(folder / "spool", folder / "own")
        self.root = self._spool.root
        self.entry = self._spool.album_id
        self.written = {
            **{name: str(self.root / name) for name in ("incoming", "work", "done")},
            "quiet": "0s",
        }

    async def put(self, name: str) -> bytes:
        content = jpeg(name)
        self._spool.put(f"incoming/{name}", content)
        return content

    def remove(self, name: str) -> None:
        [path] = [path for path in self.root.rglob(name) if path.is_file()]
        path.unlink()

    def open(self) -> Source:
        return self._spool.source()


TRIALS = {
    "inbox": Trial(
        worlds={"local": local, "dropbox": dropbox},
        directory=SpoolDirectory,
        cells=lambda: source_cells("inbox", SpoolDirectory),
    ),
}

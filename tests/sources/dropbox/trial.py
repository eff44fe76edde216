"""How Dropbox is tried as a source."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.core.model import MediaItem
from picsync.emulators.faults import Fault, FaultKind
from picsync.sources.dropbox.options import DropboxEntry
from tests.contract.source_contract import ORIGINALS, SourceWorld
from tests.faults.source_albums import DropboxAlbum
from tests.faults.tables import dropbox
from tests.sources.dropbox.dropbox_server import DropboxServer, dropbox_server
from tests.trials import Trial


def fill(server: DropboxServer) -> None:
    """Store the originals; equal names need different folders."""
    for number, each in enumerate(ORIGINALS):
        server.add(f"/Known/{number}/{each.filename}", each.data)
    server.dropbox.create_folder("/Empty")


def world(server: DropboxServer, known: DropboxEntry, empty: DropboxEntry, missing: str) -> SourceWorld:
    tree = server.dropbox.owner.tree
    source = server.source(known, empty)

    def vanish(item: MediaItem) -> None:
        tree.delete(tree.by_id[item.item_id])

    def break_off(_: MediaItem) -> None:
        server.fail(Fault(kind=FaultKind.TRUNCATE, path="files/download|get_shared_link_file"))

    return SourceWorld(source, str(known), str(empty), missing, vanish, break_off)


@asynccontextmanager
async def folders(_: Path) -> AsyncIterator[SourceWorld]:
    async with dropbox_server(page_cap=4, empty_page_every=3) as server:
        fill(server)
        known = DropboxEntry(path="/known", recursive=True)
        yield world(server, known, DropboxEntry(path="/Empty"), "/No such folder")


@asynccontextmanager
async def links(_: Path) -> AsyncIterator[SourceWorld]:
    async with dropbox_server(page_cap=4) as server:
        fill(server)
        known = DropboxEntry(link=server.share("/Known").url, recursive=True)
        empty = DropboxEntry(link=server.share("/Empty").url)
        yield world(server, known, empty, "/No such folder")


TRIALS = {
    "dropbox": Trial(
        worlds={"folders": folders, "links": links},
        requests=dropbox.TABLE,
        album=DropboxAlbum,
    ),
}

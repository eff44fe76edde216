"""A spool in Dropbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from picsync.emulators.dropbox import File
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.source import InboxSource
from picsync.stores.dropbox.store import DropboxStore
from tests.contract.source_contract import JPEG, downloaded
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

ENTRY = InboxEntry.model_validate(
    {name: f"dropbox:/Spool/{name}" for name in ("incoming", "work", "done")}, by_alias=True, by_name=False
)
ALBUM = str(ENTRY)


@dataclass
class Spool:
    account: DropboxAccount
    folder: Path

    def source(self, own: str = "own") -> InboxSource:
        """Return what a new process of an installation would have."""
        (self.folder / own).mkdir(exist_ok=True)
        account = self.account
        stores = {"dropbox": DropboxStore(account.api(), sleep=account.sleep)}
        source = InboxSource({ALBUM: ENTRY}, stores, own_folder=self.folder / own, sleep=account.sleep)
        source.take_in(ALBUM)
        return source

    def put(self, path: str) -> None:
        self.account.dropbox.put(f"/Spool/{path}", JPEG + path.encode())

    def names(self) -> list[list[str]]:
        tree = self.account.dropbox.owner.tree
        return [
            sorted(
                each.name
                for each in tree.below(f"/Spool/{folder}")
                if isinstance(each, File) and each.name[0] != "."
            )
            for folder in ("incoming", "work", "done")
        ]


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    async with dropbox_account() as account:
        for name in ("incoming", "work", "done"):
            account.dropbox.create_folder(f"/Spool/{name}")
        yield Spool(account, tmp_path)


async def test_many_files_are_a_few_requests(spool: Spool) -> None:
    source = spool.source()
    await source.list(ALBUM)
    for number in range(50):
        spool.put(f"incoming/{number}.jpg")
    before = len(spool.account.names())
    items = (await source.list(ALBUM)).items
    assert len(items) == 50
    assert await downloaded(source, items[7]) == JPEG + f"incoming/{items[7].filename}".encode()
    await source.shown(ALBUM, items)
    assert [len(names) for names in spool.names()] == [0, 0, 50]
    asked = [name for name in spool.account.names()[before:] if name != "files/download"]
    assert asked.count("files/move_batch_v2") == 2
    assert len([name for name in asked if "check" not in name]) <= 12
    before = len(spool.account.names())
    assert (await source.list(ALBUM)).items == items
    await source.list(ALBUM)
    assert set(spool.account.names()[before:]) == {"files/list_folder/continue"}
    assert len(spool.account.names()[before:]) == 6, "a listing at rest is one request for each folder"


async def test_a_restart_continues_and_downloads_nothing_again(spool: Spool) -> None:
    spool.put("incoming/a.jpg")
    [before] = (await spool.source().list(ALBUM)).items
    assert spool.names() == [[], ["a.jpg"], []]
    again = spool.source()
    [item] = (await again.list(ALBUM)).items
    assert (item, item.bytes_key) == (before, before.bytes_key)
    await again.shown(ALBUM, [item])
    [done] = (await again.list(ALBUM)).items
    assert (done, done.bytes_key) == (item, item.bytes_key)
    assert spool.names() == [[], [], ["a.jpg"]]


async def test_own_moves_are_no_change_and_arrivals_are(spool: Spool) -> None:
    source = spool.source()
    spool.put("incoming/a.jpg")
    await source.shown(ALBUM, (await source.list(ALBUM)).items)
    await source.list(ALBUM)
    waiting = asyncio.create_task(source.changed(ALBUM))
    done, _ = await asyncio.wait([waiting], timeout=0.1)
    assert not done
    spool.put("incoming/b.jpg")
    await asyncio.wait_for(waiting, 20)


async def test_another_installation_shows_what_is_done_until_it_takes_over(spool: Spool) -> None:
    spool.put("done/old.jpg")
    spool.put("incoming/a.jpg")
    first, second = spool.source("first"), spool.source("second")
    assert len((await first.list(ALBUM)).items) == 2
    listing = await second.list(ALBUM)
    assert [item.filename for item in listing.items] == ["old.jpg"]
    assert "take-over" in listing.note
    await second.spools[ALBUM].store.disown("/Spool/work")
    assert [item.filename for item in (await second.list(ALBUM)).items] == ["old.jpg", "a.jpg"]
    assert [item.filename for item in (await first.list(ALBUM)).items] == ["old.jpg"]


async def test_a_folder_that_the_login_does_not_see(spool: Spool) -> None:
    spool.account.dropbox.delete(spool.account.dropbox.find("/Spool/work"))  # type: ignore[arg-type]  # it exists
    listing = await spool.source().list(ALBUM)
    assert listing.problem is not None
    assert "There is no folder /Spool/work in Dropbox" in listing.problem

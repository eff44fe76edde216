"""A spool in Dropbox whose picsync is killed at each request: each file is in one place, and sent once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from picsync.core.model import MediaItem
from picsync.emulators.dropbox import File
from picsync.emulators.google.content import read_all
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.source import InboxSource
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.tokens import Login
from tests.fuzz.mutations import SCALE
from tests.jobs.killing import Calls, run_in_child
from tests.sources.dropbox.dropbox_server import Sink
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

STEP = 1 if SCALE > 1 else 4
"""Killed at every fourth call; long runs kill at all of them."""
FOLDERS = ("incoming", "work", "done")
NAMES = {"incoming/a.jpg", "incoming/b.jpg", "work/c.jpg", "done/d.jpg"}


@dataclass
class Spool:
    """A spool in an emulated Dropbox, which runs in this process; `frame` is a folder that is a frame."""

    account: DropboxAccount
    login: Login
    folder: Path
    root: str

    @property
    def frame(self) -> Path:
        return self.folder / "frame"

    def files(self) -> Counter[bytes]:
        tree = self.account.dropbox.owner.tree
        below = [each for each in tree.below(self.root) if isinstance(each, File)]
        return Counter(read_all(each.content) for each in below if each.name.endswith(".jpg"))

    def places(self) -> set[str]:
        tree = self.account.dropbox.owner.tree
        return {
            each.path.removeprefix(f"{self.root}/").rpartition("/")[0]
            for each in tree.below(self.root)
            if isinstance(each, File) and each.name.endswith(".jpg")
        }

    async def run(self, own: str = "own", calls: Calls | None = None) -> Any:
        """Let a process of its own take in what arrived, send it to the frame, and put it away."""

        def work() -> list[str]:
            return asyncio.run(self._pass(own))

        return await asyncio.to_thread(run_in_child, work, calls)

    async def _pass(self, own: str) -> list[str]:
        """Return the names of what was sent; a frame that has a photo is not sent it again."""
        entry = InboxEntry.model_validate({name: f"dropbox:{self.root}/{name}" for name in FOLDERS})
        (self.folder / own).mkdir(exist_ok=True)
        store = DropboxStore(self.account.api(self.login), sleep=self.account.sleep)
        source = InboxSource({str(entry): entry}, {"dropbox": store}, own_folder=self.folder / own)
        source.take_in(str(entry))
        listing = await source.list(str(entry))
        assert listing.complete, listing.problem
        sent = [item.filename for item in listing.items if await self._send(source, item)]
        await source.shown(str(entry), listing.items)
        await source.aclose()
        return sent

    async def _send(self, source: InboxSource, item: MediaItem) -> bool:
        shown = self.frame / item.content_hash
        if shown.exists():
            return False
        sink = Sink()
        await source.download(item, sink)
        shown.write_bytes(sink.data)
        return True


@pytest.fixture
async def account() -> AsyncIterator[DropboxAccount]:
    async with dropbox_account() as found:
        yield found


def spool(account: DropboxAccount, folder: Path, name: str) -> Spool:
    found = Spool(account, account.login(), folder / name, f"/{name}")
    found.frame.mkdir(parents=True)
    for each in FOLDERS:
        account.dropbox.create_folder(f"{found.root}/{each}")
    for path in sorted(NAMES):
        account.dropbox.put(f"{found.root}/{path}", b"\xff\xd8\xff\xe0" + path.encode())
    return found


async def test_killed_at_every_request(account: DropboxAccount, tmp_path: Path) -> None:
    reference = spool(account, tmp_path, "reference")
    before = reference.files()
    sent, count = await reference.run(calls=Calls("requests"))
    assert (len(sent), reference.files(), reference.places()) == (4, before, {"done"})
    assert count > 20
    for kill_at in range(1, count + 1, STEP):
        killed = spool(account, tmp_path, str(kill_at))
        await killed.run(calls=Calls("requests", kill_at))
        assert killed.files() == before, kill_at
        shown = {path.name for path in killed.frame.iterdir()}
        assert len(await killed.run()) == 4 - len(shown), kill_at
        assert (killed.files(), killed.places()) == (before, {"done"}), kill_at
        assert len(list(killed.frame.iterdir())) == 4
        assert await killed.run() == []


async def test_of_two_at_once_one_takes_in(account: DropboxAccount, tmp_path: Path) -> None:
    both = spool(account, tmp_path, "both")
    before = both.files()
    sent = await asyncio.gather(both.run("one"), both.run("two"))
    assert both.files() == before
    names = Counter(name for each in sent for name in each)
    # Both may show what was done before; of the other files, each was sent by one.
    assert {names["a.jpg"], names["b.jpg"], names["c.jpg"]} == {1}, sent
    assert both.places() == {"done"}

"""A mirror that is killed at each call: the next pass makes both sides equal and sends only what lacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from picsync.cache.store import Cache
from picsync.core.places import StorePlace
from picsync.core.plan import DeleteLimit
from picsync.emulators.dropbox import File
from picsync.emulators.google.content import read_all
from picsync.stores.dropbox import uploads
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.tokens import Login
from tests.fuzz.mutations import SCALE
from tests.jobs.killing import Calls, run_in_child
from tests.jobs.mirrored import Mirrored, tree
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

STEP = 1 if SCALE > 1 else 7
"""Killed at every seventh call; long runs kill at all of them."""
LARGE = bytes(range(256)) * 20


def fill(mirrored: Mirrored) -> None:
    """Let the folder have every sort of change since the mirror was equal; the target is as it was then."""
    mirrored.add("large.mov", LARGE)
    mirrored.add("new/a.jpg", b"a")
    mirrored.add("new/b.jpg", b"bb")
    mirrored.add("renamed.jpg", b"renamed bytes")
    mirrored.add("changed.jpg", b"changed here", at=1_500_000_000)
    (mirrored.source / "empty").mkdir()


BEFORE = {"old.jpg": b"renamed bytes", "changed.jpg": b"before", "gone.jpg": b"gone", "sub/gone": b"too"}


async def one_pass(mirrored: Mirrored, cache: Path) -> dict[str, int]:
    """Run a pass with a cache of its own; return what was done."""
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    opened = await Cache.open(str(cache), notify=print)
    mirrored.memory = opened  # type: ignore[assignment] # the same methods
    report = await mirrored.run()
    assert not report.failures, report.failures
    await opened.aclose()
    await mirrored.store.aclose()
    return dict(report.done)


# --- local ------------------------------------------------------------------------------------------------


def local(root: Path) -> Mirrored:
    root.mkdir()
    mirrored = Mirrored(root)
    for name, data in BEFORE.items():
        mirrored.add(f"out/{name}", data)
    fill(mirrored)
    return mirrored


def in_child(root: Path, calls: Calls | None = None) -> Any:
    def work() -> dict[str, int]:
        return asyncio.run(one_pass(Mirrored(root), root / "cache.db"))

    return run_in_child(work, calls)


def test_a_local_mirror_killed_at_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    wanted = tree(local(tmp_path / "reference").source)
    _, count = in_child(tmp_path / "reference", Calls("rename"))
    assert tree(tmp_path / "reference/out") == wanted
    assert count > 20
    for kill_at in range(1, count + 1, STEP):
        root = tmp_path / str(kill_at)
        local(root)
        in_child(root, Calls("rename", kill_at, torn=True))
        left = tree(root / "out")
        # Nothing appears half written, except under a name of its own.
        for name, data in left.items():
            assert ".picsync-" in name or data in (None, wanted.get(name), BEFORE.get(name)), name
        there = [name for name, data in wanted.items() if data is not None and left.get(name) == data]
        done = in_child(root)
        assert tree(root / "out") == wanted, kill_at
        files = sum(data is not None for data in wanted.values())
        assert done.get("sent", 0) + done.get("moved", 0) == files - len(there), kill_at
        assert tree(root / "in") == wanted


# --- Dropbox ----------------------------------------------------------------------------------------------


@dataclass
class Remote:
    """A folder in an emulated Dropbox, which runs in this process."""

    account: DropboxAccount
    login: Login
    mirrored: Mirrored

    def stored(self) -> dict[str, bytes]:
        """Return the files in Dropbox."""
        return {
            entry.path.removeprefix("/Backup/"): read_all(entry.content)
            for entry in self.account.dropbox.owner.tree.entries.values()
            if isinstance(entry, File)
        }

    async def run(self, calls: Calls | None = None) -> Any:
        """Run a pass in a process of its own."""

        def work() -> dict[str, int]:
            return asyncio.run(self._pass())

        return await asyncio.to_thread(run_in_child, work, calls)

    async def _pass(self) -> dict[str, int]:
        setattr(uploads, "PIECE_BYTES", 1000)  # noqa: B010 - of this process
        api = self.account.api(self.login)
        root = self.mirrored.root
        store = DropboxStore(api, sleep=self.account.sleep)
        mirrored = Mirrored(root, other=("dropbox", store), to=StorePlace("dropbox", "/Backup"))
        done = await one_pass(mirrored, root / "cache.db")
        await api.aclose()
        return done

    def sent_bytes(self) -> int:
        """Return the bytes that requests have brought."""
        return sum(each.bytes_in for each in self.account.requests("upload"))


@pytest.fixture
async def account() -> AsyncIterator[DropboxAccount]:
    async with dropbox_account() as found:
        yield found


async def remote(account: DropboxAccount, root: Path) -> Remote:
    root.mkdir()
    login = account.login()
    api = account.api(login)
    if account.dropbox.owner.tree.find("/Backup") is not None:
        await api.delete("/Backup")
    mirrored = Mirrored(root)
    found = Remote(account, login, mirrored)
    for name, data in BEFORE.items():
        mirrored.add(name, data)
    await found.run()
    for name in BEFORE:
        (mirrored.source / name).unlink()
    (mirrored.source / "sub").rmdir()
    fill(mirrored)
    return found


async def test_a_mirror_in_dropbox_killed_at_every_request(account: DropboxAccount, tmp_path: Path) -> None:
    reference = await remote(account, tmp_path / "reference")
    ours = {name: data for name, data in tree(reference.mirrored.source).items() if data is not None}
    _, count = await reference.run(Calls("requests"))
    assert reference.stored() == ours
    assert count > 20
    for kill_at in range(1, count + 1, STEP):
        box = await remote(account, tmp_path / str(kill_at))
        await box.run(Calls("requests", kill_at))
        there = {name for name, data in box.stored().items() if ours.get(name) == data}
        sessions = account.dropbox.uploads.sessions.values()
        kept = max((len(session.pieces) * 1000 for session in sessions if session.size > 100), default=0)
        before = box.sent_bytes()
        done = await box.run()
        assert box.stored() == ours, kill_at
        assert done.get("sent", 0) + done.get("moved", 0) == len(ours) - len(there), kill_at
        missing = sum(len(data) for name, data in ours.items() if name not in there)
        # The large file continues where its session ends; a piece may have been on its way.
        continued = 0 if "large.mov" in there else kept
        assert box.sent_bytes() - before <= missing - min(missing, continued) + 1000, kill_at
        assert await box.run() == {}
        account.dropbox.uploads.sessions.clear()

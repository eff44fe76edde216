"""Mirroring a local folder to Dropbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from picsync.core.events import CycleOutcome
from picsync.core.places import StorePlace
from picsync.stores.base import entries_of
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.api import Commit
from tests.jobs.mirrored import Mirrored
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

FILES = {"a.jpg": b"one", "sub/b.txt": b"two", "sub/c.mov": b"three"}


@dataclass
class Backup:
    account: DropboxAccount
    store: DropboxStore
    mirrored: Mirrored

    async def files(self) -> dict[str, bytes | None]:
        listed, _, _ = await entries_of(self.store, "/Backup", recursive=True)
        return {
            entry.path.removeprefix("/Backup/"): b"".join([part async for part in self.store.read(entry)])
            if entry.is_file
            else None
            for entry in listed
        }


@pytest.fixture
async def backup(tmp_path: Path) -> AsyncIterator[Backup]:
    async with dropbox_account() as account:
        store = DropboxStore(account.api(), sleep=account.sleep)
        mirrored = Mirrored(tmp_path, other=("dropbox", store), to=StorePlace("dropbox", "/Backup"))
        for name, data in FILES.items():
            mirrored.add(name, data)
        (mirrored.source / "empty").mkdir()
        yield Backup(account, store, mirrored)
        await mirrored.store.aclose()


async def test_dropbox_becomes_equal_and_a_steady_pass_sends_and_reads_nothing(backup: Backup) -> None:
    mirrored = backup.mirrored
    report = await mirrored.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"sent": 3, "folders": 1}), report.failures
    assert await backup.files() == mirrored.trees()[0]
    before = len(backup.account.names())
    report = await mirrored.run()
    assert (report.done, mirrored.store.hashed) == ({}, 0)
    assert backup.account.names()[before:] == ["files/list_folder/continue"]


async def test_losing_what_is_remembered_sends_nothing(backup: Backup) -> None:
    await backup.mirrored.run()
    backup.mirrored.memory.states.clear()
    report = await backup.mirrored.run()
    assert (report.done, backup.mirrored.store.hashed) == ({}, len(FILES))


async def test_renames_are_moves_and_changes_on_the_other_side_are_reverted(backup: Backup) -> None:
    mirrored = backup.mirrored
    await mirrored.run()
    (mirrored.source / "sub/b.txt").rename(mirrored.source / "renamed.txt")
    mirrored.add("sub/c.mov", b"changed here", at=1_500_000_000)
    api = backup.account.apis[0]
    seen = await backup.store.stat("/Backup/a.jpg")
    assert seen is not None
    await api.upload(Commit("/Backup/a.jpg", update=seen.rev), b"theirs")
    await api.upload(Commit("/Backup/theirs.txt"), b"theirs")
    report = await mirrored.run()
    assert report.done == {"moved": 1, "sent": 2, "deleted": 1}, report.failures
    assert await backup.files() == mirrored.trees()[0]


async def test_of_two_names_that_differ_by_capitals_one_is_sent(backup: Backup) -> None:
    backup.mirrored.add("A.JPG", b"other")
    report = await backup.mirrored.run()
    assert (report.outcome, report.left) == (CycleOutcome.DONE, {"same_name": 1})
    assert len(backup.mirrored.skipped()) == 1
    await backup.mirrored.run()
    assert len(backup.mirrored.skipped()) == 1


async def test_a_folder_that_is_deleted_there_is_sent_again(backup: Backup) -> None:
    await backup.mirrored.run()
    seen = await backup.store.stat("/Backup")
    assert seen is not None
    await backup.store.delete(seen)
    report = await backup.mirrored.run()
    assert report.outcome is CycleOutcome.DONE, report.failures
    assert await backup.files() == backup.mirrored.trees()[0]

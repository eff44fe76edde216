"""Mirroring a local folder to Dropbox."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from picsync.core.errors import QuotaError
from picsync.core.events import CycleOutcome
from picsync.core.mirror import Theirs
from picsync.core.mirrorstate import Side
from picsync.core.places import StorePlace
from picsync.core.plan import DeleteLimit
from picsync.emulators.faults import Fault, FaultKind
from picsync.stores.base import Entry, entries_of
from picsync.stores.dropbox import uploads
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.api import Commit
from tests.jobs.mirrored import Mirrored, Reading
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


async def test_a_file_renamed_by_capitals_is_still_known_and_its_changes_are_sent(backup: Backup) -> None:
    mirrored = backup.mirrored
    mirrored.settings["theirs"] = Theirs.KEEP
    await mirrored.run()
    (mirrored.source / "a.jpg").rename(mirrored.source / "A.JPG")
    (mirrored.source / "sub").rename(mirrored.source / "SUB")
    assert (await mirrored.run()).done == {}
    for number, name in enumerate(("A.JPG", "SUB/c.mov", "A.JPG", "SUB/c.mov")):
        mirrored.add(name, b"changed %d" % number, at=1_500_000_000 + number)
        assert (await mirrored.run()).done == {"sent": 1}, number
    (mirrored.source / "A.JPG").rename(mirrored.source / "a.jpg")
    mirrored.add("a.jpg", b"changed with its name", at=1_600_000_000)
    report = await mirrored.run()
    assert (report.done, report.left) == ({"sent": 1}, {})
    assert (await backup.files())["a.jpg"] == b"changed with its name"
    state = mirrored.memory.states["mirror backup"]
    equal = sorted(path for side, path in state.files if side is Side.EQUAL)
    assert equal == ["/SUB/b.txt", "/SUB/c.mov", "/a.jpg"]


async def test_a_folder_that_is_deleted_there_is_sent_again(backup: Backup) -> None:
    await backup.mirrored.run()
    seen = await backup.store.stat("/Backup")
    assert seen is not None
    await backup.store.delete(seen)
    report = await backup.mirrored.run()
    assert report.outcome is CycleOutcome.DONE, report.failures
    assert await backup.files() == backup.mirrored.trees()[0]


async def test_a_full_dropbox_ends_the_pass_with_one_message_and_keeps_what_fits(backup: Backup) -> None:
    await backup.mirrored.run()
    used = sum(map(len, FILES.values()))
    backup.account.options.space_bytes = used + 10
    backup.mirrored.add("fits", b"12345")
    for number in range(5):
        backup.mirrored.add(f"large{number}", bytes(100 + number))
    report = await backup.mirrored.run()
    (failure,) = report.failures
    assert isinstance(failure.error, QuotaError)
    assert (await backup.files())["fits"] == b"12345"
    backup.account.options.space_bytes = 10_000
    report = await backup.mirrored.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"sent": 5})


async def test_a_revoked_login_and_a_missing_scope_need_the_user(backup: Backup) -> None:
    api = backup.account.apis[0]
    await backup.mirrored.run()
    backup.mirrored.add("new")
    before = len(backup.account.requests())
    await api.revoke()
    report = await backup.mirrored.run()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    (failure,) = report.failures
    assert "picsync dropbox login" in failure.error.hint
    assert len(backup.account.requests()) - before <= 4
    reading = backup.account.api(backup.account.login("files.metadata.read", "files.content.read"))
    backup.mirrored.other = ("dropbox", DropboxStore(reading, sleep=backup.account.sleep))
    report = await backup.mirrored.run()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    assert "`files.content.write`" in report.failures[0].error.message


TOO_MANY = '{"error": {"reason": {".tag": "too_many_requests"}, "retry_after": 30}}'


@pytest.mark.parametrize(
    "call", ["list_folder", "start", "finish_batch", "delete_batch", "move_v2", "upload$"]
)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "30"}, body=TOO_MANY),
        Fault(kind=FaultKind.STATUS, status=503),
        Fault(kind=FaultKind.RESET_BEFORE),
        Fault(kind=FaultKind.RESET_AFTER),
        Fault(kind=FaultKind.TRUNCATE),
        Fault(kind=FaultKind.BODY, body="<html>no JSON</html>", after=True),
        Fault(kind=FaultKind.BODY, body="{}", content_type="application/json", after=True),
    ],
    ids=lambda fault: f"{fault.kind}{fault.status if fault.kind == 'status' else fault.body[:2]}",
)
async def test_a_fault_of_one_call_is_overcome_by_this_pass_or_the_next(
    backup: Backup, fault: Fault, call: str
) -> None:
    mirrored = backup.mirrored
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    mirrored.add("gone/1", b"gone")
    mirrored.add("gone/2", b"gone, too")
    await mirrored.run()
    mirrored.add("a.jpg", b"changed", at=1_500_000_000)
    (mirrored.source / "sub/b.txt").rename(mirrored.source / "renamed.txt")
    shutil.rmtree(mirrored.source / "gone")
    if call != "upload$":
        mirrored.add("new", b"new")
    scripted = replace(fault, path=call)
    backup.account.fail(scripted)
    await mirrored.run()
    assert backup.account.server.faults.hits(scripted) == 1
    await mirrored.run()
    assert await backup.files() == mirrored.trees()[0]
    assert (await mirrored.run()).done == {}


async def test_names_that_dropbox_refuses_are_reported_once_and_stop_no_other_file(backup: Backup) -> None:
    mirrored = backup.mirrored
    await mirrored.run()
    (mirrored.source / "a.jpg").rename(mirrored.source / "moved\udcff.jpg")
    refused = ["icon\r", "undecodable\udcff"]
    for name in refused:
        mirrored.add(name)
    (mirrored.source / "folder\udcff").mkdir()
    mirrored.add("good", b"good")
    for expected in ({"sent": 1}, {}):
        report = await mirrored.run()
        assert (report.outcome, report.done) == (CycleOutcome.DONE, expected), report.failures
        assert report.left["refused"] == len(refused) + 2
    assert len(mirrored.skipped()) == len(refused) + 2
    assert (await backup.files())["good"] == b"good"
    for number, name in enumerate([*refused, "moved\udcff.jpg"]):
        (mirrored.source / name).rename(mirrored.source / f"{number}.jpg")
    (mirrored.source / "folder\udcff").rmdir()
    report = await mirrored.run()
    assert (report.outcome, report.left) == (CycleOutcome.DONE, {})
    assert await backup.files() == mirrored.trees()[0]


@pytest.mark.parametrize("stored", [False, True])
async def test_names_of_which_it_is_not_known_whether_dropbox_stores_them(
    backup: Backup, stored: bool
) -> None:
    backup.account.options.unfit_names = stored
    mirrored = backup.mirrored
    unfit = ["back\\slash.jpg", "trip /a.jpg", "trip /deep/b.jpg", "end "]
    for name in (*unfit, "dot.", "dots./c.jpg", " first.jpg"):
        mirrored.add(name, name.encode())
    (mirrored.source / "empty ").mkdir()
    await mirrored.run()
    report = await mirrored.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {}), report.failures
    assert report.left == ({} if stored else {"refused": len(unfit) + 1})
    assert len(mirrored.skipped()) == (0 if stored else len(unfit) + 1)
    found = await backup.files()
    assert {"dot.", "dots./c.jpg", " first.jpg", *FILES} <= set(found)
    assert (
        {"empty ", *unfit} <= set(found)
        if stored
        else not any("\\" in name or " /" in name for name in found)
    )


async def test_a_folder_becomes_a_file_while_the_pass_runs(backup: Backup) -> None:
    mirrored = backup.mirrored

    class Meanwhile(Reading):
        async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
            if not mirrored.steps_done:
                mirrored.steps_done = True
                shutil.rmtree(mirrored.source / "sub")
                mirrored.add("sub", b"a file now")
            async for chunk in super().read(entry, start):
                yield chunk

    await mirrored.use(Meanwhile)
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    report = await mirrored.run()
    assert report.outcome is CycleOutcome.DONE, report.failures
    await mirrored.run()
    assert await backup.files() == mirrored.trees()[0]


async def test_a_folder_there_becomes_a_file_while_the_pass_runs(backup: Backup) -> None:
    mirrored, api = backup.mirrored, backup.account.apis[0]
    await mirrored.run()
    mirrored.add("sub/new.txt", b"new")
    other = backup.account.api()

    class Meanwhile(Reading):
        async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
            await other.delete("/Backup/sub")
            await other.upload(Commit("/Backup/sub"), b"theirs")
            async for chunk in super().read(entry, start):
                yield chunk

    await mirrored.use(Meanwhile)
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    report = await mirrored.run()
    assert report.outcome is CycleOutcome.DONE, report.failures
    await mirrored.use(Reading)
    await mirrored.run()
    assert await backup.files() == mirrored.trees()[0]
    assert api


@pytest.mark.parametrize("days", [-400, 400, 20_000])
async def test_a_clock_that_jumps_sends_nothing(backup: Backup, days: int) -> None:
    now = [1_700_000_000.0]
    mirrored = backup.mirrored

    class Clocked(Reading):
        def __init__(self, roots: Sequence[str], **_: object) -> None:
            super().__init__(roots, quiet_s=10.0, now=lambda: now[0], sleep=backup.account.sleep)

    await mirrored.use(Clocked)
    await mirrored.run()
    now[0] += days * 86_400
    backup.account.clock.now = now[0]
    report = await mirrored.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {})


async def test_a_large_file_continues_after_a_pass_that_was_interrupted(
    backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 1000)
    data = bytes(range(256)) * 30
    backup.mirrored.add("large.mov", data)
    backup.account.fail(Fault(kind=FaultKind.STATUS, path="append_v2", status=400, skip=4, count=None))
    report = await backup.mirrored.run()
    assert len(report.failures) + report.left.get("refused", 0) == 1
    backup.account.server.faults.clear()
    report = await backup.mirrored.run()
    assert (await backup.files())["large.mov"] == data

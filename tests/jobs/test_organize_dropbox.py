"""Sorting camera uploads in Dropbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from picsync.core.events import CycleOutcome, Event
from picsync.core.organize import OrganizeRule
from picsync.core.places import StorePlace
from picsync.emulators.faults import Fault, FaultKind
from picsync.jobs.organize import OrganizeContext, OrganizeJob, Organizing
from picsync.stores.base import Entry, Move, Moved, entries_of
from picsync.stores.dropbox.store import DropboxStore
from picsync.vendors.dropbox.api import Commit
from tests.jobs.camera import NOW
from tests.media.test_taken import picture
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

RULE = OrganizeRule(
    "camera",
    "/Camera Uploads",
    "/Archive/{year}/{year}-{month}",
    "/Archive/{year}/{year}-{month}",
    unsorted="/Unsorted",
    photo_types=frozenset({"jpg", "heic"}),
    video_types=frozenset({"mov"}),
)


class Died(BaseException):
    """The process has ended."""


@dataclass
class Uploads:
    account: DropboxAccount
    store: DropboxStore
    job: OrganizeJob
    events: list[Event] = field(default_factory=list)

    async def add(self, name: str, data: bytes = b"x") -> None:
        await self.account.apis[0].upload(Commit(f"/Camera Uploads/{name}"), data)

    async def paths(self) -> list[str]:
        listed, _, _ = await entries_of(self.store, "/", recursive=True)
        return sorted(entry.path for entry in listed if entry.is_file)

    async def log(self) -> list[str]:
        entry = await self.store.stat("/My Logs/picsync.txt")
        assert entry is not None
        return b"".join([part async for part in self.store.read(entry)]).decode().splitlines()


@pytest.fixture
async def uploads(tmp_path: Path) -> AsyncIterator[Uploads]:
    async with dropbox_account() as account:
        await account.api().create_folder("/Camera Uploads")
        store = DropboxStore(account.api(), sleep=account.sleep)
        events: list[Event] = []
        context = OrganizeContext(
            {"dropbox": store}, tmp_path, events.append, lambda: False, lambda: NOW, account.sleep
        )
        settings = Organizing(RULE, "dropbox", log=StorePlace("dropbox", "/My Logs/picsync.txt"))
        yield Uploads(account, store, OrganizeJob(settings, None, context), events)


async def test_uploads_are_sorted_by_their_bytes_and_names(uploads: Uploads) -> None:
    await uploads.add("2020-01-01.jpg", picture("JPEG"))
    await uploads.add("2016-05-01 10.00.00.heic")
    await uploads.add("notes.txt")
    report = await uploads.job.run()
    assert report.outcome is CycleOutcome.DONE, report.failures
    assert await uploads.paths() == [
        "/Archive/2015/2015-02/2020-01-01.jpg",
        "/Archive/2016/2016-05/2016-05-01 10.00.00.heic",
        "/My Logs/picsync.txt",
        "/Unsorted/notes.txt",
    ]
    assert len(await uploads.log()) == 3


async def test_many_files_are_one_listing_and_one_batch(uploads: Uploads) -> None:
    for number in range(100):
        await uploads.add(f"{number}.txt", b"%d" % number)
    uploads.account.server.log.clear()
    report = await uploads.job.run()
    assert report.done == {"unsorted": 100}
    calls = uploads.account.names()
    assert calls.count("files/move_batch_v2") == 1
    assert "files/move_v2" not in calls
    assert len(calls) < 20, calls
    assert len(await uploads.log()) == 100


async def test_a_pass_with_nothing_to_do_is_one_call(uploads: Uploads) -> None:
    await uploads.add("2016-05-01.jpg")
    await uploads.job.run()
    uploads.account.server.log.clear()
    await uploads.job.run()
    assert uploads.account.names() == ["files/list_folder"]


async def test_own_moves_start_no_pass_and_new_files_do(uploads: Uploads) -> None:
    await uploads.add("2016-05-01.jpg")
    await uploads.job.run()
    waiting = asyncio.ensure_future(uploads.job.triggered())
    await uploads.account.server.log.wait_for(
        lambda log: bool(log.matching(path="/2/files/list_folder/longpoll"))
    )
    assert not waiting.done()
    await uploads.add("2016-05-02.jpg")
    async with asyncio.timeout(30):
        await waiting
    assert (await uploads.job.run()).done == {"moved": 1}


async def test_a_duplicate_is_known_by_its_hash(uploads: Uploads) -> None:
    for _ in range(2):
        await uploads.add("2016-05-01.jpg", b"same")
        await uploads.job.run()
    assert await uploads.paths() == [
        "/Archive/2016/2016-05/2016-05-01.jpg", "/My Logs/picsync.txt", "/Unsorted/duplicates/2016-05-01.jpg",
    ]  # fmt: skip


async def test_a_move_before_a_crash_is_found_by_its_id(uploads: Uploads, tmp_path: Path) -> None:
    await uploads.add("2016-05-01.jpg")
    store = uploads.store
    move_all = store.move_all

    async def dies(moves: list[Move]) -> None:
        await move_all(moves)
        raise Died

    store.move_all = dies  # type: ignore[method-assign, assignment] # the end of the process
    with pytest.raises(Died):
        await uploads.job.run()
    del store.move_all  # a new process
    report = await uploads.job.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": 1})
    (line,) = await uploads.log()
    assert line.endswith("Moving 2016-05-01.jpg to /Archive/2016/2016-05/2016-05-01.jpg")


NAMES = ("2016-05-01.jpg", "2016-05-02.heic", "2016-05-02.mov", "2016-06-03.jpg")


@pytest.mark.parametrize("later", ["before the next pass", "during the next pass", "after it", "never"])
@pytest.mark.parametrize("trouble", ["no end is told", "no answer", "killed"])
async def test_moves_that_happen_later_are_logged_once(uploads: Uploads, trouble: str, later: str) -> None:
    for name in NAMES:
        await uploads.add(name, name.encode())
    account, store = uploads.account, uploads.store
    account.options.moves_at_launch = 1
    if trouble == "killed":
        move_all = store.move_all

        async def dies(moves: list[Move]) -> None:
            # Between two requests of the job.
            account.fail(Fault(kind=FaultKind.STATUS, path="/check_v2$", status=400, count=None))
            await move_all(moves)
            raise Died

        store.move_all = dies  # type: ignore[method-assign, assignment] # the end of the process
        with pytest.raises(Died):
            await uploads.job.run()
        del store.move_all
    else:
        fault = Fault(kind=FaultKind.STATUS, path="/check_v2$", status=500, count=None)
        if trouble == "no answer":
            fault = Fault(kind=FaultKind.RESET_AFTER, path="/move_batch_v2$")
        account.fail(fault)
        report = await uploads.job.run()
        (failure,) = report.failures
        assert failure.subject == "Organizing camera"
    account.server.faults.clear()
    account.options.moves_at_launch = None
    if later == "before the next pass":
        account.dropbox.jobs.finish()
    elif later == "during the next pass":
        stat = store.stat

        async def seen(path: str) -> Entry | None:
            found = await stat(path)
            account.dropbox.jobs.finish()  # It was still there a moment ago.
            return found

        store.stat = seen  # type: ignore[method-assign] # the time between two requests
    report = await uploads.job.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": len(NAMES)}), report.failures
    if later == "after it":
        account.dropbox.jobs.finish()
    report = await uploads.job.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {})
    sorted_ = [f"/Archive/{name[:4]}/{name[:7]}/{name}" for name in NAMES]
    assert await uploads.paths() == [*sorted_, "/My Logs/picsync.txt"]
    assert sorted(line.split(" to ")[1] for line in await uploads.log()) == sorted_


async def test_a_target_folder_becomes_a_file_midway(uploads: Uploads) -> None:
    for name in NAMES:
        await uploads.add(name, name.encode())
    store, api = uploads.store, uploads.account.apis[0]
    await api.create_folder("/Archive/2016/2016-05")
    move_all = store.move_all

    async def replaced(moves: Sequence[Move]) -> Sequence[Moved]:
        if await store.stat("/Elsewhere") is None:
            await api.move("/Archive/2016/2016-05", "/Elsewhere")
            await api.upload(Commit("/Archive/2016/2016-05"), b"a file")
        return await move_all(moves)

    store.move_all = replaced  # type: ignore[method-assign] # between the plan and the moves
    report = await uploads.job.run()
    assert (report.outcome, report.done) == (CycleOutcome.FAILED, {"moved": 1})
    messages = [str(each.error) for each in report.failures]
    assert messages == ["/Archive/2016/2016-05 in Dropbox is not a folder."]
    await api.delete("/Archive/2016/2016-05")
    report = await uploads.job.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": 3})
    assert len(await uploads.log()) == len(NAMES)

"""Mirroring a local folder to another one."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from picsync.core.errors import PicsyncError
from picsync.core.events import CycleOutcome
from picsync.core.mirror import Theirs
from picsync.core.plan import DeleteLimit
from picsync.stores.base import Entry
from tests.jobs.mirrored import Mirrored, Reading, tree

FILES = {"a.jpg": b"one", "sub/b.txt": b"two", "sub/deep/c": b"", "sub/Ü mlaut.mov": b"four"}


@pytest.fixture(autouse=True)
def own_bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data/Trash/files"


@pytest.fixture
async def mirrored(tmp_path: Path) -> AsyncIterator[Mirrored]:
    found = Mirrored(tmp_path)
    for name, data in FILES.items():
        found.add(name, data)
    (found.source / "empty/inner").mkdir(parents=True)
    yield found
    await found.store.aclose()


async def test_both_folders_become_equal_and_a_steady_pass_reads_nothing(mirrored: Mirrored) -> None:
    report = await mirrored.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"sent": 4, "folders": 1}), report.failures
    mirrored.assert_equal()
    assert (mirrored.target / "a.jpg").stat().st_mtime == 1_400_000_000
    # Only what was sent is read: once, as it is sent.
    await mirrored.run()
    read, writes = mirrored.store.hashed, mirrored.memory.writes
    report = await mirrored.run()
    assert (report.done, report.found) == ({}, 4)
    assert (mirrored.store.hashed, mirrored.memory.writes) == (read, writes) == (0, writes)


async def test_losing_what_is_remembered_costs_hashing_but_sends_nothing(mirrored: Mirrored) -> None:
    await mirrored.run()
    mirrored.memory.states.clear()
    report = await mirrored.run()
    assert (report.done, mirrored.store.hashed) == ({}, 2 * len(FILES))
    await mirrored.run()
    assert mirrored.store.hashed == 2 * len(FILES)


async def test_changes_on_either_side_are_carried_over_or_reverted(mirrored: Mirrored, own_bin: Path) -> None:
    await mirrored.run()
    mirrored.add("a.jpg", b"new", at=1_500_000_000)
    (mirrored.source / "sub/b.txt").rename(mirrored.source / "empty/renamed.txt")
    (mirrored.source / "sub/Ü mlaut.mov").unlink()
    mirrored.add("out/sub/deep/c", b"their change")
    mirrored.add("out/theirs.txt", b"theirs")
    report = await mirrored.run()
    mirrored.assert_equal()
    assert report.done == {"moved": 1, "sent": 2, "deleted": 2}
    assert {path.name: path.read_bytes() for path in own_bin.iterdir()} == {
        "Ü mlaut.mov": b"four", "theirs.txt": b"theirs",
    }  # fmt: skip


async def test_what_others_add_or_change_is_kept_by_setting(mirrored: Mirrored) -> None:
    mirrored.settings["theirs"] = Theirs.KEEP
    await mirrored.run()
    mirrored.add("out/theirs.txt", b"theirs")
    mirrored.add("out/a.jpg", b"changed")
    mirrored.add("b.jpg", b"more")
    (mirrored.source / "sub/b.txt").unlink()
    report = await mirrored.run()
    _, theirs = mirrored.trees()
    assert (theirs["theirs.txt"], theirs["a.jpg"], theirs["b.jpg"]) == (b"theirs", b"changed", b"more")
    assert "sub/b.txt" not in theirs
    assert report.left == {"kept": 2}
    assert sorted(mirrored.skipped()) == [("/a.jpg", "kept"), ("/theirs.txt", "kept")]
    await mirrored.run()
    assert len(mirrored.skipped()) == 2


async def test_nothing_is_deleted_without_delete(mirrored: Mirrored) -> None:
    mirrored.settings["delete"] = False
    await mirrored.run()
    for name in FILES:
        (mirrored.source / name).unlink()
    report = await mirrored.run()
    assert (report.done, report.held) == ({}, 0)
    assert len([one for one in mirrored.trees()[1].values() if one is not None]) == len(FILES)


async def test_a_folder_that_became_empty_deletes_nothing_until_the_operator_permits_it(
    mirrored: Mirrored,
) -> None:
    await mirrored.run()
    for name in FILES:
        (mirrored.source / name).unlink()
    mirrored.add("new", b"new")
    report = await mirrored.run()
    assert (report.held, report.done, report.outcome) == (4, {"sent": 1}, CycleOutcome.DONE)
    assert len([one for one in mirrored.trees()[1].values() if one is not None]) == len(FILES) + 1

    (held,) = mirrored.requests.held().values()
    assert (held.rule, len(held.digests), held.on_frame) == ("mirror backup", 4, 4)
    mirrored.requests.allow(held)
    report = await mirrored.run()
    assert (report.held, report.done["deleted"]) == (0, 4)
    mirrored.assert_equal()
    assert not mirrored.requests.held()
    assert not mirrored.requests.allowed("mirror backup")


async def test_a_permission_is_not_one_for_other_files(mirrored: Mirrored) -> None:
    await mirrored.run()
    mirrored.settings["limit"] = DeleteLimit(count=0)
    (mirrored.source / "a.jpg").unlink()
    assert (await mirrored.run()).held == 1
    mirrored.requests.allow(mirrored.requests.held()["mirror backup"])
    (mirrored.source / "sub/b.txt").unlink()
    report = await mirrored.run()
    assert (report.held, report.done) == (2, {})
    assert (mirrored.target / "a.jpg").exists()


async def test_the_brake_is_a_setting(mirrored: Mirrored) -> None:
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    await mirrored.run()
    for name in FILES:
        (mirrored.source / name).unlink()
    assert (await mirrored.run()).done["deleted"] == 4
    mirrored.assert_equal()


async def test_links_ignored_and_unreadable_files_take_no_part_and_are_reported_once(
    mirrored: Mirrored,
) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    await mirrored.run()
    (mirrored.source / "link").symlink_to("a.jpg")
    mirrored.add(".cache/x")
    mirrored.add("sub/half.TMP")
    mirrored.add("out/desktop.ini", b"theirs")
    mirrored.add("secret", b"s").chmod(0)
    (mirrored.source / "sub/deep").chmod(0)
    try:
        reports = [await mirrored.run(), await mirrored.run()]
    finally:
        (mirrored.source / "sub/deep").chmod(0o755)
    assert [report.outcome for report in reports] == [CycleOutcome.DONE] * 2, reports[0].failures
    assert sorted(mirrored.skipped()) == [
        ("/link", "not_a_file"), ("/secret", "refused"), ("/sub/deep", "unreadable"),
    ]  # fmt: skip
    _, theirs = mirrored.trees()
    assert theirs["sub/deep/c"] == b""
    assert theirs["desktop.ini"] == b"theirs"
    assert not {"link", ".cache", "sub/half.TMP", "secret"} & set(theirs)


async def test_a_file_and_a_folder_change_places(mirrored: Mirrored) -> None:
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    await mirrored.run()
    (mirrored.source / "a.jpg").unlink()
    mirrored.add("a.jpg/inside", b"in")
    for path in sorted((mirrored.source / "sub").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (mirrored.source / "sub").rmdir()
    mirrored.add("sub", b"file now")
    await mirrored.run()
    mirrored.assert_equal()


async def test_a_dry_run_changes_nothing(mirrored: Mirrored) -> None:
    await mirrored.run()
    mirrored.add("new", b"new")
    (mirrored.source / "a.jpg").rename(mirrored.source / "z.jpg")
    (mirrored.source / "sub/b.txt").unlink()
    before = mirrored.trees()
    mirrored.settings["dry_run"] = True
    report = await mirrored.run()
    assert mirrored.trees() == before
    assert mirrored.steps() == [
        ("move", "/a.jpg", "/z.jpg"), ("send", "/new", ""), ("delete", "/sub/b.txt", ""),
    ]  # fmt: skip
    assert report.done == {"moved": 1, "sent": 1, "deleted": 1}


async def test_a_folder_that_is_gone_is_an_error_and_deletes_nothing(mirrored: Mirrored) -> None:
    await mirrored.run()
    mirrored.source.rename(mirrored.root / "elsewhere")
    report = await mirrored.run()
    assert report.outcome is CycleOutcome.FAILED
    assert "no folder" in report.failures[0].error.message
    assert len([one for one in mirrored.trees()[1].values() if one is not None]) == len(FILES)


async def test_a_target_whose_volume_is_not_mounted_is_an_error(tmp_path: Path) -> None:
    mirrored = Mirrored(tmp_path)
    mirrored.add("a")
    target = tmp_path / "mnt/usb/backup"
    mirrored.store = type(mirrored.store)([str(mirrored.source), str(target)], quiet_s=0.0)
    mirrored.to = type(mirrored.job()._settings.to)("local", str(target))
    report = await mirrored.run()
    assert report.outcome is CycleOutcome.FAILED
    assert not (tmp_path / "mnt").exists()
    await mirrored.store.aclose()


async def test_a_pass_that_is_stopped_continues_later(mirrored: Mirrored) -> None:
    calls = itertools.count(1)
    mirrored.leaving = lambda: next(calls) > 3
    report = await mirrored.run()
    assert (report.outcome, report.done) == (CycleOutcome.STOPPED, {"folders": 1, "sent": 2})
    mirrored.leaving = lambda: False
    await mirrored.run()
    mirrored.assert_equal()


async def test_links_and_ignored_names_take_no_part_and_links_are_reported_once(mirrored: Mirrored) -> None:
    await mirrored.run()
    (mirrored.source / "link").symlink_to("a.jpg")
    os.mkfifo(mirrored.source / "sub/pipe")
    mirrored.add(".cache/x")
    mirrored.add("sub/half.TMP")
    mirrored.add("out/desktop.ini", b"theirs")
    mirrored.add("out/link", b"theirs")
    reports = [await mirrored.run(), await mirrored.run()]
    assert [(report.outcome, report.done) for report in reports] == [(CycleOutcome.DONE, {})] * 2
    assert sorted(mirrored.skipped()) == [("/link", "not_a_file"), ("/sub/pipe", "not_a_file")]
    theirs = tree(mirrored.target)  # Reading the pipe would wait.
    assert (theirs["desktop.ini"], theirs["link"]) == (b"theirs", b"theirs")
    assert not {".cache", "sub/half.TMP", "sub/pipe"} & set(theirs)


@pytest.mark.parametrize("removed", [False, True])
async def test_a_target_that_was_filled_and_is_empty_is_an_unmounted_volume(
    mirrored: Mirrored, removed: bool
) -> None:
    await mirrored.run()
    shutil.rmtree(mirrored.target)
    if not removed:
        # As the file system of a volume has it, or the folder below the volume.
        (mirrored.target / "lost+found").mkdir(parents=True)
    report = await mirrored.run()
    (failure,) = report.failures
    assert report.outcome is CycleOutcome.FAILED
    assert "4 files were mirrored to it" in failure.error.message
    assert [*mirrored.target.glob("*")] == [mirrored.target / "lost+found"] * (not removed)

    # What the message says helps.
    (mirrored.target / "mine").mkdir(parents=True)
    report = await mirrored.run()
    assert report.done["sent"] == 4
    assert (mirrored.target / "a.jpg").exists()


async def test_a_folder_in_which_somebody_puts_a_file_is_not_deleted(mirrored: Mirrored) -> None:
    await mirrored.run()
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    shutil.rmtree(mirrored.source / "sub")
    theirs = mirrored.target / "sub/deep/theirs.txt"

    class Meanwhile(Reading):
        async def delete_all(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
            if not theirs.exists():
                theirs.write_bytes(b"theirs")
            return await super().delete_all(entries)

    await mirrored.use(Meanwhile)
    report = await mirrored.run()
    assert theirs.read_bytes() == b"theirs"
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"deleted": 3})
    # The next pass has seen it.
    await mirrored.run()
    mirrored.assert_equal()


async def test_a_file_that_changed_there_keeps_its_folder(mirrored: Mirrored) -> None:
    await mirrored.run()
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    shutil.rmtree(mirrored.source / "sub")
    changed = mirrored.target / "sub/b.txt"

    class Meanwhile(Reading):
        async def delete_all(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
            changed.write_bytes(b"changed meanwhile")
            return await super().delete_all(entries)

    await mirrored.use(Meanwhile)
    await mirrored.run()
    assert changed.read_bytes() == b"changed meanwhile"


@pytest.mark.parametrize("reading", [False, True])
async def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_pass(
    mirrored: Mirrored, reading: bool
) -> None:
    class Changing(Reading):
        async def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
            if entry.path.endswith("/a.jpg") and not mirrored.steps_done:
                mirrored.steps_done = True
                if reading:
                    yield b"on"
                mirrored.add("a.jpg", b"another version", at=1_500_000_000)
            async for chunk in super().read(entry, start):
                yield chunk

    await mirrored.use(Changing)
    report = await mirrored.run()
    assert (report.outcome, report.left) == (CycleOutcome.DONE, {"unsettled": 1})
    assert not (mirrored.target / "a.jpg").exists()
    report = await mirrored.run()
    assert report.done == {"sent": 1}
    mirrored.assert_equal()


async def test_held_deletes_stay_held_although_added_files_are_kept(mirrored: Mirrored) -> None:
    mirrored.settings["theirs"] = Theirs.KEEP
    await mirrored.run()
    for name in FILES:
        (mirrored.source / name).unlink()
    for _ in range(2):
        report = await mirrored.run()
        assert (report.held, report.left) == (4, {})


async def test_deletes_that_were_off_happen_once_they_are_on(mirrored: Mirrored) -> None:
    mirrored.settings |= {"theirs": Theirs.KEEP, "delete": False, "limit": DeleteLimit(share=1.0)}
    await mirrored.run()
    (mirrored.source / "a.jpg").unlink()
    await mirrored.run()
    mirrored.settings["delete"] = True
    report = await mirrored.run()
    assert (report.done, report.left) == ({"deleted": 1}, {})


async def test_a_change_that_one_mirror_has_seen_starts_the_other_one(mirrored: Mirrored) -> None:
    mirrored.add("a.jpg")
    one, two = mirrored.job(), mirrored.job()
    await one.run()
    await two.run()
    mirrored.add("b.jpg")
    await one.triggered()
    assert (await one.run()).done == {"sent": 1}
    # The other one was in its pause, and waits only from now on.
    await two.triggered()
    await two.run()
    waiting = [asyncio.ensure_future(job.triggered()) for job in (one, two)]
    mirrored.add("c.jpg")
    await asyncio.gather(*waiting)

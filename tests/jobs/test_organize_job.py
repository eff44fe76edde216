"""Sorting camera uploads: what its predecessor did wrong, and what may go wrong."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from picsync.core.errors import CacheError, NotFoundError, TransientError
from picsync.core.events import CycleOutcome, MovesPlanned
from picsync.core.places import LOCAL, StorePlace
from picsync.jobs.journal import account_lock, missing_text
from picsync.jobs.organize import Origin
from picsync.stores.base import ConflictError, Entry, MediaInfo, MediaState, Move, Moved
from picsync.stores.local.store import LocalStore
from tests.jobs.camera import Camera
from tests.media.test_taken import apple, exif_block, heic, movie, mvhd, picture


@pytest.fixture
async def camera(tmp_path: Path) -> AsyncIterator[Camera]:
    found = Camera(tmp_path)
    yield found
    await found.aclose()


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# --- rows of the table ------------------------------------------------------------------------------------


async def test_a_file_that_arrives_during_a_pass_starts_another_one(camera: Camera) -> None:
    camera.add("in/2015-02-12 00.05.58.jpg")
    job = camera.job()
    await job.run()
    camera.add("in/2015-02-13 00.05.58.jpg")
    async with asyncio.timeout(30):
        await job.triggered()
    await job.run()
    assert sorted(camera.files()) == [
        "out/2015/2015-02/2015-02-12 00.05.58.jpg", "out/2015/2015-02/2015-02-13 00.05.58.jpg",
    ]  # fmt: skip


async def test_two_passes_never_run_at_the_same_time(camera: Camera) -> None:
    camera.add("in/a.jpg")
    one, other = camera.job(), camera.job()
    context = one._context
    other._context = context
    async with context.lock(LOCAL):
        waiting = asyncio.ensure_future(one.run())
        await asyncio.sleep(0)
        assert "in/a.jpg" in camera.files()
    await asyncio.gather(waiting, other.run())
    assert len(camera.lines) == 1


async def test_the_pass_of_another_process_is_waited_for(camera: Camera) -> None:
    camera.add("in/a.jpg")
    own, slept, stack = camera.root / "own", list[float](), ExitStack()
    job = camera.job()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            stack.close()

    object.__setattr__(job._context, "sleep", sleep)
    assert stack.enter_context(account_lock(own, LOCAL))
    report = await job.run()
    assert (report.outcome, report.done, len(slept)) == (CycleOutcome.DONE, {"moved": 1}, 3)


async def test_a_pass_of_another_process_that_lasts_is_reported(camera: Camera) -> None:
    camera.add("in/a.jpg")
    job = camera.job()

    async def sleep(_seconds: float) -> None:
        return

    object.__setattr__(job._context, "sleep", sleep)
    with account_lock(camera.root / "own", LOCAL) as mine:
        assert mine
        report = await job.run()
    assert report.outcome is CycleOutcome.FAILED
    assert isinstance(report.failures[0].error, TransientError)
    assert "in/a.jpg" in camera.files()


async def test_subfolders_are_sorted_by_setting(camera: Camera) -> None:
    camera.add("in/sub/2015-02-12.jpg")
    camera.add("in/.hidden/2015-02-12.jpg")
    await camera.sort()
    assert not camera.moved()
    camera.changes["recursive"] = True
    await camera.sort()
    assert camera.moved() == [("in/sub/2015-02-12.jpg", "out/2015/2015-02/2015-02-12.jpg")]


@pytest.mark.parametrize("name", ["a.HEIC", "a.PNG", "a.MP4", "a.JPEG", "a.Jpg", "a.DNG", "a.webp", "a.3GP"])
async def test_every_known_type_is_sorted_in_any_case(camera: Camera, name: str) -> None:
    camera.add(f"in/{name}")
    await camera.sort()
    assert camera.moved() == [(f"in/{name}", f"out/2014/2014-06/{name}")]


async def test_what_is_no_medium_goes_to_unsorted_or_stays(camera: Camera) -> None:
    camera.add("in/notes.txt")
    await camera.sort()
    assert list(camera.files()) == ["rest/notes.txt"]
    camera.add("in/more.txt")
    camera.changes["unsorted"] = None
    report = await camera.sort()
    assert "in/more.txt" in camera.files()
    assert (report.outcome, report.left) == (CycleOutcome.DONE, {"not_media": 1})


CONTENTS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "jpeg": ("2020-01-01.jpg", lambda: picture("JPEG"), "2015-02"),
    "heic": ("2020-01-01.heic", heic, "2015-02"),
    "mov": ("2020-01-01.mov", lambda: movie(mvhd()), "2015-02"),
    "only a name": ("2020-01-01.jpg", lambda: b"\xff\xd8\xff\xd9", "2020-01"),
    "no name": ("a.jpg", lambda: picture("JPEG", b""), "2014-06"),
    "no picture": ("a.jpg", lambda: b"<html>", "2014-06"),
    "empty": ("a.jpg", lambda: b"", "2014-06"),
}


@pytest.mark.parametrize("case", CONTENTS)
async def test_the_bytes_decide_then_the_name_then_the_time(camera: Camera, case: str) -> None:
    name, content, month = CONTENTS[case]
    camera.add(f"in/{name}", content())
    await camera.sort()
    assert camera.moved() == [(f"in/{name}", f"out/{month[:4]}/{month}/{name}")]


async def test_the_rule_sets_the_order_of_origins(camera: Camera) -> None:
    camera.add("in/2020-01-01.jpg", picture("JPEG"))
    camera.settings["origins"] = (Origin.NAME, Origin.EXIF)
    await camera.sort()
    assert camera.moved()[0][1] == "out/2020/2020-01/2020-01-01.jpg"
    camera.add("in/a.jpg")
    report = await camera.sort()
    assert report.done == {"unsorted": 1}


async def test_pending_media_info_waits_for_the_next_pass(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [MediaInfo(MediaState.PENDING), MediaInfo(MediaState.KNOWN, camera.now)]

    class Knowing(LocalStore):
        async def media_info(self, entry: Entry) -> MediaInfo:
            return answers.pop(0)

    camera.store = Knowing([str(camera.root)], quiet_s=0)
    object.__setattr__(camera.store._capabilities, "media_info", True)
    camera.add("in/a.png")
    camera.add("in/2015-02-12.png")
    report = await camera.sort()
    assert (report.done, report.left, report.outcome) == ({"moved": 1}, {"pending": 1}, CycleOutcome.DONE)
    await camera.sort()
    assert camera.moved()[1] == ("in/a.png", "out/2026/2026-11/a.png")


async def test_the_cameras_clock_decides_at_the_end_of_a_month(camera: Camera, berlin: None) -> None:
    camera.add("in/a.jpg", picture("JPEG", exif_block("2015:01:31 23:59:00")))
    camera.add("in/2015-01-31 23.59.00.png")
    camera.add("in/b.mov", movie(mvhd(), apple("2015-01-31T23:59:00-0500")))
    await camera.sort()
    assert {to.split("/")[2] for _, to in camera.moved()} == {"2015-01"}


async def test_a_zone_is_used_where_there_is_only_utc(camera: Camera, berlin: None) -> None:
    camera.add("in/b.mp4", movie(mvhd(3_505_591_740)))  # 2015-01-31 23:29 UTC
    camera.add("in/PXL_20150131_232900000.png")
    camera.add("in/c.png", modified="2015-01-31")
    os.utime(camera.root / "in/c.png", (1_422_746_940, 1_422_746_940))
    await camera.sort()
    assert {to.split("/")[2] for _, to in camera.moved()} == {"2015-02"}


async def test_two_writers_of_the_log_lose_no_line(camera: Camera) -> None:
    camera.add("in/a.jpg")
    camera.log.write_text("an older line\nand one without an end")
    await camera.sort()
    assert camera.lines[:2] == ["an older line", "and one without an end"]
    assert len(camera.lines) == 3
    with camera.log.open("a") as other:
        other.write("of somebody else\n")
    camera.add("in/b.jpg")
    await camera.sort()
    assert camera.lines[3] == "of somebody else"
    assert camera.lines[4].endswith(f"Moving b.jpg to {camera.root}/out/2014/2014-06/b.jpg")


async def test_own_moves_and_the_log_start_no_pass(camera: Camera) -> None:
    camera.settings["log"] = StorePlace(LOCAL, str(camera.root / "in/log.txt"))
    camera.add("in/a.jpg")
    job = camera.job()
    await job.run()
    waiting = asyncio.ensure_future(job.triggered())
    for _ in range(20):
        await asyncio.sleep(0)
    # The log is in the folder here, which a configuration must not say; it is at least not sorted.
    report = await job.run()
    assert (report.found, report.done) == (0, {})
    waiting.cancel()


async def test_an_identical_file_is_a_duplicate(camera: Camera) -> None:
    camera.add("in/a.jpg", b"same")
    camera.add("out/2014/2014-06/a.jpg", b"same")
    report = await camera.sort()
    assert camera.files() == {"out/2014/2014-06/a.jpg": b"same", "rest/duplicates/a.jpg": b"same"}
    assert report.done == {"duplicates": 1}


async def test_a_different_file_gets_another_name(camera: Camera) -> None:
    camera.add("in/a.jpg", b"new!")
    camera.add("out/2014/2014-06/a.jpg", b"same")
    await camera.sort()
    assert camera.files() == {
        "out/2014/2014-06/a.jpg": b"same",
        "out/2014/2014-06/a_20261129-230000.jpg": b"new!",
    }


@pytest.mark.parametrize("days", [-3000, 3000])
async def test_a_clock_that_jumps_midway_moves_each_file_once(camera: Camera, days: int) -> None:
    camera.add("in/2015-02-12.jpg", b"one")
    camera.add("out/2015/2015-02/2015-02-12.jpg", b"another")
    job = camera.job()
    assert camera.store is not None
    move_all = camera.store.move_all

    async def jumps(moves: Sequence[Move]) -> Sequence[Moved]:
        camera.now += timedelta(days=days)
        return await move_all(moves)

    camera.store.move_all = jumps  # type: ignore[method-assign] # the clock is set
    report = await job.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": 1})
    assert 0 <= report.duration_s < 1000
    assert (await job.run()).done == {}
    assert sorted(camera.files()) == [
        "out/2015/2015-02/2015-02-12.jpg", "out/2015/2015-02/2015-02-12_20261129-230000.jpg"
    ]  # fmt: skip
    assert len(camera.lines) == 1


async def test_a_name_that_is_too_long_with_the_time_is_shortened(camera: Camera) -> None:
    long = "b" * 250 + ".jpg"
    camera.add(f"in/{long}", b"new!")
    camera.add("in/c.jpg", b"c")
    camera.add(f"out/2014/2014-06/{long}", b"same")
    report = await camera.sort()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": 2}), report.failures
    (name,) = (path for path, data in camera.files().items() if data == b"new!")
    assert name == f"out/2014/2014-06/{'b' * 235}_20261129-230000.jpg"
    assert len(camera.lines) == 2


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_mistyped_target_is_an_error(camera: Camera, *, dry_run: bool) -> None:
    camera.settings["dry_run"] = dry_run
    camera.changes["photos"] = f"{camera.root}/no/such/{{year}}"
    camera.add("in/a.jpg")
    report = await camera.sort()
    (failure,) = report.failures
    message = f"{camera.root}/no/such cannot be created, since there is no folder {camera.root}/no."
    assert failure.error.message == message
    assert list(camera.files()) == ["in/a.jpg"]


async def test_a_live_photo_is_moved_together(camera: Camera) -> None:
    camera.changes["videos"] = f"{camera.root}/videos"
    camera.add("in/IMG_1.HEIC", heic())
    camera.add("in/IMG_1.MOV", movie(mvhd()))
    await camera.sort()
    assert sorted(camera.files()) == ["out/2015/2015-02/IMG_1.HEIC", "out/2015/2015-02/IMG_1.MOV"]


async def test_five_hundred_files_are_one_batch(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    class Counting(LocalStore):
        async def move_all(self, moves: object) -> object:  # type: ignore[override]
            calls.append(len(moves))  # type: ignore[arg-type]
            return await super().move_all(moves)  # type: ignore[arg-type]

    camera.store = Counting([str(camera.root)], quiet_s=0)
    for number in range(500):
        camera.add(f"in/{number}.txt", b"")
    report = await camera.sort()
    assert (calls, report.done) == ([500], {"unsorted": 500})
    assert len(camera.lines) == 500


# --- other faults -----------------------------------------------------------------------------------------


async def test_a_dry_run_changes_nothing(camera: Camera) -> None:
    camera.add("in/2015-02-12.jpg")
    camera.settings["dry_run"] = True
    before = camera.files()
    report = await camera.sort()
    assert camera.files() == before
    assert not (camera.root / "own").exists()
    (planned,) = (event for event in camera.events if isinstance(event, MovesPlanned))
    assert planned.moves == (
        (f"{camera.root}/in/2015-02-12.jpg", f"{camera.root}/out/2015/2015-02/2015-02-12.jpg"),
    )
    assert (report.dry_run, report.done) == (True, {"moved": 1})
    assert not report.did_something


async def test_a_folder_that_is_missing_fails_the_rule(camera: Camera) -> None:
    (camera.root / "in").rmdir()
    report = await camera.sort()
    assert report.outcome is CycleOutcome.FAILED
    assert isinstance(report.failures[0].error, NotFoundError)
    assert "There is no folder" in str(report.failures[0].error)


async def test_a_file_in_the_place_of_a_target_folder(camera: Camera) -> None:
    camera.add("in/2015-02-12.jpg")
    camera.add("in/2016-02-12.jpg")
    camera.add("out/2015", b"a file")
    report = await camera.sort()
    assert report.outcome is CycleOutcome.FAILED
    assert "2015 is a file, not a folder" in str(report.failures[0].error)
    assert sorted(camera.files()) == ["in/2015-02-12.jpg", "out/2015", "out/2016/2016-02/2016-02-12.jpg"]


async def test_a_target_folder_becomes_a_file_midway(camera: Camera) -> None:
    for name in ("2015-02-12.jpg", "2015-02-13.jpg", "2016-02-12.jpg"):
        camera.add(f"in/{name}", name.encode())
    camera.add("out/2015/2015-02/old.jpg", b"old")
    job = camera.job()
    assert camera.store is not None
    move_all = camera.store.move_all

    async def replaced(moves: Sequence[Move]) -> Sequence[Moved]:
        if not (camera.root / "elsewhere").exists():
            (camera.root / "out/2015").rename(camera.root / "elsewhere")
            (camera.root / "out/2015").write_bytes(b"a file")
        return await move_all(moves)

    camera.store.move_all = replaced  # type: ignore[method-assign] # between the plan and the moves
    report = await job.run()
    del camera.store.move_all
    assert report.done == {"moved": 1}
    messages = {str(each.error) for each in report.failures}
    assert messages == {f"{camera.root}/out/2015/2015-02: 2015 is a file, not a folder."}
    (camera.root / "out/2015").unlink()
    (camera.root / "elsewhere").rename(camera.root / "out/2015")
    report = await job.run()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": 2})
    assert len(camera.lines) == 3
    assert sorted(camera.files().values()) == sorted(
        [b"2015-02-12.jpg", b"2015-02-13.jpg", b"2016-02-12.jpg", b"old"]
    )


async def test_a_file_that_somebody_else_takes_is_no_failure(camera: Camera) -> None:
    path = camera.add("in/a.jpg")

    class Racing(LocalStore):
        async def move_all(self, moves: object) -> object:  # type: ignore[override]
            path.unlink(missing_ok=True)
            return await super().move_all(moves)  # type: ignore[arg-type]

    camera.store = Racing([str(camera.root)], quiet_s=0)
    report = await camera.sort()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {})
    assert not camera.lines


async def test_a_name_that_is_taken_at_the_last_moment_is_planned_again(camera: Camera) -> None:
    camera.add("in/a.jpg", b"mine")

    class Racing(LocalStore):
        async def move_all(self, moves: object) -> object:  # type: ignore[override]
            if not (camera.root / "out").exists():
                camera.add("out/2014/2014-06/a.jpg", b"theirs")
            return await super().move_all(moves)  # type: ignore[arg-type]

    camera.store = Racing([str(camera.root)], quiet_s=0)
    report = await camera.sort()
    assert (report.outcome, report.done) == (CycleOutcome.DONE, {"moved": 1})
    assert camera.files() == {
        "out/2014/2014-06/a.jpg": b"theirs",
        "out/2014/2014-06/a_20261129-230000.jpg": b"mine",
    }


async def test_a_photo_whose_video_cannot_be_moved_waits_for_it(camera: Camera) -> None:
    camera.add("in/1.HEIC", heic())
    camera.add("in/1.MOV", movie(mvhd()))

    class Refusing(LocalStore):
        refuses = True

        def _move(self, move: Move, steps: Any) -> Entry:
            if self.refuses and move.entry.name == "1.MOV":
                raise ConflictError("refused")
            return super()._move(move, steps)

    camera.store = store = Refusing([str(camera.root)], quiet_s=0)
    report = await camera.sort()
    assert report.outcome is CycleOutcome.FAILED
    assert sorted(camera.files()) == ["in/1.HEIC", "in/1.MOV"]
    store.refuses = False
    await camera.sort()
    assert sorted(camera.files()) == ["out/2015/2015-02/1.HEIC", "out/2015/2015-02/1.MOV"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
async def test_a_file_that_cannot_be_read_stays(camera: Camera) -> None:
    camera.add("in/a.jpg").chmod(0)
    camera.add("in/b.jpg")
    report = await camera.sort()
    assert (report.outcome, report.done, report.left) == (
        CycleOutcome.FAILED, {"moved": 1}, {"unreadable": 1},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "function"), [(errno.EIO, "read"), (errno.ESTALE, "read"), (errno.EIO, "scandir")]
)
async def test_a_broken_disk_fails_the_rule_and_moves_nothing(
    camera: Camera, monkeypatch: pytest.MonkeyPatch, code: int, function: str
) -> None:
    job = camera.job()
    await job.run()  # What is loaded once is loaded.
    camera.add("in/a.jpg", picture("JPEG"))

    def fails(*_arguments: object) -> object:
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, function, fails)
        report = await job.run()
    assert report.outcome is CycleOutcome.FAILED
    assert list(camera.files()) == ["in/a.jpg"]
    assert (await job.run()).done == {"moved": 1}


async def test_a_log_that_cannot_be_written_stops_the_moves_until_it_can(camera: Camera) -> None:
    for name in ("a.jpg", "b.jpg"):
        camera.add(f"in/{name}")
    camera.log.mkdir()
    report = await camera.sort()
    assert report.outcome is CycleOutcome.FAILED
    camera.add("in/c.jpg")
    assert (await camera.sort()).outcome is CycleOutcome.FAILED
    assert "in/c.jpg" in camera.files()
    camera.log.rmdir()
    assert (await camera.sort()).outcome is CycleOutcome.DONE
    camera.assert_logged_once()
    assert len(camera.lines) == 3


async def test_a_damaged_journal_stops_the_rule(camera: Camera) -> None:
    camera.add("in/a.jpg")
    await camera.sort()
    job = camera.job()
    job._journal._path.write_text("{")
    report = await job.run()
    assert isinstance(report.failures[0].error, CacheError)
    assert "is damaged" in str(report.failures[0].error)


async def test_a_stop_ends_a_pass_between_batches(camera: Camera) -> None:
    camera.add("in/a.jpg")
    camera.leaving = lambda: True
    report = await camera.sort()
    assert (report.outcome, report.done) == (CycleOutcome.STOPPED, {})
    assert list(camera.files()) == ["in/a.jpg"]


async def test_a_pass_that_is_cancelled_while_it_moves_is_completed(camera: Camera) -> None:
    for number in range(5):
        camera.add(f"in/{number}.jpg")
    moving, go_on = asyncio.Event(), asyncio.Event()

    class Slow(LocalStore):
        async def move_all(self, moves: list[Move]) -> list[Moved]:  # type: ignore[override]
            await super().move_all(moves[:2])
            moving.set()
            await go_on.wait()
            raise AssertionError

    camera.store = Slow([str(camera.root)], quiet_s=0)
    running = asyncio.ensure_future(camera.sort())
    await moving.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await camera.store.aclose()
    camera.store = None
    report = await camera.sort()
    assert report.outcome is CycleOutcome.DONE
    camera.assert_logged_once()
    assert len(camera.lines) == 5


async def test_files_that_are_written_are_waited_for_once(camera: Camera) -> None:
    slept: list[float] = []
    camera.quiet_s = 10.0
    camera.add("in/a.jpg")
    job = camera.job()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    object.__setattr__(job._context, "sleep", sleep)
    report = await job.run()
    assert slept == [10.0]
    assert (report.done, report.left) == ({}, {"unsettled": 1})


async def test_files_without_a_date_are_read_once(camera: Camera, monkeypatch: pytest.MonkeyPatch) -> None:
    camera.changes["unsorted"] = None
    camera.settings["origins"] = (Origin.EXIF, Origin.NAME)
    camera.add("in/a.jpg")
    reads: list[str] = []

    class Counting(LocalStore):
        async def read_part(self, entry: Entry, start: int, size_bytes: int) -> bytes:
            reads.append(entry.name)
            return await super().read_part(entry, start, size_bytes)

    camera.store = Counting([str(camera.root)], quiet_s=0)
    job = camera.job()
    for _ in range(3):
        assert (await job.run()).left == {"no_date": 1}
    assert reads == ["a.jpg"]


# --- the missing lines of a log ---------------------------------------------------------------------------

LINES = ("one\n", "two\n", "three\n")


@pytest.mark.parametrize(
    ("added", "joined", "missing"),
    [
        (b"", False, b"one\ntwo\nthree\n"),
        (b"", True, b"\none\ntwo\nthree\n"),
        (b"one\n", False, b"two\nthree\n"),
        (b"one\ntwo\nthree\n", False, b""),
        (b"one\nt", False, b"wo\nthree\n"),
        (b"o", False, b"ne\ntwo\nthree\n"),
        (b"\none\nt", True, b"wo\nthree\n"),
        (b"other\none\n", False, b"two\nthree\n"),
        (b"three\n", False, b"one\ntwo\n"),
        (b"other, not ended", False, b"\none\ntwo\nthree\n"),
        (b"one\ntwo\nthree\nother, not ended", False, b""),
    ],
)
def test_what_a_log_lacks(added: bytes, joined: bool, missing: bytes) -> None:
    assert missing_text(LINES, added, joined=joined) == missing
    text = (b"before" if joined else b"before\n") + added + missing
    assert all(text.split(b"\n").count(line[:-1].encode()) == 1 for line in LINES)


def test_equal_lines_are_counted() -> None:
    assert missing_text(("a\n", "a\n"), b"a\n", joined=False) == b"a\n"

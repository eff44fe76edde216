"""Files go through a spool: taken in, shown by every frame, done."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from picsync.core.choice import Choice
from picsync.core.errors import ItemError, TransientError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import Rule
from picsync.sources.inbox.source import InboxSource
from picsync.sources.inbox.spool import jobs_named
from picsync.stores.local.store import LocalStore
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.settling import Settling
from tests.contract.memory_frame import MemoryFrame
from tests.pictures import jpeg
from tests.sources.inbox.spool_folders import SpoolFolders
from tests.sync.harness import Harness, digest, open_harness

ALBUM = "Family"


class Spooling:
    """A spool between its folders and one or two frames."""

    def __init__(self, harness: Harness, folders: SpoolFolders) -> None:
        self.harness = harness
        self.folders = folders
        self.second = MemoryFrame()
        self.source = folders.source()
        album = ("inbox", folders.album_id)
        self.rule = AlbumRule(Rule(ALBUM), sources={"inbox": [folders.album_id]})
        harness.may_empty = True
        tools = harness.tools
        self.tools = replace(
            tools, sources={"inbox": self.source}, frames={**tools.frames, "second": self.second}
        )
        self.both = replace(self.tools, settling=Settling({album: {ALBUM, f"{ALBUM} on second"}}))

    async def cycle(self, *, dry_run: bool = False) -> CycleReport:
        return await run_cycle(replace(self.rule, dry_run=dry_run), self.tools)

    async def on_first(self) -> CycleReport:
        return await run_cycle(self.rule, self.both)

    async def on_second(self) -> CycleReport:
        return await run_cycle(replace(self.rule, frame="second"), self.both)

    def restart(self) -> InboxSource:
        self.source = self.folders.source()
        self.tools = replace(self.tools, sources={"inbox": self.source})
        return self.source

    @property
    def shown(self) -> set[object]:
        return set(self.harness.frame.digests(ALBUM))

    def names(self, *folders: str) -> list[list[str]]:
        return [self.folders.names(folder) for folder in folders or ("incoming", "work", "done")]


@pytest.fixture
async def spooling(tmp_path: Path) -> AsyncIterator[Spooling]:
    folders = SpoolFolders(tmp_path / "spool", tmp_path / "own")
    (tmp_path / "cache").mkdir()
    async with open_harness(tmp_path / "cache") as harness:
        yield Spooling(harness, folders)
    await folders.close()


async def test_what_arrives_is_shown_and_then_done(spooling: Spooling) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    report = await spooling.cycle()
    assert report.outcome is CycleOutcome.DONE, report
    assert spooling.shown == {digest(jpeg("a"))}
    assert spooling.names() == [[], [], ["a.jpg"]]
    assert (await spooling.cycle()).uploaded == 0
    assert spooling.shown == {digest(jpeg("a"))}


async def test_a_dry_run_takes_nothing_in(spooling: Spooling) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    report = await spooling.cycle(dry_run=True)
    assert report.wanted == 1
    assert spooling.names() == [["a.jpg"], [], []]


async def test_an_item_is_done_once_every_frame_shows_it(spooling: Spooling) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    await spooling.on_first()
    assert spooling.names() == [[], ["a.jpg"], []]
    await spooling.on_first()
    assert spooling.names() == [[], ["a.jpg"], []]
    await spooling.on_second()
    assert spooling.names() == [[], [], ["a.jpg"]]
    assert spooling.second.digests(ALBUM) == spooling.shown == {digest(jpeg("a"))}


async def test_a_failing_item_stays_with_its_reason_and_holds_up_nothing(spooling: Spooling) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    spooling.folders.put("incoming/broken.jpg", jpeg("b")[:-40])
    spooling.folders.put("incoming/notes.txt", b"no picture")
    first = await spooling.cycle()
    assert [failure.subject for failure in first.failures] == ["broken.jpg"]
    assert "notes.txt is neither" in str(first.notices)
    stays = ["broken.jpg", "broken.jpg.reason.txt", "notes.txt", "notes.txt.reason.txt"]
    assert spooling.names() == [[], stays, ["a.jpg"]]
    reason = (spooling.folders.root / "work" / "broken.jpg.reason.txt").read_text()
    assert reason.startswith("Its content is neither a picture nor a video.")
    assert "picsync inbox retry" in reason
    again = await spooling.cycle()
    assert (again.failures, again.outcome) == ((), CycleOutcome.DONE)
    assert "notes.txt" not in str(again.notices)


async def test_what_one_frame_refuses_stays_on_the_others_and_delays_nothing(spooling: Spooling) -> None:
    """Whether the frame that shows it comes first or last, also after a restart."""
    for name in ("early", "late"):
        spooling.folders.put(f"incoming/{name}.jpg", jpeg(name))
        spooling.second.fail["upload"] = [ItemError("It is refused.", unusable=True)]
        cycles = (spooling.on_first, spooling.on_second)
        first, second = [await cycle() for cycle in (cycles if name == "early" else cycles[::-1])]
        assert len(first.failures) + len(second.failures) == 1
        shown = {digest(jpeg(each)) for each in ("early", "late")[: 1 if name == "early" else 2]}
        for _ in range(2):
            for cycle in cycles:
                report = await cycle()
                assert (report.outcome, report.failures) == (CycleOutcome.DONE, ())
            assert spooling.shown == shown
            assert spooling.second.digests(ALBUM) == set()
            await spooling.source.aclose()
            spooling.source = spooling.folders.source()
            spooling.both = replace(spooling.both, sources={"inbox": spooling.source})
    assert "delete" not in {call[0] for call in spooling.harness.frame.calls}
    stays = ["early.jpg", "early.jpg.reason.txt", "late.jpg", "late.jpg.reason.txt"]
    assert spooling.names() == [[], stays, []]
    spooling.folders.put("incoming/c.jpg", jpeg("c"))
    await spooling.on_first()
    await spooling.on_second()
    assert spooling.names() == [[], stays, ["c.jpg"]]
    spool = spooling.source.spools[spooling.folders.album_id]
    await spool.retry(spool.failures())
    await spooling.on_second()
    await spooling.on_first()
    assert spooling.names() == [[], [], ["c.jpg", "early.jpg", "late.jpg"]]
    assert "delete" not in {call[0] for call in spooling.harness.frame.calls}


async def test_what_failed_on_two_frames_names_both_and_is_done_once_none_of_them_is_left(
    spooling: Spooling,
) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    for frame in (spooling.harness.frame, spooling.second):
        frame.fail["upload"] = [ItemError("It is refused.", unusable=True)]
    for cycle in (spooling.on_first, spooling.on_second):
        assert len((await cycle()).failures) == 1
    reason = (spooling.folders.root / "work" / "a.jpg.reason.txt").read_text()
    assert jobs_named(reason) == {ALBUM, f"{ALBUM} on second"}
    # The rule loses both frames and gets another one.
    third = MemoryFrame()
    tools = replace(spooling.both, frames={"third": third}, settling=Settling())
    report = await run_cycle(replace(spooling.rule, frame="third"), tools)
    assert report.outcome is CycleOutcome.DONE, report
    assert third.digests(ALBUM) == {digest(jpeg("a"))}
    assert spooling.names() == [[], [], ["a.jpg"]]


async def test_a_video_that_the_rule_does_not_want_fails(spooling: Spooling) -> None:
    spooling.folders.put("incoming/clip.mp4", b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
    [failure] = (await spooling.cycle()).failures
    assert "videos: true" in failure.error.hint
    assert spooling.names() == [[], ["clip.mp4", "clip.mp4.reason.txt"], []]


async def test_what_failed_is_tried_again_when_the_user_wants_it(spooling: Spooling) -> None:
    whole = jpeg("b")
    spooling.folders.put("incoming/broken.jpg", whole[:-40])
    await spooling.cycle()
    spool = spooling.source.spools[spooling.folders.album_id]
    [failed] = spool.failures()
    await spool.retry([failed])
    assert spooling.names() == [["broken.jpg"], [], []]
    assert [each.subject for each in (await spooling.cycle()).failures] == ["broken.jpg"]
    spooling.folders.put("work/broken.jpg", whole)
    await spool.look()
    await spool.retry(spool.failures())
    assert (await spooling.cycle()).outcome is CycleOutcome.DONE
    assert spooling.names() == [[], [], ["broken.jpg"]]
    assert spooling.shown == {digest(whole)}


async def test_a_failure_that_may_pass_has_no_reason(spooling: Spooling) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    spooling.harness.frame.fail["upload"] = [TransientError("no answer")]
    assert (await spooling.cycle()).outcome is CycleOutcome.FAILED
    assert spooling.names() == [[], ["a.jpg"], []]
    assert (await spooling.cycle()).outcome is CycleOutcome.DONE
    assert spooling.names() == [[], [], ["a.jpg"]]


async def test_what_was_in_work_continues_by_itself(spooling: Spooling) -> None:
    spooling.folders.put("work/a.jpg", jpeg("a"))
    assert (await spooling.cycle()).uploaded == 1
    assert spooling.names() == [[], [], ["a.jpg"]]


async def test_the_album_is_whatever_is_done(spooling: Spooling) -> None:
    spooling.folders.put("done/2026/b.jpg", jpeg("b"))
    by_hand = spooling.folders.put("done/a.jpg", jpeg("a"))
    await spooling.cycle()
    assert spooling.shown == {digest(jpeg("a")), digest(jpeg("b"))}
    by_hand.unlink()
    await spooling.cycle()
    assert spooling.shown == {digest(jpeg("b"))}


async def test_keep_counts_from_the_move_to_done(spooling: Spooling, tmp_path: Path) -> None:
    folders = SpoolFolders(tmp_path / "kept", tmp_path / "own", keep="90d")
    old = folders.put("incoming/old.jpg")
    os.utime(old, (0, 0))
    source = folders.source()
    await folders.taken_in(source)
    await source.shown(folders.album_id, (await folders.taken_in(source)).items)
    assert [item.filename for item in (await folders.taken_in(source)).items] == ["old.jpg"]
    folders.later(days=60)
    folders.put("done/by hand.jpg")
    assert len((await folders.taken_in(source)).items) == 2
    folders.later(days=31)
    again = folders.source()  # A restart forgets nothing.
    await source.aclose()
    assert [item.filename for item in (await folders.taken_in(again)).items] == ["by hand.jpg"]
    assert folders.names("done") == ["by hand.jpg", "old.jpg"]
    await folders.close()


async def test_keep_outlasts_a_clock_that_is_wrong_for_a_while(tmp_path: Path) -> None:
    folders = SpoolFolders(tmp_path / "kept", tmp_path / "own", keep="90d")
    source = folders.source()

    async def album(*new: str) -> list[str]:
        for name in new:
            folders.put(f"done/{name}.jpg")
        return sorted(item.filename[0] for item in (await folders.taken_in(source)).items)

    assert await album("a", "b", "c") == ["a", "b", "c"]
    folders.later(days=-2000)
    assert await album("d") == ["a", "b", "c", "d"]
    folders.later(days=2000 + 89)
    assert await album() == ["a", "b", "c", "d"]
    folders.later(days=2)
    assert await album("e", "f", "g") == ["e", "f", "g"]
    folders.later(days=2000)
    assert await album("h") == ["h"]
    folders.later(days=-2000)
    assert await album("i") == ["e", "f", "g", "h", "i"]
    folders.later(days=91)
    assert await album() == []
    await folders.close()


class Clocked:
    """A monotonic clock that only waiting moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.meanwhile: list[Callable[[], object]] = []

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        for each in self.meanwhile:
            each()


async def test_a_listing_waits_once_for_files_that_are_still_being_written(tmp_path: Path) -> None:
    folders, clock = SpoolFolders(tmp_path / "spool", tmp_path / "own", quiet="10s"), Clocked()
    roots = [place.path for place in folders.entry.folders]
    store = LocalStore(roots, quiet_s=10.0, sleep=clock.sleep, clock=lambda: clock.now_s)
    source = folders.source(store=store, sleep=clock.sleep)
    growing = folders.put("incoming/growing.jpg")
    folders.put("incoming/a.jpg")
    os.utime(folders.put("incoming/b.jpg.part"), (0, 0))
    clock.meanwhile.append(lambda: growing.write_bytes(growing.read_bytes() + b"more"))

    seen = await source.list(folders.album_id)
    assert (clock.now_s, seen.items) == (1000.0, ())
    assert seen.note.startswith(f"a.jpg and 1 other file in {folders.root / 'incoming'}: still being written")
    found = await folders.taken_in(source)
    assert clock.now_s == 1010.0
    assert [item.filename for item in found.items] == ["a.jpg"]
    assert found.note.startswith(f"growing.jpg in {folders.root / 'incoming'}: still being written")
    clock.meanwhile.clear()
    found = await folders.taken_in(source)
    assert sorted(item.filename for item in found.items) == ["a.jpg", "growing.jpg"]
    assert (clock.now_s, found.note) == (1020.0, "")
    assert folders.names("incoming") == ["b.jpg.part"]
    await folders.close()


async def test_items_that_are_not_chosen_are_done(spooling: Spooling) -> None:
    for name in ("a", "b"):
        spooling.folders.put(f"incoming/{name}.jpg", jpeg(name))
    spooling.rule = replace(spooling.rule, choice=Choice(most=1))
    await spooling.cycle()
    assert len(spooling.shown) == 1
    assert spooling.names() == [[], [], ["a.jpg", "b.jpg"]]


async def test_a_name_that_is_taken_gets_the_time(spooling: Spooling) -> None:
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    await spooling.cycle()
    spooling.folders.put("incoming/A.jpg", jpeg("b"))
    await spooling.cycle()
    [[], [], done] = spooling.names()
    assert done[1] == "a.jpg"
    assert done[0].startswith("A_2026")
    assert len(spooling.shown) == 2


async def test_a_long_name_is_shortened_so_that_its_reason_has_one(spooling: Spooling) -> None:
    for name in ("ä" * 124 + ".jpg", "b" * 251 + ".jpg"):
        spooling.folders.put(f"incoming/{name}", b"no picture")
    await spooling.cycle()
    names = ["b" * 240 + ".jpg", "ä" * 120 + ".jpg"]
    assert spooling.names() == [[], sorted([*names, *(f"{name}.reason.txt" for name in names)]), []]


async def test_a_file_that_has_just_moved_on_stays_listed_after_a_restart(tmp_path: Path) -> None:
    folders = SpoolFolders(tmp_path / "spool", tmp_path / "own", quiet="10s")
    os.utime(folders.put("work/a.jpg"), (0, 0))
    first = folders.source()
    before = await folders.taken_in(first)
    await first.shown(folders.album_id, before.items)
    await first.aclose()
    assert folders.names("done") == ["a.jpg"]
    after = await folders.taken_in(folders.source())
    assert after.items == before.items
    await folders.close()


async def test_two_installations_never_process_one_item_twice(spooling: Spooling, tmp_path: Path) -> None:
    other = SpoolFolders(spooling.folders.root, tmp_path / "other")
    spooling.folders.put("done/old.jpg", jpeg("old"))
    spooling.folders.put("incoming/a.jpg", jpeg("a"))
    first, second = spooling.source, other.source()
    assert len((await spooling.folders.taken_in(first)).items) == 2
    other.put("incoming/b.jpg", jpeg("b"))
    listing = await other.taken_in(second)
    assert [item.filename for item in listing.items] == ["old.jpg"]
    assert listing.complete
    assert "take-over" in listing.note
    assert other.names("incoming") == ["b.jpg"]
    await first.aclose()  # As when its process ends, or is killed.
    assert [item.filename for item in (await other.taken_in(second)).items] == ["old.jpg", "a.jpg", "b.jpg"]
    await other.close()


async def test_what_another_one_has_finished_meanwhile_is_not_processed_again(tmp_path: Path) -> None:
    folders = SpoolFolders(tmp_path / "spool", tmp_path / "own")
    folders.put("work/a.jpg")
    source = folders.source()
    spool = source.spools[folders.album_id]
    owner = spool.store.own

    async def finished_first(folder: str, name: str) -> str:
        (folders.root / "work" / "a.jpg").rename(folders.root / "done" / "a.jpg")
        return await owner(folder, name)

    spool.store.own = finished_first  # type: ignore[method-assign,assignment]  # what happens between two calls
    await folders.taken_in(source)
    assert [each.stage for each in spool.album] == ["done"]
    await folders.close()


@pytest.mark.parametrize("missing", ["incoming", "work", "done"])
async def test_a_folder_that_is_missing_is_an_error(tmp_path: Path, missing: str) -> None:
    folders = SpoolFolders(tmp_path / "spool", tmp_path / "own")
    folders.put("done/a.jpg")
    source = folders.source()
    assert len((await folders.taken_in(source)).items) == 1
    (folders.root / missing).rename(tmp_path / "elsewhere")
    listing = await folders.taken_in(source)
    assert listing.problem is not None
    assert f"There is no folder {folders.root / missing}." in listing.problem
    assert len(listing.items) == 1
    await folders.close()


async def test_a_spool_across_two_file_systems_is_refused(tmp_path: Path) -> None:
    shm = Path("/dev/shm")  # noqa: S108 - only looked at
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs another file system")
    folders = SpoolFolders(tmp_path / "spool", tmp_path / "own")
    folders.put("incoming/a.jpg")
    (folders.root / "work").rmdir()
    (folders.root / "work").symlink_to(shm)
    listing = await folders.taken_in(folders.source())
    assert listing.problem is not None
    assert "work" in listing.problem
    assert "one file system" in listing.problem
    assert folders.names("incoming") == ["a.jpg"]
    await folders.close()


async def test_arrivals_are_told_at_once_and_own_moves_are_not(tmp_path: Path) -> None:
    folders = SpoolFolders(tmp_path / "spool", tmp_path / "own")
    source = folders.source()
    await folders.taken_in(source)
    waiting = asyncio.create_task(source.changed(folders.album_id))
    folders.put("incoming/a.jpg")
    await asyncio.wait_for(waiting, 10)
    items = (await folders.taken_in(source)).items
    await source.shown(folders.album_id, items)
    await folders.taken_in(source)
    waiting = asyncio.create_task(source.changed(folders.album_id))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    waiting.cancel()
    await folders.close()

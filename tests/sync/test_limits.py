"""Whole cycles at the limits of the frame's service: playlist entries and storage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from picsync.core.errors import LimitError, NoRoomError, ProtocolError, QuotaError
from picsync.core.events import ChangesPlanned, CycleOutcome, Failure, NoticeKind
from picsync.core.plan import (
    HoldReason,
)
from picsync.core.select import Overflow
from picsync.observe.words import error_sentence, failure_advice, plan_lines
from picsync.sync.tempfiles import Spool
from picsync.sync.transfer import SMALL_BYTES
from tests.pictures import jpeg
from tests.sentences import failed, said
from tests.sync.harness import ALBUM, PLAYLIST, Harness, digest

MANY = tuple(f"p{n:02}" for n in range(30))
SPLIT = (PLAYLIST, f"{PLAYLIST}_2", f"{PLAYLIST}_3")


@pytest.fixture
def small(harness: Harness) -> Harness:
    """A frame whose playlists hold at most ten entries."""
    harness.frame.capabilities = replace(harness.frame.capabilities, playlist_limit=10)
    return harness


def entries(harness: Harness, name: str) -> set[str]:
    return {item.photo_id for item in harness.frame.playlist_named(name).items}


def sizes(harness: Harness) -> dict[str, int]:
    return {playlist.name: len(playlist.items) for playlist in harness.frame.playlist_list}


def moved(harness: Harness, since: int) -> int:
    """Count the entries that were added to playlists after the first so many calls."""
    return sum(len(call) - 2 for call in harness.frame.calls[since:] if call[0] == "add_items")


def full(harness: Harness, times: int = 99) -> None:
    harness.frame.fail["upload"] = [QuotaError("No room.", hint="Buy some.")] * times


# --- split -------------------------------------------------------------------------------------------


async def test_a_split_album_fills_as_many_playlists_as_it_needs(small: Harness) -> None:
    small.with_rule(overflow=Overflow.SPLIT)
    small.put(*MANY[:25])
    report = await small.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert sizes(small) == dict(zip(SPLIT, (10, 10, 5), strict=True))
    assert (report.in_playlist, report.overflow) == (25, 0)
    assert [notice.kind for notice in report.notices].count(NoticeKind.PLAYLIST_NEW) == 3
    assert len(set().union(*(entries(small, name) for name in SPLIT))) == 25
    await small.assert_idle()


async def test_photos_of_a_split_album_stay_where_they_are(small: Harness) -> None:
    small.with_rule(overflow=Overflow.SPLIT)
    small.put(*MANY[:25])
    await small.cycle()
    small.remove("p03", "p15")
    small.put("new1", "new2", "new3")
    calls = len(small.frame.calls)
    await small.cycle()
    assert sizes(small) == dict(zip(SPLIT, (10, 10, 6), strict=True))
    assert moved(small, calls) == 3
    await small.assert_idle()


async def test_superfluous_split_playlist_is_emptied_and_kept(small: Harness) -> None:
    small.with_rule(overflow=Overflow.SPLIT)
    small.put(*MANY[:21])
    await small.cycle()
    third = entries(small, SPLIT[2])
    small.remove("p05")
    calls = len(small.frame.calls)
    report = await small.cycle()
    assert sizes(small) == dict(zip(SPLIT, (10, 10, 0), strict=True))
    assert third < entries(small, SPLIT[0])
    assert moved(small, calls) == 1
    assert "ss_Family_3 is no longer needed and is emptied" in said(report)
    await small.assert_idle()
    small.put("new")
    await small.cycle()
    assert sizes(small) == dict(zip(SPLIT, (10, 10, 1), strict=True))


async def test_a_part_is_not_given_up_before_another_has_taken_over(small: Harness) -> None:
    small.with_rule(overflow=Overflow.SPLIT)
    small.put(*MANY[:21])
    await small.cycle()
    small.remove("p05")
    small.frame.fail["add_items"] = [ProtocolError("No.")] * 3
    report = await small.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert report.deleted == 0
    assert len(entries(small, SPLIT[2])) == 1
    await small.cycle()
    assert sizes(small) == dict(zip(SPLIT, (10, 10, 0), strict=True))


async def test_splitting_one_playlist_moves_no_photo(small: Harness) -> None:
    small.put(*MANY)
    await small.cycle()
    first = entries(small, PLAYLIST)
    small.with_rule(overflow=Overflow.SPLIT)
    await small.cycle()
    assert entries(small, PLAYLIST) == first
    assert sizes(small) == dict.fromkeys(SPLIT, 10)


async def test_emptied_or_deleted_split_part_is_restored(small: Harness) -> None:
    small.with_rule(overflow=Overflow.SPLIT)
    small.put(*MANY)
    await small.cycle()
    small.frame.playlist_list = [each for each in small.frame.playlist_list if each.name != SPLIT[1]]
    small.frame.playlist_named(SPLIT[2]).items.clear()
    await small.cycle()
    assert sizes(small) == dict.fromkeys(SPLIT, 10)
    await small.assert_idle()


async def test_a_dry_run_of_a_split_predicts_all_playlists(small: Harness) -> None:
    small.with_rule(overflow=Overflow.SPLIT)
    small.rule = replace(small.rule, dry_run=True)
    small.put(*MANY)
    report = await small.cycle()
    assert (report.in_playlist, report.overflow) == (30, 0)
    assert small.frame.playlist_list == []
    (plan,) = (event.plan for event in small.events if isinstance(event, ChangesPlanned))
    lines = list(plan_lines(ALBUM, [], [], plan))
    assert [line.split()[-1] for line in lines if "create playlist" in line] == list(SPLIT)
    assert sum("add to ss_Family_3" in line for line in lines) == 10


# --- error -------------------------------------------------------------------------------------------


async def test_overflow_as_an_error_keeps_photos_and_says_how_many(small: Harness) -> None:
    small.with_rule(overflow=Overflow.ERROR)
    small.put(*MANY[:10])
    assert (await small.cycle()).outcome is CycleOutcome.DONE
    before = entries(small, PLAYLIST)
    small.put(*MANY[10:13])
    report = await small.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert isinstance(report.failures[0].error, LimitError)
    assert "room for 10 photos, but there are 13" in failed(report)
    assert (report.on_frame, report.in_playlist, report.overflow) == (13, 10, 3)
    assert entries(small, PLAYLIST) == before
    small.remove("p00")
    report = await small.cycle()
    assert report.deleted == 1
    assert len(entries(small, PLAYLIST) & before) == 9
    assert report.in_playlist == 10


# --- a service with a smaller limit than is known ----------------------------------------------------


async def test_silently_dropped_entries_are_one_failure(harness: Harness) -> None:
    harness.put(*MANY[:8])

    def drop() -> None:
        for playlist in harness.frame.playlist_list:
            del playlist.items[5:]

    harness.frame.observers.append(drop)
    for _ in range(2):
        report = await harness.cycle()
        assert len(report.failures) == 1
        assert "holds 5 entries, but 8 were published" in failed(report)
        assert report.in_playlist == 5


# --- storage -----------------------------------------------------------------------------------------


async def test_a_full_storage_costs_one_download_per_cycle(harness: Harness) -> None:
    harness.put(*MANY)
    full(harness)
    await harness.cycle()
    harness.put("new")
    await harness.cycle()
    for _ in range(3):
        downloads = len(harness.source.downloads)
        report = await harness.cycle()
        assert len(harness.source.downloads) - downloads <= 1
        assert report.outcome is CycleOutcome.FAILED
        assert len(report.failures) == 1
        assert "31 photos" in failed(report)
        assert "Buy some." in failed(report)
    harness.frame.fail["upload"] = []
    # A few photos show that there is room again.
    await harness.cycle()
    await harness.cycle()
    harness.assert_synced(*MANY, "new")
    await harness.assert_idle()


async def test_what_is_missing_is_told_with_its_size(harness: Harness) -> None:
    harness.put("one", "two")
    full(harness)
    report = await harness.cycle()
    size_bytes = len(jpeg("one")) + len(jpeg("two"))
    assert failure_advice(report.failures[0]) == f"2 photos ({size_bytes} B) wait for storage. Buy some."


async def test_deletes_make_room_though_new_content_was_not_known(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.remove("p00")
    new = [f"new{n:02}" for n in range(25)]
    harness.put(*new)
    full(harness)
    report = await harness.cycle()
    assert report.hold is None
    assert report.deleted == 1
    assert digest(jpeg("p00")) not in harness.frame.digests(ALBUM)
    downloads = len(harness.source.downloads)
    report = await harness.cycle()
    assert len(harness.source.downloads) == downloads + 1


async def test_a_broken_item_does_not_make_a_full_storage_costly(harness: Harness) -> None:
    harness.put(*MANY)
    full(harness)
    await harness.cycle()
    harness.source.fail_downloads["p00"] = 9
    downloads = len(harness.source.downloads)
    report = await harness.cycle()
    assert len(harness.source.downloads) - downloads <= 2
    assert [failure.subject for failure in report.failures] == ["p00.jpg", ALBUM]
    assert report.hold is None or report.hold.reason is not HoldReason.BRAKE


# --- the disk ----------------------------------------------------------------------------------------


def with_room(harness: Harness, folder: Path, room_bytes: int) -> None:
    harness.tools = replace(harness.tools, spool=Spool(folder, free_bytes=lambda _folder: room_bytes))


@pytest.mark.parametrize("names", [("large",), ("large", "larger", "largest")])
async def test_files_larger_than_the_disk_fail_alone(
    harness: Harness, tmp_path: Path, names: tuple[str, ...]
) -> None:
    with_room(harness, tmp_path, SMALL_BYTES)
    for name in names:
        harness.source.put("a", name, jpeg(name) + bytes(SMALL_BYTES), filename=f"{name}.jpg")
    harness.put(*MANY)
    report = await harness.cycle()
    harness.assert_synced(*MANY)
    assert report.outcome is CycleOutcome.FAILED
    (failure,) = report.failures
    assert isinstance(failure.error, NoRoomError)
    assert str(tmp_path) in error_sentence(failure.error)
    assert "TMPDIR" in failure_advice(failure)
    assert failure.more == len(names) - 1


async def one_failure_and_published(harness: Harness, spool: Spool) -> Failure:
    """Run a cycle in which no file fits into the spool; what is there is published nonetheless."""
    harness.put("first")
    await harness.cycle()
    harness.frame.playlist_named(PLAYLIST).items.clear()
    harness.tools = replace(harness.tools, spool=spool)
    harness.put(*MANY)
    report = await harness.cycle()
    (failure,) = report.failures
    harness.assert_synced("first")
    return failure


async def test_full_disk_is_one_failure_and_arrived_photos_are_shown(
    harness: Harness, tmp_path: Path
) -> None:
    await one_failure_and_published(harness, Spool(tmp_path, free_bytes=lambda _folder: 10))


async def test_lost_folder_is_one_failure_and_arrived_photos_are_shown(
    harness: Harness, tmp_path: Path
) -> None:
    failure = await one_failure_and_published(harness, Spool(tmp_path / "absent"))
    assert "absent" in failure.error.message

"""The services' limits over real HTTP: entries of a playlist, storage, Google's daily quotas."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from picsync.core.errors import LimitError, QuotaError
from picsync.core.events import CycleOutcome, ItemDownloaded
from picsync.core.model import Certainty
from picsync.core.plan import HoldReason
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay import frame as nixplay_frame
from tests.e2e.household import PHOTO_BYTES, Household
from tests.household_services import ALBUM, PLAYLIST
from tests.sentences import failed, said

PLAYLISTS = r"^/v3/playlists$"
SPLIT = (PLAYLIST, f"{PLAYLIST}_2", f"{PLAYLIST}_3")


@pytest.fixture
def small(household: Household, monkeypatch: pytest.MonkeyPatch) -> Household:
    """A household whose playlists hold eight entries, which picsync knows."""
    smaller = replace(nixplay_frame.CAPABILITIES, playlist_limit=8)
    monkeypatch.setattr(nixplay_frame, "CAPABILITIES", smaller)
    household.nixplay.options.playlist_limit = 8
    return household


def shown(household: Household, name: str) -> list[str]:
    return [photo.md5 for photo in household.nixplay.playlist_photos(household.nixplay.playlist_named(name))]


def sizes(household: Household) -> list[int]:
    return [len(shown(household, name)) for name in SPLIT if household.nixplay.playlists_named(name)]


async def test_a_split_album(small: Household) -> None:
    small.rule_lines = ["overflow: split"]
    small.add(18)
    report = await small.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert sizes(small) == [8, 8, 2]
    assert sorted(md5 for name in SPLIT for md5 in shown(small, name)) == sorted(small.wanted())
    await small.assert_idle()
    before = shown(small, SPLIT[0])
    for item in list(small.album.items)[:2]:
        small.google.remove_item(item, small.album)
    report = await small.cycle()
    assert report.deleted == 2
    assert sizes(small) == [8, 8, 0]
    assert len(set(before) & set(shown(small, SPLIT[0]))) >= 6
    assert "ss_Family_3 is no longer needed" in said(report)
    assert sorted(md5 for name in SPLIT for md5 in shown(small, name)) == sorted(small.wanted())
    await small.assert_idle()


async def test_split_album_survives_one_empty_list_of_playlists(
    small: Household,
) -> None:
    small.rule_lines = ["overflow: split"]
    small.add(18)
    await small.cycle()
    small.add(1)
    empty = Fault(
        kind=FaultKind.BODY, path=PLAYLISTS, method="GET", body="[]", content_type="application/json"
    )
    small.server.faults.add(empty)
    await small.cycle()
    await small.cycle()
    assert [len(small.nixplay.playlists_named(name)) for name in SPLIT] == [1, 1, 1]
    assert sizes(small) == [8, 8, 3]
    await small.assert_idle()


async def test_overflow_as_an_error(small: Household) -> None:
    small.rule_lines = ["overflow: error"]
    small.add(8)
    assert (await small.cycle()).outcome is CycleOutcome.DONE
    before = shown(small, PLAYLIST)
    small.add(2)
    report = await small.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert "room for 8 photos, but there are 10" in failed(report)
    assert shown(small, PLAYLIST) == before
    small.server.log.clear()
    await small.cycle()
    assert small.writes() == []


async def test_playlist_with_a_lower_limit_is_one_failure_per_cycle(
    household: Household,
) -> None:
    household.nixplay.options.playlist_limit = 5
    household.add(8)
    for _ in range(2):
        household.server.log.clear()
        report = await household.cycle()
        assert len(report.failures) == 1
        assert "holds 5 entries, but 8 were published" in failed(report)
        assert report.in_playlist == 5
        assert household.server.log.count(path="/items$") <= 3


async def test_a_full_storage_costs_one_download_per_cycle(household: Household) -> None:
    household.nixplay.options.storage_limit_bytes = 10 * PHOTO_BYTES
    household.add(80)
    await household.cycle()
    held = len(household.on_frame())
    assert 0 < held < 80
    for _ in range(3):
        before = len(household.events)
        report = await household.cycle()
        assert sum(isinstance(event, ItemDownloaded) for event in household.events[before:]) <= 1
    # Those that no cycle has come to yet are fetched once, if they do not go up.
    (failure,) = report.failures
    assert isinstance(failure.error, QuotaError)
    # How many of the sizes are known depends on how many were fetched in the first cycle.
    assert re.search(rf"{80 - held} photos \((at least )?[\d.]+ kB\) wait for storage", failed(report))
    household.nixplay.options.storage_limit_bytes = None
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()


async def test_deletes_make_room_where_the_storage_is_full(household: Household) -> None:
    household.add(10)
    await household.cycle()
    household.nixplay.options.storage_limit_bytes = sum(
        photo.size_bytes for photo in household.nixplay.album_photos(household.nixplay.album_named(ALBUM))
    )
    for item in list(household.album.items)[:5]:
        household.google.remove_item(item, household.album)
    household.add(5)
    report = await household.cycle()
    assert report.deleted == 5
    report = await household.cycle()
    assert report.outcome is CycleOutcome.DONE
    household.assert_synced()


async def test_exhausted_request_quota_is_one_message_and_no_delete(
    household: Household,
) -> None:
    other = household.google.add_album("Other")
    household.more_albums = [other.album_id]
    household.add(3)
    household.add(2, other)
    wanted = household.wanted() | await _synced(household)
    for item in list(household.album.items)[:1]:
        household.google.remove_item(item, household.album)
    household.google.options.requests_per_day = 0
    household.waits.clear()
    report = await household.cycle()
    assert report.certainty is Certainty.PARTIAL
    assert report.deleted == 0
    assert len(report.failures) == 1, report.failures
    said = str(report.failures[0].error)
    assert "daily quota of 10,000 requests" in said
    assert "midnight Pacific" in said
    assert "`every`" in said
    assert sum(household.waits) <= 2 * 120 + 1
    assert report.hold is None or report.hold.reason is HoldReason.LISTING
    assert household.on_frame() == wanted
    household.google.options.requests_per_day = None
    assert (await household.cycle()).deleted == 1


async def _synced(household: Household) -> set[str]:
    await household.cycle()
    return household.on_frame()


async def test_exhausted_download_quota_ends_the_transfers(household: Household) -> None:
    household.google.options.media_requests_per_day = 4
    household.add(40)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.FAILED
    (failure,) = report.failures
    assert isinstance(failure.error, LimitError)
    assert "daily quota of 75,000 downloads" in str(failure.error)
    assert report.uploaded == 4
    assert report.in_playlist == 4
    # Those that were under way at the same time, each with its retries; no other.
    assert household.media_requests() <= 4 + 8 * 5
    household.google.options.media_requests_per_day = None
    await household.cycle()
    household.assert_synced()

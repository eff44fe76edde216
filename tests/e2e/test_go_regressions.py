"""Faults of the Go picsync, case by case, over real HTTP."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from picsync.core.events import CycleOutcome
from picsync.core.model import Certainty
from picsync.core.select import Skip
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Era, generated_jpeg
from picsync.emulators.nixplay import ExpiredSession
from picsync.emulators.world import LEGACY_SCOPE
from picsync.frames.nixplay import frame as nixplay_frame
from tests.e2e.household import Household
from tests.household_services import ALBUM, MEDIA_HOST, PLAYLIST, write_credentials
from tests.media.files import heif, movie
from tests.pictures import jpeg
from tests.sentences import said

SEARCH = r"mediaItems:search"
PLAYLISTS = r"^/v3/playlists$"
PICTURES = r"/pictures/json/"


async def test_delete_false_is_obeyed(household: Household) -> None:
    first, *_ = household.add(3)
    await household.cycle()
    before = household.wanted()
    household.google.remove_item(first, household.album)
    household.rule_lines = ["delete: false"]
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced(before)


async def test_the_same_photo_in_two_albums_settles(household: Household) -> None:
    other = household.google.add_album("Other")
    household.more_albums = [other.album_id]
    same, twin = household.add(2)
    household.google.put_item(other, same)
    household.google.add_item(other, "copy.jpg", twin.content)
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()


async def test_a_source_album_that_turns_empty_keeps_the_frame(household: Household) -> None:
    items = household.add(3)
    await household.cycle()
    before = household.wanted()
    for item in items:
        household.google.remove_item(item, household.album)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.HELD
    household.assert_synced(before)
    household.may_empty = True
    await household.cycle(allow_deletes=True)
    household.assert_synced(set())


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": FaultKind.STATUS, "status": 429},
        {"kind": FaultKind.STATUS, "status": 429, "headers": {"Retry-After": "7"}},
        {"kind": FaultKind.STATUS, "status": 500},
        {"kind": FaultKind.STATUS, "status": 503},
        {"kind": FaultKind.BODY, "status": 200, "body": "<html>Sorry</html>"},
        {"kind": FaultKind.TRUNCATE},
        {"kind": FaultKind.RESET_BEFORE},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}-{len(fault)}",
)
@pytest.mark.parametrize("times", [1, None])
async def test_a_broken_second_page_deletes_nothing(
    household: Household, fault: dict[str, object], times: int | None
) -> None:
    household.google.options.page_cap = 5
    household.add(12)
    await household.cycle()
    new = household.add(1)
    household.server.log.clear()
    household.server.faults.add(Fault(path=SEARCH, skip=1, count=times, **fault))  # type: ignore[arg-type]  # fields by name
    report = await household.cycle()
    if times == 1:
        assert report.outcome is CycleOutcome.DONE
        household.assert_synced()
        assert any(
            wait >= (30 if fault.get("status") == 429 and "headers" not in fault else 0.5)
            for wait in household.waits
        )
        return
    assert report.outcome is CycleOutcome.FAILED
    assert report.certainty is Certainty.PARTIAL
    assert report.deleted == 0
    household.server.faults.clear()
    await household.cycle()
    household.assert_synced()
    assert new[0] in household.album.items
    await household.assert_idle()


async def test_a_second_page_that_is_empty_is_not_the_end(household: Household) -> None:
    household.google.options.page_cap = 25
    household.add(60)
    await household.cycle()
    before = household.wanted()
    body = Fault(
        kind=FaultKind.BODY, path=SEARCH, skip=1, count=None, body="{}", content_type="application/json"
    )
    household.server.faults.add(body)
    report = await household.cycle()
    assert report.certainty is Certainty.PARTIAL
    assert "60" in str(report.failures[0].error)
    household.assert_synced(before)
    assert report.deleted == 0


async def test_nixplays_listing_that_is_empty_once_moves_nothing(household: Household) -> None:
    household.add(5)
    await household.cycle()
    household.server.log.clear()
    empty = Fault(kind=FaultKind.BODY, path=PICTURES, body='{"photos":[]}', content_type="application/json")
    household.server.faults.add(empty)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert household.media_requests() == 0
    assert household.writes() == []
    household.assert_synced()


async def test_listing_that_stays_empty_keeps_the_playlist(
    household: Household,
) -> None:
    household.add(5)
    await household.cycle()
    empty = Fault(
        kind=FaultKind.BODY, path=PICTURES, count=None, body='{"photos":[]}', content_type="application/json"
    )
    household.server.faults.add(empty)
    await household.cycle()
    household.assert_synced()


async def test_a_playlist_that_was_emptied_is_repaired(household: Household) -> None:
    household.add(3)
    await household.cycle()
    household.nixplay.playlist_named(PLAYLIST).items.clear()
    report = await household.cycle()
    assert report.uploaded == 0
    household.assert_synced()
    await household.assert_idle()


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("path", ["/album/create/json/$", "^/v3/playlists$", r"^/v3/playlists/\d+/items$"])
async def test_one_cycle_fills_the_frame_despite_a_failed_write(
    household: Household, path: str, status: int
) -> None:
    household.add(3)
    household.server.faults.add(Fault(kind=FaultKind.STATUS, status=status, method="POST", path=path))
    report = await household.cycle()
    assert report.outcome == "done"
    household.assert_synced()
    await household.assert_idle()


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.RESET_AFTER, FaultKind.RESET_BEFORE])
async def test_publishing_that_fails_is_made_good(household: Household, kind: FaultKind) -> None:
    household.add(3)
    await household.cycle()
    household.add(2)
    household.server.faults.add(Fault(kind=kind, status=503, method="POST", path=r"/items$"))
    await household.cycle()
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()


@pytest.mark.parametrize("seconds", [0.5, 5.0, 12.0])
async def test_photos_that_nixplay_lists_late_are_published(household: Household, seconds: float) -> None:
    household.nixplay.options.listing_seconds = seconds
    household.nixplay.clock = lambda: time.time() + sum(household.waits)
    household.add(3)
    await household.cycle()
    assert sum(household.waits) >= seconds
    household.assert_synced()
    await household.assert_idle()


@pytest.mark.parametrize("new", [1, 2])
async def test_photos_listed_too_late_are_left_to_the_next_cycle(household: Household, new: int) -> None:
    household.nixplay.clock = lambda: time.time() + sum(household.waits)
    household.add(2)
    await household.cycle()
    before = household.wanted()
    household.nixplay.options.listing_seconds = 60.0
    household.waits.append(60.0)
    household.add(new)
    report = await household.cycle()
    assert (report.outcome, report.failures) == (CycleOutcome.DONE, ())
    which = "1 photo" if new == 1 else "2 photos"
    it = "it" if new == 1 else "them"
    notice = f"{which} uploaded, but not yet listed by Nixplay; the next cycle publishes {it}."
    assert notice in said(report)
    assert report.wanted == 2 + new
    assert report.in_playlist == 2
    assert set(household.in_playlist()) == before
    household.waits.append(60.0)
    report = await household.cycle()
    assert report.uploaded == 0
    assert "not yet listed" not in said(report)
    household.assert_synced()
    await household.assert_idle()


async def test_more_photos_than_a_playlist_holds(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert nixplay_frame.CAPABILITIES.playlist_limit == 2000
    smaller = replace(nixplay_frame.CAPABILITIES, playlist_limit=200)
    monkeypatch.setattr(nixplay_frame, "CAPABILITIES", smaller)
    household.nixplay.options.playlist_limit = 200
    album = household.nixplay.add_album(ALBUM)
    for number in range(205):
        content = jpeg(str(number))
        household.nixplay.add_photo(album, f"{number}.jpg", content)
        household.google.add_item(
            household.album, f"{number}.jpg", content, mime_type="image/jpeg", width=4, height=3
        )
    household.rule_lines = ["delete: false"]
    report = await household.cycle()
    assert report.in_playlist == 200
    assert report.overflow == 5
    assert "room for 200 photos" in said(report)
    assert len(household.in_playlist()) == 200
    await household.assert_idle()


async def test_urls_that_expire_during_the_first_sync(household: Household) -> None:
    now = [1_800_000_000.0]
    household.google.options.now = lambda: now[0]
    write_credentials(household.credentials, household.world)
    household.add(160)
    fetched = 0
    original = household.google.options.base_url_s

    def later(_nixplay: object, operation: str) -> None:
        nonlocal fetched
        if operation == "add_photo":
            fetched += 1
            # So little that what is renewed is used in time, with half of the photos in flight.
            now[0] += original / 64

    household.nixplay.observers.append(later)
    report = await household.cycle()
    assert fetched == 160
    assert report.outcome is CycleOutcome.DONE
    household.assert_synced()
    assert household.server.log.count(path="batchGet") >= 1


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.TRUNCATE, FaultKind.RESET_BEFORE])
async def test_one_broken_download_does_not_end_the_run(household: Household, kind: FaultKind) -> None:
    household.add(5)
    household.server.faults.add(Fault(kind=kind, status=503, host=MEDIA_HOST, skip=2))
    report = await household.cycle()
    assert report.outcome is CycleOutcome.DONE
    household.assert_synced()


async def test_an_html_page_in_place_of_a_photo_is_never_remembered(household: Household) -> None:
    household.add(3)
    page = Fault(kind=FaultKind.BODY, host=MEDIA_HOST, count=None, body="<html>Sorry</html>")
    household.server.faults.add(page)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert report.uploaded == 0
    household.server.faults.clear()
    await household.cycle()
    household.assert_synced()
    await household.assert_idle()


async def test_an_upload_that_s3_refuses_once_is_repeated(household: Household) -> None:
    household.add(3)
    household.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=503, host="nixplay-prod-upload.s3.us-west-2.amazonaws.com")
    )
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()


async def test_scopes_that_google_removed_get_a_hint(household: Household) -> None:
    household.add(2)
    await household.cycle()
    before = household.wanted()
    login = household.google.issue_credentials([LEGACY_SCOPE])
    write_credentials(household.credentials, household.world, **login)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    message = str(report.failures[0].error)
    assert "picsync googlephotos login" in message
    assert "2025" in message
    household.assert_synced(before)


async def test_api_before_2025_shows_albums_of_the_user(household: Household) -> None:
    household.google.options.era = Era.LEGACY
    household.album.client_id = None
    household.add(2)
    login = household.google.issue_credentials([LEGACY_SCOPE])
    write_credentials(household.credentials, household.world, **login)
    await household.cycle()
    household.assert_synced()


async def test_videos_and_heic(household: Household) -> None:
    household.rule_lines = ["rendition: original"]
    household.add(1)
    heic = heif((b"heic", b"mif1"), (b"hvc1",))
    household.google.add_item(household.album, "IMG.HEIC", heic, mime_type="image/heif", width=4, height=3)
    household.google.add_item(household.album, "M.MP4", movie(), mime_type="video/mp4", width=4, height=3)
    report = await household.cycle()
    assert report.skipped == {Skip.VIDEO: 1}
    assert len(household.on_frame()) == 2
    household.rule_lines = ["rendition: original", "videos: true"]
    report = await household.cycle()
    assert report.uploaded == 1
    assert len(household.on_frame()) == 3
    await household.assert_idle()


async def test_two_albums_of_one_name_stop_the_rule_before_downloads(household: Household) -> None:
    household.add(2)
    household.nixplay.add_album(ALBUM)
    household.nixplay.add_album(ALBUM)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert "picsync nixplay delete album Family --delete-multiple" in str(report.failures[0].error)
    assert household.media_requests() == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.STATUS, status=503, path=PLAYLISTS, method="GET", count=None),
        Fault(kind=FaultKind.BODY, body="<html>", path=PLAYLISTS, method="GET", count=None),
        Fault(kind=FaultKind.TRUNCATE, path=PLAYLISTS, method="GET", count=None),
        Fault(kind=FaultKind.RESET_BEFORE, path=PLAYLISTS, method="GET", count=None),
        Fault(kind=FaultKind.BODY, body="[]", content_type="application/json", path=PLAYLISTS, method="GET"),
    ],
    ids=["503", "html", "cut", "reset", "empty-once"],
)
async def test_a_failing_list_of_playlists_makes_no_second_one(household: Household, fault: Fault) -> None:
    household.add(2)
    await household.cycle()
    household.server.faults.add(fault)
    await household.cycle()
    household.server.faults.clear()
    assert len(household.nixplay.playlists_named(PLAYLIST)) == 1
    await household.cycle()
    household.assert_synced()


async def test_hanging_photo_is_given_up_and_frees_its_slot(household: Household) -> None:
    household.add(3)
    household.server.faults.add(Fault(kind=FaultKind.TRICKLE, host=MEDIA_HOST, chunk_bytes=5000, delay_s=0))
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()


@pytest.mark.parametrize("answer", list(ExpiredSession))
async def test_a_session_that_ends_on_the_way_is_renewed(
    household: Household, answer: ExpiredSession
) -> None:
    household.nixplay.options.expired_session = answer
    household.nixplay.options.session_requests = 6
    household.add(4)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()


async def test_photos_put_there_by_hand_stay_where_delete_is_false(household: Household) -> None:
    household.add(1)
    album = household.nixplay.add_album(ALBUM)
    household.nixplay.add_photo(album, "by hand.jpg", bytes(generated_jpeg(99, 5000).chunks().__next__()))
    household.rule_lines = ["delete: false"]
    await household.cycle()
    assert len(household.on_frame()) == 2
    assert sorted(household.in_playlist()) == sorted(household.on_frame())

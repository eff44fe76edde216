"""Whole cycles of one album rule with in-memory ports, as a user sees them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from picsync.core.errors import (
    FailureCode,
    InaccessibleError,
    ItemError,
    ListingError,
    LoginNeeded,
    ProtocolError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.core.events import About, CycleOutcome, Event, Listed, PlaylistCreated
from picsync.core.model import Certainty, FrameAlbum, Listing, MediaKind, Photos, PlaylistItem
from picsync.core.plan import (
    DeleteLimit,
    HoldReason,
)
from picsync.core.select import Skip
from picsync.observe.words import hold_sentence, report_remarks, report_sentence
from picsync.sync.rule import AlbumRule
from tests.contract.memory_source import MemorySource
from tests.media.files import movie, tiff
from tests.pictures import jpeg
from tests.sentences import failed, said
from tests.sync.harness import ALBUM, PLAYLIST, Harness, digest

MANY = tuple(f"p{n:02}" for n in range(30))


async def test_first_cycle_creates_all_and_says_what_to_do_by_hand(harness: Harness) -> None:
    harness.put("one", "two", "three")
    report = await harness.cycle()
    harness.assert_synced("one", "two", "three")
    assert report.outcome is CycleOutcome.DONE
    assert (report.uploaded, report.on_frame, report.in_playlist) == (3, 3, 3)
    assert "Assign it to a frame once" in said(report)
    assert sum(isinstance(event, PlaylistCreated) for event in harness.events) == 1
    await harness.assert_idle()


async def test_a_new_photo_crosses_the_wire_once_each_way(harness: Harness) -> None:
    harness.put("one")
    await harness.cycle()
    harness.put("two")
    report = await harness.cycle()
    assert harness.source.downloads == ["one", "two"]
    assert (report.downloaded, report.uploaded) == (1, 1)
    harness.assert_synced("one", "two")


async def test_what_left_the_source_leaves_the_frame(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.remove("p03", "p07")
    report = await harness.cycle()
    assert report.deleted == 2
    harness.assert_synced(*(name for name in MANY if name not in {"p03", "p07"}))
    await harness.assert_idle()


async def test_delete_false_keeps_everything(harness: Harness) -> None:
    harness.put("one", "two")
    await harness.cycle()
    harness.with_rule(delete=False)
    harness.remove("one")
    report = await harness.cycle()
    assert report.hold is None
    harness.assert_synced("one", "two")


async def test_one_item_in_two_albums_and_equal_content_are_one_photo(harness: Harness) -> None:
    harness.put("one")
    harness.put("one", album="b")
    harness.source.put("b", "copy", jpeg("one"), filename="copy.jpg")
    harness.rule = replace(harness.rule, sources={"googlephotos": ["a", "b"]})
    report = await harness.cycle()
    assert report.uploaded == 1
    harness.assert_synced("one")
    await harness.assert_idle()


@pytest.mark.parametrize("seen", [0, 2])
async def test_an_incomplete_listing_never_deletes_but_adds(harness: Harness, seen: int) -> None:
    harness.put("one", "two", "three")
    await harness.cycle()
    harness.put("new", album="b")
    harness.rule = replace(harness.rule, sources={"googlephotos": ["a", "b"]})
    harness.remove("one")
    harness.source.listing_problem["a"] = "Page 2 never came."
    harness.source.listed_until["a"] = seen
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert report.deleted == 0
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    assert "Page 2 never came." in str(report.failures[0].error)
    assert {digest(jpeg(name)) for name in ("one", "two", "three", "new")} <= harness.frame.digests(ALBUM)


async def test_listing_that_shifts_while_read_deletes_nothing(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    missed = harness.source.content["a"].items.pop("p05")
    listed = harness.source.list
    times = 0

    async def shifting(album_id: str) -> Listing:
        nonlocal times
        times += 1
        found = await listed(album_id)
        if times == 1:
            harness.source.content["a"].items["p05"] = missed
        return found

    harness.source.list = shifting  # type: ignore[method-assign]  # the source's own pages, in a bad moment
    report = await harness.cycle()
    assert report.deleted == 0
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    assert "changed while it was listed" in said(report)
    harness.assert_synced(*MANY)
    await harness.assert_idle()


async def test_emptying_an_album_is_held_until_allowed(harness: Harness) -> None:
    harness.put("one", "two")
    await harness.cycle()
    harness.remove("one", "two")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.HELD
    assert report.hold is not None
    assert "picsync allow-deletes" in hold_sentence(report.hold)
    assert "100%" in hold_sentence(report.hold)
    harness.assert_synced("one", "two")
    harness.with_rule(allow_deletes=True)
    harness.may_empty = True
    report = await harness.cycle()
    assert report.deleted == 2
    harness.assert_synced()


async def test_mass_deletes_are_held_while_additions_go_up(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.remove(*MANY[:11])
    harness.put("new")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.HELD
    assert report.hold is not None
    assert "maxDelete: 11" in hold_sentence(report.hold)
    harness.assert_synced(*MANY, "new")
    harness.with_rule(delete_limit=DeleteLimit(count=11))
    assert (await harness.cycle()).deleted == 11
    harness.assert_synced(*MANY[11:], "new")


async def test_a_rule_without_sources_is_refused_and_touches_nothing(harness: Harness) -> None:
    harness.put("one")
    await harness.cycle()
    calls = len(harness.frame.calls)
    harness.rule = AlbumRule(harness.rule.rule, sources={"googlephotos": []})
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert isinstance(report.failures[0].error, RefusedError)
    assert "names no source" in str(report.failures[0].error)
    assert len(harness.frame.calls) == calls
    harness.assert_synced("one")


async def test_videos_are_skipped_and_counted_unless_wanted(harness: Harness) -> None:
    harness.put("one")
    clip = movie()
    harness.source.put("a", "movie", clip, filename="m.mp4", mime_type="video/mp4", kind=MediaKind.VIDEO)
    report = await harness.cycle()
    assert report.skipped == {Skip.VIDEO: 1}
    harness.assert_synced("one")
    harness.with_rule(videos=True)
    await harness.cycle()
    assert harness.frame.digests(ALBUM) == {digest(jpeg("one")), digest(clip)}
    await harness.assert_idle()


async def test_unsupported_format_is_not_downloaded(harness: Harness) -> None:
    harness.source.put("a", "web", b"RIFF1234WEBP", filename="w.webp", mime_type="image/webp")
    report = await harness.cycle()
    assert report.skipped == {Skip.FORMAT: 1}
    assert "skipped, since the frame does not take the format (1 WEBP)." in " ".join(report_remarks(report))
    assert harness.source.downloads == []


RAW = tiff({254: 1, 271: b"NIKON CORPORATION"}, inner={262: 32803})


async def test_raw_picture_in_a_tiff_container_is_not_sent(harness: Harness) -> None:
    harness.put("one")
    harness.source.put("a", "raw", RAW, filename="IMG_1.jpg")
    report = await harness.cycle()
    assert failed(report) == "its format is NEF, which Memory does not accept."
    harness.assert_synced("one")
    await harness.assert_idle()


async def test_truncated_picture_is_reported_once_and_blocks_nothing(harness: Harness) -> None:
    whole = jpeg("two")
    harness.put("one")
    harness.source.put("a", "two", whole[:-2], filename="two.jpg")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert failed(report).startswith("it is truncated: the end of the file is missing.")
    harness.assert_synced("one")
    report = await harness.cycle()
    assert (report.outcome, report.skipped) == (CycleOutcome.DONE, {Skip.UNUSABLE: 1})
    harness.source.remove("a", "two")
    harness.source.put("a", "two again", whole, filename="two.jpg")
    await harness.cycle()
    assert harness.frame.digests(ALBUM) == {digest(jpeg("one")), digest(whole)}


@pytest.mark.parametrize("content", [RAW, jpeg("cut")[:-2]])
async def test_what_would_not_be_sent_today_stays_on_the_frame(harness: Harness, content: bytes) -> None:
    """Earlier versions sent it; neither an update nor a lost cache takes it away."""
    harness.put("one")
    harness.frame.put(ALBUM, content)
    harness.source.put("a", "odd", content, filename="odd.jpg", mime_type="image/jpeg")
    for _ in range(2):
        report = await harness.cycle()
        assert (report.outcome, report.deleted) == (CycleOutcome.DONE, 0)
        assert harness.frame.digests(ALBUM) == {digest(jpeg("one")), digest(content)}
    await harness.assert_idle()


# --- convergence -------------------------------------------------------------------------------------


async def test_an_album_that_is_there_but_empty_is_filled(harness: Harness) -> None:
    harness.frame.add_album(ALBUM)
    harness.put("one")
    await harness.cycle()
    harness.assert_synced("one")


async def test_photos_that_are_not_in_the_playlist_are_published(harness: Harness) -> None:
    harness.put("one", "two")
    harness.frame.add_album(ALBUM)
    harness.frame.put(ALBUM, jpeg("one"))
    harness.frame.put(ALBUM, jpeg("two"))
    report = await harness.cycle()
    assert (report.uploaded, report.playlists_edited, report.entries_added) == (0, 1, 2)
    assert report.changed
    harness.assert_synced("one", "two")
    await harness.assert_idle()


async def test_emptied_or_altered_playlists_are_repaired(
    harness: Harness,
) -> None:
    harness.put("one", "two")
    await harness.cycle()
    harness.frame.playlist_named(PLAYLIST).items.clear()
    assert (await harness.cycle()).changed
    harness.assert_synced("one", "two")
    playlist = harness.frame.playlist_named(PLAYLIST)
    playlist.items += [
        PlaylistItem("again", playlist.items[0].photo_id),
        PlaylistItem("strange", "nobody"),
    ]
    report = await harness.cycle()
    assert (report.playlists_edited, report.entries_added, report.entries_removed) == (1, 0, 2)
    assert report.changed
    assert not report.photos_changed
    assert "playlist updated (0 added, 2 removed); 2 photos on the frame" in report_sentence(report)
    harness.assert_synced("one", "two")
    await harness.assert_idle()


async def test_failures_name_the_account_and_a_code(harness: Harness) -> None:
    harness.put("one", "two")
    harness.source.fail_downloads["one"] = 9
    harness.frame.fail["upload"] = [TransientError("Nixplay is busy.", status=503)]
    report = await harness.cycle()
    found = {(failure.account, failure.code) for failure in report.failures}
    assert ("googlephotos", FailureCode.UNREACHABLE) in found
    assert ("nixplay", FailureCode.UNAVAILABLE) in found


async def test_a_partial_listing_keeps_the_code_of_its_cause(harness: Harness) -> None:
    harness.put("one")
    harness.source.listing_problem["a"] = "Page 2 never came."
    (failure,) = (await harness.cycle()).failures
    assert (failure.account, failure.code) == ("googlephotos", FailureCode.PARTIAL_LISTING)
    assert ListingError("It is away.", FailureCode.UNREACHABLE).code is FailureCode.UNREACHABLE


async def test_a_repair_that_fails_halfway_counts_as_a_change(harness: Harness) -> None:
    harness.put("one", "two")
    await harness.cycle()
    playlist = harness.frame.playlist_named(PLAYLIST)
    del playlist.items[0]
    playlist.items.append(PlaylistItem("strange", "nobody"))
    harness.frame.fail["remove_items"] = [RefusedError("Nixplay remove items: refused.", status=403)]
    report = await harness.cycle()
    assert report.outcome == "failed"
    assert report.changed
    assert (report.entries_added, report.entries_removed) == (1, 0)


async def test_photos_added_by_hand_are_deleted_like_any_unlisted_one(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.frame.put(ALBUM, jpeg("by hand"))
    assert (await harness.cycle()).deleted == 1
    harness.assert_synced(*MANY)


async def test_force_publish_rewrites_without_a_moment_of_emptiness(harness: Harness) -> None:
    harness.put("one", "two", "three")
    await harness.cycle()
    before = {item.item_id for item in harness.frame.playlist_named(PLAYLIST).items}
    harness.with_rule(force_publish=True)
    await harness.cycle()
    harness.assert_synced("one", "two", "three")
    assert not before & {item.item_id for item in harness.frame.playlist_named(PLAYLIST).items}


async def test_every_playlist_of_the_name_is_kept_in_sync(harness: Harness) -> None:
    harness.put("one")
    harness.frame.add_playlist(PLAYLIST)
    harness.frame.add_playlist(PLAYLIST)
    report = await harness.cycle()
    assert [len(playlist.items) for playlist in harness.frame.playlist_list] == [1, 1]
    assert "2 playlists are named" in said(report)


async def test_overfull_playlist_shows_the_newest_and_says_so(harness: Harness) -> None:
    harness.frame.capabilities = replace(harness.frame.capabilities, playlist_limit=20)
    harness.put(*MANY)
    report = await harness.cycle()
    assert report.on_frame == 30
    assert (report.in_playlist, report.overflow) == (20, 10)
    assert "room for 20 photos" in said(report)
    await harness.assert_idle()


# --- faults ------------------------------------------------------------------------------------------


async def test_one_broken_download_fails_alone(harness: Harness) -> None:
    harness.put("one", "two", "three")
    harness.source.fail_downloads["two"] = 1
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert [failure.subject for failure in report.failures] == ["two.jpg"]
    harness.assert_synced("one", "three")
    await harness.cycle()
    harness.assert_synced("one", "two", "three")
    await harness.assert_idle()


async def test_unusable_file_is_reported_once_and_blocks_nothing(harness: Harness) -> None:
    harness.put(*MANY)
    harness.source.put("a", "odd", b"\x00\x01\x02 not a picture", filename="odd.jpg")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.DONE
    assert "neither a picture nor a video" in failed(report)
    harness.remove("p00")
    report = await harness.cycle()
    assert report.deleted == 1
    assert report.skipped == {Skip.UNUSABLE: 1}
    harness.assert_synced(*MANY[1:])
    await harness.assert_idle()


async def test_html_in_place_of_a_picture_never_becomes_a_digest(harness: Harness) -> None:
    harness.put("one")
    harness.source.put("a", "two", b"<!DOCTYPE html><title>Sorry</title>", filename="two.jpg")
    report = await harness.cycle()
    assert isinstance(report.failures[0].error, ProtocolError)
    harness.put("two")
    await harness.cycle()
    harness.assert_synced("one", "two")
    await harness.assert_idle()


async def test_failing_uploads_do_not_shrink_what_is_shown(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.remove("p00")
    harness.put("new")
    harness.frame.fail["upload"] = [TransientError("S3 is away.")]
    report = await harness.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.UPLOADS
    harness.assert_synced(*MANY)
    await harness.cycle()
    harness.assert_synced(*MANY[1:], "new")


async def test_full_storage_stops_uploads_and_lets_deletes_make_room(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.remove("p00")
    harness.put("new1", "new2")
    harness.frame.fail["upload"] = [QuotaError("No room."), QuotaError("No room.")]
    report = await harness.cycle()
    assert report.deleted == 1
    harness.frame.fail["upload"].clear()  # The second was not even tried unless it was under way already.
    await harness.cycle()
    harness.assert_synced(*MANY[1:], "new1", "new2")


async def test_a_login_that_needs_a_person_changes_nothing(harness: Harness) -> None:
    harness.put("one", "two")
    await harness.cycle()
    harness.remove("one")
    harness.frame.fail["photos"] = [LoginNeeded("Nixplay refused the password.")]
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    harness.assert_synced("one", "two")


async def test_missing_login_of_one_source_does_not_stop_others(harness: Harness) -> None:
    other = MemorySource("immich")
    harness.tools = replace(harness.tools, sources={**harness.tools.sources, "immich": other})
    harness.rule = replace(harness.rule, sources={**harness.rule.sources, "immich": ["b"]})
    harness.put("one")
    other.put("b", "two", jpeg("two"), filename="two.jpg")
    await harness.cycle()
    harness.assert_synced("one", "two")
    other.login_needed = LoginNeeded("Immich does not know this key.", hint="Make a new one.")
    harness.remove("one")
    harness.put("three")
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    assert [str(failure.error) for failure in report.failures] == [str(other.login_needed)]
    assert report.hold is not None
    harness.assert_synced("one", "two", "three")
    other.login_needed = None
    await harness.cycle()
    harness.assert_synced("two", "three")


async def test_login_lost_before_the_second_listing_deletes_nothing(harness: Harness) -> None:
    harness.put("one", "two")
    await harness.cycle()
    harness.remove("one")

    def lose(event: Event) -> None:
        harness.events.append(event)
        if isinstance(event, Listed):
            harness.source.login_needed = LoginNeeded("Google no longer accepts this login.")

    harness.tools = replace(harness.tools, emit=lose)
    report = await harness.cycle()
    assert (report.deleted, report.certainty) == (0, Certainty.PARTIAL)
    harness.assert_synced("one", "two")


async def test_equal_content_is_not_resent_while_one_may_have_arrived(harness: Harness) -> None:
    harness.put("same")
    await harness.cycle()
    # By hand; what is known goes up alone, before what is new.
    harness.frame.album_named(ALBUM).photos.clear()
    harness.source.put("a", "copy", jpeg("same"), filename="copy.jpg")
    harness.frame.fail["upload"] = [TransientError("The answer was lost.")]
    before = len(harness.frame.calls)
    report = await harness.cycle()
    assert len([call for call in harness.frame.calls[before:] if call[0] == "upload"]) == 1
    assert len(report.failures) == 1
    await harness.cycle()
    harness.assert_synced("same")


async def test_a_login_lost_while_uploading_ends_the_cycle(harness: Harness) -> None:
    harness.put(*MANY)
    harness.frame.fail["upload"] = [LoginNeeded("Session ended.")] * 30
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    assert len([call for call in harness.frame.calls if call[0] == "upload"]) <= 3


async def test_a_service_in_trouble_is_not_asked_for_every_item(harness: Harness) -> None:
    harness.put(*MANY)
    harness.source.fail_downloads = dict.fromkeys(MANY, TransientError("503"))
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert 8 <= len(report.failures) < 20


@pytest.mark.parametrize("lost", ["create_album", "create_playlist", "add_items", "upload"])
async def test_a_lost_answer_doubles_nothing(harness: Harness, lost: str) -> None:
    harness.put("one", "two")
    harness.frame.fail_after[lost] = [TransientError("The answer was lost.")]
    await harness.cycle()
    await harness.cycle()
    harness.assert_synced("one", "two")
    assert len(harness.frame.album_list) == 1
    assert len(harness.frame.playlist_list) == 1
    await harness.assert_idle()


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("what", ["empty", "not listed", "not downloaded", "unusable"])
async def test_no_album_is_created_before_there_is_a_photo_for_it(
    harness: Harness, what: str, dry_run: bool
) -> None:
    harness.rule = replace(harness.rule, dry_run=dry_run)
    if what != "empty":
        harness.put("one")
    match what:
        case "not listed":
            harness.source.listing_problem["a"] = "503"
            harness.source.listed_until["a"] = 0
        case "not downloaded":
            harness.source.fail_downloads["one"] = ItemError("404")
        case "unusable":
            harness.source.put("a", "one", b"no picture", filename="one.jpg")
    for _ in range(2):
        report = await harness.cycle()
        assert (report.on_frame, report.in_playlist) == (0, 0)
    assert not {call[0] for call in harness.frame.calls} & {"create_album", "create_playlist"}
    assert (harness.frame.album_list, harness.frame.playlist_list) == ([], [])


async def test_failed_album_creation_is_one_failure(harness: Harness) -> None:
    harness.put(*MANY)
    harness.frame.fail["create_album"] = [TransientError("503")] * 100
    report = await harness.cycle()
    assert [(each.subject, each.error.message) for each in report.failures] == [(ALBUM, "503")]
    assert [call[0] for call in harness.frame.calls].count("create_album") == 1
    harness.frame.fail.clear()
    await harness.cycle()
    harness.assert_synced(*MANY)


async def test_the_playlist_is_made_while_the_last_photos_go_up(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    done = [call[0] for call in harness.frame.calls]
    assert done.index("create_playlist") > done.index("upload")
    assert done.index("create_playlist") < len(done) - done[::-1].index("photos") - 1
    harness.assert_synced(*MANY)


async def test_no_playlist_is_made_for_what_cannot_be_uploaded(harness: Harness) -> None:
    harness.put("one", "two")
    harness.frame.fail["upload"] = [ItemError("Refused.")] * 2
    await harness.cycle()
    assert harness.frame.playlist_list == []


async def test_failed_early_playlist_is_created_by_the_next_cycle(harness: Harness) -> None:
    harness.put("one", "two")
    harness.frame.fail["create_playlist"] = [TransientError("503")]
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert [str(failure.error) for failure in report.failures] == ["503"]
    assert [call[0] for call in harness.frame.calls].count("create_playlist") == 1
    assert (await harness.cycle()).outcome is CycleOutcome.DONE
    harness.assert_synced("one", "two")


async def test_started_playlist_is_left_to_the_next_cycle_on_abort(harness: Harness) -> None:
    def end_the_session(method: str) -> None:
        if method == "create_playlist" and "photos" not in harness.frame.fail:
            harness.frame.fail["photos"] = [LoginNeeded("Session ended.")]

    harness.put("one", "two")
    harness.frame.passing = end_the_session
    assert (await harness.cycle()).outcome is CycleOutcome.LOGIN_NEEDED
    assert (await harness.cycle()).outcome is CycleOutcome.DONE
    harness.assert_synced("one", "two")
    assert len(harness.frame.playlist_list) == 1


async def test_a_playlist_listing_that_fails_makes_no_second_playlist(harness: Harness) -> None:
    harness.put("one")
    await harness.cycle()
    harness.frame.fail["playlists"] = [TransientError("503")]
    assert (await harness.cycle()).outcome is CycleOutcome.FAILED
    assert len(harness.frame.playlist_list) == 1
    harness.assert_synced("one")


async def test_doubtful_frame_listing_keeps_the_playlist(harness: Harness) -> None:
    harness.put("one", "two")
    await harness.cycle()
    harness.remove("one")
    harness.frame.photos_problem = "Nixplay says 5 but lists 2."
    report = await harness.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    harness.assert_synced("one", "two")


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("new", ["", "e"])
async def test_contradicting_frame_listings_delete_nothing(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, new: str, wrong: int
) -> None:
    harness.put(*"abcd")
    await harness.cycle()
    harness.remove("a")
    harness.put(*new)
    honest, looks = harness.frame.photos, itertools.count()

    async def confused(album: FrameAlbum) -> Photos:
        """Mistake one photo for the next, at one of the looks."""
        listed = (await honest(album)).items
        if next(looks) != wrong:
            return Photos(listed)
        digests = [photo.digest for photo in listed]
        return Photos(tuple(replace(photo, digest=digests[at - 1]) for at, photo in enumerate(listed)))

    monkeypatch.setattr(harness.frame, "photos", confused)
    report = await harness.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    assert "contradict each other on 4 photos" in hold_sentence(report.hold)
    there = {*"abcd", *new}
    assert harness.names_on_frame() == {f"{name}.jpg" for name in there}
    assert len(harness.frame.playlist_digests(PLAYLIST)) == len(there)
    monkeypatch.undo()
    await harness.cycle()
    harness.assert_synced(*(there - {"a"}))


async def test_frame_listing_that_omits_photos_keeps_the_playlist(
    harness: Harness,
) -> None:
    harness.put(*"abc")
    await harness.cycle()
    harness.frame.unlisted = dict.fromkeys(harness.frame.album_named(ALBUM).photos, 9)
    assert (await harness.frame.photos(harness.frame.album_named(ALBUM).album)).problem is None
    await harness.cycle()
    harness.assert_synced(*"abc")
    harness.frame.unlisted.clear()
    await harness.assert_idle()


async def test_a_download_that_breaks_off_halfway_begins_anew(harness: Harness) -> None:
    harness.put("a", "b")
    harness.source.broken_off = {"a": 1, "b": 2}
    assert (await harness.cycle()).uploaded == 2
    harness.assert_synced("a", "b")
    await harness.assert_idle()


async def test_a_frame_listing_in_doubt_is_said_though_nothing_is_held(harness: Harness) -> None:
    harness.put("a")
    await harness.cycle()
    harness.remove("a")
    harness.put("b")
    await harness.cycle()
    harness.frame.unlisted = dict.fromkeys(harness.frame.album_named(ALBUM).photos, 9)
    harness.frame.photos_problem = "It lists fewer than it counts."
    report = await harness.cycle()
    assert report.hold is None
    assert "It lists fewer than it counts." in said(report)


async def test_publishing_that_fails_deletes_nothing(harness: Harness) -> None:
    harness.put(*MANY)
    await harness.cycle()
    harness.remove("p00")
    harness.frame.fail["remove_items"] = [TransientError("503")] * 3
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert digest(jpeg("p00")) in harness.frame.digests(ALBUM)
    await harness.cycle()
    harness.assert_synced(*MANY[1:])


async def test_upload_refused_for_its_content_is_not_retried_at_once(harness: Harness) -> None:
    harness.put("one", "two")
    refusal = ItemError("Nixplay cannot read it.", unusable=True)
    harness.frame.fail["upload"] = [refusal]
    report = await harness.cycle()
    assert len(report.failures) == 1
    downloads = len(harness.source.downloads)
    report = await harness.cycle()
    assert report.skipped == {Skip.UNUSABLE: 1}
    assert len(harness.source.downloads) == downloads


# --- dry run -----------------------------------------------------------------------------------------


async def test_a_dry_run_writes_nothing_and_predicts_the_result(harness: Harness) -> None:
    harness.put("one", "two")
    harness.rule = replace(harness.rule, dry_run=True)
    report = await harness.cycle()
    assert (report.uploaded, report.on_frame, report.in_playlist) == (2, 2, 2)
    assert harness.frame.album_list == []
    assert harness.frame.playlist_list == []
    harness.rule = replace(harness.rule, dry_run=False)
    await harness.cycle()
    harness.assert_synced("one", "two")
    harness.rule = replace(harness.rule, dry_run=True)
    harness.remove("one", "two")
    harness.put(*MANY)
    report = await harness.cycle()
    assert (report.uploaded, report.deleted, report.on_frame) == (30, 2, 30)
    harness.assert_synced("one", "two")


async def test_a_second_dry_run_downloads_nothing(harness: Harness) -> None:
    harness.put("one", "two")
    harness.rule = replace(harness.rule, dry_run=True)
    await harness.cycle()
    await harness.cycle()
    assert harness.source.downloads == ["one", "two"]


async def test_the_report_says_whether_a_frame_shows_the_playlist(harness: Harness) -> None:
    harness.put("1")
    new, after = await harness.cycle(), await harness.cycle()
    for report in (new, after):
        assert (report.assigned, report.unassigned) == (False, ("ss_Family",))
    for playlist in harness.frame.playlist_list:
        playlist.assigned = True
    report = await harness.cycle()
    assert (report.assigned, report.unassigned) == (True, ())


async def test_a_folder_that_cannot_be_written_to_is_one_failure(harness: Harness) -> None:
    harness.put(*map(str, range(40)))
    harness.frame.fail["upload"] = [InaccessibleError("Read-only file system.") for _ in range(40)]
    report = await harness.cycle()
    assert [(each.about, str(each.error)) for each in report.failures] == [
        (About.RULE, "Read-only file system.")
    ]
    assert len(harness.source.downloads) < 20, "the rest would have been downloaded in vain"
    harness.frame.fail.clear()
    await harness.cycle()
    harness.frame.fail["delete"] = [InaccessibleError("Read-only file system.") for _ in range(40)]
    harness.remove("1", "2", "3", "4", "5", "6")
    report = await harness.cycle()
    assert [each.about for each in report.failures] == [About.RULE]
    harness.frame.fail.clear()
    await harness.cycle()
    harness.assert_synced("0", *map(str, range(7, 40)))

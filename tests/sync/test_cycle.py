"""Whole cycles of one album rule against in-memory ports: what a user sees of them."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from picsync.core.errors import (
    ItemError,
    LoginNeeded,
    ProtocolError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.core.events import CycleOutcome, Event, Listed, PlaylistCreated
from picsync.core.model import Certainty, FrameAlbum, Listing, MediaKind, Photos, PlaylistItem
from picsync.core.plan import (
    DeleteLimit,
    HoldReason,
)
from picsync.core.select import Skip
from picsync.observe.words import report_remarks, report_sentence
from picsync.sync.cycle import AlbumRule
from tests.contract.memory_source import MemorySource
from tests.media.files import movie, tiff
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, PLAYLIST, Stage, digest

MANY = tuple(f"p{n:02}" for n in range(30))


async def test_first_cycle_creates_everything_and_says_what_is_left_to_do_by_hand(stage: Stage) -> None:
    stage.put("one", "two", "three")
    report = await stage.cycle()
    stage.assert_synced("one", "two", "three")
    assert report.outcome is CycleOutcome.DONE
    assert (report.uploaded, report.on_frame, report.in_playlist) == (3, 3, 3)
    assert "Assign it to a frame once" in " ".join(report.notices)
    assert sum(isinstance(event, PlaylistCreated) for event in stage.events) == 1
    await stage.assert_idle()


async def test_a_new_photo_crosses_the_wire_once_each_way(stage: Stage) -> None:
    stage.put("one")
    await stage.cycle()
    stage.put("two")
    report = await stage.cycle()
    assert stage.source.downloads == ["one", "two"]
    assert (report.downloaded, report.uploaded) == (1, 1)
    stage.assert_synced("one", "two")


async def test_what_left_the_source_leaves_the_frame(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    stage.remove("p03", "p07")
    report = await stage.cycle()
    assert report.deleted == 2
    stage.assert_synced(*(name for name in MANY if name not in {"p03", "p07"}))
    await stage.assert_idle()


async def test_delete_false_keeps_everything(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    stage.with_rule(delete=False)
    stage.remove("one")
    report = await stage.cycle()
    assert report.hold is None
    stage.assert_synced("one", "two")


async def test_one_item_in_two_albums_and_equal_content_are_one_photo(stage: Stage) -> None:
    stage.put("one")
    stage.put("one", album="b")
    stage.source.put("b", "copy", jpeg("one"), filename="copy.jpg")
    stage.rule = replace(stage.rule, sources={"googlephotos": ["a", "b"]})
    report = await stage.cycle()
    assert report.uploaded == 1
    stage.assert_synced("one")
    await stage.assert_idle()


@pytest.mark.parametrize("seen", [0, 2])
async def test_an_incomplete_listing_never_deletes_but_adds(stage: Stage, seen: int) -> None:
    stage.put("one", "two", "three")
    await stage.cycle()
    stage.put("new", album="b")
    stage.rule = replace(stage.rule, sources={"googlephotos": ["a", "b"]})
    stage.remove("one")
    stage.source.listing_problem["a"] = "Page 2 never came."
    stage.source.listed_until["a"] = seen
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert report.deleted == 0
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    assert "Page 2 never came." in str(report.failures[0].error)
    assert {digest(jpeg(name)) for name in ("one", "two", "three", "new")} <= stage.frame.digests(ALBUM)


async def test_a_listing_that_shifted_while_it_was_read_deletes_nothing(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    missed = stage.source.content["a"].items.pop("p05")
    listed = stage.source.list
    times = 0

    async def shifting(album_id: str) -> Listing:
        nonlocal times
        times += 1
        found = await listed(album_id)
        if times == 1:
            stage.source.content["a"].items["p05"] = missed
        return found

    stage.source.list = shifting  # type: ignore[method-assign]  # the source's own pages, in a bad moment
    report = await stage.cycle()
    assert report.deleted == 0
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    assert "changed while it was listed" in " ".join(report.notices)
    stage.assert_synced(*MANY)
    await stage.assert_idle()


async def test_emptying_an_album_is_held_until_allowed(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    stage.remove("one", "two")
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.HELD
    assert report.hold is not None
    assert "picsync allow-deletes" in report.hold.message
    assert "100%" in report.hold.message
    stage.assert_synced("one", "two")
    stage.with_rule(allow_deletes=True)
    stage.may_empty = True
    report = await stage.cycle()
    assert report.deleted == 2
    stage.assert_synced()


async def test_mass_deletes_are_held_while_additions_go_up(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    stage.remove(*MANY[:11])
    stage.put("new")
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.HELD
    assert report.hold is not None
    assert "maxDelete: 11" in report.hold.message
    stage.assert_synced(*MANY, "new")
    stage.with_rule(delete_limit=DeleteLimit(count=11))
    assert (await stage.cycle()).deleted == 11
    stage.assert_synced(*MANY[11:], "new")


async def test_a_rule_without_sources_is_refused_and_touches_nothing(stage: Stage) -> None:
    stage.put("one")
    await stage.cycle()
    calls = len(stage.frame.calls)
    stage.rule = AlbumRule(stage.rule.rule, sources={"googlephotos": []})
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert isinstance(report.failures[0].error, RefusedError)
    assert "names no source" in str(report.failures[0].error)
    assert len(stage.frame.calls) == calls
    stage.assert_synced("one")


async def test_videos_are_skipped_and_counted_unless_wanted(stage: Stage) -> None:
    stage.put("one")
    clip = movie()
    stage.source.put("a", "movie", clip, filename="m.mp4", mime_type="video/mp4", kind=MediaKind.VIDEO)
    report = await stage.cycle()
    assert report.skipped == {Skip.VIDEO: 1}
    stage.assert_synced("one")
    stage.with_rule(videos=True)
    await stage.cycle()
    assert stage.frame.digests(ALBUM) == {digest(jpeg("one")), digest(clip)}
    await stage.assert_idle()


async def test_a_format_that_the_frame_does_not_take_is_not_even_downloaded(stage: Stage) -> None:
    stage.source.put("a", "web", b"RIFF1234WEBP", filename="w.webp", mime_type="image/webp")
    report = await stage.cycle()
    assert report.skipped == {Skip.FORMAT: 1}
    assert "skipped, since the frame does not take the format (1 WEBP)." in " ".join(report_remarks(report))
    assert stage.source.downloads == []


RAW = tiff({254: 1, 271: b"NIKON CORPORATION"}, inner={262: 32803})


async def test_a_raw_picture_is_not_sent_as_the_tiff_file_that_contains_it(stage: Stage) -> None:
    stage.put("one")
    stage.source.put("a", "raw", RAW, filename="IMG_1.jpg")
    report = await stage.cycle()
    assert [str(failure.error) for failure in report.failures] == [
        "its format is NEF, which Memory does not take."
    ]
    stage.assert_synced("one")
    await stage.assert_idle()


async def test_a_picture_that_was_cut_off_is_reported_once_and_blocks_nothing(stage: Stage) -> None:
    whole = jpeg("two")
    stage.put("one")
    stage.source.put("a", "two", whole[:-2], filename="two.jpg")
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert "it is cut off: the end of the file is missing." in str(report.failures[0].error)
    stage.assert_synced("one")
    report = await stage.cycle()
    assert (report.outcome, report.skipped) == (CycleOutcome.DONE, {Skip.UNUSABLE: 1})
    stage.source.remove("a", "two")
    stage.source.put("a", "two again", whole, filename="two.jpg")
    await stage.cycle()
    assert stage.frame.digests(ALBUM) == {digest(jpeg("one")), digest(whole)}


@pytest.mark.parametrize("content", [RAW, jpeg("cut")[:-2]])
async def test_what_would_not_be_sent_today_stays_on_the_frame(stage: Stage, content: bytes) -> None:
    """Earlier versions sent it; neither an update nor a lost cache takes it away."""
    stage.put("one")
    stage.frame.put(ALBUM, content)
    stage.source.put("a", "odd", content, filename="odd.jpg", mime_type="image/jpeg")
    for _ in range(2):
        report = await stage.cycle()
        assert (report.outcome, report.deleted) == (CycleOutcome.DONE, 0)
        assert stage.frame.digests(ALBUM) == {digest(jpeg("one")), digest(content)}
    await stage.assert_idle()


# --- convergence -------------------------------------------------------------------------------------


async def test_an_album_that_is_there_but_empty_is_filled(stage: Stage) -> None:
    stage.frame.add_album(ALBUM)
    stage.put("one")
    await stage.cycle()
    stage.assert_synced("one")


async def test_photos_that_are_not_in_the_playlist_are_published(stage: Stage) -> None:
    stage.put("one", "two")
    stage.frame.add_album(ALBUM)
    stage.frame.put(ALBUM, jpeg("one"))
    stage.frame.put(ALBUM, jpeg("two"))
    report = await stage.cycle()
    assert (report.uploaded, report.playlists_edited, report.entries_added) == (0, 1, 2)
    assert report.changed
    stage.assert_synced("one", "two")
    await stage.assert_idle()


async def test_an_emptied_playlist_and_one_with_duplicates_and_strangers_are_repaired(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    stage.frame.playlist_named(PLAYLIST).items.clear()
    assert (await stage.cycle()).changed
    stage.assert_synced("one", "two")
    playlist = stage.frame.playlist_named(PLAYLIST)
    playlist.items += [
        PlaylistItem("again", playlist.items[0].photo_id),
        PlaylistItem("strange", "nobody"),
    ]
    report = await stage.cycle()
    assert (report.playlists_edited, report.entries_added, report.entries_removed) == (1, 0, 2)
    assert report.changed
    assert not report.photos_changed
    assert "playlist updated (0 added, 2 removed); 2 photos on the frame" in report_sentence(report)
    stage.assert_synced("one", "two")
    await stage.assert_idle()


async def test_a_repair_that_fails_halfway_counts_as_a_change(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    playlist = stage.frame.playlist_named(PLAYLIST)
    del playlist.items[0]
    playlist.items.append(PlaylistItem("strange", "nobody"))
    stage.frame.fail["remove_items"] = [RefusedError("Nixplay remove items: refused.", status=403)]
    report = await stage.cycle()
    assert report.outcome == "failed"
    assert report.changed
    assert (report.entries_added, report.entries_removed) == (1, 0)


async def test_photos_put_there_by_hand_leave_like_any_other_that_is_in_no_source(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    stage.frame.put(ALBUM, jpeg("by hand"))
    assert (await stage.cycle()).deleted == 1
    stage.assert_synced(*MANY)


async def test_force_publish_rewrites_without_a_moment_of_emptiness(stage: Stage) -> None:
    stage.put("one", "two", "three")
    await stage.cycle()
    before = {item.item_id for item in stage.frame.playlist_named(PLAYLIST).items}
    stage.with_rule(force_publish=True)
    await stage.cycle()
    stage.assert_synced("one", "two", "three")
    assert not before & {item.item_id for item in stage.frame.playlist_named(PLAYLIST).items}


async def test_every_playlist_of_the_name_is_kept_in_step(stage: Stage) -> None:
    stage.put("one")
    stage.frame.add_playlist(PLAYLIST)
    stage.frame.add_playlist(PLAYLIST)
    report = await stage.cycle()
    assert [len(playlist.items) for playlist in stage.frame.playlist_list] == [1, 1]
    assert "2 playlists are named" in " ".join(report.notices)


async def test_more_photos_than_a_playlist_holds_shows_the_newest_and_says_so(stage: Stage) -> None:
    stage.frame.capabilities = replace(stage.frame.capabilities, playlist_limit=20)
    stage.put(*MANY)
    report = await stage.cycle()
    assert report.on_frame == 30
    assert (report.in_playlist, report.overflow) == (20, 10)
    assert "room for 20 photos" in " ".join(report.notices)
    await stage.assert_idle()


# --- trouble -----------------------------------------------------------------------------------------


async def test_one_broken_download_fails_alone(stage: Stage) -> None:
    stage.put("one", "two", "three")
    stage.source.fail_downloads["two"] = 1
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert [failure.subject for failure in report.failures] == ["two.jpg"]
    stage.assert_synced("one", "three")
    await stage.cycle()
    stage.assert_synced("one", "two", "three")
    await stage.assert_idle()


async def test_a_file_that_is_no_picture_is_reported_once_and_blocks_nothing(stage: Stage) -> None:
    stage.put(*MANY)
    stage.source.put("a", "odd", b"\x00\x01\x02 not a picture", filename="odd.jpg")
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert "neither a picture nor a video" in str(report.failures[0].error)
    stage.remove("p00")
    report = await stage.cycle()
    assert report.deleted == 1
    assert report.skipped == {Skip.UNUSABLE: 1}
    stage.assert_synced(*MANY[1:])
    await stage.assert_idle()


async def test_html_in_place_of_a_picture_never_becomes_a_digest(stage: Stage) -> None:
    stage.put("one")
    stage.source.put("a", "two", b"<!DOCTYPE html><title>Sorry</title>", filename="two.jpg")
    report = await stage.cycle()
    assert isinstance(report.failures[0].error, ProtocolError)
    stage.put("two")
    await stage.cycle()
    stage.assert_synced("one", "two")
    await stage.assert_idle()


async def test_failing_uploads_do_not_shrink_what_is_shown(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    stage.remove("p00")
    stage.put("new")
    stage.frame.fail["upload"] = [TransientError("S3 is away.")]
    report = await stage.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.UPLOADS
    stage.assert_synced(*MANY)
    await stage.cycle()
    stage.assert_synced(*MANY[1:], "new")


async def test_full_storage_stops_uploads_and_lets_deletes_make_room(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    stage.remove("p00")
    stage.put("new1", "new2")
    stage.frame.fail["upload"] = [QuotaError("No room."), QuotaError("No room.")]
    report = await stage.cycle()
    assert report.deleted == 1
    stage.frame.fail["upload"].clear()  # The second was not even tried unless it was under way already.
    await stage.cycle()
    stage.assert_synced(*MANY[1:], "new1", "new2")


async def test_a_login_that_needs_a_person_changes_nothing(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    stage.remove("one")
    stage.frame.fail["photos"] = [LoginNeeded("Nixplay refused the password.")]
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    stage.assert_synced("one", "two")


async def test_a_login_that_one_source_needs_does_not_keep_back_the_others(stage: Stage) -> None:
    other = MemorySource("immich")
    stage.tools = replace(stage.tools, sources={**stage.tools.sources, "immich": other})
    stage.rule = replace(stage.rule, sources={**stage.rule.sources, "immich": ["b"]})
    stage.put("one")
    other.put("b", "two", jpeg("two"), filename="two.jpg")
    await stage.cycle()
    stage.assert_synced("one", "two")
    other.login_needed = LoginNeeded("Immich does not know this key.", hint="Make a new one.")
    stage.remove("one")
    stage.put("three")
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    assert [str(failure.error) for failure in report.failures] == [str(other.login_needed)]
    assert report.hold is not None
    stage.assert_synced("one", "two", "three")
    other.login_needed = None
    await stage.cycle()
    stage.assert_synced("two", "three")


async def test_a_login_that_is_lost_before_the_second_look_keeps_everything(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    stage.remove("one")

    def lose(event: Event) -> None:
        stage.events.append(event)
        if isinstance(event, Listed):
            stage.source.login_needed = LoginNeeded("Google no longer accepts this login.")

    stage.tools = replace(stage.tools, emit=lose)
    report = await stage.cycle()
    assert (report.deleted, report.certainty) == (0, Certainty.PARTIAL)
    stage.assert_synced("one", "two")


async def test_equal_content_is_not_sent_again_while_the_first_may_have_arrived(stage: Stage) -> None:
    stage.put("same")
    await stage.cycle()
    # By hand; what is known goes up alone, before what is new.
    stage.frame.album_named(ALBUM).photos.clear()
    stage.source.put("a", "copy", jpeg("same"), filename="copy.jpg")
    stage.frame.fail["upload"] = [TransientError("The answer was lost.")]
    before = len(stage.frame.calls)
    report = await stage.cycle()
    assert len([call for call in stage.frame.calls[before:] if call[0] == "upload"]) == 1
    assert len(report.failures) == 1
    await stage.cycle()
    stage.assert_synced("same")


async def test_a_login_lost_while_uploading_ends_the_cycle(stage: Stage) -> None:
    stage.put(*MANY)
    stage.frame.fail["upload"] = [LoginNeeded("Session ended.")] * 30
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.LOGIN_NEEDED
    assert len([call for call in stage.frame.calls if call[0] == "upload"]) <= 3


async def test_a_service_in_trouble_is_not_asked_for_every_item(stage: Stage) -> None:
    stage.put(*MANY)
    stage.source.fail_downloads = dict.fromkeys(MANY, TransientError("503"))
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert 8 <= len(report.failures) < 20


@pytest.mark.parametrize("lost", ["create_album", "create_playlist", "add_items", "upload"])
async def test_a_lost_answer_doubles_nothing(stage: Stage, lost: str) -> None:
    stage.put("one", "two")
    stage.frame.fail_after[lost] = [TransientError("The answer was lost.")]
    await stage.cycle()
    await stage.cycle()
    stage.assert_synced("one", "two")
    assert len(stage.frame.album_list) == 1
    assert len(stage.frame.playlist_list) == 1
    await stage.assert_idle()


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("what", ["empty", "not listed", "not downloaded", "unusable"])
async def test_no_album_is_made_before_there_is_something_to_put_into_it(
    stage: Stage, what: str, dry_run: bool
) -> None:
    stage.rule = replace(stage.rule, dry_run=dry_run)
    if what != "empty":
        stage.put("one")
    match what:
        case "not listed":
            stage.source.listing_problem["a"] = "503"
            stage.source.listed_until["a"] = 0
        case "not downloaded":
            stage.source.fail_downloads["one"] = ItemError("404")
        case "unusable":
            stage.source.put("a", "one", b"no picture", filename="one.jpg")
    for _ in range(2):
        report = await stage.cycle()
        assert (report.on_frame, report.in_playlist) == (0, 0)
    assert not {call[0] for call in stage.frame.calls} & {"create_album", "create_playlist"}
    assert (stage.frame.album_list, stage.frame.playlist_list) == ([], [])


async def test_an_album_that_cannot_be_made_ends_the_transfers_with_one_failure(stage: Stage) -> None:
    stage.put(*MANY)
    stage.frame.fail["create_album"] = [TransientError("503")] * 100
    report = await stage.cycle()
    assert [(each.subject, each.error.message) for each in report.failures] == [(f"album {ALBUM}", "503")]
    assert [call[0] for call in stage.frame.calls].count("create_album") == 1
    stage.frame.fail.clear()
    await stage.cycle()
    stage.assert_synced(*MANY)


async def test_the_playlist_is_made_while_the_last_photos_go_up(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    done = [call[0] for call in stage.frame.calls]
    assert done.index("create_playlist") > done.index("upload")
    assert done.index("create_playlist") < len(done) - done[::-1].index("photos") - 1
    stage.assert_synced(*MANY)


async def test_no_playlist_is_made_for_what_cannot_be_uploaded(stage: Stage) -> None:
    stage.put("one", "two")
    stage.frame.fail["upload"] = [ItemError("Refused.")] * 2
    await stage.cycle()
    assert stage.frame.playlist_list == []


async def test_a_playlist_that_was_begun_in_vain_is_made_by_the_next_cycle(stage: Stage) -> None:
    stage.put("one", "two")
    stage.frame.fail["create_playlist"] = [TransientError("503")]
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert [str(failure.error) for failure in report.failures] == ["503"]
    assert [call[0] for call in stage.frame.calls].count("create_playlist") == 1
    assert (await stage.cycle()).outcome is CycleOutcome.DONE
    stage.assert_synced("one", "two")


async def test_a_playlist_that_was_begun_is_left_to_the_next_cycle_if_this_one_ends(stage: Stage) -> None:
    def end_the_session(method: str) -> None:
        if method == "create_playlist" and "photos" not in stage.frame.fail:
            stage.frame.fail["photos"] = [LoginNeeded("Session ended.")]

    stage.put("one", "two")
    stage.frame.passing = end_the_session
    assert (await stage.cycle()).outcome is CycleOutcome.LOGIN_NEEDED
    assert (await stage.cycle()).outcome is CycleOutcome.DONE
    stage.assert_synced("one", "two")
    assert len(stage.frame.playlist_list) == 1


async def test_a_playlist_listing_that_fails_makes_no_second_playlist(stage: Stage) -> None:
    stage.put("one")
    await stage.cycle()
    stage.frame.fail["playlists"] = [TransientError("503")]
    assert (await stage.cycle()).outcome is CycleOutcome.FAILED
    assert len(stage.frame.playlist_list) == 1
    stage.assert_synced("one")


async def test_a_frame_listing_in_doubt_takes_nothing_from_the_playlist(stage: Stage) -> None:
    stage.put("one", "two")
    await stage.cycle()
    stage.remove("one")
    stage.frame.photos_problem = "Nixplay says 5 but lists 2."
    report = await stage.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    stage.assert_synced("one", "two")


@pytest.mark.parametrize("wrong", [0, 1])
@pytest.mark.parametrize("new", ["", "e"])
async def test_listings_of_the_frame_that_contradict_each_other_delete_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, new: str, wrong: int
) -> None:
    stage.put(*"abcd")
    await stage.cycle()
    stage.remove("a")
    stage.put(*new)
    honest, looks = stage.frame.photos, itertools.count()

    async def confused(album: FrameAlbum) -> Photos:
        """Mistake one photo for the next, at one of the looks."""
        listed = (await honest(album)).items
        if next(looks) != wrong:
            return Photos(listed)
        digests = [photo.digest for photo in listed]
        return Photos(tuple(replace(photo, digest=digests[at - 1]) for at, photo in enumerate(listed)))

    monkeypatch.setattr(stage.frame, "photos", confused)
    report = await stage.cycle()
    assert report.hold is not None
    assert report.hold.reason is HoldReason.LISTING
    assert "contradict each other on 4 photos" in report.hold.message
    there = {*"abcd", *new}
    assert stage.names_on_frame() == {f"{name}.jpg" for name in there}
    assert len(stage.frame.playlist_digests(PLAYLIST)) == len(there)
    monkeypatch.undo()
    await stage.cycle()
    stage.assert_synced(*(there - {"a"}))


async def test_a_listing_of_the_frame_that_leaves_photos_out_takes_nothing_from_the_playlist(
    stage: Stage,
) -> None:
    stage.put(*"abc")
    await stage.cycle()
    stage.frame.unlisted = dict.fromkeys(stage.frame.album_named(ALBUM).photos, 9)
    assert (await stage.frame.photos(stage.frame.album_named(ALBUM).album)).problem is None
    await stage.cycle()
    stage.assert_synced(*"abc")
    stage.frame.unlisted.clear()
    await stage.assert_idle()


async def test_a_download_that_breaks_off_halfway_begins_anew(stage: Stage) -> None:
    stage.put("a", "b")
    stage.source.broken_off = {"a": 1, "b": 2}
    assert (await stage.cycle()).uploaded == 2
    stage.assert_synced("a", "b")
    await stage.assert_idle()


async def test_a_frame_listing_in_doubt_is_said_though_nothing_is_held(stage: Stage) -> None:
    stage.put("a")
    await stage.cycle()
    stage.remove("a")
    stage.put("b")
    await stage.cycle()
    stage.frame.unlisted = dict.fromkeys(stage.frame.album_named(ALBUM).photos, 9)
    stage.frame.photos_problem = "It lists fewer than it counts."
    report = await stage.cycle()
    assert report.hold is None
    assert "It lists fewer than it counts." in " ".join(report.notices)


async def test_publishing_that_fails_deletes_nothing(stage: Stage) -> None:
    stage.put(*MANY)
    await stage.cycle()
    stage.remove("p00")
    stage.frame.fail["remove_items"] = [TransientError("503")] * 3
    report = await stage.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert digest(jpeg("p00")) in stage.frame.digests(ALBUM)
    await stage.cycle()
    stage.assert_synced(*MANY[1:])


async def test_an_upload_refused_for_what_it_is_is_not_tried_again_at_once(stage: Stage) -> None:
    stage.put("one", "two")
    refusal = ItemError("Nixplay cannot read it.", unusable=True)
    stage.frame.fail["upload"] = [refusal]
    report = await stage.cycle()
    assert len(report.failures) == 1
    downloads = len(stage.source.downloads)
    report = await stage.cycle()
    assert report.skipped == {Skip.UNUSABLE: 1}
    assert len(stage.source.downloads) == downloads


# --- dry run -----------------------------------------------------------------------------------------


async def test_a_dry_run_writes_nothing_and_predicts_the_result(stage: Stage) -> None:
    stage.put("one", "two")
    stage.rule = replace(stage.rule, dry_run=True)
    report = await stage.cycle()
    assert (report.uploaded, report.on_frame, report.in_playlist) == (2, 2, 2)
    assert stage.frame.album_list == []
    assert stage.frame.playlist_list == []
    stage.rule = replace(stage.rule, dry_run=False)
    await stage.cycle()
    stage.assert_synced("one", "two")
    stage.rule = replace(stage.rule, dry_run=True)
    stage.remove("one", "two")
    stage.put(*MANY)
    report = await stage.cycle()
    assert (report.uploaded, report.deleted, report.on_frame) == (30, 2, 30)
    stage.assert_synced("one", "two")


async def test_a_second_dry_run_downloads_nothing(stage: Stage) -> None:
    stage.put("one", "two")
    stage.rule = replace(stage.rule, dry_run=True)
    await stage.cycle()
    await stage.cycle()
    assert stage.source.downloads == ["one", "two"]


async def test_the_report_says_whether_a_frame_shows_the_playlist(stage: Stage) -> None:
    stage.put("1")
    new, after = await stage.cycle(), await stage.cycle()
    for report in (new, after):
        assert (report.assigned, report.unassigned) == (False, ("ss_Family",))
    for playlist in stage.frame.playlist_list:
        playlist.assigned = True
    report = await stage.cycle()
    assert (report.assigned, report.unassigned) == (True, ())

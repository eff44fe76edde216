"""Nixplay's albums, listings and playlists, with and without faults."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from picsync.core.errors import AmbiguousError, PicsyncError, ProtocolError, RefusedError, TransientError
from picsync.core.events import ListingProgress, LoggedIn
from picsync.core.model import Digest, FrameAlbum, FramePhoto, PlaylistItem
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Emoji, Foreign, OverLimit, Photo
from picsync.frames.nixplay.catalog import LOOK_AGAIN_AFTER_S
from picsync.frames.nixplay.client import OPERATIONS
from picsync.frames.nixplay.frame import CAPABILITIES, NixplayFrame
from picsync.observe.words import doubt
from tests.contract.frame_contract import JPEG, only_playlist, rendition, shown
from tests.frames.nixplay.nixplay_account import NixplayAccount

WEB_ALBUMS = "^/v2/albums/web/json/$"
PLAYLISTS = "^/v3/playlists$"

BAD_ANSWERS = [
    Fault(kind=FaultKind.STATUS, status=503),
    Fault(kind=FaultKind.BODY, body="<html><body>Sorry</body></html>"),
    Fault(kind=FaultKind.BODY, body="{}", content_type="application/json"),
    Fault(kind=FaultKind.BODY, body='{"playlists":[]}', content_type="application/json"),
    Fault(kind=FaultKind.TRUNCATE),
    Fault(kind=FaultKind.RESET_BEFORE),
]
LOST_ANSWERS = [
    Fault(kind=FaultKind.RESET_AFTER),
    Fault(kind=FaultKind.STATUS, status=503, after=True),
    Fault(kind=FaultKind.STATUS, status=502),
    Fault(kind=FaultKind.BODY, body="", after=True),
    Fault(kind=FaultKind.BODY, body="{}", after=True),
    Fault(kind=FaultKind.BODY, body="<html><body>Sorry</body></html>", after=True),
    Fault(kind=FaultKind.TRUNCATE),
    Fault(kind=FaultKind.RESET_BEFORE),
]


def at(fault: Fault, path: str, method: str = "", count: int | None = 1) -> Fault:
    """Return the same fault for other requests."""
    return replace(fault, method=method, path=path, count=count)


def name(fault: Fault) -> str:
    return f"{fault.kind}-{fault.status}-{str(fault.body)[:12]}"


def empty(path: str, body: str = "[]", count: int | None = 1) -> Fault:
    return Fault(kind=FaultKind.BODY, path=path, body=body, content_type="application/json", count=count)


def fill(account: NixplayAccount, count: int, album_name: str = "Trip") -> list[Photo]:
    """Make an album with so many photos."""
    album = account.service.add_album(album_name)
    return [
        account.service.add_photo(album, f"{number}.jpg", JPEG + number.to_bytes(4))
        for number in range(count)
    ]


async def found(frame: NixplayFrame, album_name: str = "Trip") -> FrameAlbum:
    album = await frame.find_album(album_name)
    assert album is not None
    return album


def digests(photos: Sequence[Photo]) -> set[Digest]:
    return {Digest.md5(photo.md5) for photo in photos}


def test_capabilities_and_operations() -> None:
    assert (CAPABILITIES.kind, CAPABILITIES.title, CAPABILITIES.playlist_limit) == (
        "nixplay",
        "Nixplay",
        2000,
    )
    assert CAPABILITIES.accepts("image/heif")
    assert not CAPABILITIES.accepts("image/webp")
    assert {operation.service for operation in OPERATIONS} == {"Nixplay"}
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    unsafe = {operation.name for operation in OPERATIONS if not operation.repeatable}
    assert unsafe == {"create_album", "create_playlist", "add_items", "assign_playlist"}


async def test_a_steady_cycle_costs_four_requests_and_the_login(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    photos = fill(account, 120)
    account.service.add_playlist("ss_Trip", photos)
    await frame.photos(await found(frame))
    [playlist] = await frame.playlists("ss_Trip")
    assert len(playlist.items) == 120
    assert account.asked() == [
        "POST /www-login/",
        "GET /v2/albums/web/json/",
        "GET /album/9140213/pictures/json/",
        "GET /v3/playlists",
        "GET /v3/playlists/3201702/slides",
        "GET /v3/playlists/3201702/slides",  # The emulated pages have 100.
    ]


async def test_albums_of_both_kinds_are_listed(account: NixplayAccount, frame: NixplayFrame) -> None:
    fill(account, 2)
    albums = await frame.albums()
    assert [(album.name, album.photo_count) for album in albums] == [
        ("My Uploads", 0),
        ("Trip", 2),
        ("anna@mynixplay.com", 0),
    ]
    assert (await frame.photos(albums[-1])).complete


# A listing of the albums that is wrong makes no album.


async def test_an_empty_listing_of_albums_is_not_believed(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    fill(account, 1)
    account.fail(empty(WEB_ALBUMS, count=2))
    assert (await found(frame)).photo_count == 1
    account.fail(empty(WEB_ALBUMS, count=None))
    for request in (frame.find_album("Trip"), frame.create_album("Other"), frame.albums()):
        with pytest.raises(ProtocolError, match="My Uploads"):
            await request
    account.server.faults.clear()
    assert len(account.service.albums_named("Trip")) == 1
    assert not account.service.albums_named("Other")


async def test_a_listing_that_lacks_the_album_once_makes_no_second_one(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    fill(account, 1)
    body = json.dumps([{"id": 1, "title": "My Uploads", "photo_count": 0}])
    account.fail(empty(WEB_ALBUMS, body))
    assert await frame.find_album("Trip")
    account.fail(empty(WEB_ALBUMS, body))
    assert (await frame.create_album("Trip")).photo_count == 1
    assert len(account.service.albums_named("Trip")) == 1


@pytest.mark.parametrize("fault", BAD_ANSWERS, ids=name)
@pytest.mark.parametrize("count", [1, None])
async def test_a_failing_listing_of_albums_makes_no_second_one(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault, count: int | None
) -> None:
    fill(account, 1)
    account.fail(at(fault, WEB_ALBUMS, count=count))
    if count:
        await frame.create_album("Trip")
    else:
        with pytest.raises((TransientError, ProtocolError), match="list web albums"):
            await frame.create_album("Trip")
    assert len(account.service.albums_named("Trip")) == 1


@pytest.mark.parametrize("fault", LOST_ANSWERS, ids=name)
async def test_a_lost_answer_to_a_creation_leaves_one_album(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault
) -> None:
    account.fail(at(fault, "^/album/create/json/$"))
    with contextlib.suppress(TransientError):  # It was not done, or may yet be.
        await frame.create_album("Trip")
    album = await frame.create_album("Trip")
    assert album.album_id == str(account.service.album_named("Trip").album_id)


async def test_creation_is_given_up_in_the_end(account: NixplayAccount, frame: NixplayFrame) -> None:
    account.fail(Fault(kind=FaultKind.BODY, body="[]", path="/create/", count=None))
    with pytest.raises(ProtocolError, match="create album"):
        await frame.create_album("Trip")
    assert len(account.requests("/create/")) == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.RESET_BEFORE),
        Fault(kind=FaultKind.LATE, requests=4),
    ],
    ids=lambda fault: fault.kind.value,
)
async def test_unanswered_creation_is_not_repeated(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault
) -> None:
    account.fail(at(fault, "/create/"), at(fault, PLAYLISTS, "POST"))
    with pytest.raises(TransientError, match="create album"):
        await frame.create_album("Trip")
    with pytest.raises(TransientError, match="create playlist"):
        await frame.create_playlist("ss_Trip")
    await account.server.settle()
    await frame.create_album("Trip")
    await frame.create_playlist("ss_Trip")
    assert len(account.service.albums_named("Trip")) == 1
    assert len(account.service.playlists_named("ss_Trip")) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_failed_creation_is_repeated_once_after_two_checks(
    account: NixplayAccount, frame: NixplayFrame, status: int, after: bool
) -> None:
    fault = Fault(kind=FaultKind.STATUS, status=status, after=after)
    account.fail(at(fault, "/create/"), at(fault, PLAYLISTS, "POST"))
    assert await frame.find_album("Trip") is None
    assert (await frame.create_album("Trip")).name == "Trip"
    assert (await frame.create_playlist("ss_Trip")).name == "ss_Trip"
    assert len(account.service.albums_named("Trip")) == 1
    assert len(account.service.playlists_named("ss_Trip")) == 1
    # What was done all the same is found by the first look.
    assert len(account.requests("/create/")) == (1 if after else 2)
    assert account.waits == ([] if after else [LOOK_AGAIN_AFTER_S] * 2)


async def test_creation_that_succeeds_after_its_error_is_found(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=504, path="/create/"))
    album = frame.create_album

    async def pause(seconds: float) -> None:
        account.waits.append(seconds)
        account.service.add_album("Trip")

    account.pause = pause
    assert (await album("Trip")).name == "Trip"
    assert len(account.requests("/create/")) == 1
    assert len(account.service.albums_named("Trip")) == 1


async def test_a_creation_that_is_answered_with_errors_is_given_up(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=503, path="/create/", count=None))
    with pytest.raises(TransientError, match="503"):
        await frame.create_album("Trip")
    assert len(account.requests("/create/")) == 2


async def test_several_albums_of_the_name_are_left_to_a_person(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    fill(account, 2, "Bob's")
    fill(account, 3, "Bob's")
    fill(account, 1, "Bob's")
    for request in (frame.find_album("Bob's"), frame.create_album("Bob's")):
        with pytest.raises(AmbiguousError) as raised:
            await request
        assert "9140213 (2 photos), 9140214 (3 photos), 9140215 (1 photo)" in raised.value.message
        assert (
            """picsync nixplay delete album 'Bob'"'"'s' --delete-multiple --keep 9140214"""
            in raised.value.hint
        )
    assert not account.requests(method="POST", path="/album/")


async def test_a_name_that_only_the_listing_changes_is_noticed(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    body = json.dumps([{"id": 9140213, "title": "trip", "photo_count": 0}])
    account.fail(Fault(kind=FaultKind.BODY, path=WEB_ALBUMS, skip=2, body=body))
    with pytest.raises(RefusedError, match="'trip'"):
        await frame.create_album("Trip")
    assert not account.service.albums_named("Trip")


async def test_emoji_are_kept_where_the_service_keeps_them(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.options.emoji = Emoji.KEEP
    assert await frame.create_album("Trip 😀") == await frame.find_album("Trip 😀")


async def test_albums_are_deleted_with_their_photos(account: NixplayAccount, frame: NixplayFrame) -> None:
    fill(account, 2)
    album = await found(frame)
    await frame.delete_album(album)
    await frame.delete_album(album)
    assert not account.service.account().photos


# Photos.


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1203])
async def test_all_photos_are_listed_whatever_their_number(
    account: NixplayAccount, frame: NixplayFrame, count: int
) -> None:
    photos = fill(account, count)
    listed = await frame.photos(await found(frame))
    assert listed.complete
    assert {photo.digest for photo in listed.items} == digests(photos)
    assert len(account.requests("/pictures/")) == count // 500 + 1
    progress = [event for event in account.events if isinstance(event, ListingProgress)]
    assert progress[-1] == ListingProgress("Nixplay", "Trip", count, count)


@pytest.mark.parametrize("over_limit", list(OverLimit))
async def test_a_smaller_largest_page_is_learnt(
    account: NixplayAccount, frame: NixplayFrame, over_limit: OverLimit
) -> None:
    account.service.options.pictures_limit = 100
    account.service.options.over_limit = over_limit
    photos = fill(account, 250)
    account.service.add_playlist("ss_Trip", photos)
    for _ in range(2):
        listed = await frame.photos(await found(frame))
        assert listed.complete
        assert len(listed.items) == 250
        assert len((await only_playlist(frame, "ss_Trip")).items) == 250
    # Of slides no more are asked for than are known to come.
    assert len(account.server.log.matching(status=400)) == (over_limit is OverLimit.REFUSE)


async def test_pages_that_are_counted_in_another_size_are_read_again(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    photos = fill(account, 150)
    answer = json.dumps({"photos": [{"id": photos[0].photo_id, "md5": photos[0].md5}]})
    account.fail(
        empty("/pictures/", answer),
        empty("/pictures/", '{"photos":[]}'),
    )
    listed = await frame.photos(await found(frame))
    assert listed.complete
    assert len(listed.items) == 150
    assert "limit=100" in account.requests("/pictures/")[-1].query


async def test_a_page_that_is_empty_by_mistake_is_not_believed(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    photos = fill(account, 700)
    account.fail(Fault(kind=FaultKind.BODY, path="/pictures/", skip=1, body='{"photos":[]}'))
    listed = await frame.photos(await found(frame))
    assert listed.complete
    assert {photo.digest for photo in listed.items} == digests(photos)


@pytest.mark.parametrize("lasting", [False, True])
async def test_a_listing_of_another_album_is_no_listing(
    account: NixplayAccount, frame: NixplayFrame, lasting: bool
) -> None:
    photos, others = fill(account, 3), fill(account, 3, "Other")
    other = await frame.photos(await found(frame, "Other"))
    assert {photo.digest for photo in other.items} == digests(others)
    album_id = account.service.album_named("Other").album_id
    body = json.dumps(
        {"photos": [{"id": each.photo_id, "albumId": album_id, "md5": each.md5} for each in others]}
    )
    account.fail(empty("/pictures/", body, count=None if lasting else 1))
    if lasting:
        with pytest.raises(ProtocolError, match="about another album"):
            await frame.photos(await found(frame))
    else:
        listed = await frame.photos(await found(frame))
        assert {photo.digest for photo in listed.items} == digests(photos)


async def test_a_listing_shorter_than_the_count_is_incomplete(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    fill(account, 3)
    account.fail(empty("/pictures/", '{"photos":[]}', count=None))
    photos = await frame.photos(await found(frame))
    assert not photos.complete
    assert photos.problem == "Nixplay says the album contains 3 photos but lists 0."


async def test_a_service_that_repeats_one_page_for_ever(account: NixplayAccount, frame: NixplayFrame) -> None:
    photos = fill(account, 3)
    answer = json.dumps({"photos": [{"id": photos[0].photo_id, "md5": photos[0].md5}]})
    account.fail(empty("/pictures/", answer, count=None))
    listed = await frame.photos(await found(frame))
    assert listed.problem == "Nixplay says the album contains 3 photos but lists 1."


async def test_a_count_that_lags_behind_is_read_again(account: NixplayAccount, frame: NixplayFrame) -> None:
    photos = fill(account, 3)
    now = time.time()
    account.service.clock = lambda: now
    account.service.options.photo_count_seconds = 10
    now += 20
    for photo in photos[:2]:
        account.service.delete_photo(photo)
    album = await found(frame)
    assert album.photo_count == 3
    listed = await frame.photos(album)
    assert listed.problem == "Nixplay says the album contains 3 photos but lists 1."
    album = await found(frame)
    now += 10
    listed = await frame.photos(album)
    assert listed.complete
    assert len(listed.items) == 1


async def test_the_count_is_not_used_after_a_change(account: NixplayAccount, frame: NixplayFrame) -> None:
    [first, _] = fill(account, 2)
    album = await found(frame)
    await frame.delete(album, FramePhoto(str(first.photo_id), Digest.md5(first.md5)))
    account.server.log.clear()
    assert (await frame.photos(album)).complete
    assert sorted(account.asked()) == ["GET /album/9140213/pictures/json/", "GET /v2/albums/web/json/"]


async def test_an_album_that_has_gone_is_no_empty_album(account: NixplayAccount, frame: NixplayFrame) -> None:
    fill(account, 1)
    album = await found(frame)
    account.service.state.delete_album(account.service.account(), account.service.album_named("Trip"))
    for _ in range(2):
        with pytest.raises(PicsyncError):
            await frame.photos(album)


@pytest.mark.parametrize("md5", [None, "", "nonsense", 7])
async def test_a_photo_without_digest_makes_the_listing_incomplete(
    account: NixplayAccount, frame: NixplayFrame, md5: object
) -> None:
    [photo] = fill(account, 1)
    account.fail(empty("/pictures/", json.dumps({"photos": [{"id": photo.photo_id, "md5": md5}]})))
    listed = await frame.photos(await found(frame))
    assert listed.items == ()
    assert listed.problem is not None
    assert f"the first one is {photo.photo_id}" in doubt(listed.problem)


@pytest.mark.parametrize("fault", BAD_ANSWERS, ids=name)
async def test_a_failing_page_is_asked_for_again_and_never_the_end(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault
) -> None:
    fill(account, 3)
    account.fail(at(fault, "/pictures/"))
    assert len((await frame.photos(await found(frame))).items) == 3
    account.fail(at(fault, "/pictures/", count=None))
    with pytest.raises((TransientError, ProtocolError), match="Nixplay list photos"):
        await frame.photos(await found(frame))


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '{"photos":null}',
        '{"photos":[{"md5":"x"}]}',
        '{"photos":[{"id":{}}]}',
        '{"photos":[{"id":""}]}',
        '{"photos":"secret"}',
    ],
)
async def test_wrong_shapes_name_the_operation_but_no_content(
    account: NixplayAccount, frame: NixplayFrame, body: str
) -> None:
    fill(account, 1)
    account.fail(empty("/pictures/", body, count=None))
    with pytest.raises(ProtocolError, match="Nixplay list photos: unexpected response") as raised:
        await frame.photos(await found(frame))
    assert "secret" not in str(raised.value)


# Playlists.


async def test_whether_a_playlist_is_assigned(account: NixplayAccount, frame: NixplayFrame) -> None:
    playlist = account.service.add_playlist("ss_Trip")
    assert (await only_playlist(frame, "ss_Trip")).assigned is False
    [living_room] = account.service.account().frames.values()
    account.service.state.assign(living_room, playlist)
    assert (await only_playlist(frame, "ss_Trip")).assigned is True
    account.fail(empty(PLAYLISTS, json.dumps([{"id": playlist.playlist_id, "name": "ss_Trip"}])))
    assert (await only_playlist(frame, "ss_Trip")).assigned is None


@pytest.mark.parametrize("fault", BAD_ANSWERS, ids=name)
@pytest.mark.parametrize("count", [1, None])
async def test_a_failing_list_of_playlists_never_makes_a_second_one(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault, count: int | None
) -> None:
    account.service.add_playlist("ss_Trip")
    account.fail(at(fault, PLAYLISTS, "GET", count))
    if count:
        await frame.create_playlist("ss_Trip")
    else:
        for request in (frame.playlists("ss_Trip"), frame.create_playlist("ss_Trip")):
            with pytest.raises((TransientError, ProtocolError), match="list playlists"):
                await request
    assert len(account.service.playlists_named("ss_Trip")) == 1


async def test_an_empty_list_of_playlists_is_not_believed(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.add_playlist("ss_Trip")
    account.fail(empty(PLAYLISTS))
    await frame.create_playlist("ss_Trip")
    assert len(account.service.playlists_named("ss_Trip")) == 1


@pytest.mark.parametrize("fault", LOST_ANSWERS, ids=name)
async def test_a_lost_answer_to_a_creation_leaves_one_playlist(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault
) -> None:
    account.fail(at(fault, PLAYLISTS, "POST"))
    with contextlib.suppress(TransientError):
        await frame.create_playlist("ss_Trip")
    playlist = await frame.create_playlist("ss_Trip")
    assert playlist.playlist_id == str(account.service.playlist_named("ss_Trip").playlist_id)


async def test_items_are_posted_once_and_as_numbers(account: NixplayAccount, frame: NixplayFrame) -> None:
    photos = [FramePhoto(str(photo.photo_id), Digest.md5(photo.md5)) for photo in fill(account, 3)]
    playlist = await frame.create_playlist("ss_Trip")
    await frame.add_items(playlist, photos)
    [request] = account.requests("/items$")
    assert json.loads(request.body) == {"items": [{"pictureId": int(photo.photo_id)} for photo in photos]}
    account.fail(Fault(kind=FaultKind.RESET_AFTER, path="/items$"))
    with pytest.raises(TransientError, match="add items"):
        await frame.add_items(playlist, photos)
    assert len((await only_playlist(frame, "ss_Trip")).items) == 6
    assert len(account.requests("/items$")) == 2


async def test_dropped_playlist_entries_are_detected_on_reading_back(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.options.playlist_limit = 120
    photos = [FramePhoto(str(photo.photo_id), Digest.md5(photo.md5)) for photo in fill(account, 130)]
    playlist = await frame.create_playlist("ss_Trip")
    await frame.add_items(playlist, photos)
    now = await only_playlist(frame, "ss_Trip")
    assert shown(now) == [photo.photo_id for photo in photos[:120]]


async def test_slides_that_are_empty_by_mistake_are_read_again(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.add_playlist("ss_Trip", fill(account, 3))
    account.fail(empty("/slides$", '{"slides":[]}'))
    assert len((await only_playlist(frame, "ss_Trip")).items) == 3


async def test_foreign_pictures_are_items_without_a_photo(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    [photo] = fill(account, 1)
    playlist = account.service.add_playlist("ss_Trip")
    account.service.state.append_items(playlist, [Foreign("https://example.org/a.jpg"), photo])
    read = await only_playlist(frame, "ss_Trip")
    assert shown(read) == ["", str(photo.photo_id)]
    await frame.remove_items(read, read.items[:1])
    assert account.service.playlist_photos(playlist) == [photo]


async def test_a_few_items_are_removed_at_a_time(account: NixplayAccount, frame: NixplayFrame) -> None:
    account.service.add_playlist("ss_Trip", fill(account, 9))
    playlist = await only_playlist(frame, "ss_Trip")
    account.fail(Fault(kind=FaultKind.HANG, method="DELETE", count=None))
    removal = asyncio.create_task(frame.remove_items(playlist, playlist.items))
    await account.server.log.wait_for(lambda log: log.count(method="DELETE") == 3)
    other = account.frame()
    await other.albums()  # Whatever was sent together with the three has arrived before this.
    await other.aclose()
    assert len(account.requests(method="DELETE")) == 3
    removal.cancel()
    with pytest.raises(asyncio.CancelledError):
        await removal


async def test_many_items_are_removed_one_by_one(account: NixplayAccount, frame: NixplayFrame) -> None:
    account.service.add_playlist("ss_Trip", fill(account, 20))
    playlist = await only_playlist(frame, "ss_Trip")
    account.server.log.clear()
    await frame.remove_items(playlist, playlist.items[1:])
    assert (await only_playlist(frame, "ss_Trip")).items == playlist.items[:1]
    deletes = account.requests(method="DELETE")
    assert all(re.fullmatch("id=[^&]+", request.query) for request in deletes)
    assert account.service.counters["clear_items"] == 0


@pytest.mark.parametrize("item_id", ["", " "])
async def test_an_item_without_id_is_never_removed(
    account: NixplayAccount, frame: NixplayFrame, item_id: str
) -> None:
    account.service.add_playlist("ss_Trip", fill(account, 3))
    playlist = await only_playlist(frame, "ss_Trip")
    with pytest.raises(ValueError, match="an ID is needed"):
        await frame.remove_items(playlist, [PlaylistItem(item_id, "1")])
    assert not account.requests(method="DELETE")


async def test_a_failing_removal_leaves_the_others_items(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    account.service.add_playlist("ss_Trip", fill(account, 9))
    playlist = await only_playlist(frame, "ss_Trip")
    account.fail(Fault(kind=FaultKind.STATUS, status=503, method="DELETE", count=None, skip=2))
    with pytest.raises(TransientError, match="remove item"):
        await frame.remove_items(playlist, playlist.items[:6])
    account.server.faults.clear()
    left = (await only_playlist(frame, "ss_Trip")).items
    assert set(playlist.items[6:]) <= set(left)
    await frame.remove_items(playlist, playlist.items[:6])
    assert (await only_playlist(frame, "ss_Trip")).items == playlist.items[6:]


async def test_deleting_is_repeated_until_it_is_done(account: NixplayAccount, frame: NixplayFrame) -> None:
    [photo] = fill(account, 1)
    album = await found(frame)
    account.fail(
        Fault(kind=FaultKind.RESET_AFTER, path="/delete/"),
        Fault(kind=FaultKind.STATUS, status=404, path="/delete/"),
    )
    await frame.delete(album, FramePhoto(str(photo.photo_id), Digest.md5(photo.md5)))
    assert (await frame.photos(album)).items == ()


async def test_nothing_but_the_login_and_progress_is_told(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    album = await frame.create_album("Trip")
    await frame.upload(album, rendition(JPEG))
    await frame.photos(album)
    assert {type(event) for event in account.events} == {LoggedIn, ListingProgress}


@pytest.mark.parametrize("fault", BAD_ANSWERS, ids=name)
async def test_the_count_of_an_album_outside_the_web_listing(
    account: NixplayAccount, frame: NixplayFrame, fault: Fault
) -> None:
    """The album that collects emails is only in a listing of its own."""
    (received,) = [each for each in await frame.albums() if "@" in each.name]
    account.fail(at(fault, "^/v2/albums/email/json/$", count=None))
    with pytest.raises((TransientError, ProtocolError)):
        await frame.photos(received)
    account.server.faults.clear()
    assert not (await frame.photos(received)).items

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from picsync.emulators.nixplay import API, Answer, Emoji, ListingOrder, Nixplay, OverLimit
from tests.emulators.nixplay_client import PASSWORD, USER, FakeTime, Rig, md5, running

PRINTABLE = "!\"#$%&'()*+,-./\\:;<=>?@[\\]^_`{|}~"
NAMES = ["1234", '"', "\\", ".", "..", PRINTABLE, " space ", "test%46.txt", "漢字"]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    clock = FakeTime()
    async with running(Nixplay(clock=clock, sleep=clock.sleep)) as rig:
        await rig.login()
        yield rig


async def albums(rig: Rig, kind: str = "web", version: str = "/v2") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = await rig.json("GET", f"{version}/albums/{kind}/json/")
    return listed


async def test_a_new_account_has_two_albums(rig: Rig) -> None:
    assert [each["title"] for each in await albums(rig)] == ["My Uploads"]
    assert [each["title"] for each in await albums(rig, version="")] == ["My Uploads"]
    assert [each["title"] for each in await albums(rig, "email")] == ["jane@mynixplay.com"]


async def test_albums_are_created_listed_and_deleted_names_need_not_be_unique(rig: Rig) -> None:
    first, second = await rig.create_album("Trip"), await rig.create_album("Trip")
    assert first != second
    listed = [each for each in await albums(rig) if each["title"] == "Trip"]
    assert [each["id"] for each in listed] == [first, second]
    assert (listed[0]["photo_count"], listed[0]["album_type"]) == (0, "Web")
    assert listed[0]["dateCreated"] == "14/Nov/2023"
    assert (await rig.call("POST", f"/album/{second}/delete/json/")).status_code == 200
    assert [each["id"] for each in await albums(rig) if each["title"] == "Trip"] == [first]


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_kept_verbatim(rig: Rig, name: str) -> None:
    album_id = await rig.create_album(name)
    assert [each["title"] for each in await albums(rig) if each["id"] == album_id] == [name]
    await rig.create_playlist(name)
    assert (await rig.json("GET", "/v3/playlists"))[-1]["name"] == name
    assert (await rig.upload({"albumId": album_id}, name + ".jpg", b"x")).status_code == 200
    assert [each["filename"] for each in await rig.pictures(album_id)] == [name + ".jpg"]


@pytest.mark.parametrize(
    ("setting", "kept"), [(Emoji.KEEP, "a\U0001f60ab"), (Emoji.STRIP, "ab"), (Emoji.QUESTION_MARK, "a?b")]
)
async def test_emoji_become_what_is_set(rig: Rig, setting: Emoji, kept: str) -> None:
    rig.nixplay.options.emoji = setting
    (album,) = await rig.json("POST", "/album/create/json/", data={"name": "a\U0001f60ab"})
    assert album["title"] == kept


async def test_pictures_come_newest_first_by_page_and_an_end_is_empty(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    for number in range(5):
        rig.nixplay.add_photo(album, f"{number}.jpg", b"%d" % number)
    pages = [await rig.pictures(album.album_id, page, 2) for page in (1, 2, 3, 4)]
    names = [[each["filename"] for each in page] for page in pages]
    assert names == [["4.jpg", "3.jpg"], ["2.jpg", "1.jpg"], ["0.jpg"], []]


async def test_a_picture_s_fields(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    photo = rig.nixplay.add_photo(album, "IMG_1.jpg", b"bytes")
    (listed,) = await rig.pictures(album.album_id)
    assert listed == await rig.json("GET", f"/picture/{photo.photo_id}/")
    assert (listed["id"], listed["albumId"]) == (photo.photo_id, album.album_id)
    assert (listed["md5"], listed["filename"]) == (md5(b"bytes"), "IMG_1.jpg")
    assert listed["url"] == listed["originalUrl"]
    assert re.fullmatch(r"/\d+/\d+_" + md5(b"bytes") + r"\.jpg", httpx.URL(listed["url"]).path)
    assert not {"size", "fileSize"} & set(listed)


@pytest.mark.parametrize("query", ["", "?page=1", "?limit=100", "?page=0&limit=100", "?page=x&limit=100"])
async def test_pictures_without_paging_are_503(rig: Rig, query: str) -> None:
    album = rig.nixplay.add_album("a")
    answer = await rig.call("GET", f"/album/{album.album_id}/pictures/json/{query}")
    assert answer.status_code == 503
    assert "503 Service Temporarily Unavailable" in answer.text


async def test_pictures_without_trailing_slash_are_503(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    answer = await rig.call("GET", f"/album/{album.album_id}/pictures/json?page=1&limit=100")
    assert answer.status_code == 503


async def test_a_limit_above_the_largest_is_cut_or_refused(rig: Rig) -> None:
    rig.nixplay.options.pictures_limit = 2
    album = rig.nixplay.add_album("a")
    for number in range(3):
        rig.nixplay.add_photo(album, f"{number}.jpg", b"%d" % number)
    assert [len(await rig.pictures(album.album_id, page, 500)) for page in (1, 2, 3)] == [2, 1, 0]
    rig.nixplay.options.over_limit = OverLimit.REFUSE
    path = f"/album/{album.album_id}/pictures/json/?page=1&limit=500"
    assert (await rig.call("GET", path)).status_code == 400


async def test_deleting_a_picture_is_idempotent_and_leaves_playlists(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    photo, other = (rig.nixplay.add_photo(album, name, name.encode()) for name in ("1.jpg", "2.jpg"))
    playlist = rig.nixplay.add_playlist("p", [photo, other, photo])
    for _ in range(2):
        assert (await rig.call("POST", f"/picture/{photo.photo_id}/delete/json/")).status_code == 200
    assert [each["id"] for each in await rig.pictures(album.album_id)] == [other.photo_id]
    assert rig.nixplay.playlist_photos(playlist) == [other]
    assert not photo.path.exists()
    assert (await rig.call("GET", f"/picture/{photo.photo_id}/")).status_code == 404


async def test_deleting_an_album_deletes_its_photos_everywhere(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    photo = rig.nixplay.add_photo(album, "1.jpg", b"1")
    playlist = rig.nixplay.add_playlist("p", [photo])
    assert (await rig.call("POST", f"/album/{album.album_id}/delete/json/")).status_code == 200
    assert playlist.items == []
    assert not photo.path.exists()
    assert rig.nixplay.account().stored_bytes == 0
    assert (await rig.call("POST", f"/album/{album.album_id}/delete/json/")).status_code == 404


async def test_unknown_ids_are_answered_as_set(rig: Rig) -> None:
    rig.nixplay.options.unknown_id = Answer.json(410, "gone", "Gone")
    for method, path in (
        ("GET", "/album/1/pictures/json/?page=1&limit=10"),
        ("POST", "/album/1/delete/json/"),
        ("GET", "/picture/1/"),
    ):
        assert (await rig.call(method, path)).status_code == 410


async def test_a_caption_can_be_set(rig: Rig) -> None:
    photo = rig.nixplay.add_photo(rig.nixplay.add_album("a"), "1.jpg", b"1")
    await rig.json("PATCH", f"/v3/pictures/{photo.photo_id}/attrs", json={"caption": "hello"})
    assert (await rig.json("GET", f"/picture/{photo.photo_id}/"))["caption"] == "hello"


async def test_photo_count_can_lag(rig: Rig) -> None:
    options, time = rig.nixplay.options, FakeTime()
    options.photo_count_seconds = options.picture_count_seconds = 10
    rig.nixplay.clock = time
    album = rig.nixplay.add_album("a")
    photo = rig.nixplay.add_photo(album, "1.jpg", b"1")
    rig.nixplay.add_playlist("p", [photo])
    for seconds, count in ((0, 0), (9, 0), (1, 1)):
        time.now += seconds
        assert (await albums(rig))[-1]["photo_count"] == count
        assert (await rig.json("GET", "/v3/playlists"))[-1]["picture_count"] == count


async def test_what_was_created_can_be_listed_late(rig: Rig) -> None:
    time = FakeTime()
    rig.nixplay.options.created_seconds, rig.nixplay.clock = 10, time
    await rig.create_album("a")
    await rig.create_playlist("p")
    for seconds, listed in ((9, 0), (1, 1)):
        time.now += seconds
        assert len([each for each in await albums(rig) if each["title"] == "a"]) == listed
        assert len([each for each in await rig.json("GET", "/v3/playlists") if each["name"] == "p"]) == listed


@pytest.mark.parametrize("order", ListingOrder)
async def test_the_order_of_a_listing_can_be_set(rig: Rig, order: ListingOrder) -> None:
    rig.nixplay.options.order = order
    album = rig.nixplay.add_album("a")
    made = [rig.nixplay.add_photo(album, f"{n}.jpg", b"%d" % n).photo_id for n in range(9)]
    pages = [[each["id"] for each in await rig.pictures(album.album_id, page, 4)] for page in (1, 2, 3)]
    listed = [each for page in pages for each in page]
    assert sorted(listed) == made
    assert {"NEWEST_FIRST": made[::-1], "OLDEST_FIRST": made}.get(order.name) in (listed, None)
    assert (listed in (made, made[::-1])) is (order is not ListingOrder.SCATTERED)


@pytest.mark.parametrize("echo", [False, True])
async def test_the_answer_to_a_creation_can_echo_the_name(rig: Rig, echo: bool) -> None:
    rig.nixplay.options.echo_names = echo
    (album,) = await rig.json("POST", "/album/create/json/", data={"name": "a\U0001f60a"})
    assert album["title"] == ("a\U0001f60a" if echo else "a?")
    assert (await albums(rig))[-1]["title"] == "a?"


@pytest.mark.parametrize(("emoji", "status"), [(Emoji.REFUSE, 400), (Emoji.FAIL, 500)])
async def test_names_can_be_refused(rig: Rig, emoji: Emoji, status: int) -> None:
    rig.nixplay.options.emoji = emoji
    name = "a\U0001f60a"
    answers = [
        await rig.call("POST", "/album/create/json/", data={"name": name}),
        await rig.call("POST", "/v3/playlists", json={"name": name}),
        await rig.permission({"albumId": rig.nixplay.add_album("a").album_id}, name, 1),
    ]
    assert [answer.status_code for answer in answers] == [status] * 3
    assert [answer.headers["content-type"].partition(";")[0] for answer in answers] == [
        "text/html",
        "application/json",
        "application/json",
    ]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"emoji": Emoji.CUT}, " \xe9a"),
        ({"emoji": Emoji.STRIP, "only_ascii": True}, " a b "),
        ({"normal_form": "NFD", "emoji": Emoji.KEEP}, " e\u0301a\U0001f60a b "),
        ({"trim_names": True}, "\xe9a? b"),
        ({"name_characters": 2}, " \xe9"),
    ],
)
async def test_names_are_kept_as_set(rig: Rig, options: dict[str, object], kept: str) -> None:
    for option, value in options.items():
        setattr(rig.nixplay.options, option, value)
    (album,) = await rig.json("POST", "/album/create/json/", data={"name": " \xe9a\U0001f60a b "})
    assert album["title"] == kept


async def test_a_photo_s_url_serves_the_bytes_and_their_size(rig: Rig) -> None:
    content = bytes(range(256)) * 1000
    album = rig.nixplay.add_album("a")
    rig.nixplay.add_photo(album, "1.jpg", content)
    url = (await rig.pictures(album.album_id))[0]["url"]
    whole = await rig.http.get(url)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "image/jpeg"
    first = await rig.http.get(url, headers={"Range": "bytes=0-0"})
    assert (first.status_code, first.content) == (206, b"\x00")
    assert first.headers["content-range"] == f"bytes 0-0/{len(content)}"
    last = await rig.http.get(url, headers={"Range": "bytes=-2"})
    assert (last.status_code, last.content) == (206, b"\xfe\xff")
    beyond = await rig.http.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert (beyond.status_code, "InvalidRange" in beyond.text) == (416, True)


async def test_a_photo_s_url_is_good_for_get_alone_and_only_as_signed(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    rig.nixplay.add_photo(album, "1.jpg", b"1")
    url = httpx.URL((await rig.pictures(album.album_id))[0]["url"])
    assert (await rig.http.head(url)).status_code == 403
    assert (await rig.http.get(url.copy_with(query=None))).status_code == 403
    for name in ("AWSAccessKeyId", "Expires", "Signature"):
        answer = await rig.http.get(url.copy_set_param(name, "12345"))
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("application/xml")
    assert "SignatureDoesNotMatch" in (await rig.http.get(url.copy_set_param("Signature", "x"))).text


async def test_a_photo_s_url_is_stable_and_ends_with_the_month() -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with running(nixplay) as rig:
        await rig.login()
        album = nixplay.add_album("a")
        nixplay.add_photo(album, "1.jpg", b"1")
        url = (await rig.pictures(album.album_id))[0]["url"]
        assert httpx.URL(url).params["Expires"] == "1701388799"
        await clock.sleep(86400)
        assert (await rig.pictures(album.album_id))[0]["url"] == url
        await clock.sleep(30 * 86400)
        assert "Request has expired" in (await rig.http.get(url)).text
        nixplay.options.url_seconds = 10
        url = (await rig.pictures(album.album_id))[0]["url"]
        assert (await rig.http.get(url)).status_code == 200
        await clock.sleep(11)
        assert (await rig.http.get(url)).status_code == 403


async def test_urls_lead_back_through_the_path_prefix(rig: Rig) -> None:
    album = rig.nixplay.add_album("a")
    rig.nixplay.add_photo(album, "1.jpg", b"1")
    base = f"{rig.server.url}/{API}"
    async with httpx.AsyncClient() as http:
        await http.post(f"{base}/www-login/", data={"email": USER, "password": PASSWORD})
        listed = (await http.get(f"{base}/album/{album.album_id}/pictures/json/?page=1&limit=9")).json()
        url = listed["photos"][0]["url"]
        assert url.startswith(f"{rig.server.url}/nixplay-prod-original.s3.us-west-2.amazonaws.com/")
        assert (await http.get(url)).content == b"1"


async def test_equal_bytes_in_two_albums_are_two_photos_at_one_address(rig: Rig) -> None:
    one, two = rig.nixplay.add_album("1"), rig.nixplay.add_album("2")
    first, second = (rig.nixplay.add_photo(album, "x.jpg", b"x") for album in (one, two))
    assert first.photo_id != second.photo_id
    await rig.call("POST", f"/picture/{first.photo_id}/delete/json/")
    (left,) = await rig.pictures(two.album_id)
    assert (await rig.http.get(left["url"])).content == b"x"
    await rig.call("POST", f"/picture/{second.photo_id}/delete/json/")
    assert "NoSuchKey" in (await rig.http.get(left["url"])).text
    with pytest.raises(ValueError, match="already"):
        rig.nixplay.add_photo(one, "y.jpg", b"z") and rig.nixplay.add_photo(one, "y.jpg", b"z")


async def test_observers_see_every_change() -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with running(nixplay) as rig:
        await rig.login()
        seen: list[tuple[str, int]] = []
        nixplay.observers.append(lambda each, name: seen.append((name, len(each.account().photos))))
        album_id = await rig.create_album("a")
        await rig.upload({"albumId": album_id}, "1.jpg", b"1")
        (photo,) = await rig.pictures(album_id)
        await rig.call("POST", f"/picture/{photo['id']}/delete/json/")
        assert seen == [("create_album", 0), ("add_photo", 1), ("delete_photo", 0)]
        assert nixplay.counters["delete_photo"] == 1


def test_names_that_are_missing_or_ambiguous_raise() -> None:
    nixplay = Nixplay()
    with pytest.raises(LookupError):
        nixplay.account()
    nixplay.add_user("jane", "x")
    for _ in range(2):
        nixplay.add_album("twice")
    for name in ("twice", "never"):
        with pytest.raises(LookupError):
            nixplay.album_named(name)
    assert nixplay.playlist_named("Favorites").items == []
    nixplay.close()
    assert not nixplay.spool.exists()

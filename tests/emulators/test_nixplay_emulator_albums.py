from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from picsync.emulators.nixplay import API, Answer, Emoji, ListingOrder, Nixplay, OverLimit
from tests.emulators.nixplay_emulator import PASSWORD, USER, FakeTime, NixplayEmulator, md5, nixplay_emulator

PRINTABLE = "!\"#$%&'()*+,-./\\:;<=>?@[\\]^_`{|}~"
NAMES = ["1234", '"', "\\", ".", "..", PRINTABLE, " space ", "test%46.txt", "漢字"]


@pytest.fixture
async def emulator() -> AsyncIterator[NixplayEmulator]:
    clock = FakeTime()
    async with nixplay_emulator(Nixplay(clock=clock, sleep=clock.sleep)) as emulator:
        await emulator.login()
        yield emulator


async def albums(emulator: NixplayEmulator, kind: str = "web", version: str = "/v2") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = await emulator.json("GET", f"{version}/albums/{kind}/json/")
    return listed


async def test_a_new_account_has_two_albums(emulator: NixplayEmulator) -> None:
    assert [each["title"] for each in await albums(emulator)] == ["My Uploads"]
    assert [each["title"] for each in await albums(emulator, version="")] == ["My Uploads"]
    assert [each["title"] for each in await albums(emulator, "email")] == ["jane@mynixplay.com"]


async def test_albums_can_share_a_name(
    emulator: NixplayEmulator,
) -> None:
    first, second = await emulator.create_album("Trip"), await emulator.create_album("Trip")
    assert first != second
    listed = [each for each in await albums(emulator) if each["title"] == "Trip"]
    assert [each["id"] for each in listed] == [first, second]
    assert (listed[0]["photo_count"], listed[0]["album_type"]) == (0, "Web")
    assert listed[0]["dateCreated"] == "14/Nov/2023"
    assert (await emulator.call("POST", f"/album/{second}/delete/json/")).status_code == 200
    assert [each["id"] for each in await albums(emulator) if each["title"] == "Trip"] == [first]


@pytest.mark.parametrize("name", NAMES)
async def test_names_are_kept_verbatim(emulator: NixplayEmulator, name: str) -> None:
    album_id = await emulator.create_album(name)
    assert [each["title"] for each in await albums(emulator) if each["id"] == album_id] == [name]
    await emulator.create_playlist(name)
    assert (await emulator.json("GET", "/v3/playlists"))[-1]["name"] == name
    assert (await emulator.upload({"albumId": album_id}, name + ".jpg", b"x")).status_code == 200
    assert [each["filename"] for each in await emulator.pictures(album_id)] == [name + ".jpg"]


@pytest.mark.parametrize(
    ("setting", "kept"), [(Emoji.KEEP, "a\U0001f60ab"), (Emoji.STRIP, "ab"), (Emoji.QUESTION_MARK, "a?b")]
)
async def test_emoji_become_what_is_set(emulator: NixplayEmulator, setting: Emoji, kept: str) -> None:
    emulator.nixplay.options.emoji = setting
    (album,) = await emulator.json("POST", "/album/create/json/", data={"name": "a\U0001f60ab"})
    assert album["title"] == kept


async def test_pictures_come_newest_first_by_page_and_an_end_is_empty(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    for number in range(5):
        emulator.nixplay.add_photo(album, f"{number}.jpg", b"%d" % number)
    pages = [await emulator.pictures(album.album_id, page, 2) for page in (1, 2, 3, 4)]
    names = [[each["filename"] for each in page] for page in pages]
    assert names == [["4.jpg", "3.jpg"], ["2.jpg", "1.jpg"], ["0.jpg"], []]


async def test_a_picture_s_fields(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    photo = emulator.nixplay.add_photo(album, "IMG_1.jpg", b"bytes")
    (listed,) = await emulator.pictures(album.album_id)
    assert listed == await emulator.json("GET", f"/picture/{photo.photo_id}/")
    assert (listed["id"], listed["albumId"]) == (photo.photo_id, album.album_id)
    assert (listed["md5"], listed["filename"]) == (md5(b"bytes"), "IMG_1.jpg")
    assert listed["url"] == listed["originalUrl"]
    assert re.fullmatch(r"/\d+/\d+_" + md5(b"bytes") + r"\.jpg", httpx.URL(listed["url"]).path)
    assert not {"size", "fileSize"} & set(listed)


@pytest.mark.parametrize("query", ["", "?page=1", "?limit=100", "?page=0&limit=100", "?page=x&limit=100"])
async def test_pictures_without_paging_are_503(emulator: NixplayEmulator, query: str) -> None:
    album = emulator.nixplay.add_album("a")
    answer = await emulator.call("GET", f"/album/{album.album_id}/pictures/json/{query}")
    assert answer.status_code == 503
    assert "503 Service Temporarily Unavailable" in answer.text


async def test_pictures_without_trailing_slash_are_503(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    answer = await emulator.call("GET", f"/album/{album.album_id}/pictures/json?page=1&limit=100")
    assert answer.status_code == 503


async def test_a_limit_above_the_largest_is_cut_or_refused(emulator: NixplayEmulator) -> None:
    emulator.nixplay.options.pictures_limit = 2
    album = emulator.nixplay.add_album("a")
    for number in range(3):
        emulator.nixplay.add_photo(album, f"{number}.jpg", b"%d" % number)
    assert [len(await emulator.pictures(album.album_id, page, 500)) for page in (1, 2, 3)] == [2, 1, 0]
    emulator.nixplay.options.over_limit = OverLimit.REFUSE
    path = f"/album/{album.album_id}/pictures/json/?page=1&limit=500"
    assert (await emulator.call("GET", path)).status_code == 400


async def test_deleting_a_picture_is_idempotent_and_leaves_playlists(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    photo, other = (emulator.nixplay.add_photo(album, name, name.encode()) for name in ("1.jpg", "2.jpg"))
    playlist = emulator.nixplay.add_playlist("p", [photo, other, photo])
    for _ in range(2):
        assert (await emulator.call("POST", f"/picture/{photo.photo_id}/delete/json/")).status_code == 200
    assert [each["id"] for each in await emulator.pictures(album.album_id)] == [other.photo_id]
    assert emulator.nixplay.playlist_photos(playlist) == [other]
    assert not photo.path.exists()
    assert (await emulator.call("GET", f"/picture/{photo.photo_id}/")).status_code == 404


async def test_deleting_an_album_deletes_its_photos_everywhere(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    photo = emulator.nixplay.add_photo(album, "1.jpg", b"1")
    playlist = emulator.nixplay.add_playlist("p", [photo])
    assert (await emulator.call("POST", f"/album/{album.album_id}/delete/json/")).status_code == 200
    assert playlist.items == []
    assert not photo.path.exists()
    assert emulator.nixplay.account().stored_bytes == 0
    assert (await emulator.call("POST", f"/album/{album.album_id}/delete/json/")).status_code == 404


async def test_unknown_ids_are_answered_as_set(emulator: NixplayEmulator) -> None:
    emulator.nixplay.options.unknown_id = Answer.json(410, "gone", "Gone")
    for method, path in (
        ("GET", "/album/1/pictures/json/?page=1&limit=10"),
        ("POST", "/album/1/delete/json/"),
        ("GET", "/picture/1/"),
    ):
        assert (await emulator.call(method, path)).status_code == 410


async def test_a_caption_can_be_set(emulator: NixplayEmulator) -> None:
    photo = emulator.nixplay.add_photo(emulator.nixplay.add_album("a"), "1.jpg", b"1")
    await emulator.json("PATCH", f"/v3/pictures/{photo.photo_id}/attrs", json={"caption": "hello"})
    assert (await emulator.json("GET", f"/picture/{photo.photo_id}/"))["caption"] == "hello"


async def test_photo_count_can_lag(emulator: NixplayEmulator) -> None:
    options, time = emulator.nixplay.options, FakeTime()
    options.photo_count_seconds = options.picture_count_seconds = 10
    emulator.nixplay.clock = time
    album = emulator.nixplay.add_album("a")
    photo = emulator.nixplay.add_photo(album, "1.jpg", b"1")
    emulator.nixplay.add_playlist("p", [photo])
    for seconds, count in ((0, 0), (9, 0), (1, 1)):
        time.now += seconds
        assert (await albums(emulator))[-1]["photo_count"] == count
        assert (await emulator.json("GET", "/v3/playlists"))[-1]["picture_count"] == count


async def test_what_was_created_can_be_listed_late(emulator: NixplayEmulator) -> None:
    time = FakeTime()
    emulator.nixplay.options.created_seconds, emulator.nixplay.clock = 10, time
    await emulator.create_album("a")
    await emulator.create_playlist("p")
    for seconds, listed in ((9, 0), (1, 1)):
        time.now += seconds
        assert len([each for each in await albums(emulator) if each["title"] == "a"]) == listed
        assert (
            len([each for each in await emulator.json("GET", "/v3/playlists") if each["name"] == "p"])
            == listed
        )


@pytest.mark.parametrize("order", ListingOrder)
async def test_the_order_of_a_listing_can_be_set(emulator: NixplayEmulator, order: ListingOrder) -> None:
    emulator.nixplay.options.order = order
    album = emulator.nixplay.add_album("a")
    made = [emulator.nixplay.add_photo(album, f"{n}.jpg", b"%d" % n).photo_id for n in range(9)]
    pages = [[each["id"] for each in await emulator.pictures(album.album_id, page, 4)] for page in (1, 2, 3)]
    listed = [each for page in pages for each in page]
    assert sorted(listed) == made
    assert {"NEWEST_FIRST": made[::-1], "OLDEST_FIRST": made}.get(order.name) in (listed, None)
    assert (listed in (made, made[::-1])) is (order is not ListingOrder.SCATTERED)


@pytest.mark.parametrize("echo", [False, True])
async def test_the_answer_to_a_creation_can_echo_the_name(emulator: NixplayEmulator, echo: bool) -> None:
    emulator.nixplay.options.echo_names = echo
    (album,) = await emulator.json("POST", "/album/create/json/", data={"name": "a\U0001f60a"})
    assert album["title"] == ("a\U0001f60a" if echo else "a?")
    assert (await albums(emulator))[-1]["title"] == "a?"


@pytest.mark.parametrize(("emoji", "status"), [(Emoji.REFUSE, 400), (Emoji.FAIL, 500)])
async def test_names_can_be_refused(emulator: NixplayEmulator, emoji: Emoji, status: int) -> None:
    emulator.nixplay.options.emoji = emoji
    name = "a\U0001f60a"
    answers = [
        await emulator.call("POST", "/album/create/json/", data={"name": name}),
        await emulator.call("POST", "/v3/playlists", json={"name": name}),
        await emulator.permission({"albumId": emulator.nixplay.add_album("a").album_id}, name, 1),
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
async def test_names_are_kept_as_set(
    emulator: NixplayEmulator, options: dict[str, object], kept: str
) -> None:
    for option, value in options.items():
        setattr(emulator.nixplay.options, option, value)
    (album,) = await emulator.json("POST", "/album/create/json/", data={"name": " \xe9a\U0001f60a b "})
    assert album["title"] == kept


async def test_a_photo_s_url_serves_the_bytes_and_their_size(emulator: NixplayEmulator) -> None:
    content = bytes(range(256)) * 1000
    album = emulator.nixplay.add_album("a")
    emulator.nixplay.add_photo(album, "1.jpg", content)
    url = (await emulator.pictures(album.album_id))[0]["url"]
    whole = await emulator.http.get(url)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "image/jpeg"
    first = await emulator.http.get(url, headers={"Range": "bytes=0-0"})
    assert (first.status_code, first.content) == (206, b"\x00")
    assert first.headers["content-range"] == f"bytes 0-0/{len(content)}"
    last = await emulator.http.get(url, headers={"Range": "bytes=-2"})
    assert (last.status_code, last.content) == (206, b"\xfe\xff")
    beyond = await emulator.http.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert (beyond.status_code, "InvalidRange" in beyond.text) == (416, True)


async def test_a_photo_s_url_is_good_for_get_alone_and_only_as_signed(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    emulator.nixplay.add_photo(album, "1.jpg", b"1")
    url = httpx.URL((await emulator.pictures(album.album_id))[0]["url"])
    assert (await emulator.http.head(url)).status_code == 403
    assert (await emulator.http.get(url.copy_with(query=None))).status_code == 403
    for name in ("AWSAccessKeyId", "Expires", "Signature"):
        answer = await emulator.http.get(url.copy_set_param(name, "12345"))
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("application/xml")
    assert "SignatureDoesNotMatch" in (await emulator.http.get(url.copy_set_param("Signature", "x"))).text


async def test_a_photo_s_url_is_stable_and_ends_with_the_month() -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with nixplay_emulator(nixplay) as emulator:
        await emulator.login()
        album = nixplay.add_album("a")
        nixplay.add_photo(album, "1.jpg", b"1")
        url = (await emulator.pictures(album.album_id))[0]["url"]
        assert httpx.URL(url).params["Expires"] == "1701388799"
        await clock.sleep(86400)
        assert (await emulator.pictures(album.album_id))[0]["url"] == url
        await clock.sleep(30 * 86400)
        assert "Request has expired" in (await emulator.http.get(url)).text
        nixplay.options.url_seconds = 10
        url = (await emulator.pictures(album.album_id))[0]["url"]
        assert (await emulator.http.get(url)).status_code == 200
        await clock.sleep(11)
        assert (await emulator.http.get(url)).status_code == 403


async def test_urls_lead_back_through_the_path_prefix(emulator: NixplayEmulator) -> None:
    album = emulator.nixplay.add_album("a")
    emulator.nixplay.add_photo(album, "1.jpg", b"1")
    base = f"{emulator.server.url}/{API}"
    async with httpx.AsyncClient() as http:
        await http.post(f"{base}/www-login/", data={"email": USER, "password": PASSWORD})
        listed = (await http.get(f"{base}/album/{album.album_id}/pictures/json/?page=1&limit=9")).json()
        url = listed["photos"][0]["url"]
        assert url.startswith(f"{emulator.server.url}/nixplay-prod-original.s3.us-west-2.amazonaws.com/")
        assert (await http.get(url)).content == b"1"


async def test_equal_bytes_in_two_albums_are_two_photos_at_one_address(emulator: NixplayEmulator) -> None:
    one, two = emulator.nixplay.add_album("1"), emulator.nixplay.add_album("2")
    first, second = (emulator.nixplay.add_photo(album, "x.jpg", b"x") for album in (one, two))
    assert first.photo_id != second.photo_id
    await emulator.call("POST", f"/picture/{first.photo_id}/delete/json/")
    (left,) = await emulator.pictures(two.album_id)
    assert (await emulator.http.get(left["url"])).content == b"x"
    await emulator.call("POST", f"/picture/{second.photo_id}/delete/json/")
    assert "NoSuchKey" in (await emulator.http.get(left["url"])).text
    with pytest.raises(ValueError, match="already"):
        emulator.nixplay.add_photo(one, "y.jpg", b"z") and emulator.nixplay.add_photo(one, "y.jpg", b"z")


async def test_observers_see_every_change() -> None:
    clock = FakeTime()
    nixplay = Nixplay(clock=clock, sleep=clock.sleep)
    async with nixplay_emulator(nixplay) as emulator:
        await emulator.login()
        seen: list[tuple[str, int]] = []
        nixplay.observers.append(lambda each, name: seen.append((name, len(each.account().photos))))
        album_id = await emulator.create_album("a")
        await emulator.upload({"albumId": album_id}, "1.jpg", b"1")
        (photo,) = await emulator.pictures(album_id)
        await emulator.call("POST", f"/picture/{photo['id']}/delete/json/")
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

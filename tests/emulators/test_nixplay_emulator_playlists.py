from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from picsync.emulators.nixplay import GonePhoto, Nixplay, OverLimit, Photo
from tests.emulators.nixplay_emulator import FakeTime, NixplayEmulator, md5, nixplay_emulator


@pytest.fixture
async def emulator() -> AsyncIterator[NixplayEmulator]:
    clock = FakeTime()
    async with nixplay_emulator(Nixplay(clock=clock, sleep=clock.sleep)) as emulator:
        await emulator.login()
        yield emulator


def photos(emulator: NixplayEmulator, count: int) -> list[Photo]:
    album = emulator.nixplay.add_album("a")
    return [emulator.nixplay.add_photo(album, f"{number}.jpg", b"%d" % number) for number in range(count)]


def items(*of: Photo) -> dict[str, Any]:
    return {"items": [{"pictureId": photo.photo_id} for photo in of]}


async def test_a_new_account_has_two_playlists(emulator: NixplayEmulator) -> None:
    listed = await emulator.json("GET", "/v3/playlists")
    assert [each["name"] for each in listed] == ["jane@mynixplay.com", "Favorites"]
    first = listed[0]
    assert (first["playlist_name"], first["picture_count"]) == (first["name"], 0)
    assert json.loads(first["cover_urls"]) == []
    assert first["last_updated_date"] == "2023-11-14T22:13:20.000Z"
    assert (first["on_frames"], first["sharing"], first["duration"]) == ([], {}, -1)


async def test_playlists_can_share_a_name(emulator: NixplayEmulator) -> None:
    first, second = await emulator.create_playlist("p"), await emulator.create_playlist("p")
    assert first != second
    assert (await emulator.call("DELETE", f"/v3/playlists/{first}")).status_code == 200
    assert [each["id"] for each in await emulator.json("GET", "/v3/playlists/")][2:] == [second]
    assert (await emulator.call("DELETE", f"/v3/playlists/{first}")).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"name": "p"}', "application/x-www-form-urlencoded"),
        ('{"name": "p"}', ""),
        ("{}", "application/json"),
        ('{"name": 7}', "application/json"),
        ("[]", "application/json"),
    ],
)
async def test_creating_needs_a_name_in_json_that_is_said_to_be_json(
    emulator: NixplayEmulator, content: str, kind: str
) -> None:
    answer = await emulator.call("POST", "/v3/playlists", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json() == {"code": 400, "message": "name (string) is required", "name": "AssertionError"}


async def test_items_are_appended_in_order_and_may_repeat(emulator: NixplayEmulator) -> None:
    one, two = photos(emulator, 2)
    playlist_id = await emulator.create_playlist("p")
    path = f"/v3/playlists/{playlist_id}/items"
    await emulator.json("POST", path, json=items(two, one))
    await emulator.json("POST", path, json=items(two, one))
    slides = await emulator.slides(playlist_id)
    assert [each["dbId"] for each in slides] == [two.photo_id, one.photo_id] * 2
    assert len({each["playlistItemId"] for each in slides}) == 4
    assert all(isinstance(each["playlistItemId"], str) for each in slides)
    assert f"_{two.md5}." in httpx.URL(slides[0]["originalUrl"]).path
    assert not {"md5", "filename"} & set(slides[0])
    assert (await emulator.http.get(slides[0]["originalUrl"])).content == b"1"
    assert (await emulator.json("GET", "/v3/playlists"))[-1]["picture_count"] == 4


async def test_slides_are_counted_in_items(emulator: NixplayEmulator) -> None:
    playlist = emulator.nixplay.add_playlist("p", photos(emulator, 5))
    pages = [await emulator.slides(playlist.playlist_id, offset, 2) for offset in (0, 2, 4, 5, 99)]
    assert [len(page) for page in pages] == [2, 2, 1, 0, 0]
    ids = [each["dbId"] for page in pages for each in page]
    assert ids == [photo.photo_id for photo in emulator.nixplay.playlist_photos(playlist)]
    body = await emulator.json("GET", f"/v3/playlists/{playlist.playlist_id}/slides")
    assert (len(body["slides"]), body["slideshowItemsVersion"]) == (5, playlist.version)


async def test_a_size_above_the_largest_is_cut_or_refused(emulator: NixplayEmulator) -> None:
    emulator.nixplay.options.slides_size = 2
    playlist = emulator.nixplay.add_playlist("p", photos(emulator, 3))
    assert len(await emulator.slides(playlist.playlist_id, 0, 100)) == 2
    emulator.nixplay.options.over_limit = OverLimit.REFUSE
    path = f"/v3/playlists/{playlist.playlist_id}/slides?size=100&offset=0"
    assert (await emulator.call("GET", path)).status_code == 400


@pytest.mark.parametrize("body", [{"items": None}, {}, {"items": [7]}, {"items": [{}]}])
async def test_items_must_be_a_list_of_objects(emulator: NixplayEmulator, body: object) -> None:
    playlist_id = await emulator.create_playlist("p")
    answer = await emulator.call("POST", f"/v3/playlists/{playlist_id}/items", json=body)
    assert (answer.status_code, answer.json()["name"]) == (400, "AssertionError")
    broken = await emulator.call(
        "POST",
        f"/v3/playlists/{playlist_id}/items",
        content="{",
        headers={"Content-Type": "application/json"},
    )
    assert broken.status_code == 400


async def test_no_items_are_fine(emulator: NixplayEmulator) -> None:
    playlist_id = await emulator.create_playlist("p")
    await emulator.json("POST", f"/v3/playlists/{playlist_id}/items", json={"items": []})
    assert await emulator.slides(playlist_id) == []


async def test_items_may_be_foreign(emulator: NixplayEmulator) -> None:
    playlist_id = await emulator.create_playlist("p")
    foreign = {"photoUrl": "https://x/y.jpg", "thumbnailUrl": "https://x/t.jpg", "orientation": 1}
    await emulator.json("POST", f"/v3/playlists/{playlist_id}/items", json={"items": [foreign]})
    (slide,) = await emulator.slides(playlist_id)
    assert (slide["originalUrl"], slide["dbId"]) == ("https://x/y.jpg", None)
    assert emulator.nixplay.playlist_photos(emulator.nixplay.playlist_named("p")) == []


async def test_a_deleted_photo_among_the_items_does_what_is_set(emulator: NixplayEmulator) -> None:
    kept, gone = photos(emulator, 2)
    playlist = emulator.nixplay.add_playlist("p")
    emulator.nixplay.delete_photo(gone)
    path = f"/v3/playlists/{playlist.playlist_id}/items"
    assert (await emulator.call("POST", path, json=items(kept, gone))).status_code == 400
    assert playlist.items == []
    emulator.nixplay.options.gone_photo = GonePhoto.SKIP
    await emulator.json("POST", path, json=items(kept, gone))
    assert emulator.nixplay.playlist_photos(playlist) == [kept]


async def test_what_a_playlist_cannot_hold_vanishes_without_a_word(emulator: NixplayEmulator) -> None:
    one, two = photos(emulator, 2)
    playlist = emulator.nixplay.add_playlist("p", [one] * 1999)
    await emulator.json("POST", f"/v3/playlists/{playlist.playlist_id}/items", json=items(two, two, two))
    assert len(playlist.items) == 2000
    assert (await emulator.json("GET", "/v3/playlists"))[-1]["picture_count"] == 2000
    await emulator.json("POST", f"/v3/playlists/{playlist.playlist_id}/items", json=items(*[one] * 3428))
    assert len(playlist.items) == 2000


async def test_items_are_removed_one_by_one_and_their_photos_stay(emulator: NixplayEmulator) -> None:
    one, two, three = photos(emulator, 3)
    playlist = emulator.nixplay.add_playlist("p", [one, two, one, three])
    first, second, third, fourth = playlist.items
    path = f"/v3/playlists/{playlist.playlist_id}/items"
    for _ in range(2):
        answer = await emulator.call("DELETE", path, params={"id": first.item_id, "delPhoto": ""})
        assert answer.status_code == 200
    assert playlist.items == [second, third, fourth]
    await emulator.json("DELETE", path, params={"id": [second.item_id, fourth.item_id]})
    assert playlist.items == [third]
    assert len(emulator.nixplay.album_named("a").photos) == 3


@pytest.mark.parametrize("query", ["", "?id=", "?delPhoto="])
async def test_removing_without_an_id_clears_the_playlist(emulator: NixplayEmulator, query: str) -> None:
    playlist = emulator.nixplay.add_playlist("p", photos(emulator, 3))
    await emulator.json("DELETE", f"/v3/playlists/{playlist.playlist_id}/items{query}")
    assert playlist.items == []
    assert len(emulator.nixplay.album_named("a").photos) == 3
    assert emulator.nixplay.counters["clear_items"] == 1


async def test_removing_with_del_photo_deletes_the_photos(emulator: NixplayEmulator) -> None:
    one, two = photos(emulator, 2)
    playlist = emulator.nixplay.add_playlist("p", [one, two])
    query = {"id": playlist.items[0].item_id, "delPhoto": "true"}
    await emulator.json("DELETE", f"/v3/playlists/{playlist.playlist_id}/items", params=query)
    assert emulator.nixplay.album_photos(emulator.nixplay.album_named("a")) == [two]


async def test_unknown_playlists_are_404(emulator: NixplayEmulator) -> None:
    for method, path in (
        ("DELETE", "/v3/playlists/1"),
        ("GET", "/v3/playlists/1/slides"),
        ("DELETE", "/v3/playlists/1/items"),
    ):
        assert (await emulator.call(method, path)).status_code == 404
    assert (await emulator.call("POST", "/v3/playlists/1/items", json={"items": []})).status_code == 404


async def test_a_playlist_put_on_a_frame_says_so(emulator: NixplayEmulator) -> None:
    (frame,) = await emulator.json("GET", "/v3/frames")
    status = await emulator.json("GET", "/v3/frame/online-status/")
    assert [each["framePk"] for each in status["frames"]] == [frame["framePk"]]
    playlist_id = await emulator.create_playlist("p")
    path = f"/v3/shared-frames/{frame['framePk']}/playlists"
    for _ in range(2):
        await emulator.json("POST", path, json={"add": [{"playlistId": playlist_id}]})
    listed = (await emulator.json("GET", "/v3/playlists"))[-1]
    assert [each["name"] for each in listed["on_frames"]] == [frame["name"]]
    assert (await emulator.call("POST", path, json={"add": [{"playlistId": 1}]})).status_code == 404
    assert (await emulator.call("POST", path, json={})).status_code == 400
    unknown = await emulator.call("POST", "/v3/shared-frames/1/playlists", json={"add": []})
    assert unknown.status_code == 404


@pytest.mark.parametrize("kind", ["albumId", "playlistId"])
async def test_many_uploads_at_once_all_arrive(emulator: NixplayEmulator, kind: str) -> None:
    create = emulator.create_album if kind == "albumId" else emulator.create_playlist
    target = await create("many")
    contents = {f"{number}.png": b"photo %d" % number for number in range(120)}
    at_once = asyncio.Semaphore(20)

    async def upload(name: str, content: bytes) -> None:
        async with at_once:
            assert (await emulator.upload({kind: target}, name, content)).status_code == 200

    async with asyncio.TaskGroup() as group:
        for name, content in contents.items():
            group.create_task(upload(name, content))
    if kind == "albumId":
        pages = [await emulator.pictures(target, page) for page in (1, 2, 3)]
        listed = {each["filename"]: each["md5"] for page in pages for each in page}
    else:
        pages = [await emulator.slides(target, offset) for offset in (0, 100, 200)]
        ids = [each["dbId"] for page in pages for each in page]
        found = [await emulator.json("GET", f"/picture/{photo_id}/") for photo_id in ids]
        listed = {each["filename"]: each["md5"] for each in found}
    assert [len(page) for page in pages] == [100, 20, 0]
    assert listed == {name: md5(content) for name, content in contents.items()}

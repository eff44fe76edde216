"""The emulated Immich: responses and refusals of each generation."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.immich import FUTURE, HOST, V2_7, V3_0, V3_2, V3_3, Future
from tests.emulators.immich_emulator import JPEG, immich_emulator

GENERATIONS = pytest.mark.parametrize("version", [V2_7, V3_0, V3_2, V3_3], ids=["2.7", "3.0", "3.2", "3.3"])
STRANGER = "6f1c0d5e-1111-4222-8333-944455556666"
NAMES = [f"{number}.jpg" for number in range(7)]


def picture(width: int = 60, height: int = 40, colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "JPEG")
    return out.getvalue()


@GENERATIONS
async def test_the_version_is_told_to_everyone(version: Any) -> None:
    async with immich_emulator(version=version) as immich:
        immich.headers = {}
        assert (await immich.get("/server/ping")).json() == {"res": "pong"}
        told = (await immich.get("/server/version")).json()
        assert (told["major"], told["minor"], told["patch"]) == version


@GENERATIONS
async def test_an_album_has_its_assets_only_before_3(version: Any) -> None:
    async with immich_emulator(version=version) as immich:
        album, _ = immich.album(NAMES)
        body = (await immich.get(f"/albums/{album.album_id}")).json()
        assert body["assetCount"] == 7
        assert ("assets" in body) == (version is V2_7)
        assert ("owner" in body) == (version is V2_7)
        spared = (await immich.get(f"/albums/{album.album_id}", withoutAssets="true")).json()
        assert spared.get("assets") == ([] if version is V2_7 else None)


@GENERATIONS
async def test_a_flat_search_gives_every_asset_once_over_its_pages(version: Any) -> None:
    async with immich_emulator(version=version) as immich:
        album, _ = immich.album(NAMES)
        body = {"albumIds": [album.album_id], "visibility": "timeline", "order": "asc", "size": 3}
        assert await immich.found(body) == NAMES
        assert await immich.found({**body, "order": "desc"}) == NAMES[::-1]
        first = (await immich.post("/search/metadata", body)).json()["assets"]
        assert first["nextPage"] == "2"
        assert (first["total"], first["count"]) == (3, 3)


async def test_a_filter_search_goes_on_by_cursor() -> None:
    async with immich_emulator(version=V3_2) as immich:
        album, assets = immich.album(NAMES)
        order = {"field": "fileCreatedAt", "direction": "asc"}
        body = {"filter": {"albumIds": {"any": [album.album_id]}}, "orderBy": order, "size": 3}
        assert await immich.found(body) == NAMES
        first = (await immich.post("/search/metadata", body)).json()["assets"]
        immich.immich.library.remove_asset(assets[0])
        second = (await immich.post("/search/metadata", {**body, "cursor": first["nextCursor"]})).json()
        # A cursor is an offset: what goes before it shifts what comes after.
        assert [item["originalFileName"] for item in second["assets"]["items"]] == NAMES[4:7]
        for cursor in ("???", "eyJvZmZzZXQiOi0xfQ==", "bnVsbA=="):
            refused = await immich.post("/search/metadata", {**body, "cursor": cursor})
            assert (refused.status_code, refused.json()["message"]) == (400, "Invalid cursor")


async def test_filter_search_omits_only_locked_assets() -> None:
    async with immich_emulator(version=V3_2) as immich:
        _, assets = immich.album(NAMES[:4])
        assets[0].trashed, assets[1].visibility, assets[2].visibility = True, "archive", "locked"
        everything = {"orderBy": {"field": "fileCreatedAt", "direction": "asc"}}
        assert await immich.found(everything) == [NAMES[0], NAMES[1], NAMES[3]]
        kept = {"trashedAt": {"eq": None}, "visibility": {"eq": "timeline"}}
        assert await immich.found({**everything, "filter": kept}) == [NAMES[3]]
        mixed = await immich.post("/search/metadata", {**everything, "isFavorite": True})
        assert mixed.status_code == 400


async def test_a_filter_has_operators() -> None:
    async with immich_emulator(version=V3_2) as immich:
        album, assets = immich.album(NAMES)
        assets[0].favorite = assets[1].favorite = True
        assets[2].rating = 4
        assets[3].visibility = "archive"
        other, _ = immich.album(["other.jpg"], "Other")
        immich.immich.put(other, assets[0])
        either = [{"isFavorite": {"eq": True}}, {"rating": {"gte": 3}}]
        ids = {"any": [album.album_id], "none": [other.album_id]}
        assert sorted(await immich.found({"filter": {"albumIds": ids, "or": either}})) == ["1.jpg", "2.jpg"]
        both = {"albumIds": {"all": [album.album_id, other.album_id]}}
        assert await immich.found({"filter": both}) == ["0.jpg"]
        assert await immich.found({"filter": {"visibility": {"eq": "archive"}}}) == ["3.jpg"]
        assert len(await immich.found({"filter": {"visibility": {"ne": "archive"}}})) == 7


async def test_both_forms_ask_for_what_is_there_and_what_is_not() -> None:
    async with immich_emulator(version=V3_3) as immich:
        _, assets = immich.album(NAMES[:2])
        assets[0].city, assets[1].tags = "Rome", {immich.immich.add_tag("Family").tag_id}
        immich.immich.add_asset(None, "alone.jpg", JPEG, people={immich.immich.add_person("Anna").person_id})
        live = immich.immich.add_asset(None, "live.heic", b"a still", motion_id=STRANGER)
        for flat, filtered, names in (
            ({"city": "Rome"}, {"city": {"eq": "Rome"}}, ["0.jpg"]),
            (
                {"city": None, "isNotInAlbum": True},
                {"city": {"eq": None}, "hasAlbums": {"eq": False}},
                ["alone.jpg", "live.heic"],
            ),
            ({"tagIds": None}, {"hasTags": {"eq": False}}, ["0.jpg", "alone.jpg", "live.heic"]),
            ({"isMotion": True}, {"isMotion": {"eq": True}}, [live.filename]),
            ({"isEncoded": True}, {"isEncoded": {"eq": True}}, []),
        ):
            assert sorted(await immich.found(flat)) == names
            assert sorted(await immich.found({"filter": filtered})) == names
        assert await immich.found({"filter": {"hasPeople": {"eq": True}}}) == ["alone.jpg"]
        assert (await immich.post("/search/metadata", {"filter": {"hasTags": {}}})).status_code == 400


@GENERATIONS
async def test_what_is_archived_shows_by_default_since_3(version: Any) -> None:
    async with immich_emulator(version=version) as immich:
        album, assets = immich.album(NAMES)
        assets[0].visibility, assets[1].visibility, assets[2].trashed = "archive", "locked", True
        found = await immich.found({"albumIds": [album.album_id]})
        assert ("0.jpg" in found) == (version is not V2_7)
        assert "1.jpg" not in found
        assert "2.jpg" not in found
        counted = await immich.post(
            "/search/statistics", {"albumIds": [album.album_id], "visibility": "timeline"}
        )
        assert counted.json() == {"total": 4}


@pytest.mark.parametrize(
    "body",
    [
        {"page": "2"},
        {"size": "250"},
        {"isFavorite": "true"},
        {"visibility": "everything"},
        {"type": "image"},
        {"albumIds": "x"},
        {"albumIds": ["x"]},
        {"takenAfter": "2024-01-01T00:00:00"},
        {"nonsense": 1},
        {"size": 1001},
        {"page": 0},
        {"filter": {"albumIds": ["x"]}},
        {"filter": {"type": "IMAGE"}},
        {"filter": {"type": {"equals": "IMAGE"}}},
        {"filter": {"nonsense": {"eq": 1}}},
        {"filter": {}, "visibility": "timeline"},
    ],
    ids=str,
)
async def test_bodies_are_validated_strictly_since_3(body: dict[str, Any]) -> None:
    async with immich_emulator(version=V3_2) as immich:
        answer = await immich.post("/search/metadata", body)
        assert answer.status_code == 400
        told = answer.json()
        assert told["message"] == "Validation failed"
        assert told["errors"][0].keys() == {"code", "path", "message"}


async def test_before_3_bodies_are_taken_kindly_and_refusals_are_texts() -> None:
    async with immich_emulator(version=V2_7) as immich:
        immich.album(NAMES)
        kindly = await immich.post("/search/metadata", {"page": "2", "size": "3", "nonsense": 1})
        assert [item["originalFileName"] for item in kindly.json()["assets"]["items"]] == NAMES[1:4][::-1]
        refused = await immich.post("/search/metadata", {"visibility": "everything"})
        assert refused.status_code == 400
        assert isinstance(refused.json()["message"], list)
        assert "errors" not in refused.json()


async def test_a_body_that_is_not_declared_as_json_counts_as_empty() -> None:
    async with immich_emulator(version=V3_0) as immich:
        immich.album(NAMES)
        url = f"/{HOST}/api/search/metadata"
        answer = await immich.http.post(url, content=b'{"page": 9}', headers=immich.headers)
        assert answer.json()["assets"]["count"] == 7


@GENERATIONS
async def test_missing_and_foreign_albums_get_the_same_error(version: Any) -> None:
    async with immich_emulator(version=version) as immich:
        hidden = immich.immich.add_album("Secret", owner=immich.immich.add_user("Eve"))
        for album_id in (STRANGER, hidden.album_id):
            answers = [
                await immich.get(f"/albums/{album_id}"),
                await immich.post("/search/metadata", {"albumIds": [album_id]}),
            ]
            for answer in answers:
                assert answer.status_code == 400
                assert answer.json()["message"] == "Not found or no album.read access"


async def test_albums_shared_with_the_user_need_a_second_look_before_3() -> None:
    async with immich_emulator(version=V2_7) as immich:
        eve = immich.immich.add_user("Eve")
        immich.immich.add_album("Mine")
        immich.immich.add_album("Hers", owner=eve, members=[immich.immich.owner])

        async def names(**query: str) -> list[str]:
            return [album["albumName"] for album in (await immich.get("/albums", **query)).json()]

        assert await names() == ["Mine"]
        assert await names(shared="true") == ["Hers"]
        immich.immich.options.version = V3_0
        assert await names() == ["Mine", "Hers"]
        assert await names(isOwned="false") == ["Hers"]
        assert (await immich.get("/albums", shared="true")).status_code == 400


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/albums", "album.read"),
        ("/people", "person.read"),
        ("/tags", "tag.read"),
        ("/assets/{}/original", "asset.download"),
        ("/assets/{}/thumbnail", "asset.view"),
        ("/assets/{}", "asset.read"),
    ],
)
async def test_a_key_without_permission_is_told_which(path: str, permission: str) -> None:
    async with immich_emulator() as immich:
        _, assets = immich.album(NAMES)
        immich.use_key("memory.read")
        answer = await immich.get(path.format(assets[0].asset_id))
        assert answer.status_code == 403
        assert answer.json()["message"] == f"Missing required permission: {permission}"
        immich.use_key(permission, "asset.download")
        assert (await immich.get(path.format(assets[0].asset_id))).status_code == 200


async def test_a_wrong_key_and_none_at_all() -> None:
    async with immich_emulator() as immich:
        immich.headers = {"x-api-key": "wrong"}
        wrong = await immich.get("/albums")
        assert (wrong.status_code, wrong.json()["message"]) == (401, "Invalid API key")
        immich.headers = {}
        assert (await immich.get("/albums")).status_code == 401
        immich.use_key("asset.read", "album.read")
        assert (await immich.get("/api-keys/me")).json()["permissions"] == ["album.read", "asset.read"]


async def test_people_tags_and_favourites_are_searched() -> None:
    async with immich_emulator(page_cap=2) as immich:
        _, assets = immich.album(NAMES)
        service = immich.immich
        anna, _, bert = (
            service.add_person("Anna"),
            service.add_person("", hidden=True),
            service.add_person(""),
        )
        trips, rome = service.add_tag("Trips"), service.add_tag("Trips/Rome")
        assets[0].people, assets[1].people = {anna.person_id}, {anna.person_id, bert.person_id}
        assets[2].tags, assets[3].favorite = {rome.tag_id}, True
        assert await immich.found({"personIds": [anna.person_id], "order": "asc"}) == ["0.jpg", "1.jpg"]
        assert await immich.found({"personIds": [anna.person_id, bert.person_id]}) == ["1.jpg"]
        assert await immich.found({"tagIds": [trips.tag_id]}) == ["2.jpg"]
        assert await immich.found({"isFavorite": True}) == ["3.jpg"]
        page = (await immich.get("/people", size=1, page=1)).json()
        assert (len(page["people"]), page["hasNextPage"], page["hidden"]) == (1, True, 1)
        assert (await immich.get("/people", size=1001)).status_code == 400
        assert [tag["value"] for tag in (await immich.get("/tags")).json()] == ["Trips", "Trips/Rome"]


async def test_checksum_is_of_bytes_or_of_an_external_path() -> None:
    async with immich_emulator() as immich:
        asset = immich.immich.add_asset(None, "a.jpg", JPEG)
        there = immich.immich.add_asset(None, "b.jpg", JPEG, library_id=STRANGER)
        told = (await immich.get(f"/assets/{asset.asset_id}")).json()
        assert told["checksum"] == base64.b64encode(hashlib.sha1(JPEG).digest()).decode()  # noqa: S324
        assert (await immich.get(f"/assets/{there.asset_id}")).json()["checksum"] != told["checksum"]


async def test_durations_and_device_fields_changed_with_3() -> None:
    async with immich_emulator(version=V2_7) as immich:
        immich.album(NAMES[:1])
        (old,) = (await immich.post("/search/metadata", {})).json()["assets"]["items"]
        assert (old["duration"], old["deviceId"]) == ("0:00:00.00000", "phone")
        immich.immich.options.version = V3_0
        (new,) = (await immich.post("/search/metadata", {})).json()["assets"]["items"]
        assert new["duration"] is None
        assert "deviceId" not in new


async def test_originals_edits_and_previews() -> None:
    async with immich_emulator(preview_edge=30) as immich:
        asset = immich.immich.add_asset(None, "a.jpg", picture())
        path = f"/assets/{asset.asset_id}"
        before = (await immich.get(path)).json()
        immich.immich.edit(asset, picture(40, 40, "blue"))
        after = (await immich.get(path)).json()
        assert (before["isEdited"], after["isEdited"]) == (False, True)
        assert before["checksum"] == after["checksum"]
        assert before["thumbhash"] != after["thumbhash"]
        assert (await immich.get(f"{path}/original")).content == picture()
        assert (await immich.get(f"{path}/original", edited="true")).content == picture(40, 40, "blue")

        async def size(**query: str) -> tuple[int, int]:
            answer = await immich.get(f"{path}/thumbnail", **query)
            return Image.open(io.BytesIO(answer.content)).size

        assert await size(size="preview") == (30, 20)
        assert await size(size="preview", edited="true") == (30, 30)
        redirect = await immich.get(f"{path}/thumbnail", size="fullsize")
        assert (redirect.status_code, redirect.headers["location"]) == (302, "original")
        immich.immich.options.preview_format = "WEBP"
        webp = await immich.get(f"{path}/thumbnail", size="preview")
        assert webp.headers["content-type"] == "image/webp"


async def test_there_is_no_preview_at_once() -> None:
    async with immich_emulator(preview_delay_s=60) as immich:
        asset = immich.immich.add_asset(None, "a.jpg", picture())
        path = f"/assets/{asset.asset_id}/thumbnail"
        assert (await immich.get(path, size="preview")).status_code == 404
        immich.clock.now += 60
        assert (await immich.get(path, size="preview")).status_code == 200


async def test_ranges_are_served_and_videos_transcoded() -> None:
    async with immich_emulator() as immich:
        content = generated_jpeg(1, 20_000)
        asset = immich.immich.add_asset(None, "a.jpg", content)
        headers = {**immich.headers, "Range": "bytes=100-199"}
        part = await immich.http.get(f"/{HOST}/api/assets/{asset.asset_id}/original", headers=headers)
        assert (part.status_code, part.content) == (206, read_all(content)[100:200])
        film = immich.immich.add_asset(
            None, "a.mov", b"\x00\x00\x00\x14ftypqt  ", mime_type="video/quicktime"
        )
        played = await immich.get(f"/assets/{film.asset_id}/video/playback")
        assert played.headers["content-type"] == "video/mp4"
        assert (await immich.get(f"/assets/{asset.asset_id}/video/playback")).status_code == 400


async def test_what_is_in_the_trash_has_only_its_owner() -> None:
    async with immich_emulator() as immich:
        eve = immich.immich.add_user("Eve")
        shared = immich.immich.add_album("Eve's", owner=eve, members=[immich.immich.owner])
        own, eves = (
            immich.immich.add_asset(shared, f"{name}.jpg", JPEG, owner=owner)
            for name, owner in (("own", immich.immich.owner), ("eves", eve))
        )
        link = immich.immich.share(shared)
        for path in ("", "/original", "/thumbnail"):
            for asset in (own, eves):
                asset.trashed = False
                assert (await immich.get(f"/assets/{asset.asset_id}{path}")).status_code == 200
                asset.trashed = True
                answer = await immich.get(f"/assets/{asset.asset_id}{path}")
                assert answer.status_code == (200 if asset is own else 400)
                through = await immich.http.get(
                    f"/{HOST}/api/assets/{asset.asset_id}{path}", params={"key": link.key}
                )
                assert through.status_code == 400
        assert (await immich.get(f"/assets/{own.asset_id}")).json()["isTrashed"] is True


async def test_foreign_and_missing_files_have_no_bytes() -> None:
    async with immich_emulator() as immich:
        _, assets = immich.album(NAMES)
        foreign = immich.immich.add_asset(None, "e.jpg", JPEG, owner=immich.immich.add_user("Eve"))
        assert (await immich.get(f"/assets/{foreign.asset_id}/original")).status_code == 400
        assets[1].offline = True
        assert (await immich.get(f"/assets/{assets[1].asset_id}/original")).status_code == 404


async def test_a_shared_link_opens_its_album_and_nothing_else() -> None:
    async with immich_emulator() as immich:
        album, assets = immich.album(NAMES)
        other, _ = immich.album(["other.jpg"], "Other")
        link = immich.immich.share(album)
        immich.headers = {}
        told = (await immich.get("/shared-links/me", key=link.key)).json()
        assert (told["type"], told["assets"], told["album"]["id"]) == ("ALBUM", [], album.album_id)
        found = await immich.post("/search/metadata", {"albumIds": [album.album_id]}, key=link.key)
        assert found.json()["assets"]["count"] == 7
        path = f"/assets/{assets[0].asset_id}/original"
        assert (await immich.get(path, key=link.key)).content == JPEG + b"0.jpg"
        for body in ({}, {"albumIds": [other.album_id]}):
            assert (await immich.post("/search/metadata", body, key=link.key)).status_code == 400
        assert (await immich.post("/search/statistics", {}, key=link.key)).status_code == 403
        assert (await immich.get("/albums", key=link.key)).status_code == 403
        wrong = await immich.get("/shared-links/me", key="wrong")
        assert (wrong.status_code, wrong.json()["message"]) == (401, "Invalid share key")


async def test_shared_link_can_expire_need_a_password_and_hide_data() -> None:
    async with immich_emulator() as immich:
        _, assets = immich.album(NAMES)
        link = immich.immich.share(
            assets[:2], slug="trip", password="sesame", allow_download=False, show_metadata=False
        )
        immich.headers = {}
        assert (await immich.get("/shared-links/me", slug="trip")).status_code == 401
        wrong = await immich.post("/shared-links/login", {"password": "x"}, slug="trip")
        assert wrong.status_code == 401
        assert (await immich.post("/shared-links/login", {"password": "sesame"}, slug="trip")).is_success
        told = (await immich.get("/shared-links/me", slug="trip")).json()
        assert (told["type"], len(told["assets"])) == ("INDIVIDUAL", 2)
        assert "checksum" not in told["assets"][0]
        assert (await immich.get(f"/assets/{assets[0].asset_id}/original", slug="trip")).status_code == 403
        shown = await immich.get(f"/assets/{assets[0].asset_id}/thumbnail", slug="trip")
        assert shown.status_code == 200
        link.expires_at = immich.clock.now
        assert (await immich.get("/shared-links/me", slug="trip")).status_code == 401


async def test_an_answer_that_is_known_is_not_sent_again() -> None:
    async with immich_emulator() as immich:
        album, assets = immich.album(NAMES)
        path = f"/{HOST}/api/albums/{album.album_id}"
        first = await immich.get(f"/albums/{album.album_id}")
        known = {**immich.headers, "If-None-Match": first.headers["etag"]}
        again = await immich.http.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        listed = {**known, "If-None-Match": f'"other", {first.headers["etag"]}'}
        assert (await immich.http.get(path, headers=listed)).status_code == 304
        assert (await immich.http.get(path, headers={**known, "If-None-Match": "*"})).status_code == 304
        assets[0].trashed = True
        changed = await immich.http.get(path, headers=known)
        assert changed.status_code == 200
        assert changed.json()["assetCount"] == len(NAMES) - 1
        assert changed.headers["etag"] != first.headers["etag"]
        refused = await immich.http.get(path, headers={"If-None-Match": "*"})
        assert (refused.status_code, "etag" in refused.headers) == (401, False)
        found = await immich.post("/search/metadata", {"albumIds": [album.album_id]})
        searched = await immich.http.post(
            f"/{HOST}/api/search/metadata",
            json={"albumIds": [album.album_id]},
            headers={**immich.headers, "If-None-Match": found.headers["etag"]},
        )
        assert searched.status_code == 200


@GENERATIONS
async def test_albums_are_narrowed_by_an_asset_and_by_being_shared(version: Any) -> None:
    async with immich_emulator(version=version) as immich:
        one, assets = immich.album(["one.jpg"], "One")
        two, _ = immich.album(["two.jpg"], "Two")
        eve = immich.immich.add_user("Eve")
        three = immich.immich.add_album("Three", owner=eve, members=[immich.immich.owner])
        hers = immich.immich.add_album("Hers", owner=eve)
        for album in (three, hers):
            immich.immich.put(album, assets[0])
        immich.immich.share(two)

        async def titles(**query: str) -> list[str]:
            return [each["albumName"] for each in (await immich.get("/albums", **query)).json()]

        assert await titles(assetId=assets[0].asset_id) == ["One", "Three"]
        assert await titles(assetId=one.album_id) == []
        shared = "shared" if version is V2_7 else "isShared"
        assert await titles(**{shared: "true"}) == ["Two", "Three"]
        assert await titles(**{shared: "false"}) == ["One"]
        told = {each["albumName"]: each for each in (await immich.get("/albums", **{shared: "true"})).json()}
        assert (told["Two"]["shared"], told["Two"]["hasSharedLink"]) == (True, True)
        assert (told["Three"]["shared"], told["Three"]["hasSharedLink"]) == (True, False)


async def test_timeline_counts_by_month_and_an_albums_trash_by_link() -> None:
    async with immich_emulator() as immich:
        album, assets = immich.album(NAMES[:3])
        other, _ = immich.album(["elsewhere.jpg"], "Other")
        link = immich.immich.share(album)
        assets[0].trashed, assets[1].visibility = True, "hidden"
        assert (await immich.get("/timeline/buckets")).json() == [{"timeBucket": "2023-11-01", "count": 2}]
        immich.headers = {}

        async def through(**query: str) -> Any:
            answer = await immich.get("/timeline/buckets", key=link.key, **query)
            return answer.json() if answer.status_code == 200 else answer.status_code

        assert await through(albumId=album.album_id) == [{"timeBucket": "2023-11-01", "count": 1}]
        trash = {"albumId": album.album_id, "isTrashed": "true"}
        assert await through(**trash) == [{"timeBucket": "2023-11-01", "count": 1}]
        assets[0].trashed = False
        assert await through(**trash) == []
        assert await through(albumId=other.album_id) == 400
        assert await through() == 403


async def test_memories_are_of_the_same_day_in_earlier_years() -> None:
    async with immich_emulator() as immich:
        now = immich.clock.now
        days = {"today.jpg": 0, "a year ago.jpg": 365, "two.jpg": 730, "two, too.jpg": 730, "other.jpg": 100}
        for name, before in days.items():
            immich.immich.add_asset(None, name, JPEG, taken_at=now - before * 86_400)
        memories = (await immich.get("/memories")).json()
        assert [each["data"]["year"] for each in memories] == [2022, 2021]
        shown = [[asset["originalFileName"] for asset in each["assets"]] for each in memories]
        assert shown == [["a year ago.jpg"], ["two.jpg", "two, too.jpg"]]
        assert memories[0]["showAt"] == "2023-11-14T00:00:00.000Z"
        for day in ("2023-11-14", "2023-11-14T10:00:00.000Z"):
            named = {"for": day, "type": "on_this_day"}
            assert [each["id"] for each in (await immich.get("/memories", **named)).json()] == [
                each["id"] for each in memories
            ]
        assert (await immich.get("/memories", **{"for": "2023-11-15"})).json() == []
        assert (await immich.get("/memories", **{"for": "soon"})).status_code == 400


async def test_suggestions_are_of_what_there_is() -> None:
    async with immich_emulator() as immich:
        _, assets = immich.album(NAMES[:4])
        for asset, country, city in zip(
            assets, ("Italy", "Italy", "Norway", "Spain"), ("Rome", "", "Oslo", "Madrid"), strict=True
        ):
            asset.country, asset.city = country, city
        assets[3].trashed = True
        assert (await immich.get("/search/suggestions", type="country")).json() == ["Italy", "Norway"]
        assert (await immich.get("/search/suggestions", type="city", country="Italy")).json() == ["Rome"]
        both = await immich.get("/search/suggestions", type="camera-make", includeNull="true")
        assert both.json() == [None]
        assert (await immich.get("/search/suggestions", type="colour")).status_code == 400


async def test_a_person_has_a_picture_if_there_is_one() -> None:
    async with immich_emulator(preview_delay_s=60) as immich:
        anna = immich.immich.add_person("Anna")
        assert (await immich.get(f"/people/{anna.person_id}/thumbnail")).status_code == 404
        asset = immich.immich.add_asset(None, "anna.png", picture())
        asset.people.add(anna.person_id)
        assert (await immich.get(f"/people/{anna.person_id}/thumbnail")).status_code == 404
        immich.clock.now += 60
        answer = await immich.get(f"/people/{anna.person_id}/thumbnail")
        assert answer.headers["content-type"] == "image/jpeg"
        with Image.open(io.BytesIO(answer.content)) as shown:
            assert shown.size == (40, 40)


async def test_what_the_server_says_about_itself() -> None:
    async with immich_emulator() as immich:
        immich.immich.add_asset(None, "a.jpg", JPEG)
        eve = immich.immich.add_user("Eve")
        immich.immich.add_asset(None, "b.mov", b"12345", mime_type="video/quicktime", owner=eve)
        about = (await immich.get("/server/about")).json()
        assert about["version"] == "v3.3.5"
        told = (await immich.get("/server/statistics")).json()
        assert (told["photos"], told["videos"], told["usageVideos"]) == (1, 1, 5)
        assert [each["userName"] for each in told["usageByUser"]] == ["Anna", "Eve"]
        assert (await immich.get("/server/storage")).json()["diskUseRaw"] == len(JPEG) + 5
        assert ".heic" in (await immich.get("/server/media-types")).json()["image"]
        me = (await immich.get("/users/me")).json()
        assert (me["name"], me["isAdmin"], me["quotaUsageInBytes"]) == ("Anna", True, len(JPEG))
        known = await immich.http.get(f"/{HOST}/.well-known/immich")
        assert known.json() == {"api": {"endpoint": "/api"}}
        immich.headers = {}
        for path in ("config", "features", "media-types", "ping", "version"):
            assert (await immich.get(f"/server/{path}")).status_code == 200
        for path in ("about", "storage", "statistics", "version-check"):
            assert (await immich.get(f"/server/{path}")).status_code == 401
        immich.headers = {"x-api-key": immich.immich.add_key(user=eve).secret}
        assert (await immich.get("/server/statistics")).status_code == 403


async def test_what_stands_before_it_and_what_is_not_there() -> None:
    async with immich_emulator(requests_per_minute=4) as immich:
        assert (await immich.get("/nothing")).status_code == 404
        home = await immich.http.get(f"/{HOST}/share/x")
        assert (home.status_code, home.headers["content-type"][:9]) == (200, "text/html")
        immich.immich.options.proxy_login = True
        login = await immich.get("/albums")
        assert (login.status_code, login.headers["content-type"][:9]) == (200, "text/html")
        immich.immich.options.proxy_login = False
        answers = [(await immich.get("/server/ping")).status_code for _ in range(4)]
        assert answers == [200, 200, 429, 429]


@pytest.mark.parametrize("future", Future)
async def test_versions_to_come_may_do_anything(future: Future) -> None:
    async with immich_emulator(version=FUTURE, future=future) as immich:
        album, _ = immich.album(NAMES)
        immich.album(["other.jpg"], "Other")
        flat = await immich.post("/search/metadata", {"albumIds": [album.album_id]})
        filtered = await immich.post("/search/metadata", {"filter": {"albumIds": {"any": [album.album_id]}}})
        statuses = (flat.status_code, filtered.status_code)
        match future:
            case Future.SAME:
                assert statuses == (200, 200)
            case Future.FILTER_ONLY:
                assert statuses == (400, 200)
            case Future.FLAT_ONLY:
                assert statuses == (200, 400)
            case Future.RESHAPED:
                assert "assets" not in filtered.json()
            case Future.UNFILTERED:
                assert flat.json()["assets"]["count"] == filtered.json()["assets"]["count"] == 8


async def test_listings_can_go_wrong_without_a_word() -> None:
    async with immich_emulator(version=V3_0) as immich:
        album, _ = immich.album(NAMES)
        body = {"albumIds": [album.album_id], "size": 3, "order": "asc"}
        options = immich.immich.options
        options.repeat_first_page = True
        again = (await immich.post("/search/metadata", {**body, "page": 2})).json()["assets"]["items"]
        assert [item["originalFileName"] for item in again] == NAMES[:3]
        options.repeat_first_page, options.early_end = False, 1
        assert await immich.found(body) == NAMES[:3]
        options.empty_search = True
        assert await immich.found(body) == []

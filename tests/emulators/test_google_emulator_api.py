from __future__ import annotations

import json
from importlib import resources
from typing import Any

import httpx
import pytest

from picsync.emulators.google import Era, GooglePhotos, generated_jpeg
from picsync.emulators.google.library import Album
from picsync.sources.google import library as googlephotos
from tests.emulators.google_emulator import API, LEGACY_SCOPES, MP4, error_of, google_emulator, ids, jpeg


def fill(google: GooglePhotos, count: int, *, app_created: bool = True) -> Album:
    album = google.add_album("Garden", app_created=app_created)
    for number in range(count):
        google.add_item(album, f"{number:03}.jpg", generated_jpeg(number, 2000), created_at=1.6e9 + number)
    return album


async def test_resources_omit_defaults_and_write_int64_as_strings() -> None:
    async with google_emulator() as emulator:
        empty = emulator.google.add_album("Empty")
        album = fill(emulator.google, 2)
        assert (await emulator.get("mediaItems")).headers["Content-Type"] == "application/json; charset=UTF-8"
        albums = (await emulator.get("albums")).json()["albums"]
        assert [each["title"] for each in albums] == ["Empty", "Garden"]
        assert set(albums[0]) == {"id", "title", "productUrl", "isWriteable"}
        assert albums[1]["mediaItemsCount"] == "2"
        assert (await emulator.get(f"albums/{empty.album_id}")).json()["title"] == "Empty"
        assert await emulator.search(albumId=empty.album_id) == {}
        item = (await emulator.search(albumId=album.album_id))["mediaItems"][0]
        assert item["mediaMetadata"] == {
            "creationTime": "2020-09-13T12:26:40Z", "width": "64", "height": "48", "photo": {}
        }  # fmt: skip
        assert (item["filename"], item["mimeType"]) == ("000.jpg", "image/jpeg")
        assert len(item["id"]) >= 55
        assert item["id"] not in item["baseUrl"]
        again = (await emulator.search(albumId=album.album_id))["mediaItems"][0]
        assert again["id"] == item["id"]
        assert again["baseUrl"] != item["baseUrl"]


async def test_paging_to_the_end_and_its_refusals() -> None:
    async with google_emulator() as emulator:
        album = fill(emulator.google, 30)
        everything = [item.item_id for item in album.items]
        assert len(ids(await emulator.search(albumId=album.album_id))) == 25
        pages = await emulator.pages(albumId=album.album_id, pageSize=7)
        assert [len(ids(page)) for page in pages] == [7, 7, 7, 7, 2]
        assert ids(*pages) == everything
        token = pages[0]["nextPageToken"]
        for wrong in (
            {"albumId": album.album_id, "pageSize": 101},
            {"albumId": album.album_id, "pageSize": -1},
            {"albumId": album.album_id, "pageToken": "nonsense"},
            {"pageToken": token},
            {"albumId": album.album_id, "filters": {"includeArchivedMedia": True}},
            {"albumId": "short"},
            {"albumid": album.album_id},
        ):
            status, name, _ = error_of(await emulator.post("mediaItems:search", wrong))
            assert (status, name) == (400, "INVALID_ARGUMENT"), wrong
        assert error_of(await emulator.get("albums", pageSize=51))[0] == 400
        assert error_of(await emulator.get(f"albums/{'x' * 60}"))[:2] == (404, "NOT_FOUND")
        listed = (await emulator.get("mediaItems", pageSize=100)).json()
        assert ids(listed) == everything[::-1]
        assert (await emulator.post("mediaItems:search", {"album_id": album.album_id, "page_size": 3})).json()


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({"page_cap": 4}, [4, 4, 2]),
        ({"empty_page_every": 2}, [5, 0, 5]),
        ({"final_empty_page": True}, [5, 5, 0]),
        ({"repeat_entries": 2}, [5, 5, 4]),
        ({"coerce_page_size": True}, [5, 5]),
    ],
)
async def test_hostile_paging_still_lists_everything(options: dict[str, Any], sizes: list[int]) -> None:
    async with google_emulator(**options) as emulator:
        album = fill(emulator.google, 10)
        pages = await emulator.pages(albumId=album.album_id, pageSize=5)
        assert [len(ids(page)) for page in pages] == sizes
        assert list(dict.fromkeys(ids(*pages))) == [item.item_id for item in album.items]


async def test_a_stuck_token_comes_for_ever() -> None:
    async with google_emulator(stuck_token_from=1) as emulator:
        album = fill(emulator.google, 10)
        token = (await emulator.search(albumId=album.album_id, pageSize=5))["nextPageToken"]
        again = await emulator.search(albumId=album.album_id, pageSize=5, pageToken=token)
        assert again["nextPageToken"] == token


async def test_fields_select_and_refuse() -> None:
    async with google_emulator() as emulator:
        album = fill(emulator.google, 3)
        body = {"albumId": album.album_id, "pageSize": 2}
        wanted = "nextPageToken,mediaItems(id,mediaMetadata/width)"
        answer = (await emulator.post("mediaItems:search", body, fields=wanted)).json()
        assert set(answer) == {"nextPageToken", "mediaItems"}
        assert answer["mediaItems"][0] == {"id": album.items[0].item_id, "mediaMetadata": {"width": "64"}}
        every = (await emulator.post("mediaItems:search", body, fields="mediaItems/*")).json()
        assert "baseUrl" in every["mediaItems"][0]
        for wrong in ("id", "mediaItems(id", "mediaItems(size)", "a,,b", "mediaItems/id/x"):
            assert error_of(await emulator.post("mediaItems:search", body, fields=wrong))[0] == 400, wrong


async def test_each_era_shows_what_it_shows() -> None:
    async with google_emulator(era=Era.LEGACY) as emulator:
        own, others = fill(emulator.google, 2), fill(emulator.google, 3, app_created=False)
        emulator.login("photoslibrary.readonly")
        assert len((await emulator.get("albums")).json()["albums"]) == 2
        assert len((await emulator.get("albums", excludeNonAppCreatedData="true")).json()["albums"]) == 1
        assert len(ids(await emulator.search(albumId=others.album_id))) == 3
        assert (await emulator.get("sharedAlbums")).json() == {}
        emulator.google.options.era = Era.Y2025
        status, name, error = error_of(await emulator.get("albums"))
        assert (status, name) == (403, "PERMISSION_DENIED")
        assert error["message"] == "Request had insufficient authentication scopes."
        assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
        emulator.login()
        assert len((await emulator.get("albums")).json()["albums"]) == 1
        assert len(ids(await emulator.search(albumId=own.album_id))) == 2
        assert error_of(await emulator.post("mediaItems:search", {"albumId": others.album_id}))[0] == 404
        assert error_of(await emulator.get("sharedAlbums"))[:2] == (403, "PERMISSION_DENIED")
        emulator.google.add_client("other", "secret")
        issued = emulator.google.issue_credentials(client_id="other")
        emulator.headers = {"Authorization": f"Bearer {issued['access_token']}"}
        assert (await emulator.get("albums")).json() == {}


async def test_refusals_before_any_method() -> None:
    async with google_emulator(requests_per_day=2) as emulator:
        url = f"/{API}/v1/albums"
        assert error_of(await emulator.http.get(url))[:2] == (401, "UNAUTHENTICATED")
        answer = await emulator.http.get(url, headers={"Authorization": "Bearer ya29.nonsense"})
        assert error_of(answer)[:2] == (401, "UNAUTHENTICATED")
        assert "WWW-Authenticate" in answer.headers
        emulator.login("photoslibrary.appendonly")
        assert error_of(await emulator.get("albums"))[0] == 403
        emulator.login()
        assert (await emulator.get("albums")).status_code == 200
        assert error_of(await emulator.get("albums"))[:2] == (429, "RESOURCE_EXHAUSTED")
        emulator.clock.now += 86400
        emulator.login()
        assert (await emulator.get("albums")).status_code == 200
        emulator.google.options.service_enabled = False
        assert error_of(await emulator.get("albums"))[2]["details"][0]["reason"] == "SERVICE_DISABLED"
        for path in ("/v1/nothing", "/v2/albums", "/"):
            missing = await emulator.http.get(f"/{API}{path}", headers=emulator.headers)
            assert missing.status_code == 404
            assert missing.headers["Content-Type"].startswith("text/html")
        picker = await emulator.http.post("/photospicker.googleapis.com/v1/sessions", json={})
        assert error_of(picker)[0] == 403


async def test_batch_get_in_order_and_as_an_overridden_post() -> None:
    async with google_emulator() as emulator:
        album = fill(emulator.google, 3)
        wanted = [album.items[2].item_id, "y" * 60, album.items[0].item_id, "bad"]
        results = (await emulator.get("mediaItems:batchGet", mediaItemIds=wanted)).json()["mediaItemResults"]
        assert results[0]["mediaItem"]["id"] == wanted[0]
        assert [each["status"]["code"] for each in (results[1], results[3])] == [5, 3]
        override = {**emulator.headers, "X-HTTP-Method-Override": "GET"}
        url = f"/{API}/v1/mediaItems:batchGet"
        posted = await emulator.http.post(url, data={"mediaItemIds": wanted, "fields": "*"}, headers=override)
        assert [set(each) for each in posted.json()["mediaItemResults"]] == [set(each) for each in results]
        assert (
            await emulator.http.post(url, data={"mediaItemIds": wanted}, headers=emulator.headers)
        ).status_code == 404
        refused: list[list[str]] = [[], [wanted[0]] * 2, ["x" * 60 + str(number) for number in range(51)]]
        for wrong in refused:
            assert error_of(await emulator.get("mediaItems:batchGet", mediaItemIds=wrong))[0] == 400


async def test_filters() -> None:
    async with google_emulator(era=Era.LEGACY) as emulator:
        emulator.login(*LEGACY_SCOPES)
        add = emulator.google.add_item
        may = add(None, "may.jpg", jpeg(), created_at=1_589_000_000.0, favorite=True)
        june = add(None, "june.jpg", jpeg(), created_at=1_592_000_000.0, categories=frozenset({"PETS"}))
        video = add(None, "v.mp4", b"", mime_type="video/mp4", created_at=1_620_000_000.0)
        archived = add(None, "old.jpg", jpeg(), created_at=1.0, archived=True)
        year = {"startDate": {"year": 2020}, "endDate": {"year": 2020}}
        cases: list[tuple[dict[str, Any], list[Any]]] = [
            ({}, [video, june, may]),
            ({"includeArchivedMedia": True}, [video, june, may, archived]),
            ({"mediaTypeFilter": {"mediaTypes": ["VIDEO"]}}, [video]),
            ({"mediaTypeFilter": {"mediaTypes": ["PHOTO"]}}, [june, may]),
            ({"featureFilter": {"includedFeatures": ["FAVORITES"]}}, [may]),
            ({"contentFilter": {"includedContentCategories": ["PETS"]}}, [june]),
            ({"contentFilter": {"excludedContentCategories": ["PETS"]}}, [video, may]),
            ({"dateFilter": {"dates": [{"year": 2020, "month": 5}]}}, [may]),
            ({"dateFilter": {"dates": [{"month": 5}]}}, [video, may]),
            ({"dateFilter": {"ranges": [year]}}, [june, may]),
        ]
        for filters, expected in cases:
            assert ids(await emulator.search(filters=filters)) == [item.item_id for item in expected], filters
        refused: list[dict[str, Any]] = [
            {"mediaTypeFilter": {"mediaTypes": ["PHOTO", "VIDEO"]}},
            {"mediaTypeFilter": {"mediaTypes": ["SOUND"]}},
            {"dateFilter": {"dates": [{"year": 2020, "month": 13}]}},
            {"colourFilter": {}},
        ]
        for wrong in refused:
            assert error_of(await emulator.post("mediaItems:search", {"filters": wrong}))[0] == 400, wrong


async def test_changes_to_albums() -> None:
    async with google_emulator() as emulator:
        created = (await emulator.post("albums", {"album": {"title": "New"}})).json()
        path = f"albums/{created['id']}"
        assert (created["isWriteable"], "mediaItemsCount" in created) == (True, False)
        assert error_of(await emulator.post("albums", {"album": {"title": "x" * 501}}))[0] == 400
        item = emulator.google.add_item(None, "a.jpg", jpeg())
        foreign = emulator.google.add_item(None, "b.jpg", jpeg(), app_created=False)
        both = {"mediaItemIds": [item.item_id, foreign.item_id]}
        assert error_of(await emulator.post(f"{path}:batchAddMediaItems", both))[0] == 400
        assert await emulator.search(albumId=created["id"]) == {}
        one = {"mediaItemIds": [item.item_id]}
        assert (await emulator.post(f"{path}:batchAddMediaItems", one)).json() == {}
        assert ids(await emulator.search(albumId=created["id"])) == [item.item_id]
        assert (await emulator.post(f"{path}:batchRemoveMediaItems", one)).json() == {}
        assert error_of(await emulator.post(f"{path}:batchRemoveMediaItems", one))[0] == 400
        url = f"/{API}/v1/{path}?updateMask=title"
        patched = await emulator.http.patch(url, json={"title": "Better"}, headers=emulator.headers)
        assert patched.json()["title"] == "Better"


async def test_enrichments_have_places_among_the_items() -> None:
    async with google_emulator() as emulator:
        album = fill(emulator.google, 2)
        path = f"albums/{album.album_id}:addEnrichment"

        async def enrich(content: dict[str, Any], **position: str) -> httpx.Response:
            return await emulator.post(path, {"new_enrichment_item": content, "album_position": position})

        async def add(colour: str, **position: str) -> str:
            token = await emulator.upload(jpeg(colour=colour), f"{colour}.jpg")
            new = [{"simpleMediaItem": {"uploadToken": token}}]
            body = {"albumId": album.album_id, "newMediaItems": new, "albumPosition": position}
            made = (await emulator.post("mediaItems:batchCreate", body)).json()
            return str(made["newMediaItemResults"][0]["mediaItem"]["id"])

        async def enriched(content: dict[str, Any], **position: str) -> str:
            return str((await enrich(content, **position)).json()["enrichmentItem"]["id"])

        place = {"locationName": "Lake", "latlng": {"latitude": 46.5, "longitude": -6.25}}
        text = {"textEnrichment": {"text": "Day 1"}}
        first = await enriched(text, position="FIRST_IN_ALBUM")
        last = await enriched({"locationEnrichment": {"location": place}}, position="LAST_IN_ALBUM")
        journey = {"mapEnrichment": {"origin": place, "destination": place}}
        after = {"position": "AFTER_ENRICHMENT_ITEM"}
        second = await enriched(journey, **after, relativeEnrichmentItemId=first)
        await add("green", **after, relativeEnrichmentItemId=last)
        await add("blue", **after, relativeEnrichmentItemId=second)
        await add("yellow", **after, relativeEnrichmentItemId=first)
        red = await add("red", position="FIRST_IN_ALBUM")
        await add("black", position="AFTER_MEDIA_ITEM", relativeMediaItemId=red)
        await add("white", **after, relativeEnrichmentItemId=second)
        names = [item.filename.removesuffix(".jpg") for item in album.items]
        assert names == ["red", "black", "yellow", "white", "blue", "000", "001", "green"]
        assert [each.enrichment_id for each in album.enrichments] == [first, second, last]

        for refused in (
            await enrich(text),
            await enrich({**text, **journey}, position="LAST_IN_ALBUM"),
            await enrich({"mapEnrichment": {"origin": place}}, position="LAST_IN_ALBUM"),
            await enrich(text, position="AFTER_MEDIA_ITEM", relativeMediaItemId="A" * 60),
            await enrich(text, position="AFTER_ENRICHMENT_ITEM", relativeEnrichmentItemId="A" * 60),
        ):
            assert error_of(refused)[:2] == (400, "INVALID_ARGUMENT")
        emulator.login("photoslibrary.readonly.appcreateddata")
        assert error_of(await enrich(text, position="FIRST_IN_ALBUM"))[:2] == (403, "PERMISSION_DENIED")


async def test_a_cover_is_an_item_of_the_album() -> None:
    async with google_emulator() as emulator:
        album = fill(emulator.google, 2)
        loose = emulator.google.add_item(None, "loose.jpg", jpeg())

        async def patch(item_id: str) -> httpx.Response:
            path = f"/{API}/v1/albums/{album.album_id}?updateMask=cover_photo_media_item_id"
            return await emulator.http.patch(
                path, json={"coverPhotoMediaItemId": item_id}, headers=emulator.headers
            )

        wanted = album.items[1].item_id
        assert (await patch(wanted)).json()["coverPhotoMediaItemId"] == wanted
        assert error_of(await patch(loose.item_id))[:2] == (400, "INVALID_ARGUMENT")
        del album.items[1]
        assert (await emulator.get(f"albums/{album.album_id}")).json()["coverPhotoMediaItemId"] != wanted


@pytest.mark.parametrize(
    "body",
    [
        {"pageSize": "many"},
        {"pageSize": 2**31},
        {"pageSize": True},
        {"albumId": 5},
        {"filters": "none"},
        {"filters": {"mediaTypeFilter": {"mediaTypes": ["PAINTING"]}}},
        {"filters": {"dateFilter": {"dates": [{"year": 1.5}]}}},
        {"filters": {"includeArchivedMedia": "yes"}},
        {"filters": {"dateFilter": {"dates": [{"century": 20}]}}},
        {"albumID": "x"},
    ],
    ids=str,
)
async def test_a_body_of_another_form_is_refused_whatever_its_depth(body: dict[str, Any]) -> None:
    async with google_emulator() as emulator:
        assert error_of(await emulator.post("mediaItems:search", body))[:2] == (400, "INVALID_ARGUMENT")


async def test_nulls_snake_case_and_single_values_are_accepted() -> None:
    async with google_emulator() as emulator:
        emulator.google.add_item(None, "film.mp4", MP4)
        fill(emulator.google, 1)
        filters = {"media_type_filter": {"media_types": "VIDEO"}, "date_filter": None}
        found = await emulator.search(filters=filters, page_size="5", album_id=None)
        assert [item["filename"] for item in found["mediaItems"]] == ["film.mp4"]


async def test_discovery_document_covers_what_picsync_uses() -> None:
    ours = json.loads(resources.files(googlephotos).joinpath("discovery.json").read_text("utf-8"))
    async with google_emulator() as emulator:
        theirs = (await emulator.http.get(f"/{API}/$discovery/rest?version=v1")).json()
    for name, resource in ours["resources"].items():
        for verb, method in resource["methods"].items():
            known = theirs["resources"][name]["methods"][verb]
            assert (method["id"], method["httpMethod"]) == (known["id"], known["httpMethod"])
            assert method["path"] == known["path"].replace("{+", "{")
            for parameter, described in method.get("parameters", {}).items():
                assert described.items() <= known["parameters"][parameter].items()


async def test_ids_tell_contents_apart_and_survive_a_restart() -> None:
    async with google_emulator() as first, google_emulator() as second, google_emulator() as third:
        for emulator, colour in ((first, "red"), (second, "red"), (third, "blue")):
            emulator.google.add_item(None, "a.jpg", jpeg(colour=colour))
        same, again, other = [
            ids((await emulator.get("mediaItems")).json()) for emulator in (first, second, third)
        ]
        assert same == again != other


async def test_answers_are_compressed_and_compact_if_asked() -> None:
    async with google_emulator() as emulator:
        fill(emulator.google, 25)
        headers = {**emulator.headers, "Accept-Encoding": "identity"}
        sizes = [
            len((await emulator.http.get(f"/{API}/v1/mediaItems{query}", headers=headers)).content)
            for query in ("", "?prettyPrint=false")
        ]
        zipped = await emulator.get("mediaItems")
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert int(zipped.headers["Content-Length"]) < sizes[1] < sizes[0]
        assert len(ids(zipped.json())) == 25

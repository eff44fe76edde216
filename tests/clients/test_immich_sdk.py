"""The emulated Immich, asked by Immich's own SDK and held against its types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from picsync.emulators.immich import HOST
from tests.clients.immichsdk import SDKS, Call, call, check
from tests.emulators.immich_emulator import immich_emulator

VERSIONS = pytest.mark.parametrize("version", SDKS, ids=lambda version: ".".join(map(str, version)))


@VERSIONS
async def test_server_information_has_the_types_of_the_sdk(
    version: tuple[int, int, int], tmp_path: Path
) -> None:
    package = SDKS[version]
    async with immich_emulator(version=version) as emulator:
        calls = [
            Call("pingServer"),
            Call("getServerVersion"),
            Call("getVersionCheck"),
            Call("getAboutInfo"),
            Call("getServerConfig"),
            Call("getServerFeatures"),
            Call("getSupportedMediaTypes"),
            Call("getStorage"),
            Call("getServerStatistics"),
            Call("getMyUser"),
        ]
        url = f"{emulator.http.base_url}/{HOST}/api"
        answers = await call(package, url, emulator.headers["x-api-key"], calls)
    assert answers[0] == {"res": "pong"}
    await check(package, [(each.name, got) for each, got in zip(calls, answers, strict=True)], tmp_path)


@VERSIONS
async def test_listings_searches_and_items_have_the_types_of_the_sdk(
    version: tuple[int, int, int], tmp_path: Path
) -> None:
    package = SDKS[version]
    async with immich_emulator(version=version) as emulator:
        immich = emulator.immich
        album, assets = emulator.album(["one.jpg", "two.jpg"])
        person, tag = immich.add_person("Anna"), immich.add_tag("Family/Anna")
        assets[0].people.add(person.person_id)
        assets[0].tags.add(tag.tag_id)
        immich.add_asset(album, "clip.mp4", b"a film", mime_type="video/mp4")
        then = {"taken_at": emulator.clock.now - 365 * 86_400, "country": "Italy", "visibility": "timeline"}
        immich.add_asset(None, "then.jpg", b"\xff\xd8\xff\xe0", **then)
        link = immich.share(album, slug="family")
        single = immich.share(assets)
        by_id = {"id": assets[0].asset_id}
        search = {"albumIds": [album.album_id], "withExif": True, "withPeople": True, "order": "asc"}
        calls = [
            Call("getMyApiKey"),
            Call("getAllAlbums", {"assetId": assets[0].asset_id}),
            Call("getAllAlbums", {"shared": True} if version < (3, 0, 0) else {"isShared": True}),
            Call("getAlbumInfo", {"id": album.album_id}),
            Call("getAlbumStatistics"),
            Call("getAssetStatistics", {}),
            Call("getAssetInfo", by_id),
            Call("searchAssets", {"metadataSearchDto": search}),
            Call("searchAssetStatistics", {"statisticsSearchDto": {"albumIds": [album.album_id]}}),
            Call("searchRandom", {"randomSearchDto": {"size": 2}}),
            Call("searchPerson", {"name": "ann"}),
            Call("getSearchSuggestions", {"$type": "country"}),
            Call("searchMemories", {}),
            Call("getTimeBuckets", {"albumId": album.album_id}),
            Call("getAllPeople", {}),
            Call("getPerson", {"id": person.person_id}),
            Call("getPersonStatistics", {"id": person.person_id}),
            Call("getAllTags"),
            Call("getTagById", {"id": tag.tag_id}),
            Call("getAllSharedLinks", {}),
            Call("getMySharedLink", {"key": link.key}),
            Call("getMySharedLink", {"key": single.key}),
        ]
        if version >= (3, 2, 0):
            wanted = {
                "filter": {"albumIds": {"any": [album.album_id]}},
                "orderBy": {"field": "fileCreatedAt", "direction": "asc"},
                "withExif": True,
            }
            calls.append(Call("searchAssets", {"metadataSearchDto": wanted}))
        fetched = [
            Call("getPersonThumbnail", {"id": person.person_id}),
            Call("downloadAsset", by_id),
            Call("viewAsset", {**by_id, "size": "preview"}),
        ]
        url = f"{emulator.http.base_url}/{HOST}/api"
        answers = await call(package, url, emulator.headers["x-api-key"], calls + fetched)
    found = {each.name: got for each, got in zip(calls, answers, strict=False)}
    assert [each["id"] for each in found["getAllAlbums"]] == [album.album_id]
    names = [each["originalFileName"] for each in found["searchAssets"]["assets"]["items"]]
    assert names == ["one.jpg", "two.jpg", "clip.mp4"]
    assert found["searchAssetStatistics"]["total"] == 3
    assert found["getPersonStatistics"] == {"assets": 1}
    assert found["getSearchSuggestions"] == ["Italy"]
    assert [each["data"]["year"] for each in found["searchMemories"]] == [2022]
    assert answers[-3]["type"] == "image/jpeg"
    assert answers[-2]["bytes"] == assets[0].size_bytes
    assert answers[-1]["type"] == "image/jpeg"
    await check(package, [(each.name, got) for each, got in zip(calls, answers, strict=False)], tmp_path)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"res": 1}, "not assignable"),
        ({}, "missing"),
        ({"res": "pong", "more": 1}, "does not exist"),
    ],
)
async def test_the_check_finds_what_is_wrong(answer: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=said):
        await check("immich-sdk-3.2", [("pingServer", answer)], tmp_path)


async def test_the_check_knows_the_values_of_enumerations(tmp_path: Path) -> None:
    answer = {"id": "1", "name": "x", "permissions": ["asset.rea"], "createdAt": "", "updatedAt": ""}
    with pytest.raises(AssertionError, match=r"asset\.rea"):
        await check("immich-sdk-3.2", [("getMyApiKey", answer)], tmp_path)

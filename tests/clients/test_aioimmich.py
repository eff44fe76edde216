"""The emulated Immich, asked by aioimmich, the client of Home Assistant, unmodified and with its models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from yarl import URL

from picsync.emulators.immich import HOST, V2_7, V3_0, V3_2, V3_3
from tests.clients import need_python
from tests.emulators.immich_emulator import ImmichEmulator, immich_emulator

if TYPE_CHECKING:
    from aioimmich import Immich

VERSIONS = pytest.mark.parametrize("version", [V2_7, V3_0, V3_2, V3_3], ids=["2.7", "3.0", "3.2", "3.3"])


@asynccontextmanager
async def client(emulator: ImmichEmulator, *, key: str = "") -> AsyncIterator[Immich]:
    """Set up the client with a key that may do everything, or with another one."""
    need_python("aioimmich")
    import aiohttp
    from aioimmich import Immich

    # It takes no path, so the Host header has to lead to the service.
    url = URL(str(emulator.http.base_url))
    assert url.host is not None
    assert url.port is not None
    secret = key or emulator.headers["x-api-key"]
    async with aiohttp.ClientSession(headers={"Host": HOST}) as session:
        immich = Immich(session, secret, url.host, url.port, use_ssl=False)
        await immich.async_setup()
        yield immich


@VERSIONS
async def test_the_server_tells_about_itself_and_about_whoever_asks(version: Any) -> None:
    async with immich_emulator(version=version) as emulator, client(emulator) as immich:
        emulator.album(["one.jpg", "two.jpg"])
        told = immich.api.version
        assert (told.major, told.minor, told.patch) == version
        assert (await immich.server.async_get_version()) == told
        about = await immich.server.async_get_about_info()
        assert about.version == f"v{told.major}.{told.minor}.{told.patch}"
        assert (await immich.server.async_get_version_check()).release_version == about.version
        storage = await immich.server.async_get_storage_info()
        assert storage.disk_size_raw == storage.disk_use_raw + storage.disk_available_raw
        statistics = await immich.server.async_get_server_statistics()
        assert (statistics.photos, statistics.usage_by_user[0].user_name) == (2, "Anna")
        assert statistics.usage == storage.disk_use_raw
        me = await immich.users.async_get_my_user()
        assert (me.name, me.is_admin, me.quota_usage_in_bytes) == ("Anna", True, statistics.usage)


@VERSIONS
async def test_everything_that_can_be_listed_and_searched(version: Any) -> None:
    async with immich_emulator(version=version) as emulator, client(emulator) as immich:
        album, assets = emulator.album(["one.jpg", "two.jpg", "three.jpg"])
        emulator.immich.share(emulator.album(["four.jpg"], "Another")[0])
        video = emulator.immich.add_asset(album, "clip.mp4", b"a film", mime_type="video/mp4")
        anna, hidden = emulator.immich.add_person("Anna"), emulator.immich.add_person("Eve", hidden=True)
        tag = emulator.immich.add_tag("Family/Anna")
        assets[0].people, assets[1].tags, assets[2].favorite = {anna.person_id}, {tag.tag_id}, True

        albums = await immich.albums.async_get_all_albums()
        assert {each.album_name: each.asset_count for each in albums} == {"Family": 4, "Another": 1}
        assert (await immich.albums.async_get_album_info(album.album_id)).album_id == album.album_id
        assert [each.album_name for each in await immich.albums.async_filter_albums_by_name("fam")] == [
            "Family"
        ]

        everything = await immich.search.async_get_all(page_size=2)
        assert len(everything) == 5
        found = await immich.search.async_get_all_by_album_ids([album.album_id])
        assert sorted(each.original_file_name for each in found) == [
            "clip.mp4",
            "one.jpg",
            "three.jpg",
            "two.jpg",
        ]
        assert {each.asset_id: each.asset_type for each in found}[video.asset_id] == "VIDEO"
        for search, asset in (
            (immich.search.async_get_all_by_person_ids([anna.person_id]), assets[0]),
            (immich.search.async_get_all_by_tag_ids([tag.tag_id]), assets[1]),
            (immich.search.async_get_all_favorites(), assets[2]),
        ):
            assert [each.asset_id for each in await search] == [asset.asset_id]

        people = await immich.people.async_get_all_people()
        assert [each.person_id for each in people] == [anna.person_id]
        assert await immich.people.async_get_person_by_id(anna.person_id) == people[0]
        assert await immich.people.async_filter_people_by_name("ann") == people
        assert await immich.search.async_search_persons("ann") == people
        assert await immich.people.async_get_people_count() == 2
        assert (await immich.people.async_get_person_by_id(hidden.person_id)).is_hidden
        assert (await immich.people.async_get_person_thumbnail(anna.person_id))[:3] == b"\xff\xd8\xff"

        tags = await immich.tags.async_get_all_tags()
        assert [(each.name, each.value) for each in tags] == [("Anna", "Family/Anna")]
        assert await immich.tags.async_get_tag_by_id(tag.tag_id) == tags[0]
        assert await immich.tags.async_filter_tags_by_name("ann") == tags

        for size in ("thumbnail", "preview"):
            assert (await immich.assets.async_view_asset(assets[0].asset_id, size))[:3] == b"\xff\xd8\xff"
        assert (
            len(await immich.assets.async_view_asset(assets[0].asset_id, "fullsize")) == assets[0].size_bytes
        )
        stream = await immich.assets.async_play_video_stream(video.asset_id)
        assert await stream.read() == b"a film"


async def test_what_it_knows_already_is_not_sent_again() -> None:
    async with immich_emulator() as emulator, client(emulator) as immich:
        emulator.album(["one.jpg"])
        first = await immich.albums.async_get_all_albums()
        assert immich.api.cache["GET_albums_None"].etag
        assert await immich.albums.async_get_all_albums() == first
        emulator.album(["two.jpg"], "Another")
        assert len(await immich.albums.async_get_all_albums()) == 2
        statuses = [record.status for record in emulator.log("/api/albums")]
        assert statuses == [200, 304, 200]


@VERSIONS
async def test_refusals_are_errors_of_its_own(version: Any) -> None:
    async with immich_emulator(version=version) as emulator:
        need_python("aioimmich")
        from aioimmich.exceptions import (
            ImmichError,
            ImmichForbiddenError,
            ImmichNotFoundError,
            ImmichUnauthorizedError,
        )

        limited = emulator.immich.add_key(["asset.read"]).secret
        async with client(emulator, key="wrong") as immich:
            with pytest.raises(ImmichUnauthorizedError, match="Invalid API key"):
                await immich.users.async_get_my_user()
        async with client(emulator, key=limited) as immich:
            with pytest.raises(ImmichForbiddenError, match=r"user\.read"):
                await immich.users.async_get_my_user()
        async with client(emulator) as immich:
            with pytest.raises(ImmichError, match="Not found or no album"):
                await immich.albums.async_get_album_info("6f1c0d5e-1111-4222-8333-944455556666")
            with pytest.raises(ImmichError, match="size"):
                await immich.search.async_get_all(page_size=2000)
            with pytest.raises(ImmichNotFoundError, match="Cannot POST"):
                # Nothing is understood of what pictures show.
                await immich.search.async_smart_search("a dog")

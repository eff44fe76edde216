"""The emulated Immich 3.3, asked by immichpy, unmodified: it is generated from the description of 3.3's API.

Its models refuse an answer that lacks a field or has one of another type.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from picsync.emulators.immich import HOST, V3_3
from tests.clients import need_python
from tests.emulators.immich_emulator import ImmichEmulator, immich_emulator

_GENERATED = "immichpy.client.generated"


class Client:
    """The groups of its calls by their names, each loaded when first used: all of them take seconds."""

    def __init__(self, base: Any) -> None:
        self._base = base

    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module(f"{_GENERATED}.api.{name}_api")
        title = "".join(part.title() for part in name.split("_"))
        return getattr(module, "APIKeysApi" if name == "api_keys" else f"{title}Api")(self._base)


@asynccontextmanager
async def client(emulator: ImmichEmulator, *, key: str | None = None) -> AsyncIterator[Client]:
    """Set up the client with a key that may do everything, with another one or, if that is empty, none."""
    need_python("immichpy")
    generated = importlib.import_module(f"{_GENERATED}.configuration")
    # Under an IP address it would keep no cookies.
    url = f"http://localhost:{emulator.server.port}/{HOST}/api"
    secret = emulator.headers["x-api-key"] if key is None else key
    settings = generated.Configuration(host=url, api_key={"api_key": secret} if secret else None)
    async with importlib.import_module(f"{_GENERATED}.api_client").ApiClient(settings) as base:
        yield Client(base)


async def test_the_server_tells_about_itself_and_about_whoever_asks() -> None:
    async with immich_emulator(version=V3_3) as emulator, client(emulator) as immich:
        emulator.album(["one.jpg", "two.jpg"])
        assert (await immich.server.ping_server()).res == "pong"
        version = await immich.server.get_server_version()
        assert (version.major, version.minor, version.patch) == V3_3
        assert (await immich.server.get_version_check()).release_version == "v3.3.5"
        assert (await immich.server.get_about_info()).version == "v3.3.5"
        assert ".heic" in (await immich.server.get_supported_media_types()).image
        storage = await immich.server.get_storage()
        statistics = await immich.server.get_server_statistics()
        assert (statistics.photos, statistics.usage) == (2, storage.disk_use_raw)
        with pytest.warns(DeprecationWarning, match="server/config"):
            assert (await immich.server.get_server_config()).trash_days == 30
        with pytest.warns(DeprecationWarning, match="server/features"):
            assert (await immich.server.get_server_features()).trash
        me = await immich.users.get_my_user()
        assert (me.name, me.is_admin) == ("Anna", True)
        assert [each.value for each in (await immich.api_keys.get_my_api_key()).permissions] == ["all"]


async def test_albums_people_and_tags_are_listed_and_looked_at() -> None:
    async with immich_emulator(version=V3_3) as emulator, client(emulator) as immich:
        album, assets = emulator.album(["one.jpg", "two.jpg"])
        emulator.album(["three.jpg"], "Another")
        anna, tag = emulator.immich.add_person("Anna"), emulator.immich.add_tag("Family/Anna")
        assets[0].people, assets[0].tags = {anna.person_id}, {tag.tag_id}
        assets[0].country, assets[0].description = "Italy", "At the sea"

        found = await immich.albums.get_all_albums(asset_id=UUID(assets[0].asset_id))
        assert [each.album_name for each in found] == ["Family"]
        assert [each.id for each in await immich.albums.get_all_albums(is_shared=True)] == []
        looked = await immich.albums.get_album_info(UUID(album.album_id))
        assert (looked.asset_count, looked.album_users[0].user.name) == (2, "Anna")
        assert (await immich.albums.get_album_statistics()).owned == 2

        people = await immich.people.get_all_people()
        assert [each.name for each in people.people] == ["Anna"]
        assert await immich.people.get_person(UUID(anna.person_id)) == people.people[0]
        assert await immich.search.search_person(name="ann") == people.people
        assert (await immich.people.get_person_statistics(UUID(anna.person_id))).assets == 1
        assert bytes(await immich.people.get_person_thumbnail(UUID(anna.person_id)))[:3] == b"\xff\xd8\xff"

        tags = await immich.tags.get_all_tags()
        assert [each.value for each in tags] == ["Family/Anna"]
        assert await immich.tags.get_tag_by_id(UUID(tag.tag_id)) == tags[0]

        asset = await immich.assets.get_asset_info(UUID(assets[0].asset_id))
        assert asset.people == people.people
        assert asset.tags == tags
        assert asset.owner is not None
        assert asset.owner.name == "Anna"
        assert asset.exif_info is not None
        assert (asset.exif_info.country, asset.exif_info.description) == ("Italy", "At the sea")
        assert (await immich.assets.get_asset_statistics()).images == 3


async def test_both_forms_of_the_search_find_the_same() -> None:
    async with immich_emulator(version=V3_3) as emulator, client(emulator) as immich:
        from immichpy.client.generated import models

        album, assets = emulator.album(["one.jpg", "two.jpg", "three.jpg"])
        emulator.album(["four.jpg"], "Another")
        assets[1].trashed, assets[2].country = True, "Italy"
        ids = [UUID(album.album_id)]
        wanted = models.SearchFilter(
            album_ids=models.IdsFilter(any=ids),
            visibility=models.EnumFilterAssetVisibility(eq=models.AssetVisibility.TIMELINE),
            trashed_at=models.DateFilterNullable(eq=None),
        )
        order = models.SearchOrder(
            field=models.SearchOrderField.FILECREATEDAT, direction=models.AssetOrder.ASC
        )

        async def names(body: Any) -> list[str]:
            listed: list[str] = []
            while True:
                page = (await immich.search.search_assets(body)).assets
                listed += [each.original_file_name for each in page.items]
                if page.next_cursor is not None:
                    body.cursor = page.next_cursor
                elif page.next_page is not None:
                    body.page = int(page.next_page)
                else:
                    return listed

        flat = models.MetadataSearchDto(
            album_ids=ids, order=models.AssetOrder.ASC, size=1, with_exif=True, with_people=True
        )
        assert await names(flat) == ["one.jpg", "three.jpg"]
        form = models.MetadataSearchDto(filter=wanted, order_by=order, size=1, with_exif=True)
        assert await names(form) == ["one.jpg", "three.jpg"]
        # What picsync asks for, to keep what is on a disk that is not mounted.
        emulator.immich.unmount(assets[:1])
        wanted.trashed_at = models.DateFilterNullable(ne=None)
        wanted.is_offline = models.BoolFilter(eq=True)
        assert await names(models.MetadataSearchDto(filter=wanted, order_by=order)) == ["one.jpg"]
        missing = models.MetadataSearchDto(album_ids=ids, is_offline=True, with_deleted=True)
        assert await names(missing) == ["one.jpg"]

        counted = models.StatisticsSearchDto(album_ids=ids)
        assert (await immich.search.search_asset_statistics(counted)).total == 1
        chosen = await immich.search.search_random(models.RandomSearchDto(size=5))
        assert sorted(each.original_file_name for each in chosen) == ["four.jpg", "three.jpg"]
        suggested = await immich.search.get_search_suggestions(type=models.SearchSuggestionType.COUNTRY)
        assert suggested == ["Italy"]


async def test_the_days_of_earlier_years() -> None:
    async with immich_emulator(version=V3_3) as emulator, client(emulator) as immich:
        a_year_ago = emulator.clock.now - 365 * 86_400
        emulator.immich.add_asset(None, "then.jpg", b"\xff\xd8\xff\xe0", taken_at=a_year_ago)
        (memory,) = await immich.memories.search_memories()
        assert (memory.data.year, len(memory.assets)) == (2022, 1)
        buckets = await immich.timeline.get_time_buckets()
        assert [(each.time_bucket, each.count) for each in buckets] == [("2022-11-01", 1)]


async def test_bytes_come_in_all_sizes() -> None:
    async with immich_emulator(version=V3_3) as emulator, client(emulator) as immich:
        from immichpy.client.generated.models import AssetMediaSize

        album, (asset,) = emulator.album(["one.jpg"])
        video = emulator.immich.add_asset(album, "clip.mp4", b"a film", mime_type="video/mp4")
        by_id = UUID(asset.asset_id)
        assert len(await immich.assets.download_asset(by_id)) == asset.size_bytes
        for size in AssetMediaSize:
            if size != AssetMediaSize.ORIGINAL:
                assert bytes(await immich.assets.view_asset(by_id, size=size))[:3] == b"\xff\xd8\xff"
        assert bytes(await immich.assets.play_asset_video(UUID(video.asset_id))) == b"a film"


async def test_a_shared_link_opens_its_album_without_a_key() -> None:
    async with immich_emulator(version=V3_3) as emulator, client(emulator, key="") as immich:
        from immichpy.client.generated import models

        album, assets = emulator.album(["one.jpg", "two.jpg"])
        link = emulator.immich.share(album, slug="family", password="sesame")
        with pytest.raises(Exception, match="Password required"):
            await immich.shared_links.get_my_shared_link(slug="family")
        await immich.shared_links.shared_link_login(
            models.SharedLinkLoginDto(password="sesame"), slug="family"
        )
        opened = await immich.shared_links.get_my_shared_link(slug="family")
        assert opened.album is not None
        found = await immich.search.search_assets(
            models.MetadataSearchDto(album_ids=[opened.album.id]), key=link.key
        )
        assert found.assets.count == 2
        assets[0].trashed = True
        in_the_trash = await immich.timeline.get_time_buckets(
            album_id=opened.album.id, is_trashed=True, key=link.key
        )
        assert [each.count for each in in_the_trash] == [1]
        single = emulator.immich.share(assets[1:], show_metadata=True)
        inline = await immich.shared_links.get_my_shared_link(key=single.key)
        assert [each.original_file_name for each in inline.assets] == ["two.jpg"]
    async with immich_emulator(version=V3_3) as emulator, client(emulator) as immich:
        emulator.immich.share(emulator.album(["one.jpg"])[0])
        assert len(await immich.shared_links.get_all_shared_links()) == 1


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda immich: immich.users.get_my_user(), "Missing required permission: user.read"),
        (lambda immich: immich.assets.get_asset_info(UUID(int=0)), "Not found or no asset.read access"),
    ],
)
async def test_refusals_are_errors_of_its_own(ask: Callable[[Client], Awaitable[Any]], said: str) -> None:
    async with immich_emulator(version=V3_3) as emulator:
        limited = emulator.immich.add_key(["asset.read"]).secret
        async with client(emulator, key=limited) as immich:
            with pytest.raises(Exception, match=said):
                await ask(immich)

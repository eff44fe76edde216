"""Immich listings, and when they count as complete, in every generation of the API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial

import pytest

from picsync.core.errors import LoginNeeded
from picsync.core.events import ListingProgress, LoggedIn, LoginRefused
from picsync.core.model import Certainty, facts
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.immich import FUTURE, HOST, V2_7, V3_0, V3_2, V3_3, Future
from picsync.emulators.immich.resources import asset_json
from picsync.sources.immich.options import ImmichEntry, Rendition
from picsync.sources.immich.renditions import media_item
from picsync.sources.immich.wire import SEARCH
from tests.sources.immich.immich_server import ImmichServer, immich_server, names

GENERATIONS = [V2_7, V3_0, V3_2, V3_3]
HTML = "<!DOCTYPE html><title>Sign in</title>"


@pytest.fixture(params=GENERATIONS, ids=["2.7", "3.0", "3.2", "3.3"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ImmichServer]:
    async with immich_server(version=request.param) as running:
        yield running


async def test_1000_items_are_two_requests_proved_by_the_count(server: ImmichServer) -> None:
    server.album(1000)
    listing = await server.listed("Trip")
    assert listing.complete
    assert len(listing.items) == 1000
    assert len(server.requests("/search/")) == 2
    twice_listed = 2 if server.options.version is V2_7 else 1
    assert len(server.requests("/api/albums")) == twice_listed
    assert len(server.requests()) == 3 + twice_listed


async def test_concurrent_entries_share_common_requests(server: ImmichServer) -> None:
    _, (asset,) = server.album(1, "One")
    server.album(2, "Two")
    asset.people, asset.tags = (
        {server.immich.add_person("Anna").person_id},
        {server.immich.add_tag("Trips").tag_id},
    )
    entries = ["One", "Two", "preview:One", "person:Anna", "preview:person:Anna", "tag:Trips"]
    source = server.source(*map(ImmichEntry.model_validate, entries))
    listings = await asyncio.gather(*map(source.list, entries))
    assert [len(listing.items) for listing in listings] == [1, 2, 1, 1, 1, 1]
    assert all(listing.complete for listing in listings)
    assert len(server.requests("/server/version")) == 1
    assert len(server.requests("/api/albums")) == (2 if server.options.version is V2_7 else 1)
    assert len(server.requests("/api/people")) == len(server.requests("/api/tags")) == 1
    await source.list("One")
    assert len(server.requests("/server/version")) == 2


async def test_who_stops_waiting_takes_nothing_from_the_others() -> None:
    async with immich_server() as server:
        server.album(1, "One")
        server.fail(Fault(kind=FaultKind.HANG, path="/server/version"))
        source = server.source(timeout_s=1.0)
        impatient = asyncio.create_task(source.list("One"))
        patient = asyncio.create_task(source.list("One"))
        await server.server.log.wait_for(lambda log: log.count(path="/server/version") == 1)
        impatient.cancel()
        assert (await patient).complete
        assert impatient.cancelled()
        assert len(server.requests("/server/version")) == 2


async def test_closing_ends_what_is_under_way() -> None:
    async with immich_server() as server:
        server.fail(Fault(kind=FaultKind.HANG, path="/server/version"))
        source = server.source()
        before = asyncio.all_tasks()
        listing = asyncio.create_task(source.list("One"))
        await server.server.log.wait_for(lambda log: log.count(path="/server/version") == 1)
        listing.cancel()
        await source.aclose()
        await source.aclose()
        own = [task for task in asyncio.all_tasks() - before if "picsync/sources" in repr(task)]
        assert [task for task in own if not task.done()] == []


async def test_all_pages_come(server: ImmichServer) -> None:
    server.options.page_cap = 3
    album, _ = server.album(10)
    listing = await server.listed(album.album_id)
    assert listing.complete
    assert names(listing) == [f"IMG_{number}.jpg" for number in range(10)]
    assert len(server.requests("/search/metadata")) == 5
    progress = [event.count for event in server.events if isinstance(event, ListingProgress)]
    assert progress == [3, 6, 9, 10]


async def test_what_was_put_away_is_not_shown_and_that_is_proven(server: ImmichServer) -> None:
    _, assets = server.album(6)
    assets[0].trashed = True
    assets[1].visibility = "archive"
    assets[2].visibility = "locked"
    listing = await server.listed("Trip")
    assert listing.complete, listing.problem
    assert names(listing) == ["IMG_3.jpg", "IMG_4.jpg", "IMG_5.jpg"]
    assert len(server.requests("/search/statistics")) == 0


async def test_a_live_photo_is_its_still(server: ImmichServer) -> None:
    album, _ = server.album(1)
    motion = server.add(album, "IMG_1.mov", mime_type="video/quicktime", visibility="hidden")
    server.add(album, "IMG_1.heic", mime_type="image/heic", motion_id=motion.asset_id)
    listing = await server.listed("Trip")
    assert listing.complete
    assert names(listing) == ["IMG_0.jpg", "IMG_1.heic"]
    motion.visibility = "timeline"
    assert names(await server.listed("Trip")) == ["IMG_0.jpg", "IMG_1.heic"]


async def test_a_file_that_the_server_misses_is_no_wish_to_see_it_gone(server: ImmichServer) -> None:
    _, assets = server.album(2)
    assets[0].offline = True
    listing = await server.listed("Trip")
    assert listing.complete
    assert len(listing.items) == 2


async def test_an_album_of_another_s_that_is_shared_with_me(server: ImmichServer) -> None:
    eve = server.immich.add_user("Eve")
    album = server.immich.add_album("Hers", owner=eve, members=[server.immich.owner])
    server.add(album, "hers.jpg", owner=eve)
    server.add(album, "mine.jpg", owner=server.immich.owner)
    assert names(await server.listed("Hers")) == ["hers.jpg", "mine.jpg"]
    shown = [each async for each in server.source().albums()]
    assert [(each.title, each.item_count) for each in shown] == [("Hers", 2)]


async def test_people_tags_and_favourites(server: ImmichServer) -> None:
    _, assets = server.album(5)
    anna, rome = server.immich.add_person("Anna"), server.immich.add_tag("Trips/Rome")
    server.immich.add_tag("Trips")
    assets[0].people, assets[1].tags, assets[2].favorite = {anna.person_id}, {rome.tag_id}, True
    for entry, name in {
        "person:Anna": "IMG_0.jpg",
        f"person:{anna.person_id}": "IMG_0.jpg",
        "tag:Trips/Rome": "IMG_1.jpg",
        "tag:rome": "IMG_1.jpg",
        "tag:Trips": "IMG_1.jpg",
        f"tag:{rome.tag_id}": "IMG_1.jpg",
        "favorites": "IMG_2.jpg",
    }.items():
        listing = await server.listed(entry)
        assert listing.complete, listing.problem
        assert (listing.album_id, names(listing)) == (entry, [name])


async def test_no_favourites_are_a_complete_empty_listing(server: ImmichServer) -> None:
    server.album(3)
    listing = await server.listed("favorites")
    assert listing.complete
    assert listing.items == ()


@pytest.mark.parametrize("statistics_too", [False, True])
async def test_empty_response_of_a_filled_album_is_not_trusted(
    server: ImmichServer, statistics_too: bool
) -> None:
    server.album(7)
    server.options.empty_search, server.options.empty_statistics = True, statistics_too
    listing = await server.listed("Trip")
    assert listing.certainty is Certainty.PARTIAL
    assert "contains 7 pictures, but lists none" in str(listing.problem)


async def test_empty_favourites_are_not_believed_if_they_are_counted(server: ImmichServer) -> None:
    _, assets = server.album(3)
    assets[0].favorite = True
    server.options.empty_search = True
    listing = await server.listed("favorites")
    assert "counts 1 pictures, but lists 0" in str(listing.problem)


async def test_pages_that_end_early_are_noticed(server: ImmichServer) -> None:
    server.options.page_cap, server.options.early_end = 3, 1
    server.album(10)
    listing = await server.listed("Trip")
    assert len(listing.items) == 3
    assert "counts 10 pictures, but lists 3" in str(listing.problem)


async def test_pages_that_repeat_are_noticed(server: ImmichServer) -> None:
    server.options.page_cap, server.options.repeat_first_page = 3, True
    server.album(10)
    listing = await server.listed("Trip")
    assert not listing.complete
    assert len(server.requests("/search/metadata")) <= 3


@pytest.mark.parametrize("permission", ["asset.read", "album.read"])
async def test_a_key_without_permission_is_told_which_and_where(
    server: ImmichServer, permission: str
) -> None:
    server.album(1)
    others = {"asset.read", "album.read", "asset.statistics"} - {permission}
    listing = await server.listed("Trip", permissions=others)
    assert listing.items == ()
    assert f"lacks the permission `{permission}`" in str(listing.problem)
    assert "Account Settings > API Keys" in str(listing.problem)
    assert server.waits == []


async def test_an_album_needs_no_statistics_and_people_do(server: ImmichServer) -> None:
    _, assets = server.album(3)
    anna = server.immich.add_person("Anna")
    for asset in assets:
        asset.people.add(anna.person_id)
    permissions = ("asset.read", "album.read", "person.read")
    assets[0].visibility = "archive"
    listing = await server.listed("Trip", permissions=permissions)
    assert listing.complete, listing.problem
    assert len(listing.items) == 2
    listing = await server.listed("person:Anna", permissions=permissions)
    assert len(listing.items) == 2
    assert "lacks the permission `asset.statistics`" in str(listing.problem)


async def test_items_of_others_count_though_statistics_omit_them(
    server: ImmichServer,
) -> None:
    eve = server.immich.add_user("Eve")
    album, _ = server.album(2)
    album.members.append(eve)
    hers = [server.add(album, f"hers {number}.jpg", owner=eve) for number in range(3)]
    hers[0].visibility = "archive"
    listing = await server.listed("Trip")
    assert listing.complete, listing.problem
    assert len(listing.items) == 4
    server.immich.library.remove_asset(hers[1])
    listing = await server.listed("Trip")
    assert listing.complete, listing.problem
    assert len(listing.items) == 3


async def test_a_wrong_key_needs_a_person(server: ImmichServer) -> None:
    server.album(1)
    with pytest.raises(LoginNeeded, match="rejects the API key") as caught:
        await server.listed("Trip", key="wrong")
    assert "immich.api_key" in caught.value.hint
    assert any(isinstance(event, LoginRefused) for event in server.events)
    with pytest.raises(LoginNeeded, match="no Immich server"):
        await server.listed("Trip", key="")


async def test_a_proxy_s_login_page_is_no_answer(server: ImmichServer) -> None:
    server.album(1)
    server.options.proxy_login = True
    listing = await server.listed("Trip")
    assert listing.items == ()
    assert "expected JSON, but got text/html" in str(listing.problem)
    assert "proxy" in str(listing.problem)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(kind=FaultKind.REDIRECT, location="https://elsewhere.example/login", count=None), "address"),
        (Fault(kind=FaultKind.STATUS, status=403, body=HTML, count=None), "in front of Immich"),
        (Fault(kind=FaultKind.STATUS, status=401, body=HTML, count=None), "in front of Immich"),
        (Fault(kind=FaultKind.STATUS, status=502, body=HTML, count=None), "502"),
        (Fault(kind=FaultKind.STATUS, status=404, body="{}", count=None), "404"),
    ],
    ids=["redirect", "403", "401", "502", "404"],
)
async def test_what_stands_before_the_server_is_told_from_it(
    server: ImmichServer, fault: Fault, said: str
) -> None:
    server.album(1)
    server.fail(fault)
    listing = await server.listed("Trip")
    assert listing.items == ()
    assert said in str(listing.problem)


async def test_a_limit_of_a_proxy_is_waited_for(server: ImmichServer) -> None:
    server.album(1)
    server.fail(Fault(kind=FaultKind.STATUS, status=429, headers={"Retry-After": "7"}, path="/search"))
    assert (await server.listed("Trip")).complete
    assert server.waits == [7.0]


async def test_what_came_before_a_page_failed_is_kept(server: ImmichServer) -> None:
    server.options.page_cap = 3
    server.album(10)
    server.fail(Fault(kind=FaultKind.STATUS, status=500, path="/search", skip=3, count=None))
    listing = await server.listed("Trip")
    assert len(listing.items) == 6
    assert "500" in str(listing.problem)


async def test_shared_links_need_no_key(server: ImmichServer) -> None:
    album, _ = server.album(5)
    link = server.immich.share(album)
    entry = server.link(link)
    listing = await server.listed(entry, address="", key="")
    assert listing.complete, listing.problem
    assert len(listing.items) == 5
    assert link.key not in repr(listing)
    assert all(record.headers.get("x-api-key") is None for record in server.requests())


async def test_a_shared_link_of_single_pictures(server: ImmichServer) -> None:
    _, assets = server.album(5)
    link = server.immich.share(assets[:2], slug="best-of")
    listing = await server.listed(f"https://{HOST}/s/best-of", key="")
    assert listing.complete
    assert names(listing) == ["IMG_0.jpg", "IMG_1.jpg"]
    link.assets.clear()
    assert not (await server.listed(f"https://{HOST}/s/best-of", key="")).complete


async def test_an_archived_picture_of_a_shared_album(server: ImmichServer) -> None:
    album, assets = server.album(5)
    assets[0].visibility = "archive"
    listing = await server.listed(server.link(server.immich.share(album)), key="")
    assert listing.complete, listing.problem
    assert len(listing.items) == 4


async def test_a_shared_album_that_shows_less_than_it_holds(server: ImmichServer) -> None:
    album, _ = server.album(5)
    entry = server.link(server.immich.share(album))
    if server.options.version is V2_7:
        items = [asset_json(asset, server.options) for asset in album.assets[1:]]
        held = {"id": album.album_id, "albumName": album.name, "assetCount": 5, "assets": items}
        kind = "application/json"
        server.fail(
            Fault(kind=FaultKind.BODY, body=json.dumps(held), content_type=kind, path="/albums/", count=None)
        )
    else:
        server.options.empty_search = True
    listing = await server.listed(entry, key="")
    assert "claims 5 pictures, but shows only" in str(listing.problem)


async def test_a_link_without_metadata_still_tells_its_pictures_apart(server: ImmichServer) -> None:
    album, assets = server.album(3)
    entry = server.link(server.immich.share(album, show_metadata=False))
    first = await server.listed(entry, key="")
    assert first.complete
    assert len({item.version for item in first.items}) == 3
    server.immich.edit(assets[0], b"other")
    second = await server.listed(entry, key="")
    assert [one.version == other.version for one, other in zip(first.items, second.items, strict=True)] == [
        False,
        True,
        True,
    ]


async def test_a_link_that_has_ended_or_never_was(server: ImmichServer) -> None:
    album, _ = server.album(1)
    link = server.immich.share(album, expires_at=server.clock.now + 60)
    assert (await server.listed(server.link(link), key="")).complete
    server.clock.now += 60
    listing = await server.listed(server.link(link), key="")
    assert listing.items == ()
    assert "has expired, was revoked" in str(listing.problem)
    assert link.key not in str(listing.problem)


async def test_a_link_s_password(server: ImmichServer) -> None:
    album, _ = server.album(2)
    entry = server.link(server.immich.share(album, password="sesame"))
    assert "link_password" in str((await server.listed(entry, key="")).problem)
    assert "requires a password" in str((await server.listed(entry, key="", link_password="x")).problem)
    assert (await server.listed(entry, key="", link_password="sesame")).complete


async def test_a_link_that_allows_no_downloads_gives_previews(server: ImmichServer) -> None:
    album, _ = server.album(2)
    link = server.immich.share(album, allow_download=False)
    listing = await server.listed(server.link(link), key="")
    assert all("size=preview" in item.url for item in listing.items)
    refused = await server.listed(f"original:{server.link(link)}", key="")
    assert "rendition: preview" in str(refused.problem)


async def test_the_search_of_a_link_that_is_broken_in_some_builds() -> None:
    async with immich_server(version=(3, 0, 1), link_search=False) as server:
        album, _ = server.album(2)
        listing = await server.listed(server.link(server.immich.share(album)), key="")
        assert listing.items == ()
        assert "400" in str(listing.problem)


@pytest.mark.parametrize("entry", ["Trip", "favorites", "tag:Trips", "person:Anna"])
@pytest.mark.parametrize("future", Future)
async def test_unknown_server_version_is_trusted_only_with_proof(future: Future, entry: str) -> None:
    async with immich_server(version=FUTURE, future=future) as server:
        _, assets = server.album(3)
        server.album(2, "Other")
        anna, trips = server.immich.add_person("Anna"), server.immich.add_tag("Trips")
        for asset in assets:
            asset.people, asset.tags, asset.favorite = {anna.person_id}, {trips.tag_id}, True
        listing = await server.listed(entry)
        if future in (Future.RESHAPED, Future.UNFILTERED):
            assert listing.items == ()
            assert listing.certainty is Certainty.PARTIAL
        else:
            assert listing.complete, listing.problem
            assert names(listing) == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"]


async def test_a_version_of_old_is_refused() -> None:
    async with immich_server(version=(1, 135, 3)) as server:
        server.album(1)
        listing = await server.listed("Trip")
        assert listing.items == ()
        assert "1.135.3 is too old" in str(listing.problem)


async def test_the_answer_of_3_without_assets_does_not_empty_the_frame() -> None:
    async with immich_server(version=V3_0) as server:
        album, _ = server.album(3)
        source = server.source()
        assert len((await source.list(album.album_id)).items) == 3
        server.options.version = V3_2
        assert len((await source.list(album.album_id)).items) == 3


async def test_many_more_than_the_album_holds_are_not_even_read() -> None:
    async with immich_server(version=FUTURE, future=Future.UNFILTERED) as server:
        server.album(1)
        server.album(5000, "Everything else")
        listing = await server.listed("Trip")
        assert listing.items == ()
        assert len(server.requests("/search/metadata")) == 3


@pytest.mark.parametrize(
    "body",
    [
        '{"assets": {}}',
        '{"assets": {"items": []}}',
        '{"assets": {"items": [], "count": 1, "nextPage": null}}',
        '{"assets": {"items": [{"id": "x"}], "nextPage": null}}',
        '{"assets": {"items": null, "nextPage": null}}',
        "[]",
        "null",
        "{}",
        "",
    ],
)
async def test_changed_shapes_are_no_empty_albums(server: ImmichServer, body: str) -> None:
    server.album(2)
    server.fail(
        Fault(kind=FaultKind.BODY, body=body, content_type="application/json", path="/metadata", count=None)
    )
    listing = await server.listed("Trip")
    assert listing.items == ()
    assert listing.problem is not None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"count": 2}, "whether there is another page"),
        ({"count": 3, "nextPage": None, "nextCursor": None}, "3"),
    ],
    ids=["no next page", "wrong count"],
)
async def test_contradictory_page_is_not_trusted_though_complete(
    server: ImmichServer, more: dict[str, object], said: str
) -> None:
    _, assets = server.album(2)
    items = [asset_json(asset, server.options) for asset in assets]
    body = json.dumps({"assets": {"items": items, **more}})
    kind = "application/json"
    server.fail(Fault(kind=FaultKind.BODY, body=body, content_type=kind, path="/metadata", count=None))
    listing = await server.listed("Trip")
    assert not listing.complete
    assert said in str(listing.problem)


async def test_archived_items_are_omitted_though_the_server_has_them() -> None:
    async with immich_server(version=V2_7) as server:
        album, assets = server.album(3)
        assets[0].visibility = "archive"
        listing = await server.listed(server.link(server.immich.share(album)), key="")
        assert listing.complete, listing.problem
        assert names(listing) == ["IMG_1.jpg", "IMG_2.jpg"]


@pytest.mark.parametrize("entry", ["Trip", "favorites", "tag:Trips", "person:Anna"])
async def test_pictures_of_a_disk_that_is_not_mounted_stay(server: ImmichServer, entry: str) -> None:
    _, assets = server.album(6, library_id="5d1c0d5e-1111-4222-8333-944455556666")
    anna, trips = server.immich.add_person("Anna"), server.immich.add_tag("Trips")
    for asset in assets:
        asset.people, asset.tags, asset.favorite = {anna.person_id}, {trips.tag_id}, True
    before = await server.listed(entry)
    server.immich.unmount(assets[:2])
    assets[2].trashed = True
    after = await server.listed(entry)
    assert after.complete, after.problem
    stay = {item.item_id: item.version for item in before.items if item.filename != "IMG_2.jpg"}
    assert {item.item_id: item.version for item in after.items} == stay
    server.immich.unmount(assets)
    assert len((await server.listed(entry)).items) == 6


@pytest.mark.parametrize("show_metadata", [True, False], ids=["all", "no metadata"])
async def test_pictures_of_a_shared_album_s_missing_disk_stay(
    server: ImmichServer, *, show_metadata: bool
) -> None:
    album, assets = server.album(5)
    entry = server.link(server.immich.share(album, show_metadata=show_metadata))
    before = await server.listed(entry, key="")
    server.immich.unmount(assets[:2])
    assets[2].trashed = True
    listing = await server.listed(entry, key="")
    if server.options.version >= V3_0:
        assert listing.complete, listing.problem
        ids = {item.item_id for item in listing.items}
        assert ids == {item.item_id for item in before.items} - {assets[2].asset_id}
        return
    # It cannot be searched through a link; nothing is deleted until the trash is empty.
    assert not listing.complete
    assert "3 pictures of the shared album are in Immich's trash" in str(listing.problem)
    for asset in assets[:3]:
        server.immich.library.remove_asset(asset)
    listing = await server.listed(entry, key="")
    assert listing.complete, listing.problem
    assert len(listing.items) == 2


async def test_what_is_taken_out_of_a_shared_album_goes(server: ImmichServer) -> None:
    album, assets = server.album(4)
    entry = server.link(server.immich.share(album))
    source = server.source(ImmichEntry.model_validate(entry), key="")
    assert len((await source.list(entry)).items) == 4
    album.assets.remove(assets[0])
    server.immich.library.remove_asset(assets[1])
    listing = await source.list(entry)
    assert listing.complete, listing.problem
    assert {item.item_id for item in listing.items} == {assets[2].asset_id, assets[3].asset_id}


async def test_link_that_cannot_query_missing_or_trash_is_incomplete() -> None:
    async with immich_server(version=V2_7) as server:
        album, _ = server.album(2)
        server.fail(Fault(kind=FaultKind.STATUS, path="/timeline", status=403, body="{}", count=None))
        listing = await server.listed(server.link(server.immich.share(album)), key="")
    assert len(listing.items) == 2
    assert not listing.complete
    assert "It is unknown" in str(listing.problem)


async def test_link_to_single_pictures_remembers_its_libraries(server: ImmichServer) -> None:
    library = "5d1c0d5e-1111-4222-8333-944455556666"
    _, uploaded = server.album(2)
    external = [server.add(None, f"{name}.jpg", library_id=library) for name in "ab"]
    entry = server.link(server.immich.share([*uploaded, *external]))
    source = server.source(ImmichEntry.model_validate(entry), key="")
    assert (await source.list(entry)).complete
    external[0].trashed = uploaded[0].trashed = True
    listing = await source.list(entry)
    assert listing.complete, listing.problem
    assert len(listing.items) == 2
    server.immich.unmount(external)
    listing = await source.list(entry)
    assert not listing.complete
    assert "external library" in str(listing.problem)
    server.immich.mount(external)
    assert (await source.list(entry)).complete


async def test_server_without_missing_files_query_is_not_complete() -> None:
    refused = Fault(kind=FaultKind.STATUS, path="/search/metadata", status=400, body="{}", count=2)
    async with immich_server(version=V3_0) as server:
        server.album(2)
        server.fail(refused)
        listing = await server.listed("Trip")
    assert len(listing.items) == 2
    assert not listing.complete
    assert "whose disk is not mounted" in str(listing.problem)


@pytest.mark.parametrize("failing", [0, 1])
@pytest.mark.parametrize("entry", ["Trip", "favorites", "link"])
async def test_library_that_appears_or_vanishes_deletes_nothing(
    server: ImmichServer, entry: str, failing: int
) -> None:
    album, assets = server.album(4, library_id="5d1c0d5e-1111-4222-8333-944455556666")
    for asset in assets:
        asset.favorite = True
    if entry == "link":
        entry = server.link(server.immich.share(album))
    for first, then in (
        (server.immich.unmount, server.immich.mount),
        (server.immich.mount, server.immich.unmount),
    ):
        first(assets[:2])
        server.meanwhile = partial(then, assets[:2])
        server.fail(Fault(kind=FaultKind.STATUS, path="/search/metadata", status=503, skip=failing))
        listing = await server.listed(entry)
        assert len(listing.items) == 4 or not listing.complete
        server.server.faults.clear()
        server.immich.mount(assets)


async def test_removals_during_a_listing_hide_no_other_item(server: ImmichServer) -> None:
    server.options.page_cap = 3
    _, assets = server.album(10)
    for asset in assets:
        asset.favorite = True
    server.meanwhile = partial(server.immich.library.remove_asset, assets[0])
    # The first asks for missing files, the second is the first page.
    server.fail(Fault(kind=FaultKind.STATUS, path="/search/metadata", status=503, skip=2))
    listing = await server.listed("favorites")
    assert len(listing.items) == 9
    assert not listing.complete
    assert "counted 10 pictures, but listed 9" in str(listing.problem)
    again = await server.listed("favorites")
    assert again.complete, again.problem
    assert len(again.items) == 9


@pytest.mark.parametrize("version", [V3_2, V3_3, (3, 9, 0), (4, 0, 0)])
async def test_the_flat_form_is_tried_where_the_filter_form_is_refused(version: tuple[int, int, int]) -> None:
    async with immich_server(version=version) as server:
        server.album(3)
        server.fail(
            Fault(kind=FaultKind.STATUS, path="/search/metadata", status=400, body="{}"),
        )
        listing = await server.listed("Trip")
        assert listing.complete, listing.problem
        first, second = (json.loads(each.body) for each in server.requests("/search/metadata")[:2])
    assert first["orderBy"] == {"field": "fileCreatedAt", "direction": "asc"}
    assert "order" not in first
    assert (second["order"], second["page"]) == ("asc", 1)


async def test_a_refusal_of_the_key_is_over_when_it_lists() -> None:
    async with immich_server() as server:
        server.album(1)
        source = server.source()
        for _ in range(2):
            await source.list("Trip")
        server.fail(Fault(kind=FaultKind.STATUS, status=401, path="/api/", body="{}"))
        with pytest.raises(LoginNeeded):
            await source.list("Trip")
        for _ in range(2):
            await source.list("Trip")
        said = [type(event) for event in server.events if isinstance(event, LoggedIn | LoginRefused)]
        assert said == [LoggedIn, LoginRefused, LoggedIn]


async def test_sizes_and_favourites_are_listed_and_ratings_if_needed(server: ImmichServer) -> None:
    album, (plain,) = server.album(1)
    plain.width, plain.height = 3000, 4000
    server.add(album, "best.jpg", width=4000, height=3000, favorite=True, rating=5)
    source = server.source()
    listing = await source.list("Trip")
    assert [item.facts for item in listing.items] == [
        facts(3000, 4000, favorite=False),
        facts(4000, 3000, favorite=True),
    ]
    assert not any("withExif" in record.body.decode() for record in server.requests("/search/metadata"))
    requests = len(server.requests())
    source.list_ratings("Trip")
    listing = await source.list("Trip")
    assert [item.facts.rating for item in listing.items] == [0, 5]
    assert len(server.requests()) - requests == requests


async def test_odd_sizes_and_ratings_count_as_unknown() -> None:
    async with immich_server() as server:
        _, (asset,) = server.album(1)
        page = {"assets": {"items": [], "count": 1, "nextPage": None}, "albums": {}}
        odd = asset_json(asset, server.options, exif=True)
        for width, rating in (("wide", "best"), (True, None), (-1, -1), (10**30, 10**30), (0, [])):
            item = {**odd, "width": width, "exifInfo": {**odd["exifInfo"], "rating": rating}}
            page["assets"]["items"] = [item]
            asset_wire = SEARCH.validate_json(json.dumps(page)).assets.items[0]
            known = media_item("immich", asset_wire, Rendition.AUTO, through="key").facts
            assert (known.width, known.height) == (None, None)
            assert known.rating == 0

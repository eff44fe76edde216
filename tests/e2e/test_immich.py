"""An Immich album beside a Google one, up to the frame, over real HTTP."""

from __future__ import annotations

import hashlib

import pytest

from picsync.core.events import CycleOutcome
from picsync.core.model import Certainty
from picsync.emulators.google import generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.immich import HOST, V2_7, V3_0, V3_2, V3_3, Asset
from tests.e2e.household import PHOTO_BYTES, Household
from tests.pictures import jpeg

GENERATIONS = pytest.mark.parametrize("version", [V2_7, V3_0, V3_2, V3_3], ids=["2.7", "3.0", "3.2", "3.3"])


def put(household: Household, *seeds: int, album: str = "Grandma") -> list[Asset]:
    """Put photos into an Immich album, which is made if need be, and let the rule name it."""
    immich = household.world.immich
    found = next((each for each in immich.library.albums.values() if each.name == album), None)
    into = found or immich.add_album(album)
    household.source_lines = [f"googlephotos: [{household.album.album_id}]", f"immich: [{album}]"]
    return [immich.add_asset(into, f"I{seed}.jpg", generated_jpeg(seed, PHOTO_BYTES)) for seed in seeds]


def everything(household: Household) -> set[str]:
    """MD5 digests of what both sides show."""
    shown = [asset for asset in household.world.immich.library.assets.values() if not asset.trashed]
    contents = [asset.edited or asset.content for asset in shown]
    return household.wanted() | {
        hashlib.md5(read_all(content), usedforsecurity=False).hexdigest() for content in contents
    }


def immich_downloads(household: Household) -> int:
    return household.server.log.count(host=HOST, path=r"/assets/")


@GENERATIONS
async def test_google_and_immich_albums_share_equal_photos(
    household: Household, version: tuple[int, int, int]
) -> None:
    household.world.immich.options.version = version
    household.add(3)
    put(household, 2, 3, 101, 102)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.DONE, report
    assert report.certainty is Certainty.COMPLETE
    household.assert_synced(everything(household))
    assert len(household.on_frame()) == 5
    await household.assert_idle()
    assert immich_downloads(household) == 0


async def test_what_leaves_one_side_stays_while_the_other_has_it(household: Household) -> None:
    items = household.add(3)
    assets = put(household, 2, 101)
    await household.cycle()
    assets[0].trashed = True
    await household.cycle()
    household.assert_synced(everything(household))
    assert len(household.on_frame()) == 4
    household.google.remove_item(items[1])
    await household.cycle()
    household.assert_synced(everything(household))
    assert len(household.on_frame()) == 3


async def test_an_edit_in_immich_takes_the_old_picture_s_place(household: Household) -> None:
    household.add(1)
    (asset, _) = put(household, 101, 102)
    await household.cycle()
    household.server.log.clear()
    household.world.immich.edit(asset, generated_jpeg(201, PHOTO_BYTES))
    await household.cycle()
    household.assert_synced(everything(household))
    assert immich_downloads(household) == 1
    await household.assert_idle()


async def test_empty_listing_deletes_nothing(household: Household) -> None:
    household.add(2)
    put(household, 101, 102, 103)
    await household.cycle()
    before = household.on_frame()
    options = household.world.immich.options
    options.empty_search = options.empty_statistics = True
    household.add(1)
    report = await household.cycle(allow_deletes=True)
    assert (report.deleted, report.certainty) == (0, Certainty.PARTIAL)
    assert "lists none" in str(report.failures[0].error)
    assert len(report.failures) == 1
    # The other source goes on.
    household.assert_synced(before | household.wanted())
    options.empty_search = options.empty_statistics = False
    await household.cycle()
    household.assert_synced(everything(household))


async def test_lost_permission_is_one_message_and_stops_one_source(
    household: Household,
) -> None:
    household.add(2)
    put(household, 101, 102)
    await household.cycle()
    before = household.on_frame()
    for key in household.world.immich.library.keys.values():
        key.permissions = frozenset({"asset.read", "asset.download"})
    household.add(1)
    report = await household.cycle()
    assert report.deleted == 0
    (failure,) = report.failures
    assert "album.read" in str(failure.error)
    household.assert_synced(before | household.wanted())


async def test_a_server_that_is_down_deletes_nothing_and_comes_back(household: Household) -> None:
    put(household, 101, 102)
    household.add(1)
    await household.cycle()
    before = household.on_frame()
    household.world.immich.options.proxy_login = True
    report = await household.cycle(allow_deletes=True)
    assert report.deleted == 0
    household.assert_synced(before)
    household.world.immich.options.proxy_login = False
    await household.assert_idle()


async def test_a_steady_cycle_costs_a_few_requests_and_no_photo(household: Household) -> None:
    immich = household.world.immich
    immich.options.page_cap = 60
    album = immich.add_album("Grandma")
    household.source_lines = ["immich: [Grandma]"]
    on_frame = household.nixplay.add_album("Family")
    photos = []
    for number in range(120):
        content = jpeg(str(number))
        immich.add_asset(album, f"{number}.jpg", content, mime_type="image/jpeg", width=4, height=3)
        photos.append(household.nixplay.add_photo(on_frame, f"{number}.jpg", content))
    household.nixplay.add_playlist("ss_Family", photos)
    await household.cycle()
    await household.assert_idle()
    # The version, the albums for the name, two pages; the album's count proves that they are all.
    assert household.server.log.count(host=HOST) == 5

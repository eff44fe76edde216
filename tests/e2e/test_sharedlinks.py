"""An album shared by link, all the way to the frame."""

from __future__ import annotations

import hashlib

import pytest

from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.model import Certainty
from picsync.emulators.google import Album, SharedAlbum
from picsync.emulators.google.content import read_all
from tests.e2e.household import Road
from tests.e2e.test_cost import in_step
from tests.pictures import jpeg

PAGE, SHORT, PAGE_ITEMS = "photos.google.com", "photos.app.goo.gl", 300


@pytest.fixture
def shared(road: Road) -> SharedAlbum:
    """Share the road's album; it is the rule's only source."""
    found = road.google.share(road.album)
    road.source_lines = [f"sharedlinks: [{found.short_link}]"]
    return found


def messages(report: CycleReport) -> str:
    return "\n".join(str(failure.error) for failure in report.failures)


async def test_first_sync_steady_and_one_in_one_out(road: Road, shared: SharedAlbum) -> None:
    road.add(6)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced()
    assert road.media_requests() == 6
    await road.assert_idle()
    road.google.remove_item(road.album.items[2], road.album)
    road.add(1)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced()
    assert road.media_requests() == 1
    await road.assert_idle()


async def test_an_edited_photo_takes_the_place_of_the_old_one(road: Road, shared: SharedAlbum) -> None:
    items = road.add(3)
    await road.cycle()
    road.google.replace_bytes(items[0], jpeg("edited"))
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced()
    await road.assert_idle()


async def test_a_link_that_was_switched_off_deletes_nothing(road: Road, shared: SharedAlbum) -> None:
    road.add(4)
    await road.cycle()
    wanted = road.wanted()
    shared.active = False
    for _ in range(2):
        report = await road.cycle(allow_deletes=True)
        assert report.outcome is CycleOutcome.FAILED
        assert "not open to everyone who has its link" in messages(report)
        assert shared.code not in messages(report)
        road.assert_synced(wanted)
    shared.active = True
    road.google.remove_item(road.album.items[0], road.album)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced()


async def test_a_page_in_another_shape_deletes_nothing_and_adds_what_is_understood(
    road: Road, shared: SharedAlbum
) -> None:
    road.add(4)
    await road.cycle()
    before = road.wanted()
    road.google.remove_item(road.album.items[0], road.album)
    road.add(2)

    def reshape(data: list[list[list[object]]], _: int) -> object:
        data[1][0][3] = {"now": "a group"}
        return data

    road.google.options.sharing.reshape = reshape
    report = await road.cycle(allow_deletes=True)
    assert report.outcome is CycleOutcome.FAILED
    assert "`data[1][0][3]` should be the key of the content, but is a group" in messages(report)
    assert report.certainty is Certainty.PARTIAL
    road.assert_synced(before | road.wanted())
    road.google.options.sharing.reshape = None
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced()


async def test_an_album_that_turned_empty_is_held(road: Road, shared: SharedAlbum) -> None:
    road.add(3)
    await road.cycle()
    wanted = road.wanted()
    road.album.items.clear()
    report = await road.cycle()
    assert report.hold is not None
    road.assert_synced(wanted)
    road.may_empty = True
    await road.cycle(allow_deletes=True)
    road.assert_synced(set())


async def test_what_slips_between_pages_unseen_is_not_deleted(road: Road, shared: SharedAlbum) -> None:
    road.google.options.sharing.page_items = 3
    road.add(7)
    await road.cycle()
    before = road.wanted()
    once = iter([True])

    def meanwhile(page: int) -> None:
        # One out and one in: the number stays, and what was fourth is on no page.
        if page == 1 and next(once, False):
            road.google.remove_item(road.album.items[0], road.album)
            road.add(1)

    road.google.options.sharing.before_page = meanwhile
    await road.cycle()
    assert len(before - road.wanted()) == 1
    assert road.on_frame() >= before & road.wanted()
    await road.cycle()
    road.assert_synced()


async def test_a_link_and_an_album_of_the_api_with_equal_photos_are_one_album(road: Road) -> None:
    family: Album = road.google.add_album("Family of theirs", app_created=False)
    ours, theirs = road.add(3), road.add(2, family)
    for item in ours[:2]:
        road.google.add_item(family, f"copy of {item.filename}", read_all(item.content), app_created=False)
    road.source_lines = [
        f"googlephotos: [{road.album.album_id}]",
        f"sharedlinks: [{road.google.share(family).link}]",
    ]
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    wanted = {
        hashlib.md5(read_all(item.content), usedforsecurity=False).hexdigest() for item in (*ours, *theirs)
    }
    assert len(wanted) == 5
    road.assert_synced(wanted)
    await road.assert_idle()
    # What is still in one of the two stays.
    road.google.remove_item(road.album.items[0], road.album)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced(wanted)


async def test_the_two_forms_of_a_link_are_the_same_photos(road: Road, shared: SharedAlbum) -> None:
    road.add(3)
    road.source_lines = [f"sharedlinks: [{shared.short_link}, '{shared.link}']"]
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    road.assert_synced()
    assert road.media_requests() == 3


async def test_nothing_to_do_over_a_thousand_photos_is_five_requests(road: Road, shared: SharedAlbum) -> None:
    in_step(road, 1000)
    await road.cycle()
    await road.assert_idle()
    assert road.server.log.count(host=SHORT) == 1
    assert road.server.log.count(host=PAGE) == 4
    assert road.server.log.max_in_flight[PAGE] == 1

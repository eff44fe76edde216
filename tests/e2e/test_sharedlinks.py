"""A shared album, up to the frame, over real HTTP."""

from __future__ import annotations

import hashlib

import pytest

from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.model import Certainty
from picsync.emulators.google import Album, SharedAlbum
from picsync.emulators.google.content import read_all
from tests.e2e.household import Household
from tests.e2e.test_cost import in_step
from tests.pictures import jpeg

PAGE, SHORT, PAGE_ITEMS = "photos.google.com", "photos.app.goo.gl", 300


@pytest.fixture
def shared(household: Household) -> SharedAlbum:
    """Share the household's album; it is the rule's only source."""
    found = household.google.share(household.album)
    household.source_lines = [f"sharedlinks: [{found.short_link}]"]
    return found


def messages(report: CycleReport) -> str:
    return "\n".join(str(failure.error) for failure in report.failures)


async def test_first_sync_steady_and_one_in_one_out(household: Household, shared: SharedAlbum) -> None:
    household.add(6)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()
    assert household.media_requests() == 6
    await household.assert_idle()
    household.google.remove_item(household.album.items[2], household.album)
    household.add(1)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()
    assert household.media_requests() == 1
    await household.assert_idle()


async def test_an_edited_photo_takes_the_place_of_the_old_one(
    household: Household, shared: SharedAlbum
) -> None:
    items = household.add(3)
    await household.cycle()
    household.google.replace_bytes(items[0], jpeg("edited"))
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()
    await household.assert_idle()


async def test_a_link_that_was_switched_off_deletes_nothing(
    household: Household, shared: SharedAlbum
) -> None:
    household.add(4)
    await household.cycle()
    wanted = household.wanted()
    shared.active = False
    for _ in range(2):
        report = await household.cycle(allow_deletes=True)
        assert report.outcome is CycleOutcome.FAILED
        assert "The album is not shared by link" in messages(report)
        assert shared.code not in messages(report)
        household.assert_synced(wanted)
    shared.active = True
    household.google.remove_item(household.album.items[0], household.album)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()


async def test_changed_page_deletes_nothing_and_adds_readable_items(
    household: Household, shared: SharedAlbum
) -> None:
    household.add(4)
    await household.cycle()
    before = household.wanted()
    household.google.remove_item(household.album.items[0], household.album)
    household.add(2)

    def reshape(data: list[list[list[object]]], _: int) -> object:
        data[1][0][3] = {"now": "a group"}
        return data

    household.google.options.sharing.reshape = reshape
    report = await household.cycle(allow_deletes=True)
    assert report.outcome is CycleOutcome.FAILED
    assert "`data[1][0][3]` should be the key of the content, but is a group" in messages(report)
    assert report.certainty is Certainty.PARTIAL
    household.assert_synced(before | household.wanted())
    household.google.options.sharing.reshape = None
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()


async def test_an_album_that_turned_empty_is_held(household: Household, shared: SharedAlbum) -> None:
    household.add(3)
    await household.cycle()
    wanted = household.wanted()
    household.album.items.clear()
    report = await household.cycle()
    assert report.hold is not None
    household.assert_synced(wanted)
    household.may_empty = True
    await household.cycle(allow_deletes=True)
    household.assert_synced(set())


async def test_what_slips_between_pages_unseen_is_not_deleted(
    household: Household, shared: SharedAlbum
) -> None:
    household.google.options.sharing.page_items = 3
    household.add(7)
    await household.cycle()
    before = household.wanted()
    once = iter([True])

    def meanwhile(page: int) -> None:
        # One out and one in: the number stays, and what was fourth is on no page.
        if page == 1 and next(once, False):
            household.google.remove_item(household.album.items[0], household.album)
            household.add(1)

    household.google.options.sharing.before_page = meanwhile
    await household.cycle()
    assert len(before - household.wanted()) == 1
    assert household.on_frame() >= before & household.wanted()
    await household.cycle()
    household.assert_synced()


async def test_link_and_api_album_with_equal_photos_are_merged(household: Household) -> None:
    family: Album = household.google.add_album("Family of theirs", app_created=False)
    ours, theirs = household.add(3), household.add(2, family)
    for item in ours[:2]:
        household.google.add_item(
            family, f"copy of {item.filename}", read_all(item.content), app_created=False
        )
    household.source_lines = [
        f"googlephotos: [{household.album.album_id}]",
        f"sharedlinks: [{household.google.share(family).link}]",
    ]
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    wanted = {
        hashlib.md5(read_all(item.content), usedforsecurity=False).hexdigest() for item in (*ours, *theirs)
    }
    assert len(wanted) == 5
    household.assert_synced(wanted)
    await household.assert_idle()
    # What is still in one of the two stays.
    household.google.remove_item(household.album.items[0], household.album)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced(wanted)


async def test_the_two_forms_of_a_link_are_the_same_photos(household: Household, shared: SharedAlbum) -> None:
    household.add(3)
    household.source_lines = [f"sharedlinks: [{shared.short_link}, '{shared.link}']"]
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()
    assert household.media_requests() == 3


async def test_nothing_to_do_over_a_thousand_photos_is_five_requests(
    household: Household, shared: SharedAlbum
) -> None:
    in_step(household, 1000)
    await household.cycle()
    await household.assert_idle()
    assert household.server.log.count(host=SHORT) == 1
    assert household.server.log.count(host=PAGE) == 4
    assert household.server.log.max_in_flight[PAGE] == 1

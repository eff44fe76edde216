"""Nixplay's listings over whole cycles: late, in any order, with counts that lag behind."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from picsync.core.events import CycleOutcome
from picsync.emulators.nixplay import Emoji, ExpiredSession, ListingOrder, NixplayOptions
from tests.e2e.household import Household
from tests.sentences import said

Change = Callable[[NixplayOptions], None]


@pytest.fixture
def slow(household: Household) -> Household:
    """A household in which Nixplay's clock advances by what picsync waits."""
    household.nixplay.clock = lambda: time.time() + sum(household.waits)
    return household


async def whole_life(household: Household, *, patient: bool = False) -> None:
    """Fill, add, take away, with one cycle after each that is enough, and one in the end that does nothing.

    With `patient`, a minute passes between two cycles.
    """

    async def cycle() -> None:
        household.waits.append(60.0 if patient else 0.0)
        assert (await household.cycle()).outcome is CycleOutcome.DONE
        household.assert_synced()

    items = household.add(4)
    await cycle()
    household.add(2)
    await cycle()
    household.google.remove_item(items[0], household.album)
    await cycle()
    household.waits.append(60.0 if patient else 0.0)
    await household.assert_idle()
    assert len(household.nixplay.account().albums) == len(household.nixplay.account().playlists) == 3


@pytest.mark.parametrize("seconds", [0.5, 12.0])
async def test_albums_and_playlists_that_are_listed_late(slow: Household, seconds: float) -> None:
    slow.nixplay.options.created_seconds = seconds
    await whole_life(slow)


async def test_album_listed_too_late_is_found_by_the_next_cycle(slow: Household) -> None:
    slow.nixplay.options.created_seconds = 30.0
    slow.add(2)
    report = await slow.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert "does not list it yet" in str(report.failures[0].error)
    for _ in range(3):
        slow.waits.append(60.0)
        report = await slow.cycle()
    assert report.outcome is CycleOutcome.DONE
    slow.assert_synced()
    assert len(slow.nixplay.account().albums) == len(slow.nixplay.account().playlists) == 3


async def test_a_creation_that_echoes_the_name_and_is_listed_late(slow: Household) -> None:
    slow.name = "Fun \N{GRINNING FACE}"
    options = slow.nixplay.options
    options.created_seconds, options.echo_names, options.emoji = 30.0, True, Emoji.QUESTION_MARK
    slow.add(2)
    for _ in range(6):
        report = await slow.cycle()
        slow.waits.append(60.0)
    assert report.outcome is CycleOutcome.DONE
    # Of the changed name there is one empty album and one empty playlist at most.
    albums = [len(album.photos) for album in slow.nixplay.account().albums.values()][2:]
    playlists = [len(playlist.items) for playlist in slow.nixplay.account().playlists.values()][2:]
    assert (sorted(albums), sorted(playlists)) == ([0, 2], [0, 2])


@pytest.mark.parametrize("order", ListingOrder)
async def test_listings_in_any_order(household: Household, order: ListingOrder) -> None:
    household.nixplay.options.order = order
    household.nixplay.options.pictures_limit = household.nixplay.options.slides_size = 2
    await whole_life(household)


@pytest.mark.parametrize("seconds", [0.5, 12.0])
async def test_a_playlists_count_that_lags_behind(slow: Household, seconds: float) -> None:
    slow.nixplay.options.picture_count_seconds = seconds
    await whole_life(slow)


@pytest.mark.parametrize("seconds", [0.5, 50.0])
async def test_an_albums_count_that_lags_behind(slow: Household, seconds: float) -> None:
    slow.nixplay.options.photo_count_seconds = seconds
    await whole_life(slow, patient=True)


async def test_lagging_album_count_holds_only_removals(slow: Household) -> None:
    slow.nixplay.options.photo_count_seconds = 3600.0
    items = slow.add(3)
    await slow.cycle()
    slow.assert_synced()
    slow.waits.append(3600.0)
    await slow.assert_idle()
    slow.google.remove_item(items[0], slow.album)
    await slow.cycle()
    slow.assert_synced()
    report = await slow.cycle()
    assert "Nothing counts as gone" in said(report)
    slow.assert_synced()


@pytest.mark.parametrize("ended", ExpiredSession)
async def test_sessions_that_end_after_three_requests(household: Household, ended: ExpiredSession) -> None:
    household.nixplay.options.expired_session = ended
    household.nixplay.options.session_requests = 3
    household.add(3)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()
    assert len(household.nixplay.account().albums) == len(household.nixplay.account().playlists) == 3

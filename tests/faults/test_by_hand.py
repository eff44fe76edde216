"""Changes made by hand at Nixplay and Google during a cycle, at each of its requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picsync.emulators.nixplay import Photo
from picsync.frames.nixplay import client as nixplay
from picsync.http.retry import Operation
from picsync.sources.google.library.source import DOWNLOAD
from tests.faults.harness import Harness, open_harness
from tests.faults.scenarios import Scenario, reference
from tests.faults.source_albums import ALBUM
from tests.household_services import PLAYLIST

Action = Callable[[Harness], object]


def delete_album(harness: Harness) -> None:
    account = harness.nixplay.account()
    for album in harness.nixplay.albums_named(ALBUM):
        harness.nixplay.state.delete_album(account, album)


def rename_album(harness: Harness) -> None:
    for album in harness.nixplay.albums_named(ALBUM):
        album.name = "Others"


def delete_playlist(harness: Harness) -> None:
    account = harness.nixplay.account()
    for playlist in harness.nixplay.playlists_named(PLAYLIST):
        harness.nixplay.state.delete_playlist(account, playlist)


def rename_playlist(harness: Harness) -> None:
    for playlist in harness.nixplay.playlists_named(PLAYLIST):
        playlist.name = "others"


def clear_playlist(harness: Harness) -> None:
    for playlist in harness.nixplay.playlists_named(PLAYLIST):
        harness.nixplay.state.remove_items(playlist, [])


def double_everything(harness: Harness) -> None:
    for playlist in harness.nixplay.playlists_named(PLAYLIST):
        contents: list[Photo] = playlist.photos()
        harness.nixplay.state.append_items(playlist, contents)


def delete_photo(harness: Harness) -> None:
    for album in harness.nixplay.albums_named(ALBUM):
        for photo in album.newest_first()[:1]:
            harness.nixplay.delete_photo(photo)


ACTIONS: dict[str, Action] = {
    "the album is deleted": delete_album,
    "the album is renamed": rename_album,
    "the playlist is deleted": delete_playlist,
    "the playlist is renamed": rename_playlist,
    "the playlist is emptied": clear_playlist,
    "the playlist is doubled": double_everything,
    "a photo is deleted": delete_photo,
}
PLACES = (
    nixplay.LIST_PHOTOS,
    nixplay.LIST_SLIDES,
    nixplay.STORE_BYTES,
    nixplay.ADD_ITEMS,
    nixplay.DELETE_PHOTO,
)


@pytest.mark.parametrize("operation", PLACES, ids=lambda operation: operation.name)
@pytest.mark.parametrize("action", ACTIONS)
async def test_a_person_is_faster(harness: Harness, action: str, operation: Operation) -> None:
    await Scenario.CHANGED.set(harness)
    done: list[Operation] = []

    def meanwhile(asked: Operation) -> None:
        if asked == operation and not done:
            done.append(asked)
            harness.invariants.by_hand(lambda: ACTIONS[action](harness))

    harness.log.observers.append(meanwhile)
    async with harness.picsync() as tools:
        await harness.cycle(tools)
        assert done, "the cycle sends no such request"
        assert harness.invariants.violations == [], harness.failures()
        assert await harness.converge(tools, 1) == 1


async def test_a_photo_is_deleted_between_listing_and_download(harness: Harness) -> None:
    await Scenario.EMPTY.set(harness)

    def meanwhile(asked: Operation) -> None:
        if asked == DOWNLOAD and len(harness.album.items) == 3:
            harness.google.remove_item(harness.album.items[-1])

    harness.log.observers.append(meanwhile)
    async with harness.picsync() as tools:
        await harness.cycle(tools)
        assert harness.invariants.violations == []
        assert await harness.converge(tools, 1) == 1


async def test_nobody_answers_for_a_while(tmp_path: Path) -> None:
    async with open_harness(tmp_path) as harness:
        await Scenario.CHANGED.set(harness)
        port = harness.server.port
        await harness.server.close()
        async with harness.picsync() as tools:
            report = await harness.cycle(tools)
            assert report.outcome == "failed"
            await harness.server.start(port=port)
            assert await harness.converge(tools, 1) == 1


def test_the_places_are_requests_of_the_cycle() -> None:
    assert set(PLACES) <= reference(Scenario.CHANGED).asked.keys()

"""What people do at Nixplay and Google while a cycle is under way, at each of its requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from picsync.emulators.nixplay import Photo
from picsync.frames.nixplay import client as nixplay
from picsync.http.retry import Operation
from picsync.sources.google.library.source import DOWNLOAD
from tests.faults.harness import PLAYLIST, Stage, open_stage
from tests.faults.scenarios import Scene, reference
from tests.faults.source_albums import ALBUM

Deed = Callable[[Stage], object]


def delete_album(stage: Stage) -> None:
    account = stage.nixplay.account()
    for album in stage.nixplay.albums_named(ALBUM):
        stage.nixplay.state.delete_album(account, album)


def rename_album(stage: Stage) -> None:
    for album in stage.nixplay.albums_named(ALBUM):
        album.name = "Others"


def delete_playlist(stage: Stage) -> None:
    account = stage.nixplay.account()
    for playlist in stage.nixplay.playlists_named(PLAYLIST):
        stage.nixplay.state.delete_playlist(account, playlist)


def rename_playlist(stage: Stage) -> None:
    for playlist in stage.nixplay.playlists_named(PLAYLIST):
        playlist.name = "others"


def clear_playlist(stage: Stage) -> None:
    for playlist in stage.nixplay.playlists_named(PLAYLIST):
        stage.nixplay.state.remove_items(playlist, [])


def double_everything(stage: Stage) -> None:
    for playlist in stage.nixplay.playlists_named(PLAYLIST):
        contents: list[Photo] = playlist.photos()
        stage.nixplay.state.append_items(playlist, contents)


def delete_photo(stage: Stage) -> None:
    for album in stage.nixplay.albums_named(ALBUM):
        for photo in album.newest_first()[:1]:
            stage.nixplay.delete_photo(photo)


DEEDS: dict[str, Deed] = {
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
@pytest.mark.parametrize("deed", DEEDS)
async def test_a_person_is_faster(stage: Stage, deed: str, operation: Operation) -> None:
    await Scene.CHANGED.set(stage)
    done: list[Operation] = []

    def meanwhile(asked: Operation) -> None:
        if asked == operation and not done:
            done.append(asked)
            stage.watch.by_hand(lambda: DEEDS[deed](stage))

    stage.log.observers.append(meanwhile)
    async with stage.picsync() as tools:
        await stage.cycle(tools)
        assert done, "the cycle sends no such request"
        assert stage.watch.violations == [], stage.failures()
        assert await stage.converge(tools, 1) == 1


async def test_a_photo_is_deleted_between_listing_and_download(stage: Stage) -> None:
    await Scene.EMPTY.set(stage)

    def meanwhile(asked: Operation) -> None:
        if asked == DOWNLOAD and len(stage.album.items) == 3:
            stage.google.remove_item(stage.album.items[-1])

    stage.log.observers.append(meanwhile)
    async with stage.picsync() as tools:
        await stage.cycle(tools)
        assert stage.watch.violations == []
        assert await stage.converge(tools, 1) == 1


async def test_nobody_answers_for_a_while(tmp_path: Path) -> None:
    async with open_stage(tmp_path) as stage:
        await Scene.CHANGED.set(stage)
        port = stage.server.port
        await stage.server.close()
        async with stage.picsync() as tools:
            report = await stage.cycle(tools)
            assert report.outcome == "failed"
            await stage.server.start(port=port)
            assert await stage.converge(tools, 1) == 1


def test_the_places_are_requests_of_the_cycle() -> None:
    assert set(PLACES) <= reference(Scene.CHANGED).asked.keys()

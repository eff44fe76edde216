"""The watch sees each thing that must not be: here it is done on purpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picsync.frames.nixplay.client import LIST_WEB_ALBUMS
from tests.faults.harness import PLAYLIST, Stage
from tests.faults.scenarios import Scene
from tests.faults.source_albums import ALBUM


def empty_the_playlist(stage: Stage) -> None:
    stage.nixplay.state.remove_items(stage.nixplay.playlist_named(PLAYLIST), [])


def delete_a_wanted_photo(stage: Stage) -> None:
    wanted = stage.wanted()
    photos = stage.nixplay.album_photos(stage.nixplay.album_named(ALBUM))
    stage.nixplay.delete_photo(next(photo for photo in photos if photo.md5 in wanted))


def make_a_second_album(stage: Stage) -> None:
    stage.nixplay.state.create_album(stage.nixplay.account(), ALBUM)


def make_a_second_playlist(stage: Stage) -> None:
    stage.nixplay.state.create_playlist(stage.nixplay.account(), PLAYLIST)


def show_a_photo_twice(stage: Stage) -> None:
    playlist = stage.nixplay.playlist_named(PLAYLIST)
    stage.nixplay.state.append_items(playlist, [stage.nixplay.playlist_photos(playlist)[0]])


def hold_content_twice(stage: Stage) -> None:
    second = stage.nixplay.state.create_album(stage.nixplay.account(), "ss")
    second.name = ALBUM
    stage.nixplay.add_photo(second, "again.jpg", stage.side.contents()[0])


BROKEN: dict[str, tuple[Callable[[Stage], None], str]] = {
    "an empty playlist": (empty_the_playlist, f"{PLAYLIST} was empty after"),
    "a wanted photo that is gone": (delete_a_wanted_photo, "a wanted photo was gone after"),
    "a second album": (make_a_second_album, f"2 things were named album {ALBUM}"),
    "a second playlist": (make_a_second_playlist, f"2 things were named playlist {PLAYLIST}"),
    "a photo shown twice": (show_a_photo_twice, "2 times after"),
    "content that is there twice": (hold_content_twice, "content was there 2 times"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_must_not_be_is_seen(stage: Stage, name: str) -> None:
    deed, said = BROKEN[name]
    await Scene.CHANGED.set(stage)
    assert stage.watch.violations == []
    deed(stage)
    assert said in " ".join(stage.watch.violations)


@pytest.mark.parametrize("name", BROKEN)
async def test_what_a_person_does_is_no_violation(stage: Stage, name: str) -> None:
    deed, _ = BROKEN[name]
    await Scene.CHANGED.set(stage)
    stage.watch.by_hand(lambda: deed(stage))
    stage.watch.asked(LIST_WEB_ALBUMS)
    stage.watch.asked(LIST_WEB_ALBUMS)
    twice_there = [each for each in stage.watch.violations if "content was there" not in each]
    assert twice_there == []


async def test_a_deleted_photo_may_be_named_for_one_request_and_no_longer(stage: Stage) -> None:
    await Scene.CHANGED.set(stage)
    album = stage.nixplay.album_named(ALBUM)
    unwanted = next(each for each in album.photos.values() if each.md5 not in stage.wanted())
    # The service takes what it deletes out of its playlists; this one forgets to.
    del album.photos[unwanted.photo_id], stage.nixplay.account().photos[unwanted.photo_id]
    stage.watch.asked(LIST_WEB_ALBUMS)
    assert stage.watch.violations == []
    stage.watch.asked(LIST_WEB_ALBUMS)
    assert "was still named before" in " ".join(stage.watch.violations)

"""The checker reports each violation; these tests cause them on purpose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from picsync.frames.nixplay.client import LIST_WEB_ALBUMS
from tests.faults.harness import Harness
from tests.faults.scenarios import Scenario
from tests.faults.source_albums import ALBUM
from tests.household_services import PLAYLIST


def empty_the_playlist(harness: Harness) -> None:
    harness.nixplay.state.remove_items(harness.nixplay.playlist_named(PLAYLIST), [])


def delete_a_wanted_photo(harness: Harness) -> None:
    wanted = harness.wanted()
    photos = harness.nixplay.album_photos(harness.nixplay.album_named(ALBUM))
    harness.nixplay.delete_photo(next(photo for photo in photos if photo.md5 in wanted))


def make_a_second_album(harness: Harness) -> None:
    harness.nixplay.state.create_album(harness.nixplay.account(), ALBUM)


def make_a_second_playlist(harness: Harness) -> None:
    harness.nixplay.state.create_playlist(harness.nixplay.account(), PLAYLIST)


def show_a_photo_twice(harness: Harness) -> None:
    playlist = harness.nixplay.playlist_named(PLAYLIST)
    harness.nixplay.state.append_items(playlist, [harness.nixplay.playlist_photos(playlist)[0]])


def hold_content_twice(harness: Harness) -> None:
    second = harness.nixplay.state.create_album(harness.nixplay.account(), "ss")
    second.name = ALBUM
    harness.nixplay.add_photo(second, "again.jpg", harness.source_album.contents()[0])


BROKEN: dict[str, tuple[Callable[[Harness], None], str]] = {
    "an empty playlist": (empty_the_playlist, f"{PLAYLIST} was empty after"),
    "a wanted photo that is gone": (delete_a_wanted_photo, "a wanted photo was gone after"),
    "a second album": (make_a_second_album, f"2 things were named album {ALBUM}"),
    "a second playlist": (make_a_second_playlist, f"2 things were named playlist {PLAYLIST}"),
    "a photo shown twice": (show_a_photo_twice, "2 times after"),
    "content that is there twice": (hold_content_twice, "content was there 2 times"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_must_not_be_is_seen(harness: Harness, name: str) -> None:
    action, said = BROKEN[name]
    await Scenario.CHANGED.set(harness)
    assert harness.invariants.violations == []
    action(harness)
    assert said in " ".join(harness.invariants.violations)


@pytest.mark.parametrize("name", BROKEN)
async def test_what_a_person_does_is_no_violation(harness: Harness, name: str) -> None:
    action, _ = BROKEN[name]
    await Scenario.CHANGED.set(harness)
    harness.invariants.by_hand(lambda: action(harness))
    harness.invariants.asked(LIST_WEB_ALBUMS)
    harness.invariants.asked(LIST_WEB_ALBUMS)
    twice_there = [each for each in harness.invariants.violations if "content was there" not in each]
    assert twice_there == []


async def test_playlist_may_name_a_deleted_photo_for_one_request_only(harness: Harness) -> None:
    await Scenario.CHANGED.set(harness)
    album = harness.nixplay.album_named(ALBUM)
    unwanted = next(each for each in album.photos.values() if each.md5 not in harness.wanted())
    # The service removes deleted photos from its playlists; this one does not.
    del album.photos[unwanted.photo_id], harness.nixplay.account().photos[unwanted.photo_id]
    harness.invariants.asked(LIST_WEB_ALBUMS)
    assert harness.invariants.violations == []
    harness.invariants.asked(LIST_WEB_ALBUMS)
    assert "was still named before" in " ".join(harness.invariants.violations)

"""Rules whose names Nixplay does not keep, over whole cycles: one album, one playlist, the right photos."""

from __future__ import annotations

import asyncio
import contextlib
import unicodedata
from dataclasses import replace

import pytest

from picsync.core.events import CycleOutcome, NameReplaced, Published
from picsync.core.plan import Rule
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Emoji, Nixplay
from picsync.frames.nixplay import frame as nixplay_frame
from picsync.frames.nixplay import names
from tests.e2e.household import Road

FUN = "Fun \N{GRINNING FACE}"
PARTY = "Fun \N{PARTY POPPER}"
LONG = "A name of an album that is longer than a service may keep"
CAFE = "Caf\N{LATIN SMALL LETTER E WITH ACUTE}"
CREATE_ALBUM = "^/album/create/json/$"

SERVICES: dict[str, tuple[str, dict[str, object], bool]] = {
    "keeps": (FUN, {"emoji": Emoji.KEEP}, True),
    "drops": (FUN, {"emoji": Emoji.STRIP}, False),
    "replaces": (FUN, {"emoji": Emoji.QUESTION_MARK}, False),
    "replaces and echoes": (FUN, {"emoji": Emoji.QUESTION_MARK, "echo_names": True}, False),
    "replaces all beyond ASCII": (CAFE, {"emoji": Emoji.QUESTION_MARK, "only_ascii": True}, False),
    "cuts": (FUN + " and more", {"emoji": Emoji.CUT}, False),
    "rejects": (FUN, {"emoji": Emoji.REFUSE}, False),
    "fails": (FUN, {"emoji": Emoji.FAIL}, False),
    "truncates": (LONG, {"name_characters": 40}, False),
    "composes": (unicodedata.normalize("NFD", CAFE), {"normal_form": "NFC"}, True),
    "decomposes": (CAFE, {"normal_form": "NFD"}, True),
    "trims": (" Trip ", {"trim_names": True}, True),
}
"""What a service does -> the rule's name, the options, and whether the name itself is used."""


def set_up(road: Road, what: str) -> bool:
    road.name, options, kept = SERVICES[what]
    for option, value in options.items():
        setattr(road.nixplay.options, option, value)
    return kept


def made(nixplay: Nixplay) -> tuple[list[str], list[str]]:
    """Return the names of all albums and playlists beyond those of a new account."""
    account = nixplay.account()
    albums = [album.name for album in account.albums.values()]
    return albums[2:], [playlist.name for playlist in account.playlists.values()][2:]


def assert_one_of_each(road: Road) -> None:
    """The only album and the only playlist hold what the sources want."""
    [album] = list(road.nixplay.account().albums.values())[2:]
    [playlist] = list(road.nixplay.account().playlists.values())[2:]
    assert {photo.md5 for photo in road.nixplay.album_photos(album)} == road.wanted()
    shown = [photo.md5 for photo in road.nixplay.playlist_photos(playlist)]
    assert (set(shown), len(shown)) == (road.wanted(), len(road.wanted()))


@pytest.mark.parametrize("what", SERVICES)
async def test_any_name_works_and_is_found_again(road: Road, what: str) -> None:
    kept = set_up(road, what)
    road.add(2)
    report = await road.cycle()
    assert report.outcome is CycleOutcome.DONE, report
    assert_one_of_each(road)
    said = [event for event in road.events if isinstance(event, NameReplaced)]
    assert len(said) == (0 if kept else 2)
    plain = names.plain(Rule(road.name).playlist_name)
    assert any(f"The playlist {plain} is new" in notice for notice in report.notices) is not kept
    assert report.unassigned == (f"ss_{road.name}" if kept else plain,)
    assert report.playlist == report.unassigned[0], "people look for it by the name that the service shows"
    published = [event.playlist for event in road.events if isinstance(event, Published)]
    assert published == [report.playlist]
    # Found again, with the cache and without it; nothing is said or made any more.
    await road.assert_idle()
    road.cache.unlink()
    road.server.log.clear()
    await road.cycle()
    assert road.writes() == []
    assert_one_of_each(road)
    assert len([event for event in road.events if isinstance(event, NameReplaced)]) == len(said)


@pytest.mark.parametrize("what", ["keeps", "drops", "replaces and echoes", "cuts", "truncates", "trims"])
async def test_killed_between_creation_and_upload(road: Road, what: str) -> None:
    set_up(road, what)
    road.add(2)
    await kill_at(road, "create_album", nth=1)
    road.cache.unlink(missing_ok=True)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    await road.assert_idle()
    albums, playlists = made(road.nixplay)
    # What was created first and never removed is empty, and there is one of it however often that happens.
    assert len(albums) <= 2
    assert len(playlists) == 1
    plain = names.plain(road.name)
    [holder] = [album for album in road.nixplay.account().albums.values() if album.photos]
    assert holder.name in (plain, road.name) or names.same(holder.name, road.name)
    assert {photo.md5 for photo in road.nixplay.album_photos(holder)} == road.wanted()


@pytest.mark.parametrize("operation", ["create_album", "create_playlist"])
async def test_killed_after_each_creation_again_and_again(road: Road, operation: str) -> None:
    road.name = FUN
    road.add(1)
    for _ in range(4):
        await kill_at(road, operation, nth=1)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    await road.assert_idle()
    albums, playlists = made(road.nixplay)
    assert len(albums if operation == "create_album" else playlists) == 2
    assert len(playlists if operation == "create_album" else albums) == 1


async def kill_at(road: Road, operation: str, nth: int) -> None:
    """Run a cycle and end it as a kill would, right after the service has carried out an operation."""
    cycle = asyncio.create_task(road.cycle())
    seen = 0

    def watch(_: Nixplay, changed: str) -> None:
        nonlocal seen
        seen += changed == operation
        if changed == operation and seen == nth:
            cycle.cancel()

    road.nixplay.observers.append(watch)
    with contextlib.suppress(asyncio.CancelledError):
        await cycle
    road.nixplay.observers.remove(watch)


@pytest.mark.parametrize("what", ["drops", "rejects"])
async def test_two_rules_whose_names_are_changed_alike_stay_apart(road: Road, what: str) -> None:
    set_up(road, what)
    other = road.google.add_album("Other")
    first = road.add(2)
    second = road.add(3, other)
    content = {}
    for _ in range(2):
        for name, source in ((FUN, road.album), (PARTY, other)):
            road.name = name
            road.source_lines = [f"googlephotos: [{source.album_id}]"]
            assert (await road.cycle()).outcome is CycleOutcome.DONE
            content[road.name] = len(source.items)
    assert content == {FUN: len(first), PARTY: len(second)}
    albums = list(road.nixplay.account().albums.values())[2:]
    assert {album.name: len(album.photos) for album in albums} == {
        names.plain(name): count for name, count in content.items()
    }
    playlists = list(road.nixplay.account().playlists.values())[2:]
    assert {playlist.name: len(playlist.items) for playlist in playlists} == {
        names.plain(f"ss_{name}"): count for name, count in content.items()
    }


async def test_somebodys_album_of_the_changed_name_is_left_alone(road: Road) -> None:
    road.name = FUN
    road.add(2)
    album = road.nixplay.add_album("Fun ?")
    photo = road.nixplay.add_photo(album, "theirs.jpg", b"\xff\xd8theirs")
    playlist = road.nixplay.add_playlist("ss_Fun ?", [photo])
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    await road.assert_idle()
    assert road.nixplay.album_photos(album) == [photo]
    assert road.nixplay.playlist_photos(playlist) == [photo]
    assert made(road.nixplay) == (["Fun ?", names.plain(FUN)], ["ss_Fun ?", names.plain(f"ss_{FUN}")])


async def test_parts_of_a_split_album_have_plain_names_of_their_own(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    smaller = replace(nixplay_frame.CAPABILITIES, playlist_limit=2)
    monkeypatch.setattr(nixplay_frame, "CAPABILITIES", smaller)
    road.nixplay.options.playlist_limit = 2
    road.name = FUN
    road.rule_lines = ["overflow: split"]
    road.add(5)
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    await road.assert_idle()
    playlists = list(road.nixplay.account().playlists.values())[2:]
    assert sorted(len(playlist.items) for playlist in playlists) == [1, 2, 2]
    parts = [Rule(FUN).part_name(number) for number in (1, 2, 3)]
    assert sorted(playlist.name for playlist in playlists) == sorted(
        names.plain(part) or "" for part in parts
    )


async def test_a_lost_answer_to_the_creation_makes_no_second_album(road: Road) -> None:
    road.name = FUN
    road.add(1)
    for _ in range(3):
        road.server.faults.add(Fault(kind=FaultKind.RESET_AFTER, path=CREATE_ALBUM, method="POST"))
        await road.cycle()
    road.server.faults.clear()
    assert (await road.cycle()).outcome is CycleOutcome.DONE
    await road.assert_idle()
    assert made(road.nixplay)[0] == ["Fun ?", names.plain(FUN)]


async def test_a_dry_run_makes_nothing(road: Road) -> None:
    road.name = FUN
    road.add(1)
    assert (await road.cycle(dry_run=True)).outcome is CycleOutcome.DONE
    assert made(road.nixplay) == ([], [])

"""Rules whose names Nixplay changes, over whole cycles: one album, one playlist, the right photos."""

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
from picsync.observe.words import notice_sentence
from tests.e2e.household import Household

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


def set_up(household: Household, what: str) -> bool:
    household.name, options, kept = SERVICES[what]
    for option, value in options.items():
        setattr(household.nixplay.options, option, value)
    return kept


def made(nixplay: Nixplay) -> tuple[list[str], list[str]]:
    """Return the names of all albums and playlists beyond those of a new account."""
    account = nixplay.account()
    albums = [album.name for album in account.albums.values()]
    return albums[2:], [playlist.name for playlist in account.playlists.values()][2:]


def assert_one_of_each(household: Household) -> None:
    """The only album and the only playlist hold what the sources want."""
    [album] = list(household.nixplay.account().albums.values())[2:]
    [playlist] = list(household.nixplay.account().playlists.values())[2:]
    assert {photo.md5 for photo in household.nixplay.album_photos(album)} == household.wanted()
    shown = [photo.md5 for photo in household.nixplay.playlist_photos(playlist)]
    assert (set(shown), len(shown)) == (household.wanted(), len(household.wanted()))


@pytest.mark.parametrize("what", SERVICES)
async def test_any_name_works_and_is_found_again(household: Household, what: str) -> None:
    kept = set_up(household, what)
    household.add(2)
    report = await household.cycle()
    assert report.outcome is CycleOutcome.DONE, report
    assert_one_of_each(household)
    said = [event for event in household.events if isinstance(event, NameReplaced)]
    assert len(said) == (0 if kept else 2)
    plain = names.plain(Rule(household.name).playlist_name)
    assert (
        any(f"The playlist {plain} is new" in notice for notice in map(notice_sentence, report.notices))
        is not kept
    )
    assert report.unassigned == (f"ss_{household.name}" if kept else plain,)
    assert report.playlist == report.unassigned[0], "people look for it by the name that the service shows"
    published = [event.playlist for event in household.events if isinstance(event, Published)]
    assert published == [report.playlist]
    # Found again, with the cache and without it; nothing is said or made any more.
    await household.assert_idle()
    household.cache.unlink()
    household.server.log.clear()
    await household.cycle()
    assert household.writes() == []
    assert_one_of_each(household)
    assert len([event for event in household.events if isinstance(event, NameReplaced)]) == len(said)


@pytest.mark.parametrize("what", ["keeps", "drops", "replaces and echoes", "cuts", "truncates", "trims"])
async def test_killed_between_creation_and_upload(household: Household, what: str) -> None:
    set_up(household, what)
    household.add(2)
    await kill_at(household, "create_album", nth=1)
    household.cache.unlink(missing_ok=True)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    await household.assert_idle()
    albums, playlists = made(household.nixplay)
    # What was created first and never removed is empty, and there is one of it however often that happens.
    assert len(albums) <= 2
    assert len(playlists) == 1
    plain = names.plain(household.name)
    [holder] = [album for album in household.nixplay.account().albums.values() if album.photos]
    assert holder.name in (plain, household.name) or names.same(holder.name, household.name)
    assert {photo.md5 for photo in household.nixplay.album_photos(holder)} == household.wanted()


@pytest.mark.parametrize("operation", ["create_album", "create_playlist"])
async def test_killed_after_each_creation_again_and_again(household: Household, operation: str) -> None:
    household.name = FUN
    household.add(1)
    for _ in range(4):
        await kill_at(household, operation, nth=1)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    await household.assert_idle()
    albums, playlists = made(household.nixplay)
    assert len(albums if operation == "create_album" else playlists) == 2
    assert len(playlists if operation == "create_album" else albums) == 1


async def kill_at(household: Household, operation: str, nth: int) -> None:
    """Run a cycle and end it as a kill would, right after the service has carried out an operation."""
    cycle = asyncio.create_task(household.cycle())
    seen = 0

    def watch(_: Nixplay, changed: str) -> None:
        nonlocal seen
        seen += changed == operation
        if changed == operation and seen == nth:
            cycle.cancel()

    household.nixplay.observers.append(watch)
    with contextlib.suppress(asyncio.CancelledError):
        await cycle
    household.nixplay.observers.remove(watch)


@pytest.mark.parametrize("what", ["drops", "rejects"])
async def test_two_rules_whose_names_are_changed_alike_stay_apart(household: Household, what: str) -> None:
    set_up(household, what)
    other = household.google.add_album("Other")
    first = household.add(2)
    second = household.add(3, other)
    content = {}
    for _ in range(2):
        for name, source in ((FUN, household.album), (PARTY, other)):
            household.name = name
            household.source_lines = [f"googlephotos: [{source.album_id}]"]
            assert (await household.cycle()).outcome is CycleOutcome.DONE
            content[household.name] = len(source.items)
    assert content == {FUN: len(first), PARTY: len(second)}
    albums = list(household.nixplay.account().albums.values())[2:]
    assert {album.name: len(album.photos) for album in albums} == {
        names.plain(name): count for name, count in content.items()
    }
    playlists = list(household.nixplay.account().playlists.values())[2:]
    assert {playlist.name: len(playlist.items) for playlist in playlists} == {
        names.plain(f"ss_{name}"): count for name, count in content.items()
    }


async def test_somebodys_album_of_the_changed_name_is_left_alone(household: Household) -> None:
    household.name = FUN
    household.add(2)
    album = household.nixplay.add_album("Fun ?")
    photo = household.nixplay.add_photo(album, "theirs.jpg", b"\xff\xd8theirs")
    playlist = household.nixplay.add_playlist("ss_Fun ?", [photo])
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    await household.assert_idle()
    assert household.nixplay.album_photos(album) == [photo]
    assert household.nixplay.playlist_photos(playlist) == [photo]
    assert made(household.nixplay) == (["Fun ?", names.plain(FUN)], ["ss_Fun ?", names.plain(f"ss_{FUN}")])


async def test_parts_of_a_split_album_have_plain_names_of_their_own(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    smaller = replace(nixplay_frame.CAPABILITIES, playlist_limit=2)
    monkeypatch.setattr(nixplay_frame, "CAPABILITIES", smaller)
    household.nixplay.options.playlist_limit = 2
    household.name = FUN
    household.rule_lines = ["overflow: split"]
    household.add(5)
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    await household.assert_idle()
    playlists = list(household.nixplay.account().playlists.values())[2:]
    assert sorted(len(playlist.items) for playlist in playlists) == [1, 2, 2]
    parts = [Rule(FUN).part_name(number) for number in (1, 2, 3)]
    assert sorted(playlist.name for playlist in playlists) == sorted(
        names.plain(part) or "" for part in parts
    )


async def test_a_lost_answer_to_the_creation_makes_no_second_album(household: Household) -> None:
    household.name = FUN
    household.add(1)
    for _ in range(3):
        household.server.faults.add(Fault(kind=FaultKind.RESET_AFTER, path=CREATE_ALBUM, method="POST"))
        await household.cycle()
    household.server.faults.clear()
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    await household.assert_idle()
    assert made(household.nixplay)[0] == ["Fun ?", names.plain(FUN)]


async def test_a_dry_run_makes_nothing(household: Household) -> None:
    household.name = FUN
    household.add(1)
    assert (await household.cycle(dry_run=True)).outcome is CycleOutcome.DONE
    assert made(household.nixplay) == ([], [])

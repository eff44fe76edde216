"""What was seen of an account counts for as long as it may, and no longer."""

from __future__ import annotations

import asyncio

import pytest

from picsync.core.errors import TransientError
from picsync.core.model import FrameAlbum
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay import NixplayFrame
from picsync.frames.nixplay.view import DENIED_FOR_S, RECENT_S, Content, Listed
from picsync.frames.nixplay.wire import AlbumRecord
from tests.frames.nixplay.nixplay_account import NixplayAccount


class Service:
    """Counts how often it is asked; each album that it lists has the number as its id."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.asked = 0
        self.failing = 0
        self.answering = asyncio.Event()
        self.answering.set()

    async def ask(self) -> list[AlbumRecord]:
        self.asked += 1
        said, fails = self.asked, self.failing > 0
        self.failing -= 1
        await self.answering.wait()
        if fails:
            raise TransientError("503")
        return [AlbumRecord(id=str(said), title=name, photo_count=0) for name in "abcd"]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def seen(service: Service) -> Listed[AlbumRecord]:
    return Listed(service.ask, lambda: service.time_s)


async def look(seen: Listed[AlbumRecord], name: str) -> int:
    """Look up an album, and return the number of the listing that it was found in."""
    return int((await seen.look_up(name)).all[0].id)


async def test_names_share_what_was_asked_for_one_of_them(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    assert await asyncio.gather(*(look(seen, name) for name in "abc")) == [1, 1, 1]
    service.time_s += RECENT_S - 0.1
    assert await look(seen, "d") == 1


async def test_no_name_is_looked_up_twice_in_a_listing(service: Service, seen: Listed[AlbumRecord]) -> None:
    assert [await look(seen, name) for name in "aababb"] == [1, 2, 2, 3, 3, 4]


async def test_an_old_listing_is_not_shared(service: Service, seen: Listed[AlbumRecord]) -> None:
    assert await look(seen, "a") == 1
    service.time_s += RECENT_S
    assert await look(seen, "b") == 2


async def test_a_listing_from_before_a_change_is_not_shared(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    assert await look(seen, "a") == 1
    service.time_s += 1
    seen.changed("b")
    service.time_s += 1
    assert await look(seen, "c") == 1
    assert await look(seen, "b") == 2


async def test_listing_overlapping_a_change_is_not_shared(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    service.answering.clear()
    first = asyncio.ensure_future(look(seen, "a"))
    await asyncio.sleep(0)
    service.time_s += 1
    seen.changed("b")
    service.time_s += 1
    second = asyncio.ensure_future(look(seen, "b"))
    await asyncio.sleep(0)
    service.answering.set()
    assert (await first, await second) == (1, 2)


async def test_a_failure_is_not_shared(service: Service, seen: Listed[AlbumRecord]) -> None:
    service.failing = 1
    results = await asyncio.gather(*(look(seen, name) for name in "ab"), return_exceptions=True)
    assert isinstance(results[0], TransientError)
    assert results[1] == 2


async def test_who_is_called_off_leaves_the_listing_to_the_others(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    service.answering.clear()
    first, second = (asyncio.ensure_future(look(seen, name)) for name in "ab")
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    service.answering.set()
    assert await second == 1


async def test_a_listing_is_called_off_with_the_last_who_waits_for_it(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    service.answering.clear()
    waiting = [asyncio.ensure_future(look(seen, name)) for name in "ab"]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
    service.answering.set()
    assert await look(seen, "c") == 2


async def test_denials_count_once_while_they_are_fresh(service: Service, seen: Listed[AlbumRecord]) -> None:
    await seen.look_up("x")
    service.time_s += 1
    await seen.look_again("x")
    assert seen.take_denials("a") == 0
    assert seen.take_denials("x") == 2
    assert seen.take_denials("x") == 0


async def test_old_denials_do_not_count(service: Service, seen: Listed[AlbumRecord]) -> None:
    await seen.look_up("x")
    service.time_s += DENIED_FOR_S
    await seen.look_up("x")
    assert seen.take_denials("x") == 1


async def test_a_shared_listing_denies_as_of_when_it_was_asked_for(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    await seen.look_up("a")
    service.time_s += RECENT_S - 1
    await seen.look_up("x")
    service.time_s += DENIED_FOR_S - RECENT_S + 1
    assert seen.take_denials("x") == 0


async def test_what_was_found_is_no_longer_denied(service: Service, seen: Listed[AlbumRecord]) -> None:
    answers = [[], await service.ask()]
    listed: Listed[AlbumRecord] = Listed(lambda: _now(answers.pop(0)), lambda: service.time_s)
    await listed.look_again("a")
    await listed.look_again("a")
    assert listed.take_denials("a") == 0


async def test_a_look_that_began_before_a_change_denies_nothing(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    service.answering.clear()
    looking = asyncio.ensure_future(seen.look_again("x"))
    await asyncio.sleep(0)
    service.time_s += 1
    seen.changed("x")
    service.answering.set()
    await looking
    assert seen.take_denials("x") == 0


async def test_known_content_is_used_once_and_until_a_change(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    empty, *_ = await seen.fetch()
    full = empty.model_copy(update={"id": "9", "count": 3})
    for record, made, known in (
        (full, False, Content(3)),
        (empty, False, Content(0)),
        (empty, True, Content(0, made=True)),
        (full, True, Content(3)),  # Made, as the answer said, but there are photos in it.
    ):
        seen.keep_content(record, made=made)
        assert seen.take_content(record.id) == known
        assert seen.take_content(record.id) == Content()
        seen.keep_content(record, made=made)
        seen.filled(record.id)
        assert seen.take_content(record.id) == Content()


async def test_what_a_later_listing_has_replaces_what_was_made(seen: Listed[AlbumRecord]) -> None:
    made, *_ = await seen.fetch()
    seen.keep_content(made, made=True)
    seen.keep_content(made.model_copy(update={"count": 2}))
    assert seen.take_content(made.id) == Content(2)


async def _now(records: list[AlbumRecord]) -> list[AlbumRecord]:
    return records


async def test_rules_share_one_listing_of_albums_and_playlists(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    async def cycle(name: str) -> None:
        album = await frame.find_album(name)
        assert album is not None
        assert (await frame.photos(album)).complete
        assert len(await frame.playlists(f"ss_{name}")) == 1

    for name in "abcd":
        account.service.add_album(name)
        account.service.add_playlist(f"ss_{name}", [])
    for number in (1, 2):
        await asyncio.gather(*map(cycle, "abcd"))
        assert len(account.requests("^/v2/albums/web/json/$")) == number
        assert len(account.requests("^/v3/playlists$")) == number


async def test_what_was_made_is_found(account: NixplayAccount, frame: NixplayFrame) -> None:
    assert await frame.find_album("another") is None
    assert await frame.find_album("x") is None
    await frame.create_album("x")
    assert await frame.find_album("x") is not None
    assert await frame.playlists("another") == []
    await frame.create_playlist("ss_x")
    assert len(await frame.playlists("ss_x")) == 1


async def test_an_album_is_denied_by_two_answers_of_which_one_is_new(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    assert await frame.find_album("My Uploads") is not None
    account.service.add_album("x")
    assert await frame.find_album("x") is not None
    assert len(account.requests("^/v2/albums/web/json/$")) == 2


async def test_one_rules_trouble_is_not_the_others(account: NixplayAccount, frame: NixplayFrame) -> None:
    for name in "abc":
        account.service.add_album(name)
    account.fail(Fault(kind=FaultKind.STATUS, status=400, path="^/v2/albums/web/json/$"))
    results = await asyncio.gather(*map(frame.find_album, "abc"), return_exceptions=True)
    assert sum(isinstance(result, FrameAlbum) for result in results) == 2


async def test_an_album_is_made_without_asking_a_third_time(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    assert await frame.find_album("Trip") is None
    album = await frame.create_album("Trip")
    assert (await frame.photos(album)).items == ()
    looked = [asked for asked in account.asked() if "receivers" not in asked]
    assert looked == [
        "POST /www-login/",
        "GET /v2/albums/web/json/",
        "GET /v2/albums/web/json/",
        "POST /album/create/json/",
        "GET /v2/albums/web/json/",
    ]


async def test_a_playlist_is_made_without_asking_a_third_time(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    assert await frame.playlists("ss_Trip") == []
    assert await frame.playlists("ss_Trip") == []
    playlist = await frame.create_playlist("ss_Trip")
    assert playlist.items == ()
    assert account.asked()[1:] == [
        "GET /v3/playlists",
        "GET /v3/playlists",
        "POST /v3/playlists",
        "GET /v3/playlists",
    ]


async def test_concurrent_rules_create_an_album_once(account: NixplayAccount, frame: NixplayFrame) -> None:

    async def ensure() -> None:
        assert await frame.find_album("Trip") or await frame.create_album("Trip")

    await asyncio.gather(*(ensure() for _ in range(8)))
    assert len(account.service.albums_named("Trip")) == 1

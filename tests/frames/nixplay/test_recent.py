"""Rules that look at about the same time share a listing, and none sees one twice."""

from __future__ import annotations

import asyncio

import pytest

from picsync.core.errors import TransientError
from picsync.core.model import FrameAlbum
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay import NixplayFrame
from picsync.frames.nixplay.recent import RECENT_S, Recent
from tests.frames.nixplay.nixplay_account import NixplayAccount


class Service:
    """Counts how often it is asked; what it says is the number."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.asked = 0
        self.failing = 0
        self.answering = asyncio.Event()
        self.answering.set()

    async def ask(self) -> int:
        self.asked += 1
        said, fails = self.asked, self.failing > 0
        self.failing -= 1
        await self.answering.wait()
        if fails:
            raise TransientError("503")
        return said


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def recent(service: Service) -> Recent[int]:
    return Recent(service.ask, lambda: service.time_s)


async def look(recent: Recent[int], name: str) -> int:
    return (await recent.get(name))[0]


async def test_names_share_what_was_asked_for_one_of_them(service: Service, recent: Recent[int]) -> None:
    service.time_s = 5.0
    assert await asyncio.gather(*(look(recent, name) for name in "abc")) == [1, 1, 1]
    service.time_s += RECENT_S - 0.1
    assert await recent.get("d") == (1, 5.0)


async def test_no_name_is_looked_up_twice_in_a_listing(service: Service, recent: Recent[int]) -> None:
    assert [await look(recent, name) for name in "aababb"] == [1, 2, 2, 3, 3, 4]


async def test_an_old_listing_is_not_shared(service: Service, recent: Recent[int]) -> None:
    assert await look(recent, "a") == 1
    service.time_s += RECENT_S
    assert await look(recent, "b") == 2


async def test_a_listing_from_before_a_change_is_not_shared(service: Service, recent: Recent[int]) -> None:
    assert await look(recent, "a") == 1
    service.time_s += 1
    recent.outdate("b")
    service.time_s += 1
    assert await look(recent, "c") == 1
    assert await look(recent, "b") == 2


async def test_a_listing_that_was_under_way_during_a_change_is_not_shared(
    service: Service, recent: Recent[int]
) -> None:
    service.answering.clear()
    first = asyncio.ensure_future(look(recent, "a"))
    await asyncio.sleep(0)
    service.time_s += 1
    recent.outdate("b")
    service.time_s += 1
    second = asyncio.ensure_future(look(recent, "b"))
    await asyncio.sleep(0)
    service.answering.set()
    assert (await first, await second) == (1, 2)


async def test_a_failure_is_not_shared(service: Service, recent: Recent[int]) -> None:
    service.failing = 1
    results = await asyncio.gather(*(look(recent, name) for name in "ab"), return_exceptions=True)
    assert isinstance(results[0], TransientError)
    assert results[1] == 2


async def test_who_is_called_off_leaves_the_listing_to_the_others(
    service: Service, recent: Recent[int]
) -> None:
    service.answering.clear()
    first, second = (asyncio.ensure_future(look(recent, name)) for name in "ab")
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    service.answering.set()
    assert await second == 1


async def test_a_listing_is_called_off_with_the_last_who_waits_for_it(
    service: Service, recent: Recent[int]
) -> None:
    service.answering.clear()
    waiting = [asyncio.ensure_future(look(recent, name)) for name in "ab"]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1
    service.answering.set()
    assert await look(recent, "c") == 2


async def test_rules_of_an_account_ask_once_for_its_albums_and_once_for_its_playlists(
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

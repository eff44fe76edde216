"""What is made is made only after two denials: those just given count, old and outdated ones do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from picsync.frames.nixplay.catalog import DENIED_FOR_S, Denials
from tests.frames.nixplay.nixplay_account import NixplayAccount, nixplay_account


@pytest.fixture
async def account() -> AsyncIterator[NixplayAccount]:
    async with nixplay_account() as account:
        yield account


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_denials_count_once_while_they_are_fresh() -> None:
    clock = Clock()
    denials = Denials(clock)
    denials.note("a", clock.now)
    clock.now += 1
    denials.note("a", clock.now)
    assert denials.take("b") == 0
    assert denials.take("a") == 2
    assert denials.take("a") == 0


def test_old_denials_do_not_count() -> None:
    clock = Clock()
    denials = Denials(clock)
    denials.note("a", clock.now)
    clock.now += DENIED_FOR_S
    denials.note("a", clock.now)
    assert denials.take("a") == 1


def test_a_look_that_began_before_something_was_made_does_not_count() -> None:
    clock = Clock()
    denials = Denials(clock)
    since = clock.now
    clock.now += 1
    denials.outdate("a")
    denials.note("a", since)
    assert denials.take("a") == 0


async def test_an_album_is_made_without_asking_a_third_time(account: NixplayAccount) -> None:
    frame = account.frame()
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
    await frame.aclose()


async def test_a_playlist_is_made_without_asking_a_third_time(account: NixplayAccount) -> None:
    frame = account.frame()
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
    await frame.aclose()


async def test_looks_under_way_while_another_makes_it_do_not_make_it_again(account: NixplayAccount) -> None:
    frame = account.frame()

    async def ensure() -> None:
        assert await frame.find_album("Trip") or await frame.create_album("Trip")

    await asyncio.gather(*(ensure() for _ in range(8)))
    assert len(account.service.albums_named("Trip")) == 1
    await frame.aclose()

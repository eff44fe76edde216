"""Results of earlier listings are used as long as they are valid, and no longer."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import TransientError
from picsync.core.model import FrameAlbum
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay.frame import NixplayFrame
from picsync.frames.nixplay.view import DENIED_FOR_S, RECENT_S, Content, Listed, find
from picsync.frames.nixplay.wire import AlbumRecord
from tests.frames.nixplay.nixplay_account import NixplayAccount


class Service:
    """Counts how often it is asked; each album that it lists has the number as its id."""

    def __init__(self) -> None:
        self.time_s = 1000.0
        self.asked = 0
        self.failing = 0
        self.names = list("abcd")
        self.answering = asyncio.Event()
        self.answering.set()

    async def ask(self) -> list[AlbumRecord]:
        self.asked += 1
        said, fails, names = self.asked, self.failing > 0, list(self.names)
        self.failing -= 1
        await self.answering.wait()
        if fails:
            raise TransientError("503")
        return [AlbumRecord(id=str(said), title=name, photo_count=0) for name in names]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def seen(service: Service) -> Listed[AlbumRecord]:
    return Listed(service.ask, lambda: service.time_s)


async def look(seen: Listed[AlbumRecord], name: str) -> int:
    """Look up an album, and return the number of the listing that it was found in."""
    return int(find(name, (await seen.look_up(name)).value).all[0].id)


def denied(seen: Listed[AlbumRecord], name: str, within_s: float = DENIED_FOR_S) -> int:
    """Return how many listings deny the name."""
    return len(seen.denials(name, seen.usable_since(name, within_s)))


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
    with seen.changing("b"):
        pass
    assert await look(seen, "c") == 1
    assert await look(seen, "b") == 2


async def test_a_listing_from_during_a_change_is_not_shared(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    with seen.changing("b"):
        assert await look(seen, "a") == 1
    assert await look(seen, "c") == 1
    assert await look(seen, "b") == 2


async def test_a_failed_change_counts_as_one(service: Service, seen: Listed[AlbumRecord]) -> None:
    async def change() -> None:
        with seen.changing("b"):
            assert await look(seen, "a") == 1
            raise TransientError("503")

    with pytest.raises(TransientError):
        await change()
    assert await look(seen, "b") == 2


async def test_listing_overlapping_a_change_is_not_shared(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    service.answering.clear()
    first = asyncio.ensure_future(look(seen, "a"))
    await asyncio.sleep(0)
    with seen.changing("b"):
        pass
    second = asyncio.ensure_future(look(seen, "b"))
    await asyncio.sleep(0)
    service.answering.set()
    assert (await first, await second) == (1, 2)


async def test_a_failure_is_not_shared(service: Service, seen: Listed[AlbumRecord]) -> None:
    service.failing = 1
    results = await asyncio.gather(*(look(seen, name) for name in "abc"), return_exceptions=True)
    assert isinstance(results[0], TransientError)
    assert results[1:] == [2, 2]


async def test_whatever_is_fetched_serves_those_who_look_up(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    fetched = await asyncio.gather(seen.fetch("z"), seen.fetch("z"))
    assert fetched[0] is not fetched[1]  # The second one came after the first had begun.
    assert await look(seen, "a") == 2


async def test_a_rule_does_not_find_its_name_in_a_listing_that_it_has_fetched(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    """Else a cycle that follows at once would know no more than the end of the one before."""
    await seen.fetch("a")
    assert await look(seen, "a") == 2
    assert await look(seen, "b") == 2


async def test_waiting_fetches_share_one_listing(service: Service, seen: Listed[AlbumRecord]) -> None:
    service.answering.clear()
    fetches = [asyncio.ensure_future(seen.fetch("z")) for _ in range(9)]
    await asyncio.sleep(0)
    service.answering.set()
    await asyncio.gather(*fetches)
    assert service.asked == 2


async def test_names_share_both_denials(service: Service, seen: Listed[AlbumRecord]) -> None:
    await seen.look_up("x")
    await seen.look_again("x")
    await seen.look_up("y")
    assert [denied(seen, name) for name in "axyz"] == [0, 2, 2, 2]
    assert service.asked == 2


async def test_old_denials_do_not_count(service: Service, seen: Listed[AlbumRecord]) -> None:
    await seen.look_up("x")
    service.time_s += DENIED_FOR_S
    await seen.look_up("x")
    assert denied(seen, "x") == 1
    assert denied(seen, "x", RECENT_S) == 1
    service.time_s += RECENT_S
    assert denied(seen, "x", RECENT_S) == 0


async def test_what_was_found_is_no_longer_denied(service: Service, seen: Listed[AlbumRecord]) -> None:
    service.names.remove("a")
    await seen.fetch("z")
    assert denied(seen, "a") == 1
    service.names.append("a")
    await seen.fetch("z")
    assert denied(seen, "a") == 0
    service.names.remove("a")
    await seen.fetch("z")
    assert denied(seen, "a") == 1


async def test_looking_again_gives_a_listing_that_is_no_denial_yet(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    await seen.look_up("x")
    await seen.look_again("a")
    assert service.asked == 1
    await seen.look_again("x")
    assert service.asked == 2
    service.time_s += RECENT_S + 1
    await seen.look_again("a")
    assert service.asked == 3


async def test_a_look_that_began_before_a_change_denies_nothing(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    service.answering.clear()
    looking = asyncio.ensure_future(seen.look_again("x"))
    await asyncio.sleep(0)
    with seen.changing("x"):
        pass
    service.answering.set()
    await looking
    assert denied(seen, "x") == 0
    assert denied(seen, "y") == 1


EVENTS = st.lists(
    st.one_of(
        st.sampled_from(["list", "change", "create", "delete"]), st.floats(0.1, DENIED_FOR_S + 1).map(float)
    ),
    max_size=20,
)


@given(EVENTS)
def test_a_denied_name_was_absent_twice_since_its_last_change(events: list[str | float]) -> None:
    async def play() -> None:
        service = Service()
        seen = Listed(service.ask, lambda: service.time_s)
        absent: list[float] = []
        for event in events:
            match event:
                case "list":
                    absent = [] if "x" in service.names else [*absent, service.time_s]
                    await seen.fetch("z")
                case "change":
                    absent = []
                    with seen.changing("x"):
                        pass
                case "create":
                    service.names = ["x"]
                case "delete":
                    service.names = ["a"]
                case float(seconds):
                    service.time_s += seconds
            recent = [at for at in absent if service.time_s - at < DENIED_FOR_S]
            assert denied(seen, "x") == min(len(recent), 2)

    asyncio.run(play())


async def test_known_content_is_used_once_and_until_a_change(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    listing = await seen.fetch("z")
    empty = listing.value[0]
    full = empty.model_copy(update={"id": "9", "count": 3})
    for record, made, known in (
        (full, False, Content(3)),
        (empty, False, Content(0)),
        (empty, True, Content(0, made=True)),
        (full, True, Content(3)),  # Made, as the answer said, but there are photos in it.
    ):
        seen.keep_content(record, listing, made=made)
        assert seen.take_content(record.id) == known
        assert seen.take_content(record.id) == Content()
    for record in (full, empty):
        seen.keep_content(record, listing)
        with seen.filling(record.id):
            assert seen.take_content(record.id) == Content()
        seen.keep_content(record, listing)
        assert seen.take_content(record.id) == Content()


async def test_what_was_listed_during_a_change_does_not_tell_the_content(
    service: Service, seen: Listed[AlbumRecord]
) -> None:
    with seen.filling("1"):
        during = await seen.fetch("z")
    seen.keep_content(during.value[0], during)
    assert seen.take_content("1") == Content()
    after = await seen.fetch("z")
    seen.keep_content(during.value[0], after)
    assert seen.take_content("1") == Content(0)


async def test_what_a_later_listing_has_replaces_what_was_made(seen: Listed[AlbumRecord]) -> None:
    listing = await seen.fetch("z")
    made = listing.value[0]
    seen.keep_content(made, listing, made=True)
    seen.keep_content(made.model_copy(update={"count": 2}), listing)
    assert seen.take_content(made.id) == Content(2)


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


async def test_new_rules_share_denials_and_the_proof_of_what_they_made(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    names = [f"Trip {number}" for number in range(30)]

    async def cycle(name: str) -> None:
        await asyncio.gather(frame.find_album(name), frame.playlists(f"ss_{name}"))
        album, playlist = await asyncio.gather(frame.create_album(name), frame.create_playlist(f"ss_{name}"))
        assert (await frame.photos(album)).complete
        assert await frame.playlist(playlist, expected=0) == playlist

    await asyncio.gather(*map(cycle, names))
    assert [len(account.service.albums_named(name)) for name in names] == [1] * len(names)
    for path in ("^/v2/albums/web/json/$", "^/v3/playlists$"):
        # Two denials serve all names. Creations are answered a few at a time; those that wait for a listing
        # by then share it. Without sharing there would be three listings for each rule.
        assert len(account.requests(path, "GET")) < len(names)


async def test_rules_that_come_one_after_the_other_share_denials(
    account: NixplayAccount, frame: NixplayFrame
) -> None:
    for number in range(5):
        assert await frame.find_album(f"Trip {number}") is None
        await frame.create_album(f"Trip {number}")
    # Two denials serve the first name. The listing that confirms a creation denies the next name as well.
    assert len(account.requests("^/v2/albums/web/json/$")) == 2 + 5

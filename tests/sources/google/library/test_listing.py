"""Listing Google Photos: a listing is complete only if nothing contradicts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from picsync.core.errors import LoginNeeded, PicsyncError, RefusedError
from picsync.core.events import ListingProgress
from picsync.core.model import Listing, MediaKind, facts
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Era
from picsync.emulators.google.content import generated_jpeg
from tests.vendors.google.google_account import API, READ, GoogleAccount, google_account

SEARCH = "mediaItems:search"
PAGE_2_OF_3 = 100


@pytest.fixture
async def account() -> AsyncIterator[GoogleAccount]:
    async with google_account() as account:
        yield account


def ids(listing: Listing) -> list[str]:
    return [item.item_id for item in listing.items]


async def test_a_page_holds_100_items(account: GoogleAccount) -> None:
    album, items = account.album(250)
    listing = await account.source().list(album.album_id)
    assert listing.complete
    assert ids(listing) == [item.item_id for item in items]
    assert len(account.requests(SEARCH)) == 3
    assert len(account.requests()) == 4


async def test_nothing_is_sent_before_the_first_call(account: GoogleAccount) -> None:
    await account.source().aclose()
    assert account.server.log.records == []


async def test_progress_is_told_page_by_page(account: GoogleAccount) -> None:
    album, _ = account.album(150)
    await account.source().list(album.album_id)
    assert account.events == [
        ListingProgress("Google Photos", "Trip", 100, 150),
        ListingProgress("Google Photos", "Trip", 150, 150),
    ]


async def test_what_google_says_of_an_item(account: GoogleAccount) -> None:
    album = account.google.add_album("Trip")
    account.google.add_item(album, "b.HEIC", b"x", mime_type="image/HEIF", created_at=1_600_000_000)
    account.google.add_item(album, "c.mov", b"y", mime_type="video/quicktime", failed=True)
    photo, video = (await account.source().list(album.album_id)).items
    assert (photo.mime_type, photo.kind) == ("image/heif", MediaKind.PHOTO)
    assert photo.taken_at == datetime.fromtimestamp(1_600_000_000, UTC)
    assert (video.mime_type, video.kind) == ("video/quicktime", MediaKind.VIDEO)
    assert "http" not in repr(photo)
    assert photo.facts == facts()


async def test_sizes_are_listed(account: GoogleAccount) -> None:
    album = account.google.add_album("Trip")
    account.google.add_item(album, "a.jpg", generated_jpeg(1, 4000, width=40, height=30))
    account.google.add_item(album, "b.jpg", generated_jpeg(2, 4000, width=30, height=40))
    items = (await account.source().list(album.album_id)).items
    assert [item.facts for item in items] == [facts(40, 30), facts(30, 40)]


@pytest.mark.parametrize(
    "quirks",
    [
        {"page_cap": 7},
        {"page_cap": 7, "empty_page_every": 2},
        {"final_empty_page": True},
        {"page_cap": 10, "repeat_entries": 3},
    ],
    ids=str,
)
async def test_odd_pages_lose_nothing(account: GoogleAccount, quirks: dict[str, object]) -> None:
    album, items = account.album(30)
    for name, value in quirks.items():
        setattr(account.google.options, name, value)
    listing = await account.source().list(album.album_id)
    assert listing.complete, listing.problem
    assert ids(listing) == [item.item_id for item in items]


async def test_a_token_that_comes_twice_ends_an_incomplete_listing(account: GoogleAccount) -> None:
    album, _ = account.album(30)
    account.google.options.page_cap = 10
    account.google.options.stuck_token_from = 1
    listing = await account.source().list(album.album_id)
    assert listing.problem == "Google Photos list media items: Google's pages repeat."
    assert len(listing.items) >= 20


async def test_fewer_items_than_google_claims_is_incomplete(account: GoogleAccount) -> None:
    album, items = account.album(3)
    account.google.options.count_offset = 1
    listing = await account.source().list(album.album_id)
    assert listing.problem is not None
    assert "contains 4 items, but lists only 3" in listing.problem
    assert len(listing.items) == len(items)


async def test_more_items_than_google_claims_is_complete(account: GoogleAccount) -> None:
    album, _ = account.album(3)
    account.google.options.count_offset = -2
    assert (await account.source().list(album.album_id)).complete


TROUBLE_ON_PAGE_2 = {
    "429": Fault(kind=FaultKind.STATUS, status=429),
    "500": Fault(kind=FaultKind.STATUS, status=500),
    "503": Fault(kind=FaultKind.STATUS, status=503),
    "HTML with 200": Fault(kind=FaultKind.BODY, body="<html>Sorry</html>"),
    "cut JSON": Fault(kind=FaultKind.BODY, body='{"mediaItems": [{"id": "x', content_type="application/json"),
    "wrong shape": Fault(kind=FaultKind.BODY, body='{"mediaItems": 7}', content_type="application/json"),
    "no UTF-8": Fault(kind=FaultKind.BODY, body=b'{"a": "\xff"}', content_type="application/json"),
    "wrong gzip": Fault(kind=FaultKind.BODY, body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    "truncated": Fault(kind=FaultKind.TRUNCATE),
    "reset": Fault(kind=FaultKind.RESET_BEFORE),
    "reset after": Fault(kind=FaultKind.RESET_AFTER),
}


def on_page_2(fault: Fault, count: int | None) -> Fault:
    values = {name: getattr(fault, name) for name in Fault.__slots__}
    return Fault(**{**values, "host": API, "path": SEARCH, "skip": 1, "count": count})


@pytest.mark.parametrize("fault", TROUBLE_ON_PAGE_2.values(), ids=TROUBLE_ON_PAGE_2.keys())
async def test_trouble_on_page_2_that_passes_is_not_noticed(account: GoogleAccount, fault: Fault) -> None:
    album, items = account.album(160)
    account.fail(on_page_2(fault, 1))
    listing = await account.source().list(album.album_id)
    assert listing.complete, listing.problem
    assert ids(listing) == [item.item_id for item in items]
    assert account.waits == ([30.0] if fault.status == 429 else [1.0])


@pytest.mark.parametrize("fault", TROUBLE_ON_PAGE_2.values(), ids=TROUBLE_ON_PAGE_2.keys())
async def test_trouble_on_page_2_that_stays_keeps_page_1_incomplete(
    account: GoogleAccount, fault: Fault
) -> None:
    album, items = account.album(160)
    account.fail(on_page_2(fault, None))
    listing = await account.source().list(album.album_id)
    assert listing.problem is not None
    what = "Google Photos keeps answering 429" if fault.status == 429 else "Google Photos list media items: "
    assert listing.problem.startswith(what)
    assert ids(listing) == [item.item_id for item in items[:PAGE_2_OF_3]]


async def test_an_empty_page_2_is_not_the_end_of_the_album(account: GoogleAccount) -> None:
    album, items = account.album(160)
    account.fail(
        Fault(
            kind=FaultKind.BODY, body="{}", content_type="application/json", path=SEARCH, skip=1, count=None
        )
    )
    listing = await account.source().list(album.album_id)
    assert listing.problem is not None
    assert "contains 160 items, but lists only 100" in listing.problem
    assert ids(listing) == [item.item_id for item in items[:PAGE_2_OF_3]]


async def test_a_hanging_google_is_given_up(account: GoogleAccount) -> None:
    album, _ = account.album(3)
    account.fail(Fault(kind=FaultKind.HANG, host=API))
    listing = await account.source(timeout_s=0.3).list(album.album_id)
    assert listing.complete
    assert account.waits == [1.0]


async def test_closing_does_not_wait_for_a_hanging_google(account: GoogleAccount) -> None:
    import asyncio

    album, _ = account.album(3)
    account.fail(Fault(kind=FaultKind.HANG, host=API, count=None))
    source = account.source(timeout_s=100)
    listing = asyncio.ensure_future(source.list(album.album_id))
    await account.server.log.wait_for(lambda log: log.count(host=API) == 1)
    listing.cancel()
    async with asyncio.timeout(10):
        await source.aclose()


@pytest.mark.parametrize("album_id", ["not an id", "../../v1/albums?x", "ü", "x" * 300])
async def test_a_malformed_album_id_is_named(account: GoogleAccount, album_id: str) -> None:
    listing = await account.source().list(album_id)
    assert listing.problem is not None
    assert f"no album with the ID {album_id} " in listing.problem
    assert account.waits == []


async def test_users_own_album_is_missing_since_2025(account: GoogleAccount) -> None:
    album = account.google.add_album("Mine", app_created=False)
    listing = await account.source().list(album.album_id)
    assert listing.problem is not None
    assert "2025-03-31" in listing.problem


async def test_the_old_scopes_are_explained(account: GoogleAccount) -> None:
    album, _ = account.album(3)
    source = account.source(account.login(scopes=["photoslibrary.readonly"]))
    with pytest.raises(LoginNeeded) as caught:
        await source.list(album.album_id)
    assert "`picsync googlephotos login`" in str(caught.value)
    assert "2025-03-31" in str(caught.value)
    assert account.waits == []


async def test_the_old_scopes_show_everything_in_the_legacy_era(account: GoogleAccount) -> None:
    account.google.options.era = Era.LEGACY
    album = account.google.add_album("Mine", app_created=False)
    source = account.source(account.login(scopes=["photoslibrary.readonly"]))
    assert (await source.list(album.album_id)).complete


async def test_an_api_that_is_not_enabled_is_explained(account: GoogleAccount) -> None:
    account.google.options.service_enabled = False
    with pytest.raises(LoginNeeded, match="not enabled in the Google Cloud project"):
        await account.source().list("x")


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "secret-message"}}',
        '{"error": {"status": "PERMISSION_DENIED", "details": [{"reason": "NEW_REASON"}]}}',
    ],
)
async def test_an_unknown_403_of_google_needs_a_person(account: GoogleAccount, body: str) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=403, body=body, content_type="application/json"))
    with pytest.raises(LoginNeeded) as caught:
        await account.source().list("x")
    assert "secret-message" not in str(caught.value)


async def test_a_403_that_is_not_googles_is_only_a_failed_listing(account: GoogleAccount) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=403, body="<html>a proxy</html>", host=API))
    listing = await account.source().list("x")
    assert listing.problem == "Google Photos look at album: the service refused (403)."


async def test_redirects_are_not_followed(account: GoogleAccount) -> None:
    account.fail(Fault(kind=FaultKind.REDIRECT, location="https://example.com/", host=API))
    listing = await account.source().list("x")
    assert listing.problem is not None
    assert len(account.server.log.records) == 1


async def test_a_daily_quota_that_is_used_up_is_only_a_failed_listing(account: GoogleAccount) -> None:
    account.google.options.requests_per_day = 0
    listing = await account.source().list("x")
    assert listing.problem is not None
    assert account.waits == [30.0] * 4


async def test_albums_come_page_by_page(account: GoogleAccount) -> None:
    made = [account.google.add_album(f"Album {n}") for n in range(120)]
    account.google.options.empty_page_every = 2
    seen = [album async for album in account.source().albums()]
    assert {album.album_id for album in seen} == {album.album_id for album in made}
    assert len(seen) == len(made)


async def test_albums_know_their_counts(account: GoogleAccount) -> None:
    account.album(3)
    [album] = [album async for album in account.source().albums()]
    assert (album.title, album.item_count) == ("Trip", 3)


async def test_trouble_while_albums_are_listed_is_raised(account: GoogleAccount) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=503, count=None, host=API))
    with pytest.raises(PicsyncError, match="list albums: the service answered 503"):
        [album async for album in account.source().albums()]


async def test_shared_albums_are_gone(account: GoogleAccount) -> None:
    with pytest.raises(RefusedError, match="no longer lists shared albums"):
        [album async for album in account.source().shared_albums()]


async def test_20_000_items_are_listed_with_201_requests(account: GoogleAccount) -> None:
    album, _ = account.album(20_000)
    listing = await account.source().list(album.album_id)
    assert listing.complete
    assert len(listing.items) == 20_000
    assert len(account.requests()) == 201


def test_the_scope_of_the_tests_is_that_of_the_login() -> None:
    from picsync.vendors.google.login import SCOPES

    assert [scope.rpartition("/")[2] for scope in SCOPES] == [READ]


@pytest.mark.parametrize("kind", [FaultKind.DRIP, FaultKind.DRIP_HEAD])
@pytest.mark.parametrize("path", ["/token$", SEARCH])
async def test_a_byte_now_and_then_is_no_answer(account: GoogleAccount, kind: FaultKind, path: str) -> None:
    album, _ = account.album(2)
    account.fail(Fault(kind=kind, path=path))
    listing = await account.source(account.login(expired=True), timeout_s=0.2).list(album.album_id)
    assert listing.complete
    assert account.server.faults.spent

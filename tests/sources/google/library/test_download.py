"""Originals from Google's base URLs, which expire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from picsync.core.errors import ItemError, LoginNeeded, ProtocolError, TransientError
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import GoogleOptions
from tests.contract.source_contract import MP4, MemorySink, downloaded
from tests.rendering.drawing import baseline, opened
from tests.vendors.google.google_account import BYTES, GoogleAccount, google_account

BATCH = "mediaItems:batchGet"
HTML = Fault(kind=FaultKind.BODY, body="<html>Sorry</html>", host=BYTES)


@pytest.fixture
async def account() -> AsyncIterator[GoogleAccount]:
    account: GoogleAccount
    options = GoogleOptions(now=lambda: account.now, access_token_s=1_000_000)
    async with google_account(options) as account:
        yield account


async def test_the_normal_case_asks_for_nothing_but_the_bytes(account: GoogleAccount) -> None:
    album, items = account.album(5)
    source = account.source()
    for item in (await source.list(album.album_id)).items:
        await downloaded(source, item)
    assert len(account.requests()) == 2
    assert len(account.requests(host=BYTES)) == len(items)


async def test_no_credentials_go_to_where_the_bytes_are(account: GoogleAccount) -> None:
    album = account.google.add_album("Trip")
    account.google.add_item(album, "clip.mp4", MP4)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    assert await downloaded(source, item) == MP4
    fetched = [*account.requests(host=BYTES), *account.requests(host="video-downloads.googleusercontent.com")]
    assert len(fetched) == 2
    for record in fetched:
        assert "authorization" not in {name.lower() for name in record.headers}
        assert record.headers["Accept-Encoding"] == "identity"


PASSING = {
    "503": Fault(kind=FaultKind.STATUS, status=503, host=BYTES),
    "truncated": Fault(kind=FaultKind.TRUNCATE, host=BYTES),
    "reset": Fault(kind=FaultKind.RESET_BEFORE, host=BYTES),
    "HTML with 200": HTML,
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
async def test_trouble_that_passes_is_not_noticed(account: GoogleAccount, fault: Fault) -> None:
    album, items = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.fail(fault)
    assert await downloaded(source, item) == b"\xff\xd8\xff\xe0photo 0"
    assert account.waits == [1.0]
    assert len(items) == 1


async def test_html_never_reaches_the_sink(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.fail(Fault(kind=FaultKind.BODY, body="<html>Sorry</html>", host=BYTES, count=None))
    sink = MemorySink()
    with pytest.raises(ProtocolError, match="a photo or video, but got text/html"):
        await source.download(item, sink)
    assert sink.begun == []


async def test_trouble_that_stays_is_told_without_the_url(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.fail(Fault(kind=FaultKind.STATUS, status=503, host=BYTES, count=None))
    with pytest.raises(TransientError) as caught:
        await downloaded(source, item)
    assert str(caught.value) == "Google Photos download: the service answered 503."
    assert item.url not in repr(account.events)


async def test_a_hanging_download_is_given_up_and_repeated(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source(timeout_s=0.3)
    [item] = (await source.list(album.album_id)).items
    account.fail(Fault(kind=FaultKind.HANG, host=BYTES))
    assert await downloaded(source, item) == b"\xff\xd8\xff\xe0photo 0"


async def test_429_from_the_bytes_waits_as_long_as_google_asks(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.fail(Fault(kind=FaultKind.STATUS, status=429, host=BYTES))
    await downloaded(source, item)
    assert account.waits == [30.0]


async def test_urls_that_expire_early_are_renewed_50_at_a_time(account: GoogleAccount) -> None:
    account.google.options.base_url_s = 20
    album, items = account.album(120)
    source = account.source()
    listed = (await source.list(album.album_id)).items
    account.now += 30
    came = [await downloaded(source, item) for item in listed]
    assert came == [b"\xff\xd8\xff\xe0photo %d" % n for n in range(len(items))]
    assert len(account.requests(BATCH)) == 3
    assert len(account.requests(host=BYTES)) == len(items) + 3


async def test_old_urls_are_not_even_tried(account: GoogleAccount) -> None:
    album, items = account.album(60)
    source = account.source()
    listed = (await source.list(album.album_id)).items
    account.now += 56 * 60
    for item in listed:
        await downloaded(source, item)
    assert len(account.requests(BATCH)) == 2
    assert len(account.requests(host=BYTES)) == len(items)


async def test_renewed_urls_grow_old_too(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    for _ in range(3):
        account.now += 3 * 3600
        await downloaded(source, item)
    assert len(account.requests(BATCH)) == 3
    assert len(account.requests(host=BYTES)) == 3


async def test_a_new_listing_brings_new_urls(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source()
    for renewals in (0, 1, 1):
        [item] = (await source.list(album.album_id)).items
        await downloaded(source, item)
        assert len(account.requests(BATCH)) == renewals
        account.now += 3 * 3600
        if not renewals:
            await downloaded(source, item)
            account.now += 3 * 3600


async def test_downloads_at_the_same_time_share_a_renewal(account: GoogleAccount) -> None:
    account.google.options.base_url_s = 20
    album, _ = account.album(40)
    source = account.source()
    listed = (await source.list(album.album_id)).items
    account.now += 30
    await asyncio.gather(*(downloaded(source, item) for item in listed))
    assert len(account.requests(BATCH)) == 1


async def test_an_item_of_an_earlier_listing_can_still_be_had(account: GoogleAccount) -> None:
    album, items = account.album(2)
    source = account.source()
    listed = (await source.list(album.album_id)).items
    account.google.remove_item(items[0], album)
    await source.list(album.album_id)
    assert await downloaded(source, listed[0]) == b"\xff\xd8\xff\xe0photo 0"


async def test_vanished_neighbours_cost_nothing_more(account: GoogleAccount) -> None:
    album, items = account.album(3)
    source = account.source()
    listed = (await source.list(album.album_id)).items
    account.google.remove_item(items[1])
    account.now += 2 * 3600
    await downloaded(source, listed[0])
    with pytest.raises(ItemError, match="no longer in Google Photos"):
        await downloaded(source, listed[1])
    assert len(account.requests(BATCH)) == 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"ready_at": 2e9}, "still processing"), ({"failed": True}, "could not process")],
)
async def test_a_video_that_is_not_ready_says_so(
    account: GoogleAccount, settings: dict[str, Any], reason: str
) -> None:
    album = account.google.add_album("Trip")
    account.google.add_item(album, "clip.mp4", MP4, **settings)
    source = account.source()
    listing = await source.list(album.album_id)
    assert listing.complete
    with pytest.raises(ItemError, match=reason) as caught:
        await downloaded(source, listing.items[0])
    assert not caught.value.unusable


@pytest.mark.parametrize("status", [400, 403, 404, 410])
async def test_a_url_that_stays_refused_is_the_items_own_trouble(account: GoogleAccount, status: int) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.fail(Fault(kind=FaultKind.STATUS, status=status, host=BYTES, count=None))
    with pytest.raises(ItemError) as caught:
        await downloaded(source, item)
    assert not caught.value.unusable
    assert len(account.requests(BATCH)) == 1
    assert len(account.requests(host=BYTES)) == 2


@pytest.mark.parametrize(
    "body",
    ["{}", '{"mediaItemResults": [{"mediaItem": {"id": "other", "baseUrl": "http://x"}}]}'],
)
async def test_a_renewal_about_other_items_is_not_believed(account: GoogleAccount, body: str) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.now += 2 * 3600
    account.fail(
        Fault(kind=FaultKind.BODY, body=body, content_type="application/json", path=BATCH, count=None)
    )
    with pytest.raises(ProtocolError, match="contains other items"):
        await downloaded(source, item)


async def test_a_revoked_login_is_told_at_the_renewal(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    account.now += 2 * 3600
    account.google.revoke_all()
    with pytest.raises(LoginNeeded):
        await downloaded(source, item)


async def test_a_compressed_transfer_gives_the_original(account: GoogleAccount) -> None:
    import gzip

    album, _ = account.album(1)
    source = account.source()
    [item] = (await source.list(album.album_id)).items
    packed = gzip.compress(b"original" * 100)
    account.fail(
        Fault(
            kind=FaultKind.BODY,
            body=packed,
            headers={"Content-Encoding": "gzip"},
            content_type="image/jpeg",
            host=BYTES,
        )
    )
    sink = MemorySink()
    await source.download(item, sink)
    assert sink.data == b"original" * 100
    assert sink.begun == [(None, "image/jpeg")]


async def test_thumbnails_are_small_and_upright(account: GoogleAccount) -> None:
    album = account.google.add_album("Trip")
    account.google.add_item(album, "a.jpg", baseline(900, 600))
    source = account.source()
    (item,) = (await source.list(album.album_id)).items
    sink = MemorySink()
    await source.thumbnail(item, sink)
    assert opened(bytes(sink.data)).size == (320, 213)

"""Every kind of request of the source with every kind of temporary fault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from picsync.core.errors import RefusedError
from picsync.core.events import RetryScheduled
from picsync.emulators.faults import Fault, FaultKind
from picsync.http.retry import Operation
from picsync.sources.google.library import api, source
from picsync.vendors.google.refusals import REFRESH_TOKEN
from tests.contract.source_contract import downloaded
from tests.vendors.google.google_account import API, BYTES, TOKENS, GoogleAccount, google_account

FAULTS = [
    Fault(kind=FaultKind.STATUS, status=500),
    Fault(kind=FaultKind.STATUS, status=503, headers={"Retry-After": "7"}),
    Fault(kind=FaultKind.STATUS, status=429),
    Fault(kind=FaultKind.BODY, body="<html>Sorry</html>"),
    Fault(kind=FaultKind.RESET_BEFORE),
    Fault(kind=FaultKind.RESET_AFTER),
    Fault(kind=FaultKind.TRUNCATE),
]

WHERE: dict[Operation, tuple[str, str]] = {
    REFRESH_TOKEN: (TOKENS, "token"),
    api.LIST_ALBUMS: (API, "albums$"),
    api.LIST_SHARED_ALBUMS: (API, "sharedAlbums$"),
    api.LOOK_AT_ALBUM: (API, "albums/."),
    api.LIST_MEDIA_ITEMS: (API, "mediaItems:search"),
    api.RENEW_URLS: (API, "mediaItems:batchGet"),
    source.DOWNLOAD: (BYTES, ""),
}
"""Host and path by which a request of that kind is recognised."""


@pytest.fixture
async def account() -> AsyncIterator[GoogleAccount]:
    async with google_account() as account:
        yield account


async def whole_round(account: GoogleAccount) -> None:
    """Send every kind of request."""
    album, _ = account.album(2)
    google = account.source(account.login(expired=True))
    assert [each.album_id async for each in google.albums()] == [album.album_id]
    listing = await google.list(album.album_id)
    assert listing.complete, listing.problem
    account.now += 2 * 3600
    for number, item in enumerate(listing.items):
        assert await downloaded(google, item) == b"\xff\xd8\xff\xe0photo %d" % number
    with pytest.raises(RefusedError, match="no longer lists"):
        [each async for each in google.shared_albums()]


def test_every_kind_of_request_is_in_the_matrix() -> None:
    assert set(WHERE) == set(source.OPERATIONS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
@pytest.mark.parametrize("operation", source.OPERATIONS, ids=lambda operation: operation.name)
async def test_passing_trouble_is_overcome(
    account: GoogleAccount, operation: Operation, fault: Fault
) -> None:
    host, path = WHERE[operation]
    placed = replace(fault, host=host, path=path)
    account.fail(placed)
    await whole_round(account)
    assert account.server.faults.hits(placed) == 1
    retried = [event for event in account.events if isinstance(event, RetryScheduled)]
    assert [event.operation for event in retried] == [operation.name]
    due = {429: 30.0, 503: 7.0}.get(fault.status, 1.0)
    assert account.waits == [due]


async def test_no_secret_in_what_is_told(account: GoogleAccount) -> None:
    seen: list[str] = []
    album, _ = account.album(1)
    google = account.source()
    [item] = (await google.list(album.album_id)).items
    attempts: list[Callable[[], Awaitable[object]]] = [
        lambda: google.list(album.album_id),
        lambda: downloaded(google, item),
    ]
    for attempt in attempts:
        account.fail(Fault(kind=FaultKind.STATUS, status=503, body="top secret", count=None))
        try:
            seen.append(repr(await attempt()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not tell
            seen.append(str(error))
    seen.append(repr(account.events))
    [token] = account.google.account.access_tokens
    for secret in (token, item.url, "top secret"):
        assert secret not in "".join(seen)

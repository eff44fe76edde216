"""The access token: renewed in time, by one request, and never displayed."""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httplib2
import pytest

from picsync.core.errors import LoginNeeded
from picsync.emulators.faults import Fault, FaultKind
from picsync.http.retry import NoAnswer
from picsync.vendors.google.connections import no_answer
from picsync.vendors.google.tokens import GoogleLogin
from tests.vendors.google.google_account import API, TOKENS, GoogleAccount, google_account


@pytest.fixture
async def account() -> AsyncIterator[GoogleAccount]:
    async with google_account() as account:
        yield account


async def test_a_fresh_token_is_used_as_it_is(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    login = account.login()
    source = account.source(login)
    assert (await source.list(album.album_id)).complete
    assert account.requests(host=TOKENS) == []
    assert source.token_expires_at == login.expiry


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": ""},
        {"access_token": "", "expiry": None},
        {"expiry": datetime(2022, 9, 21, 8, 11, 12, tzinfo=UTC)},
        {"expiry": datetime.now(UTC) + timedelta(seconds=60)},
    ],
    ids=["none", "none, never", "expired", "about to expire"],
)
async def test_a_token_is_renewed_before_it_is_needed(
    account: GoogleAccount, changes: dict[str, Any]
) -> None:
    album, _ = account.album(1)
    source = account.source(replace(account.login(), **changes))
    assert (await source.list(album.album_id)).complete
    assert len(account.requests(host=TOKENS)) == 1
    assert {record.status for record in account.requests()} == {200}
    assert source.token_expires_at is not None
    assert source.token_expires_at > datetime.now(UTC) + timedelta(minutes=50)


async def test_a_token_that_google_forgot_is_renewed_once(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source(replace(account.login(), expiry=None))
    account.google.expire_access_tokens()
    assert (await source.list(album.album_id)).complete
    assert [record.status for record in account.requests()] == [401, 200, 200]
    assert len(account.requests(host=TOKENS)) == 1


async def test_calls_at_the_same_time_share_a_renewal(account: GoogleAccount) -> None:
    album, _ = account.album(1)
    source = account.source(account.login(expired=True))
    listings = await asyncio.gather(*(source.list(album.album_id) for _ in range(8)))
    assert all(listing.complete for listing in listings)
    assert len(account.requests(host=TOKENS)) == 1


async def test_a_google_that_refuses_every_token_is_not_asked_for_ever(account: GoogleAccount) -> None:
    account.fail(Fault(kind=FaultKind.STATUS, status=401, host=API, count=None))
    with pytest.raises(LoginNeeded, match="even with a fresh token"):
        await account.source().list("x")
    assert len(account.requests()) == 2


async def test_an_invalid_refresh_token_asks_for_a_login(account: GoogleAccount) -> None:
    login = account.login(expired=True)
    account.google.revoke_all()
    with pytest.raises(LoginNeeded) as caught:
        await account.source(login).list("x")
    text = str(caught.value)
    assert "expired or was revoked" in text
    assert "`picsync googlephotos login`" in text
    assert "7 days" in text
    assert login.refresh_token not in text
    assert len(account.requests(host=TOKENS)) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_secret": "wrong"}, "rejects this client ID and client secret"),
        ({"client_id": "unknown"}, "rejects this client ID and client secret"),
        ({"refresh_token": ""}, "no renewable login to Google Photos"),
        ({"refresh_token": "1//unknown"}, "expired or was revoked"),
    ],
)
async def test_a_wrong_login_is_explained(
    account: GoogleAccount, changes: dict[str, Any], reason: str
) -> None:
    login = replace(account.login(expired=True), **changes)
    with pytest.raises(LoginNeeded, match=reason):
        await account.source(login).list("x")


async def test_a_login_of_another_client_is_explained(account: GoogleAccount) -> None:
    client = account.google.add_client("other", "its secret")
    login = replace(account.login(expired=True), client_id=client.client_id, client_secret="its secret")
    with pytest.raises(LoginNeeded, match="belongs to another client ID"):
        await account.source(login).list("x")


TROUBLE = {
    "503": Fault(kind=FaultKind.STATUS, status=503, host=TOKENS),
    "429": Fault(kind=FaultKind.STATUS, status=429, host=TOKENS),
    "HTML with 200": Fault(kind=FaultKind.BODY, body="<html>", host=TOKENS),
    "HTML with 400": Fault(kind=FaultKind.STATUS, status=400, body="<html>", host=TOKENS),
    "no token": Fault(kind=FaultKind.BODY, body="{}", content_type="application/json", host=TOKENS),
    "a list": Fault(kind=FaultKind.BODY, body="[]", content_type="application/json", host=TOKENS),
    "no UTF-8": Fault(kind=FaultKind.BODY, body=b'"\xff"', content_type="application/json", host=TOKENS),
    "reset": Fault(kind=FaultKind.RESET_BEFORE, host=TOKENS),
    "truncated": Fault(kind=FaultKind.TRUNCATE, host=TOKENS),
}


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE.keys())
async def test_trouble_at_the_renewal_that_passes_is_not_noticed(
    account: GoogleAccount, fault: Fault
) -> None:
    album, _ = account.album(1)
    source = account.source(account.login(expired=True))
    account.fail(fault)
    assert (await source.list(album.album_id)).complete
    assert account.waits == ([30.0] if fault.status == 429 else [1.0])


@pytest.mark.parametrize("fault", TROUBLE.values(), ids=TROUBLE.keys())
async def test_lasting_failure_to_renew_does_not_ask_for_a_login(
    account: GoogleAccount, fault: Fault
) -> None:
    source = account.source(account.login(expired=True))
    for _ in range(5):
        account.fail(replace(fault))
    listing = await source.list("x")
    assert listing.problem is not None
    assert listing.problem.startswith("Google Photos refresh token: ")
    assert len(account.waits) == 4


def test_a_login_does_not_show_its_secrets() -> None:
    shown = repr(GoogleLogin("id", "s3cret", refresh_token="r3fresh", access_token="acc3ss"))
    assert "3" not in shown


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httplib2.ServerNotFoundError("x"), False),
        (ConnectionRefusedError(), False),
        (TimeoutError(), True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (ssl.SSLError(), True),
        (OSError(101, "Network is unreachable"), True),
        (http.client.IncompleteRead(b"secret"), True),
        (http.client.RemoteDisconnected("x"), True),
        (http.client.BadStatusLine("secret"), True),
        (httplib2.FailedToDecompressContent("x", httplib2.Response({}), b"secret"), True),
    ],
    ids=repr,
)
def test_every_failure_of_the_wire_has_a_meaning(error: Exception, sent: bool) -> None:
    result = no_answer(error)
    assert isinstance(result, NoAnswer)
    assert result.sent is sent
    assert "secret" not in result.reason

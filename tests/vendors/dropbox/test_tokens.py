from __future__ import annotations

import asyncio
import json
import logging

import pytest

from picsync.core.errors import LoginNeeded, TransientError
from picsync.emulators.faults import Fault, FaultKind
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import RetryPolicy
from picsync.vendors.dropbox.api import FolderListing
from picsync.vendors.dropbox.tokens import Login, Tokens
from tests.vendors.dropbox.dropbox_account import Clock, DropboxAccount, dropbox_account

RENEWALS = "^/oauth2/token$"


def tokens(account: DropboxAccount, clock: Clock) -> tuple[Tokens, HttpClient]:
    hosts = Hosts(account.server.url)
    http = HttpClient(account.retrier(RetryPolicy()), allowed=hosts.allowed("api.dropboxapi.com"))
    url = f"{hosts.url('api.dropboxapi.com')}/oauth2/token"
    return Tokens(account.login(), url=url, http=http, clock=clock, wall_clock=clock), http


async def test_a_token_is_renewed_once_five_minutes_before_its_end() -> None:
    async with dropbox_account() as account:
        clock = Clock()
        found, http = tokens(account, clock)
        first = await asyncio.gather(*(found.get() for _ in range(5)))
        assert (len(set(first)), len(account.requests(RENEWALS))) == (1, 1)
        clock.now += 14_400 - 301
        assert await found.get() == first[0]
        clock.now += 2
        later = await asyncio.gather(*(found.get() for _ in range(5)))
        assert later[0] != first[0]
        assert len(account.requests(RENEWALS)) == 2
        await http.aclose()


async def test_a_token_that_has_expired_early_is_renewed_once_for_all() -> None:
    async with dropbox_account() as account:
        api = account.api()
        await api.list(FolderListing(""))
        account.dropbox.expire_access_tokens()
        await asyncio.gather(*(api.list(FolderListing("")) for _ in range(4)))
        assert len(account.requests(RENEWALS)) == 2


async def test_a_fresh_token_that_is_refused_ends_the_attempts() -> None:
    async with dropbox_account() as account:
        body = json.dumps({"error_summary": "x", "error": {".tag": "expired_access_token"}})
        account.fail(Fault(kind=FaultKind.STATUS, status=401, body=body, path="list_folder", count=None))
        with pytest.raises(LoginNeeded, match="fresh token"):
            await account.api().list(FolderListing(""))
        assert len(account.requests("list_folder")) == 2


async def test_a_revoked_login_is_named_and_not_repeated() -> None:
    async with dropbox_account() as account:
        api = account.api()
        account.dropbox.revoke_all()
        with pytest.raises(LoginNeeded, match="revoked") as error:
            await api.list(FolderListing(""))
        assert "picsync dropbox login" in error.value.hint
        assert len(account.requests(RENEWALS)) == 1
        with pytest.raises(LoginNeeded, match="key or secret"):
            await account.api(Login("unknown", "", "token")).check_login()


async def test_trouble_with_the_token_endpoint_is_repeated() -> None:
    async with dropbox_account() as account:
        account.fail(Fault(kind=FaultKind.STATUS, status=503, path=RENEWALS))
        await account.api().check_login()
        account.fail(Fault(kind=FaultKind.STATUS, status=503, path=RENEWALS, count=None))
        with pytest.raises(TransientError):
            await account.api().check_login()


async def test_refused_requests_are_logged_with_dropbox_s_id_and_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with dropbox_account() as account:
        login = account.login()
        api = account.api(login)
        with (
            caplog.at_level(logging.DEBUG, "picsync.dropbox"),
            pytest.raises(Exception, match="nothing is at"),
        ):
            await api.look_at("/none")
        (record,) = [each for each in caplog.records if each.name == "picsync.dropbox"]
        assert len(record.request_id) == 32  # type: ignore[attr-defined] # by `extra`
        assert login.refresh_token not in repr(login) + caplog.text

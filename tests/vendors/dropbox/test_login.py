from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import httpx
import pytest

from picsync.core.errors import LoginNeeded
from picsync.http.client import Hosts
from picsync.http.retry import RetryPolicy
from picsync.vendors.dropbox.api import FolderListing, Link
from picsync.vendors.dropbox.login import Consent, ask_for_code, redeem
from picsync.vendors.dropbox.tokens import Login
from tests.vendors.dropbox.dropbox_account import DropboxAccount, dropbox_account

SCOPES = ["files.metadata.read", "files.content.read"]


def visit(page: str) -> str:
    """Open the page as the user does, and return the code that it shows."""
    text = httpx.get(page).text
    return text.partition('data-token="')[2].partition('"')[0]


async def log_in(
    account: DropboxAccount,
    scopes: Iterable[str] = SCOPES,
    *,
    answer: Callable[[str], str] = visit,
    key: str = "",
) -> str:
    said: list[str] = []

    def ask(_prompt: str) -> str:
        return answer(next(line for text in said for line in text.split("\n") if line.startswith("http")))

    hosts = Hosts(account.server.url)
    consent = Consent.of(key or account.dropbox.app.key, scopes)
    code = await asyncio.to_thread(ask_for_code, consent, hosts, ask=ask, say=said.append)
    return await redeem(consent, code, hosts=hosts, retrier=account.retrier(RetryPolicy()))


async def test_the_pasted_code_becomes_a_login_with_just_the_scopes_that_are_needed() -> None:
    async with dropbox_account() as account:
        token = await log_in(account)
        api = account.api(Login(account.dropbox.app.key, "", token))
        assert (await api.list(FolderListing(""))).entries == []
        assert account.dropbox.accounts.grants[-1].scopes == tuple(sorted(SCOPES))
        with pytest.raises(LoginNeeded, match=r"sharing\.read"):
            await api.open_link(Link("https://www.dropbox.com/scl/fo/x/y"))


async def test_codes_that_are_none_are_asked_for_again() -> None:
    async with dropbox_account() as account:
        answers = ["", "not a code", "short"]

        def answer(page: str) -> str:
            return answers.pop() if answers else f"  {visit(page)}\n"

        assert await log_in(account, answer=answer)


async def test_a_wrong_code_and_no_code_end_the_login() -> None:
    async with dropbox_account() as account:
        with pytest.raises(LoginNeeded, match="There is no login") as error:
            await log_in(account, answer=lambda _: "0123456789abcdef")
        assert "valid once" in error.value.hint

        def at_end(_: str) -> str:
            raise EOFError

        with pytest.raises(LoginNeeded, match="no code was pasted"):
            await log_in(account, answer=at_end)

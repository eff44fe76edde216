"""The consent, with a browser on this machine and on another one."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from picsync.core.errors import LoginNeeded, PicsyncError, ProtocolError, TransientError
from picsync.emulators.faults import Fault, FaultKind
from picsync.vendors.google import login as login_module
from picsync.vendors.google.login import SCOPES, login, read_answer
from picsync.vendors.google.tokens import GoogleLogin
from tests.vendors.google.google_account import TOKENS, GoogleAccount, google_account


@pytest.fixture
async def account() -> AsyncIterator[GoogleAccount]:
    async with google_account() as account:
        yield account


@dataclass
class Person:
    """Someone who reads what is said and acts in threads of their own, as a browser and a keyboard do."""

    lines: list[Callable[[str], str]] = field(default_factory=list)
    """What they type, made from the consent page's address."""
    browses_here: bool = False
    """Whether the browser can reach the loopback port."""
    said: list[str] = field(default_factory=list)
    pages: list[httpx.Response] = field(default_factory=list)
    url: str = ""
    away: threading.Event = field(default_factory=threading.Event)

    def say(self, message: str) -> None:
        self.said.append(message)
        found = re.search(r"^http\S+$", message, re.MULTILINE)
        if found:
            self.url = found[0]
            if self.browses_here:
                threading.Thread(target=self._browse).start()

    def _browse(self) -> None:
        self.pages.append(httpx.get(self.url, follow_redirects=True))

    def ask(self, prompt: str) -> str:
        self.said.append(prompt)
        if not self.lines:
            self.away.wait()
            raise EOFError
        return self.lines.pop(0)(self.url)


def end_address(url: str) -> str:
    """Return the address that a browser ends on which cannot reach the loopback port."""
    return httpx.get(url).headers["location"]


async def log_in(account: GoogleAccount, person: Person, **changes: Any) -> GoogleLogin:
    [client] = account.google.account.clients.values()
    settings = {"client_id": client.client_id, "client_secret": client.client_secret, **changes}
    try:
        return await asyncio.to_thread(
            lambda: login(**settings, hosts=account.hosts, open_browser=False, ask=person.ask, say=person.say)
        )
    finally:
        person.away.set()


async def test_with_a_browser_on_this_machine(account: GoogleAccount) -> None:
    person = Person(browses_here=True)
    granted = await log_in(account, person)
    album, _ = account.album(1)
    source = account.source(granted)
    assert (await source.list(album.album_id)).complete
    assert len(account.requests(host=TOKENS)) == 1
    assert granted.expiry is not None
    assert abs(granted.expiry - datetime.now(UTC) - timedelta(seconds=3599)) < timedelta(seconds=30)
    [grant] = account.google.account.grants.values()
    assert (granted.refresh_token, list(grant.scopes)) == (grant.refresh_token, list(SCOPES))


async def test_with_a_browser_elsewhere(account: GoogleAccount) -> None:
    person = Person(lines=[lambda url: f"  {end_address(url)}\n"])
    granted = await log_in(account, person)
    assert granted.refresh_token in account.google.account.grants


async def test_other_lines_are_asked_for_again(account: GoogleAccount) -> None:
    person = Person(
        lines=[
            lambda _: "",
            lambda _: "http://[",
            lambda url: url,
            lambda url: end_address(url).replace("state=", "state=x"),
            end_address,
        ]
    )
    await log_in(account, person)
    assert sum("not the address" in message for message in person.said) == 4


async def test_with_nobody_to_type(account: GoogleAccount) -> None:
    person = Person(browses_here=True)
    person.away.set()
    await log_in(account, person)


async def test_what_the_consent_page_is_asked_for(account: GoogleAccount) -> None:
    person = Person(browses_here=True)
    await log_in(account, person)
    query = {name: values[0] for name, values in parse_qs(urlsplit(person.url).query).items()}
    assert query["access_type"] == "offline"
    assert query["prompt"] == "consent"
    assert query["code_challenge_method"] == "S256"
    assert query["scope"] == " ".join(SCOPES)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", query["redirect_uri"])
    assert person.url.startswith(account.hosts.url("accounts.google.com"))


async def test_other_visitors_of_the_port_change_nothing(account: GoogleAccount) -> None:
    person = Person()
    answers: list[int] = []

    def visit_first(url: str) -> str:
        port = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        paths = ("favicon.ico", "?state=guessed&code=x", "?code=x")
        answers.extend(httpx.get(port + path).status_code for path in paths)
        return end_address(url)

    person.lines = [visit_first]
    await log_in(account, person)
    assert answers == [404, 404, 404]


async def refused(account: GoogleAccount, **changes: Any) -> PicsyncError:
    with pytest.raises(PicsyncError) as caught:
        await log_in(account, Person(browses_here=True), **changes)
    assert "picsync googlephotos login" in str(caught.value)
    return caught.value


async def test_denied_consent(account: GoogleAccount) -> None:
    account.google.options.deny = True
    error = await refused(account)
    assert isinstance(error, LoginNeeded)
    assert "denied" in str(error)


async def test_a_box_that_was_unticked(account: GoogleAccount) -> None:
    account.google.options.untick = frozenset(SCOPES)
    error = await refused(account)
    assert isinstance(error, LoginNeeded)
    assert "tick every box" in str(error)


async def test_a_wrong_client_secret(account: GoogleAccount) -> None:
    error = await refused(account, client_secret="wrong-s3cret")
    assert isinstance(error, LoginNeeded)
    assert "client secret" in str(error)
    assert "wrong-s3cret" not in str(error)


async def test_a_consent_that_was_used_before(account: GoogleAccount) -> None:
    person = Person()

    def use_it_first(url: str) -> str:
        address = end_address(url)
        account.google.account.codes.clear()
        return address

    person.lines = [use_it_first]
    with pytest.raises(LoginNeeded, match="no longer accepts this consent"):
        await log_in(account, person)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(kind=FaultKind.RESET_BEFORE, host=TOKENS), TransientError),
        (Fault(kind=FaultKind.STATUS, status=503, body="<html>", host=TOKENS), ProtocolError),
        (Fault(kind=FaultKind.BODY, body="<html>", host=TOKENS), ProtocolError),
        (Fault(kind=FaultKind.BODY, body="{}", content_type="application/json", host=TOKENS), ProtocolError),
        (Fault(kind=FaultKind.TRUNCATE, host=TOKENS), TransientError),
        (
            Fault(kind=FaultKind.BODY, body="{}", content_type="text/x; charset=idna", host=TOKENS),
            ProtocolError,
        ),
        (Fault(kind=FaultKind.BODY, body='{"access_token": "a", "scope": 5}', host=TOKENS), PicsyncError),
        (Fault(kind=FaultKind.BODY, body='{"access_token": "a", "scope": [[]]}', host=TOKENS), PicsyncError),
        (Fault(kind=FaultKind.BODY, body="[" * 100_000, host=TOKENS), ProtocolError),
        (
            Fault(
                kind=FaultKind.BODY,
                body="{}",
                headers={"Set-Cookie": f"a=b; Max-Age={'9' * 400}"},
                host=TOKENS,
            ),
            ProtocolError,
        ),
    ],
    ids=[
        *("reset", "503", "HTML", "empty", "truncated", "no charset", "scope", "scopes", "deep", "cookie"),
    ],
)
async def test_trouble_at_the_exchange(
    account: GoogleAccount, fault: Fault, kind: type[PicsyncError]
) -> None:
    account.fail(fault)
    assert isinstance(await refused(account), kind)


def token_answer(**changes: str) -> Fault:
    """Return a fault that answers the exchange with a token of these properties."""
    usual = {"access_token": "a", "token_type": "Bearer", "scope": " ".join(SCOPES)}
    body = json.dumps({**usual, "expires_in": 3599, **changes})
    return Fault(kind=FaultKind.BODY, body=body, content_type="application/json", host=TOKENS)


async def test_no_refresh_token(account: GoogleAccount) -> None:
    account.fail(token_answer())
    with pytest.raises(LoginNeeded, match="no refresh token"):
        await log_in(account, Person(browses_here=True))


async def test_a_project_in_testing_is_warned_of(account: GoogleAccount) -> None:
    account.google.options.refresh_token_s = 604_800
    person = Person(browses_here=True)
    await log_in(account, person)
    ends_at = datetime.now(UTC) + timedelta(days=7)
    assert any(f"{ends_at:%Y-%m}" in message and "Publish app" in message for message in person.said)


async def test_what_is_granted_beyond_is_fine(account: GoogleAccount) -> None:
    account.fail(token_answer(refresh_token="r", scope=" ".join([*SCOPES, "openid"])))
    granted = await log_in(account, Person(browses_here=True))
    assert (granted.access_token, granted.refresh_token) == ("a", "r")


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("http://127.0.0.1:1/?state=s&code=c", {"state": "s", "code": "c"}),
        ("/?code=c&state=s&scope=x", {"state": "s", "code": "c", "scope": "x"}),
        ("?state=s&error=access_denied", {"state": "s", "error": "access_denied"}),
        ("\ufeff<http://127.0.0.1:1/?state=s&code=c\u200b>\n", {"state": "s", "code": "c"}),
        ("“HTTP://127.0.0.1:1/?state=s&code=c%2Fd”", {"state": "s", "code": "c/d"}),
        ("/?state=s", None),
        ("/?code=c", None),
        ("/?state=ü&code=c", None),
        ("", None),
        ("http://[", None),
    ],
)
def test_addresses(address: str, answer: dict[str, str] | None) -> None:
    assert read_answer(address, "s") == answer


def test_a_browser_that_sends_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_module, "_SILENCE_S", 0.05)
    with login_module._listening("state", SimpleQueue()) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as silent:
            assert silent.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=30) as half:
            half.sendall(b"GET /")
            assert half.recv(1) == b""

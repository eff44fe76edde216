"""Webhooks over real HTTP: challenges, signatures, tokens, and bodies of any size."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import pytest

from picsync.vendors.dropbox.webhooks import HOOK, is_genuine
from picsync.web.hooks import MAX_BODY_BYTES, MAX_CHALLENGE, Caller, Hooks, HookServer

SECRET = "app-secret-of-anna"
TOKEN = "0123456789abcdef0123"
BODY = b'{"list_folder": {"accounts": ["dbid:AAEXAMPLE1"]}, "delta": {"users": [12345]}}'


def signature(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return {"X-Dropbox-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


@dataclass
class Served:
    """A server of webhooks, and what it reported."""

    client: aiohttp.ClientSession
    touched: list[set[str] | None] = field(default_factory=list)
    now: float = 0.0
    base: str = ""

    async def get(self, path: str) -> tuple[int, str, dict[str, str]]:
        async with self.client.get(self.base + path) as response:
            return response.status, await response.text(), dict(response.headers)

    async def post(self, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> int:
        async with self.client.post(self.base + path, data=body, headers=headers or {}) as response:
            await response.read()
            return response.status


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with aiohttp.ClientSession() as client:
        one = Served(client)

        def touch(rules: Iterable[str] | None) -> list[str]:
            one.touched.append(None if rules is None else set(rules))
            return sorted(rules or ())

        callers = [
            Caller(HOOK, SECRET, ["Family"]),
            Caller(HOOK, SECRET, ["Garden"]),
            Caller(HOOK, "secret-of-another-app", ["Aunt"]),
        ]
        server = HookServer(Hooks(callers, touch, token=TOKEN, now=lambda: one.now))
        await server.start("127.0.0.1", 0)
        one.base = f"http://127.0.0.1:{server.port}"
        try:
            yield one
        finally:
            await server.close()


async def test_the_challenge_comes_back_as_plain_text(served: Served) -> None:
    status, text, headers = await served.get("/hooks/dropbox?challenge=%3Cscript%3Eabc%26")

    assert (status, text) == (200, "<script>abc&")
    assert headers["Content-Type"].startswith("text/plain")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hooks/dropbox", 400),
        ("/hooks/dropbox?challenge=", 400),
        (f"/hooks/dropbox?challenge={'a' * (MAX_CHALLENGE + 1)}", 400),
        ("/hooks/unknown?challenge=abc", 404),
        (f"/hooks/{TOKEN}?challenge=abc", 404),
        ("/", 404),
    ],
)
async def test_other_requests_are_not_echoed(served: Served, path: str, status: int) -> None:
    assert (await served.get(path))[0] == status


async def test_a_signed_call_touches_the_rules_of_its_app(served: Served) -> None:
    assert await served.post("/hooks/dropbox", BODY, signature()) == 200
    assert await served.post("/hooks/dropbox", BODY, signature(secret="secret-of-another-app")) == 200

    assert served.touched == [{"Family", "Garden"}, {"Aunt"}]


async def test_a_burst_of_calls_is_one_line_in_the_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for now in (0.0, 1.0, 9.9, 10.0, 19.9):
            served.now = now
            assert await served.post("/hooks/dropbox", BODY, signature()) == 200
        assert await served.post("/hooks/dropbox", BODY, signature(secret="secret-of-another-app")) == 200

    assert len(served.touched) == 6
    assert [record.getMessage().rpartition("checking ")[2] for record in caplog.records] == [
        "Family, Garden",
        "Family, Garden",
        "Aunt",
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Dropbox-Signature": ""},
        {"X-Dropbox-Signature": "0" * 64},
        {"X-Dropbox-Signature": "\u00e4"},
        signature(BODY + b" "),
        signature(secret="guessed"),
        signature(secret=""),
    ],
)
async def test_a_forged_call_changes_nothing_and_is_said_once_a_minute(
    served: Served, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for now in (0.0, 30.0, 59.0, 61.0):
            served.now = now
            assert await served.post("/hooks/dropbox", BODY, headers) == 403

    assert served.touched == []
    assert [record.getMessage().partition(",")[0] for record in caplog.records] == [
        "Webhook: a call to /hooks/dropbox was refused"
    ] * 2
    assert SECRET not in caplog.text


async def test_a_body_of_any_size_costs_bounded_memory(served: Served) -> None:
    large = b" " * (MAX_BODY_BYTES + 1)
    assert await served.post("/hooks/dropbox", large, signature(large)) == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_000):
            yield b" " * 65_536

    # It is refused before the end, so the connection may break.
    with suppress(aiohttp.ClientError):
        await served.client.post(f"{served.base}/hooks/dropbox", data=endless())
    assert served.touched == []
    largest = b" " * MAX_BODY_BYTES
    assert await served.post("/hooks/dropbox", largest, signature(largest)) == 200


async def test_the_token_touches_all_rules(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await served.post(f"/hooks/{TOKEN}", b'{"any": "thing"}') == 200
        assert await served.post(f"/hooks/{TOKEN[:-1]}") == 404
        assert await served.post("/hooks/\u00e4") == 404

    assert served.touched == [None]
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("body", [b"", b"\xff", BODY])
def test_without_a_secret_nothing_is_genuine(body: bytes) -> None:
    assert not is_genuine("", body, signature(body, ""))
    assert is_genuine(SECRET, body, signature(body))

"""Every HTTP stack verifies its server, and never falls back to plain text."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import trustme

from picsync.core.errors import PicsyncError, TransientError
from tests.security.servers import http, named, serving
from tests.security.stacks import Stack, certified

UNKNOWN = trustme.CA()
WRONG: dict[str, Callable[[str], ssl.SSLContext]] = {
    "another name": lambda _: certified("evil.example"),
    "a name below it": lambda host: certified(f"a.{host}"),
    "a domain that begins alike": lambda host: certified(f"{host}.evil.example"),
    "an unknown authority": lambda host: certified(host, authority=UNKNOWN),
    "expired": lambda host: certified(host, not_after=datetime(2020, 1, 1, tzinfo=UTC)),
}


async def test_the_right_certificate_is_accepted(stack: Stack) -> None:
    async with serving(lambda _: http("400 No", "{}"), certified(stack.host)) as server:
        with named({stack.host: server.port}), pytest.raises(PicsyncError):
            await stack.talk()
    assert f"host: {stack.host}" in server.heads[0].lower()


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_certificate_ends_the_talk(stack: Stack, what: str) -> None:
    async with serving(lambda _: http("200 OK", "{}"), WRONG[what](stack.host)) as server:
        with named({stack.host: server.port}), pytest.raises(TransientError) as caught:
            await stack.talk()
    assert server.heads == []
    assert "certificate" in str(caught.value)
    assert "clock" in str(caught.value)


async def test_there_is_no_way_back_to_plain_text(stack: Stack) -> None:
    async with serving(lambda _: http("200 OK", "{}")) as server:
        with named({stack.host: server.port}), pytest.raises(TransientError):
            await stack.talk()
    assert server.heads == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_redirect_takes_nothing_elsewhere(stack: Stack, status: int, scheme: str) -> None:
    away = http(f"{status} Away", "", f"Location: {scheme}://evil.example/")
    tls = certified("evil.example") if scheme == "https" else None
    async with (
        serving(lambda _: away, certified(stack.host)) as server,
        serving(lambda _: http("200 OK", "{}"), tls) as other,
    ):
        with named({stack.host: server.port, "evil.example": other.port}), pytest.raises(PicsyncError):
            await stack.talk()
    assert server.heads
    assert other.heads == []

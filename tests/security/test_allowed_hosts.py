"""A service's response cannot redirect picsync to any other server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import ForeignAddressError, ProtocolError
from picsync.frames.nixplay.client import MONITOR, S3_HOSTS
from picsync.http.allowed import AllowedHosts
from picsync.http.client import Hosts, HttpClient
from picsync.http.retry import Operation, RetryPolicy
from picsync.sources.google.library.source import BYTES_HOSTS
from tests.security.servers import http, named, serving
from tests.security.stacks import certified, retrier, trusting

OPERATION = Operation("Service", "download")
GOOGLE = Hosts().allowed(*BYTES_HOSTS)
NIXPLAY = Hosts().allowed(MONITOR, *S3_HOSTS)
FOREIGN = (
    "http://lh3.googleusercontent.com/a",
    "https://lh3.googleusercontent.com:8443/a",
    "https://googleusercontent.com/a",
    "https://lh3.googleusercontent.com./a",
    "https://lh3.googleusercontent.com.example.net/a",
    "https://lh3-googleusercontent.com/a",
    "https://evil.example/lh3.googleusercontent.com",
    "https://lh3.googleusercontent.com@evil.example/a",
    "https://me:pw@lh3.googleusercontent.com/a",
    "https://evil.example\\.googleusercontent.com/a",
    "https://127.0.0.1/a",
    "https://[::1]/a",
    "https://[::ffff:10.0.0.1]/a",
    "https://2130706433/a",
    "https://0x7f.1/a",
    "https://localhost/a",
    "https://nas/a",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1.googleusercontent.com.nip.io/",
    "https://\uff4c\uff483.googleusercontent.com.evil.example/",
    "ftp://lh3.googleusercontent.com/a",
    "file:///etc/passwd",
    "/etc/passwd",
    "//lh3.googleusercontent.com/a",
    "",
)


@pytest.mark.parametrize("url", FOREIGN)
def test_foreign_addresses_are_not_allowed(url: str) -> None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return
    assert not GOOGLE.allow(parsed)
    assert not NIXPLAY.allow(parsed)


@pytest.mark.parametrize(
    "host",
    ["lh3.googleusercontent.com", "video-downloads.googleusercontent.com", "LH5.GoogleUserContent.com"],
)
def test_google_s_hosts_are_allowed(host: str) -> None:
    assert GOOGLE.allow(httpx.URL(f"https://{host}/x=d?a=b"))
    assert GOOGLE.allow(httpx.URL(f"https://{host}:443/x=d"))


@pytest.mark.parametrize(
    "host",
    [
        "upload-monitor.nixplay.com",
        "nixplay-prod-upload.s3.us-west-2.amazonaws.com",
        "nixplay-prod-original.s3.amazonaws.com",
        "s3.us-west-2.amazonaws.com",
        "s3-us-west-2.amazonaws.com",
        "a.b.s3-us-west-2.amazonaws.com",
    ],
)
def test_nixplay_s_hosts_are_allowed(host: str) -> None:
    assert NIXPLAY.allow(httpx.URL(f"https://{host}/x"))


@pytest.mark.parametrize(
    "host",
    [
        "ec2-1-2-3-4.us-west-2.compute.amazonaws.com",
        "x.execute-api.us-west-2.amazonaws.com",
        "amazonaws.com",
        "xs3.us-west-2.amazonaws.com",
        "s3.us-west-2.evil.amazonaws.com",
        "s3.amazonaws.com.evil.example",
    ],
)
def test_other_people_s_machines_at_amazon_are_not_allowed(host: str) -> None:
    assert not NIXPLAY.allow(httpx.URL(f"https://{host}/x"))


@given(
    st.from_regex(r"[a-z0-9:/@.\[\]%#?\\-]{0,30}", fullmatch=True),
    st.sampled_from(["https://", "http://", "//", ""]),
)
def test_only_names_below_google_s_domain_pass(rest: str, scheme: str) -> None:
    try:
        url = httpx.URL(scheme + rest)
    except httpx.InvalidURL:
        return
    assert not GOOGLE.allow(url) or url.host.endswith(".googleusercontent.com")


def test_an_emulator_stands_for_all_hosts_and_nothing_else_does() -> None:
    allowed = Hosts("http://127.0.0.1:8080").allowed(*BYTES_HOSTS)
    assert allowed.allow(httpx.URL("http://127.0.0.1:8080/lh3.googleusercontent.com/x"))
    for other in (
        "http://127.0.0.1:8081/x",
        "https://127.0.0.1:8080/x",
        "https://lh3.googleusercontent.com/x",
    ):
        assert not allowed.allow(httpx.URL(other))
    usual = AllowedHosts(origin="https://nas")
    assert usual.allow(httpx.URL("https://NAS:443/api/assets"))


def test_a_policy_that_allows_nothing_is_a_bug() -> None:
    with pytest.raises(ValueError, match="talk to nobody"):
        AllowedHosts()


EVIL = "evil.example"
LH3, VIDEOS = "lh3.googleusercontent.com", "video-downloads.googleusercontent.com"
SECRET_HEADERS = {
    "Authorization": "Bearer marked-token",
    "X-CSRFToken": "marked-csrf",
    "X-Api-Key": "marked-key",
}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[HttpClient]:
    with trusting(tmp_path):
        made = HttpClient(
            retrier(RetryPolicy(attempts=3)),
            allowed=GOOGLE,
            headers={"X-Own": "marked-own"},
            timeout=httpx.Timeout(5),
        )
    made.cookies.set("sid", "marked-cookie", domain=LH3)
    yield made
    await made.aclose()


async def _drop(response: httpx.Response) -> None:
    await response.aread()


async def test_redirect_within_the_service_carries_no_credentials(client: HttpClient) -> None:
    away = http("302 Found", "", f"Location: https://{VIDEOS}/bytes")
    async with (
        serving(lambda _: away, certified(LH3)) as first,
        serving(lambda _: http("200 OK", "bytes"), certified(VIDEOS)) as second,
    ):
        with named({LH3: first.port, VIDEOS: second.port}):
            await client.download(OPERATION, f"https://{LH3}/x=dv", _drop, headers=SECRET_HEADERS)
    assert [secret for secret in _secrets() if secret not in first.heads[0]] == []
    assert [secret for secret in _secrets() if secret in second.heads[0]] == []
    assert f"host: {VIDEOS}" in second.heads[0].lower()


def _secrets() -> list[str]:
    return [*SECRET_HEADERS.values(), "marked-own", "marked-cookie"]


async def test_headers_go_along_within_one_server(client: HttpClient) -> None:
    def answer(head: str) -> bytes:
        return http("200 OK", "bytes") if " /b " in head else http("302 Found", "", "Location: /b")

    async with serving(answer, certified(LH3)) as server:
        with named({LH3: server.port}):
            await client.download(OPERATION, f"https://{LH3}/a", _drop, headers=SECRET_HEADERS)
    assert "marked-token" in server.heads[1]


@pytest.mark.parametrize("target", [f"https://{EVIL}/x", "http://127.0.0.1/x", f"http://{LH3}/x"])
async def test_a_redirect_to_elsewhere_is_not_followed(client: HttpClient, target: str) -> None:
    async with (
        serving(lambda _: http("302 Found", "", f"Location: {target}?t=marked"), certified(LH3)) as first,
        serving(lambda _: http("200 OK", "bytes"), certified(EVIL)) as other,
    ):
        with named({LH3: first.port, EVIL: other.port}), pytest.raises(ForeignAddressError) as caught:
            await client.download(OPERATION, f"https://{LH3}/a", _drop, headers=SECRET_HEADERS)
    assert other.heads == []
    assert len(first.heads) == 1, "asking again leads to the same place"
    assert target.rpartition("/")[0] in str(caught.value)
    assert "marked" not in str(caught.value)


async def test_nothing_is_sent_to_a_foreign_address(client: HttpClient) -> None:
    async with serving(lambda _: http("200 OK", "bytes"), certified(EVIL)) as other:
        with named({EVIL: other.port}):
            with pytest.raises(ForeignAddressError):
                await client.download(OPERATION, f"https://{EVIL}/a", _drop)
            with pytest.raises(ForeignAddressError):
                await client.request(OPERATION, "POST", f"https://{EVIL}/a", bool, data={"a": "b"})
    assert other.heads == []


async def test_redirects_end(client: HttpClient) -> None:
    async with serving(lambda _: http("302 Found", "", "Location: /a"), certified(LH3)) as server:
        with named({LH3: server.port}), pytest.raises(ProtocolError, match="do not end"):
            await client.download(OPERATION, f"https://{LH3}/a", _drop)

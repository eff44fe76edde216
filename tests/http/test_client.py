"""The HTTP client over a real socket: failures become what the retry policy can classify."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from picsync.core.errors import PicsyncError, ProtocolError, RefusedError, TransientError
from picsync.http.client import Hosts, HttpClient, no_answer, read_json, read_model, translated
from picsync.http.pace import API
from picsync.http.retry import NoAnswer, Operation, Retrier, RetryPolicy, WireError
from tests.http.loopback import LoopbackHosts

OPERATION = Operation("Service", "list_things")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _no_wait(_seconds: float) -> None:
    return None


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    retrier = Retrier(RetryPolicy(attempts=3), emit=lambda _event: None, sleep=_no_wait)
    made = HttpClient(retrier, allowed=LoopbackHosts(), timeout=httpx.Timeout(0.3))
    yield made
    await made.aclose()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[str]:
    """Answer connections one after another with these bytes, closing after each."""
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer == b"hang":
            await reader.read()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/?key=secret"


def http(status: str, body: str = "", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


GOOD = http("200 OK", '{"a": 1}')


async def get(client: HttpClient, url: str) -> object:
    return await client.request(OPERATION, "GET", url, lambda response: read_json(OPERATION, response))


@pytest.mark.parametrize(
    "trouble",
    [
        b"",
        b"hang",
        http("503 Away"),
        http("200 OK", "<html>Sorry</html>", "Content-Type: text/html"),
        GOOD[:-3],
        b"nonsense\r\n\r\n",
        http("200 OK", "{}", "Content-Encoding: gzip"),
        http("200 OK", "[" * 100_000),
    ],
)
async def test_passing_trouble_is_asked_for_again(client: HttpClient, trouble: bytes) -> None:
    async with serving(trouble, GOOD) as url:
        assert await get(client, url) == {"a": 1}


@pytest.mark.parametrize("trouble", [b"", http("200 OK", "<html>"), http("500 Oops", "secret trace")])
async def test_lasting_trouble_is_told_without_secrets(client: HttpClient, trouble: bytes) -> None:
    async with serving(trouble) as url:
        with pytest.raises(PicsyncError) as caught:
            await get(client, url)
    assert isinstance(caught.value, TransientError | ProtocolError)
    assert "Service list things" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_redirects_are_refusals(client: HttpClient) -> None:
    async with serving(http("302 Found", "", "Location: /login")) as url:
        with pytest.raises(RefusedError) as caught:
            await get(client, url)
    assert caught.value.status == 302


async def test_a_download_starts_over_after_a_break(client: HttpClient) -> None:
    attempts: list[bytes] = []

    async def consume(response: httpx.Response) -> None:
        attempts.append(b"")
        async for chunk in response.aiter_bytes():
            attempts[-1] += chunk

    async with serving(GOOD[:-3], GOOD) as url:
        await client.download(OPERATION, url, consume)
    assert attempts[-1] == b'{"a": 1}'
    assert len(attempts) == 2


async def test_nobody_listening_is_an_unsent_request(client: HttpClient) -> None:
    async with serving(GOOD) as url:
        pass
    with pytest.raises(TransientError, match="no connection"):
        await get(client, url)


def _concrete(base: type[Exception]) -> set[type[Exception]]:
    return {found for sub in base.__subclasses__() for found in {sub, *_concrete(sub)}}


@pytest.mark.parametrize("kind", sorted(_concrete(httpx.TransportError), key=str))
def test_every_transport_error_has_words(kind: type[httpx.TransportError]) -> None:
    result = no_answer(kind("url?key=secret"))
    assert isinstance(result, NoAnswer)
    assert "secret" not in result.reason
    certainly_unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
    local = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
    assert result.sent == (not issubclass(kind, (*certainly_unsent, *local)))


def test_every_httpx_exception_is_translated() -> None:
    def is_used(kind: type[Exception]) -> bool:
        return not issubclass(kind, httpx.HTTPStatusError | httpx.StreamError | httpx.CookieConflict)

    kinds = {
        kind
        for _, kind in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(kind, Exception) and kind not in {httpx.HTTPError, httpx.RequestError} and is_used(kind)
    }
    for kind in kinds:
        with pytest.raises((WireError, ProtocolError)), translated(OPERATION):
            raise kind("message")


def test_hosts_are_reached_by_name_or_below_an_emulator() -> None:
    assert Hosts().url("api.nixplay.com") == "https://api.nixplay.com"
    below = Hosts("http://127.0.0.1:9").url("api.nixplay.com")
    assert below == "http://127.0.0.1:9/api.nixplay.com"


async def test_a_request_searches_for_no_module(client: HttpClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search in vain for an optional module costs more than all the rest of a request."""
    searched: list[str] = []

    class Finder:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            searched.append(name)

    async with serving(GOOD) as url:
        await client.request(OPERATION, "GET", url, lambda answer: answer.json())
        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
        await client.request(OPERATION, "GET", url, lambda answer: answer.json())
    assert searched == []


async def test_connections_are_used_again(client: HttpClient) -> None:
    connections = 0
    open_now: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        open_now.append(open_now[-1] + 1 if open_now else 1)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        open_now.append(open_now[-1] - 1)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

        async def ask() -> None:
            await client.request(OPERATION, "GET", url, lambda answer: answer.json())

        for _ in range(5):
            await ask()
        assert connections == 1
        await asyncio.gather(*(ask() for _ in range(100)))
        # In all there may be more: on a busy machine some are idle for long enough to be closed.
        assert max(open_now) <= API.cap
        await client.aclose()


class _Named(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"name": "a"}', "a"),
        (b'{"name": "a", "title": "\\ud83d"}', "a"),
        ('{"name": "ä"}'.encode("utf-16"), "ä"),
    ],
)
def test_what_python_can_parse_is_parsed(content: bytes, name: str) -> None:
    """Half a character in a field that no one reads does not cost the whole response."""
    response = httpx.Response(200, content=content)
    assert read_model(OPERATION, response, TypeAdapter(_Named)).name == name


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"name": "a"', b"\xff\xfe"])
def test_what_is_not_json_is_a_protocol_error(content: bytes) -> None:
    with pytest.raises(ProtocolError, match="expected JSON"):
        read_model(OPERATION, httpx.Response(200, content=content), TypeAdapter(_Named))

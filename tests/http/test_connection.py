"""Connections: split responses, invalid responses, and when a connection is used again."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from picsync.http import network
from picsync.http.connection import MAX_HEAD_BYTES, READ_AHEAD_BYTES, WRITE_BYTES, Incoming
from picsync.http.network import Exceptions, Network, Proxy
from picsync.http.transport import KEPT_CONNECTIONS, KEPT_S, Transport

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

CHUNKED = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 Fine\r\nTransfer-Encoding: chunked\r\nX-Name:  value \r\n\r\n"
    b"3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: late\r\n\r\n"
)
COUNTED = b"HTTP/1.1 200 Fine\r\nX-Name: value\r\nContent-Length: 8\r\n\r\nabcdefgh"
ENDED = b"HTTP/1.0 200 Fine\r\nX-Name: value\r\n\r\nabcdefgh"


@asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Call `serve` for each connection, and let none outlive the server."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def client_of(made: Network | None = None, silence_s: float = 20.0) -> AsyncIterator[httpx.AsyncClient]:
    transport = Transport(made or network.current())
    async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(silence_s, pool=None)) as client:
        yield client


def answering(answer: bytes, *, close: bool = False) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)
            if close:
                return

    return serve


@given(st.sampled_from([CHUNKED, COUNTED, ENDED]), st.lists(st.integers(1, 30), min_size=1))
def test_pieces_make_no_difference(answer: bytes, sizes: list[int]) -> None:
    incoming, at = Incoming("GET"), 0
    for size in [*sizes, len(answer)]:
        incoming.feed(answer[at : at + size])
        at += size
    incoming.end(None)
    assert (incoming.status, incoming.reason, incoming.failure) == (200, b"Fine", "")
    assert (b"X-Name", b"value") in incoming.headers
    assert b"late" not in dict(incoming.headers).values()
    assert incoming.is_complete
    assert incoming.take() == b"abcdefgh"


@given(st.sampled_from([CHUNKED, COUNTED]), st.data())
def test_a_response_that_ends_too_early_is_never_complete(answer: bytes, data: st.DataObject) -> None:
    incoming = Incoming("GET")
    incoming.feed(answer[: data.draw(st.integers(0, len(answer) - 1))])
    incoming.end(None)
    assert not incoming.is_complete
    assert incoming.failure


def test_a_body_without_length_that_breaks_off_is_not_complete() -> None:
    incoming = Incoming("GET")
    incoming.feed(ENDED)
    incoming.end(ConnectionResetError())
    assert not incoming.is_complete


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
        (b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 10),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 1000 + b"\r\ny\r\n"),
    ],
    ids=["header", "headers", "informational", "trailers", "chunk extensions"],
)
def test_endless_framing_is_a_failure(first: bytes, more: bytes) -> None:
    incoming = Incoming("GET")
    incoming.feed(first)
    for _ in range(2 * MAX_HEAD_BYTES // len(more)):
        incoming.feed(more)
    assert incoming.failure


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http_is_an_error(answer: bytes) -> None:
    async with serving(answering(answer)) as url, client_of() as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)


async def test_bytes_after_a_response_end_its_connection() -> None:
    answers = iter([COUNTED + COUNTED, COUNTED])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = next(answers)
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(answer)

    async with serving(serve) as url, client_of() as client:
        for _ in range(2):
            assert (await client.get(url)).content == b"abcdefgh"
    assert next(answers, None) is None  # A connection each.


async def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    async with serving(answering(COUNTED, close=True)) as url, client_of() as client:
        for _ in range(20):
            assert (await client.post(url, content=b"x")).content == b"abcdefgh"


async def test_a_server_that_refuses_an_upload_is_sent_no_more() -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += WRITE_BYTES
            yield b"x" * WRITE_BYTES

    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"
    async with serving(answering(refusal)) as url, client_of() as client:
        headers = {"content-length": str(1000 * WRITE_BYTES)}
        response = await client.post(url, content=pieces(), headers=headers)
        assert (response.status_code, response.content) == (413, b"no")
    assert sent < 1000 * WRITE_BYTES


@pytest.mark.parametrize("announced", [1, 5])
async def test_a_body_of_another_length_is_not_sent(announced: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"abc"

    async with serving(answering(COUNTED)) as url, client_of() as client:
        with pytest.raises(httpx.LocalProtocolError):
            await client.post(url, content=pieces(), headers={"content-length": str(announced)})


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\x00b"])
async def test_a_header_holds_no_other(value: str) -> None:
    async with serving(answering(COUNTED)) as url, client_of() as client:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(url, headers={"x-name": value})


async def test_a_slow_reader_bounds_what_is_read_ahead(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    size_bytes = 40 * READ_AHEAD_BYTES
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size_bytes
    trusting = Network(own_authorities=str(tmp_path / "ca.pem"))
    read_bytes = most_bytes = 0
    async with (
        serving(answering(head + b"x" * size_bytes), context) as url,
        client_of(trusting) as client,
        client.stream("GET", url) as response,
    ):
        async for piece in response.aiter_raw():
            read_bytes += len(piece)
            most_bytes = max(most_bytes, len(piece))
            for _ in range(20):  # Whatever can arrive meanwhile does.
                await asyncio.sleep(0)
    assert read_bytes == size_bytes
    assert most_bytes <= 4 * READ_AHEAD_BYTES


async def test_an_upload_that_no_one_reads_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picsync.http.connection.LEAST_BYTES_PER_S", 10**9)

    async def serve(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * WRITE_BYTES

    async with serving(serve) as url, client_of(silence_s=0.1) as client:
        with pytest.raises(httpx.TimeoutException):
            await client.post(url, content=pieces(), headers={"content-length": str(10**5 * WRITE_BYTES)})


async def test_idle_connections_are_few_and_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()
    open_now = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now
        open_now += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(COUNTED)
        finally:
            open_now -= 1
            if open_now == 0:
                gone.set()

    assert KEPT_S < 5
    monkeypatch.setattr("picsync.http.transport.KEPT_S", 0.05)
    async with serving(serve) as url, client_of() as client:
        await asyncio.gather(*(client.get(url) for _ in range(KEPT_CONNECTIONS + 5)))
        transport = client._transport
        assert isinstance(transport, Transport)
        assert len(transport._idle) <= KEPT_CONNECTIONS
        await asyncio.wait_for(gone.wait(), 20)
        assert not transport._idle


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n", b"no proxy\r\n", b""])
async def test_a_proxy_that_opens_no_way_is_an_error_before_the_request(answer: bytes) -> None:
    async with serving(answering(answer, close=True)) as url:
        proxy = Proxy("http", "127.0.0.1", httpx.URL(url).port or 0, "user", "pass word")
        through = Network(proxies=(("https", proxy),), exceptions=Exceptions())
        async with client_of(through) as client:
            with pytest.raises(httpx.ProxyError):
                await client.get("https://photos.example.org/")


async def test_a_request_cancelled_while_connecting_leaves_no_socket() -> None:
    async with serving(answering(COUNTED)) as url, client_of() as client:
        for turns in range(12):
            request = asyncio.create_task(client.get(url))
            for _ in range(turns):
                await asyncio.sleep(0)
            request.cancel()
            await asyncio.wait([request])
            # An unclosed socket is an error as soon as it is collected.
            gc.collect()

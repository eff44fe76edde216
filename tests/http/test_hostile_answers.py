"""Responses designed to end the process or to keep a request busy forever."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest

from picsync.core.errors import PicsyncError, ProtocolError
from picsync.http.client import HttpClient
from picsync.http.retry import MAX_RETRY_AFTER_S, Operation, Retrier, RetryPolicy, parse_retry_after
from tests.http.loopback import LoopbackHosts

OPERATION = Operation("Service", "list_things")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    retrier = Retrier(RetryPolicy(attempts=1), emit=lambda _event: None)
    made = HttpClient(retrier, allowed=LoopbackHosts())
    yield made
    await made.aclose()


async def _asked(client: HttpClient, head: bytes, endless: bytes = b"") -> bytes:
    """Return the body of an answer that goes on with `endless` until the client closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            await writer.drain()
            while endless:
                writer.write(endless)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with asyncio.timeout(60):
            return await client.request(OPERATION, "GET", url, lambda answer: answer.content)
    finally:
        server.close()


@pytest.mark.parametrize("host", ["xn--0", "xn--", "xn--\u00e9", "[::1", "a" * 70, "nas:99999", "%00"])
async def test_a_redirect_to_an_impossible_host_fails_its_request(client: HttpClient, host: str) -> None:
    location = f"Location: http://{host}/".encode()
    with pytest.raises(PicsyncError):
        await _asked(client, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + location + b"\r\n\r\n")


async def test_what_follows_a_packed_body_is_not_read(client: HttpClient) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"all") + packer.flush()
    assert await _asked(client, HEAD + packed, bytes(2**16)) == b"all"


async def test_empty_blocks_without_end_are_rejected(client: HttpClient) -> None:
    packer = zlib.compressobj(wbits=31)
    start = packer.compress(b"a") + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(ProtocolError):
        await _asked(client, HEAD + start, b"\x00\x00\x00\xff\xff" * 10_000)


@pytest.mark.parametrize(
    "value", ["999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 -2359", "Fri, 31 Dec 9999 23:59:59 GMT"]
)
def test_no_retry_after_is_longer_than_a_day(value: str) -> None:
    for zone in (UTC, timezone(timedelta(hours=14))):
        seconds = parse_retry_after(value, datetime(2026, 1, 1, tzinfo=zone))
        assert seconds is None or seconds <= MAX_RETRY_AFTER_S


@pytest.mark.parametrize(
    "attribute", ["Max-Age=" + "9" * 400, "Version=\xb2", "Port=x", "Expires=" + "9" * 400]
)
async def test_a_cookie_that_cannot_be_read_is_left_out(client: HttpClient, attribute: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b; {attribute}\r\n\r\n{{}}"
    assert await _asked(client, head.encode("latin-1")) == b"{}"

"""Bodies that are larger than any valid response, also once decompressed, are cut off during the transfer."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from picsync.core.errors import PicsyncError, ProtocolError, RefusedError, TransientError
from picsync.http.allowed import AllowedHosts
from picsync.http.body import MAX_ANSWER_BYTES, MAX_ERROR_BYTES
from picsync.http.client import HttpClient, read_json
from picsync.http.retry import Operation, RetryPolicy
from tests.security.servers import http, named, serving
from tests.security.stacks import by_httplib2, certified, retrier, trusting

OPERATION = Operation("Service", "list_things")
PEAK_BYTES = 4 * MAX_ANSWER_BYTES
"""What is kept while it grows, here together with what the server sends."""


def packed(size_bytes: int) -> bytes:
    """Return gzip of so many zeros, a thousandth of that size."""
    block, count = bytes(2**20), size_bytes >> 20
    # After a full flush, a stream continues as it began: the same compressed block is repeated.
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    once = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(count):
        checksum = zlib.crc32(block, checksum)
    head = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return head + once * count + packer.flush() + struct.pack("<II", checksum, count << 20)


BOMB_BYTES = 128 * 2**20
BOMB = packed(BOMB_BYTES)
TOO_LARGE = b'"' + b"x" * MAX_ANSWER_BYTES + b'"'


def answer(status: str, content: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def drop(response: httpx.Response) -> None:
    await response.aread()


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    made = Ask()
    yield made
    for client in made.clients:
        await client.aclose()


class Ask:
    """Asks a server that answers with given bytes, each time with a new client."""

    def __init__(self) -> None:
        self.clients: list[HttpClient] = []

    def client(self, port: int) -> tuple[HttpClient, str]:
        url = f"http://127.0.0.1:{port}"
        once = retrier(RetryPolicy(attempts=1))
        self.clients.append(HttpClient(once, allowed=AllowedHosts(origin=url), timeout=httpx.Timeout(20)))
        return self.clients[-1], url

    async def json(self, raw: bytes) -> object:
        async with serving(lambda _: raw) as server:
            client, url = self.client(server.port)
            return await client.request(OPERATION, "GET", url, lambda got: read_json(OPERATION, got))

    async def download(self, raw: bytes) -> int:
        size_bytes = 0

        async def consume(response: httpx.Response) -> None:
            nonlocal size_bytes
            async for chunk in response.aiter_bytes(64 * 1024):
                size_bytes += len(chunk)

        async with serving(lambda _: raw) as server:
            client, url = self.client(server.port)
            await client.download(OPERATION, url, consume)
        return size_bytes


@pytest.mark.parametrize(
    "raw",
    [
        answer("200 OK", TOO_LARGE),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + TOO_LARGE,
        answer("200 OK", gzip.compress(TOO_LARGE, 1), "Content-Encoding: gzip"),
        answer("200 OK", BOMB, "Content-Encoding: gzip"),
    ],
    ids=["announced", "unannounced", "packed", "bomb"],
)
async def test_what_is_too_large_is_cut_off(ask: Ask, raw: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="larger than 16 MiB"):
            await ask.json(raw)
        assert tracemalloc.get_traced_memory()[1] < PEAK_BYTES
    finally:
        tracemalloc.stop()


async def test_what_just_fits_is_read(ask: Ask) -> None:
    text = "x" * (MAX_ANSWER_BYTES - 2)
    assert await ask.json(answer("200 OK", f'"{text}"'.encode())) == text


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "deflate"])
async def test_one_coding_is_unpacked(ask: Ask, coding: str) -> None:
    content = zlib.compress(b'{"a": 1}') if coding == "deflate" else gzip.compress(b'{"a": 1}')
    assert await ask.json(answer("200 OK", content, f"Content-Encoding: {coding}")) == {"a": 1}


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate, gzip", "br", "x"])
async def test_codings_of_codings_are_refused(ask: Ask, coding: str) -> None:
    raw = answer("200 OK", gzip.compress(gzip.compress(b"{}")), f"Content-Encoding: {coding}")
    for asking in (ask.json, ask.download):
        with pytest.raises(ProtocolError, match="packed in a way"):
            await asking(raw)


@pytest.mark.parametrize("coding", ["", "gzip", "gzip, gzip", "br"])
@pytest.mark.parametrize("status", ["404 Gone", "503 Away"])
async def test_of_an_error_only_the_beginning_is_read(ask: Ask, status: str, coding: str) -> None:
    raw = answer(status, BOMB, f"Content-Encoding: {coding}")
    for asking in (ask.json, ask.download):
        tracemalloc.start()
        try:
            with pytest.raises(PicsyncError) as caught:
                await asking(raw)
            assert isinstance(caught.value, RefusedError | TransientError)
            assert tracemalloc.get_traced_memory()[1] < PEAK_BYTES
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("cut", [5, 20, -4, -1])
async def test_what_is_packed_and_cut_short_is_not_taken_for_whole(ask: Ask, cut: int) -> None:
    packed = gzip.compress(b"[1, 2]" + b" " * 1000)[:cut]
    for asking in (ask.json, ask.download):
        with pytest.raises(ProtocolError, match="DecodingError"):
            await asking(answer("200 OK", packed, "Content-Encoding: gzip"))


async def test_a_download_asks_for_bytes_as_they_are(ask: Ask) -> None:
    async with serving(lambda _: answer("200 OK", b"{}")) as server:
        client, url = ask.client(server.port)
        await client.request(OPERATION, "GET", url, bool)
        await client.download(OPERATION, url, drop)
    asked = [line for head in server.heads for line in head.lower().split("\r\n") if "encoding" in line]
    assert asked == ["accept-encoding: gzip", "accept-encoding: identity"]


async def test_a_packed_download_is_unpacked_piece_by_piece(ask: Ask) -> None:
    tracemalloc.start()
    try:
        assert await ask.download(answer("200 OK", BOMB, "Content-Encoding: gzip")) == BOMB_BYTES
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


async def test_an_endless_error_ends(ask: Ask) -> None:
    raw = b"HTTP/1.1 403 No\r\nConnection: close\r\n\r\n" + b"no! " * MAX_ERROR_BYTES
    with pytest.raises(RefusedError) as caught:
        await ask.json(raw)
    assert caught.value.excerpt.startswith("no! no! ")


@pytest.mark.parametrize(
    "raw",
    [
        answer("200 OK", TOO_LARGE),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + TOO_LARGE,
        answer("200 OK", BOMB, "Content-Encoding: gzip"),
        answer("200 OK", packed(MAX_ANSWER_BYTES + 2**20), "Content-Encoding: gzip"),
        answer("500 Oops", BOMB, "Content-Encoding: gzip"),
    ],
    ids=["announced", "unannounced", "bomb", "just too large", "error"],
)
async def test_google_s_library_gets_a_size_limit(tmp_path: Path, raw: bytes) -> None:
    # Of an error, only the beginning is read.
    message = "answered 500" if raw.startswith(b"HTTP/1.1 500") else "larger than 16 MiB"
    host = "photoslibrary.googleapis.com"
    with trusting(tmp_path):
        async with serving(lambda _: raw, certified(host)) as server:
            tracemalloc.start()
            try:
                with named({host: server.port}), pytest.raises(PicsyncError, match=message):
                    await by_httplib2("marked-access")
                assert tracemalloc.get_traced_memory()[1] < PEAK_BYTES
            finally:
                tracemalloc.stop()


async def test_google_s_library_notices_a_body_cut_short(tmp_path: Path) -> None:
    host = "photoslibrary.googleapis.com"
    cut = http("200 OK", '{"albums": []}').replace(b"Content-Length: 14", b"Content-Length: 15")
    with trusting(tmp_path):
        async with serving(lambda _: cut, certified(host)) as server:
            with named({host: server.port}), pytest.raises(TransientError, match="broke off"):
                await by_httplib2("marked-access")

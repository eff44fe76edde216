"""The deadlines of a whole request, and more time on a slow connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import TransientError
from picsync.http.client import HttpClient
from picsync.http.deadline import LEAST_BYTES_PER_S, SILENCES, Allotment
from picsync.http.retry import Operation, Retrier, RetryPolicy
from tests.http.loopback import LoopbackHosts

ASK = Operation("Service", "ask")
SILENCE_S = 0.3
"""Far more than there is between two drops; a stage may take three times as long."""
DROP_S = 0.05


@asynccontextmanager
async def dripping(first: bytes, drop: bytes, *, most: int | None = None) -> AsyncIterator[str]:
    """Answer each request with `first`, then with `drop` now and then."""
    asked: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.add(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(first)
        sent = 0
        try:
            while sent != most and not writer.is_closing():
                writer.write(drop)
                sent += 1
                await asyncio.sleep(DROP_S)
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for writer in asked:
            writer.close()


@asynccontextmanager
async def patient(silence_s: float = SILENCE_S) -> AsyncIterator[HttpClient]:
    retrier = Retrier(RetryPolicy(attempts=1), emit=lambda _: None)
    client = HttpClient(retrier, allowed=LoopbackHosts(), timeout=httpx.Timeout(silence_s, pool=None))
    yield client
    await client.aclose()


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 200 OK\r\nServer:",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 503 No\r\n\r\n",
    ],
    ids=["in the status line", "in the head", "in the body", "in an error's body"],
)
async def test_slowly_dripping_server_hits_the_deadline(first: bytes) -> None:
    async with dripping(first, b"H") as url, patient() as client:
        with pytest.raises(TransientError, match="no answer in time"):
            await client.request(ASK, "GET", url, lambda response: response.content)


async def test_a_download_that_drips_is_not_waited_for() -> None:
    async def consume(response: httpx.Response) -> None:
        async for _ in response.aiter_bytes():
            pass

    async with dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"\xff") as url, patient() as client:
        with pytest.raises(TransientError, match="no answer in time"):
            await client.download(ASK, url, consume)


async def test_a_large_answer_on_a_slow_line_is_waited_for() -> None:
    drops = round(SILENCES * SILENCE_S / DROP_S) + 5
    drop = b"x" * LEAST_BYTES_PER_S  # Each is worth a second.
    async with dripping(b"HTTP/1.1 200 OK\r\n\r\n", drop, most=drops) as url, patient() as client:
        content = await client.request(ASK, "GET", url, lambda response: response.content)
    assert len(content) == drops * len(drop)


async def test_waiting_for_a_free_connection_costs_nothing() -> None:
    drops = round(2 * SILENCES * SILENCE_S / DROP_S / 3)
    size_bytes = drops * LEAST_BYTES_PER_S
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size_bytes
    retrier = Retrier(RetryPolicy(attempts=1), emit=lambda _: None)
    narrow = HttpClient(
        retrier,
        allowed=LoopbackHosts(),
        timeout=httpx.Timeout(SILENCE_S, pool=None),
    )
    async with dripping(answer, b"x" * LEAST_BYTES_PER_S, most=drops) as url:
        asked = [narrow.request(ASK, "GET", url, lambda response: len(response.content)) for _ in range(3)]
        assert await asyncio.gather(*asked) == [size_bytes] * 3
        await narrow.aclose()


@given(
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 10), st.integers(LEAST_BYTES_PER_S * 10, 10**7)), max_size=50),
)
def test_nothing_that_moves_fast_enough_is_ever_overdue(
    silence_s: float, pieces: list[tuple[float, int]]
) -> None:
    allotment = Allotment(silence_s)
    for seconds, size_bytes in pieces:
        allotment.waited(seconds, size_bytes)
        assert allotment.left_s > 0


@given(st.floats(0.1, 100), st.integers(0, 10**9), st.floats(0.1, 60))
def test_a_trickle_ends_however_fast_it_began(silence_s: float, begun_bytes: int, gap_s: float) -> None:
    allotment = Allotment(silence_s)
    allotment.waited(0.001, begun_bytes)
    spent_s = 0.0
    while allotment.left_s > 0:
        allotment.waited(gap_s, 1)
        spent_s += gap_s
    assert spent_s <= SILENCES * silence_s * 1.1 + gap_s


def test_what_is_sent_has_time_to_be_sent() -> None:
    assert Allotment(60.0, 1_000_000_000).left_s == SILENCES * 60.0 + 1_000_000

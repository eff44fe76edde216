"""How long a whole request may take.

A read timeout bounds the silence between two bytes: a server that sends one now and then keeps within it for
ever. So each stage of a request has seconds to spend besides: some for thinking, and more for each byte that
moves, so that a large file on a slow line is not cut off. Waiting for a free connection, and what a reader
does between two pieces of an answer, cost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

SILENCES = 3
"""So many times the longest silence that a request bears, it may go without moving anything to speak of."""

LEAST_BYTES_PER_S = 1_000
"""The slowest line that is worth waiting for: several transfers share 256 kbit/s and have more each."""


WHOLE_S = 600.0
"""Most seconds of any request, apart from what its bytes take: no true answer needs as long."""

WHOLE_LEAST_BYTES_PER_S = 12_000
"""The slowest line for a whole large file: a video of 500 MB may take half a day."""

CONNECT_S = 60.0
"""Most seconds for name, connection, proxy and encryption together."""


class UnusableAnswer(Exception):  # noqa: N818 - says what it is
    """The library cannot handle what came, in a way that none of its own exceptions describes."""


class Allotment:
    """The seconds that are left to one stage of a request; pure arithmetic."""

    def __init__(self, silence_s: float, size_bytes: int = 0) -> None:
        """Begin with what a request that may be silent for `silence_s` has, and `size_bytes` to send."""
        self._most_s = SILENCES * silence_s
        self.left_s = self._most_s + size_bytes / LEAST_BYTES_PER_S

    def waited(self, seconds: float, size_bytes: int) -> None:
        """Take off the time that it took until `size_bytes` came, and give what they are worth.

        What is given beyond the beginning's is lost: a fast start does not pay for a trickle later.
        """
        self.left_s = min(self._most_s, self.left_s - seconds + size_bytes / LEAST_BYTES_PER_S)


async def send(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send a request and return the answer, its body still to be read, both under their deadlines.

    The boundary to httpx and everything below it (httpcore, h11, idna, anyio, ssl): whatever is raised there,
    also while the body is read, comes out as an httpx.HTTPError or as UnusableAnswer. Raises
    httpx.ReadTimeout where a deadline has passed.
    """
    silence_s: float | None = request.extensions.get("timeout", {}).get("read")
    if silence_s is None:
        with _contained():
            return await client.send(request, stream=True)
    size_bytes = int(request.headers.get("content-length", "0"))
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:

            async def trace(event: str, _: dict[str, Any]) -> None:
                # Names that httpcore documents, after that of the protocol.
                if event.endswith("connect_tcp.started"):
                    limit.reschedule(loop.time() + CONNECT_S)
                elif event.endswith(".send_request_headers.started"):
                    limit.reschedule(loop.time() + Allotment(silence_s, size_bytes).left_s)
                elif event.endswith(".receive_response_headers.started"):
                    limit.reschedule(loop.time() + Allotment(silence_s).left_s)

            request.extensions = {**request.extensions, "trace": trace}
            with _contained():
                response = await client.send(request, stream=True)
    except TimeoutError as error:
        raise _overdue(request) from error
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - it comes from an AsyncClient
    response.stream = _Watched(response.stream, request, Allotment(silence_s))
    return response


@contextmanager
def _contained() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, TimeoutError):
        raise
    except Exception as error:
        # The libraries let each other's exceptions through: names that IDNA refuses, dates, encodings. The
        # text of such an error may hold what a stranger has sent, or a secret of ours.
        raise UnusableAnswer(type(error).__name__) from error


def _overdue(request: httpx.Request) -> httpx.ReadTimeout:
    return httpx.ReadTimeout("the whole answer did not arrive in time", request=request)


class _Watched(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, request: httpx.Request, allotment: Allotment) -> None:
        self._stream = stream
        self._request = request
        self._allotment = allotment

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        pieces = aiter(self._stream)
        whole_s = WHOLE_S
        while True:
            began = loop.time()
            try:
                async with asyncio.timeout(min(self._allotment.left_s, whole_s)):
                    with _contained():
                        piece = await anext(pieces, None)
            except TimeoutError as error:
                raise _overdue(self._request) from error
            if piece is None:
                return
            waited_s = loop.time() - began
            self._allotment.waited(waited_s, len(piece))
            whole_s += len(piece) / WHOLE_LEAST_BYTES_PER_S - waited_s
            yield piece

    async def aclose(self) -> None:
        with _contained():
            await self._stream.aclose()

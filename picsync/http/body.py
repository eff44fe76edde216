"""How much of an answer is taken in: enough for every true one, and never more than memory has room for.

A packed body is unpacked in pieces of bounded size, since some kilobytes of gzip can stand for gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx

from picsync.core.errors import ProtocolError
from picsync.http.retry import Operation

MAX_ANSWER_BYTES = 16 * 2**20
"""Largest answer that is read into memory, unpacked. The largest true ones are listings of some hundred
entries of one or two kilobytes each."""

MAX_ERROR_BYTES = 64 * 2**10
"""Of an error's body as much as this is read, for its first words; the rest is left."""

MAX_WIRE_BYTES = MAX_ANSWER_BYTES + 2**16
"""Of an answer that is read into memory as much as this may come over the wire, packed or not."""

PIECE_BYTES = 64 * 2**10
"""Most that is unpacked at a time."""

PACKED = frozenset({"gzip", "x-gzip", "deflate"})
"""Values of Content-Encoding that can be unpacked; others, and several, were not asked for."""

MAX_OVERHEAD_BYTES = 2**20
"""How much longer a packed body may be than what it unpacks to. Packing adds some bytes to 32 KiB, so a
body that exceeds this holds empty blocks or an endless header."""

_EITHER = zlib.MAX_WBITS | 32
"""Tells zlib to recognise gzip's header and its own."""


def unpack(operation: Operation, response: httpx.Response) -> None:
    """Let a streamed answer be read unpacked and in small pieces, whatever it unpacks to.

    Raises ProtocolError if it is packed in a way that was not asked for, or more than once.
    """
    coding = response.headers.pop("content-encoding", "").strip().lower()
    if coding in PACKED:
        # The length is that of the packed body.
        response.headers.pop("content-length", None)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - every transport's is one
        response.stream = _Unpacked(response.stream)
    elif coding not in ("", "identity"):
        raise ProtocolError(f"{operation}: the answer is packed in a way that was not asked for.")


async def whole(operation: Operation, response: httpx.Response) -> None:
    """Read and unpack the body of a streamed response.

    Raises ProtocolError if it is too large, or packed in a way that was not asked for.
    """
    _bound(operation, response, MAX_WIRE_BYTES)
    unpack(operation, response)
    _bound(operation, response, MAX_ANSWER_BYTES)
    await response.aread()


def _bound(operation: Operation, response: httpx.Response, most_bytes: int) -> None:
    assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - every transport's is one
    response.stream = _Bounded(response.stream, operation, most_bytes)


async def beginning(operation: Operation, response: httpx.Response) -> bytes:
    """Return the first bytes of a streamed error answer; how they are packed matters less than the error."""
    found = b""
    _bound(operation, response, MAX_WIRE_BYTES)
    with suppress(ProtocolError):
        unpack(operation, response)
    with suppress(httpx.DecodingError, ProtocolError):
        async for piece in response.aiter_bytes():
            found += piece[: MAX_ERROR_BYTES - len(found)]
            if len(found) == MAX_ERROR_BYTES:
                break
    return found


def unpacked(packed: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Return what a packed body unpacks to, at most `max_bytes` of it, and whether its end was seen."""
    unpacker = zlib.decompressobj(_EITHER)
    try:
        return unpacker.decompress(packed, max_bytes), unpacker.eof
    except zlib.error:
        return b"", False


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, operation: Operation, most_bytes: int) -> None:
        self._stream = stream
        self._operation = operation
        self._most_bytes = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = 0
        async for piece in self._stream:
            came += len(piece)
            if came > self._most_bytes:
                limit = f"{self._most_bytes >> 20} MiB"
                raise ProtocolError(
                    f"{self._operation}: the answer is larger than {limit}, which is implausible."
                )
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Unpacked(httpx.AsyncByteStream):
    """Ends with the packed body: what follows it is not read."""

    def __init__(self, packed: httpx.AsyncByteStream) -> None:
        self._packed = packed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpacker = zlib.decompressobj(_EITHER)
        surplus = 0
        try:
            async for rest in self._packed:
                surplus += len(rest)
                while not unpacker.eof:
                    piece = unpacker.decompress(rest, PIECE_BYTES)
                    rest = unpacker.unconsumed_tail
                    surplus -= len(piece)
                    if piece:
                        yield piece
                    elif not rest:
                        break
                if unpacker.eof:
                    return
                if surplus > MAX_OVERHEAD_BYTES:
                    raise httpx.DecodingError("the packed body unpacks to next to nothing")
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error
        raise httpx.DecodingError("the packed body ends too early")

    async def aclose(self) -> None:
        await self._packed.aclose()

"""Writes responses: counts the bytes, and applies faults such as truncation."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from picsync.emulators.wireprofile import Transfer

Sleep = Callable[[float], Awaitable[None]]


class WireWriter(AbstractStreamWriter):
    """A writer between a response and the socket."""

    def __init__(self, inner: AbstractStreamWriter) -> None:
        self._inner = inner
        self.body_bytes = 0
        """Sent bytes of the body, before chunking."""
        self.discard = False
        """Whether everything written is dropped, as if the connection were already closed."""
        self._remaining: int | None = None
        self._truncate = False
        self._chunk = 0
        self._delay = 0.0
        self._sleep: Sleep = asyncio.sleep
        self.transfer: Transfer | None = None
        """Simulated latency and bandwidth; None until known."""

    def truncate(self) -> None:
        """Truncate the next body to half, then close the connection."""
        self._truncate = True

    def trickle(self, chunk_bytes: int, delay_s: float, sleep: Sleep) -> None:
        """Send the next body in pieces with a pause before each."""
        self._chunk, self._delay, self._sleep = max(1, chunk_bytes), delay_s, sleep

    @property
    def transport(self) -> asyncio.WriteTransport | None:
        """The underlying transport."""
        return self._inner.transport

    @property
    def buffer_size(self) -> int:
        """Bytes not yet drained."""
        return self._inner.buffer_size

    @buffer_size.setter
    def buffer_size(self, value: int) -> None:
        self._inner.buffer_size = value

    @property
    def output_size(self) -> int:
        """Bytes sent, headers included."""
        return self._inner.output_size

    @output_size.setter
    def output_size(self, value: int) -> None:
        self._inner.output_size = value

    @property
    def length(self) -> int | None:
        """Remaining bytes of the body; None if unknown."""
        return self._inner.length

    @length.setter
    def length(self, value: int | None) -> None:
        self._inner.length = value

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        """Compress the body."""
        self._inner.enable_compression(encoding, strategy)

    def enable_chunking(self) -> None:
        """Send the body in chunks."""
        if not self.discard:
            self._inner.enable_chunking()

    def send_headers(self) -> None:
        """Send buffered headers."""
        if not self.discard:
            self._inner.send_headers()

    async def write_headers(self, status_line: str, headers: CIMultiDict[str]) -> None:
        """Write the status line and headers."""
        if self.discard:
            return
        if self._truncate:
            self._remaining = int(headers.get("Content-Length", "2")) // 2
        if self.transfer is not None:
            await self.transfer.wait_for_start()
        await self._inner.write_headers(status_line, headers)

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        """Write a part of the body."""
        if self.discard:
            return
        if self._remaining is not None:
            await self._write_until_cut(bytes(chunk))
        elif self._chunk:
            await self._write_slowly(bytes(chunk))
        else:
            await self._wait_sent(chunk)
            await self._inner.write(chunk)

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Write the last part of the body."""
        if self.discard:
            return
        if self._remaining is not None or self._chunk:
            await self.write(chunk)
            await self._inner.write_eof()
        else:
            await self._wait_sent(chunk)
            await self._inner.write_eof(chunk)

    async def drain(self) -> None:
        """Wait until the socket accepts more."""
        if not self.discard:
            await self._inner.drain()

    async def _wait_sent(self, chunk: bytes | bytearray | memoryview) -> None:
        if self.transfer is not None:
            await self.transfer.wait_sent(len(chunk))
        self.body_bytes += len(chunk)

    async def _write_slowly(self, chunk: bytes) -> None:
        self._inner.send_headers()
        for start in range(0, len(chunk), self._chunk):
            await self._sleep(self._delay)
            piece = chunk[start : start + self._chunk]
            self.body_bytes += len(piece)
            await self._inner.write(piece)
            await self._inner.drain()

    async def _write_until_cut(self, chunk: bytes) -> None:
        assert self._remaining is not None  # noqa: S101 - only called while truncating
        piece = chunk[: self._remaining]
        self._remaining -= len(piece)
        self.body_bytes += len(piece)
        await self._inner.write(piece)
        if self._remaining == 0:
            await self._inner.drain()
            if self.transport is not None:
                self.transport.close()
            raise ConnectionResetError("truncated on purpose")


def reset(request: web.BaseRequest) -> None:
    """Reset the request's connection, so that the client does not see an orderly end."""
    transport = request.transport
    if transport is None:
        return
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        # A linger time of zero makes the kernel send RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

"""One HTTP/1.1 connection: asyncio sockets and TLS, and the parser of Node.js (llhttp, from httptools).

A connection carries one request at a time, under the deadlines of `deadline`. Every failure is an
`httpx.TransportError` whose type says how far the request came: `transport` raises those of connecting,
after which the service has received nothing; those of sending and receiving are raised here.
"""

from __future__ import annotations

import asyncio
import re
import select
import ssl
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

import httptools
import httpx

from picsync.http.deadline import LEAST_BYTES_PER_S, Allotment, BodyAllotment

READ_AHEAD_BYTES = 256 * 1024
"""Bytes of a body that may wait for their reader before the connection stops reading. TLS delivers pieces of
up to this size, so the limit is not exact."""

WRITE_BYTES = 64 * 1024
"""Bytes passed to the connection in one call: they are encrypted, and then wait in memory."""

MAX_HEAD_BYTES = 128 * 1024
"""Maximum size of a response's head. Google's have a few kilobytes, mostly cookies and policies."""

MAX_FRAMING = 16
"""Chunked bodies may take this many times their own size for framing: a chunk of one byte takes five more."""

_ILLEGAL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters that end a header field, or that RFC 9110 (5.5) forbids in one."""
_ILLEGAL_TARGET = re.compile(rb"[\x00-\x20\x7f]")

Headers: TypeAlias = list[tuple[bytes, bytes]]


class Incoming:
    """The response to one request, as it arrives; httptools calls the methods `on_...`."""

    def __init__(self, method: str) -> None:
        self.status = 0
        self.reason = b""
        self.headers: Headers = []
        self.has_head = False
        self.is_complete = False
        self.failure = ""
        """Why the response is unusable; empty if it is not."""
        self.reusable = True
        """Whether the connection can carry another request, once the response is complete."""
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._is_framed = False
        self._pieces: list[bytes] = []
        self.waiting_bytes = 0
        self._arrived_bytes = 0
        self._body_bytes = 0

    def feed(self, data: bytes) -> None:
        """Parse what has arrived."""
        self._arrived_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.is_complete:
                self.reusable = False  # Unsolicited bytes after the response.
            else:
                # The message omits its text, which may quote what was sent.
                self.failure = f"the response is not HTTP ({type(error).__name__})"
        allowed = MAX_HEAD_BYTES + MAX_FRAMING * self._body_bytes
        if self._arrived_bytes - self._body_bytes > allowed and not self.failure:
            self.failure = (
                "the response has too many headers" if not self.has_head else "its framing is endless"
            )

    def end(self, error: Exception | None) -> None:
        """Record that the connection was closed, in order or by an error."""
        self.reusable = False
        if self.is_complete:
            return
        if error is None and self.has_head and not self._is_framed:
            # RFC 9112, 6.3, case 8: the end of the connection is the end of the body.
            self.is_complete = True
        elif not self.failure:
            self.failure = "the connection was closed " + (
                "before the response was complete" if self.has_head else "before there was a response"
            )

    def take(self) -> bytes:
        """Return and remove the bytes of the body that have arrived."""
        pieces, self._pieces = self._pieces, []
        self.waiting_bytes = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def on_message_begin(self) -> None:
        """Record that another response begins."""
        if self.is_complete:
            self.reusable = False

    def on_status(self, reason: bytes) -> None:
        """Store the reason phrase."""
        if not self.has_head:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Store a header field."""
        if not self.has_head:  # Otherwise it is a trailer.
            self.headers.append((name, (value or b"").strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Decide what the head means for the connection."""
        if self.is_complete:
            return
        self.status = self._parser.get_status_code()
        if 100 <= self.status < 200:
            return
        names = {name.lower() for name, _ in self.headers}
        self._is_framed = not names.isdisjoint((b"content-length", b"transfer-encoding"))
        self.reusable = self._parser.should_keep_alive()
        self.has_head = True
        if self._method == "HEAD" or (self._method == "CONNECT" and self.status < 300):
            self.is_complete = True
            self.reusable = False

    def on_body(self, piece: bytes) -> None:
        """Store a piece of the body."""
        if self.is_complete:
            return
        self._pieces.append(piece)
        self.waiting_bytes += len(piece)
        self._body_bytes += len(piece)

    def on_message_complete(self) -> None:
        """Record that the response is complete."""
        if self.has_head:
            self.is_complete = True
        else:  # An informational response, which another one follows.
            self.headers, self.reason = [], b""


class Connection(asyncio.Protocol):
    """A connection; `closed` is done once it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._incoming: Incoming | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._can_write = True
        self._error: Exception | None = None

    @property
    def is_open(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether an idle connection is still open, as far as this machine knows.

        The event loop may not yet have noticed that the server closed it, so this checks the socket.
        """
        if self._transport is None or not self.is_open:
            return False
        news = select.poll()
        news.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not news.poll(0)

    async def encrypt(self, context: ssl.SSLContext, server_hostname: str) -> None:
        """Start TLS; raises OSError (of which ssl.SSLError is a subclass) on failure."""
        if self._transport is None or not self.is_open:
            raise ConnectionAbortedError("the connection was closed before the TLS handshake")
        self._incoming = None
        try:
            encrypted = await self._loop.start_tls(
                self._transport, self, context, server_hostname=server_hostname
            )
        except BaseException:
            # asyncio does not call `connection_lost` for a connection that ends in its handshake.
            self.abort()
            self.connection_lost(None)
            raise
        if encrypted is None:
            raise ConnectionAbortedError("the connection was closed during the TLS handshake")
        self._transport = encrypted

    def abort(self) -> None:
        """Close the connection now, whatever is in progress; safe to call twice."""
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, request: httpx.Request, target: bytes, headers: Headers) -> Incoming:
        """Send a request and return the response, of which the head has arrived.

        `target` is as in the request line, `headers` are the fields. Raises httpx.LocalProtocolError for a
        request that cannot be sent, httpx.ReadTimeout, WriteTimeout, ReadError, WriteError and
        RemoteProtocolError; then the connection is to be aborted.
        """
        timeout = request.extensions.get("timeout", {})
        silence_s: float = timeout.get("read") or float("inf")
        head = _head(request, target, headers)
        incoming = self._incoming = Incoming(request.method)
        transport = self._require_open()
        if isinstance(request.stream, httpx.ByteStream):
            transport.write(head + await request.aread())
        else:
            transport.write(head)
            await self._send(request, incoming, silence_s, timeout.get("write") or silence_s)
        allotment = Allotment(silence_s)
        while not incoming.has_head:
            self._raise_for(incoming)
            await self._change(silence_s, allotment, httpx.ReadTimeout)
        return incoming

    async def _send(
        self, request: httpx.Request, incoming: Incoming, silence_s: float, write_s: float
    ) -> None:
        announced = request.headers.get("content-length", "")
        if not announced.isdecimal() or not isinstance(request.stream, httpx.AsyncByteStream):
            raise httpx.LocalProtocolError("a body that is sent in pieces needs a length")
        left_bytes = int(announced)
        allotment = Allotment(silence_s, left_bytes)
        stall_s = max(write_s, WRITE_BYTES / LEAST_BYTES_PER_S)
        async for piece in request.stream:
            left_bytes -= len(piece)
            if left_bytes < 0:
                raise httpx.LocalProtocolError("the body is longer than announced")
            for at in range(0, len(piece), WRITE_BYTES):
                if incoming.has_head:
                    incoming.reusable = False  # The server responded before the end of the request.
                    return
                if not self.is_open:
                    self._raise_for(incoming)
                    raise httpx.WriteError("the connection was closed while the request was sent")
                self._require_open().write(piece[at : at + WRITE_BYTES])
                while not self._can_write and not incoming.has_head and self.is_open:
                    await self._change(stall_s, allotment, httpx.WriteTimeout)
        if left_bytes:
            raise httpx.LocalProtocolError("the body is shorter than announced")

    async def piece(self, incoming: Incoming, allotment: BodyAllotment, silence_s: float) -> bytes:
        """Return the next bytes of the body, none at its end.

        Raises httpx.ReadTimeout, ReadError and RemoteProtocolError.
        """
        while not incoming.waiting_bytes:
            if incoming.is_complete:
                return b""
            self._raise_for(incoming)
            await self._change(silence_s, allotment, httpx.ReadTimeout)
        piece = incoming.take()
        allotment.waited(0.0, len(piece))
        if self._transport is not None and not incoming.failure and self.is_open:
            self._transport.resume_reading()
        return piece

    def finish(self, incoming: Incoming) -> bool:
        """End the exchange. Returns whether the connection can carry another request; closes it otherwise."""
        self._incoming = None
        if incoming.is_complete and incoming.reusable and self.is_open:
            return True
        self.abort()
        return False

    def _require_open(self) -> asyncio.Transport:
        if self._transport is None or not self.is_open:
            raise httpx.WriteError("the connection is closed")
        return self._transport

    def _raise_for(self, incoming: Incoming) -> None:
        if isinstance(self._error, OSError):
            raise httpx.ReadError("the connection broke off") from self._error
        if incoming.failure:
            raise httpx.RemoteProtocolError(incoming.failure)

    async def _change(self, most_s: float, allotment: Allotment, late: type[httpx.TimeoutException]) -> None:
        """Wait until bytes arrive, can be sent, or the connection is closed.

        Raises `late` after `most_s` seconds, or once the time of the stage is used up; the wait is subtracted
        from it.
        """
        seconds = min(most_s, allotment.left_s)
        self._waiter = self._loop.create_future()
        began = self._loop.time()
        try:
            async with asyncio.timeout(None if seconds == float("inf") else seconds):
                await self._waiter
        except TimeoutError as error:
            raise late("the server did not keep to the deadline") from error
        finally:
            self._waiter = None
        allotment.waited(self._loop.time() - began, 0)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport of a new connection."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a stream's is one
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange in progress."""
        self._error = exc
        self._can_write = True
        if self._incoming is not None:
            self._incoming.end(exc)
        if not self.closed.done():
            self.closed.set_result(None)
        self._wake()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived; bytes that belong to no request end the connection."""
        incoming = self._incoming
        if incoming is None:
            self.abort()
            return
        incoming.feed(data)
        if self._transport is not None and (incoming.waiting_bytes > READ_AHEAD_BYTES or incoming.failure):
            self._transport.pause_reading()
        self._wake()

    def pause_writing(self) -> None:
        """Pause sending."""
        self._can_write = False

    def resume_writing(self) -> None:
        """Resume sending."""
        self._can_write = True
        self._wake()


class Body(httpx.AsyncByteStream):
    """The body of a response; `done` is called once, when it has been read or given up."""

    def __init__(
        self,
        connection: Connection,
        incoming: Incoming,
        silence_s: float,
        done: Callable[[Connection, Incoming], None],
    ) -> None:
        self._connection = connection
        self._incoming = incoming
        self._silence_s = silence_s
        self._done = done
        self._is_done = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        allotment = BodyAllotment(self._silence_s)
        try:
            while piece := await self._connection.piece(self._incoming, allotment, self._silence_s):
                yield piece
        finally:
            self._finish()

    async def aclose(self) -> None:
        """Discard what has not been read."""
        self._finish()

    def _finish(self) -> None:
        if not self._is_done:
            self._is_done = True
            self._done(self._connection, self._incoming)


def _head(request: httpx.Request, target: bytes, headers: Headers) -> bytes:
    if _ILLEGAL_TARGET.search(target):
        raise httpx.LocalProtocolError("the address has a character that is not allowed there")
    if _ILLEGAL.search(b"".join([name + value for name, value in headers])):
        raise httpx.LocalProtocolError("a header has a character that is not allowed there")
    lines = [b"%b: %b\r\n" % field for field in headers]
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode("ascii"), target, b"".join(lines))

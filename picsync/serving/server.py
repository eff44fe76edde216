"""A listening HTTP server: aiohttp with limits for its clients.

aiohttp's own server has no limit on connections, waits forever for a client that does not read, and leaves
accepting to asyncio, which after a failed accept (EMFILE) keeps retrying and logs each attempt. This server:

- A connection is open for at most `head_s` until a request's headers have arrived, and for `idle_s` between
  requests. While a request is handled, the client has to send its body and to read the response at `rate`
  or faster.
- At most `connections` are open. When another one comes, the one that has waited longest for its client is
  closed. If all are being served, the new one waits.
- An accept that fails closes the older half of the connections that wait for their clients; if none does, the
  next attempt follows a second later. The log has at most one line a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import resource
import socket
import ssl
import struct
import termios
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from picsync.core.values import dataclass

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

SHUTDOWN_S = 0.5
"""How long a closing server waits for requests in progress."""

_ACCEPT_PAUSE_S = 1.0
_SAID_EVERY_S = 60.0
_BACKLOG = 1_024
"""Listen backlog. The kernel drops further connections, and the client retries after a second."""
_SHARE_OF_FILES = 4
"""A server uses at most this fraction of the process's limit of open files (one in ...)."""


def _not_garbage(record: logging.LogRecord) -> bool:
    """Whether a record is about an error of picsync; requests of port scanners are refused silently."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log = logging.getLogger("picsync.serving")
_log.addFilter(_not_garbage)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for clients, with times in seconds."""

    head_s: float = 10.0
    """From the connection, or from a request's first byte, until all of its headers have arrived."""
    idle_s: float = 75.0
    """Between two requests. Longer than Prometheus's usual scrape interval."""
    stall_s: float = 30.0
    """Interval at which the rate is checked while a request is handled."""
    rate: int = 1_000
    """Minimum bytes per second, averaged over `stall_s`, at which a client has to send an expected body, or
    read a response."""
    connections: int = 100

    def within(self, open_files: int) -> int:
        """Return how many connections a process with this limit of open files may have."""
        return max(2, min(self.connections, open_files // _SHARE_OF_FILES))


class HttpServer:
    """Serves an aiohttp application or server on one port; may be started again after `close`.

    `name` is its name in the log.
    """

    def __init__(
        self,
        name: str,
        *,
        limits: Limits | None = None,
        ssl_context: ssl.SSLContext | None = None,
        shutdown_s: float = SHUTDOWN_S,
    ) -> None:
        self._name = name
        self._limits = limits or Limits()
        self._most = self._limits.connections
        self._ssl_context = ssl_context
        self._shutdown_s = shutdown_s
        self._runner: web.BaseRunner | None = None
        self._handler: Handler | None = None
        self._address = ("", 0)
        self._listening: dict[asyncio.Task[None], socket.socket] = {}
        self._connections: dict[web.RequestHandler, _Connection] = {}
        self._changed = asyncio.Event()
        self._said: dict[str, float] = {}

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""
        if self._runner is None:
            raise RuntimeError("the server has not been started")
        return self._address[1]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    async def start(
        self, app: web.Application | web.Server, host: str, port: int, *, handler_cancellation: bool = False
    ) -> None:
        """Listen; no host means all addresses, port 0 a free one. Raises OSError if it is unavailable.

        `handler_cancellation`: whether a handler is cancelled when its client disconnects.
        """
        self._most = self._limits.within(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        sockets = await bind(host, port)
        try:
            runner = self._runner_of(app, handler_cancellation=handler_cancellation)
            await runner.setup()
        except BaseException:
            for each in sockets:
                each.close()
            raise
        server = runner.server
        assert server is not None  # noqa: S101 - made by `setup`
        self._handler, server.request_handler = server.request_handler, self._handle
        self._runner = runner
        self._address = (host, sockets[0].getsockname()[1])
        self._listen(sockets)

    def _runner_of(self, app: web.Application | web.Server, *, handler_cancellation: bool) -> web.BaseRunner:
        if isinstance(app, web.Server):
            return web.ServerRunner(app, shutdown_timeout=self._shutdown_s)
        return web.AppRunner(
            app,
            access_log=None,
            logger=_log,
            shutdown_timeout=self._shutdown_s,
            handler_cancellation=handler_cancellation,
        )

    async def close(self) -> None:
        """Stop listening and close every connection, even if its client does not read; safe to call twice."""
        await self.refuse()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        for connection in list(self._connections.values()):
            # A closed transport still waits for a client that does not read.
            connection.abort()
        while self._connections:
            self._changed.clear()
            await self._changed.wait()

    async def refuse(self) -> None:
        """Refuse new connections until `listen_again`; existing ones are kept."""
        listening, self._listening = self._listening, {}
        for task, listener in listening.items():
            task.cancel()
            await asyncio.wait([task])
            listener.close()

    async def listen_again(self) -> None:
        """Accept connections at the same address again. Raises OSError."""
        self._listen(await bind(*self._address))

    def _listen(self, sockets: list[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        for each in sockets:
            self._listening[loop.create_task(self._accept(each), name=f"accept: {self._name}")] = each

    async def _accept(self, listener: socket.socket) -> None:
        assert self._runner is not None  # noqa: S101 - set before
        server = self._runner.server
        assert server is not None  # noqa: S101 - made by `setup`
        while True:
            # From `accept` until `open` nothing waits: cancelled in between, a task loses the connection, as
            # it does in the event loop's `sock_accept`.
            await _readable(listener)
            await self._make_room()
            try:
                accepted, _ = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue
            except OSError as error:
                await self._recover(error)
                continue
            inner = server()
            connection = self._connections[inner] = _Connection(
                inner, self._limits, self._changed.set, self._forget
            )
            connection.open(accepted, self._ssl_context)

    async def _make_room(self) -> None:
        """Wait until another connection is allowed, closing waiting ones if necessary."""
        while len(self._connections) >= self._most:
            self._changed.clear()
            if self._close_waiting(of=self._most):
                self._log_rarely(
                    "full",
                    f"The {self._name} has {self._most} connections, which is its limit. For each new one,"
                    " the one that has waited longest for its client is closed.",
                )
            await self._changed.wait()

    async def _recover(self, error: OSError) -> None:
        """Make the next accept more likely to succeed."""
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        self._log_rarely(
            reason,
            f"The {self._name} cannot accept a connection: {reason}. It closes connections that wait for"
            " their clients, and tries again at least every second.",
        )
        self._changed.clear()
        if self._close_waiting(of=2):
            await self._changed.wait()
        else:
            await asyncio.sleep(_ACCEPT_PAUSE_S)

    def _close_waiting(self, *, of: int) -> bool:
        """Close one in `of` of the connections that wait for their clients: the oldest, at least one."""
        waiting = sorted(
            (each for each in self._connections.values() if each.waits), key=lambda each: each.rank
        )
        for connection in waiting[: max(1, len(waiting) // of)]:
            connection.abort()
        return bool(waiting)

    def _forget(self, connection: _Connection) -> None:
        self._connections.pop(connection.inner, None)
        self._changed.set()

    def _log_rarely(self, kind: str, text: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._said.get(kind, now):
            self._said[kind] = now + _SAID_EVERY_S
            _log.warning(text, extra={"action": "connections_limited"})

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._handler is not None  # noqa: S101 - set by `start`
        connection = self._connections.get(request.protocol)
        if connection is None:
            # The client has disconnected.
            return web.Response()
        connection.begin(request)
        try:
            response = await self._handler(request)
            # aiohttp does this after the handler, and does not report when the client has read everything.
            with contextlib.suppress(ConnectionError):
                await response.prepare(request)
                await response.write_eof()
            return _Sent(response) if isinstance(response, web.FileResponse) else response
        finally:
            connection.end()


class _Sent(web.StreamResponse):
    """Replaces a file response that was sent: aiohttp would open the file again, and fail at its end."""

    def __init__(self, sent: web.StreamResponse) -> None:
        super().__init__(status=sent.status, headers=sent.headers)
        self._sent = sent

    @property
    def keep_alive(self) -> bool | None:
        return self._sent.keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        """Do nothing."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing."""


class _Connection(asyncio.Protocol):
    """One accepted connection, between asyncio and aiohttp's protocol, to which it passes everything.

    Its own timer aborts it if its client is too slow.
    """

    def __init__(
        self,
        inner: web.RequestHandler,
        limits: Limits,
        changed: Callable[[], object],
        gone: Callable[[_Connection], object],
    ) -> None:
        self.inner = inner
        self._limits = limits
        self._changed = changed
        self._forget = gone
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._opening: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._request: web.BaseRequest | None = None
        self._idle = False
        """Whether a request has been answered and nothing of another one has arrived."""
        self._since = self._loop.time()
        self._received = 0
        self._paused = False
        self._looked = _ClientProgress()
        self._timer = self._loop.call_at(self._since + limits.head_s, self._check)

    def open(self, accepted: socket.socket, ssl_context: ssl.SSLContext | None) -> None:
        """Attach the socket, and start TLS if there is a context."""
        self._socket = accepted
        self._opening = self._loop.create_task(self._open(ssl_context))
        self._opening.add_done_callback(self._opened)

    async def _open(self, ssl_context: ssl.SSLContext | None) -> None:
        accepted, self._socket = self._socket, None
        assert accepted is not None  # noqa: S101 - given by `open`
        wait = self._limits.head_s if ssl_context else None
        await self._loop.connect_accepted_socket(
            lambda: self, accepted, ssl=ssl_context, ssl_handshake_timeout=wait, ssl_shutdown_timeout=wait
        )

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        if self._socket is not None:
            # Cancelled before it started.
            self._socket.close()
        if task.cancelled() or task.exception() is not None:
            # Such as a failed handshake; the client knows. asyncio closes the socket in its next iteration,
            # and the waiting code may end the loop right after.
            self._loop.call_soon(self._end)

    @property
    def waits(self) -> bool:
        """Whether the connection waits for its client."""
        return self._request is None or self._paused or self._expects_body()

    @property
    def rank(self) -> tuple[bool, float]:
        """The order in which waiting connections are closed: those without a request first, then by age."""
        return self._request is not None, self._since

    def abort(self) -> None:
        """Close immediately; the other side sees a reset connection."""
        if self._transport is not None:
            self._transport.abort()
        elif self._opening is not None:
            self._opening.cancel()

    def begin(self, request: web.BaseRequest) -> None:
        """Record that a request's headers have arrived."""
        self._request, self._since, self._idle = request, self._loop.time(), False
        self._check_progress()

    def end(self) -> None:
        """Record that a request has been answered."""
        self._request, self._since, self._idle = None, self._loop.time(), True
        self._check_progress()
        self._schedule(self._limits.idle_s)
        self._changed()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream has
        self._transport = transport
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._idle:
            self._idle, self._since = False, self._loop.time()
            self._schedule(self._limits.head_s)
        self.inner.data_received(data)

    def eof_received(self) -> None:
        self.inner.eof_received()

    def pause_writing(self) -> None:
        self._paused = True
        self._changed()
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        self._looked.paused = False
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)
        self._end()

    def _end(self) -> None:
        self._timer.cancel()
        self._transport = self._request = None
        self._forget(self)

    def _schedule(self, after_s: float) -> None:
        self._timer.cancel()
        if self._transport is not None:
            self._timer = self._loop.call_at(self._loop.time() + after_s, self._check)

    def _check(self) -> None:
        if self._is_slow():
            self.abort()
        else:
            self._check_progress()

    def _check_progress(self) -> None:
        self._looked = _ClientProgress(
            self._loop.time(), self._received, self._queued(), self._paused, self._expects_body()
        )
        self._schedule(self._limits.stall_s)

    def _is_slow(self) -> bool:
        before = self._looked
        least = self._limits.rate * (self._loop.time() - before.at)
        if self._request is None:
            # A response may still be queued.
            return not self._idle or before.queued - self._queued() < least
        if before.paused and before.queued - self._queued() < least:
            return True
        return before.body and self._expects_body() and self._received - before.received < least

    def _queued(self) -> int:
        """Return how many bytes the client has not read: those of the transport and of the kernel."""
        if self._transport is None:
            return 0
        queued = self._transport.get_write_buffer_size()
        connected = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            # A kernel buffers megabytes, and accepts more only after a third of them was sent.
            queued += struct.unpack("i", fcntl.ioctl(connected.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        return queued

    def _expects_body(self) -> bool:
        """Whether a request's body is incomplete, and there is room for more of it."""
        if self._request is None or self._transport is None:
            return False
        return not self._request.content.is_eof() and self._transport.is_reading()


@dataclass(slots=True)
class _ClientProgress:
    """The client's progress at the last check."""

    at: float = 0.0
    received: int = 0
    queued: int = 0
    paused: bool = False
    """Whether the response has been waiting since then."""
    body: bool = False


async def _readable(listener: socket.socket) -> None:
    """Wait until a connection may be waiting to be accepted."""
    loop = asyncio.get_running_loop()
    waiting = asyncio.Event()
    loop.add_reader(listener, waiting.set)
    try:
        await waiting.wait()
    finally:
        loop.remove_reader(listener)


async def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on one port; no host means all addresses. Raises OSError."""
    if not host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return [
            _non_blocking(
                socket.create_server(("", port), family=family, backlog=_BACKLOG, dualstack_ipv6=both)
            )
        ]
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    for family, address in dict.fromkeys((each[0], each[4]) for each in found):
        # Otherwise each of a name's addresses would get a different free port.
        place = (address[0], sockets[0].getsockname()[1] if sockets else port, *address[2:])
        try:
            sockets.append(_non_blocking(socket.create_server(place, family=family, backlog=_BACKLOG)))
        except OSError as error:
            failed = failed or error
            if error.errno != errno.EADDRNOTAVAIL:
                break
    if failed is not None and (not sockets or failed.errno != errno.EADDRNOTAVAIL):
        for each in sockets:
            each.close()
        raise failed
    return sockets


def _non_blocking(listener: socket.socket) -> socket.socket:
    listener.setblocking(False)
    return listener

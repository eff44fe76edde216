"""Runs blocking HTTP (httplib2, which Google's client library uses) outside of the event loop.

An `httplib2.Http` must not be shared between threads, so each thread of a small pool has its own. The
exceptions of httplib2 and of sockets become WireError here, and nowhere else. httplib2 resends a request if a
kept connection is stale, which is harmless for all requests sent here. It reads and decompresses bodies of
any size, so it is given a limit.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from picsync.core.errors import ProtocolError
from picsync.core.values import dataclass
from picsync.http.deadline import SILENCES
from picsync.http.retry import WireError

if TYPE_CHECKING:
    import httplib2

T = TypeVar("T")

THREADS = 10
"""As many threads as concurrent calls; started when first needed."""

_ABORT_TIMEOUT_S = 0.001


@dataclass(slots=True, eq=False)
class _Call:
    """A request that a thread has sent."""

    client: httplib2.Http
    due: float
    """When it is overdue, as `time.monotonic` tells it."""
    ended: bool = False
    overdue: bool = False


class _Watch:
    """Interrupts calls that take longer than a limit.

    One thread watches all of them, since a `threading.Timer` for each takes 0.2 ms of CPU. It starts with the
    first call, and ends when it finds none. All calls have the same limit, so they are due in the order in
    which they began, and nothing has to wake the thread.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._calls: deque[_Call] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def begin(self, client: httplib2.Http) -> _Call:
        """Watch a call of a client until `end`."""
        with self._changed:
            call = _Call(client, time.monotonic() + self._limit_s)
            self._calls.append(call)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="googlephotos-watch", daemon=True)
                self._thread.start()
        return call

    def end(self, call: _Call) -> None:
        """Stop watching a call; afterwards it does not become overdue."""
        with self._changed:
            call.ended = True
            while self._calls and self._calls[0].ended:
                self._calls.popleft()

    def close(self) -> None:
        """End the thread; no call may be running."""
        with self._changed:
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (call := self._next()) is not None:
            _interrupt(call.client)

    def _next(self) -> _Call | None:
        """Wait until a call is overdue and return it; None if none is running."""
        with self._changed:
            while self._calls:
                call = self._calls[0]
                if (wait_s := call.due - time.monotonic()) <= 0:
                    self._calls.popleft()
                    call.overdue = True
                    return call
                self._changed.wait(wait_s)
            self._thread = None
            return None


class HttpThreads:
    """A thread pool in which each thread has its own connection."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        # Like `deadline` for other requests: a byte now and then would never reach the timeout.
        self._watch = _Watch(SILENCES * timeout_s)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="googlephotos")
        self._own = threading.local()
        self._all: list[httplib2.Http] = []

    async def run(self, send: Callable[[httplib2.Http], T]) -> T:
        """Return the result of `send`, run in one of the threads; raises WireError for network failures."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._send, send)

    def _send(self, send: Callable[[httplib2.Http], T]) -> T:
        # Loaded here since it takes a while, during which the event loop is not blocked.
        from picsync.vendors.google.connections import BROKEN, no_answer

        client = self._client()
        call = self._watch.begin(client)
        try:
            result = send(client)
        except BROKEN as error:
            # The connection may still contain the rest of the previous response.
            client.close()
            raise WireError(no_answer(TimeoutError() if call.overdue else error)) from error
        except ProtocolError:
            client.close()
            raise
        else:
            if call.overdue:
                # An interrupted response can look like one that ended there.
                client.close()
                raise WireError(no_answer(TimeoutError()))
            return result
        finally:
            self._watch.end(call)

    def _client(self) -> httplib2.Http:
        from picsync.vendors.google.connections import Http

        client: httplib2.Http | None = getattr(self._own, "client", None)
        if client is None:
            client = Http(self._timeout_s)
            self._own.client = client
            self._all.append(client)
        return client

    async def aclose(self) -> None:
        """Interrupt requests in progress and close all connections; safe to call twice."""
        for client in self._all:
            _interrupt(client)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        await asyncio.to_thread(self._watch.close)
        for client in self._all:
            client.close()


def _interrupt(client: httplib2.Http) -> None:
    for connection in list(client.connections.values()):
        # httplib2 may retry the broken connection, but not for long.
        connection.timeout = _ABORT_TIMEOUT_S
        with suppress(OSError, AttributeError):
            connection.wire.shutdown(socket.SHUT_RDWR)

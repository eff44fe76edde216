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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from picsync.core.errors import ProtocolError
from picsync.http.deadline import SILENCES
from picsync.http.retry import WireError

if TYPE_CHECKING:
    import httplib2

T = TypeVar("T")

THREADS = 10
"""As many threads as concurrent calls; started when first needed."""

_ABORT_TIMEOUT_S = 0.001


class HttpThreads:
    """A thread pool in which each thread has its own connection."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
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
        # Like `deadline` for other requests: a byte now and then would never reach the timeout.
        overdue = threading.Timer(SILENCES * self._timeout_s, _interrupt, (client,))
        overdue.daemon = True
        overdue.start()
        try:
            result = send(client)
        except BROKEN as error:
            # The connection may still contain the rest of the previous response.
            client.close()
            late = overdue.finished.is_set()
            raise WireError(no_answer(TimeoutError() if late else error)) from error
        except ProtocolError:
            client.close()
            raise
        else:
            if overdue.finished.is_set():
                # An interrupted response can look like one that ended there.
                client.close()
                raise WireError(no_answer(TimeoutError()))
            return result
        finally:
            overdue.cancel()

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
        for client in self._all:
            client.close()


def _interrupt(client: httplib2.Http) -> None:
    for connection in list(client.connections.values()):
        # httplib2 may retry the broken connection, but not for long.
        connection.timeout = _ABORT_TIMEOUT_S
        with suppress(OSError, AttributeError):
            connection.wire.shutdown(socket.SHUT_RDWR)

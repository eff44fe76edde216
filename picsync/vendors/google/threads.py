"""Keeps blocking HTTP (httplib2, on which Google's client library sits) off the event loop.

An `httplib2.Http` must not be shared between threads, so each thread of a small pool has its own. What
httplib2 and the sockets below it raise becomes WireError here, and nowhere else. httplib2 sends a request
once more by itself where a kept connection turns out to be stale; nothing sent here minds. It reads and
unpacks bodies of any size, so it is told where to stop.
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
"""As many as calls at a time; they are started when first needed."""

_ABORT_TIMEOUT_S = 0.001


class HttpThreads:
    """A pool of threads, each with its own connection."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="googlephotos")
        self._own = threading.local()
        self._all: list[httplib2.Http] = []

    async def run(self, send: Callable[[httplib2.Http], T]) -> T:
        """Return what `send` returns, run in one of the threads; raises WireError for the wire's failures."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._send, send)

    def _send(self, send: Callable[[httplib2.Http], T]) -> T:
        # Loaded here and not before: it takes a while, in which the event loop is not held up.
        from picsync.vendors.google.connections import BROKEN, no_answer

        client = self._client()
        # As `deadline` bounds other requests: a byte now and then would keep within the timeout for ever.
        overdue = threading.Timer(SILENCES * self._timeout_s, _break_off, (client,))
        overdue.daemon = True
        overdue.start()
        try:
            result = send(client)
        except BROKEN as error:
            # What is left of the connection may hold the rest of the old answer.
            client.close()
            late = overdue.finished.is_set()
            raise WireError(no_answer(TimeoutError() if late else error)) from error
        except ProtocolError:
            client.close()
            raise
        else:
            if overdue.finished.is_set():
                # What was broken off can look like an answer that ended there.
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
        """Break off what is under way and close all connections; safe to call twice."""
        for client in self._all:
            _break_off(client)
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
        for client in self._all:
            client.close()


def _break_off(client: httplib2.Http) -> None:
    for connection in list(client.connections.values()):
        # httplib2 may try the broken connection again: not for long.
        connection.timeout = _ABORT_TIMEOUT_S
        with suppress(OSError, AttributeError):
            connection.wire.shutdown(socket.SHUT_RDWR)

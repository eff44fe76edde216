"""Keeps blocking HTTP (httplib2, on which Google's client library sits) off the event loop.

An `httplib2.Http` must not be shared between threads, so each thread of a small pool has its own. What
httplib2 and the sockets below it raise becomes WireError here, and nowhere else. httplib2 sends a request
once more by itself where a kept connection turns out to be stale; nothing sent here minds. It reads and
unpacks bodies of any size, so it is told where to stop.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import google.auth.exceptions
import httplib2

from picsync.errors import ProtocolError
from picsync.http.body import MAX_ANSWER_BYTES, PACKED, unpacked
from picsync.http.certificates import refused_certificate
from picsync.http.deadline import SILENCES
from picsync.http.retry import NoAnswer, WireError

T = TypeVar("T")

THREADS = 4
"""Calls at a time; listing is sequential per album, so more would find nothing to do."""

_ABORT_TIMEOUT_S = 0.001


class _BoundedResponse(http.client.HTTPResponse):
    def read(self, amt: int | None = None) -> bytes:
        if amt is not None:
            return super().read(amt)
        content = super().read(MAX_ANSWER_BYTES + 1)
        # Only a read without a size notices by itself that the announced length has not come.
        left = self.length
        coding = self.headers["content-encoding"] or ""
        if coding.lower() in PACKED:
            del self.headers["content-encoding"]
            content, whole = unpacked(content, MAX_ANSWER_BYTES + 1)
            left = left or (None if whole else 1)
        if len(content) > MAX_ANSWER_BYTES:
            self.close()
            limit = f"{MAX_ANSWER_BYTES >> 20} MiB"
            raise ProtocolError(f"Google Photos: the answer is larger than {limit}, which cannot be right.")
        if left:
            self.close()
            raise http.client.IncompleteRead(content, left)
        return content


class _Wired:
    """A connection whose socket stays known: http.client forgets it while a last answer is still read."""

    sock: socket.socket | None
    wire: socket.socket | None = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc] # httplib2's classes, which have no types
        self.wire = self.sock


class _Connection(_Wired, httplib2.HTTPConnectionWithTimeout):
    response_class = _BoundedResponse


class _SecureConnection(_Wired, httplib2.HTTPSConnectionWithTimeout):
    response_class = _BoundedResponse


class _Http(httplib2.Http):
    def request(self, uri: str, *args: Any, **options: Any) -> Any:
        kind = _SecureConnection if uri.startswith("https:") else _Connection
        return super().request(uri, *args, **{"connection_type": kind, **options})


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
        client = self._client()
        # As `deadline` bounds other requests: a byte now and then would keep within the timeout for ever.
        overdue = threading.Timer(SILENCES * self._timeout_s, _break_off, (client,))
        overdue.daemon = True
        overdue.start()
        try:
            result = send(client)
        except (OSError, EOFError, http.client.HTTPException, httplib2.HttpLib2Error) as error:
            # What is left of the connection may hold the rest of the old answer.
            client.close()
            late = overdue.finished.is_set()
            raise WireError(no_answer(TimeoutError() if late else error)) from error
        except ProtocolError:
            client.close()
            raise
        except google.auth.exceptions.TransportError as error:
            client.close()
            raise WireError(NoAnswer("the connection broke off", sent=True)) from error
        else:
            if overdue.finished.is_set():
                # What was broken off can look like an answer that ended there.
                client.close()
                raise WireError(no_answer(TimeoutError()))
            return result
        finally:
            overdue.cancel()

    def _client(self) -> httplib2.Http:
        client: httplib2.Http | None = getattr(self._own, "client", None)
        if client is None:
            client = _Http(timeout=self._timeout_s)
            client.follow_redirects = False
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
        # httplib2 may try the broken connection anew: not for long.
        connection.timeout = _ABORT_TIMEOUT_S
        with suppress(OSError, AttributeError):
            connection.wire.shutdown(socket.SHUT_RDWR)


def no_answer(error: Exception) -> NoAnswer:
    """Translate what httplib2, http.client and sockets raise."""
    if refused := refused_certificate(error):
        return refused
    match error:
        case httplib2.ServerNotFoundError():
            return NoAnswer("the service's name cannot be resolved", sent=False)
        case ConnectionRefusedError():
            return NoAnswer("no connection to the service", sent=False)
        case TimeoutError():
            return NoAnswer("no answer in time", sent=True)
        case _:
            return NoAnswer(f"the connection broke off ({type(error).__name__})", sent=True)

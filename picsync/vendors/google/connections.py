"""HTTP connections of the worker threads, based on httplib2; loaded when first needed."""

from __future__ import annotations

import base64
import http.client
import socket
from collections.abc import Iterator
from typing import Any

from picsync.aio.loading import deferring

with deferring("httplib2.auth"):
    # It parses challenges with pyparsing, for logins that picsync does not use.
    import google.auth.exceptions
    import httplib2

from picsync.core.errors import ProtocolError
from picsync.http.body import MAX_ANSWER_BYTES, MAX_ERROR_BYTES, PACKED, unpacked
from picsync.http.certificates import refused_certificate
from picsync.http.network import Proxy, current
from picsync.http.retry import NoAnswer

BROKEN = (
    OSError,
    EOFError,
    http.client.HTTPException,
    httplib2.HttpLib2Error,
    ValueError,
    google.auth.exceptions.TransportError,
)
"""Exceptions that mean a network failure."""


class _BoundedResponse(http.client.HTTPResponse):
    connection: http.client.HTTPConnection

    def read(self, amt: int | None = None) -> bytes:
        if amt is not None:
            return super().read(amt)
        try:
            return self._whole() if 200 <= self.status < 300 else self._beginning()
        except BaseException:
            # A connection that closes after this response is no longer in use by anyone else.
            self.close()
            raise

    def _whole(self) -> bytes:
        content = super().read(MAX_ANSWER_BYTES + 1)
        # Only a read without a size notices that less than the announced length was received.
        left = self.length
        if self._is_packed():
            content, whole = unpacked(content, MAX_ANSWER_BYTES + 1)
            left = left or (None if whole else 1)
        if len(content) > MAX_ANSWER_BYTES:
            limit = f"{MAX_ANSWER_BYTES >> 20} MiB"
            raise ProtocolError(f"Google Photos: the response is larger than {limit}, which is implausible.")
        if left:
            raise http.client.IncompleteRead(content, left)
        return content

    def _beginning(self) -> bytes:
        """Read the beginning of an error; what follows it is not received."""
        content = super().read(MAX_ERROR_BYTES)
        if self.length and len(content) < MAX_ERROR_BYTES:
            raise http.client.IncompleteRead(content, self.length)
        if not self.isclosed():
            self.close()
            self.connection.close()
        if self._is_packed():
            content, _ = unpacked(content, MAX_ERROR_BYTES)
        return content

    def _is_packed(self) -> bool:
        """Whether the body must be unpacked, and keep httplib2 from doing it again."""
        packed = (self.headers["content-encoding"] or "").lower() in PACKED
        if packed:
            del self.headers["content-encoding"]
        return packed


class _Wired:
    """A connection that keeps its socket: http.client drops it while a last response is still read."""

    sock: socket.socket | None
    wire: socket.socket | None = None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc] # httplib2's classes, which have no types
        self.wire = self.sock

    def getresponse(self) -> _BoundedResponse:
        response: _BoundedResponse = super().getresponse()  # type: ignore[misc]
        response.connection = self  # type: ignore[assignment]
        return response


class _Connection(_Wired, httplib2.HTTPConnectionWithTimeout):
    response_class = _BoundedResponse


class _SecureConnection(_Wired, httplib2.HTTPSConnectionWithTimeout):
    """An encrypted connection with the common certificate verification, through the configured proxy.

    httplib2's own proxy support needs another package, and reads the environment by other rules.
    """

    response_class = _BoundedResponse

    def __init__(
        self, host: str, port: int | None = None, *, timeout: float | None = None, **_unused: object
    ) -> None:
        network = current()
        # httplib2's constructor would read the public authorities again for each connection.
        http.client.HTTPSConnection.__init__(self, host, port, timeout=timeout, context=network.context)
        self.proxy_info = None
        # The base class has split `name:port` into two.
        self._through = network.proxy("https", self.host, self.port)
        if self._through is not None:
            self.set_tunnel(self.host, self.port, _authorization(self._through))
            self.host, self.port = self._through.host, self._through.port

    def connect(self) -> None:
        if self._through is None:
            super().connect()
            return
        if self._through.scheme != "http":
            raise OSError("Google's API cannot be reached through a proxy whose own address is https")
        http.client.HTTPSConnection.connect(self)
        self.wire = self.sock


def _authorization(proxy: Proxy) -> dict[str, str]:
    if not proxy.username:
        return {}
    login = base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {login}"}


class Http(httplib2.Http):
    """A client that keeps its connections, limits the size of responses, and follows no redirects."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s, proxy_info=None)
        self.follow_redirects = False

    def request(self, uri: str, *args: Any, **options: Any) -> Any:
        """Send a request like httplib2, over one of the connections above."""
        kind = _SecureConnection if uri.startswith("https:") else _Connection
        return super().request(uri, *args, **{"connection_type": kind, **options})

    def _auth_from_challenge(self, *_: object) -> Iterator[httplib2.Authentication]:
        """Return no login for a challenge: requests carry a token, and their sender renews it."""
        return iter(())


def no_answer(error: Exception) -> NoAnswer:
    """Translate exceptions of httplib2, http.client and sockets."""
    if refused := refused_certificate(error):
        return refused
    match error:
        case google.auth.exceptions.TransportError():
            return NoAnswer("the connection broke off", sent=True)
        case httplib2.ServerNotFoundError():
            return NoAnswer("the service's name cannot be resolved", sent=False)
        case ConnectionRefusedError():
            return NoAnswer("no connection to the service", sent=False)
        case TimeoutError():
            return NoAnswer("no answer in time", sent=True)
        case _:
            return NoAnswer(f"the connection broke off ({type(error).__name__})", sent=True)

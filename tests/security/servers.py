"""Test servers under any name: raw responses over TLS, and a resolver that returns loopback addresses."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

TLS_HANDSHAKE = b"\x16"
"""How every TLS connection begins."""

Answer = Callable[[str], bytes]
"""Makes the raw answer to a request, given its head."""


@dataclass
class NamedServer:
    """A server on loopback and the heads of the requests that reached it."""

    port: int
    heads: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[NamedServer]:
    """Answer each connection once, over TLS if given a context."""
    server = NamedServer(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            first = await reader.readexactly(1)
            if first == TLS_HANDSHAKE:  # As a plain server does that is spoken to in TLS.
                writer.write(http("400 Bad Request"))
            else:
                head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                server.heads.append(head)
                writer.write(answer(head))
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with listener:
        server.port = listener.sockets[0].getsockname()[1]
        yield server


@contextmanager
def named(ports: dict[str, int]) -> Iterator[None]:
    """Let these names lead to loopback and, whatever port is asked for, to their server's port.

    This is what a resolver and a router do; the programs under test see names and usual ports only.
    """
    addresses = {name: f"127.9.9.{number}" for number, name in enumerate(ports, 1)}
    # Some resolve a name themselves, some leave that to the socket.
    places = {key: ("127.0.0.1", port) for name, port in ports.items() for key in (name, addresses[name])}
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def resolving(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return resolve(addresses.get(name, host), *args, **options)

    def connecting(self: socket.socket, address: Any) -> None:
        connect(self, places.get(address[0], address))

    with patch.object(socket, "getaddrinfo", resolving), patch.object(socket.socket, "connect", connecting):
        yield


def http(status: str, body: str = "", *headers: str) -> bytes:
    """Return a raw answer that ends its connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

"""Emulated services under their own host names, over TLS: for programs with fixed addresses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from picsync.emulators.server import EmulatorServer
from picsync.emulators.service import Service


class ConnectProxy:
    """An HTTP proxy that connects every host to one port of this machine."""

    def __init__(self, port: int) -> None:
        """`port` is where everything leads to."""
        self._target = port
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], set[asyncio.StreamWriter]] = {}
        self.port = 0

    async def start(self) -> None:
        """Listen at a port that the system chooses."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close all connections."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for writers in self._serving.values():
            for writer in writers:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = {writer}
        if (task := asyncio.current_task()) is not None:
            self._serving[task] = writers
        request = await reader.readuntil(b"\r\n\r\n")
        if not request.startswith(b"CONNECT "):
            raise ValueError("the proxy is for TLS only")
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        writers.add(there_writer)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@dataclass(frozen=True)
class ByName:
    """A running emulator, and how a program reaches it."""

    server: EmulatorServer
    authority: Path
    """The certificate of the authority that signed the hosts' certificates."""
    environment: dict[str, str]
    """Environment variables for a program: those that it needs to run, and the proxy."""


@asynccontextmanager
async def by_name(service: Service, directory: Path) -> AsyncIterator[ByName]:
    """Serve all hosts of a service under their own names, through a proxy."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*service.routes()).configure_cert(context)
    certificate = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(certificate))
    async with EmulatorServer([service], ssl_context=context) as server:
        proxy = ConnectProxy(server.port)
        await proxy.start()
        address = f"http://127.0.0.1:{proxy.port}"
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "HTTPS_PROXY": address}
        try:
            yield ByName(server, certificate, environment)
        finally:
            await proxy.close()

"""Shared parts of the commands that serve emulated services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from picsync.emulators.server import EmulatorServer


class ListenType(click.ParamType[tuple[str, int]]):
    """HOST:PORT on the command line; port 0 lets the system choose."""

    name = "host:port"

    def convert(
        self, value: str | tuple[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return host and port."""
        if isinstance(value, tuple):
            return value
        host, colon, port = value.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT, such as 127.0.0.1:8080 or :8080.", param, ctx)
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - no host means all addresses


LISTEN = ListenType()


async def start(server: EmulatorServer, address: tuple[str, int]) -> None:
    """Start the server; raises UsageError if the address is unavailable."""
    host, port = address
    try:
        await server.start(host, port)
    except OSError as error:
        raise click.UsageError(f"--listen: {host}:{port} cannot be used: {error.strerror}") from error

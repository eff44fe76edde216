"""What the small commands share: the configuration's services, opened for one look."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from picsync.cli import logs

if TYPE_CHECKING:
    from picsync.config import Credentials
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.http.client import Hosts
    from picsync.sources.google.library.source import GooglePhotosSource

T = TypeVar("T")


def credentials() -> Credentials:
    """Return the credentials from the usual places, saying aloud what is unsafe about them."""
    from picsync.config import CREDENTIALS_PATHS, load_credentials

    found = load_credentials(CREDENTIALS_PATHS, os.environ)
    for warning in found.warnings:
        logs.note(str(warning))
    return found


def hosts() -> Hosts:
    """Return where the services are, and let requests leave as those of a sync do.

    `PICSYNC_EMULATOR` leads to an emulator, as `emulator:` does in a sync. Authorities of your own are
    named by `PICSYNC_CA_CERTIFICATES`, or by `caCertificates` in the picsync.yaml of this folder. Raises
    ConfigError.
    """
    from picsync.core.errors import ConfigError, Problem
    from picsync.http import network
    from picsync.http.addresses import emulator_address
    from picsync.http.client import Hosts

    emulator = os.environ.get("PICSYNC_EMULATOR", "").strip()
    try:
        emulator = emulator and emulator_address(emulator)
    except ValueError as error:
        raise ConfigError([Problem("the environment", None, "PICSYNC_EMULATOR", str(error))]) from None
    network.use(os.environ.get("PICSYNC_CA_CERTIFICATES") or _own_authorities())
    return Hosts(emulator or None)


def _own_authorities() -> str | None:
    """Return the setting of the picsync.yaml in this folder; None if it has none, or cannot be read."""
    from picsync.cli.sync import DEFAULT_CONFIG
    from picsync.config import load_config
    from picsync.core.errors import ConfigError
    from picsync.sources.kinds import ENTRIES

    try:
        return load_config(Path(DEFAULT_CONFIG), environ=os.environ, source_kinds=ENTRIES).ca_certificates
    except ConfigError:
        # The command needs nothing else of it.
        return None


def with_nixplay(work: Callable[[NixplayFrame], Awaitable[T]]) -> T:
    """Open the Nixplay account for one piece of work."""
    from picsync.run.wiring import open_nixplay

    async def run() -> T:
        frame = open_nixplay(credentials(), hosts(), logs.LogView())
        try:
            return await work(frame)
        finally:
            await frame.aclose()

    return asyncio.run(run())


def with_googlephotos(work: Callable[[GooglePhotosSource], Awaitable[T]]) -> T:
    """Open the Google Photos account for one piece of work."""
    from picsync.sources.kinds import Opening, open_googlephotos

    async def run() -> T:
        source = open_googlephotos(
            Opening({}, credentials(), hosts(), logs.LogView(), sleep=asyncio.sleep, own_folder=Path())
        )
        try:
            return await work(source)
        finally:
            await source.aclose()

    return asyncio.run(run())

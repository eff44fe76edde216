"""Shared parts of small commands: the configured services, opened for one command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from picsync.cli import logs

if TYPE_CHECKING:
    from picsync.config import Account, Config, Credentials
    from picsync.core.buckets import BucketPlace
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.http.client import Hosts
    from picsync.sources.base import Source

T = TypeVar("T")


def credentials() -> Credentials:
    """Return the credentials from the usual places, and log warnings if they are unsafe."""
    from picsync.run.kinds import read_credentials

    found = read_credentials(os.environ)
    for warning in found.warnings:
        logs.note(str(warning))
    return found


account_option = click.option(
    "--account",
    metavar="NAME",
    help="One of several accounts, by its name under `accounts:` in the credentials file.",
)


def account_of(found: Credentials, name: str | None, kind: str) -> Account:
    """Return the account that a command is to use; raises UsageError if there is none."""
    account = found.account(name or kind)
    if account.kind != kind:
        names = [one for one, its in found.kinds.items() if its == kind]
        known = (
            f"Accounts of this kind: {', '.join(names)}." if names else "There is no account of this kind."
        )
        raise click.UsageError(f"{name!r} is not an account of the kind {kind}. {known}")
    return account


def hosts() -> Hosts:
    """Return the service hosts, and set up the network as a sync does.

    An emulator and private certificate authorities are those of `PICSYNC_EMULATOR` and
    `PICSYNC_CA_CERTIFICATES`, or of the picsync.yaml in this folder, as for a sync. Raises ConfigError.
    """
    from picsync.cli.sync import DEFAULT_CONFIG
    from picsync.http import network
    from picsync.http.client import Hosts

    settings = settings_here("emulator", "caCertificates")
    network.use(settings.ca_certificates)
    if settings.emulator and not os.environ.get("PICSYNC_EMULATOR", "").strip():
        logs.note(f"{DEFAULT_CONFIG}: all requests go to the emulator at {settings.emulator}.")
    return Hosts(settings.emulator)


def settings_here(*keys: str) -> Config:
    """Return these top-level settings of the picsync.yaml in this folder and of the environment; or all.

    The rest of the file is ignored, since it may not be finished; it may also be missing. Raises
    ConfigError.
    """
    from picsync.cli.sync import DEFAULT_CONFIG
    from picsync.run.kinds import read_accounts, read_config

    return read_config(Path(DEFAULT_CONFIG), os.environ, read_accounts(os.environ), keys)


def library() -> Path | BucketPlace | None:
    """Return where the family's uploads live, as the picsync.yaml in this folder names it."""
    from picsync.run.wiring import library_of

    return library_of(settings_here("family"))


def with_nixplay(work: Callable[[NixplayFrame], Awaitable[T]], account: str | None) -> T:
    """Open a Nixplay account for one command."""
    from picsync.frames.nixplay.frame import NixplayFrame
    from picsync.run.wiring import open_frame

    async def run() -> T:
        found = credentials()
        name = account_of(found, account, "nixplay").name
        async with open_frame(name, found, hosts(), logs.LogView()) as frame:
            assert isinstance(frame, NixplayFrame)  # noqa: S101 - the kind is checked above
            return await work(frame)

    return asyncio.run(run())


def with_source(kind: str, work: Callable[[Source], Awaitable[T]], account: str | None) -> T:
    """Open a source without entries for one command."""
    from picsync.run.wiring import open_source

    async def run() -> T:
        found = credentials()
        name = account_of(found, account, kind).name
        async with open_source(name, [], found, hosts(), logs.LogView(), cache="") as source:
            return await work(source)

    return asyncio.run(run())

"""`picsync inbox`: what is in the spools, and another attempt for what failed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.exits import Exit
from picsync.cli.sync import cache_option, config_argument
from picsync.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from picsync.sources.inbox.spool import Spool


@click.group()
def inbox() -> None:
    """Show what is in the spools of CONFIG, and try again what failed.

    CONFIG is picsync.yaml by default. All commands work while picsync runs.
    """


@inbox.command()
@config_argument
@cache_option
def status(config: Path, *, cache: str) -> None:
    """List how many files are in each folder of the spools, and what failed, with the reasons."""
    asyncio.run(_status(config, cache))


@inbox.command()
@config_argument
@click.argument("items", nargs=-1, metavar="[ITEM]...")
@cache_option
@click.pass_context
def retry(ctx: click.Context, /, config: Path, items: tuple[str, ...], *, cache: str) -> None:
    """Move files that failed back to `incoming`: all, or those with the names ITEM."""
    ctx.exit(asyncio.run(_retry(config, items, cache)))


@inbox.command("take-over")
@config_argument
@cache_option
def take_over(config: Path, *, cache: str) -> None:
    """Let this installation take in what arrives, in place of another one that no longer exists.

    This is only needed for spools in Dropbox: on this machine, a process that has ended leaves the spool to
    the next one.
    """
    asyncio.run(_take_over(config, cache))


@asynccontextmanager
async def _opened(config: Path, cache: str) -> AsyncIterator[list[Spool]]:
    """Open the spools of all rules; raises ConfigError."""
    from picsync.cli import logs
    from picsync.http import network
    from picsync.http.client import Hosts
    from picsync.run.settings import SettingsFiles, entries_in_use
    from picsync.run.wiring import open_source
    from picsync.sources.inbox.source import KIND, InboxSource

    logs.set_up()
    settings = SettingsFiles(config, os.environ).load()
    entries = list(entries_in_use(settings.config).get(KIND, {}).values())
    if not entries:
        message = f"no rule has a source `{KIND}`; doc/spool.md has an example."
        raise ConfigError([Problem(str(config), None, "albums", message)])
    with network.using(settings.config.ca_certificates):
        hosts = Hosts(settings.config.emulator)
        async with open_source(
            KIND, entries, settings.credentials, hosts, logs.LogView(), cache=cache
        ) as source:
            if isinstance(source, InboxSource):
                yield list(source.spools.values())


async def _status(config: Path, cache: str) -> None:
    from picsync.observe.words import counted

    async with _opened(config, cache) as spools:
        for spool in spools:
            await spool.look()
            sizes = spool.sizes()
            click.echo(
                f"{spool.entry.incoming}: {counted(sizes.incoming, 'file')} to be taken in,"
                f" {sizes.work} in work, {sizes.failed} failed, {sizes.done} done"
            )
            for entry in spool.failures():
                reason, *_ = (await spool.reason(entry)).splitlines() or [""]
                click.echo(f"  {entry.name}: {reason}")


async def _retry(config: Path, items: tuple[str, ...], cache: str) -> Exit:
    names = {item.rpartition("/")[2] for item in items}
    found: set[str] = set()
    async with _opened(config, cache) as spools:
        for spool in spools:
            await spool.look()
            chosen = [entry for entry in spool.failures() if not names or entry.name in names]
            await spool.retry(chosen)
            for entry in chosen:
                found.add(entry.name)
                click.echo(f"{entry.name} is in {spool.entry.incoming} again.")
    missing = sorted(names - found)
    for name in missing:
        click.echo(f"{name} has not failed: no spool has it in `work` with a reason.", err=True)
    if not found and not missing:
        click.echo("Nothing has failed.")
    return Exit.FAILED if missing else Exit.DONE


async def _take_over(config: Path, cache: str) -> None:
    async with _opened(config, cache) as spools:
        for spool in spools:
            await spool.store.disown(spool.entry.work.path)
            click.echo(f"The next picsync that finds something in {spool.entry.incoming} takes it in.")

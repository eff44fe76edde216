"""`picsync notify`: test the notifications."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.exits import Exit
from picsync.cli.sync import config_argument
from picsync.core.errors import PicsyncError

if TYPE_CHECKING:
    from picsync.config import Config


@click.group()
def notify() -> None:
    """Test the notifications that CONFIG configures."""
    logs.set_up()


@notify.command()
@config_argument
@click.pass_context
def test(ctx: click.Context, /, config: Path) -> None:
    """Send a test message to every receiver under `notify` in CONFIG, and ping the monitor under `ping`."""
    from picsync.http import network
    from picsync.run.settings import SettingsFiles

    settings = SettingsFiles(config, os.environ).load()
    if not settings.config.notify and settings.config.ping is None:
        raise click.UsageError(
            f"{config} has neither `notify` nor `ping`. doc/notifications.md describes both."
        )
    with network.using(settings.config.ca_certificates):
        failed = asyncio.run(_try_all(settings.config))
    ctx.exit(Exit.FAILED if failed else Exit.DONE)


async def _try_all(config: Config) -> int:
    """Test every receiver and the monitor; return how many failed."""
    from picsync.observe.notify import HttpPing, Level, Message, deliver, label, with_page
    from picsync.run.process import status_page

    message = Message(
        "picsync: a test",
        "picsync sends messages like this when it needs your help. You do not have to do anything.",
        Level.INFO,
    )
    failed = 0
    for url in config.notify:
        try:
            await deliver(url, with_page(message, status_page(config)))
        except PicsyncError as error:
            failed += 1
            click.echo(f"{error} Check `notify` in the configuration.", err=True)
        else:
            click.echo(f"{label(url)}: sent.")
    if config.ping is not None:
        monitor = HttpPing(config.ping)
        try:
            await monitor.ping()
        except PicsyncError as error:
            failed += 1
            click.echo(f"ping: {error} Check `ping` in the configuration.", err=True)
        else:
            click.echo("ping: the monitor accepted it.")
        finally:
            await monitor.aclose()
    return failed

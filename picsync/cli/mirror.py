"""`picsync mirror`: one pass of the mirroring rules, and what they remember."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.aio.loading import loading
from picsync.cli.exits import Exit, worst
from picsync.cli.logs import log_options, logging_to, note
from picsync.cli.sync import PlanView, cache_option, config_argument, report_exit, stopping
from picsync.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from picsync.core.events import Emit
    from picsync.run.settings import SettingsFiles


class _RunsByDefault(click.Group):
    """A group whose command `run` may be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Add `run` unless another command is named."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunsByDefault)
def mirror() -> None:
    """Keep folders equal to local folders, as CONFIG (default: picsync.yaml) says.

    `picsync mirror CONFIG` is short for `picsync mirror run CONFIG`.
    """


@mirror.command()
@config_argument
@cache_option
@click.option("--dry-run", is_flag=True, help="Print what would be done, and change nothing.")
@log_options
@click.pass_context
def run(
    ctx: click.Context,
    /,
    config: Path,
    *,
    cache: str,
    dry_run: bool,
    verbose: bool,
    log_format: str,
) -> None:
    """Run one pass of each rule under `mirror` in CONFIG (default: picsync.yaml), and exit."""
    with loading():
        from picsync.run.settings import SettingsFiles

    files = SettingsFiles(config, os.environ)
    with logging_to(log_format, verbose=verbose) as emit:
        ctx.exit(asyncio.run(run_mirrors(files, cache, emit, dry_run=dry_run)))


async def run_mirrors(files: SettingsFiles, cache: str, emit: Emit, *, dry_run: bool = False) -> Exit:
    """Run each mirroring rule once; return the exit code. Raises ConfigError and CacheError."""
    from picsync.run.process import RunContext
    from picsync.run.scheduler import Stop, run_once
    from picsync.run.wiring import open_cache

    settings = files.load()
    if not settings.config.mirror:
        message = "is missing; doc/mirror.md has examples."
        raise ConfigError([Problem(str(files.config), None, "mirror", message)])
    stop = Stop(acknowledge=stopping)
    context = RunContext(cache, emit, note, stop, dry_run=dry_run, show_plan=lambda: PlanView().show)
    with stop.on_signals():
        try:
            async with (
                open_cache(cache, notify=note, dry_run=dry_run) as opened,
                context.open_mirrors(settings, {}, opened) as jobs,
            ):
                reports = await run_once(jobs, stop, context.emit)
        except asyncio.CancelledError:
            if not stop():
                raise
            return Exit.INTERRUPTED
    if stop():
        return Exit.INTERRUPTED
    return worst(map(report_exit, reports))

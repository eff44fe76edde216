"""`picsync organize`: one pass of the organizing rules."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.aio.loading import loading
from picsync.cli.exits import Exit, failures_exit, worst
from picsync.cli.logs import log_options, logging_to, note
from picsync.cli.sync import PlanView, cache_option, config_argument, stopping
from picsync.core.errors import ConfigError, Problem
from picsync.system.localtime import zone_problem

if TYPE_CHECKING:
    from picsync.core.events import Emit
    from picsync.run.settings import SettingsFiles


@click.command()
@config_argument
@cache_option
@click.option("--dry-run", is_flag=True, help="Print what would be moved, and change nothing.")
@log_options
@click.pass_context
def organize(
    ctx: click.Context,
    /,
    config: Path,
    *,
    cache: str,
    dry_run: bool,
    verbose: bool,
    log_format: str,
) -> None:
    """Sort the files of folders by date, as CONFIG (default: picsync.yaml) says.

    Runs one pass of each rule and exits. Nothing is ever deleted or overwritten.
    """
    with loading():
        from picsync.run.settings import SettingsFiles

    files = SettingsFiles(config, os.environ)
    with logging_to(log_format, verbose=verbose) as emit:
        ctx.exit(asyncio.run(run_organize(files, cache, emit, dry_run=dry_run)))


async def run_organize(files: SettingsFiles, cache: str, emit: Emit, *, dry_run: bool = False) -> Exit:
    """Run each organizing rule once; return the exit code. Raises ConfigError."""
    from picsync.run.process import RunContext
    from picsync.run.scheduler import Stop, run_once

    settings = files.load()
    if not settings.config.organize:
        message = "is missing; doc/organize.md has examples."
        raise ConfigError([Problem(str(files.config), None, "organize", message)])
    if problem := zone_problem():
        note(" ".join(problem))
    stop = Stop(acknowledge=stopping)
    context = RunContext(cache, emit, note, stop, dry_run=dry_run, show_plan=lambda: PlanView().show)
    with stop.on_signals():
        try:
            async with context.open_organizing(settings) as jobs:
                reports = await run_once(jobs, stop, context.emit)
        except asyncio.CancelledError:
            if not stop():
                raise
            return Exit.INTERRUPTED
    if stop():
        return Exit.INTERRUPTED
    return worst(failures_exit(report.failures) for report in reports)

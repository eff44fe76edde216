"""`picsync organize`: one pass of the organizing rules."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.aio.loading import loading
from picsync.cli.logs import log_options, logging_to
from picsync.cli.passes import Passes, run_passes
from picsync.cli.sync import cache_option, config_argument

if TYPE_CHECKING:
    from picsync.jobs.organize import OrganizeJob
    from picsync.run.process import RunContext
    from picsync.run.settings import Settings


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
        ctx.exit(asyncio.run(run_passes(ORGANIZE, files, cache, emit, dry_run=dry_run)))


@asynccontextmanager
async def _open(context: RunContext, settings: Settings) -> AsyncIterator[Sequence[OrganizeJob]]:
    async with context.open_organizing(settings) as jobs:
        yield jobs


ORGANIZE = Passes("organize", "doc/organize.md", _open)

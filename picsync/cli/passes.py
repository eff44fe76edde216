"""One pass of all rules over files of one kind, for the commands that run nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from picsync.cli.exits import Exit, worst
from picsync.cli.logs import note
from picsync.cli.sync import PlanView, report_exit, stopping
from picsync.core.errors import ConfigError, Problem
from picsync.core.values import dataclass
from picsync.system.localtime import zone_problem

if TYPE_CHECKING:
    from picsync.core.events import Emit, PassReport
    from picsync.jobs.base import Job
    from picsync.run.process import RunContext
    from picsync.run.settings import Settings, SettingsFiles


@dataclass(frozen=True, slots=True)
class Passes:
    """The rules of one kind."""

    key: str
    """In picsync.yaml."""
    page: str
    """Of the documentation, with examples."""
    open: Callable[[RunContext, Settings], AbstractAsyncContextManager[Sequence[Job[PassReport]]]]
    """Opens the rules as jobs, and what they need."""


async def run_passes(
    passes: Passes, files: SettingsFiles, cache: str, emit: Emit, *, dry_run: bool = False
) -> Exit:
    """Run each rule once; return the exit code. Raises ConfigError and CacheError."""
    from picsync.run.process import RunContext
    from picsync.run.scheduler import Stop, run_once

    settings = files.load()
    if not getattr(settings.config, passes.key):
        message = f"is missing; {passes.page} has examples."
        raise ConfigError([Problem(str(files.config), None, passes.key, message)])
    if problem := zone_problem():
        note(" ".join(problem))
    stop = Stop(acknowledge=stopping)
    context = RunContext(cache, emit, note, stop, dry_run=dry_run, show_plan=lambda: PlanView().show)
    with stop.on_signals():
        try:
            async with passes.open(context, settings) as jobs:
                reports = await run_once(jobs, stop, context.emit)
        except asyncio.CancelledError:
            if not stop():
                raise
            return Exit.INTERRUPTED
    if stop():
        return Exit.INTERRUPTED
    return worst(map(report_exit, reports))

"""`picsync sync`: run the cycles."""

from __future__ import annotations

import asyncio
import gc
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.aio.loading import loading
from picsync.cli.exits import Exit, failures_exit, worst
from picsync.cli.logs import log_options, logging_to, note, print_result
from picsync.core.values import dataclass
from picsync.system.localtime import zone_problem

if TYPE_CHECKING:
    from picsync.core.events import Emit, Event
    from picsync.core.model import Listing
    from picsync.jobs.base import Report
    from picsync.run.process import RunContext
    from picsync.run.settings import Settings, SettingsFiles

DEFAULT_CONFIG = "picsync.yaml"
DEFAULT_CACHE = "picsync-metadata-cache.db"

COLLECTIONS = (20_000, 20, 20)
"""Thresholds of the garbage collection. A cycle creates hundreds of thousands of values, few of which refer
to each other. With Python's own thresholds, a steady cycle over 20,000 photos takes 3 % more instructions."""

PING_LIMIT_S = 60.0
"""Time limit for a single cycle's ping, in seconds; longer than its retries take."""

cache_option = click.option(
    "--cache",
    default=DEFAULT_CACHE,
    show_default=True,
    envvar="PICSYNC_CACHE",
    metavar="PATH",
    help="The cache file, or a database URL. Deleting it costs only time, no photos.",
)


config_option = click.option(
    "--config",
    default=DEFAULT_CONFIG,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The settings.",
)

config_argument = click.argument("config", default=DEFAULT_CONFIG, type=click.Path(path_type=Path))


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The options of `picsync sync`."""

    cache: str = DEFAULT_CACHE
    once: bool = False
    dry_run: bool = False
    allow_deletes: bool = False
    least_every: timedelta | None = None
    """Minimum interval of a rule; lower for the demo, which has its own services."""


@click.command()
@config_argument
@cache_option
@click.option("--once", is_flag=True, help="Run one cycle and exit, even if `every` is set.")
@click.option(
    "--dry-run", is_flag=True, help="Print the plan and change nothing; works while another picsync runs."
)
@click.option(
    "--allow-deletes",
    is_flag=True,
    help="Allow the first cycle to delete everything that is due, including held deletes.",
)
@log_options
@click.pass_context
def sync(ctx: click.Context, /, config: Path, *, verbose: bool, log_format: str, **options: object) -> None:
    """Sync the frame with the albums that CONFIG (default: picsync.yaml) names.

    Without `every` in CONFIG, run one cycle and exit; with it, run until stopped.
    """
    load_libraries()
    from picsync.run.settings import SettingsFiles

    with logging_to(log_format, verbose=verbose) as emit:
        ctx.exit(
            asyncio.run(run_sync(SettingsFiles(config, os.environ), SyncOptions(**options), emit))  # type: ignore[arg-type]  # click passes what the options declare
        )


def load_libraries() -> None:
    """Load what every sync needs before its first request."""
    from picsync.http import authorities

    gc.set_threshold(*COLLECTIONS)
    authorities.begin()
    with loading():
        import picsync.run.process  # noqa: F401


async def run_sync(files: SettingsFiles, options: SyncOptions, emit: Emit) -> Exit:
    """Run the cycles according to settings and `options`; return the exit code.

    Raises ConfigError and CacheError for problems before the first cycle.
    """
    from picsync.config import LEAST_EVERY
    from picsync.run.process import LongRun, RunContext
    from picsync.run.scheduler import Stop

    settings = files.load()
    if settings.config.emulator is not None:
        note(f"emulator: all requests go to the emulator at {settings.config.emulator}.")
    if problem := zone_problem():
        note(" ".join(problem))
    once = options.once or options.dry_run or not settings.intervals
    stop = Stop(acknowledge=stopping)
    context = RunContext(
        options.cache,
        emit,
        note,
        stop,
        dry_run=options.dry_run,
        allowed=set(settings.jobs) if options.allow_deletes else set(),
        show_plan=lambda: PlanView().show,
    )
    context.warn(settings)
    with stop.on_signals():
        try:
            if once:
                return await _run_once(settings, context)
            least_every = LEAST_EVERY if options.least_every is None else options.least_every
            await LongRun(files, context, least_every=least_every).run(settings)
        except asyncio.CancelledError:
            if not stop():
                raise
            return Exit.INTERRUPTED if once else Exit.DONE
    return Exit.DONE


async def _run_once(settings: Settings, context: RunContext) -> Exit:
    from picsync.run.process import reporting_crashes
    from picsync.run.scheduler import run_once

    async with reporting_crashes(settings, context) as reporting, reporting.open_jobs(settings) as jobs:
        reports = await run_once(jobs, reporting.stop, reporting.emit)
    if context.stop():
        return Exit.INTERRUPTED
    if settings.config.ping and not context.dry_run and all(report.outcome.good for report in reports):
        from picsync.http import network
        from picsync.observe.notify import Pinger

        pinger = Pinger()
        pinger.expect(settings.config.ping, ())
        with network.using(settings.config.ca_certificates):
            pinger.send()
            await pinger.aclose(PING_LIMIT_S)
    return worst(map(report_exit, reports))


def stopping(grace_s: float) -> None:
    """Say how long running work may take after a stop request."""
    note(f"Stopping: running transfers have {grace_s:.0f} s to finish. Press Ctrl-C again to stop at once.")


class PlanView:
    """Prints a dry run's plan, of an album or of files, to stdout, once it is known."""

    def __init__(self) -> None:
        self._listings: list[Listing] = []
        self._uploads: list[tuple[str, str]] = []

    def show(self, event: Event) -> None:
        """Record predicted uploads, and print them with the rest of the plan."""
        from picsync.core.events import (
            ChangesPlanned,
            ItemUploaded,
            Listed,
            MovesPlanned,
            StepsPlanned,
            TransfersPlanned,
        )
        from picsync.observe.words import moves_lines, plan_lines, steps_lines

        match event:
            case Listed(_, listing):
                self._listings.append(listing)
            case TransfersPlanned(_, transfers):
                known = [each.item for each in transfers if each.digest is not None]
                self._uploads += [(item.filename, item.source) for item in known]
            case ItemUploaded(_, filename, size_bytes, source) if size_bytes:
                # Downloaded to determine its content; if that already exists on the frame, it has no size.
                self._uploads.append((filename, source))
            case MovesPlanned(_, moves, left):
                print_result(moves_lines(moves, left))
            case StepsPlanned(_, steps):
                print_result(steps_lines(steps))
            case ChangesPlanned(rule, plan):
                print_result(plan_lines(rule, self._listings, self._uploads, plan))


def report_exit(report: Report) -> Exit:
    """Return the exit code for a job's report."""
    hold = getattr(report, "hold", None)
    waits = getattr(report, "held", 0) or (hold is not None and hold.needs_person)
    held = [Exit.FAILED] if waits else []
    return worst([*held, failures_exit(report.failures)])

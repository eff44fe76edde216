"""`picsync sync`: the main job."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.exits import Exit, exit_for, worst

if TYPE_CHECKING:
    from picsync.config import Config, Credentials
    from picsync.cycle import AlbumRule
    from picsync.events import CycleReport, Emit, Event

DEFAULT_CONFIG = "picsync.yaml"
DEFAULT_CACHE = "picsync-metadata-cache.db"

cache_option = click.option(
    "--cache",
    default=DEFAULT_CACHE,
    show_default=True,
    envvar="PICSYNC_CACHE",
    metavar="PATH",
    help="The cache file, or a database URL. Deleting it costs time, never photos.",
)


@dataclass(frozen=True, slots=True)
class SyncOptions:
    """The command line of `picsync sync`."""

    cache: str = DEFAULT_CACHE
    once: bool = False
    dry_run: bool = False
    allow_deletes: bool = False


@click.command()
@click.argument("config", default=DEFAULT_CONFIG, type=click.Path(path_type=Path))
@cache_option
@click.option("--once", is_flag=True, help="Do one cycle and exit, even if `every` is set.")
@click.option("--dry-run", is_flag=True, help="Print the plan; write nothing anywhere but the cache.")
@click.option(
    "--allow-deletes",
    is_flag=True,
    help="Let the first cycle delete whatever it finds due, held deletes included.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more: every download, every listing.")
@click.pass_context
def sync(ctx: click.Context, /, config: Path, *, verbose: bool, **options: object) -> None:
    """Bring the frame in step with the albums that CONFIG (default: picsync.yaml) names.

    Without `every` in CONFIG this is one cycle; with it, it goes on until it is stopped.
    """
    from picsync.cli import logview
    from picsync.config import CREDENTIALS_PATHS, load_config, load_credentials
    from picsync.wiring import SOURCE_KINDS

    terminal = sys.stderr.isatty()
    logview.set_up(verbose=verbose, terminal=terminal)
    settings = load_config(config, environ=os.environ, source_kinds=SOURCE_KINDS)
    credentials = load_credentials(CREDENTIALS_PATHS, os.environ)
    for warning in credentials.warnings:
        logview.note(str(warning))
    if settings.emulator is not None:
        logview.note(f"emulator: every service is looked for at {settings.emulator}.")
    for key in ("prometheus", "pprof"):
        if getattr(settings, key) is not None:
            logview.note(f"{config}: {key}.listen is understood, but this version serves nothing there yet.")
    with ExitStack() as stack:
        readers: list[Emit] = [logview.LogView(each_photo=not terminal)]
        if terminal:
            from picsync.cli.progress import ProgressBars

            readers.append(stack.enter_context(ProgressBars()).show)
        ctx.exit(
            asyncio.run(run_sync(settings, credentials, SyncOptions(**options), send_to(readers)))  # type: ignore[arg-type]  # click passes what the options declare
        )


def send_to(readers: Sequence[Emit]) -> Emit:
    """Return an emitter that lets every reader see each event, in order."""

    def emit(event: Event) -> None:
        for read in readers:
            read(event)

    return emit


async def run_sync(config: Config, credentials: Credentials, options: SyncOptions, emit: Emit) -> Exit:
    """Run the cycles that `config` and `options` ask for, until done or stopped; return the exit code.

    Raises ConfigError and CacheError for what is wrong before the first cycle.
    """
    from picsync.cli.logview import note
    from picsync.cycle import run_cycle
    from picsync.service import Stop, serve
    from picsync.wiring import album_rules, open_tools

    every = None if options.once or options.dry_run else config.every
    stop = Stop(acknowledge=_stopping)
    allowed = {album.name for album in config.albums} if options.allow_deletes else set()

    async with open_tools(config, credentials, cache=options.cache, emit=emit, notify=note) as tools:

        async def cycle(album_rule: AlbumRule) -> CycleReport:
            if album_rule.name in allowed:
                allowed.remove(album_rule.name)
                album_rule = replace(album_rule, rule=replace(album_rule.rule, allow_deletes=True))
            view = PlanView() if album_rule.dry_run else None
            seen = replace(tools, emit=send_to([emit, view.show])) if view else tools
            return await run_cycle(album_rule, seen, stopping=stop)

        with stop.on_signals():
            try:
                reports = await serve(album_rules(config, dry_run=options.dry_run), cycle, stop, every)
            except asyncio.CancelledError:
                if not stop():
                    raise
                return Exit.INTERRUPTED if every is None else Exit.DONE
    if every is not None:
        return Exit.DONE
    return Exit.INTERRUPTED if stop() else worst(map(report_exit, reports))


def _stopping(grace_s: float) -> None:
    from picsync.cli.logview import note

    note(f"Stopping: what is in flight has {grace_s:.0f} s to finish. A second signal ends it at once.")


class PlanView:
    """Prints a dry run's plan to stdout, once it is known."""

    def __init__(self) -> None:
        self._uploads: list[str] = []

    def show(self, event: Event) -> None:
        """Take note of what would go up, and print it with all else that is planned."""
        from picsync.events import ChangesPlanned, ItemUploaded, TransfersPlanned
        from picsync.words import plan_lines

        match event:
            case TransfersPlanned(_, transfers):
                self._uploads += [each.item.filename for each in transfers if each.digest is not None]
            case ItemUploaded(_, filename, size_bytes) if size_bytes:
                # Content that had to be fetched to be known; what turns out to be there has no size.
                self._uploads.append(filename)
            case ChangesPlanned(rule, plan):
                for line in plan_lines(rule, self._uploads, plan):
                    click.echo(line)


def report_exit(report: CycleReport) -> Exit:
    """Return the exit code that a cycle's report leads to."""
    if report.hold is not None and report.hold.needs_person:
        return worst([Exit.FAILED, *(exit_for(failure.error) for failure in report.failures)])
    return worst(exit_for(failure.error) for failure in report.failures)

"""`python -m benchmarks`: measure, and compare what was measured."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from benchmarks import (
    clients,
    dropbox,
    measure,
    memory,
    mirror,
    paired,
    process,
    rendered,
    renditions,
    report,
    selection,
)
from benchmarks.cases import EVERYTHING, QUICK
from benchmarks.page import require_marks, write
from benchmarks.results import Figures
from benchmarks.running import Case, caps, run_case
from benchmarks.scenes import SCENARIOS
from picsync.emulators.wireprofile import PROFILES

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--all", "everything", is_flag=True, help="The whole table of doc/performance.md.")
@click.option("--write", "page", type=_FILE, help="A page to put the figures into.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where to write the figures.")
@click.option("--process", "only_process", is_flag=True, help="Only start-up and idleness.")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), help="One case of your own.")
@click.option("--size", type=click.IntRange(min=1), default=300, show_default=True, help="Its photos.")
@click.option("--bytes", "photo_bytes", default=300_000, show_default=True, help="Bytes of each.")
@click.option("--wire", "profile", type=click.Choice(list(PROFILES)), default="home", show_default=True)
@click.option("--serial", is_flag=True, help="One request at a time.")
@click.pass_context
def main(
    ctx: click.Context,
    /,
    *,
    everything: bool,
    page: Path | None,
    json_path: Path | None,
    only_process: bool,
    **case: Any,
) -> None:
    """Measure what picsync costs, between emulated services on this machine."""
    if ctx.invoked_subcommand is not None:
        return
    if page is not None:
        require_marks(page)
    cases = EVERYTHING if everything else QUICK
    if case["scenario"] is not None:
        cases = [Case(**case)]
    elif only_process:
        cases = []
    figures = Figures(f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", measure.THIS.commit, measure.machine())
    for each in cases:
        click.echo(str(each), err=True)
        figures.results.append(asyncio.run(run_case(each)))
        click.echo(report.line(figures.results[-1]), err=True)
    if everything or only_process:
        click.echo("start-up, and a minute of doing nothing", err=True)
        figures.process.update(asyncio.run(process.startup()) | asyncio.run(process.idle()))
    click.echo("\n".join(report.tables(figures)))
    if json_path is not None:
        figures.write(json_path)
    if page is not None:
        write(figures, page)


@main.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
def compare(before: Path, after: Path) -> None:
    """Say what has changed between two runs."""
    try:
        click.echo(report.compared(Figures.read(before), Figures.read(after)))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


_RUNS = click.option("--runs", type=click.IntRange(min=1), default=5, show_default=True)
_SIZE = click.option("--size", type=click.IntRange(min=1), default=300, show_default=True, help="Photos.")
_BYTES = click.option("--bytes", "photo_bytes", default=300_000, show_default=True, help="Bytes of each.")
_WIRE = click.option("--wire", "profile", type=click.Choice(list(PROFILES)), default="lan", show_default=True)


@main.command("paired")
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    required=True,
    help="Another checkout of picsync, with a `.venv` of its own if it needs other packages.",
)
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), default="first", show_default=True)
@_SIZE
@_BYTES
@_WIRE
@_RUNS
def paired_command(*, before: Path, runs: int, **case: Any) -> None:
    """Measure another version of picsync and this one, alternately."""
    click.echo(asyncio.run(paired.compared(Case(**case), measure.Program(before), runs, _progress)))


@main.command("clients")
@_SIZE
@_BYTES
@_WIRE
@_RUNS
def clients_command(*, size: int, photo_bytes: int, profile: str, runs: int) -> None:
    """Measure HTTP clients with the requests of a first sync, without picsync."""
    click.echo(asyncio.run(clients.compared(size, photo_bytes, profile, runs, caps(), _progress)))


@main.command("select")
@click.option("--photos", type=click.IntRange(min=1), default=50_000, show_default=True)
def select_command(photos: int) -> None:
    """Measure the CPU time of choosing 500 photos out of many."""
    click.echo(selection.table(photos))


@main.command("memory")
def memory_command() -> None:
    """Measure the memory of an idle picsync with different allocators."""
    click.echo(asyncio.run(memory.compared(_progress)))


@main.command("render")
@click.option("--photos", type=click.IntRange(min=1), default=24, show_default=True, help="Of each kind.")
def render_command(*, photos: int) -> None:
    """Measure renditions: picsync's, Pillow's plain loop, and vipsthumbnail if it is installed."""
    click.echo(renditions.compared(photos, _progress))


@main.command("rendered")
@click.option(
    "--photos", type=click.IntRange(min=1), default=300, show_default=True, help="Of 12 megapixels."
)
def rendered_command(*, photos: int) -> None:
    """Measure the first sync of photos that are converted, on `home`."""
    click.echo(asyncio.run(rendered.first_sync(photos)))


@main.command("mirror")
@click.option("--files", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--bytes", "file_bytes", default=100_000, show_default=True, help="Bytes of each.")
@click.option(
    "--rclone",
    "rclones",
    type=_FILE,
    multiple=True,
    help="An rclone to compare with; can be given twice. Default: all that are installed.",
)
def mirror_command(*, files: int, file_bytes: int, rclones: Sequence[Path]) -> None:
    """Measure a mirror in Dropbox on `home`, next to `rclone sync`."""
    click.echo(asyncio.run(mirror.compared(files, file_bytes, rclones or mirror.installed())))


@main.command("dropbox")
@click.argument("what", type=click.Choice(["organize", "source", "webhooks"]))
@click.option("--files", type=click.IntRange(min=1), help="Default: 500 pictures, or 20,000 in the source.")
@click.option("--bytes", "file_bytes", default=100_000, show_default=True, help="Of each picture.")
@click.option("--calls", type=click.IntRange(min=10), default=100, show_default=True, help="Of webhooks.")
@click.option("--wire", type=click.Choice(list(PROFILES)), default="home", show_default=True)
def dropbox_command(*, what: str, files: int | None, file_bytes: int, calls: int, wire: str) -> None:
    """Measure organizing, a large source at rest, or the time from a webhook to the frame."""
    if what == "organize":
        click.echo(asyncio.run(dropbox.organizing(files or 500, file_bytes)))
    elif what == "source":
        click.echo(asyncio.run(dropbox.at_rest(files or 20_000)))
    else:
        click.echo(asyncio.run(dropbox.webhooks(calls, wire)))


def _progress(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    try:
        main(prog_name="python -m benchmarks")
    except measure.ProgramFailedError as error:
        sys.exit(str(error))

"""`python -m benchmarks`: measure, and compare what was measured."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click

from benchmarks import measure, report
from benchmarks.cases import EVERYTHING, QUICK
from benchmarks.results import Figures
from benchmarks.running import Case, run_case
from benchmarks.scenes import SCENARIOS
from picsync.emulators.wireprofile import PROFILES

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--all", "everything", is_flag=True, help="The whole table of doc/performance.md.")
@click.option("--scenario", type=click.Choice(list(SCENARIOS)), help="One case of your own.")
@click.option("--size", type=click.IntRange(min=1), default=300, show_default=True, help="Its photos.")
@click.option("--bytes", "photo_bytes", default=300_000, show_default=True, help="Bytes of each.")
@click.option("--wire", type=click.Choice(list(PROFILES)), default="home", show_default=True)
@click.option("--serial", is_flag=True, help="One request at a time.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where to write the figures.")
@click.pass_context
def main(
    ctx: click.Context,
    /,
    *,
    everything: bool,
    scenario: str | None,
    size: int,
    photo_bytes: int,
    wire: str,
    serial: bool,
    json_path: Path | None,
) -> None:
    """Measure what picsync costs, between emulated services on this machine."""
    if ctx.invoked_subcommand is not None:
        return
    cases = EVERYTHING if everything else QUICK
    if scenario is not None:
        cases = [Case(scenario, size, wire, photo_bytes, serial)]
    figures = Figures(f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", measure.git_commit(), measure.machine())
    for case in cases:
        click.echo(str(case), err=True)
        figures.results.append(asyncio.run(run_case(case)))
        click.echo(report.line(figures.results[-1]), err=True)
        if json_path is not None:
            figures.write(json_path)
    click.echo(report.table(figures.results))


@main.command()
@click.argument("before", type=_FILE)
@click.argument("after", type=_FILE)
def compare(before: Path, after: Path) -> None:
    """Say what has changed between two runs."""
    try:
        click.echo(report.compared(Figures.read(before), Figures.read(after)))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")

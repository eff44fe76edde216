"""`picsync mirror`: one pass of the mirroring rules, and what they remember."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.aio.loading import loading
from picsync.cli.commands import suggestion
from picsync.cli.logs import log_options, logging_to, note
from picsync.cli.passes import Passes, run_passes
from picsync.cli.sync import cache_option, config_argument, config_option
from picsync.core.errors import ConfigError, Problem
from picsync.core.mirrorstate import mirror_name
from picsync.observe.words import counted, mirror_lines, printable

if TYPE_CHECKING:
    from picsync.core.mirrorstate import MirrorUpdate
    from picsync.jobs.mirror import Mirroring, MirrorJob
    from picsync.run.process import RunContext
    from picsync.run.settings import Settings, SettingsFiles


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
        ctx.exit(asyncio.run(run_passes(MIRROR, files, cache, emit, dry_run=dry_run)))


@asynccontextmanager
async def _open(context: RunContext, settings: Settings) -> AsyncIterator[Sequence[MirrorJob]]:
    from picsync.run.wiring import open_cache

    async with (
        open_cache(context.cache, notify=note, dry_run=context.dry_run) as opened,
        context.open_mirrors(settings, {}, opened) as jobs,
    ):
        yield jobs


MIRROR = Passes("mirror", "doc/mirror.md", _open)


@mirror.command()
@config_option
@cache_option
def status(config: Path, cache: str) -> None:
    """Show what is known of each mirror; works while another picsync runs."""
    from picsync.run.settings import SettingsFiles

    asyncio.run(_show(SettingsFiles(config, os.environ), cache))


async def _show(files: SettingsFiles, cache: str) -> None:
    from picsync.run.settings import mirroring
    from picsync.run.wiring import open_cache
    from picsync.system.control import Requests

    rules = mirroring(files.load().config)
    if not rules:
        raise _missing(files)
    held = Requests.beside(cache).held()
    async with open_cache(cache, notify=note, dry_run=True) as opened:
        for rule in rules:
            name = mirror_name(rule.name)
            waiting = held.get(name)
            state = await opened.mirror(name)
            count = 0 if waiting is None else len(waiting.digests)
            for line in mirror_lines(rule.name, rule.source, str(rule.to), state, held=count):
                click.echo(line)


@mirror.command(name="export")
@click.argument("name")
@config_option
@cache_option
def export_state(name: str, config: Path, cache: str) -> None:
    """Print the files of the mirror NAME that are equal on both sides, as CSV: path, rev, mtime in seconds.

    Works while another picsync runs.
    """
    from picsync.run.settings import SettingsFiles

    asyncio.run(_export(name, SettingsFiles(config, os.environ), cache))


async def _export(name: str, files: SettingsFiles, cache: str) -> None:
    from picsync.core.mirrorstate import MirrorState
    from picsync.jobs.mirrorlist import ENCODING, exported
    from picsync.run.wiring import open_cache

    rule = _rule(name, files)
    async with open_cache(cache, notify=note, dry_run=True) as opened:
        state = await opened.mirror(mirror_name(rule.name))
    if state is None or state.arguments not in (rule.arguments, ""):
        state = MirrorState()
    for line in exported(state):
        click.echo(line.encode(ENCODING, "surrogateescape"), nl=False)


@mirror.command(name="import")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@config_option
@cache_option
def import_state(name: str, file: Path, config: Path, cache: str) -> None:
    """Read the list of files of the mirror NAME from FILE, as `export` prints it.

    It replaces what was known. The next pass does not read the files that are still as the list says.
    """
    from picsync.core.errors import RefusedError
    from picsync.jobs.mirrorlist import ENCODING, imported
    from picsync.run.settings import SettingsFiles

    rule = _rule(name, SettingsFiles(config, os.environ))
    try:
        text = file.read_bytes().decode(ENCODING, "surrogateescape")
    except OSError as error:
        raise RefusedError(f"{file} cannot be read: {error.strerror}.", status=0) from error
    asyncio.run(_import(rule, imported(text.removeprefix("\ufeff"), str(file)), cache))


async def _import(rule: Mirroring, update: MirrorUpdate, cache: str) -> None:
    from picsync.run.wiring import open_cache

    async with open_cache(cache, notify=note) as opened:
        await opened.record_mirror(mirror_name(rule.name), update)
    click.echo(f"{counted(len(update.changed), 'file')} of the mirror {printable(rule.name)} imported.")


def _rule(name: str, files: SettingsFiles) -> Mirroring:
    """Return the rule of a name; raises ConfigError and click.UsageError."""
    from picsync.run.settings import mirroring

    rules = {rule.name: rule for rule in mirroring(files.load().config)}
    if not rules:
        raise _missing(files)
    if name not in rules:
        known = ", ".join(map(printable, rules))
        raise click.UsageError(f"There is no mirror {name!r}.{suggestion(name, rules)} There are: {known}.")
    return rules[name]


def _missing(files: SettingsFiles) -> ConfigError:
    return ConfigError(
        [Problem(str(files.config), None, MIRROR.key, f"is missing; {MIRROR.page} has examples.")]
    )

"""`picsync render`: what a frame would get of files."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.commands import suggestion
from picsync.cli.sync import DEFAULT_CONFIG
from picsync.core.caption import Details
from picsync.core.errors import DiskError, ItemError
from picsync.core.text import harmless
from picsync.system.files import reason, remedy

if TYPE_CHECKING:
    from picsync.config import Config
    from picsync.config.renditions import Rendition
    from picsync.core.recipe import Recipe
    from picsync.rendering.pool import Rendered, Renderer

_EXTENSIONS = {"image/jpeg": ".jpg"}
_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=_FILE)
@click.option("--frame", "name", metavar="NAME", required=True, help="The frame, as a rule names it.")
@click.option("--rule", "rule_name", metavar="RULE", help="The album rule, if several send photos to it.")
@click.option("-o", "--output", metavar="DIR", required=True, type=_FOLDER, help="Where to write the files.")
@click.option(
    "--config",
    default=DEFAULT_CONFIG,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The settings.",
)
def render(*, files: Sequence[Path], name: str, rule_name: str | None, output: Path, config: Path) -> None:
    """Write to DIR what a frame would get of each FILE.

    Prints what was done. Nothing is sent, and the files stay as they are.
    """
    from picsync.run.kinds import read_accounts, read_config

    accounts = read_accounts(os.environ)
    settings = read_config(config, os.environ, accounts)
    rendition, album = _rendition(settings, accounts, name, rule_name)
    try:
        output.mkdir(parents=True, exist_ok=True)
        asyncio.run(_render_all(files, rendition.recipe, album, output))
    except OSError as error:
        raise DiskError(f"{error.filename or output}: {reason(error)}", hint=remedy(error, output)) from error


def _rendition(
    config: Config, accounts: dict[str, str], name: str, rule_name: str | None
) -> tuple[Rendition, str]:
    """Return how photos are converted for a frame, and for which album, if any.

    Raises UsageError if that is not known.
    """
    from picsync.frames.kinds import FRAMES
    from picsync.run.renditions import rendition_on

    rules = [rule for rule in config.albums if name in rule.frames]
    named = [frame for rule in config.albums for frame in rule.frames]
    # Without an entry, a kind is its own frame.
    alone = [one for one, kind in accounts.items() if kind in FRAMES and FRAMES[kind].options is None]
    known = list(dict.fromkeys([*config.frames, *named, *alone]))
    if name not in known:
        listed = ", ".join(known)
        raise click.UsageError(
            f"There is no frame {name!r}.{suggestion(name, known)} Known frames: {listed}."
        )
    if rule_name is not None:
        rules = [rule for rule in rules if rule.name == rule_name]
        if not rules:
            raise click.UsageError(f"No rule {rule_name!r} sends photos to the frame {name!r}.")
    found = {rule.name: rendition_on(config, accounts, name, rule.rendition) for rule in rules}
    if len({rendition.recipe for rendition in found.values()}) > 1:
        listed = ", ".join(map(repr, found))
        raise click.UsageError(
            f"Rules convert photos for {name!r} differently. Add --rule, one of: {listed}."
        )
    return next(iter(found.values()), rendition_on(config, accounts, name)), next(iter(found), "")


async def _render_all(files: Sequence[Path], recipe: Recipe, album: str, output: Path) -> None:
    from picsync.rendering.pool import Renderer

    renderer = Renderer()
    names = _names(files, output)
    try:
        with _bar(len(files)) as advance:
            tasks = [
                asyncio.ensure_future(_render_one(renderer, file, recipe, album, output / name, advance))
                for file, name in zip(files, names, strict=True)
            ]
            try:
                for task in tasks:
                    click.echo(await task)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await renderer.aclose()


def _names(files: Sequence[Path], output: Path) -> list[str]:
    """Return a name for each file, without extension; no two are equal, and none is that of an original."""
    taken = {file.resolve() for file in files}
    names: list[str] = []
    for file in files:
        name, number = file.stem, 1
        while name in names or any(
            (output / f"{name}{end}").resolve() in taken for end in (".jpg", file.suffix)
        ):
            number += 1
            name = f"{file.stem}-{number}"
        names.append(name)
    return names


async def _render_one(
    renderer: Renderer, file: Path, recipe: Recipe, album: str, target: Path, advance: Callable[[], None]
) -> str:
    """Write the rendition beside `target` with an extension; return the line about it."""
    from picsync.media.treatment import Treatment
    from picsync.observe.words import size

    said = harmless(str(file))
    part = target.with_name(f"{target.name}.part")
    try:
        with file.open("rb") as source, part.open("w+b") as written:
            before = os.fstat(source.fileno()).st_size
            done = await renderer.render(source, recipe, written, Details(file.name, album))
        extension = _EXTENSIONS.get(done.mime_type, file.suffix)
        if done.treatment is Treatment.AS_IS:
            await asyncio.to_thread(shutil.copyfile, file, part)
        path = part.rename(target.with_name(target.name + extension))
    except ItemError as error:
        if not error.unusable:
            raise
        return f"{said}: unusable: {error}"
    finally:
        part.unlink(missing_ok=True)
        advance()
    notes = "".join(f" {each}" for each in done.notes)
    return f"{said}: {_what(done)}, {size(before)} -> {size(done.size_bytes)}: {harmless(str(path))}.{notes}"


def _what(done: Rendered) -> str:
    from picsync.media.treatment import Treatment

    pixels = f" as {done.width}x{done.height}" if done.width else ""
    match done.treatment:
        case Treatment.AS_IS:
            return "sent as it is"
        case Treatment.METADATA:
            return "metadata rewritten"
        case Treatment.RENDER:
            return f"rendered{pixels}"


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """Show progress on a terminal; yields what to call after each file."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("   Rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("", total=total)
        yield lambda: bars.advance(task)

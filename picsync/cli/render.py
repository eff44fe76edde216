"""`picsync render`: what a frame would get of files."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

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
    """Write to DIR what a frame would get of each FILE, or of two, if the frame shows pairs of portraits.

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
    from picsync.config.named import needs_no_entry
    from picsync.frames.kinds import FRAMES
    from picsync.run.renditions import rendition_on

    rules = [rule for rule in config.albums if name in rule.frames]
    named = [frame for rule in config.albums for frame in rule.frames]
    # Without an entry, a kind is its own frame.
    alone = [one for one, kind in accounts.items() if kind in FRAMES and needs_no_entry(FRAMES[kind].options)]
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
    try:
        photos = await _photos(renderer, files, recipe)
        names = _names(
            [photo[0].with_stem(" + ".join(each.stem for each in photo)) for photo in photos], output
        )
        with _bar(len(photos)) as (advance, say):
            tasks = [
                asyncio.ensure_future(_render_one(renderer, photo, recipe, album, output / name, advance))
                for photo, name in zip(photos, names, strict=True)
            ]
            try:
                for task in tasks:
                    say(await task)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await renderer.aclose()


async def _photos(renderer: Renderer, files: Sequence[Path], recipe: Recipe) -> list[tuple[Path, ...]]:
    """Return the photos to make, each of one file, or of two portraits, neighbours among the files."""
    from picsync.core.pairing import may_pair

    if not may_pair(recipe):
        return [(file,) for file in files]

    async def is_portrait(file: Path) -> bool:
        try:
            with file.open("rb") as source:
                told = await renderer.examine(source)
        except (ItemError, OSError):
            return False  # What is wrong is said when it is rendered.
        return bool(told.width and told.height and told.width < told.height)

    portraits = [
        file
        for file, found in zip(files, await asyncio.gather(*map(is_portrait, files)), strict=True)
        if found
    ]
    right = dict(zip(portraits[::2], portraits[1::2], strict=False))
    return [(file, right[file]) if file in right else (file,) for file in files if file not in right.values()]


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
    renderer: Renderer,
    photo: Sequence[Path],
    recipe: Recipe,
    album: str,
    target: Path,
    advance: Callable[[], None],
) -> str:
    """Write the rendition beside `target` with an extension; return the line about it."""
    from picsync.media.treatment import Treatment
    from picsync.observe.words import size

    said = harmless(" + ".join(map(str, photo)))
    part = target.with_name(f"{target.name}.part")
    before = sum(file.stat().st_size for file in photo)
    try:
        with part.open("w+b") as written:
            done = await _rendered(renderer, photo, recipe, album, written)
        extension = _EXTENSIONS.get(done.mime_type, photo[0].suffix)
        if done.treatment is Treatment.AS_IS:
            await asyncio.to_thread(shutil.copyfile, photo[0], part)
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


async def _rendered(
    renderer: Renderer, photo: Sequence[Path], recipe: Recipe, album: str, written: BinaryIO
) -> Rendered:
    with photo[0].open("rb") as source:
        about = Details(photo[0].name, album)
        if len(photo) == 1:
            return await renderer.render(source, recipe, written, about)
        with tempfile.TemporaryFile(buffering=0) as half, photo[1].open("rb") as right:
            left = await renderer.render_half(source, recipe, half, about)
            done = await renderer.render_pair(right, recipe, written, Details(photo[1].name, album), half)
    return replace(done, notes=(*left.notes, *done.notes))


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
def _bar(total: int) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Show progress on a terminal; yields what to call after each file, and for each line of the result."""
    if not sys.stderr.isatty():
        yield lambda: None, click.echo
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("   Rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("", total=total)

        def say(line: str) -> None:
            if sys.stdout.isatty():
                # Above the bar: otherwise, it would continue the bar's own line.
                bars.console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
            else:
                click.echo(line)

        yield lambda: bars.advance(task), say

"""`picsync frame`: what is on the frames, and which photos their viewers do not want."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from picsync.cli import logs
from picsync.cli.control import begin_cycles
from picsync.cli.devices import open_frame, pair, revoke, tokens
from picsync.cli.exits import Exit
from picsync.cli.onframes import list_frames, show
from picsync.cli.opening import load_settings, with_frames
from picsync.cli.output import json_option, print_json, print_table
from picsync.cli.sync import cache_option, config_option
from picsync.observe.words import printable, size
from picsync.system.localtime import to_minute

if TYPE_CHECKING:
    from picsync.core.rejected import Rejected, Rejection
    from picsync.family.photos import Hidden
    from picsync.frames.base import Frame
    from picsync.run.settings import Settings

T = TypeVar("T")


@click.group()
def frame() -> None:
    """Show what is on the frames, restore rejected photos, and let devices show them."""
    logs.set_up()


for each in (list_frames, show, open_frame, pair, revoke, tokens):
    frame.add_command(each)


@frame.command()
@click.argument("name", required=False)
@config_option
@cache_option
@json_option
def rejected(name: str | None, *, config: Path, cache: str, as_json: bool) -> None:
    """List the photos that viewers of the frame NAME, or of any frame, do not want."""

    async def look(frames: dict[str, Frame]) -> dict[str, Rejected | None]:
        return {name: await _rejected(frame) for name, frame in frames.items()}

    settings = load_settings(config)
    found = with_frames(settings, name, cache, look)
    hidden = _hidden(settings, list(found), cache)
    if as_json:
        print_json(
            [
                {
                    "frame": name,
                    "id": each.rejection_id,
                    "rejected_at": each.rejected_at,
                    "filename": _name(each),
                    "rules": list(each.albums),
                    "size_bytes": each.size_bytes,
                }
                for name, listed in found.items()
                for each in (listed.items if listed else ())
            ]
            + [
                {
                    "frame": name,
                    "id": each.photo,
                    "rejected_at": each.hidden_at,
                    "filename": each.filename,
                    "rules": [],
                    "size_bytes": None,
                }
                for name, each in hidden
            ]
        )
        return
    if name is not None and found[name] is None:
        click.echo(f"Viewers of the frame {name} cannot reject photos: its kind has no way to.", err=True)
        return
    rows = [
        (name, each.rejection_id, _when(each), ", ".join(each.albums), _size(each), _name(each))
        for name, listed in found.items()
        for each in (listed.items if listed else ())
    ]
    rows += [
        (name, each.photo, to_minute(each.hidden_at), "(all frames)", "-", each.filename)
        for name, each in hidden
    ]
    if rows:
        print_table(["FRAME", "PHOTO", "REJECTED", "RULE", "SIZE", "FILE NAME"], rows)
    else:
        click.echo("No photos were rejected.", err=True)


@frame.command()
@click.argument("name")
@click.argument("photo", required=False)
@click.option("--all", "everything", is_flag=True, help="Restore all rejected photos of the frame.")
@config_option
@cache_option
@click.pass_context
def restore(
    ctx: click.Context,
    /,
    name: str,
    photo: str | None,
    *,
    everything: bool,
    config: Path,
    cache: str,
) -> None:
    """Let the frame NAME show a rejected PHOTO again.

    PHOTO is an ID or a file name of `picsync frame rejected`. A running picsync sends the photo immediately,
    otherwise the next cycle does, if a rule still wants it.
    """
    if (photo is None) != everything:
        raise click.UsageError("Name one PHOTO, or use --all.")
    settings = load_settings(config)

    async def carry_out(frames: dict[str, Frame]) -> list[Rejection]:
        from picsync.frames.base import Rejects

        opened = frames[name]
        if not isinstance(opened, Rejects):
            return []
        listed = (await opened.rejected(record=False)).items
        chosen = [each for each in listed if everything or _is_meant(each, photo or "")]
        if photo is not None and len(chosen) > 1 and len({each.digest for each in chosen}) > 1:
            ids = ", ".join(each.rejection_id for each in chosen)
            raise click.UsageError(f"{photo!r} means several rejected photos. Name one by its ID: {ids}.")
        await opened.restore(chosen)
        return chosen

    hidden = [
        each
        for _, each in _hidden(settings, [name], cache)
        if everything or photo in (each.photo, each.filename)
    ]
    chosen = with_frames(settings, name, cache, carry_out)
    if not chosen and not hidden:
        what = "No photos were" if photo is None else f"No photo {photo!r} was"
        click.echo(f"{what} rejected at the frame {name}. `picsync frame rejected` lists them.", err=True)
        ctx.exit(Exit.FAILED)
    for each in chosen:
        click.echo(f"{name}: {printable(_name(each))} may be shown again.")
    rules = sorted(set(_jobs(settings, name)))
    if hidden:
        _restore_hidden([each.photo for each in hidden], cache)
        for one in hidden:
            click.echo(f"{name}: {printable(one.filename)} may be shown again, on all frames.")
        rules = settings.jobs
    from picsync.system.control import Requests

    if not begin_cycles(Requests.beside(cache), list(rules)):
        click.echo("No running picsync was found: the next cycle sends what its rule still wants.")


def _hidden(settings: Settings, frames: list[str], cache: str) -> list[tuple[str, Hidden]]:
    """Return what was hidden for the whole family on the pages of frames."""
    if settings.config.family is None:
        return []
    from picsync.family.photos import Photos
    from picsync.family.state.database import State

    async def run() -> list[tuple[str, Hidden]]:
        state = await State.open_existing(cache)
        if state is None:
            return []
        try:
            photos = Photos(state)
            return [(name, each) for name in frames for each in await photos.hidden_at(name)]
        finally:
            await state.aclose()

    return asyncio.run(run())


def _restore_hidden(hidden: list[str], cache: str) -> None:
    from picsync.family.photos import Photos
    from picsync.family.state.database import State

    async def run() -> None:
        state = await State.open(cache)
        try:
            photos = Photos(state)
            for photo in hidden:
                await photos.restore(photo, by=None)
        finally:
            await state.aclose()

    asyncio.run(run())


def _is_meant(rejection: Rejection, photo: str) -> bool:
    return photo in (_name(rejection), rejection.filename, rejection.rejection_id, rejection.digest.hex)


def _jobs(settings: Settings, frame: str) -> list[str]:
    from picsync.run.settings import album_rules

    return [rule.name for rule in album_rules(settings.config, dry_run=False) if rule.frame == frame]


async def _rejected(frame: Frame) -> Rejected | None:
    """Return what was rejected at a frame; None if that is impossible there."""
    from picsync.frames.base import Rejects

    return await frame.rejected(record=False) if isinstance(frame, Rejects) else None


def _name(rejection: Rejection) -> str:
    from picsync.core.identity import plain_name

    return plain_name(rejection.filename) or rejection.rejection_id


def _when(rejection: Rejection) -> str:
    from picsync.system.localtime import to_minute

    return to_minute(rejection.rejected_at)


def _size(rejection: Rejection) -> str:
    return size(rejection.size_bytes)

"""`picsync frame list` and `frame show`: what is on the frames."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from picsync.cli.exits import Exit
from picsync.cli.logs import note
from picsync.cli.opening import load_settings, rules_on, with_frames
from picsync.cli.output import json_option, print_json, print_table
from picsync.cli.planpage import Row, write_page
from picsync.cli.sync import cache_option, config_option
from picsync.core.errors import PicsyncError
from picsync.core.values import dataclass
from picsync.observe.words import counted, doubt, printable, size

if TYPE_CHECKING:
    from picsync.core.model import FramePhoto
    from picsync.frames.base import Frame

ANSWER_WITHIN_S = 2.0
"""How long to wait for the running picsync, which knows what browsers show."""
MAX_THUMBNAILS = 300
_FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class _OnFrame:
    """What is on a frame."""

    albums: Mapping[str, Sequence[FramePhoto]]
    """Photos by the rule's name."""
    error: PicsyncError | None = None
    doubts: tuple[str, ...] = ()

    @property
    def photos(self) -> dict[str, FramePhoto]:
        """All photos by ID: a photo may be in two albums."""
        return {photo.photo_id: photo for photos in self.albums.values() for photo in photos}

    @property
    def size_bytes(self) -> int:
        """The size of all photos, as far as it is known."""
        return sum(map(_size_bytes, self.photos.values()))


@click.command(name="list")
@config_option
@cache_option
@json_option
@click.pass_context
def list_frames(ctx: click.Context, /, *, config: Path, cache: str, as_json: bool) -> None:
    """List the frames of all rules: what is on them, and what browsers show now."""
    settings = load_settings(config)

    async def look(frames: dict[str, Frame]) -> dict[str, _OnFrame]:
        names = list(frames)
        found = await asyncio.gather(*(_look(frames[name], rules_on(settings, name)) for name in names))
        return dict(zip(names, found, strict=True))

    found = with_frames(settings, None, cache, look)
    shown = _shown_now(cache, list(found))
    kinds = {name: settings.config.frame(name, settings.credentials.kinds) for name in found}
    if as_json:
        print_json(
            [
                {
                    "name": name,
                    "kind": kinds[name].kind,
                    "account": kinds[name].account,
                    "rules": list(rules_on(settings, name)),
                    "photos": None if each.error else len(each.photos),
                    "size_bytes": None if each.error else each.size_bytes,
                    "seen_at": shown.get(name, {}).get("seen"),
                    "photo": shown.get(name, {}).get("photo"),
                    "error": each.error.message if each.error else None,
                }
                for name, each in found.items()
            ]
        )
    else:
        rows = [
            (
                name,
                kinds[name].kind,
                kinds[name].account if kinds[name].account != kinds[name].kind else "-",
                "?" if each.error else f"{len(each.photos):,}",
                "?" if each.error else size(each.size_bytes),
                time_of(shown.get(name, {}).get("seen")) or "-",
                str(shown.get(name, {}).get("photo") or "-"),
            )
            for name, each in found.items()
        ]
        print_table(["FRAME", "KIND", "ACCOUNT", "PHOTOS", "SIZE", "LAST SEEN", "SHOWN NOW"], rows)
    _report(found)
    if any(each.error for each in found.values()):
        ctx.exit(Exit.FAILED)


@click.command()
@click.argument("name")
@click.option("--html", "page", metavar="FILE", type=_FILE, help="Also write the photos as a page.")
@config_option
@cache_option
@json_option
@click.pass_context
def show(
    ctx: click.Context, /, name: str, *, page: Path | None, config: Path, cache: str, as_json: bool
) -> None:
    """Print which photos are on the frame NAME."""
    settings = load_settings(config)

    async def look(frames: dict[str, Frame]) -> tuple[_OnFrame, dict[str, bytes]]:
        found = await _look(frames[name], rules_on(settings, name))
        return found, await _pictures(frames[name], found) if page is not None else {}

    found, pictures = with_frames(settings, name, cache, look)
    photos = [(rule, photo) for rule, photos in found.albums.items() for photo in photos]
    if as_json:
        print_json(
            [
                {
                    "id": photo.photo_id,
                    "rule": rule,
                    "filename": _filename(photo),
                    "size_bytes": _size_bytes(photo) or None,
                    photo.digest.algorithm: photo.digest.hex,
                }
                for rule, photo in photos
            ]
        )
    else:
        rows = [(photo.photo_id, rule, _words(photo), _filename(photo)) for rule, photo in photos]
        print_table(["PHOTO", "RULE", "SIZE", "FILE NAME"], rows)
    if page is not None:
        summaries = [
            ([printable(rule), f"{counted(len(photos), 'photo')} on the frame {printable(name)}."], rows)
            for rule, photos in found.albums.items()
            for rows in [[_row(photo, pictures) for photo in photos]]
        ]
        write_page(page, summaries, title=f"What is on the frame {printable(name)}")
        note(f"The photos are also in {page}.")
    _report({name: found})
    if found.error is not None:
        ctx.exit(Exit.FAILED)


async def _look(frame: Frame, rules: Sequence[str]) -> _OnFrame:
    """Return what is on a frame; changes nothing."""
    albums: dict[str, Sequence[FramePhoto]] = {}
    doubts: list[str] = []
    try:
        for rule in rules:
            album = await frame.find_album(rule)
            found = await frame.photos(album) if album is not None else None
            albums[rule] = found.items if found is not None else ()
            if found is not None and found.problem is not None:
                doubts.append(doubt(found.problem))
    except PicsyncError as error:
        return _OnFrame(albums, error)
    return _OnFrame(albums, None, tuple(doubts))


def _report(found: Mapping[str, _OnFrame]) -> None:
    for name, each in found.items():
        for line in each.doubts:
            click.echo(f"picsync: {printable(name)}: {line}", err=True)
        if each.error is not None:
            click.echo(f"picsync: {printable(name)}: {each.error.message}", err=True)
            if each.error.hint:
                click.echo(each.error.hint, err=True)


def _shown_now(cache: str, names: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Return what the pages of web frames show; without a running picsync, when they were seen last."""
    from picsync.frames.web.lastseen import LastSeen
    from picsync.system.control import Requests
    from picsync.system.localtime import rfc3339

    requests = Requests.beside(cache)
    answer = requests.ask("frames", {}, within_s=ANSWER_WITHIN_S) or {}
    frames = answer.get("frames")
    if isinstance(frames, dict):
        return {name: each for name, each in frames.items() if isinstance(each, dict)}
    saved = LastSeen(requests.folder)
    saved.load()
    return {name: {"seen": rfc3339(seen.at)} for name in names if (seen := saved.last(name)) is not None}


async def _pictures(frame: Frame, found: _OnFrame) -> dict[str, bytes]:
    """Return small pictures of some photos by ID, where the frame gives any without a download."""
    from picsync.frames.base import GivesPictures
    from picsync.rendering.pool import Renderer
    from picsync.rendering.thumbnails import thumbnail

    if not isinstance(frame, GivesPictures):
        return {}
    pictures: dict[str, bytes] = {}
    queue = iter(list(found.photos.values())[:MAX_THUMBNAILS])
    renderer = Renderer()

    async def work() -> None:
        for photo in queue:
            # If that fails, the page shows a box instead.
            with suppress(PicsyncError, OSError), await asyncio.to_thread(frame.open_photo, photo) as file:
                pictures[photo.photo_id] = await thumbnail(renderer, file)

    try:
        await asyncio.gather(*(work() for _ in range(4)))
    finally:
        await renderer.aclose()
    return pictures


def _row(photo: FramePhoto, pictures: Mapping[str, bytes]) -> Row:
    picture = pictures.get(photo.photo_id, b"")
    name = printable(_filename(photo))
    return Row("on the frame", "", "", "", name, _words(photo).strip("?"), picture=picture)


def _filename(photo: FramePhoto) -> str:
    from picsync.core.identity import plain_name

    return plain_name(photo.filename)


def _size_bytes(photo: FramePhoto) -> int:
    from picsync.core.identity import key_in

    if photo.size_bytes is not None:
        return photo.size_bytes
    key = key_in(photo.filename)
    return key.size_bytes if key else 0


def _words(photo: FramePhoto) -> str:
    found = _size_bytes(photo)
    return size(found) if found else "?"


def time_of(text: object) -> str:
    """Return a time of a running picsync for people, in local time; empty if there is none."""
    from picsync.system.localtime import to_minute

    with suppress(TypeError, ValueError):
        return to_minute(datetime.fromisoformat(str(text))) if text else ""
    return ""

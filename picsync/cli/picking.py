"""`picsync googlephotos pick` and `picsync picked`: single photos that the user picks."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.exits import Exit
from picsync.cli.output import json_option, print_json, print_table, yes_option
from picsync.cli.session import account_option
from picsync.cli.sync import cache_option
from picsync.core.errors import LoginNeeded
from picsync.observe.words import advice, counted, printable, size
from picsync.system.localtime import to_minute

if TYPE_CHECKING:
    from picsync.config import Account, Credentials
    from picsync.sources.google.picked.library import PickedAlbum
    from picsync.sources.google.picked.picking import Picked, PickingCallbacks
    from picsync.sources.google.picked.port import PickingSession
    from picsync.vendors.google.credentials import GooglePhotosLogin


@click.command()
@click.argument("album")
@click.option("--no-browser", is_flag=True, help="Only print links, and open them on any device.")
@account_option
@cache_option
@click.pass_context
def pick(ctx: click.Context, /, album: str, *, no_browser: bool, account: str | None, cache: str) -> None:
    """Pick photos in Google Photos and download them into ALBUM, for `sources: {picked: [ALBUM]}`.

    Shows a link and a QR code, waits until Done was pressed in Google Photos, and downloads the picked
    photos into a folder next to the cache. Picking again adds photos; an interrupted download is resumed.
    """
    from picsync.run.wiring import picked_library

    try:
        target = picked_library(cache).album(album)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="ALBUM") from error
    result = _picked(target, account, open_browser=not no_browser)
    click.echo(_sentence(target, result))
    for name, failure in result.failures:
        click.echo(f"{printable(name)}: {failure.message} {advice(failure)}".rstrip(), err=True)
    if result.failures:
        click.echo(
            "Run the same command again to download the rest; the photos do not need to be picked again.",
            err=True,
        )
    ctx.exit(Exit.FAILED if result.failures else Exit.DONE)


def _sentence(album: PickedAlbum, result: Picked) -> str:
    there = f", {counted(result.already_there, 'was', 'were')} there already" if result.already_there else ""
    failed = f", {len(result.failures):,} failed" if result.failures else ""
    return (
        f"{printable(album.name)}: {counted(result.new, 'new photo')}{there}{failed}; kept in {album.folder}."
    )


def _picked(album: PickedAlbum, account: str | None, *, open_browser: bool) -> Picked:
    """Pick with the stored login, or with a new one if there is none or it is refused."""
    from picsync.cli.session import account_of, credentials
    from picsync.vendors.google.credentials import KIND, GooglePhotosLogin, require_client

    found = credentials()
    used = account_of(found, account, KIND)
    require_client(used)
    login = used.read(GooglePhotosLogin)
    if login.picker.refresh_token.get_secret_value():
        try:
            return asyncio.run(_pick(login, album, open_browser=open_browser))
        except LoginNeeded as error:
            click.echo(f"{error.message} Starting a new login.", err=True)
    fresh = _log_in(found, used, open_browser=open_browser)
    return asyncio.run(_pick(fresh, album, open_browser=open_browser))


def _log_in(found: Credentials, used: Account, *, open_browser: bool) -> GooglePhotosLogin:
    from picsync.cli.person import ask_person, say
    from picsync.cli.session import hosts
    from picsync.config import CREDENTIALS_PATHS, merge_login
    from picsync.run.wiring import log_in_to_googlephotos
    from picsync.vendors.google.credentials import login_fields, require_client

    login = log_in_to_googlephotos(
        require_client(used),
        hosts(),
        open_browser=open_browser,
        ask=ask_person,
        say=say,
        picking=True,
    )
    merge_login(found.path or CREDENTIALS_PATHS[0], used.keys, login_fields(login))
    return login


async def _pick(login: GooglePhotosLogin, album: PickedAlbum, *, open_browser: bool) -> Picked:
    from picsync.cli.session import hosts
    from picsync.run.wiring import open_picker
    from picsync.sources.google.picked.picking import pick as run

    async with open_picker(login, hosts(), logs.LogView()) as picker:
        return await run(picker, album, _guide(open_browser=open_browser))


def _guide(*, open_browser: bool) -> PickingCallbacks:
    from picsync.sources.google.picked.picking import PickingCallbacks

    return PickingCallbacks(
        show=_shown(open_browser=open_browser), arrived=_arrived, sleep=asyncio.sleep, clock=time.monotonic
    )


def _shown(*, open_browser: bool) -> Callable[[PickingSession], None]:
    def show(session: PickingSession) -> None:
        import segno

        click.echo(
            f"Open this page, on a phone with the QR code, and pick photos there:\n\n{session.url}\n",
            err=True,
        )
        if sys.stderr.isatty():
            segno.make(session.url, error="l").terminal(out=sys.stderr, compact=True)
        click.echo(
            "Waiting until you press Done. Ctrl-C stops; run the same command again to resume.", err=True
        )
        if open_browser:
            click.launch(session.url)

    return show


def _arrived(done: int, total: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {counted(total, 'photo')}", nl=done == total, err=True)


@click.group()
def picked() -> None:
    """List the photos that were picked, and remove some."""
    logs.set_up()


@picked.command("list")
@click.argument("album", required=False)
@cache_option
@json_option
@click.pass_context
def list_picked(ctx: click.Context, /, album: str | None, *, cache: str, as_json: bool) -> None:
    """List the albums or, with the name of one, its photos."""
    from picsync.run.wiring import picked_library

    library = picked_library(cache)
    if album is None:
        albums = [(each, each.read()[0]) for each in library.albums()]
        if as_json:
            print_json([{"name": each.name, "photos": len(records)} for each, records in albums])
            return
        totals = [
            (len(records), size(sum(r.size_bytes for r in records)), each.name) for each, records in albums
        ]
        print_table(["PHOTOS", "SIZE", "NAME"], totals)
        return
    found = _existing(album, cache)
    records, problem = found.read()
    if as_json:
        print_json(
            [
                record.model_dump(include={"item_id", "filename", "mime_type", "taken_at", "size_bytes"})
                for record in records
            ]
        )
    else:
        rows = [(to_minute(r.taken_at), size(r.size_bytes), r.filename, r.item_id) for r in records]
        print_table(["TAKEN", "SIZE", "FILE NAME", "ID"], rows)
    if problem is not None:
        click.echo(f"The album is incomplete: {problem}", err=True)
        ctx.exit(Exit.FAILED)


@picked.command()
@click.argument("album")
@click.argument("item_ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Remove the album with all its photos.")
@yes_option
@cache_option
def remove(album: str, item_ids: tuple[str, ...], *, everything: bool, yes: bool, cache: str) -> None:
    """Remove photos from ALBUM by their IDs, or the whole album with --all.

    The next cycle of the rules that name ALBUM removes these photos from the frame. If the whole album is
    removed, the frame keeps its photos.
    """
    if everything == bool(item_ids):
        raise click.UsageError(
            "Give the IDs of photos, as shown by `picsync picked list ALBUM`, or use --all."
        )
    found = _existing(album, cache)
    known = {record.item_id for record in found.read()[0]}
    unknown = [each for each in item_ids if each not in known]
    if unknown:
        raise click.UsageError(
            f"{album!r} has no photo with the ID {unknown[0][:80]!r}; nothing was removed."
        )
    count = len(known) if everything else len(set(item_ids))
    if not yes:
        click.confirm(f"Remove {counted(count, 'photo')} from {album!r}?", abort=True)
    removed = found.remove(None if everything else set(item_ids))
    click.echo(f"{counted(removed, 'photo')} removed.")


def _existing(album: str, cache: str) -> PickedAlbum:
    from picsync.run.wiring import picked_library

    try:
        found = picked_library(cache).album(album)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="ALBUM") from error
    if not found.exists:
        raise click.UsageError(f"There is no album {album!r}. `picsync picked list` shows them all.")
    return found

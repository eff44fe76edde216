"""`picsync nixplay`: list and tidy the frame's account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.exits import Exit
from picsync.cli.output import json_option, print_json, print_table, yes_option
from picsync.cli.session import account_option, with_nixplay
from picsync.observe.words import counted, doubt, printable

if TYPE_CHECKING:
    from picsync.core.model import FrameAlbum, Photos
    from picsync.frames.nixplay.frame import NixplayFrame


@click.group()
def nixplay() -> None:
    """List albums and frames of the Nixplay account, and delete albums."""
    logs.set_up()


@nixplay.command("list")
@click.argument("album", required=False)
@account_option
@json_option
@click.pass_context
def list_albums(ctx: click.Context, /, album: str | None, *, account: str | None, as_json: bool) -> None:
    """List the albums or, with the name of one, its photos."""

    async def look(frame: NixplayFrame) -> list[tuple[FrameAlbum, Photos | None]]:
        albums = [found for found in await frame.albums() if album is None or found.name == album]
        return [(found, None if album is None else await frame.photos(found)) for found in albums]

    found = with_nixplay(look, account)
    if album is not None and not found:
        click.echo(f"Nixplay has no album named {album!r}. `picsync nixplay list` shows them all.", err=True)
        ctx.exit(Exit.FAILED)
    if as_json:
        print_json([_album_json(entry, photos) for entry, photos in found])
    elif album is None:
        print_table(["ID", "PHOTOS", "NAME"], [(a.album_id, _count(a), a.name) for a, _ in found])
    else:
        for entry, photos in found:
            _print_photos(entry, photos)


@nixplay.command("frames")
@account_option
@json_option
def list_frames(*, account: str | None, as_json: bool) -> None:
    """List the frames that are paired with the account, and the playlists that they show.

    These names can be written as `showOn` in picsync.yaml. How the service lists frames is known from a few
    other programs only.
    """
    found = with_nixplay(lambda frame: frame.devices(), account)
    if as_json:
        print_json(
            [{"name": each.name, "online": each.online, "playlists": list(shown)} for each, shown in found]
        )
        return
    rows = [(_ONLINE[each.online], each.name, ", ".join(shown) or "-") for each, shown in found]
    print_table(["STATUS", "NAME", "PLAYLISTS"], rows)


_ONLINE = {True: "online", False: "offline", None: "unknown"}


def _count(album: FrameAlbum) -> str:
    return "" if album.photo_count is None else str(album.photo_count)


def _album_json(album: FrameAlbum, photos: Photos | None) -> dict[str, object]:
    entry: dict[str, object] = {"id": album.album_id, "name": album.name, "photo_count": album.photo_count}
    if photos is not None:
        entry["complete"] = photos.complete
        entry["photos"] = [
            {"id": photo.photo_id, "filename": photo.filename, photo.digest.algorithm: photo.digest.hex}
            for photo in photos.items
        ]
    return entry


def _print_photos(album: FrameAlbum, photos: Photos | None) -> None:
    if photos is None:
        return
    click.echo(f"Album {album.album_id}, {counted(len(photos.items), 'photo')}:")
    rows = [(photo.photo_id, photo.digest.hex, photo.filename) for photo in photos.items]
    print_table(["ID", "MD5", "FILE NAME"], rows)
    if photos.problem:
        click.echo(doubt(photos.problem), err=True)


@nixplay.group("delete")
def delete() -> None:
    """Delete things from the Nixplay account."""


@delete.command("album")
@click.argument("name")
@click.option(
    "--delete-multiple", is_flag=True, help="Delete all albums of that name, not only a single one."
)
@click.option("--keep", metavar="ID", help="With --delete-multiple: the one album to keep.")
@account_option
@yes_option
@click.pass_context
def delete_album(
    ctx: click.Context,
    /,
    name: str,
    *,
    delete_multiple: bool,
    keep: str | None,
    account: str | None,
    yes: bool,
) -> None:
    """Delete the album called NAME with all its photos; they leave the playlists too."""
    if keep is not None and not delete_multiple:
        raise click.UsageError("--keep can only be used with --delete-multiple.")

    async def find(frame: NixplayFrame) -> list[FrameAlbum]:
        return [album for album in await frame.albums() if album.name == name]

    albums = with_nixplay(find, account)
    if not albums:
        click.echo(f"Nixplay has no album named {name!r}; nothing was deleted.", err=True)
        ctx.exit(Exit.FAILED)
    if keep is not None and keep not in {album.album_id for album in albums}:
        raise click.UsageError(f"no album named {name!r} has the ID {keep}; nothing was deleted.")
    if len(albums) > 1 and not delete_multiple:
        ids = ", ".join(album.album_id for album in albums)
        click.echo(
            f"Nixplay has {len(albums)} albums named {name!r} ({ids}); nothing was deleted."
            " Use --delete-multiple to delete all of them, and --keep ID to keep one.",
            err=True,
        )
        ctx.exit(Exit.FAILED)
    doomed = [album for album in albums if album.album_id != keep]
    if not doomed:
        click.echo(f"The album {keep} is the only one named {name!r}; nothing was deleted.", err=True)
        return
    for album in doomed:
        click.echo(f"Album {album.album_id} {printable(album.name)}: {_count(album) or '?'} photos")
    _ask_unless(yes, f"Delete {counted(len(doomed), 'album')} with all photos?")

    async def carry_out(frame: NixplayFrame) -> None:
        for album in doomed:
            await frame.delete_album(album)
            click.echo(f"Deleted album {album.album_id}.")

    with_nixplay(carry_out, account)


def _ask_unless(yes: bool, question: str) -> None:
    """Ask the user; raises Exit if they decline, and Abort if there is no answer."""
    try:
        if yes or click.confirm(question, err=True):
            return
    except click.Abort:
        click.echo("\nThere was no answer, so nothing was deleted. Use --yes to skip the question.", err=True)
        raise
    click.echo("Nothing was deleted.", err=True)
    click.get_current_context().exit(Exit.FAILED)

"""`picsync googlephotos`: log in, and list what the account shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.exits import Exit
from picsync.cli.listings import items_json, print_albums, print_items
from picsync.cli.output import json_option, print_json
from picsync.cli.person import ask_person, say
from picsync.cli.picking import pick
from picsync.cli.session import account_of, account_option, with_source
from picsync.cli.sync import cache_option
from picsync.core.errors import ConfigError, Problem
from picsync.observe.words import counted, failure_text, printable
from picsync.sources.accounts import AccountSource

if TYPE_CHECKING:
    from picsync.core.model import Listing, SourceAlbum
    from picsync.sources.base import Source
    from picsync.sources.google.library.source import GooglePhotosSource


KIND = "googlephotos"


@click.group()
def googlephotos() -> None:
    """Log in to Google Photos, and list the albums visible there."""
    logs.set_up()


@googlephotos.command("list")
@click.argument("album_id", required=False)
@click.option("--shared", is_flag=True, help="List albums shared with the account instead.")
@click.option(
    "--update-cache",
    is_flag=True,
    help="Download photos that are not in the cache yet, and record their digests.",
)
@account_option
@cache_option
@json_option
@click.pass_context
def list_albums(
    ctx: click.Context,
    /,
    album_id: str | None,
    *,
    account: str | None,
    shared: bool,
    update_cache: bool,
    cache: str,
    as_json: bool,
) -> None:
    """List the albums or, with the ID of one, its media items."""
    if album_id is None:
        if update_cache:
            raise click.UsageError("--update-cache needs an ALBUM_ID.")
        albums = with_source(KIND, lambda source: _albums(source, shared=shared), account)
        print_albums(albums, as_json=as_json)
        if not albums and not as_json:
            click.echo(
                "Google shows no albums. Since 31 March 2025, an app sees only albums that it created.",
                err=True,
            )
        return

    async def look(source: Source) -> tuple[Listing, int]:
        listing = await source.list(album_id)
        return listing, await _update(source, listing, cache) if update_cache else 0

    listing, failed = with_source(KIND, look, account)
    if listing.items or listing.problem is None or as_json:
        if as_json:
            print_json(items_json(listing.items))
        else:
            print_items(listing.items)
    if listing.problem is not None:
        click.echo(f"The listing is incomplete: {listing.problem}", err=True)
    ctx.exit(Exit.FAILED if failed or listing.problem is not None else Exit.DONE)


async def _albums(source: Source, *, shared: bool) -> list[SourceAlbum]:
    return [album async for album in (_google(source).shared_albums() if shared else source.albums())]


def _google(source: Source) -> GooglePhotosSource:
    from picsync.sources.google.library.source import GooglePhotosSource

    own = source.source if isinstance(source, AccountSource) else source
    assert isinstance(own, GooglePhotosSource)  # noqa: S101 - the kind is checked above
    return own


async def _update(source: Source, listing: Listing, cache: str) -> int:
    """Record the missing digests; return how many items failed."""
    from picsync.run.wiring import update_cache

    learnt = await update_cache(source, listing.items, cache=cache, notify=logs.note)
    click.echo(f"Recorded {counted(len(learnt.digests), 'digest')} in the cache.", err=True)
    for failure in learnt.failures:
        click.echo(f"{printable(failure.subject)}: {failure_text(failure)}", err=True)
    return len(learnt.failures)


@googlephotos.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The credentials file to write to; other sections are kept. Default: the file in use.",
)
@click.option("--no-browser", is_flag=True, help="Only print the link, and open it on any device.")
@account_option
def login(output: Path | None, *, no_browser: bool, account: str | None) -> None:
    """Log in to Google Photos, and save the login in the credentials file.

    This also works on a machine without a browser: open the link on any device, and paste the address of
    the page that you end up on, even if the browser cannot open that page.
    """
    from picsync.cli.session import credentials, hosts
    from picsync.config import CREDENTIALS_PATHS, merge_login
    from picsync.run.wiring import log_in_to_googlephotos
    from picsync.vendors.google.credentials import login_fields, require_client

    found = credentials()
    used = account_of(found, account, KIND)
    client = require_client(used)
    path = output or found.path or CREDENTIALS_PATHS[0]
    if not os.access(path.resolve().parent, os.W_OK):
        # Checked before the user goes through Google's pages.
        message = "cannot be written: its folder is missing or read-only. Name another file with -o FILE."
        raise ConfigError([Problem(str(path), None, "", message)])
    section = log_in_to_googlephotos(client, hosts(), open_browser=not no_browser, ask=ask_person, say=say)
    merge_login(path, used.keys, login_fields(section))
    click.echo(f"Logged in; the login was saved in {path}.")


googlephotos.add_command(pick)

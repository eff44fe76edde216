"""`picsync sources` and `picsync list`: the kinds of sources, and the content of a source."""

from __future__ import annotations

import asyncio
import os
import textwrap
from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.commands import suggestion
from picsync.cli.exits import Exit
from picsync.cli.listings import items_json, print_albums, print_items, summary_lines
from picsync.cli.output import json_option, print_json
from picsync.cli.sync import cache_option
from picsync.core.errors import ConfigError

if TYPE_CHECKING:
    from picsync.core.model import Listing, SourceAlbum


@click.command()
@json_option
def sources(*, as_json: bool) -> None:
    """List the kinds of sources, with an example of each for picsync.yaml."""
    from picsync.sources.kinds import SOURCES

    if as_json:
        print_json(
            [
                {"kind": name, "title": kind.title, "summary": kind.summary, "example": kind.example}
                for name, kind in SOURCES.items()
            ]
        )
        return
    for name, kind in SOURCES.items():
        click.echo(f"{name}: {kind.title}")
        click.echo(textwrap.fill(kind.summary, 100, initial_indent="  ", subsequent_indent="  "))
        click.echo(textwrap.indent(kind.example, "      "))
        click.echo()
    click.echo(
        "Write these under `sources:` of an album rule; you can combine them. doc/sources.md has the options."
    )


def _names() -> dict[str, str]:
    """Return what may be used under `sources:`: name of a kind or an account -> the kind."""
    from picsync.run.kinds import read_accounts
    from picsync.sources.kinds import SOURCES

    accounts = {name: kind for name, kind in read_accounts(os.environ).items() if kind in SOURCES}
    return {kind: kind for kind in SOURCES} | accounts


def _complete(_ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in _names() if name.startswith(incomplete)]


@click.command("list")
@click.argument("kind", required=False, shell_complete=_complete)
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@click.option("--items", is_flag=True, help="List every item, not only the first and last ones.")
@cache_option
@json_option
@click.pass_context
def list_source(
    ctx: click.Context,
    /,
    kind: str | None,
    entries: tuple[str, ...],
    *,
    items: bool,
    cache: str,
    as_json: bool,
) -> None:
    """Show what a source contains, before anything is written to a frame.

    KIND is one of `picsync sources`, or the name of an account. ENTRY is an element of its list in
    picsync.yaml: a text, or YAML with options such as '{path: /photos, include: ["*.jpg"]}'. Without ENTRY,
    the available albums are listed.
    """
    from picsync.sources.kinds import SOURCES

    logs.set_up()
    if kind is None:
        raise click.UsageError(f"Name the kind of source: picsync list KIND. Kinds: {', '.join(SOURCES)}.")
    names = _names()
    if kind not in names:
        meant = suggestion(kind, names)
        raise click.BadParameter(
            f"{kind!r} is not a kind of source or an account.{meant} Known: {', '.join(names)}."
        )
    if not entries and (example := SOURCES[names[kind]].needs_entry):
        raise click.UsageError(f"{kind} needs an entry. Write: picsync list {kind} {example}")
    if not entries:
        print_albums(asyncio.run(_albums(kind, cache)), as_json=as_json)
        return
    listings = asyncio.run(_listings(kind, entries, cache))
    if as_json:
        print_json(
            [
                {
                    "source": listing.source,
                    "album": listing.album_id,
                    "certainty": listing.certainty,
                    "problem": listing.problem,
                    "unrecognised": listing.unrecognised,
                    "items": items_json(listing.items),
                }
                for listing in listings
            ]
        )
    else:
        for listing in listings:
            _print(listing, items=items)
    ctx.exit(Exit.FAILED if any(listing.problem is not None for listing in listings) else Exit.DONE)


def _print(listing: Listing, *, items: bool) -> None:
    from picsync.observe.words import listing_words

    click.echo(listing_words(listing))
    if items:
        print_items(listing.items)
    for line in summary_lines(listing):
        click.echo(line)
    if listing.source == "folder" and listing.items:
        click.echo("  Formats are read from the first bytes; damaged files are found when they are uploaded.")
    if listing.problem is not None:
        click.echo(f"The listing is incomplete: {listing.problem}", err=True)


async def _albums(kind: str, cache: str) -> list[SourceAlbum]:
    from picsync.cli.session import credentials, hosts, library
    from picsync.run.wiring import open_source

    async with open_source(
        kind, [], credentials(), hosts(), logs.LogView(), cache=cache, library=library()
    ) as source:
        return [album async for album in source.albums()]


async def _listings(kind: str, texts: tuple[str, ...], cache: str) -> list[Listing]:
    from picsync.cli.session import credentials, hosts, library
    from picsync.config import read_entries
    from picsync.run.kinds import known
    from picsync.run.wiring import open_source

    found = credentials()
    try:
        entries = read_entries(kind, texts, known(found.kinds))
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    async with open_source(
        kind, entries, found, hosts(), logs.LogView(), cache=cache, library=library()
    ) as source:
        return [await source.list(album_id) for album_id in dict.fromkeys(map(str, entries))]

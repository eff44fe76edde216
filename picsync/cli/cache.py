"""`picsync cache`: inspect the cache."""

from __future__ import annotations

import asyncio

import click

from picsync.cli.output import json_option, print_json
from picsync.cli.sync import cache_option
from picsync.observe.words import counted, size
from picsync.system.localtime import absolute


@click.group()
def cache() -> None:
    """Inspect the cache of photo digests."""


@cache.command()
@cache_option
@json_option
def status(cache: str, *, as_json: bool) -> None:
    """Show what the cache contains; works while another picsync uses it."""
    from dataclasses import asdict

    from picsync.run.wiring import inspect_cache

    found = asyncio.run(inspect_cache(cache))
    if as_json:
        print_json(asdict(found))
        return
    if found.revision is None:
        click.echo(f"{found.location}: there is no cache yet; the first cycle creates it.")
        return
    click.echo(f"{found.location}: schema {found.revision}", nl=False)
    click.echo("." if found.size_bytes is None else f", {size(found.size_bytes)}.")
    if found.revision == "0":
        click.echo("It was written by the Go picsync; the next cycle imports its digests.")
    for source, count in found.entries.items():
        click.echo(f"{source}: {counted(count, 'media item')} known.")
    if found.unusable:
        click.echo(f"{counted(found.unusable, 'media item')} could not be used.")
    if found.oldest_recorded_at and found.newest_recorded_at:
        oldest, newest = found.oldest_recorded_at, found.newest_recorded_at
        click.echo(f"Recorded between {absolute(oldest)} and {absolute(newest)}.")

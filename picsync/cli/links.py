"""Links to the pages of `web.listen`, as commands print them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from picsync.config import Config


def print_link(settings: Config, path: str) -> None:
    """Print the link to a path (without a slash at its beginning), on a terminal also as a QR code."""
    from picsync.config import WebListener
    from picsync.web.frame.address import page_base

    address = page_base(settings)
    unknown = f"http://<this machine>:{(settings.web or WebListener()).listen.port or '<port>'}/"
    link = f"{address or unknown}{path}"
    click.echo(link)
    if not address:
        click.echo(
            "Replace <this machine> by its name or address, or set `web.url` in picsync.yaml.", err=True
        )
    elif sys.stderr.isatty():
        import segno

        segno.make(link, error="l").terminal(out=sys.stderr, compact=True)

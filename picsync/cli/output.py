"""Results on stdout: tables for users, JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click

from picsync.cli.streams import takes_all
from picsync.observe.words import printable
from picsync.system.localtime import exact

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def print_json(value: Any) -> None:
    """Print a value as JSON; times as RFC 3339 with the local offset."""

    def default(found: object) -> str:
        if isinstance(found, datetime):
            return exact(found)
        raise TypeError(f"no JSON for {type(found).__name__}")

    click.echo(json.dumps(value, default=default, indent=2, ensure_ascii=not takes_all(sys.stdout)))


_NAMES = ("NAME", "FILE NAME", "TITLE")


def _cell(heading: str, value: object) -> str:
    """Return a cell's text; only what has no name is said to have none."""
    text = str(value)
    return printable(text) if text or heading in _NAMES else ""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows at full width: nothing is truncated, so that IDs can be copied."""
    table = [list(headings), *(list(map(_cell, headings, row)) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

"""`picsync allow-deletes`, `sync-now` and `operator-token`: requests to a running picsync."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.commands import suggestion
from picsync.cli.exits import Exit
from picsync.cli.sync import cache_option
from picsync.observe.words import counted, printable

if TYPE_CHECKING:
    from picsync.system.control import Requests


ANSWER_WITHIN_S = 5.0
"""How long to wait until the service has read a request, which it does immediately unless it is busy."""


@click.command(name="allow-deletes")
@click.argument("rule", required=False)
@cache_option
@click.pass_context
def allow_deletes(ctx: click.Context, /, rule: str | None, cache: str) -> None:
    """Allow the deletes that are currently held, of RULE or of all album rules.

    This allows only the photos that are held now. A running picsync deletes them immediately, otherwise
    the next cycle does.
    """
    from picsync.run.wiring import cache_holder
    from picsync.system.control import ALLOWED_FOR, Requests

    requests = Requests.beside(cache)
    held = requests.held()
    chosen = [each for name, each in sorted(held.items()) if rule in (None, name)]
    if not chosen:
        what = "No deletes are held" if rule is None else f"No deletes of {printable(rule)} are held"
        click.echo(f"picsync: {what} (cache {cache}).", err=True)
        others = ", ".join(printable(name) for name in held)
        hint = (
            f"Held in: {others}."
            if others
            else "The next cycle checks again; `picsync sync-now` starts one now."
        )
        click.echo(hint, err=True)
        ctx.exit(Exit.FAILED)
    for each in chosen:
        requests.allow(each)
        count = counted(len(each.digests), "file" if each.rule.startswith("mirror ") else "photo")
        click.echo(f"{printable(each.rule)}: {count} of {each.on_frame:,} may be deleted.")
    if begin_cycles(requests, [each.rule for each in chosen]):
        click.echo("Its log and the status page show the result.")
    elif holder := cache_holder(cache):
        click.echo(f"The running picsync ({holder}) cannot be notified: its next cycle uses this permission.")
    else:
        days = ALLOWED_FOR.days
        click.echo(f"No running picsync was found: the next cycle within {days} days uses this permission.")


@click.command(name="sync-now")
@click.argument("rule", required=False)
@cache_option
@click.pass_context
def sync_now(ctx: click.Context, /, rule: str | None, cache: str) -> None:
    """Start a cycle of RULE, or of all album rules, in the running picsync."""
    from picsync.system.control import Requests

    requests = Requests.beside(cache)
    if rule is not None and requests.wake() and (rules := requests.rules()) and rule not in rules:
        click.echo(f"picsync: The running picsync has no album rule {printable(rule)}.", err=True)
        click.echo(f"Album rules: {', '.join(map(printable, rules))}.{suggestion(rule, rules)}", err=True)
        ctx.exit(Exit.FAILED)
    if begin_cycles(requests, [rule]):
        return
    from picsync.run.wiring import cache_holder

    if holder := cache_holder(cache):
        click.echo(
            f"picsync: The cache {cache} is in use by {holder}, which does not accept requests.", err=True
        )
        click.echo(
            "It runs a single cycle (no `every`, or `--once`), or its log says what is wrong.",
            err=True,
        )
    else:
        click.echo(f"picsync: No running picsync uses the cache {cache}.", err=True)
        click.echo("Start one with `every` in picsync.yaml, or run `picsync sync --once`.", err=True)
    ctx.exit(Exit.FAILED)


@click.command(name="operator-token")
@click.option("--new", is_flag=True, help="Create a new token; the old one stops working in every browser.")
@cache_option
def operator_token(*, new: bool, cache: str) -> None:
    """Print the token for the buttons of the status page.

    Creates one if there is none. Anyone who enters it there can allow held deletes and start cycles.
    """
    from picsync.system.control import Requests

    requests = Requests.beside(cache)
    token = None if new else requests.token()
    click.echo(token or requests.new_token())
    click.echo("Enter it on the status page, under Operator. Keep it secret.", err=True)


def begin_cycles(requests: Requests, rules: list[str] | list[str | None]) -> bool:
    """Request cycles if a picsync is running, and report whether it took up the request; return that."""
    if not requests.wake():
        return False
    asked = [requests.ask_for_cycle(rule) for rule in rules]
    if not requests.wake():
        return False
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while any(map(Path.exists, asked)):
        if time.monotonic() > deadline:
            click.echo("A cycle was requested, but picsync is busy and has not responded yet.")
            return True
        time.sleep(0.02)
    whole = ", ".join("all album rules" if rule is None else printable(rule) for rule in rules)
    click.echo(f"picsync starts a cycle of {whole} now.")
    return True

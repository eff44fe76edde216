"""`picsync allow-deletes`, `sync-now` and `operator-token`: how an operator reaches a picsync that runs."""

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
"""How long to wait until the service has read a request; it does so at once unless its machine is busy."""


@click.command(name="allow-deletes")
@click.argument("rule", required=False)
@cache_option
@click.pass_context
def allow_deletes(ctx: click.Context, /, rule: str | None, cache: str) -> None:
    """Permit the deletes that are held back now, of RULE or of all album rules.

    Only the photos that are held now; a picsync that runs deletes them at once, otherwise the next one does.
    """
    from picsync.run.wiring import cache_holder
    from picsync.system.control import ALLOWED_FOR, Requests

    requests = Requests.beside(cache)
    held = requests.held()
    chosen = [each for name, each in sorted(held.items()) if rule in (None, name)]
    if not chosen:
        what = (
            "No deletes are held back" if rule is None else f"No deletes of {printable(rule)} are held back"
        )
        click.echo(f"picsync: {what}, as far as the cycles with the cache {cache} have said.", err=True)
        others = ", ".join(printable(name) for name in held)
        hint = (
            f"Held back in: {others}."
            if others
            else "The next cycle looks again; `picsync sync-now` starts it at once."
        )
        click.echo(hint, err=True)
        ctx.exit(Exit.FAILED)
    for each in chosen:
        requests.allow(each)
        count = counted(len(each.digests), "photo")
        click.echo(f"{printable(each.rule)}: {count} of {each.on_frame:,} may be deleted.")
    if _begin(requests, [each.rule for each in chosen]):
        click.echo("Its log and the status page say how it ends.")
    elif holder := cache_holder(cache):
        click.echo(f"The picsync that runs ({holder}) cannot be woken: its next cycle uses this permission.")
    else:
        days = ALLOWED_FOR.days
        click.echo(f"No running picsync was found: the next cycle within {days} days uses this permission.")


@click.command(name="sync-now")
@click.argument("rule", required=False)
@cache_option
@click.pass_context
def sync_now(ctx: click.Context, /, rule: str | None, cache: str) -> None:
    """Have the picsync that runs begin a cycle of RULE, or of all album rules, at once."""
    from picsync.system.control import Requests

    requests = Requests.beside(cache)
    if rule is not None and requests.wake() and (rules := requests.rules()) and rule not in rules:
        click.echo(f"picsync: The picsync that runs has no album rule {printable(rule)}.", err=True)
        click.echo(f"It has: {', '.join(map(printable, rules))}.{suggestion(rule, rules)}", err=True)
        ctx.exit(Exit.FAILED)
    if _begin(requests, [rule]):
        return
    from picsync.run.wiring import cache_holder

    if holder := cache_holder(cache):
        click.echo(f"picsync: The cache {cache} is in use by {holder}, which cannot be woken.", err=True)
        click.echo(
            "It does a single cycle (no `every`, or `--once`), or its log says what is wrong.",
            err=True,
        )
    else:
        click.echo(f"picsync: No picsync that goes on (`every`) uses the cache {cache}.", err=True)
        click.echo("Start one, or run `picsync sync --once`.", err=True)
    ctx.exit(Exit.FAILED)


@click.command(name="operator-token")
@click.option("--new", is_flag=True, help="Make another token; every browser has to be given it again.")
@cache_option
def operator_token(*, new: bool, cache: str) -> None:
    """Print the token for the buttons of the status page.

    Makes one if there is none. Whoever enters it there may release held deletes and start cycles.
    """
    from picsync.system.control import Requests

    requests = Requests.beside(cache)
    token = None if new else requests.token()
    click.echo(token or requests.new_token())
    click.echo("Enter it on the status page, under Operator. Keep it to yourself.", err=True)


def _begin(requests: Requests, rules: list[str] | list[str | None]) -> bool:
    """Ask for cycles if somebody is there, and say whether the request was taken up; return whether."""
    if not requests.wake():
        return False
    asked = [requests.ask_for_cycle(rule) for rule in rules]
    if not requests.wake():
        return False
    deadline = time.monotonic() + ANSWER_WITHIN_S
    while any(map(Path.exists, asked)):
        if time.monotonic() > deadline:
            click.echo("picsync is asked for a cycle, but is busy: it has not answered yet.")
            return True
        time.sleep(0.02)
    whole = ", ".join("all album rules" if rule is None else printable(rule) for rule in rules)
    click.echo(f"picsync begins a cycle of {whole} now.")
    return True

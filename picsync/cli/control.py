"""`picsync allow-deletes`, `sync-now` and `operator-token`: how an operator reaches a picsync that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from picsync.cli.exits import Exit
from picsync.cli.sync import cache_option
from picsync.words import counted, printable

if TYPE_CHECKING:
    from picsync.control import Requests


@click.command(name="allow-deletes")
@click.argument("rule", required=False)
@cache_option
@click.pass_context
def allow_deletes(ctx: click.Context, /, rule: str | None, cache: str) -> None:
    """Permit the deletes that are held back now, of RULE or of all album rules.

    Only the photos that are held now; a picsync that runs deletes them at once, otherwise the next one does.
    """
    from picsync.control import ALLOWED_FOR, Requests

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
        click.echo("picsync begins a cycle now; `picsync sync-now` and the log show how it ends.")
    else:
        days = ALLOWED_FOR.days
        click.echo(f"No running picsync was found: the next cycle within {days} days uses this permission.")


@click.command(name="sync-now")
@click.argument("rule", required=False)
@cache_option
@click.pass_context
def sync_now(ctx: click.Context, /, rule: str | None, cache: str) -> None:
    """Have the picsync that runs begin a cycle of RULE, or of all album rules, at once."""
    from picsync.control import Requests

    requests = Requests.beside(cache)
    if _begin(requests, [rule]):
        click.echo(f"picsync begins a cycle of {printable(rule) if rule else 'all album rules'} now.")
        return
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
    from picsync.control import Requests

    requests = Requests.beside(cache)
    token = None if new else requests.token()
    click.echo(token or requests.new_token())
    click.echo("Enter it on the status page, under Operator. Keep it to yourself.", err=True)


def _begin(requests: Requests, rules: list[str] | list[str | None]) -> bool:
    """Ask for cycles if somebody is there; return whether."""
    if not requests.wake():
        return False
    for rule in rules:
        requests.ask_for_cycle(rule)
    return requests.wake()

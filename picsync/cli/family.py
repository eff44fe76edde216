"""`picsync family`: who may use the family's pages, and what the family has done."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from picsync.aio.loading import loading
from picsync.cli import logs
from picsync.cli.commands import suggestion
from picsync.cli.exits import Exit
from picsync.cli.links import print_link
from picsync.cli.output import json_option, print_json, print_table
from picsync.cli.sync import cache_option, config_option
from picsync.observe.words import counted, printable

if TYPE_CHECKING:
    from picsync.config import Config
    from picsync.family.people import Device, Invitation, People, Person
    from picsync.family.state.database import State

T = TypeVar("T")

ROLES = ("viewer", "member", "administrator")


@click.group()
def family() -> None:
    """Invite people to the family's pages, and say what they may do."""
    logs.set_up()


@family.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="What NAME may do. A new person is a member.")
@click.option(
    "--email", metavar="ADDRESS", help='Links the account with this address (byEmail); "" removes it.'
)
@config_option
@cache_option
def invite(name: str, role: str | None, *, email: str | None, config: Path, cache: str) -> None:
    """Print a link that signs NAME in on one device.

    On a terminal, it is also shown as a QR code. The link is valid for a week. The first person is an
    administrator. Run it again with the same name for another device of that person.
    """
    settings = _config(config)
    with loading():
        from picsync.family.people import (
            EmailTakenError,
            LastAdministratorError,
            Role,
            TooManyPeopleError,
            clean_email,
        )

    if email:
        provider = settings.family.oidc if settings.family else None
        if provider is None or not provider.by_email:
            raise click.UsageError("picsync.yaml has no `byEmail: true` below `family.oidc`.")
        try:
            clean_email(email)
        except ValueError as error:
            raise click.UsageError(f"ADDRESS cannot be used: {error}.") from error

    async def work(people: People) -> Invitation:
        return await people.invite(name, Role(role) if role else None, email=email)

    try:
        made = with_people(cache, work)
    except (EmailTakenError, TooManyPeopleError) as error:
        raise click.ClickException(f"Nobody was invited: {error}.") from error
    except LastAdministratorError as error:
        raise click.ClickException(
            f"Nothing was changed: {error}. Make somebody else an administrator first."
        ) from error
    except ValueError as error:
        raise click.UsageError(f"NAME cannot be used: {error}.") from error
    print_link(settings, f"join/{made.token}")
    person = made.person
    click.echo(f"Send it to {printable(person.name)} ({person.role}). Whoever opens it is let in.", err=True)
    if settings.every is None:
        click.echo("Set `every` in picsync.yaml: the pages are served only while picsync runs.", err=True)


@family.command()
@config_option
@cache_option
@json_option
def people(*, config: Path, cache: str, as_json: bool) -> None:
    """List everybody who may sign in, and their devices."""
    _config(config)

    async def work(people: People) -> list[tuple[Person, list[Device]]]:
        return [(each, list(await people.devices(each.person))) for each in await people.people()]

    found = with_people(cache, work)
    if as_json:
        print_json(
            [
                {
                    "id": person.person,
                    "name": person.name,
                    "role": person.role,
                    "devices": [
                        {
                            "id": each.device,
                            "kind": each.kind,
                            "name": each.name,
                            "created_at": each.created_at,
                            "seen_at": each.seen_at,
                        }
                        for each in devices
                    ],
                }
                for person, devices in found
            ]
        )
    elif found:
        from picsync.system.localtime import to_minute

        rows: list[tuple[str, ...]] = []
        for person, devices in found:
            rows.append((printable(person.name), person.role, "-", counted(len(devices), "device"), "-"))
            rows += [
                ("-", "-", each.device, printable(each.name), to_minute(each.seen_at)) for each in devices
            ]
        print_table(["NAME", "ROLE", "DEVICE", "WHAT", "LAST USED"], rows)
    else:
        click.echo("Nobody yet. `picsync family invite NAME` invites somebody.", err=True)


@family.command()
@click.argument("name")
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@click.option("--all", "everything", is_flag=True, help="Sign NAME out everywhere, and let NAME in no more.")
@config_option
@cache_option
@click.pass_context
def revoke(
    ctx: click.Context,
    /,
    name: str,
    devices: tuple[str, ...],
    *,
    everything: bool,
    config: Path,
    cache: str,
) -> None:
    """Sign NAME out: on these devices of `picsync family people`, or for good (--all).

    What NAME has sent and judged stays.
    """
    if bool(devices) == everything:
        raise click.UsageError("Name devices of `picsync family people`, or use --all.")
    _config(config)
    with loading():
        from picsync.family.people import LastAdministratorError

    async def change(people: People, person: Person) -> str:
        if everything:
            try:
                await people.remove(person.person)
            except LastAdministratorError as error:
                return f"{error}. Make somebody else one first: `picsync family role NAME administrator`."
            return ""
        known = [each.device for each in await people.devices(person.person)]
        if unknown := [each for each in devices if each not in known]:
            return f"{person.name} has no device {unknown[0]!r}. `picsync family people` lists them."
        for each in devices:
            await people.sign_out(person.person, each)
        return ""

    _change_person(ctx, cache, name, change)
    what = "is let in no more" if everything else f"was signed out on {counted(len(devices), 'device')}"
    click.echo(f"{printable(name)} {what}.")


@family.command()
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@config_option
@cache_option
@click.pass_context
def role(ctx: click.Context, /, name: str, role: str, *, config: Path, cache: str) -> None:
    """Change what NAME may do."""
    _config(config)
    with loading():
        from picsync.family.people import LastAdministratorError, Role

    async def change(people: People, person: Person) -> str:
        try:
            await people.set_role(person.person, Role(role))
        except LastAdministratorError as error:
            return f"{error}. Make somebody else an administrator first."
        return ""

    _change_person(ctx, cache, name, change)
    click.echo(f"{printable(name)}: {role}.")


@family.command()
@click.argument("name")
@click.option("--remove", is_flag=True, help="Remove the password of NAME.")
@config_option
@cache_option
@click.pass_context
def password(ctx: click.Context, /, name: str, *, remove: bool, config: Path, cache: str) -> None:
    """Set the password by which NAME signs in.

    You are asked for it twice. picsync.yaml needs `passwords: true` below `family`.
    """
    pages = _config(config).family
    if pages is None or not pages.passwords:
        raise click.UsageError("picsync.yaml has no `passwords: true` below `family`.")
    with loading():
        from picsync.family.passwords import WeakPasswordError
    _change_person(ctx, cache, name, _nothing)  # Before a password is typed in vain.
    new = None if remove else click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)

    async def change(people: People, person: Person) -> str:
        try:
            await people.set_password(person.person, new)
        except WeakPasswordError as error:
            return f"The password cannot be used: {error}."
        return ""

    _change_person(ctx, cache, name, change)
    click.echo(f"{printable(name)} {'has no password' if remove else 'can sign in by the password'} now.")


@family.command()
@config_option
@cache_option
def recompute(*, config: Path, cache: str) -> None:
    """Compute all ratings anew from the log of choices, and correct those that are stored."""
    _config(config)
    with loading():
        from picsync.family.ratings import Ratings

    found = _with_state(cache, lambda state: Ratings(state).recompute())
    click.echo(
        f"{counted(found.games, 'game')}, {counted(found.photos, 'rated photo')}: "
        + (
            "every stored rating is right."
            if not found.differing
            else f"{counted(found.differing, 'stored rating')} differed; corrected."
        )
    )


@family.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@config_option
@cache_option
def export_state(file: Path, *, config: Path, cache: str) -> None:
    """Write everything that the family has done to FILE (a zip file).

    picsync may run meanwhile. Photos are not in it: back up the library, too. It has names, captions, and
    hashes of secrets: keep it as you keep the photos.
    """
    _config(config)
    with loading():
        from picsync.family.archive import export

    rows = _with_state(cache, lambda state: export(state, file))
    click.echo(f"{file}: {counted(rows, 'row')}.")


@family.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--replace", is_flag=True, help="Remove what the database has, if it is not empty.")
@config_option
@cache_option
def import_state(file: Path, *, replace: bool, config: Path, cache: str) -> None:
    """Restore what `picsync family export` has written to FILE, in this or another database.

    Stop picsync first: while it uses the cache, nothing is imported. The database has to be empty, or
    --replace is used. A file that cannot be read changes nothing.
    """
    _config(config)
    with loading():
        from picsync.family.archive import restore
        from picsync.run.wiring import cache_holder

    if holder := cache_holder(cache):
        raise click.ClickException(f"Nothing was imported: {cache} is in use by {holder}. Stop it first.")
    rows = _with_state(cache, lambda state: restore(state, file, replace=replace))
    click.echo(f"{counted(rows, 'row')} imported. Start picsync again.")


def _with_state(cache: str, work: Callable[[State], Awaitable[T]]) -> T:
    """Open the family's database for one command; raises StateError."""
    with loading():
        from picsync.family.state.database import State

    async def run() -> T:
        state = await State.open(cache)
        try:
            return await work(state)
        finally:
            await state.aclose()

    return asyncio.run(run())


def with_people(cache: str, work: Callable[[People], Awaitable[T]]) -> T:
    """Open the family's database for one command; raises StateError."""
    with loading():
        from picsync.family.people import People

    return _with_state(cache, lambda state: work(People(state)))


def _change_person(
    ctx: click.Context, cache: str, name: str, change: Callable[[People, Person], Awaitable[str]]
) -> None:
    """Change one person; exits if there is no such person, or if `change` returns why it cannot be done."""

    async def work(people: People) -> str:
        person = await people.find(name)
        if person is None:
            known = [each.name for each in await people.people()]
            return f"There is nobody called {name!r}.{suggestion(name, known)}"
        return await change(people, person)

    if problem := with_people(cache, work):
        click.echo(f"picsync: {printable(problem)} Nothing was changed.", err=True)
        ctx.exit(Exit.FAILED)


async def _nothing(people: People, person: Person) -> str:  # noqa: ARG001 - as `_change_person` calls it
    return ""


def _config(path: Path) -> Config:
    """Return the configuration; raises UsageError if it has no family pages."""
    from picsync.run.kinds import read_accounts, read_config

    config = read_config(path, os.environ, read_accounts(os.environ))
    if config.family is None:
        raise click.UsageError("picsync.yaml has no `family`; doc/family.md describes it.")
    return config

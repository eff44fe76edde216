"""The answers of `picsync init`, and how its questions are asked."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import click

from picsync.cli import logs
from picsync.core.errors import ConfigError, PicsyncError
from picsync.core.values import dataclass
from picsync.observe.words import advice, counted, printable

if TYPE_CHECKING:
    from pydantic import ValidationError

    from picsync.config import Credentials
    from picsync.core.model import Finding, Listing

Entry = str | Mapping[str, object]
"""A text, or a group of options."""


@dataclass(slots=True)
class Answers:
    """What was answered so far."""

    cache: str
    """A cache for the tests of sources."""
    username: str = ""
    password: str = field(default="", repr=False)
    immich_server: str = ""
    immich_key: str = field(default="", repr=False)
    dropbox_key: str = ""
    dropbox_token: str = field(default="", repr=False)
    dropbox_scopes: frozenset[str] = frozenset()
    """The permissions of that login."""
    sources: dict[str, list[Entry]] = field(default_factory=dict)
    """Kind -> entries as written under `sources:`."""

    def add(self, kind: str, entries: Iterable[Entry]) -> None:
        """Add the entries that are new."""
        known = self.sources.setdefault(kind, [])
        known += [entry for entry in entries if entry not in known]

    @property
    def logins(self) -> dict[str, dict[str, str]]:
        """The sections of the credentials file."""
        found = {"nixplay": {"username": self.username, "password": self.password}}
        if self.immich_server:
            found["immich"] = {"server": self.immich_server, "api_key": self.immich_key}
        if self.dropbox_token:
            found["dropbox"] = {"app_key": self.dropbox_key, "refresh_token": self.dropbox_token}
        return found

    @property
    def credentials(self) -> Credentials:
        """What the tests of the answers log in with; raises ValidationError."""
        from picsync.config import Credentials
        from picsync.config.credentials import Section
        from picsync.frames.nixplay.credentials import NixplayAccount
        from picsync.sources.immich.credentials import ImmichKey
        from picsync.vendors.dropbox.credentials import DropboxLogin

        models: dict[str, type[Section]] = {
            "nixplay": NixplayAccount,
            "immich": ImmichKey,
            "dropbox": DropboxLogin,
        }
        return Credentials({name: models[name].model_validate(its) for name, its in self.logins.items()})


def ask(question: str, read: Callable[[str], str], *, default: str | None = None) -> str:
    """Ask until `read` accepts the answer; it raises ValueError or ConfigError with the problem."""
    while True:
        text = str(click.prompt(question, default=default))
        try:
            return read(text)
        except ConfigError as error:
            say_problem("; ".join(problem.message for problem in error.problems))
        except ValueError as error:
            say_problem(str(error))


def ask_secret(question: str) -> str:
    """Ask for a text that a terminal does not show."""
    # Without a terminal nobody is watching, and there is no echo to switch off.
    return str(click.prompt(question, hide_input=sys.stdin.isatty()))


def say_problem(text: str) -> None:
    """Print what is wrong."""
    click.echo(click.style(f"  {printable(text)}", fg="red"), err=True)


def say_good(text: str) -> None:
    """Print what is right."""
    click.echo(click.style(f"  {printable(text)}", fg="green"))


def problem_text(error: PicsyncError) -> str:
    """Return what happened and what to do."""
    return f"{error.message} {advice(error)}".strip()


def show_findings(findings: Sequence[Finding]) -> bool:
    """Show the findings; return whether the settings can be used."""
    for finding in findings:
        show = say_problem if finding.mark == "problem" else say_good
        show(f"{finding.message} {finding.fix}".rstrip())
    return all(finding.mark != "problem" for finding in findings)


def refused(error: ValidationError) -> str:
    """Return what is wrong with an address or a key, worded as for the credentials file."""
    said = "; ".join(
        str(one["msg"]).removeprefix("Value error, ") for one in error.errors(include_input=False)
    )
    return f"It {said}."


def try_entries(answers: Answers, kind: str, entries: Sequence[Entry]) -> bool:
    """List the entries; accept those that can be listed, or that the user wants anyway.

    Returns whether one was accepted. Raises ConfigError and PicsyncError.
    """
    accepted = False
    for entry, listing in asyncio.run(_listings(answers, kind, entries)):
        if listing.problem is None:
            say_good(f"{counted(len(listing.items), 'item')} found.")
        else:
            say_problem(listing.problem)
            if not click.confirm("Use it anyway?", default=False):
                continue
        answers.add(kind, [entry])
        accepted = True
    return accepted


async def _listings(answers: Answers, kind: str, texts: Sequence[Entry]) -> list[tuple[Entry, Listing]]:
    from picsync.config import read_entries
    from picsync.run.kinds import known

    entries = read_entries(kind, [_argument(kind, text) for text in texts], known())
    click.echo("Checking ...")
    async with opened(answers, kind, entries) as source:
        return [(text, await source.list(str(entry))) for text, entry in zip(texts, entries, strict=True)]


def _argument(kind: str, entry: Entry) -> str:
    """Return an entry as an argument of a command: text, or YAML where a kind has options."""
    match kind:
        case "folder":
            # The test takes files immediately; a cycle waits until they have been unchanged for a while.
            return json.dumps({"path": entry, "quiet": "0s"})
        case "dropbox":
            return json.dumps(entry)
    return str(entry)


def opened(answers: Answers, kind: str, entries: Sequence[Any]) -> Any:
    """Open a source with the answers so far."""
    from picsync.cli.session import hosts
    from picsync.run.wiring import open_source

    return open_source(kind, entries, answers.credentials, hosts(), logs.LogView(), cache=answers.cache)

"""The commands by name, each loaded when it is called: `picsync --help` loads none of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

import click


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return a suggestion of the known word that was probably meant; empty if there is none."""
    found = difflib.get_close_matches(word[:80].lower(), list(known), n=1)
    return f" Did you mean `{found[0]}`?" if found else ""


class LazyGroup(click.Group):
    """A group whose commands are modules of `picsync.cli`; the help is stored with their names."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **options: Any) -> None:
        """`lazy` maps a command's name to its `module` or `module:attribute`, and its short help."""
        super().__init__(*args, **options)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """Return the names, in order."""
        return sorted(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, loading it if necessary."""
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(f"picsync.cli.{module}"), attribute or cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was named; an unknown name fails with a suggestion."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(error.message + suggestion(args[0], self.lazy), ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lazy[name][1]) for name in self.list_commands(ctx)])

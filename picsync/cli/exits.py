"""Exit codes, and how an error reaches the user."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

import click

from picsync.core.errors import ConfigError, DiskError, LoginNeeded, PicsyncError, Scope


class Exit(IntEnum):
    """What the process's exit code says; documented in doc/commands.md."""

    DONE = 0
    """Everything that was asked for is done."""
    FAILED = 1
    """Finished, but something failed, was held back or was refused; the messages say what."""
    USAGE = 2
    """The command line, the configuration or the credentials file is wrong; nothing was done."""
    LOGIN_NEEDED = 3
    """A service wants the user to log in."""
    LOCAL = 4
    """This machine is in the way: the cache cannot be used, or a disk is full."""
    INTERRUPTED = 130
    """Stopped by a signal before it was done."""


def exit_for(error: PicsyncError) -> Exit:
    """Return the exit code that an error leads to."""
    if isinstance(error, ConfigError):
        return Exit.USAGE
    if isinstance(error, LoginNeeded):
        return Exit.LOGIN_NEEDED
    local = error.scope is Scope.PROCESS or isinstance(error, DiskError)
    return Exit.LOCAL if local else Exit.FAILED


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the code that matters most: a login first, then this machine, then any failure."""
    order = (Exit.INTERRUPTED, Exit.LOGIN_NEEDED, Exit.LOCAL, Exit.USAGE, Exit.FAILED)
    found = set(exits)
    return next((code for code in order if code in found), Exit.DONE)


def show_error(error: PicsyncError) -> None:
    """Print an error and its hint to stderr."""
    from picsync.observe.words import advice, error_sentence

    click.echo(f"picsync: {error_sentence(error)}", err=True)
    if hint := advice(error):
        click.echo(hint, err=True)

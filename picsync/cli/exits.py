"""Exit codes, and printing of errors."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

import click

from picsync.core.errors import ConfigError, DiskError, FailureCode, LoginNeeded, PicsyncError, Scope

if TYPE_CHECKING:
    from picsync.core.events import Failure


class Exit(IntEnum):
    """The process's exit code; documented in doc/commands.md."""

    DONE = 0
    """Everything that was requested is done."""
    FAILED = 1
    """Finished, but something failed, was held or was refused; the messages say what."""
    USAGE = 2
    """The command line, the configuration or the credentials file is wrong; nothing was done."""
    LOGIN_NEEDED = 3
    """A service requires the user to log in."""
    LOCAL = 4
    """A problem of this machine: the cache cannot be used, or a disk is full."""
    INTERRUPTED = 130
    """Stopped by a signal before the work was done."""


def exit_for(error: PicsyncError) -> Exit:
    """Return the exit code for an error."""
    if isinstance(error, ConfigError):
        return Exit.USAGE
    if isinstance(error, LoginNeeded):
        return Exit.LOGIN_NEEDED
    local = error.scope is Scope.PROCESS or isinstance(error, DiskError)
    return Exit.LOCAL if local else Exit.FAILED


def worst(exits: Iterable[Exit]) -> Exit:
    """Return the most important code: login first, then this machine, then any failure."""
    order = (Exit.INTERRUPTED, Exit.LOGIN_NEEDED, Exit.LOCAL, Exit.USAGE, Exit.FAILED)
    found = set(exits)
    return next((code for code in order if code in found), Exit.DONE)


def failures_exit(failures: Iterable[Failure]) -> Exit:
    """Return the exit code for what failed. Photos that cannot be used are reported, but do not count."""
    counting = [each.error for each in failures if each.error.code is not FailureCode.ITEM_UNUSABLE]
    return worst(map(exit_for, counting))


def show_error(error: PicsyncError) -> None:
    """Print an error and its hint to stderr."""
    from picsync.observe.words import advice, error_sentence

    click.echo(f"picsync: {error_sentence(error)}", err=True)
    if hint := advice(error):
        click.echo(hint, err=True)

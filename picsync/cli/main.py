"""The `picsync` command: its subcommands, and the conversion of errors to messages and exit codes."""

from __future__ import annotations

import os
import sys

import click

from picsync.cli.commands import LazyGroup
from picsync.cli.exits import Exit, exit_for, show_error
from picsync.cli.streams import FULL, lasting_streams
from picsync.core.errors import PicsyncError
from picsync.system.localtime import use_known_zone, zone_problem

COMMANDS = {
    "allow-deletes": ("control:allow_deletes", "Allow the deletes that are currently held."),
    "cache": ("cache", "Inspect the cache of photo digests."),
    "completion": ("completion", "Print a completion script for SHELL."),
    "demo": ("demo", "Run picsync between emulated services on this machine, without any account."),
    "doctor": ("doctor", "Check everything that CONFIG needs, and say how to fix problems."),
    "dropbox": ("dropbox", "Log in to Dropbox, and list its folders."),
    "emulator": ("emulator", "Serve emulated Google, Immich, Dropbox and Nixplay."),
    "family": ("family", "Invite people to the family's pages, and say what they may do."),
    "frame": ("frame", "Show what is on the frames, restore rejected photos, and let devices show them."),
    "googlephotos": ("googlephotos", "Log in to Google Photos, and list the albums visible there."),
    "inbox": ("inbox", "Show what is in the spools of CONFIG, and try again what failed."),
    "init": ("init", "Set picsync up: ask a few questions and write all files to FOLDER."),
    "list": ("sources:list_source", "Show what a source contains, before anything is written."),
    "mirror": ("mirror", "Keep folders equal to local folders, as CONFIG says."),
    "nixplay": ("nixplay", "List albums and frames of the Nixplay account, and delete albums."),
    "notify": ("notify", "Test the notifications that CONFIG configures."),
    "operator-token": (
        "control:operator_token",
        "Print the token for the buttons of the status page.",
    ),
    "organize": ("organize", "Sort the files of folders by date, as CONFIG says."),
    "picked": ("picking:picked", "List the photos that were picked, and remove some."),
    "plan": ("plan", "Print which photos RULE, or each rule, would show, and why not the others."),
    "render": ("render", "Write to DIR what a frame would get of each FILE."),
    "sources": ("sources", "List the kinds of sources, with an example of each."),
    "sync-now": ("control:sync_now", "Start a cycle of RULE, or of all album rules, in the running picsync."),
    "sync": ("sync", "Sync the frame with the albums that CONFIG names."),
}
"""Name -> its module in `picsync.cli`, with the attribute if it has another name, and its help."""


SHOW_TIMES = frozenset({"cache", "dropbox", "family", "frame", "googlephotos", "list", "picked", "sync-now"})
"""Commands that print times and do not report an invalid `TZ` themselves, unlike `sync` and `doctor`."""


_WITH_CACHE = {
    "": ("allow-deletes", "doctor", "list", "operator-token", "organize", "plan", "sync", "sync-now"),
    "cache": ("status",),
    "family": ("export", "import", "invite", "password", "people", "recompute", "revoke", "role"),
    "frame": ("list", "open", "pair", "rejected", "restore", "revoke", "show", "tokens"),
    "googlephotos": ("list", "pick"),
    "inbox": ("retry", "status", "take-over"),
    "mirror": ("export", "import", "run", "status"),
    "picked": ("list", "remove"),
}
"""The commands that have an option `--cache`, by group."""


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="picsync", message="picsync %(version)s")
@click.option(
    "--cache",
    metavar="PATH",
    hidden=True,
    help="Like the option of the commands; for compatibility with the Go program.",
)
@click.pass_context
def cli(ctx: click.Context, /, cache: str | None) -> None:
    """Keep wifi photo frames in sync with photo albums."""
    if ctx.invoked_subcommand in SHOW_TIMES and (problem := zone_problem()):
        click.echo(" ".join(problem), err=True)
    if cache is not None:
        given = {"cache": cache}
        groups = {group: dict.fromkeys(names, given) for group, names in _WITH_CACHE.items()}
        ctx.default_map = groups.pop("") | groups


def main() -> None:
    """Run the command line and exit with its code; undelivered output counts as a failure."""
    with lasting_streams() as out:
        code = run(sys.argv[1:])
        sys.stdout.flush()
        if out.lost is not None:
            code = _lost(out.lost) if code == Exit.DONE else code
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line; return the exit code. Any exception is a bug."""
    use_known_zone(os.environ)
    try:
        code = cli.main(arguments, prog_name="picsync", standalone_mode=False)
        return code if isinstance(code, int) else Exit.DONE
    except PicsyncError as error:
        show_error(error)
        return exit_for(error)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return Exit.INTERRUPTED
    except OSError as error:
        if error.errno not in FULL:
            raise
        return _lost(error)


def _lost(error: OSError) -> Exit:
    """Report lost output, unless its reader has closed the pipe."""
    if isinstance(error, BrokenPipeError):
        return Exit.FAILED
    if error.errno in FULL:
        click.echo(f"picsync: The output could not be written: {error.strerror}.\nFree some space.", err=True)
        return Exit.LOCAL
    click.echo(f"picsync: The output could not be written: {error.strerror}.", err=True)
    return Exit.FAILED

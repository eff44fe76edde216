"""The questions of `picsync init` about Dropbox: the login, and a folder or a shared link."""

from __future__ import annotations

import asyncio

import click

from picsync.cli import logs
from picsync.cli.initanswers import (
    Answers,
    Entry,
    opened,
    problem_text,
    say_good,
    say_problem,
    try_entries,
)
from picsync.core.errors import ConfigError, PicsyncError
from picsync.core.text import pasted
from picsync.observe.words import counted, printable

KIND = "dropbox"
FEW_FOLDERS = 30
"""Number of folders that are shown; others are entered by their path."""


def add_link(answers: Answers, link: str) -> None:
    """Add somebody's folder; raises ConfigError for another link."""
    from picsync.sources.dropbox.links import FolderLink
    from picsync.vendors.dropbox.api import LINK_SCOPES, READ_SCOPES

    try:
        FolderLink.parse(link)
    except ValueError as error:
        say_problem(f"It {error}.")
        return
    if _log_in(answers, READ_SCOPES | LINK_SCOPES):
        _try(answers, {"link": link}, link)


def add_folder(answers: Answers, path: str) -> None:
    """Add a folder of the user's own Dropbox; without `path`, ask for it."""
    from picsync.vendors.dropbox.api import READ_SCOPES

    if not _log_in(answers, READ_SCOPES):
        return
    if not path:
        asyncio.run(_show_folders(answers))
    while True:
        if not path:
            path = str(click.prompt("Folder, or Enter for none", default="", show_default=False)).strip()
            if not path:
                return
        path = f"/{path.strip('/')}"
        try:
            if _try(answers, {"path": path}, path):
                return
        except ConfigError as error:
            say_problem("; ".join(problem.message for problem in error.problems))
        except PicsyncError as error:
            say_problem(problem_text(error))
        path = ""


def _try(answers: Answers, entry: dict[str, object], short: str) -> bool:
    """Try a folder, with its subfolders if the user wants them; return whether it was accepted."""
    if click.confirm("Include its subfolders?", default=False):
        return try_entries(answers, KIND, [{**entry, "recursive": True}])
    plain: Entry = short
    return try_entries(answers, KIND, [plain])


async def _show_folders(answers: Answers) -> None:
    async with opened(answers, KIND, []) as source:
        folders = [album async for album in source.albums()]
    for album in folders[:FEW_FOLDERS]:
        click.echo(f"  {printable(album.album_id)}")
    if len(folders) > FEW_FOLDERS:
        click.echo(f"  and {counted(len(folders) - FEW_FOLDERS, 'more folder')}.")


def _log_in(answers: Answers, scopes: frozenset[str]) -> bool:
    """Log in with these permissions, unless that has been done; return whether there is a login."""
    from picsync.cli.session import hosts
    from picsync.run.dropbox import log_in_to_dropbox

    scopes |= answers.dropbox_scopes
    if answers.dropbox_token and scopes <= answers.dropbox_scopes:
        return True
    if not answers.dropbox_key:
        click.echo(
            "  Dropbox lets programs in through an app of yours. Create one at"
            " https://www.dropbox.com/developers/apps (Scoped access, Full Dropbox)."
        )
    while True:
        key = pasted(str(click.prompt("Its app key (Settings)", default=answers.dropbox_key or None)))
        click.echo(
            f"  Tick these under Permissions, and press Submit: {', '.join(sorted(scopes))}. Then continue."
        )
        try:
            token = log_in_to_dropbox(key, scopes, hosts(), logs.LogView(), ask=_line, say=click.echo)
        except PicsyncError as error:
            say_problem(problem_text(error))
        else:
            answers.dropbox_key, answers.dropbox_token, answers.dropbox_scopes = key, token, scopes
            say_good("Logged in to Dropbox.")
            return True
        if not click.confirm("Try again?", default=True):
            return False


def _line(question: str) -> str:
    """Ask for a line; raises EOFError if it is empty, so that a page without a code is no dead end."""
    shown = f"{question.rstrip(': ')} (Enter if there is none)"
    text = str(click.prompt(shown, default="", show_default=False))
    if not text.strip():
        raise EOFError
    return text

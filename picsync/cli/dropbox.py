"""`picsync dropbox`: log in, and list what is in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli import logs
from picsync.cli.output import json_option, print_json, print_table
from picsync.cli.person import ask_person, say
from picsync.cli.session import account_of, account_option, with_source
from picsync.core.errors import ConfigError, Problem
from picsync.observe.words import size
from picsync.system.localtime import to_minute

if TYPE_CHECKING:
    from picsync.sources.base import Source
    from picsync.sources.dropbox.source import DropboxSource
    from picsync.vendors.dropbox.filetree import TreeEntry

KIND = "dropbox"


@click.group()
def dropbox() -> None:
    """Log in to Dropbox, and list its folders."""
    logs.set_up()


@dropbox.command()
@click.option("--app-key", metavar="KEY", help="The app's key. Default: the one in the credentials file.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The credentials file to write to; other sections are kept. Default: the file in use.",
)
@account_option
def login(app_key: str | None, output: Path | None, *, account: str | None) -> None:
    """Log in to Dropbox, and save the login in the credentials file.

    Open the printed link on any device, and paste the code that Dropbox shows. The login is given only the
    permissions that the picsync.yaml in this folder needs, and reading.
    """
    from picsync.cli.session import credentials, hosts, settings_here
    from picsync.config import CREDENTIALS_PATHS, merge_login
    from picsync.run.dropbox import log_in_to_dropbox, needed_scopes
    from picsync.vendors.dropbox.credentials import require_app

    found = credentials()
    used = account_of(found, account, KIND)
    key = app_key or require_app(used).app_key
    path = output or found.path or CREDENTIALS_PATHS[0]
    if not os.access(path.resolve().parent, os.W_OK):
        # Checked before the user goes through Dropbox's pages.
        message = "cannot be written: its folder is missing or read-only. Name another file with -o FILE."
        raise ConfigError([Problem(str(path), None, "", message)])
    where = hosts()
    scopes = needed_scopes(settings_here(), used.name)
    say(f"Permissions that picsync needs: {', '.join(sorted(scopes))}. Tick them in the App Console first.")
    token = log_in_to_dropbox(key, scopes, where, logs.LogView(), ask=ask_person, say=say)
    merge_login(path, used.keys, {"app_key": key, "refresh_token": token})
    click.echo(f"Logged in; the login was saved in {path}.")


@dropbox.command("list")
@click.argument("path", default="/")
@account_option
@json_option
def list_folder(path: str, *, account: str | None, as_json: bool) -> None:
    """List the folders and files in the folder PATH; without it, at the top."""
    if "://" in path:
        advice = f"A path is needed, such as /Family. For a link, use: picsync list {KIND} LINK"
        raise click.UsageError(advice)

    async def look(source: Source) -> list[TreeEntry]:
        return await _own(source).look(path)

    entries = with_source(KIND, look, account)
    if as_json:
        print_json([_json(entry) for entry in entries])
        return
    rows = [
        (
            "" if entry.tag == "folder" else size(entry.size),
            "" if entry.tag == "folder" else to_minute(entry.modified_at),
            f"{entry.path or entry.name}{'/' if entry.tag == 'folder' else ''}",
        )
        for entry in entries
    ]
    print_table(["SIZE", "MODIFIED", "PATH"], rows)


def _json(entry: TreeEntry) -> dict[str, object]:
    found: dict[str, object] = {"kind": entry.tag, "id": entry.id, "path": entry.path}
    if entry.tag == "file":
        found |= {
            "size_bytes": entry.size,
            "modified_at": entry.modified_at,
            "rev": entry.rev,
            "content_hash": entry.content_hash,
        }
    return found


def _own(source: Source) -> DropboxSource:
    from picsync.sources.accounts import AccountSource
    from picsync.sources.dropbox.source import DropboxSource

    own = source.source if isinstance(source, AccountSource) else source
    assert isinstance(own, DropboxSource)  # noqa: S101 - the kind is checked above
    return own

"""`picsync init`: asks for the settings, tests each answer immediately, and writes the files."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from picsync.cli import logs
from picsync.cli.exits import Exit
from picsync.cli.initanswers import (
    Answers,
    ask,
    ask_secret,
    opened,
    problem_text,
    refused,
    say_problem,
    show_findings,
    try_entries,
)
from picsync.cli.initdropbox import add_folder, add_link
from picsync.cli.setupfiles import (
    COMPOSE,
    UNIT,
    SetUp,
    compose_file,
    config_text,
    credentials_text,
    install,
    kubernetes_commands,
    make_cache_folder,
    private_files,
    unit_file,
)
from picsync.cli.sync import DEFAULT_CACHE, DEFAULT_CONFIG, SyncOptions, run_sync
from picsync.config.environment import in_container
from picsync.core.errors import ConfigError, LoginNeeded, PicsyncError
from picsync.core.text import pasted
from picsync.observe.words import counted, printable

if TYPE_CHECKING:
    from picsync.core.model import Finding, SourceAlbum

FEW_ALBUMS = 30
"""Number of an Immich server's albums that are listed; others are entered by name."""

_GOOGLE = re.compile(r"(?:https?://)?(?:photos\.app\.goo\.gl|photos\.google\.com)/", re.IGNORECASE)
_DROPBOX_LINK = re.compile(r"(?:https?://)?(?:(?:www\.)?dropbox\.com|db\.tt)/", re.IGNORECASE)
_DROPBOX = re.compile(r"dropbox(?::\s*(.*))?", re.IGNORECASE | re.DOTALL)
_IMMICH_LINK = re.compile(r"https?://[^/]+/(?:.*/)?(?:share|s)/[^/]+", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)

_NO_KEY_YET = "-"
"""Placeholder for the API key until it is known; it is not sent."""

_SOURCE_QUESTION = (
    "Paste the link of a shared album (Google Photos, Immich or Dropbox), the address of an Immich server, or"
    " the path of a folder; for a folder in your own Dropbox enter dropbox"
)


@click.command()
@click.argument(
    "folder", default=".", type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path)
)
@click.pass_context
def init(ctx: click.Context, /, folder: Path) -> None:
    """Set picsync up: ask a few questions and write all files to FOLDER.

    FOLDER is the current folder by default. Asks for the frame's account and for the albums, tests each
    answer immediately, and writes picsync.yaml and .picsync-credentials.yaml, readable only by you. Then
    offers a dry run, and the files and commands that run picsync permanently. Nothing is written before all
    questions are answered, and no file is replaced.
    """
    logs.set_up()
    config, credentials = private_files(folder)
    for path in (config, credentials):
        if path.exists() or path.is_symlink():
            raise click.UsageError(
                f"{path} already exists, and init does not replace files. `picsync doctor` checks it."
                " To start over, move it away first."
            )
    click.echo(
        f"This sets up picsync in {folder.resolve()}. Nothing is written before all questions are answered;"
        " Ctrl-C stops.\n"
    )
    answers = Answers(_cache(ctx))
    _ask_for_frame(answers)
    _ask_for_sources(answers)
    click.echo("\n3. The album on the frame. Its playlist is called ss_<name>.")
    name = ask("Name", _rule_name, default="Family")
    every = ask("How often picsync checks for changes, such as 1h or 15m", _interval, default="1h")
    install(
        folder,
        config_text(name, answers.sources, every),
        credentials_text(answers.logins),
    )
    click.echo(f"\nWrote {config} and {credentials}. Only you can read them.")
    set_up = SetUp(folder.resolve(), name, tuple(map(str, answers.sources.get("folder", ()))))
    code = _offer_dry_run(set_up, answers.cache)
    _offer_service(set_up)
    click.echo(
        f"\nAfter the first cycle, assign the playlist ss_{name} to the frame once, in Nixplay's app or on"
        " the frame. After that, the frame is updated automatically."
    )
    ctx.exit(code)


# --- questions ----------------------------------------------------------------------------------------


def _rule_name(text: str) -> str:
    if not text.strip():
        raise ValueError("The name must not be empty.")
    return text.strip()


def _interval(text: str) -> str:
    from picsync.config import parse_duration

    if parse_duration(text.strip()) < timedelta(minutes=1):
        raise ValueError("Give at least one minute, such as 15m.")
    return text.strip()


# --- the frame ----------------------------------------------------------------------------------------


def _ask_for_frame(answers: Answers) -> None:
    click.echo(
        "1. The frame: the Nixplay account that owns it. For grandma@mynixplay.com the user name is grandma."
    )
    while True:
        answers.username = str(click.prompt("Nixplay user name")).strip()
        answers.password = ask_secret("Password (not shown)")
        click.echo("Logging in to Nixplay ...")
        try:
            findings = asyncio.run(_examine_frame(answers))
        except ValidationError as error:
            say_problem(refused(error))
            continue
        except LoginNeeded as error:
            say_problem(f"{error.message} Try again.")
            continue
        except PicsyncError as error:
            say_problem(problem_text(error))
            if click.confirm("Use this account untested?", default=False):
                return
            continue
        if show_findings(findings):
            return


async def _examine_frame(answers: Answers) -> Sequence[Finding]:
    from picsync.cli.session import hosts
    from picsync.run.wiring import open_frame

    async with open_frame("nixplay", answers.credentials, hosts(), logs.LogView()) as frame:
        return await frame.examine()


# --- the sources --------------------------------------------------------------------------------------


def _ask_for_sources(answers: Answers) -> None:
    click.echo("\n2. The photos. You can combine any number of sources.")
    while True:
        if not answers.sources:
            text = str(click.prompt(_SOURCE_QUESTION)).strip()
        else:
            text = str(
                click.prompt("Another one, or Enter to continue", default="", show_default=False)
            ).strip()
            if not text:
                return
        try:
            _add_source(answers, text)
        except ValidationError as error:
            say_problem(refused(error))
        except ConfigError as error:
            say_problem("; ".join(problem.message for problem in error.problems))
        except PicsyncError as error:
            say_problem(problem_text(error))


def _add_source(answers: Answers, text: str) -> None:
    address = pasted(text)
    if _GOOGLE.match(address):
        try_entries(answers, "sharedlinks", [address])
    elif _DROPBOX_LINK.match(address):
        add_link(answers, address)
    elif own := _DROPBOX.fullmatch(text):
        add_folder(answers, own[1] or "")
    elif _IMMICH_LINK.match(address):
        try_entries(answers, "immich", [address])
    elif _ADDRESS.match(address):
        _add_immich(answers, address)
    elif text.startswith(("/", "~")):
        _add_folder(answers, text)
    else:
        say_problem(
            "This is neither an address (https://...) nor the path of a folder (/...), nor `dropbox`."
            " `picsync sources` lists all kinds; doc/sources.md describes their set-up."
        )


def _add_folder(answers: Answers, text: str) -> None:
    if not in_container():
        # For the container or service that reads the file later, `~` is a different folder.
        try_entries(answers, "folder", [os.path.expanduser(text)])  # noqa: PTH111 - Path raises for `~user`
    elif text.startswith("~"):
        say_problem("Give the full path on the host: in this container, `~` is a different folder.")
    elif Path(text).is_dir():
        try_entries(answers, "folder", [text])
    else:
        click.echo(
            f"  {text} does not exist in this container, so it cannot be tested. {COMPOSE} can mount it."
        )
        if click.confirm("Use it anyway?", default=False):
            answers.add("folder", [text])


def _add_immich(answers: Answers, server: str) -> None:
    if answers.immich_server and server != answers.immich_server:
        say_problem("Only one Immich server can be set up here. Add other servers by shared links.")
        return
    before = answers.immich_server, answers.immich_key
    try:
        answers.immich_server, answers.immich_key = server, _NO_KEY_YET
        asyncio.run(_reach_immich(answers))
        answers.immich_key = ask_secret("API key (Immich: Account Settings, API Keys; not shown)").strip()
        findings, albums = asyncio.run(_examine_immich(answers))
        if show_findings(findings):
            try_entries(answers, "immich", _chosen(albums))
    finally:
        if "immich" not in answers.sources:
            answers.immich_server, answers.immich_key = before


async def _reach_immich(answers: Answers) -> None:
    async with opened(answers, "immich", []) as source:
        await source.reach()


async def _examine_immich(answers: Answers) -> tuple[Sequence[Finding], list[SourceAlbum]]:
    async with opened(answers, "immich", []) as source:
        findings = await source.examine()
        if any(finding.mark == "problem" for finding in findings):
            return findings, []
        return findings, [album async for album in source.albums()]


def _chosen(albums: Sequence[SourceAlbum]) -> list[str]:
    for number, album in enumerate(albums[:FEW_ALBUMS], 1):
        count = "" if album.item_count is None else f" ({counted(album.item_count, 'item')})"
        click.echo(f"  {number:>3}  {printable(album.title)}{count}")
    if len(albums) > FEW_ALBUMS:
        click.echo(f"       and {counted(len(albums) - FEW_ALBUMS, 'more album')}; enter their names.")
    text = str(click.prompt("Which ones? Numbers or names, separated by commas; also `favorites`"))
    chosen = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        number = int(word) if word.isascii() and word.isdecimal() and len(word) < 6 else 0
        chosen.append(albums[number - 1].title if 0 < number <= len(albums) else word)
    return list(dict.fromkeys(chosen))


# --- next steps -------------------------------------------------------------------------------------


def _cache(ctx: click.Context) -> str:
    """Return a cache for the tests: that of `picsync sync`, or a temporary one.

    In a container, the cache's volume is not mounted yet during the set-up.
    """
    cache = os.environ.get("PICSYNC_CACHE") or DEFAULT_CACHE
    if "://" in cache or os.access(Path(cache).expanduser().parent, os.W_OK | os.X_OK):
        return cache
    return str(Path(ctx.with_resource(tempfile.TemporaryDirectory(prefix="picsync-init-"))) / DEFAULT_CACHE)


def _offer_dry_run(set_up: SetUp, cache: str) -> Exit:
    """Do a dry run if the user wants it; return its exit code."""
    question = (
        "\nShow what the first cycle would do? This changes nothing, but downloads all photos once to compare"
        " them"
    )
    if not click.confirm(question, default=True):
        return Exit.DONE
    from picsync.run.settings import SettingsFiles

    config, credentials = private_files(set_up.folder)
    files = SettingsFiles(config, os.environ, [credentials])
    with logs.logging_to("human", verbose=False) as emit:
        try:
            return asyncio.run(run_sync(files, SyncOptions(cache=cache, dry_run=True), emit))
        except PicsyncError as error:
            say_problem(problem_text(error))
            return Exit.FAILED


def _offer_service(set_up: SetUp) -> None:
    click.echo(
        "\n4. Run it permanently: in a container (compose), by systemd, in Kubernetes, or manually (none)."
    )
    default = "compose" if in_container() else "none"
    choices = click.Choice(["compose", "systemd", "kubernetes", "none"])
    way = click.prompt("How", type=choices, default=default)
    if way == "compose":
        make_cache_folder(set_up)
        _written(set_up.folder / COMPOSE, compose_file(set_up))
        click.echo("Start it:\n  docker compose up --detach\nWatch it:\n  docker compose logs --follow")
        click.echo("Status page: http://127.0.0.1:1971/")
    elif way == "systemd":
        path = set_up.folder / UNIT
        _written(path, unit_file(set_up))
        click.echo(
            "Start it, now and at every boot:\n"
            f"  systemctl --user enable --now {path}\n"
            "  loginctl enable-linger\n"
            "Watch it:\n"
            "  journalctl --user --unit picsync --follow"
        )
        click.echo("Status page: http://127.0.0.1:1971/")
    elif way == "kubernetes":
        click.echo("In the folder of picsync's source, once the cluster can pull the image:")
        click.echo("".join(f"  {line}\n" for line in kubernetes_commands(set_up)), nl=False)
    else:
        path = set_up.folder / DEFAULT_CONFIG
        click.echo(f"Start it in {set_up.folder}:\n  picsync sync {path.name}")


def _written(path: Path, text: str) -> None:
    if path.exists() or path.is_symlink():
        click.echo(f"{path} already exists and was not changed.")
        return
    path.write_text(text, encoding="utf-8")
    click.echo(f"Wrote {path}.")

"""`picsync frame open`, `tokens`, `revoke` and `pair`: which devices may show a frame of the kind `web`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.commands import suggestion
from picsync.cli.exits import Exit
from picsync.cli.links import print_link
from picsync.cli.onframes import time_of
from picsync.cli.output import json_option, print_json, print_table
from picsync.cli.sync import cache_option, config_option
from picsync.observe.words import counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from picsync.config import Config
    from picsync.frames.web.access import Access, Token
    from picsync.system.control import Requests

ANSWER_WITHIN_S = 5.0
"""How long to wait for the running picsync, which answers immediately unless it is busy."""

_WAYS = {"link": "a link", "code": "a code"}


@click.command(name="open")
@click.argument("name", required=False)
@config_option
@cache_option
def open_frame(name: str | None, *, config: Path, cache: str) -> None:
    """Print a link that lets one device show the frame NAME.

    On a terminal, it is also shown as a QR code. Each link is for one device; anyone who has it can see the
    photos of the frame. `picsync frame revoke` makes it invalid.
    """
    from picsync.frames.web.access import Way
    from picsync.web.frame.address import base_of

    settings = _config(config)
    frame = _named(settings, name)
    token = _access(cache).grant(frame, Way.LINK)
    print_link(settings, f"{base_of(frame)[1:]}?token={token}")
    click.echo("Open it on the device. Keep it secret: it is the key to the photos of this frame.", err=True)
    if settings.every is None:
        click.echo("Set `every` in picsync.yaml: the page is served only while picsync runs.", err=True)


@click.command()
@click.argument("name", required=False)
@config_option
@cache_option
@json_option
def tokens(name: str | None, *, config: Path, cache: str, as_json: bool) -> None:
    """List the devices that may show the frame NAME, and what they show now."""
    frame = _named(_config(config), name)
    devices = _devices(_requests(cache), frame)
    found = [(token, devices.get(token.token_id, {})) for token in _access(cache).tokens(frame)]
    if as_json:
        print_json(
            [
                {
                    "id": token.token_id,
                    "way": token.way,
                    "created_at": token.created_at,
                    "seen_at": device.get("seen"),
                    "photo": device.get("photo"),
                    "paused": device.get("paused"),
                }
                for token, device in found
            ]
        )
    elif found:
        rows = [_row(token, device) for token, device in found]
        print_table(["ID", "LET IN BY", "SINCE", "LAST SEEN", "SHOWN"], rows)
    else:
        click.echo(
            f"No device may show the frame {frame}. `picsync frame open {frame}` prints a link.", err=True
        )


@click.command()
@click.argument("name")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Send all devices away.")
@config_option
@cache_option
@click.pass_context
def revoke(
    ctx: click.Context,
    /,
    name: str,
    ids: tuple[str, ...],
    *,
    everything: bool,
    config: Path,
    cache: str,
) -> None:
    """Send devices away from the frame NAME: those with these IDs, or all.

    A device keeps the photos that it has stored until its browser deletes them. With --all, all pictures get
    new addresses.
    """
    if bool(ids) == everything:
        raise click.UsageError("Name IDs of `picsync frame tokens`, or use --all.")
    frame = _named(_config(config), name)
    access = _access(cache)
    known = [token.token_id for token in access.tokens(frame)]
    if unknown := [each for each in ids if each not in known]:
        click.echo(f"picsync: The frame {frame} has no token {unknown[0]!r}; nothing was changed.", err=True)
        click.echo(f"`picsync frame tokens {frame}` lists them.{suggestion(unknown[0], known)}", err=True)
        ctx.exit(Exit.FAILED)
    gone = access.revoke(frame, None if everything else ids)
    _requests(cache).wake()
    click.echo(f"{frame}: {counted(len(gone), 'device')} can no longer show the frame.")


@click.command()
@click.argument("code")
@cache_option
@click.pass_context
def pair(ctx: click.Context, /, code: str, cache: str) -> None:
    """Let the device in whose page shows the pairing CODE."""
    digits = code.replace(" ", "").replace("-", "")
    if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
        raise click.UsageError("CODE has six digits; the page of the frame shows it.")
    answer = _requests(cache).ask("pair", {"code": digits}, within_s=ANSWER_WITHIN_S)
    if answer is None:
        click.echo(f"picsync: No running picsync that uses the cache {cache} has answered.", err=True)
        click.echo("The code belongs to a running one: start it, with `every` in picsync.yaml.", err=True)
    elif answer.get("too_many"):
        click.echo("picsync: Too many wrong codes. Wait a minute, then try again.", err=True)
    elif "frame" not in answer:
        click.echo("picsync: The running picsync has no frame of the kind `web`.", err=True)
    elif answer["frame"] is None:
        click.echo(f"picsync: No page shows the code {digits} now. It is valid for ten minutes.", err=True)
    else:
        click.echo(f"{printable(str(answer['frame']))}: the device shows the frame in a few seconds.")
        return
    ctx.exit(Exit.FAILED)


def _row(token: Token, device: Mapping[str, Any]) -> tuple[str, ...]:
    from picsync.system.localtime import to_minute

    seen = time_of(device.get("seen")) or "-"
    shown = str(device.get("photo") or "-") + (" (paused)" if device.get("paused") else "")
    return token.token_id, _WAYS[token.way], to_minute(token.created_at), seen, shown


def _devices(requests: Requests, frame: str) -> Mapping[str, Any]:
    """Return what the devices of a frame show; without a running picsync, when they were seen last."""
    answer = requests.ask("frames", {}, within_s=ANSWER_WITHIN_S) or {}
    frames = answer.get("frames")
    found = frames.get(frame) if isinstance(frames, dict) else None
    devices = found.get("devices") if isinstance(found, dict) else None
    if isinstance(devices, dict):
        return devices
    from picsync.frames.web.lastseen import LastSeen
    from picsync.system.localtime import rfc3339

    saved = LastSeen(requests.folder)
    saved.load()
    return {token_id: {"seen": rfc3339(seen.at)} for token_id, seen in saved.of(frame).items()}


def _config(path: Path) -> Config:
    from picsync.run.kinds import read_accounts, read_config

    return read_config(path, os.environ, read_accounts(os.environ))


def _named(config: Config, name: str | None) -> str:
    """Return the name of a web frame; the only one, if none is named. Raises UsageError."""
    from picsync.frames.kinds import FRAMES

    known = [each for each, entry in config.frames.items() if FRAMES[entry.kind].pages]
    if name is None and len(known) == 1:
        return known[0]
    if not known:
        raise click.UsageError("picsync.yaml has no frame of the kind `web`; doc/web-frame.md describes it.")
    if name is None:
        raise click.UsageError(f"Name one of the frames: {', '.join(known)}.")
    if name not in known:
        listed = ", ".join(known)
        raise click.UsageError(
            f"{name!r} is not a frame of the kind `web`.{suggestion(name, known)} There are: {listed}."
        )
    return name


def _requests(cache: str) -> Requests:
    from picsync.system.control import Requests

    return Requests.beside(cache)


def _access(cache: str) -> Access:
    from picsync.frames.web.access import Access

    return Access(_requests(cache).folder)

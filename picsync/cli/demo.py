"""`picsync demo`: the real sync between emulated services, with its frames on web pages."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli import demoorganize
from picsync.cli.listen import LISTEN, start
from picsync.cli.logs import log_options, logging_to
from picsync.cli.scenes import ALBUM, SCENES, SINGULAR, Staged
from picsync.cli.sync import SyncOptions, run_sync
from picsync.core.events import CycleFinished, Event, FileMoved, ItemUploaded, NoticeKind, PlaylistCreated
from picsync.observe.words import printable, report_remarks, report_sentence
from picsync.system.localtime import clock

if TYPE_CHECKING:
    from picsync.core.events import Emit
    from picsync.emulators.world import World

EVERY = "2s"
"""Interval between cycles: short enough to see a new picture on the frame quickly."""
_FRAME = "tablet"
_TITLE = "Family"
_INTERVAL = "8s"
"""How long the frame shows a photo: short enough for a spectator."""


@click.command()
@click.option(
    "--source",
    type=click.Choice([*SCENES, *SINGULAR]),
    help="The kind of source to use. Default: googlephotos, and dropbox with --organize.",
)
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The directory that serves as the source album. Default: sample photos.",
)
@click.option(
    "--organize",
    is_flag=True,
    help="Sort camera uploads that arrive in Dropbox by date; the frames show what was sorted.",
)
@click.option(
    "--family", is_flag=True, help="Also show the pages of a sample family, with votes and captions."
)
@click.option(
    "--listen", type=LISTEN, default="127.0.0.1:0", metavar="HOST:PORT", help="Where to serve the page."
)
@log_options
@click.pass_context
def demo(
    ctx: click.Context,
    /,
    source: str | None,
    photos: Path | None,
    *,
    organize: bool,
    family: bool,
    listen: tuple[str, int],
    verbose: bool,
    log_format: str,
) -> None:
    """Run picsync between emulated services on this machine, without any account.

    A directory of pictures serves as the source album. Two web pages show the frames: a web frame, which any
    browser can be, and an emulated Nixplay frame. Add a picture to the directory, or remove one, and watch
    them. Ctrl-C ends the demo and removes its files.
    """
    if organize and photos is not None:
        raise click.UsageError("--organize moves files, so it takes no --photos: it sorts sample photos.")
    if organize and source not in (None, "dropbox"):
        raise click.UsageError(f"--organize sorts files in Dropbox: leave out --source {source}.")
    with (
        logging_to(log_format, verbose=verbose) as emit,
        tempfile.TemporaryDirectory(prefix="picsync-demo-") as folder,
    ):
        kind = "dropbox" if organize else SINGULAR.get(source or "", source or "googlephotos")
        code = asyncio.run(_demo(Path(folder), kind, photos, listen, emit, organize=organize, family=family))
    click.echo("The demo has ended.", err=True)
    ctx.exit(code)


class Caption:
    """The corner of the page: the result of the last cycle."""

    def __init__(self) -> None:
        self._lines: tuple[str, ...] = ("The first cycle is running.",)

    def read(self, event: Event) -> None:
        """Handle the end of a cycle."""
        if isinstance(event, CycleFinished):
            self._lines = (
                f"{clock(datetime.now(UTC))}  {report_sentence(event.report)}",
                *report_remarks(event.report),
            )

    def __call__(self) -> Sequence[str]:
        """Return the lines to show."""
        return self._lines


class _Told:
    """Forwards events, without those that need no action here, and reports some to the page's visitor."""

    def __init__(self, emit: Emit, announce: Callable[[str], None]) -> None:
        self._emit = emit
        self._announce = announce

    def read(self, event: Event) -> None:
        """Handle an event."""
        match event:
            case PlaylistCreated():
                return  # The demo assigns every playlist to the frame.
            case CycleFinished(report):
                new = NoticeKind.PLAYLIST_NEW
                notices = tuple(notice for notice in report.notices if notice.kind is not new)
                event = CycleFinished(replace(report, notices=notices))
            case FileMoved(_, path, to):
                name = path.rpartition("/")[2]
                self._announce(f"Sorted {printable(name)} into {printable(to.rpartition('/')[0])}.")
            case ItemUploaded(_, filename, 0):
                self._announce(f"{printable(filename)} is already on the frame.")
        self._emit(event)


def _help(photos: Path, *, droppable: bool, organize: bool) -> list[str]:
    drop = " You can also drop one onto this page." if droppable else ""
    remove = "" if organize else ", or remove one,"
    return [
        f"Add a picture to {photos}{remove} and watch the frame.{drop}",
        "Next and back: arrow keys, tap, or swipe. Full screen: F. These hints: H.",
    ]


def _addresses(url: str, host: str, path: str = "") -> list[str]:
    """Return a page's URLs: for this machine and, if it listens there, for others."""
    found = [f"{url.replace('0.0.0.0', '127.0.0.1').replace('[::]', '[::1]')}/{path}"]  # noqa: S104
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only compared
        port = url.rpartition(":")[2]
        name = _own_address() or socket.gethostname()
        found.append(f"http://{_bracketed(name)}:{port}/{path}  (from other machines)")
    return found


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _free_port(host: str) -> int:
    """Return a port for the web frame. If another program takes it first, picsync says so and tries again."""
    with socket.create_server((host, 0), family=_family(host)) as probe:
        return int(probe.getsockname()[1])


def _family(host: str) -> socket.AddressFamily:
    return socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0][0]


def _token(cache: Path) -> str:
    """Return a token for the browser that opens the web frame."""
    from picsync.frames.web.access import Access, Way
    from picsync.system.control import Requests

    return Access(Requests.beside(str(cache)).folder).grant(_FRAME, Way.LINK)


def _own_address() -> str | None:
    """Return this machine's address on its network, from the routing table; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # TEST-NET-1, RFC 5737
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _demo(
    folder: Path,
    source: str,
    photos: Path | None,
    listen: tuple[str, int],
    emit: Emit,
    *,
    organize: bool = False,
    family: bool = False,
) -> int:
    from picsync.emulators.droppedphotos import DroppedPhotos
    from picsync.emulators.samples import write_samples
    from picsync.emulators.world import World
    from picsync.run.process import send_to
    from picsync.run.settings import SettingsFiles

    caption = Caption()
    readers: list[Emit] = [emit, caption.read]
    pictures: list[Path] = []
    samples = photos is None
    if photos is None:
        photos = folder / "photos"
        click.echo("Painting sample photos ...", err=True)
        pictures = await asyncio.to_thread(write_samples, folder / "phone" if organize else photos)
        photos.mkdir(exist_ok=True)
    own = photos.resolve()
    # Only from this machine: anyone who can reach the page could fill the directory.
    droppable = samples or _is_loopback(listen[0])
    world = World(
        caption=caption,
        help_lines=_help(own, droppable=droppable, organize=organize),
        dropped=DroppedPhotos(own) if droppable else None,
    )
    cache = folder / "picsync-metadata-cache.db"
    await start(world.server, listen)
    async with world, AsyncExitStack() as stack:
        web = f"http://{_bracketed(listen[0])}:{_free_port(listen[0])}"
        staged = demoorganize.stage(world, photos) if organize else SCENES[source](world, photos)
        config, credentials = _write_settings(folder, world, source, staged, web)
        if organize:
            phone = demoorganize.Phone(pictures, photos)
            stack.push_async_callback(phone.aclose)
            phone.start()
        if family:
            from picsync.cli import demofamily

            demofamily.add_settings(config, web, folder / "library")
            seeding = demofamily.Seeding(cache)
            readers.append(seeding.read)
            stack.push_async_callback(seeding.aclose)
            joining = f"join/{await demofamily.invite_all(cache)}"
            for number, address in enumerate(_addresses(web, listen[0], joining)):
                click.echo(f"{'' if number else 'Family pages:':<14} {address}")
        link = f"frame/{_FRAME}?token={_token(cache)}"
        for number, address in enumerate(_addresses(web, listen[0], link)):
            click.echo(f"{'' if number else 'Web frame:':<14} {address}")
        for number, address in enumerate(_addresses(world.server.url, listen[0])):
            click.echo(f"{'' if number else 'Nixplay frame:':<14} {address}")
        if organize:
            click.echo(f"Phone:         {own}  (add pictures)")
            for number, address in enumerate(_addresses(world.server.url, listen[0], "www.dropbox.com/home")):
                click.echo(f"{'' if number else 'Dropbox:':<14} {address}")
        else:
            click.echo(f"Source album:  {own}  (add or remove pictures)")
        click.echo(f"Configuration: {config}")
        click.echo("Ctrl-C ends the demo.")
        return await run_sync(
            SettingsFiles(config, {}, [credentials]),
            SyncOptions(cache=str(cache), least_every=timedelta(0)),
            _Told(send_to(readers), world.page.announce).read,
        )


def _write_settings(folder: Path, world: World, source: str, staged: Staged, web: str) -> tuple[Path, Path]:
    """Write the user's two files, configured for the emulated services."""
    from picsync.emulators.world import NIXPLAY_PASSWORD, NIXPLAY_USER

    config = folder / "picsync.yaml"
    config.write_text(
        f"emulator: {world.server.url}\n"
        "frames:\n"
        f"  {_FRAME}:\n"
        "    kind: web\n"
        f"    title: {_TITLE}\n"
        f"    show: {{interval: {_INTERVAL}}}\n"
        "web:\n"
        f"  listen: {json.dumps(web.removeprefix('http://'))}\n"
        "albums:\n"
        f"- name: {ALBUM}\n"
        f"  frames: [nixplay, {_FRAME}]\n"
        "  sources:\n"
        f"    {source}: {json.dumps(staged.entries)}\n"
        f"every: {EVERY}\n"
        + "".join(f"{name}: {json.dumps(value)}\n" for name, value in staged.settings.items()),
        encoding="utf-8",
    )
    credentials = folder / ".picsync-credentials.yaml"
    credentials.touch(mode=0o600)
    login = {"nixplay": {"username": NIXPLAY_USER, "password": NIXPLAY_PASSWORD}, **staged.credentials}
    # JSON is YAML, too.
    credentials.write_text(json.dumps(login, indent=2) + "\n", encoding="utf-8")
    return config, credentials

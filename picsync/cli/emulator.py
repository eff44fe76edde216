"""`picsync emulator`: the emulated services on their own, for other clients and for tests."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from picsync.cli.exits import Exit
from picsync.cli.listen import LISTEN, start

if TYPE_CHECKING:
    from picsync.emulators.world import World

IMMICH_VERSIONS = {"2.7": (2, 7, 5), "3.0": (3, 0, 3), "3.2": (3, 2, 2), "3.3": (3, 3, 5), "4.0": (4, 0, 0)}

SHARED_PAGES = ("consent", "consent-always", "scripts", "scripts-always")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--listen",
    type=LISTEN,
    required=True,
    metavar="HOST:PORT",
    help="Where to serve; port 0 selects a free one.",
)
@click.option("--tls-cert", type=_FILE, help="Serve over TLS with this certificate (PEM).")
@click.option("--tls-key", type=_FILE, help="The certificate's private key (PEM).")
@click.option(
    "--photos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory that serves as an album in Google Photos and Immich, and as a folder in Dropbox.",
)
@click.option(
    "--era",
    type=click.Choice(["legacy", "2025"]),
    default="2025",
    show_default=True,
    help="Google's rules: before or since 31 March 2025.",
)
@click.option(
    "--immich",
    "immich_version",
    type=click.Choice(list(IMMICH_VERSIONS)),
    default="3.3",
    show_default=True,
    help="Immich's version; 4.0 is a hypothetical future one.",
)
@click.option(
    "--shared-page",
    "variants",
    type=click.Choice(SHARED_PAGES),
    multiple=True,
    help="What replaces the page of an album shared by link: Google's consent page (for visitors "
    "without its cookie, or always), or a page of scripts (for visitors other than browsers, or always). "
    "Can be given twice.",
)
@click.option(
    "--wire",
    type=click.Choice(["lan", "home"]),
    default="lan",
    show_default=True,
    help="Network to simulate: `lan` (no delay, no limit) or `home` (the delays and bandwidth of a home"
    " internet connection).",
)
@click.pass_context
def emulator(
    ctx: click.Context,
    /,
    *,
    listen: tuple[str, int],
    tls_cert: Path | None,
    tls_key: Path | None,
    photos: Path | None,
    era: str,
    immich_version: str,
    variants: tuple[str, ...],
    wire: str,
) -> None:
    """Serve emulated Google, Immich, Dropbox and Nixplay on one port.

    Clients reach a service by its own host name, or through a path prefix: http://HOST:PORT/api.nixplay.com/.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together.")
    context = None
    if tls_cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(tls_cert, tls_key)
        except (ssl.SSLError, OSError) as error:
            raise click.UsageError(f"--tls-cert and --tls-key cannot be used together: {error}") from error
    world = _world(context, era, IMMICH_VERSIONS[immich_version], variants, wire)
    asyncio.run(_serve(world, listen, photos, era))
    ctx.exit(Exit.DONE)


def _world(
    context: ssl.SSLContext | None,
    era: str,
    immich: tuple[int, int, int],
    shared_page: Sequence[str],
    wire: str,
) -> World:
    from picsync.emulators.google import Era, GoogleOptions, SharingOptions
    from picsync.emulators.immich import ImmichOptions
    from picsync.emulators.wireprofile import PROFILES
    from picsync.emulators.world import World

    return World(
        google=GoogleOptions(era=Era(era), sharing=SharingOptions.of(shared_page)),
        immich=ImmichOptions(immich),
        ssl_context=context,
        profile=PROFILES[wire],
    )


async def _serve(world: World, listen: tuple[str, int], photos: Path | None, era: str) -> None:
    await start(world.server, listen)
    async with world:
        _introduce(world, photos, era)
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()


def _introduce(world: World, photos: Path | None, era: str) -> None:
    """Print the access data for clients. It is only valid for this emulator."""
    from picsync.emulators.world import LEGACY_SCOPE, NIXPLAY_PASSWORD, NIXPLAY_USER, READ_SCOPE

    login = world.google.issue_credentials([LEGACY_SCOPE if era == "legacy" else READ_SCOPE])
    click.echo(f"Serving at {world.server.url}")
    click.echo(f"Frame page: {world.server.url}/")
    click.echo(f"Request log: {world.server.url}/_emulator/requests")
    click.echo(f"Nixplay: user {NIXPLAY_USER}, password {NIXPLAY_PASSWORD}")
    click.echo(f"Google: client ID {login['client_id']}, client secret {login['client_secret']}")
    click.echo(f"Google: access token {login['access_token']}, refresh token {login['refresh_token']}")
    click.echo(f"Immich: {world.server.url}/{world.immich.host}, API key {world.immich.add_key().secret}")
    app = world.dropbox.app
    grant = world.dropbox.log_in()
    click.echo(f"Dropbox: app key {app.key}, app secret {app.secret}, refresh token {grant.refresh_token}")
    if photos is not None:
        album = world.google.directory_album(photos, photos.resolve().name)
        click.echo(f"Google: album {album.album_id} is {photos.resolve()}")
        click.echo(f"Google: {world.google.share(album).short_link} shares it")
        shown = world.immich.directory_album(photos, photos.resolve().name)
        click.echo(f"Immich: album {shown.album_id} is {photos.resolve()}")
        world.dropbox.directory_folder(photos, f"/{photos.resolve().name}")
        click.echo(f"Dropbox: the folder /{photos.resolve().name} is {photos.resolve()}")
    click.echo("Ctrl-C ends it.")

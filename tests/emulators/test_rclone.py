"""rclone, an independent client of Google Photos, against the emulator, reached by host name over TLS."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Era, GoogleOptions, GooglePhotos, generated_jpeg
from picsync.emulators.google.content import read_all
from picsync.emulators.google.service import DEFAULT_SCOPES
from picsync.emulators.server import EmulatorServer
from tests.emulators.googlekit import LEGACY_SCOPES, MP4, jpeg

pytestmark = pytest.mark.skipif(shutil.which("rclone") is None, reason="rclone is not installed")


class ConnectProxy:
    """An HTTP proxy that leads every host to one port of this machine."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        assert request.startswith(b"CONNECT ")
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    @staticmethod
    async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65536):
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()


@dataclass
class Rclone:
    google: GooglePhotos
    server: EmulatorServer
    environment: dict[str, str]
    directory: Path

    def login(self, *scopes: str, expired: bool = False) -> None:
        """Configure the remote `remote:` with a token as a login would have left it."""
        issued = self.google.issue_credentials(scopes or LEGACY_SCOPES, expired=expired)
        names = ("access_token", "refresh_token", "token_type", "expiry")
        token = json.dumps({name: issued[name] for name in names})
        (self.directory / "rclone.conf").write_text(
            "[remote]\ntype = google photos\n"
            f"client_id = {issued['client_id']}\nclient_secret = {issued['client_secret']}\ntoken = {token}\n"
        )

    async def __call__(self, *arguments: str) -> str:
        """Run rclone; return what it prints, or fail with what it complains about."""
        options = ["--config", "rclone.conf", "--ca-cert", "ca.pem", "--retries", "1", *arguments]
        process = await asyncio.create_subprocess_exec(
            "rclone",
            *options,
            cwd=self.directory,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, complaints = await process.communicate()
        assert process.returncode == 0, complaints.decode()
        return out.decode()


@pytest.fixture
async def rclone(tmp_path: Path) -> AsyncIterator[Rclone]:
    google = GooglePhotos(GoogleOptions(era=Era.LEGACY))
    hosts = google.routes()
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*hosts).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with EmulatorServer([google], ssl_context=context) as server:
        proxy = ConnectProxy(server.port)
        await proxy.start()
        address = f"http://127.0.0.1:{proxy.port}"
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HTTPS_PROXY": address}
        program = Rclone(google, server, environment, tmp_path)
        program.login()
        yield program
        await proxy.close()


async def test_rclone_lists_albums_and_media(rclone: Rclone) -> None:
    garden = rclone.google.add_album("Garden", app_created=False)
    for number in range(120):
        rclone.google.add_item(garden, f"{number:03}.jpg", generated_jpeg(number, 1500))
    rclone.google.add_item(None, "loose.jpg", jpeg(), app_created=False)
    rclone.google.options.page_cap = 30
    rclone.google.options.empty_page_every = 3
    names = [f"{number:03}.jpg" for number in range(120)]
    assert (await rclone("lsf", "remote:album")).split() == ["Garden/"]
    assert sorted((await rclone("lsf", "remote:album/Garden")).split()) == names
    assert sorted((await rclone("lsf", "remote:media/all")).split()) == [*names, "loose.jpg"]


async def test_rclone_downloads_photos_and_videos(rclone: Rclone) -> None:
    album = rclone.google.add_album("Trip", app_created=False)
    large = generated_jpeg(5, 3_000_000)
    rclone.google.add_item(album, "large.jpg", large)
    rclone.google.add_item(album, "film.mp4", MP4)
    rclone.server.faults.add(
        Fault(kind=FaultKind.STATUS, host="lh3.googleusercontent.com", status=503, body="busy"),
        Fault(kind=FaultKind.STATUS, path="search", status=429, body="{}", content_type="application/json"),
    )
    await rclone("copy", "remote:album/Trip", "got")
    assert (rclone.directory / "got" / "large.jpg").read_bytes() == read_all(large)
    assert (rclone.directory / "got" / "film.mp4").read_bytes() == MP4
    assert rclone.server.faults.spent
    assert rclone.server.log.count(host="video-downloads.googleusercontent.com") >= 1


async def test_rclone_uploads_to_the_library_and_to_an_album(rclone: Rclone) -> None:
    (rclone.directory / "up.jpg").write_bytes(jpeg(80, 80))
    (rclone.directory / "other.jpg").write_bytes(jpeg(90, 90))
    await rclone("copy", "up.jpg", "remote:upload/")
    assert [item.filename for item in rclone.google.library.items.values()] == ["up.jpg"]
    await rclone("copy", "other.jpg", "remote:album/New")
    (album,) = rclone.google.library.albums.values()
    assert (album.title, [item.filename for item in album.items]) == ("New", ["other.jpg"])
    assert read_all(album.items[0].content) == jpeg(90, 90)
    assert (await rclone("lsf", "remote:album/New")).split() == ["other.jpg"]


async def test_rclone_refreshes_its_token(rclone: Rclone) -> None:
    rclone.google.add_album("Garden")
    rclone.login(expired=True)
    assert (await rclone("lsf", "remote:album")).split() == ["Garden/"]
    assert rclone.server.log.count(method="POST", path="token", status=200) == 1
    assert rclone.server.log.count(status=401) == 0


async def test_rclone_is_refused_in_2025(rclone: Rclone) -> None:
    rclone.google.options.era = Era.Y2025
    with pytest.raises(AssertionError, match="insufficient authentication scopes"):
        await rclone("lsf", "remote:album")


async def test_rclone_with_todays_scopes_sees_its_own_albums_only(rclone: Rclone) -> None:
    rclone.google.options.era = Era.Y2025
    rclone.login(*DEFAULT_SCOPES)
    rclone.google.add_album("Family", app_created=False)
    (rclone.directory / "up.jpg").write_bytes(jpeg())
    await rclone("copy", "up.jpg", "remote:album/Mine")
    assert (await rclone("lsf", "remote:album")).split() == ["Mine/"]
    assert (await rclone("lsf", "remote:album/Mine")).split() == ["up.jpg"]
    await rclone("delete", "remote:album/Mine")
    assert (await rclone("lsf", "remote:album/Mine")) == ""

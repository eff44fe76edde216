"""Pictures that are dropped onto the page of the frame."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from PIL import Image

from picsync.emulators.droppedphotos import HEADER, DroppedPhotos
from picsync.emulators.framepage import FramePage
from picsync.emulators.server import EmulatorServer

PAGE = {HEADER: "1"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    page = FramePage(list, list, dropped=DroppedPhotos(tmp_path))
    server = EmulatorServer([], pages=page.routes())
    async with server, aiohttp.ClientSession(server.url) as client:
        yield client
        await page.close()


def picture(colour: str, kind: str = "JPEG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (40, 20), colour).save(made, kind)
    return made.getvalue()


async def drop(site: aiohttp.ClientSession, name: str, content: bytes) -> tuple[int, str]:
    async with site.post("/photos", params={"name": name}, data=content, headers=PAGE) as answer:
        return answer.status, await answer.text()


async def test_a_picture_lands_in_the_directory(site: aiohttp.ClientSession, tmp_path: Path) -> None:
    assert await drop(site, "beach.jpg", picture("teal")) == (
        201, "beach.jpg is in the album. It will be sent to the frame.",
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["beach.jpg"]
    assert (await drop(site, "beach.png", picture("teal", "PNG")))[0] == 201
    assert (await drop(site, "beach.jpg", picture("red")))[0] == 201
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beach (2).jpg", "beach.jpg", "beach.png"]


async def test_the_same_picture_is_reported(site: aiohttp.ClientSession, tmp_path: Path) -> None:
    await drop(site, "a.jpg", picture("teal"))
    assert await drop(site, "b.jpg", picture("teal")) == (409, "b.jpg already exists as a.jpg.")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "name", ["../../etc/x.jpg", "/etc/x", ".hidden", "", "a\x00b.jpg", "x" * 500, "é\n.jpg", "CON"]
)
async def test_no_name_leads_out_of_the_directory(
    site: aiohttp.ClientSession, tmp_path: Path, name: str
) -> None:
    assert (await drop(site, name, picture("teal")))[0] == 201
    (made,) = tmp_path.iterdir()
    assert not made.name.startswith(".")
    assert made.suffix == ".jpg"


@pytest.mark.parametrize("content", [b"", b"text", picture("teal")[:50], picture("teal", "PNG")[:60]])
async def test_what_is_no_picture_is_refused(
    site: aiohttp.ClientSession, tmp_path: Path, content: bytes
) -> None:
    assert await drop(site, "a.jpg", content) == (415, "a.jpg is not a picture.")
    assert list(tmp_path.iterdir()) == []


async def test_a_page_from_elsewhere_sends_nothing(site: aiohttp.ClientSession, tmp_path: Path) -> None:
    async with site.post("/photos", params={"name": "a.jpg"}, data=picture("teal")) as answer:
        assert answer.status == 403
    async with site.options("/photos", headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    assert list(tmp_path.iterdir()) == []


async def test_a_page_without_a_directory_takes_nothing() -> None:
    page = FramePage(list, list)
    async with EmulatorServer([], pages=page.routes()) as server, aiohttp.ClientSession(server.url) as client:
        async with client.post("/photos", data=picture("teal"), headers=PAGE) as answer:
            assert answer.status == 404
        await page.close()

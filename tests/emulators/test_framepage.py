import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from PIL import Image

from picsync.emulators.framepage import FramePage, ShownPhoto
from picsync.emulators.server import EmulatorServer


class Frame:
    """What the page shows, for the tests to change."""

    def __init__(self) -> None:
        self.photos: list[ShownPhoto] = []
        self.caption = ["2 photos added"]
        self.page = FramePage(
            lambda: self.photos, lambda: self.caption, title="<i>Gran's</i> frame", seconds_per_photo=3
        )


@pytest.fixture
def frame() -> Frame:
    return Frame()


@pytest.fixture
async def site(frame: Frame) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client whose addresses are relative to the page's server."""
    server = EmulatorServer([], pages=frame.page.routes())
    async with server, aiohttp.ClientSession(server.url) as client:
        yield client
        await frame.page.close()


def picture(folder: Path, name: str, kind: str) -> Path:
    path = folder / name
    Image.new("RGB", (40, 20), "teal").save(path, kind)
    return path


async def next_state(events: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(10):
        async for line in events.content:
            if line.startswith(b"data: "):
                state: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
                return state
    raise AssertionError("the stream ended")


async def test_page_escapes_its_title_and_loads_nothing_external(
    site: aiohttp.ClientSession,
) -> None:
    async with site.get("/") as answer:
        text = await answer.text()
        assert answer.content_type == "text/html"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "&lt;i&gt;Gran&#x27;s&lt;/i&gt; frame" in text
    assert "<i>" not in text
    assert '"secondsPerPhoto": 3' in text
    assert "@TITLE@" not in text
    assert "http" not in text


async def test_names_reach_the_page_as_data_only(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    title = "</script><script>alert('é')</script>\n\ndata: {}"
    frame.photos = [ShownPhoto("1", title, picture(tmp_path, "a.jpg", "JPEG"))]
    frame.caption = ["<b>done</b>"]
    async with site.get("/") as answer:
        assert "alert(" not in await answer.text()
    async with site.get("/state") as answer:
        assert answer.content_type == "application/json"
        state = await answer.json()
    assert state["photos"][0]["title"] == title
    assert state["caption"] == ["<b>done</b>"]
    async with site.get("/events") as events:
        assert await next_state(events) == state


async def test_an_open_page_hears_of_photos_that_come_and_go(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with site.get("/events") as events:
        assert events.content_type == "text/event-stream"
        assert (await next_state(events))["photos"] == []
        frame.photos = [ShownPhoto("7", "Beach", picture(tmp_path, "a.jpg", "JPEG"))]
        frame.page.changed()
        assert [photo["title"] for photo in (await next_state(events))["photos"]] == ["Beach"]
        frame.photos = []
        frame.page.changed()
        assert (await next_state(events))["photos"] == []


async def test_an_unannounced_change_is_noticed(frame: Frame, site: aiohttp.ClientSession) -> None:
    async with site.get("/events") as events:
        await next_state(events)
        frame.caption = ["nothing to do"]
        assert (await next_state(events))["caption"] == ["nothing to do"]


async def test_every_open_page_hears_of_a_change(frame: Frame, site: aiohttp.ClientSession) -> None:
    async with site.get("/events") as one, site.get("/events") as other:
        await asyncio.gather(next_state(one), next_state(other))
        frame.caption = ["new"]
        frame.page.changed()
        states = await asyncio.gather(next_state(one), next_state(other))
    assert [state["caption"] for state in states] == [["new"], ["new"]]


async def test_closing_ends_the_open_streams(frame: Frame, site: aiohttp.ClientSession) -> None:
    async with site.get("/events") as events:
        await next_state(events)
        await frame.page.close()
        async with asyncio.timeout(5):
            assert b"data:" not in await events.content.read()
    async with site.get("/events") as late, asyncio.timeout(5):
        assert b"data:" not in await late.read()


async def test_a_photo_is_served_as_it_is(frame: Frame, site: aiohttp.ClientSession, tmp_path: Path) -> None:
    path = picture(tmp_path, "a.png", "PNG")
    photo_id = "12/34 ü?#"
    frame.photos = [ShownPhoto(photo_id, "a", path)]
    async with site.get(f"/photo/{quote(photo_id, safe='')}") as answer:
        assert answer.content_type == "image/png"
        assert await answer.read() == path.read_bytes()


async def test_a_photo_with_its_version_may_be_kept_by_the_browser(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    path = picture(tmp_path, "a.jpg", "JPEG")
    frame.photos = [ShownPhoto("1", "a", path)]
    async with site.get("/state") as answer:
        version = (await answer.json())["photos"][0]["version"]
    async with site.get("/photo/1", params={"v": version}) as answer:
        assert "immutable" in answer.headers["Cache-Control"]
    async with site.get("/photo/1") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
    Image.new("RGB", (90, 90), "red").save(path)
    async with site.get("/state") as answer:
        assert (await answer.json())["photos"][0]["version"] != version


async def test_what_browsers_cannot_show_is_converted(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation: a quarter turn
    path = tmp_path / "scan.tif"
    Image.new("RGB", (40, 20), "teal").save(path, "TIFF", exif=turned)
    frame.photos = [ShownPhoto("1", "scan", path)]
    async with site.get("/photo/1") as answer:
        assert answer.content_type == "image/jpeg"
        body = await answer.read()
    with Image.open(io.BytesIO(body)) as image:
        assert (image.format, image.size) == ("JPEG", (20, 40))


async def test_undisplayable_photos_are_refused_and_skipped(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"<script>not a picture</script>")
    frame.photos = [ShownPhoto("1", "a", path)]
    async with site.get("/photo/1") as answer:
        assert answer.status == 415


async def test_a_video_can_be_read_in_parts(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    path = tmp_path / "film.MP4"
    path.write_bytes(bytes(range(200)))
    frame.photos = [ShownPhoto("1", "film", path)]
    async with site.get("/state") as answer:
        assert (await answer.json())["photos"][0]["video"] is True
    async with site.get("/photo/1", headers={"Range": "bytes=10-19"}) as answer:
        assert (answer.status, answer.content_type) == (206, "video/mp4")
        assert await answer.read() == bytes(range(10, 20))


async def test_only_photos_of_the_playlist_are_served(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    path = picture(tmp_path, "a.jpg", "JPEG")
    frame.photos = [ShownPhoto("1", "a", path), ShownPhoto("2", "gone", tmp_path / "gone.jpg")]
    for photo_id in ("2", "3", "a.jpg", quote(str(path), safe=""), "..%2F..%2Fetc%2Fpasswd"):
        async with site.get(f"/photo/{photo_id}") as answer:
            assert answer.status == 404, photo_id


async def test_a_photo_that_the_playlist_names_twice_is_shown_once(
    frame: Frame, site: aiohttp.ClientSession, tmp_path: Path
) -> None:
    a, b = (ShownPhoto(name, name, picture(tmp_path, f"{name}.jpg", "JPEG")) for name in "ab")
    frame.photos = [a, b, a]
    async with site.get("/state") as answer:
        assert [photo["id"] for photo in (await answer.json())["photos"]] == ["a", "b"]

"""Small pictures of what is on the frames, over real HTTP: for the operator, and for nobody else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from picsync.core.plan import Hold, HoldReason
from picsync.frames.folder.frame import FolderFrame
from picsync.observe.status import RuleStatus
from picsync.system.control import Requests
from picsync.web.operator import Operator
from picsync.web.pictures import NEWEST, FramePictures
from picsync.web.server import WebServer
from tests.contract.frame_contract import rendition
from tests.observe.statuses import STATUSES
from tests.rendering.drawing import baseline

COUNT = NEWEST + 3


class Pages:
    """The status page of one rule on a real folder."""

    def __init__(self, folder: Path) -> None:
        (folder / "stick").mkdir()
        self.requests = Requests(folder / "requests")
        self.frame = FolderFrame(str(folder / "stick"), own_folder=folder)
        status = STATUSES["held_deletes"]().board.status()
        held = next(rule for rule in status.rules if rule.last is not None)
        assert held.last is not None
        last = replace(held.last, hold=None)
        self.rule = replace(held, last=last, name="Trip", album="Trip", frame="usb", playlists=False)
        self.status = replace(status, rules=(self.rule,))
        operator = Operator(self.requests, lambda: self.status, lambda _: [], lambda _: None)
        pictures = FramePictures(lambda: {"usb": self.frame})
        self.server = WebServer(
            lambda: self.status, lambda: b"", lambda: True, operator=operator, pictures=pictures
        )

    def show(self, rule: RuleStatus) -> None:
        self.status = replace(self.status, rules=(rule,))

    async def sign_in(self, browser: httpx.AsyncClient) -> None:
        fields = {"do": "enter", "token": self.requests.new_token()}
        answer = await browser.post(
            "/operator", data=fields, headers={"Origin": str(browser.base_url).rstrip("/")}
        )
        assert answer.status_code == 303


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Pages]:
    pages = Pages(tmp_path)
    album = await pages.frame.create_album("Trip")
    for number in range(COUNT):
        await pages.frame.upload(album, rendition(baseline(640 + number, 480), f"<b>{number}</b>.jpg"))
    await pages.server.start("127.0.0.1", 0)
    yield pages
    await pages.server.close()


@pytest.fixture
async def browser(pages: Pages) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{pages.server.port}") as browser:
        yield browser


def addresses(page: str) -> list[str]:
    return re.findall(r'<img src="([^"]+)"', page)


async def test_the_operator_sees_the_newest_photos(pages: Pages, browser: httpx.AsyncClient) -> None:
    await pages.sign_in(browser)
    answer = await browser.get("/")
    found = addresses(answer.text)
    assert len(found) == NEWEST
    assert "img-src 'self' data:;" in answer.headers["content-security-policy"]
    assert f'alt="&lt;b&gt;{COUNT - 1}&lt;/b&gt;.jpg"' in answer.text
    for _ in range(2):
        picture = await browser.get(f"/{found[0]}")
        assert picture.status_code == 200
        assert picture.headers["content-type"] == "image/jpeg"
        assert picture.headers["cache-control"].startswith("private")
        assert picture.content.startswith(b"\xff\xd8")


async def test_others_see_none_and_get_none(pages: Pages, browser: httpx.AsyncClient) -> None:
    await pages.sign_in(browser)
    [address, *_] = addresses((await browser.get("/")).text)
    browser.cookies.clear()
    assert addresses((await browser.get("/")).text) == []
    refused, unknown = await browser.get(f"/{address}"), await browser.get(f"/pictures/{'0' * 32}.jpg")
    assert (refused.status_code, refused.text) == (unknown.status_code, unknown.text)
    assert refused.status_code == 404


async def test_photos_whose_deletion_is_held_are_shown(pages: Pages, browser: httpx.AsyncClient) -> None:
    album = await pages.frame.find_album("Trip")
    assert album is not None
    photos = (await pages.frame.photos(album)).items[:2]
    assert pages.rule.last is not None
    hold = Hold(HoldReason.BRAKE, photos, COUNT)
    pages.show(replace(pages.rule, last=replace(pages.rule.last, hold=hold)))
    await pages.sign_in(browser)
    found = addresses((await browser.get("/")).text)
    assert len(found) == NEWEST + 2
    assert {f"pictures/{photo.digest.hex}.jpg" for photo in photos} <= set(found)


async def test_a_frame_that_is_away_has_no_pictures(
    pages: Pages, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    await pages.sign_in(browser)
    [address, *_] = addresses((await browser.get("/")).text)
    (tmp_path / "stick").rename(tmp_path / "elsewhere")
    answer = await browser.get("/")
    assert answer.status_code == 200
    assert addresses(answer.text) == []
    assert (await browser.get(f"/{address}")).status_code == 404

"""What the scripts of the family's pages do in Chromium, with the real server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from picsync.family.people import Role
from tests.web.family.sample import add_sample, sample
from tests.web.family.served import Pages, serve
from tests.web.family.test_full_disks import volume
from tests.web.frame.chromium import Chromium, Tab, chromium, need_chromium

# Chromium takes long to start on a busy machine.
pytestmark = pytest.mark.timeout(600)

LEFT, RIGHT, E, S, U = ("ArrowLeft", 37), ("ArrowRight", 39), ("e", 69), ("s", 83), ("u", 85)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    need_chromium()
    async with chromium(tmp_path / "chromium") as found:
        yield found


@asynccontextmanager
async def signed_in(browser: Chromium, pages: Pages, name: str) -> AsyncIterator[Tab]:
    """Open the link of an invitation, and accept it."""
    made = await pages.services.people.invite(name, Role.MEMBER)
    async with browser.tab() as tab:
        await tab.open(f"{pages.url}/join/{made.token}")
        await tab.until("!!document.querySelector('main form button')")
        await tab.run("document.querySelector('main form button').click()")
        await tab.until("location.pathname === '/' && document.readyState === 'complete'")
        yield tab


async def begin(tab: Tab, pages: Pages) -> None:
    await tab.open(f"{pages.url}/vote/Family")
    await tab.until("!!document.querySelector('main form button')")
    await tab.run("document.querySelector('main form button').click()")
    await tab.until(f"{at_choice(1)} && document.readyState === 'complete'")  # Now the script has run.
    # A tournament goes on on the page that it began on; one that is loaded again has lost this.
    await tab.run("window.stayed = true")


def at_choice(number: int) -> str:
    return f"(document.getElementById('count') || {{}}).textContent === '{number} of 15'"


async def test_a_tournament_by_keys_on_one_page(browser: Chromium, tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, signed_in(browser, pages, "Anna") as tab:
        await add_sample(pages.services.state, [sample(index) for index in range(16)])
        await begin(tab, pages)
        first = await tab.run("document.querySelector('#photo-left img').src")
        await tab.press(*RIGHT)
        await tab.until(at_choice(2))
        await tab.press(*U)
        await tab.until(at_choice(1))
        assert await tab.run("document.querySelector('#photo-left img').src") == first
        for number, key in enumerate([LEFT, RIGHT, E, S] * 4, 1):
            if number == 15:
                break
            await tab.press(*key)
            await tab.until(at_choice(number + 1))
        assert await tab.run("window.stayed && document.getElementById('heading').textContent") == "The final"
        await tab.press(*LEFT)
        await tab.until("location.pathname.startsWith('/champion/')")
        async with await pages.signed_in("Ben") as other:
            board = (await other.get("/best/Family")).text
        assert board.count(" games") + board.count(" game<") >= 2
        assert [each for each in tab.complaints if "404" not in each] == []


async def test_a_tap_is_a_choice(browser: Chromium, tmp_path: Path) -> None:
    async with serve(tmp_path) as pages, signed_in(browser, pages, "Anna") as tab:
        await add_sample(pages.services.state, [sample(index) for index in range(16)])
        await begin(tab, pages)
        for number, name in enumerate(["#photo-left", "#photo-right", "[value=equal]", "[value=skip]"], 2):
            await tab.run(f"document.querySelector('#pair {name}').click()")
            await tab.until(at_choice(number))
        assert await tab.run("window.stayed")


async def test_chosen_files_arrive(browser: Chromium, tmp_path: Path) -> None:
    names = [f"IMG_{number}.jpg" for number in range(3)]
    for number, name in enumerate(names):
        Image.new("RGB", (64, 48), (80 * number, 40, 40)).save(tmp_path / name)
    (tmp_path / "notes.jpg").write_text("no picture")
    async with serve(tmp_path) as pages, signed_in(browser, pages, "Anna") as tab:
        await tab.open(f"{pages.url}/send")
        await tab.until("!!document.querySelector('#send.scripted')")
        await choose_files(tab, [tmp_path / name for name in (*names, "notes.jpg")])
        await tab.until(
            "!document.getElementById('progress').hidden && document.getElementById('total').hidden"
        )
        said = await tab.run("document.getElementById('total-text').textContent")
        assert said == "3 of 4 files arrived, 1 not sent"
    library = tmp_path / "library" / "Family"
    assert sorted(path.name for path in library.iterdir() if path.suffix == ".jpg") == names


async def test_a_full_library_is_told_and_then_the_rest_follows(browser: Chromium, tmp_path: Path) -> None:
    names = [f"IMG_{number}.jpg" for number in range(4)]
    for number, name in enumerate(names):
        Image.new("RGB", (64, 48), (80 * number, 40, 40)).save(tmp_path / name)
    with volume(tmp_path / "library") as disk:
        async with serve(tmp_path) as pages, signed_in(browser, pages, "Anna") as tab:
            await tab.open(f"{pages.url}/send")
            await tab.until("!!document.querySelector('#send.scripted')")
            disk.fill(100_000)
            await choose_files(tab, [tmp_path / name for name in names])
            said = await tab.until(
                "!document.getElementById('trouble').hidden && document.getElementById('trouble').textContent"
            )
            assert said.startswith("The library has no room for this file")
            assert said.endswith("The rest follows by itself while this page is open.")
            disk.empty()
            # It asks again after half a minute, or when the phone changes its network.
            await tab.until(
                "dispatchEvent(new Event('online')), document.getElementById('total').hidden"
                " && document.getElementById('total-text').textContent === 'All 4 files have arrived'"
            )
            assert await tab.run("document.getElementById('trouble').hidden")
        library = tmp_path / "library" / "Family"
        assert sorted(path.name for path in library.iterdir()) == names


async def test_what_another_app_shares_is_sent(browser: Chromium, tmp_path: Path) -> None:
    names = ["IMG_1.jpg", "50% & 2.jpg"]
    for number, name in enumerate(names):
        Image.new("RGB", (64, 48), (80 * number, 40, 40)).save(tmp_path / name)
    async with serve(tmp_path) as pages, signed_in(browser, pages, "Anna") as tab:
        await tab.until("!!navigator.serviceWorker.controller")
        # Android does what a form does: it opens the target with a POST.
        await tab.run(
            """const form = document.createElement("form"), files = document.createElement("input");
            Object.assign(form, {method: "post", action: "/send/shared", enctype: "multipart/form-data"});
            Object.assign(files, {type: "file", name: "files", id: "shared", multiple: true});
            form.append(files), document.body.append(form)"""
        )
        await choose_files(tab, [tmp_path / name for name in names], "#shared")
        await tab.run("document.getElementById('shared').form.submit()")
        await tab.until("location.search === '?shared=1' && !!document.querySelector('.notice .primary')")
        said = await tab.run("document.querySelector('.notice span').textContent")
        assert said == "2 files were shared with this app."
        await tab.run("document.querySelector('.notice .primary').click()")
        await tab.until("document.getElementById('total-text').textContent === 'All 2 files have arrived'")
        kept = "caches.open('picsync-shared').then((cache) => cache.keys()).then((keys) => keys.length)"
        await tab.until(f"{kept}.then((count) => count === 0)")
    library = tmp_path / "library" / "Family"
    assert {path.name for path in library.iterdir()} == set(names)


async def choose_files(tab: Tab, files: list[Path], selector: str = "#files") -> None:
    """Choose files in the page's dialogue."""
    root = (await tab.send("DOM.getDocument"))["root"]["nodeId"]
    node = (await tab.send("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
    await tab.send("DOM.setFileInputFiles", nodeId=node, files=[str(file) for file in files])

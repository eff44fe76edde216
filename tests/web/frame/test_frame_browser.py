"""The page in Chromium, with a server that serves the contract and fails when told to."""

from __future__ import annotations

import io
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from tests.web.frame.chromium import CLOCK, Chromium, Tab, chromium, need_chromium
from tests.web.frame.running import running
from tests.web.frame.served import FrameServer, Picture, painted

CHANGES = int(os.environ.get("FRAME_CHANGES", "240"))
"""How many changes of photos the test of the page's memory goes through."""
STEP = 10
"""So many of them at once: on a busy machine, all together take longer than one answer may."""

SHOWN = "(picsyncFrame.current || []).map(function (item) { return item.photo.id; }).join('+')"
ON_SCREEN = "!!document.querySelector('#stage .slide .box img')"
SETTLED = "picsyncFrame.ready && !picsyncFrame._showing"

# Chromium takes long to start on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    """A browser for each test: in a shared one, service workers of closed tabs hold up the next ones."""
    need_chromium()
    async with chromium(tmp_path / "chromium") as found:
        yield found


def some(count: int) -> list[Picture]:
    return [painted(number) for number in range(count)]


async def press(tab: Tab, key: str, code: int) -> None:
    """Press a key, and let the transition of what it does pass."""
    await tab.press(key, code)
    await tab.run("clock.pass(20)")


async def moved(tab: Tab, before: str) -> str:
    """Let time pass until another photo is shown and its transition is over.

    At most five minutes pass: where photos change every ten, it is something else that has changed it.
    """
    for _ in range(200):
        if await tab.run(SHOWN) != before:
            await tab.until("!picsyncFrame._showing || clock.pass(100).then(() => false)")
            return str(await tab.run(SHOWN))
        await tab.run("clock.pass(1500)")
    raise AssertionError(f"still {before}")


async def test_memory_is_flat_over_many_changes(browser: Chromium) -> None:
    pictures = [painted(number, *((90, 120) if number % 3 == 0 else (160, 100))) for number in range(60)]
    pictures[7] = Picture(b"no picture", 160, 100)
    changes = f"""(async function () {{
      var player = picsyncFrame, end = player.changes + {STEP};
      while (player.changes < end) {{
        await clock.breathe();
        clock.hop(1000);
      }}
    }})()"""
    quarter = CHANGES // 4
    async with FrameServer(pictures, interval=3, progress=True) as server, browser.tab(CLOCK) as tab:
        await tab.size(320, 200)
        await tab.open(server.url)
        await tab.until(ON_SCREEN)
        sizes = []
        for _ in range(4):
            for _ in range(quarter // STEP):
                await tab.run(changes)
            sizes.append(await tab.collect())
        assert await tab.run("picsyncFrame.changes") >= CHANGES
        assert await tab.run("clock.timers()") < 15
    print(json.dumps(sizes))
    # A node, listener or string kept for each change would be more of these.
    for name, slack in (("heap", 150_000), ("nodes", 30), ("jsEventListeners", 10), ("documents", 0)):
        assert sizes[-1][name] <= sizes[0][name] + slack, (name, sizes)


async def opened(tab: Tab, server: FrameServer, query: str = "") -> str:
    """Open the frame, wait until its first photo is there and the next one loaded; return the photo's ID."""
    await tab.open(server.url + query)
    await tab.until(ON_SCREEN)
    await tab.until(f"!!({SETTLED}) || clock.pass(200).then(function () {{ return false; }})")
    return str(await tab.run(SHOWN))


async def test_first_picture_needs_the_list_and_one_picture(browser: Chromium) -> None:
    # A service worker may start at any moment, and then the page asks for the list again.
    alone = "delete Navigator.prototype.serviceWorker;"
    async with FrameServer(some(5)) as server, browser.tab(alone) as tab:
        await tab.open(server.url)
        took = await tab.until(f"{ON_SCREEN} && performance.now()")
        print(f"first picture after {took:.0f} ms")
        asked = [path for path in server.requests if path != "/events"]
        first = next(place for place, path in enumerate(asked) if path.startswith("/p/"))
        needed = [path for path in asked[:first] if not path.startswith("/frame/assets/")]
        # The list may be asked for a second time, by the event stream when it is open.
        assert set(needed) == {"", "/photos.json"}
        assert tab.complaints == []


async def test_page_goes_on_without_its_server_and_recovers(browser: Chromium) -> None:
    async with FrameServer(some(6), order="album") as server, browser.tab(CLOCK) as tab:
        shown = await opened(tab, server)
        for _ in range(6):
            shown = await moved(tab, shown)
        await server.stop()
        late = [shown]
        for _ in range(8):
            late.append(await moved(tab, late[-1]))
        assert len(set(late)) > 3
        server.pictures.append(painted(77))
        async with server:
            await tab.run("clock.pass(400000)")
            await tab.until(
                "Object.keys(picsyncFrame.photos).length === 7 || clock.pass(1000).then(() => false)"
            )


CODE = "document.getElementById('code') && document.getElementById('code').textContent === '402917'"
PAGE_STORED = "caches.match(location.href).then(function (found) { return !!found; })"
STORED = """caches.keys().then(function (names) {
  return Promise.all(names.map(function (name) {
    return caches.open(name).then(function (cache) { return cache.keys(); }).then(function (keys) {
      return keys.map(function (key) { return key.url.replace(/.*tablet/, ''); });
    });
  }));
}).then(function (urls) { return [].concat.apply([], urls).join(' '); })"""


async def test_page_opens_and_shows_photos_while_the_server_is_down(browser: Chromium) -> None:
    async with FrameServer(some(4), order="album") as server, browser.tab(CLOCK) as tab:
        shown = await opened(tab, server)
        # After the first visit already.
        await tab.until(PAGE_STORED)
        await tab.until(f"{STORED}.then(function (urls) {{ return urls.indexOf('photos.json') >= 0; }})")
        for _ in range(4):
            shown = await moved(tab, shown)
        await server.stop()
        shown = await opened(tab, server)
        assert await moved(tab, shown) != shown
        # Access was withdrawn meanwhile: no photo stays on the device.
        server.paired = False
        async with server:
            await tab.open(server.url)
            await tab.until(f"{STORED}.then(function (urls) {{ return !/photos.json|\\/p\\//.test(urls); }})")
            assert await tab.until("document.getElementById('code').textContent") == "402917"


async def test_keys_and_remote_controls(browser: Chromium) -> None:
    async with FrameServer(some(6), order="album", interval=600) as server, browser.tab(CLOCK) as tab:
        first = await opened(tab, server)
        await press(tab, "ArrowRight", 39)
        second = await moved(tab, first)
        await press(tab, "ArrowLeft", 37)
        assert await moved(tab, second) == first
        await press(tab, "MediaPlayPause", 179)
        assert await tab.run("picsyncFrame.paused && document.body.classList.contains('paused')")
        assert await tab.run("document.getElementById('toast').textContent") == "Paused"
        await press(tab, "", 415)
        assert not await tab.run("picsyncFrame.paused")
        await press(tab, "i", 73)
        assert "1 of 6" in await tab.run("document.getElementById('info').textContent")
        await press(tab, "Escape", 27)
        assert await tab.run("document.getElementById('info').hidden")
        await press(tab, "Enter", 13)
        assert await tab.run("document.activeElement.id") == "pause"
        await press(tab, "ArrowRight", 39)
        assert await tab.run("document.activeElement.id") == "next"
        assert await tab.run(SHOWN) == first
        await tab.run("clock.pass(9000)")
        assert not await tab.run("document.body.classList.contains('controls')")


async def test_not_this_one_can_be_undone_before_it_is_sent(browser: Chromium) -> None:
    async with FrameServer(some(6), order="album", interval=600) as server, browser.tab(CLOCK) as tab:
        first = await opened(tab, server)
        await press(tab, "x", 88)
        second = await moved(tab, first)
        await tab.run("document.querySelector('#toast button').click()")
        assert await moved(tab, second) == first
        await tab.run("clock.pass(20000)")
        assert server.rejected == []
        await press(tab, "x", 88)
        await moved(tab, first)
        server.failing.add("/reject")
        await tab.run("clock.pass(8000)")
        refused = server.requests.count("/reject")
        assert refused
        # It is sent again until the server has it, even by a page that is opened later.
        server.failing.clear()
        await opened(tab, server)
        await server.told("/reject", refused + 1)
        assert server.rejected == [first]
        assert first not in await tab.run("Object.keys(picsyncFrame.photos)")


async def test_of_two_photos_side_by_side_one_is_asked_for(browser: Chromium) -> None:
    portraits = [painted(number, 90, 120) for number in range(8)]
    labels = "[].map.call(document.querySelectorAll('#toast button'), (b) => b.textContent).join()"
    async with FrameServer(portraits, order="album", interval=600) as server, browser.tab(CLOCK) as tab:
        await tab.size(320, 200)
        pair = await opened(tab, server)
        left, right = pair.split("+")
        await press(tab, "x", 88)
        assert await tab.run(labels) == "The left one,The right one,Both"
        assert await tab.run(SHOWN) == pair
        # With the arrows of a remote control, to the second one.
        await press(tab, "ArrowRight", 39)
        assert await tab.run("document.activeElement.textContent") == "The right one"
        await tab.run("document.activeElement.click()")
        shown = await moved(tab, pair)
        assert right not in shown
        await tab.run("clock.pass(8000)")
        await server.told("/reject")
        assert server.rejected == [right]
        # Both at once; undone together.
        pair = str(await tab.run(SHOWN))
        await press(tab, "x", 88)
        await tab.run("document.querySelectorAll('#toast button')[2].click()")
        await moved(tab, pair)
        await tab.run("document.querySelector('#toast button').click()")
        await tab.run("clock.pass(9000)")
        assert server.rejected == [right]
        # No answer is no rejection, and nothing invisible can be pressed.
        await press(tab, "x", 88)
        await tab.run("clock.pass(20000)")
        assert await tab.run("document.querySelectorAll('#toast button').length") == 0
        assert left in await tab.run("Object.keys(picsyncFrame.photos)")


async def test_swipes_and_taps(browser: Chromium) -> None:
    async with FrameServer(some(6), order="album", interval=600) as server, browser.tab(CLOCK) as tab:
        await tab.send("Emulation.setTouchEmulationEnabled", enabled=True)
        first = await opened(tab, server)

        async def touch(*points: tuple[int, int]) -> None:
            x, y = points[0]
            await tab.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
            for x, y in points[1:]:
                await tab.send("Input.dispatchTouchEvent", type="touchMove", touchPoints=[{"x": x, "y": y}])
            await tab.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
            await tab.run("clock.pass(20)")

        await touch((900, 400), (500, 410))
        second = await moved(tab, first)
        await touch((300, 400), (800, 390))
        assert await moved(tab, second) == first
        await tab.run("clock.pass(1000)")
        await tab.run("document.getElementById('stage').click()")
        assert await tab.run("document.body.classList.contains('controls')")


async def test_night_is_dark_and_sends_nothing(browser: Chromium) -> None:
    evening = CLOCK + "clock.set('2026-03-01T21:58:30');"
    async with FrameServer(some(4), night="22:00-06:30") as server, browser.tab(evening) as tab:
        shown = await opened(tab, server)
        await tab.run("clock.pass(120000)")
        assert await tab.run("document.body.classList.contains('night')")
        await tab.until("!picsyncFrame._loading")
        asked = len(tab.requested)
        assert asked
        await tab.run("clock.hours(7)")
        assert tab.requested[asked:] == []
        # Whoever touches it sees photos for two minutes.
        await press(tab, "Enter", 13)
        assert not await tab.run("document.body.classList.contains('night')")
        await tab.run("clock.pass(180000)")
        assert await tab.run("document.body.classList.contains('night')")
        shown = str(await tab.run(SHOWN))
        await tab.run("clock.hours(2)")
        assert not await tab.run("document.body.classList.contains('night')")
        assert await moved(tab, shown) != shown


async def test_new_photos_and_commands_arrive_by_events(browser: Chromium) -> None:
    async with FrameServer(some(3), order="album", interval=600) as server, browser.tab(CLOCK) as tab:
        first = await opened(tab, server)
        await server.told("/events")
        new = painted(99)
        server.pictures.append(new)
        await server.send("photos", server.photos()["revision"])
        await tab.until(f"'{new.photo_id}' in picsyncFrame.photos")
        assert await moved(tab, first) == new.photo_id
        await server.send("command", json.dumps({"do": "show", "photo": first}))
        await tab.until(f"{SHOWN} === '{first}'")
        assert await moved(tab, new.photo_id) == first
        await server.send("command", json.dumps({"do": "pause"}))
        await tab.until("picsyncFrame.paused")
        await tab.run("clock.pass(15000)")
        await server.told("/seen")
        assert server.seen[-1]["photo"] in {first, new.photo_id}


async def test_upgrade_reloads_the_page_once_the_new_one_is_there(browser: Chromium) -> None:
    passing = "clock.pass(500).then(function () { return false; })"
    morning = CLOCK + "clock.set('2026-03-01T10:10:00');"
    async with FrameServer(some(3), interval=600) as server, browser.tab(morning) as tab:
        await opened(tab, server)
        await server.told("/events")
        # Whatever the service worker stores of the page has been asked for.
        await tab.until(PAGE_STORED)
        asked = server.requests.count("")
        await tab.run("window.old = true")
        server.settings["build"] = "newer"
        server.failing.add("")
        await server.send("build", "newer")
        await server.told("", asked + 1)
        while server.requests.count("") < asked + 2:
            await tab.run("clock.pass(500)")
        assert await tab.run("window.old")
        server.failing.clear()
        await tab.until(f"!window.old && !!window.picsyncFrame || {passing}")
        # Where the new page still has the old build, it is not loaded in a circle.
        await server.told("/events", 2)
        await tab.run("window.old = true")
        await server.send("build", "newest")
        await tab.until("!window.old && !!window.picsyncFrame")
        await server.told("/events", 3)
        asked = server.requests.count("")
        await server.send("build", "newest")
        await tab.run("window.old = true")
        await tab.run("clock.pass(60000)")
        assert await tab.run("window.old")
        assert server.requests.count("") == asked


async def test_page_whose_token_was_revoked_shows_a_code_again(browser: Chromium) -> None:
    async with FrameServer(some(3)) as server, browser.tab(CLOCK) as tab:
        await opened(tab, server)
        await server.told("/events")
        server.paired = False
        await server.send("photos", "another")
        await tab.until(CODE)
        server.paired = True
        await tab.until(f"{ON_SCREEN} || clock.pass(1000).then(function () {{ return false; }})")


@pytest.mark.parametrize("keep", ["", "&keep=1"])
async def test_pictures_come_with_the_cookie_or_with_the_token_of_the_url(
    browser: Chromium, tmp_path: Path, keep: str
) -> None:
    async with running(tmp_path) as frames, browser.tab() as tab:
        await frames.add("one", size=(160, 90))
        await tab.open(f"{frames.url}/frame/tablet?token={frames.token()}{keep}")
        await tab.until(ON_SCREEN)
        cookie = await tab.send("Network.getCookies")
        assert bool(cookie["cookies"]) == (not keep)
        await tab.send("Emulation.setScriptExecutionDisabled", value=True)
        await tab.send("Page.reload")
        await tab.until("!!document.querySelector('noscript img')?.naturalWidth")
        assert tab.complaints == []


OLD = (
    CLOCK
    + """
delete window.EventSource; delete window.Intl; delete window.matchMedia;
delete HTMLImageElement.prototype.decode;
delete Navigator.prototype.serviceWorker; delete Navigator.prototype.wakeLock;
delete Navigator.prototype.languages; delete Element.prototype.requestFullscreen;
delete Element.prototype.webkitRequestFullscreen;
HTMLCanvasElement.prototype.getContext = function () { return null; };
Object.defineProperty(window, "localStorage", { get: function () { throw new Error("forbidden"); } });
"""
)


async def test_browser_without_any_newer_feature_shows_photos_and_polls(browser: Chromium) -> None:
    async with FrameServer(some(3), order="album", poll=5) as server, browser.tab(OLD) as tab:
        first = await opened(tab, server)
        second = await moved(tab, first)
        new = painted(98)
        server.pictures.append(new)
        await tab.until(f"'{new.photo_id}' in picsyncFrame.photos || clock.pass(1000).then(() => false)")
        assert "/poll" in server.requests
        assert await moved(tab, second) == new.photo_id
        assert tab.complaints == []


async def test_page_without_javascript_is_a_picture(browser: Chromium) -> None:
    async with FrameServer(some(3)) as server, browser.tab() as tab:
        await tab.send("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(server.url)
        await server.told("/still")


async def test_page_whose_script_fails_shows_pictures_that_change(browser: Chromium) -> None:
    async with FrameServer(some(3)) as server, browser.tab(CLOCK) as tab:
        await tab.send("Network.enable")
        await tab.send("Network.setBlockedURLs", urls=["*frame.js"])
        await tab.open(server.url)
        await tab.until("window.clock && document.readyState === 'complete'")
        await tab.run("clock.pass(16000)")
        await tab.until("!!document.querySelector('#stage.still img')")
        await server.told("/still")
        await tab.run("clock.pass(31000)")
        await server.told("/still", 2)


async def test_page_fits_every_screen(browser: Chromium) -> None:
    place, caption = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch", "A " + "long " * 30
    pictures = [painted(1, place=place, caption=caption), painted(2, 75, 100, place=place, caption=caption)]
    sizes = [(320, 480), (480, 320), (1024, 600), (800, 1280), (1920, 1080), (3840, 2160)]
    async with FrameServer(pictures) as server, browser.tab(CLOCK) as tab:
        for width, height in sizes:
            await tab.size(width, height)
            await opened(tab, server)
            await press(tab, "Enter", 13)
            await tab.until("!document.getElementById('bar').getAnimations({ subtree: true }).length")
            outside = """[].filter.call(document.querySelectorAll('.caption, #when, .tray'), function (at) {
              var r = at.getBoundingClientRect();
              return r.left < -1 || r.top < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1;
            }).map(function (at) { return at.id + at.className; })"""
            assert await tab.run("[innerWidth, innerHeight]") == [width, height]
            assert await tab.run(outside) == [], (width, height)
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), (width, height)
            buttons = "[].slice.call(document.querySelectorAll('.tray button:not([hidden])'))"
            small = f"{buttons}.filter(function (at) {{ return at.offsetWidth < 44; }}).length"
            assert await tab.run(f"{buttons}.length > 4 && !{small}"), (width, height)
            labels = f"{buttons}.map(function (at) {{ return at.getAttribute('aria-label'); }})"
            assert all(await tab.run(labels)), (width, height)
        assert tab.complaints == []


async def test_text_has_contrast_over_any_picture(browser: Chromium, tmp_path: Path) -> None:
    white = Picture(picture_of((255, 255, 255)), 160, 100, caption="Snow", place=None)
    for size in ((1280, 800), (390, 844)):
        async with FrameServer([white], motion="none") as server, browser.tab(CLOCK) as tab:
            await tab.size(*size)
            await opened(tab, server)
            # The text itself is away: what is left is what is behind it.
            await tab.run(
                "[].forEach.call(document.querySelectorAll('.title, .story, #clock, #day'), function (at) {"
                " at.style.color = 'transparent'; at.style.textShadow = 'none'; })"
            )
            await tab.until("!document.getAnimations().length")
            file = tmp_path / "page.png"
            await tab.picture(file)
            for element in ("#clock", "#day", ".title", ".story"):
                box = await tab.run(
                    f"(function (r) {{ return [r.left, r.top, r.right, r.bottom]; }})"
                    f"(document.querySelector('{element}').getBoundingClientRect())"
                )
                assert contrast_to_white(file, box) >= (3 if element == "#clock" else 4.5), (size, element)
            if size == (1280, 800):
                # A tablet that is turned shows the same photo, now with something beside it.
                assert not await tab.run("!!document.querySelector('.back')")
                await tab.size(800, 1280)
                await tab.until("!!document.querySelector('.back')")
                await tab.size(1280, 800)
                await tab.until("!document.querySelector('.back')")


def picture_of(colour: tuple[int, int, int]) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (160, 100), colour).save(body, "PNG")
    return body.getvalue()


def contrast_to_white(file: Path, box: list[float]) -> float:
    """Return the least contrast (WCAG) of white text to what is in the box of a screenshot."""

    def linear(value: float) -> float:
        value /= 255
        return value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4

    with Image.open(file) as image:
        left, top, right, bottom = (round(each) for each in box)
        part = image.convert("RGB").crop((left, top, min(right, image.width), min(bottom, image.height)))
        pixels = set(zip(*(part.getchannel(channel).tobytes() for channel in "RGB"), strict=True))
    brightest = max(0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) for r, g, b in pixels)
    return 1.05 / (brightest + 0.05)

"""Chromium without a window, driven over its DevTools protocol; see `need_chromium`."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.clients import lacking

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 120.0
_ANSWER_S = 15.0
"""How long an expression that is repeated may take; one whose page is replaced may never be answered."""

CLOCK = """
(function () {
  var now = Date.now(), RealDate = Date, timers = [], number = 0, realLater = window.setTimeout.bind(window);
  var open = 0, send = XMLHttpRequest.prototype.send, decode = HTMLImageElement.prototype.decode;
  var source = Object.getOwnPropertyDescriptor(HTMLImageElement.prototype, "src");
  // Requests and pictures are counted while they are under way.
  function begun() {
    var over = false;
    open++;
    return function () { if (!over) { over = true; open--; } };
  }
  XMLHttpRequest.prototype.send = function (body) {
    this.addEventListener("loadend", begun());
    return send.call(this, body);
  };
  Object.defineProperty(HTMLImageElement.prototype, "src", {
    configurable: true, enumerable: true, get: source.get,
    set: function (url) {
      var image = this, ended = begun();
      function done() {
        image.removeEventListener("load", done);
        image.removeEventListener("error", done);
        ended();
      }
      image.addEventListener("load", done);
      image.addEventListener("error", done);
      source.set.call(image, url);
    }
  });
  HTMLImageElement.prototype.decode = function () {
    var ended = begun(), decoded = decode.call(this);
    decoded.then(ended, ended);
    return decoded;
  };
  function FakeDate(a, b, c, d, e, f, g) {
    if (!(this instanceof FakeDate)) { return new RealDate(now).toString(); }
    return arguments.length === 0 ? new RealDate(now) : arguments.length === 1 ? new RealDate(a) :
      new RealDate(a, b, c || 1, d || 0, e || 0, f || 0, g || 0);
  }
  FakeDate.prototype = RealDate.prototype;
  FakeDate.now = function () { return now; };
  FakeDate.UTC = RealDate.UTC;
  FakeDate.parse = RealDate.parse;
  window.Date = FakeDate;
  function add(f, ms, every) {
    timers.push({ at: now + Math.max(0, Number(ms) || 0), f: f, id: ++number, every: every });
    return number;
  }
  function drop(id) { timers = timers.filter(function (timer) { return timer.id !== id; }); }
  window.setTimeout = function (f, ms) { return add(f, ms, 0); };
  window.setInterval = function (f, ms) { return add(f, ms, Math.max(1, ms)); };
  window.clearTimeout = window.clearInterval = drop;
  window.clock = {
    timers: function () { return timers.length; },
    set: function (text) { now = new RealDate(text).getTime(); },
    // Let time pass. Each timer is followed by a pause in which the browser does what it has to. Requests and
    // pictures take no time: it waits until they have ended.
    pass: async function (ms) {
      await clock.breathe();
      var end = now + ms, timer;
      for (;;) {
        timers.sort(function (a, b) { return a.at - b.at || a.id - b.id; });
        timer = timers[0];
        if (!timer || timer.at > end) { break; }
        now = Math.max(now, timer.at);
        if (timer.every) { timer.at = now + timer.every; } else { timers.shift(); }
        timer.f();
        await clock.breathe();
      }
      now = end;
      await clock.breathe();
    },
    // So many hours, of which the last minute passes: every timer that is due goes off once in each of them.
    hours: async function (count) {
      for (; count; count--) {
        now += 59 * 60 * 1000;
        await clock.pass(60 * 1000);
      }
    },
    // To the next timer, at most so far.
    hop: function (most) {
      timers.sort(function (a, b) { return a.at - b.at || a.id - b.id; });
      var timer = timers[0];
      if (!timer || timer.at > now + most) { now += most; return; }
      now = Math.max(now, timer.at);
      if (timer.every) { timer.at = now + timer.every; } else { timers.shift(); }
      timer.f();
    },
    breathe: async function () {
      await new Promise(function (resolve) {
        var channel = new MessageChannel();
        channel.port1.onmessage = function () { channel.port1.close(); resolve(); };
        channel.port2.postMessage(0);
      });
      while (open) { await new Promise(function (resolve) { realLater(resolve, 1); }); }
    }
  };
}());
"""
"""A clock that only goes when it is told to: `clock.pass(ms)`."""


def need_chromium() -> str:
    """Return the path of Chromium; without it the test is skipped, or fails where clients are required."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        lacking("Chromium is not installed")
    return found


class Tab:
    """One page of the browser."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self.target = target
        self.session = session
        self.complaints: list[str] = []
        """What the page wrote to the console, and its uncaught errors."""
        self.requested: list[str] = []
        """URLs that the page has asked for; each is here before the answer to any later script."""

    async def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return await self._browser.send(method, self.session, **parameters)

    async def open(self, url: str) -> None:
        await self.send("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """Return the value of an expression, or of its promise."""
        answer = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, script: str) -> Any:
        """Wait until the expression is true, and return its value."""
        last: object = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    with suppress(AssertionError, TimeoutError):  # the page is being loaded
                        async with asyncio.timeout(_ANSWER_S):
                            last = await self.run(script)
                        if last:
                            return last
                    await asyncio.sleep(0.02)
        except TimeoutError:
            state = await self.run("document.documentElement.outerHTML.slice(0, 6000)")
            raise AssertionError(f"never true: {script}\n{self.complaints}\n{state}") from None

    async def before(self, script: str) -> None:
        """Run this before the scripts of each page that is opened from now on."""
        await self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    async def size(self, width: int, height: int, scale: float = 1, *, mobile: bool = False) -> None:
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=mobile,
        )

    async def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            await self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    async def collect(self) -> dict[str, float]:
        """Return the sizes of the page after its garbage was collected."""
        await self.send("HeapProfiler.collectGarbage")
        counted = await self.send("Memory.getDOMCounters")
        heap = await self.send("Runtime.getHeapUsage")
        return {**counted, "heap": heap["usedSize"]}

    async def picture(self, path: Path) -> None:
        answer = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))


class Chromium:
    """A browser with a profile of its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    @asynccontextmanager
    async def tab(self, *scripts: str) -> AsyncIterator[Tab]:
        """Open an empty page without the storage of others; `scripts` run first in each page it shows."""
        context = (await self.send("Target.createBrowserContext"))["browserContextId"]
        made = await self.send(
            "Target.createTarget", url="about:blank", browserContextId=context, width=1280, height=800
        )
        attached = await self.send("Target.attachToTarget", targetId=made["targetId"], flatten=True)
        tab = Tab(self, made["targetId"], attached["sessionId"])
        self._tabs[tab.session] = tab
        for domain in ("Page", "Runtime", "Log", "Network"):
            await tab.send(f"{domain}.enable")
        for script in scripts:
            await tab.before(script)
        try:
            yield tab
        finally:
            del self._tabs[tab.session]
            await self.send("Target.disposeBrowserContext", browserContextId=context)

    async def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        await self._socket.send_json(message)
        try:
            async with asyncio.timeout(PATIENCE_S):
                answer: dict[str, Any] = await future
        except TimeoutError:
            raise AssertionError(f"no answer: {method} {parameters}") from None
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    async def read(self) -> None:
        """Read what the browser says until it ends the connection."""
        async for message in self._socket:
            answer = message.json()
            if "id" in answer:
                future = self._waiting.pop(answer["id"], None)
                if future is not None and not future.done():
                    future.set_result(answer)
            elif tab := self._tabs.get(answer.get("sessionId", "")):
                _note(tab, answer["method"], answer["params"])
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("the browser has ended"))


def _note(tab: Tab, method: str, what: dict[str, Any]) -> None:
    if method == "Network.requestWillBeSent":
        tab.requested.append(what["request"]["url"])
    elif method == "Runtime.consoleAPICalled":
        tab.complaints.append(" ".join(str(each.get("value")) for each in what["args"]))
    elif method == "Runtime.exceptionThrown":
        details = what["exceptionDetails"]
        tab.complaints.append(details.get("exception", {}).get("description") or details["text"])
    elif method == "Log.entryAdded":
        tab.complaints.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Chromium]:
    """Start Chromium with `profile` as its directory."""
    process = await asyncio.create_subprocess_exec(
        need_chromium(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-background-timer-throttling",
        "--disable-renderer-backgrounding",
        "--no-first-run",
        "--mute-audio",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile), "LANG": "en_GB.UTF-8", "LANGUAGE": "en_GB"},
    )
    try:
        async with aiohttp.ClientSession() as client:
            address = await _address(profile / "DevToolsActivePort", process)
            async with client.ws_connect(address, max_msg_size=0) as socket:
                browser = Chromium(socket)
                reader = asyncio.create_task(browser.read())
                try:
                    yield browser
                finally:
                    with suppress(AssertionError, TimeoutError, aiohttp.ClientError, ConnectionError):
                        await browser.send("Browser.close")
                    reader.cancel()
                    await asyncio.wait([reader])
    finally:
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _address(file: Path, process: asyncio.subprocess.Process) -> str:
    """Return where the browser listens; it writes that to a file."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            lines = file.read_text().split("\n") if file.exists() else []
            if len(lines) > 1 and lines[1]:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            assert process.returncode is None, "Chromium has ended"
            await asyncio.sleep(0.02)

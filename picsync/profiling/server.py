"""Go's debugging pages for picsync: CPU and heap profiles, and stacks of threads and tasks.

The server has its own thread and event loop, so that it responds while picsync's loop is busy or hangs, which
is when it is needed. The serving and sampling code can thus be excluded from the profile.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from aiohttp import web

from picsync.core.errors import ListenError
from picsync.profiling.pprof import Profile, encode
from picsync.profiling.sampling import HEAP_DEPTH, HeapProfiler, sample_cpu
from picsync.profiling.stacks import describe_all
from picsync.serving import crosssite
from picsync.serving.server import HttpServer, Limits

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]

DEFAULT_SECONDS = 30.0
"""Length of a CPU profile; the same as Go's."""
MAX_SECONDS = 300.0

MAX_CONNECTIONS = 20
"""One profile at a time."""

_SHUTDOWN_S = 0.1

_INDEX = f"""<!doctype html>
<title>picsync: /debug/pprof/</title>
<h1>/debug/pprof/</h1>
<p>For <code>go tool pprof http://&lt;this address&gt;/debug/pprof/profile</code> and the like. Names, files
and lines of code are shown, never values.</p>
<dl>
<dt><a href="profile">profile</a><dd>CPU time of all Python threads. <code>?seconds=N</code>: for how long,
{DEFAULT_SECONDS:g} unless given, {MAX_SECONDS:g} at most. Threads that only wait do not show. Linux only.
<dt><a href="heap">heap</a><dd>Memory in use that Python code allocated, with the {HEAP_DEPTH} innermost
calls. <b>The first request starts the accounting</b>, so it returns almost nothing; request it again after a
while, or with <code>?seconds=N</code> for what changes in that time. Accounting slows picsync down and takes
memory, until <a href="heap?stop=1">heap?stop=1</a> stops it and discards the data. Function names are those
that the lines have now.
<dt><a href="tasks">tasks</a><dd>Text: where each thread and each asyncio task is. For hangs.
</dl>
"""


class ProfilingServer:
    """Serves /debug/pprof/ for the loop that starts it, from its own thread."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits(connections=MAX_CONNECTIONS)
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()
        self._started: Future[int] = Future()
        self._ended: Future[None] = Future()

    @property
    def port(self) -> int:
        """The port it listens on, after `start`."""
        return self._port

    async def start(self, host: str, port: int) -> None:
        """Listen; an empty host means all addresses, port 0 selects a free one. Call it only once.

        Raises ListenError if the address is unavailable; then nothing is left running.
        """
        self._loop = asyncio.new_event_loop()
        pages = _Pages(asyncio.get_running_loop())
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, host, port, pages), name="profiling", daemon=True
        )
        self._thread.start()
        try:
            self._port = await asyncio.shield(asyncio.wrap_future(self._started))
        except OSError as error:
            await self.close()
            raise _unavailable(host, port, error) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop immediately, without finishing responses; heap tracking ends too. Safe to repeat."""
        if self._loop is None or self._thread is None:
            return
        if not self._ended.done():
            self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.shield(asyncio.wrap_future(self._ended))
        self._thread.join()

    def _run(self, loop: asyncio.AbstractEventLoop, host: str, port: int, pages: _Pages) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._serve(host, port, pages))
        except BaseException as error:  # noqa: BLE001 - picsync's main thread raises it
            if self._started.done():
                self._ended.set_exception(error)
            else:
                self._ended.set_result(None)
                self._started.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _serve(self, host: str, port: int, pages: _Pages) -> None:
        application = web.Application()
        application.add_routes(
            [
                web.get("/debug/pprof/", _guarded(pages.index), allow_head=False),
                web.get("/debug/pprof/profile", _guarded(pages.profile, acts=True), allow_head=False),
                web.get("/debug/pprof/heap", _guarded(pages.heap, acts=True), allow_head=False),
                web.get("/debug/pprof/tasks", _guarded(pages.tasks), allow_head=False),
            ]
        )
        server = HttpServer("profiling server", limits=self._limits, shutdown_s=_SHUTDOWN_S)
        try:
            await server.start(application, host, port, handler_cancellation=True)
            self._started.set_result(server.port)
            await self._stop.wait()
        finally:
            await server.close()
            pages.close()


def _guarded(page: Page, *, acts: bool = False) -> Page:
    """Return a page that other sites cannot read through a browser, or request at all if it `acts`."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        refused = crosssite.refusal(request, get_acts=acts, local_only=True)
        if refused:
            raise web.HTTPForbidden(text=f"{refused}\n")
        return await page(request)

    return guarded


class _Pages:
    def __init__(self, watched: asyncio.AbstractEventLoop) -> None:
        self._watched = watched
        self._heap = HeapProfiler()
        self._busy = False

    def close(self) -> None:
        self._heap.stop()

    async def index(self, _request: web.Request) -> web.Response:
        return web.Response(text=_INDEX, content_type="text/html")

    async def profile(self, request: web.Request) -> web.Response:
        if sys.platform != "linux":
            raise web.HTTPNotImplemented(text="CPU time of single threads is only known on Linux.\n")
        with self._exclusive():
            return _file("profile", await sample_cpu(_seconds(request) or DEFAULT_SECONDS))

    async def heap(self, request: web.Request) -> web.Response:
        with self._exclusive():
            seconds = _seconds(request)
            if request.query.get("stop") == "1":
                stopped = self._heap.stop()
                return web.Response(text="Stopped.\n" if stopped else "It was not started by this server.\n")
            return _file("heap", await self._heap.growth(seconds) if seconds else self._heap.in_use())

    async def tasks(self, _request: web.Request) -> web.Response:
        return web.Response(text=describe_all(self._watched))

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        if self._busy:
            raise web.HTTPConflict(text="Another profile is in progress. Try again when it is done.\n")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False


def _seconds(request: web.Request) -> float | None:
    given = request.query.get("seconds")
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_SECONDS:
        raise web.HTTPBadRequest(text=f"`seconds` must be a number above 0, {MAX_SECONDS:g} at most.\n")
    return seconds


def _file(name: str, profile: Profile) -> web.Response:
    return web.Response(
        body=encode(profile, program="picsync"),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}.pb.gz"'},
    )


def _unavailable(host: str, port: int, error: OSError) -> ListenError:
    place = f"{f'[{host}]' if ':' in host else host or '*'}:{port}"
    # Error numbers of name resolution are negative.
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return ListenError(
        f"Profiling cannot listen on {place}: {reason}.",
        hint="Choose another address or port for `pprof.listen`, or stop the process that uses this one.",
    )

from __future__ import annotations

import asyncio
import hashlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from picsync.core.errors import ListenError, Scope
from picsync.profiling.sampling import thread_cpu_ns
from picsync.profiling.server import ProfilingServer, _guarded
from tests.profiling.decoding import Decoded

SECRET = "hunter2-do-not-show"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU clocks of threads are Linux's")


@pytest.fixture
async def server() -> AsyncIterator[ProfilingServer]:
    server = ProfilingServer()
    await server.start("127.0.0.1", 0)
    yield server
    await server.close()
    assert not tracemalloc.is_tracing()
    assert "profiling" not in {thread.name for thread in threading.enumerate()}


@pytest.fixture
async def client(server: ProfilingServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session


def burn(stop: threading.Event, password: str) -> None:
    while not stop.is_set():
        hashlib.sha256(password.encode() * 100).digest()


def rest(stop: threading.Event, _password: str) -> None:
    stop.wait()


@pytest.fixture
def load() -> Iterator[None]:
    """One thread that works and one that waits."""
    stop = threading.Event()
    threads = [threading.Thread(target=each, args=(stop, SECRET)) for each in (burn, rest)]
    for each in threads:
        each.start()
    yield
    stop.set()
    for each in threads:
        each.join()


async def read(client: aiohttp.ClientSession, path: str, status: int = 200) -> bytes:
    async with client.get(f"/debug/pprof/{path}") as answer:
        body = await answer.read()
        assert answer.status == status, body
        return body


async def is_busy(client: aiohttp.ClientSession) -> bool:
    async with client.get(
        "/debug/pprof/profile?seconds=0"
    ) as answer:  # refused, for this reason or the other
        assert answer.status in {400, 409}
        return answer.status == 409


async def until_busy(client: aiohttp.ClientSession) -> None:
    while not await is_busy(client):
        pass


def test_the_clock_is_the_one_of_the_thread() -> None:
    assert time.pthread_getcpuclockid(threading.get_ident()) == ~threading.get_native_id() << 3 | 6
    before = time.thread_time_ns()
    assert before <= thread_cpu_ns(threading.get_native_id()) <= time.thread_time_ns()


@pytest.mark.usefixtures("load")
async def test_cpu_time_goes_to_who_used_it(client: aiohttp.ClientSession) -> None:
    profile = Decoded(await read(client, "profile?seconds=1"))
    assert profile.types == [("samples", "count"), ("cpu", "nanoseconds")]
    assert profile.total(".burn") > profile.total("", -1) / 2
    assert profile.total(".rest") == 0
    assert profile.total("server._serve") == profile.total("sampling.sample_cpu") == 0
    assert 0.9e9 < profile.raw.duration_nanos < 5e9
    assert profile.total("") <= 3 * profile.raw.duration_nanos
    assert profile.raw.period == 10_000_000
    assert not any(SECRET in text for text in profile.strings)


async def test_one_profile_at_a_time_and_a_client_may_go_away(client: aiohttp.ClientSession) -> None:
    first = asyncio.create_task(read(client, "profile?seconds=300"))
    await until_busy(client)
    first.cancel()
    while await is_busy(client):
        pass
    Decoded(await read(client, "profile?seconds=0.05"))


async def test_closing_is_prompt_mid_profile() -> None:
    server = ProfilingServer()
    await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        profile = asyncio.create_task(read(client, "profile?seconds=300"))
        await until_busy(client)
        began = time.monotonic()
        await server.close()
        assert time.monotonic() - began < 2
        with pytest.raises(aiohttp.ClientError):
            await profile
    await server.close()


def hoard() -> list[bytes]:
    return [bytes(10_000) for _ in range(100)]


async def test_heap_from_the_first_request_until_stopped(client: aiohttp.ClientSession) -> None:
    before = hoard()
    first = Decoded(await read(client, "heap"))
    assert tracemalloc.is_tracing()
    assert first.total(".hoard") == 0
    assert "older memory is not included" in first.comments[0]
    kept = hoard()
    second = Decoded(await read(client, "heap"))
    assert second.types == [("inuse_objects", "count"), ("inuse_space", "bytes")]
    assert second.default == "inuse_space"
    assert second.total(".hoard") >= 1_000_000
    assert second.total(".hoard", 0) >= 100
    assert second.total("sampling._pieces") == 0
    assert await read(client, "heap?stop=1") == b"Stopped.\n"
    assert not tracemalloc.is_tracing()
    assert len(before) == len(kept)


async def test_heap_growth_may_be_negative(client: aiohttp.ClientSession) -> None:
    await read(client, "heap")
    kept = hoard()
    growth = asyncio.create_task(read(client, "heap?seconds=2"))
    await until_busy(client)  # the server's loop is free again: the first look is over
    kept.clear()
    assert Decoded(await growth).total(".hoard") < -900_000


@pytest.mark.parametrize("seconds", ["0", "-1", "301", "nan", "inf", "soon", ""])
@pytest.mark.parametrize("path", ["profile", "heap"])
async def test_only_sensible_lengths(client: aiohttp.ClientSession, path: str, seconds: str) -> None:
    assert b"300 at most" in await read(client, f"{path}?seconds={seconds}", status=400)
    assert not tracemalloc.is_tracing()


async def test_it_answers_while_the_loop_hangs(server: ProfilingServer) -> None:
    def ask() -> bytes:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"GET /debug/pprof/tasks HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return b"".join(iter(lambda: connection.recv(65536), b""))

    text = ask()  # not awaited: nothing else can run in this loop
    assert b"test_it_answers_while_the_loop_hangs" in text
    assert b"create_connection" not in text.split(b"tasks:")[1]


async def test_the_index_says_what_there_is(client: aiohttp.ClientSession) -> None:
    text = (await read(client, "")).decode()
    for page in ("profile", "heap", "heap?stop=1", "tasks"):
        assert f'href="{page}"' in text
        await read(client, "profile?seconds=0.01" if page == "profile" else page)


async def test_an_address_that_cannot_be_had(server: ProfilingServer) -> None:
    other = ProfilingServer()
    with pytest.raises(
        ListenError, match=rf"on 127\.0\.0\.1:{server.port}: Address already in use"
    ) as caught:
        await other.start("127.0.0.1", server.port)
    assert caught.value.scope is Scope.PROCESS
    assert "pprof.listen" in caught.value.hint
    await other.close()


async def test_an_address_of_elsewhere() -> None:
    with pytest.raises(ListenError, match=r"on 192\.0\.2\.1:0: "):
        await ProfilingServer().start("192.0.2.1", 0)


async def test_all_addresses() -> None:
    server = ProfilingServer()
    await server.start("", 0)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        assert await read(client, "tasks")
    await server.close()


@pytest.mark.skipif(shutil.which("go") is None, reason="needs `go tool pprof`")
@pytest.mark.usefixtures("load")
@pytest.mark.parametrize(("path", "shows"), [("profile?seconds=1", "burn"), ("heap", "hoard")])
async def test_go_reads_it(client: aiohttp.ClientSession, tmp_path: Path, path: str, shows: str) -> None:
    await read(client, "heap")
    kept = hoard()
    (tmp_path / "taken.pb.gz").write_bytes(await read(client, path))
    done = await asyncio.to_thread(
        subprocess.run,
        ["go", "tool", "pprof", "-top", "taken.pb.gz"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "File: picsync\n" in done.stdout
    assert f".{shows}" in done.stdout
    assert SECRET not in done.stdout
    assert kept


BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"


@pytest.mark.parametrize("path", ["", "profile", "heap", "tasks"])
@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"User-Agent": BROWSER, "Host": "evil.example:20077"}, True),
        ({"User-Agent": "curl/8.5.0", "Host": "evil.example:20077"}, False),
    ],
)
async def test_a_browser_on_the_network_uses_local_names(
    path: str, headers: dict[str, str], refused: bool
) -> None:
    here = asyncio.Transport(extra={"sockname": ("192.0.2.7", 20077)})
    request = make_mocked_request("GET", f"/debug/pprof/{path}", headers=headers, transport=here)
    pages: list[web.BaseRequest] = []

    async def page(given: web.Request) -> web.Response:
        pages.append(given)
        return web.Response()

    guarded = _guarded(page, acts=path in {"profile", "heap"})
    if refused:
        with pytest.raises(web.HTTPForbidden):
            await guarded(request)
    else:
        await guarded(request)
    assert bool(pages) is not refused


@pytest.mark.parametrize(
    ("headers", "acts", "reads"),
    [
        ({}, True, True),
        ({"User-Agent": "Go-http-client/1.1"}, True, True),
        ({"User-Agent": "Prometheus/3.0.0", "Host": "localhost"}, True, True),
        ({"User-Agent": BROWSER, "Sec-Fetch-Site": "none"}, True, True),
        ({"User-Agent": BROWSER, "Sec-Fetch-Site": "same-origin"}, True, True),
        ({"User-Agent": BROWSER, "Referer": "http://nas.lan:2/debug/", "Host": "nas.lan:2"}, True, True),
        ({"User-Agent": BROWSER, "Sec-Fetch-Site": "cross-site"}, False, True),
        ({"User-Agent": BROWSER, "Sec-Fetch-Site": "same-site"}, False, True),
        # An image of another site, where the server is not at a loopback address: no more than this.
        ({"User-Agent": BROWSER}, False, True),
        ({"User-Agent": BROWSER, "Referer": "https://evil.example/"}, False, True),
        ({"User-Agent": BROWSER, "Referer": "http://[evil"}, False, True),
        ({"Origin": "https://evil.example"}, False, False),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, False, False),
        # A name of theirs that leads to this machine.
        ({"Host": "evil.example"}, False, False),
        ({"User-Agent": BROWSER, "Host": "evil.example", "Sec-Fetch-Site": "same-origin"}, False, False),
        ({"User-Agent": BROWSER, "Host": "a:b:c"}, False, False),
    ],
)  # fmt: skip
async def test_a_page_of_another_site_starts_nothing(
    server: ProfilingServer, headers: dict[str, str], acts: bool, reads: bool
) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}/debug/pprof/") as client:
        for path, allowed in (("", reads), ("tasks", reads), ("profile?seconds=0", acts), ("heap", acts)):
            answer = await client.get(path, headers=headers)
            expected = 400 if "seconds" in path else 200
            assert answer.status_code == (expected if allowed else 403), (path, answer.text)
            if not allowed:
                assert "Refused" in answer.text or "not valid" in answer.text
    assert tracemalloc.is_tracing() is acts

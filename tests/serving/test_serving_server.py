"""Silent, terse, slow and numerous clients, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from picsync.serving.server import HttpServer, Limits, bind
from tests.serving.clock import clock, run

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
LIMITS = Limits(head_s=10, idle_s=75, stall_s=30, rate=1000, connections=4)
LARGE = b"x" * 8_000_000
"""More than a kernel takes."""


@dataclass
class Client:
    """A connection of which a test sends and reads every byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return head.split(b" ")[1] + b" " + await self.reader.readexactly(int(size))

    async def get(self, path: bytes) -> bytes:
        self.send(GET % path)
        return await self.answer()

    async def end(self) -> bytes:
        """Return what still comes until the server closes the connection."""
        rest = b""
        try:
            while block := await self.reader.read(65536):
                rest += block
        except ConnectionError:
            pass
        return rest

    @property
    def open(self) -> bool:
        return not self.reader.at_eof() and self.reader.exception() is None


def serving(context: ssl.SSLContext | None = None) -> HttpServer:
    return HttpServer("test server", limits=LIMITS, ssl_context=context, shutdown_s=0.05)


@dataclass
class RunningServer:
    server: HttpServer = field(
        default_factory=lambda: HttpServer("test server", limits=LIMITS, shutdown_s=0.05)
    )
    release: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/ok", self.ok),
                web.get("/wait", self.wait),
                web.get("/large", self.large),
                web.post("/body", self.body),
            ]
        )
        await self.server.start(app, host, port)

    async def ok(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def wait(self, _request: web.Request) -> web.Response:
        self.entered.put_nowait(None)
        await self.release.wait()
        return web.Response(text="waited")

    async def large(self, _request: web.Request) -> web.Response:
        self.entered.put_nowait(None)
        return web.Response(body=LARGE)

    async def body(self, request: web.Request) -> web.Response:
        self.entered.put_nowait(None)
        return web.Response(text=str(len(await request.read())))

    async def client(self, sent: bytes = b"") -> Client:
        # So little room on this side that a response does not disappear in it.
        mine = socket.socket()
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        mine.setblocking(False)
        await asyncio.get_running_loop().sock_connect(mine, ("127.0.0.1", self.server.port))
        reader, writer = await asyncio.open_connection(sock=mine, limit=1024)
        self.stack.callback(writer.close)
        writer.write(sent)
        return Client(reader, writer)


@asynccontextmanager
async def running_server() -> AsyncIterator[RunningServer]:
    running = RunningServer(serving())
    await running.start()
    try:
        yield running
    finally:
        await running.stack.aclose()
        await running.server.close()
        assert running.server.connections == 0


async def settled(running: RunningServer, connections: int) -> None:
    async with asyncio.timeout(10):
        while running.server.connections != connections:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("sent", [b"", b"GET /ok HTTP/1.1\r\nHost: x\r\nX: y"], ids=["silent", "half"])
def test_a_connection_without_a_request_is_closed_in_time(sent: bytes) -> None:
    async def work() -> None:
        async with running_server() as running:
            client = await running.client(sent)
            await settled(running, 1)
            await clock().forward(9)
            assert await (await running.client()).get(b"ok") == b"200 ok"
            assert client.open
            await clock().forward(1.1)
            assert await client.end() == b""

    run(work())


def test_files_are_sent_one_after_the_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 5_000)

    async def send(_request: web.BaseRequest) -> web.StreamResponse:
        return web.FileResponse(path)

    async def work() -> None:
        running = RunningServer(serving())
        await running.server.start(web.Server(send), "127.0.0.1", 0)
        client = await running.client()
        for _ in range(3):
            assert await client.get(b"file") == b"200 " + b"x" * 5_000
        await running.stack.aclose()
        await running.server.close()

    run(work())
    assert caplog.records == []


def test_headers_that_trickle_are_cut_off() -> None:
    async def work() -> None:
        async with running_server() as running:
            client, other = await running.client(b"GET /ok HTTP/1.1\r\nX: "), await running.client()
            began = clock().time()
            while client.open:
                client.send(b"y")
                # Its answer comes after that byte has been read.
                assert await other.get(b"ok") == b"200 ok"
                await clock().forward(1)
            assert 10 <= clock().time() - began < 13

    run(work())


def test_idle_connection_may_wait_longer_than_a_request() -> None:
    async def work() -> None:
        async with running_server() as running:
            resting, halfway, used = [await running.client() for _ in range(3)]
            for each in (resting, halfway, used):
                assert await each.get(b"ok") == b"200 ok"
            await clock().forward(70)
            assert await used.get(b"ok") == b"200 ok"
            halfway.send(b"GET /ok HTTP/1.1\r\n")
            assert await used.get(b"ok") == b"200 ok"
            await clock().forward(6)
            assert (await resting.end(), halfway.open, used.open) == (b"", True, True)
            await clock().forward(5)
            assert await halfway.end() == b""
            assert await used.get(b"ok") == b"200 ok"

    run(work())


def test_a_request_may_be_handled_for_as_long_as_it_takes() -> None:
    async def work() -> None:
        async with running_server() as running:
            client = await running.client(GET % b"wait")
            await running.entered.get()
            for _ in range(10):
                await clock().forward(1000)
            running.release.set()
            assert await client.answer() == b"200 waited"

    run(work())


def test_client_that_does_not_read_is_cut_off_a_slow_one_is_not() -> None:
    async def work() -> None:
        async with running_server() as running:
            mute, slow = await running.client(GET % b"large"), await running.client(GET % b"large")
            for _ in range(2):
                await running.entered.get()
            await slow.reader.readuntil(b"\r\n\r\n")
            for _ in range(5):
                # 40 kB in 29 s are more than the least rate.
                await slow.reader.readexactly(40_000)
                await clock().forward(29)
            await settled(running, 1)
            # What the system's buffers had taken before still arrives.
            assert len(await mute.end()) < len(LARGE)
            await slow.reader.readexactly(500_000)

    run(work())


def test_a_body_that_does_not_arrive_is_cut_off() -> None:
    async def work() -> None:
        async with running_server() as running:
            head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
            mute, slow, other = await running.client(head), await running.client(head), await running.client()
            for _ in range(2):
                await running.entered.get()
            for _ in range(20):
                slow.send(b"y" * 50_000)
                await slow.writer.drain()
                assert await other.get(b"ok") == b"200 ok"
                await clock().forward(20)
            assert await slow.answer() == b"200 1000000"
            assert await mute.end() == b""

    run(work())


def test_at_the_cap_the_one_that_waited_longest_makes_room(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with running_server() as running:
            busy = await running.client(GET % b"wait")
            await running.entered.get()
            answered = await running.client()
            assert await answered.get(b"ok") == b"200 ok"
            silent = await running.client()
            await settled(running, 3)
            assert await answered.get(b"ok") == b"200 ok"
            for _ in range(50):
                assert await (await running.client()).get(b"ok") == b"200 ok"
            assert running.server.connections == LIMITS.connections
            assert (await silent.end(), await answered.end()) == (b"", b"")
            running.release.set()
            assert await busy.answer() == b"200 waited"
            await clock().forward(61)
            assert await (await running.client()).get(b"ok") == b"200 ok"

    run(work())
    assert [record.getMessage()[:32] for record in caplog.records] == ["The test server has 4 connection"] * 2


def test_who_reads_nothing_makes_room_too() -> None:
    async def work() -> None:
        async with running_server() as running:
            for _ in range(2 * LIMITS.connections):
                await running.client(GET % b"large")
                await running.entered.get()
            assert await (await running.client()).get(b"ok") == b"200 ok"

    run(work())


def test_while_all_are_served_the_next_one_waits() -> None:
    async def work() -> None:
        async with running_server() as running:
            busy = [await running.client(GET % b"wait") for _ in range(LIMITS.connections)]
            for _ in busy:
                await running.entered.get()
            late = await running.client(GET % b"ok")
            await clock().forward(100)
            assert running.server.connections == LIMITS.connections
            running.release.set()
            assert [await each.answer() for each in busy] == [b"200 waited"] * LIMITS.connections
            assert await late.answer() == b"200 ok"

    run(work())


def test_a_tls_handshake_that_does_not_come_is_cut_off() -> None:
    authority, mine, theirs = (
        trustme.CA(),
        ssl.create_default_context(),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    authority.configure_trust(mine)
    authority.issue_cert("localhost").configure_cert(theirs)

    async def work() -> None:
        server = serving(theirs)
        running = RunningServer(server)
        await running.start()
        mute = [await running.client() for _ in range(3 * LIMITS.connections)]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=mine, server_hostname="localhost"
        )
        writer.write(GET % b"ok")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await clock().forward(11)
        for each in mute:
            assert await each.end() == b""
        # Closed while one of them is at its handshake.
        await running.client()
        await server.close()
        assert server.connections == 0
        writer.close()
        await running.stack.aclose()

    run(work())


def test_garbage_is_refused_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with running_server() as running:
            client = await running.client(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            assert b" 400 " in await client.end()

    run(work())
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_closing_does_not_wait_for_clients() -> None:
    async def work() -> None:
        running = RunningServer(serving())
        await running.start()
        for sent in (b"", b"GET", GET % b"large", GET % b"wait"):
            await running.client(sent)
        for _ in range(2):
            await running.entered.get()
        began = clock().time()
        await running.server.close()
        assert clock().time() - began < 5
        await running.server.close()
        await running.start(port=0)
        assert await (await running.client()).get(b"ok") == b"200 ok"
        await running.server.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", running.server.port)
        await running.server.listen_again()
        assert await (await running.client()).get(b"ok") == b"200 ok"
        await running.stack.aclose()
        await running.server.close()

    run(work())


@pytest.mark.parametrize("tls", [False, True])
def test_a_connection_that_comes_while_the_server_closes_is_closed(tls: bool) -> None:
    """Whichever iteration of the event loop it closes in, it leaves no socket to the garbage collector."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(theirs)
    faults: list[object] = []

    async def work(iterations: int) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        running = RunningServer(serving(theirs if tls else None))
        await running.start()
        for _ in range(5):
            await asyncio.sleep(0)
        with socket.create_connection(("127.0.0.1", running.server.port)):
            for _ in range(iterations):
                await asyncio.sleep(0)
            await running.server.close()

    for iterations in range(10):
        with warnings.catch_warnings(record=True) as left:
            warnings.simplefilter("always")
            run(work(iterations))
            gc.collect()
        assert (iterations, [str(each.message) for each in left], faults) == (iterations, [], [])


async def test_all_addresses_of_a_name_have_one_port() -> None:
    sockets = await bind("localhost", 0)
    try:
        assert len({each.getsockname()[1] for each in sockets}) == 1
        with pytest.raises(OSError, match="in use"):
            await bind("localhost", sockets[0].getsockname()[1])
    finally:
        for each in sockets:
            each.close()


SERVED = """
import asyncio, logging, os, resource, sys, time
from picsync.web.server import WebServer

FILES = 256

async def main():
    loop = asyncio.get_running_loop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    server = WebServer(lambda: None, lambda: b"figures", lambda: True)
    await server.start("127.0.0.1", 0)
    print(server.port, flush=True)
    for _ in range(2):
        began = time.process_time()
        await loop.run_in_executor(None, sys.stdin.readline)
        spent = time.process_time() - began
        while server._server.connections:
            await asyncio.sleep(0.01)
        taken = os.open(os.devnull, os.O_RDONLY)
        while taken < FILES - 10:
            taken = os.dup(taken)
        print(spent, flush=True)
    os._exit(0)

logging.basicConfig()
asyncio.run(main())
"""


def test_three_hundred_silent_connections() -> None:
    """Of a process that may open 256 files, and then of one that has no more than ten left."""
    command = [sys.executable, "-c", SERVED]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        port = int(process.stdout.readline())
        for _ in range(2):
            with ExitStack() as silent:
                for _ in range(300):
                    silent.enter_context(socket.create_connection(("127.0.0.1", port)))
                for path in (b"/healthz", b"/metrics"):
                    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
                        client.sendall(GET % path[1:])
                        assert client.recv(12) == b"HTTP/1.1 200"
            process.stdin.write("\n")
            process.stdin.flush()
            # Without limits it was 2.7 s, and 36,000 lines, in five seconds without an answer.
            assert float(process.stdout.readline()) < 2
        said = process.stderr.read()
    assert [line[:50] for line in said.splitlines()] == [
        "WARNING:picsync.serving:The status page has 64 con",
        "WARNING:picsync.serving:The status page cannot acc",
    ], said

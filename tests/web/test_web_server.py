"""The pages over real HTTP: every route, every refusal, and misbehaving clients."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import httpx
import pytest

from picsync.core.errors import ListenError
from picsync.observe.status import Status
from picsync.web.server import METRICS_TYPE, WebServer
from tests.observe.statuses import HOSTILE, STATUSES, status_of

METRICS = b"# HELP picsync_photos Photos.\n" * 40


@dataclass
class RunningPages:
    """A server whose answers a test chooses, and a client."""

    server: WebServer = field(init=False)
    client: httpx.AsyncClient = field(init=False)
    status: Callable[[], Status] = field(default=lambda: status_of("at_rest"))
    metrics: bytes = METRICS
    alive: bool = True

    def __post_init__(self) -> None:
        self.server = WebServer(lambda: self.status(), lambda: self.metrics, lambda: self.alive)

    async def send(self, request: bytes) -> bytes:
        """Send bytes as they are, and return all that comes back until the server hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(request)
            answer = b""
            # The server may hang up before it has read everything.
            while block := await _read(reader):
                answer += block
            return answer
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionResetError:
        return b""


@pytest.fixture
async def pages() -> AsyncIterator[RunningPages]:
    pages = RunningPages()
    await pages.server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{pages.server.port}") as pages.client:
        yield pages
    await pages.server.close()


@pytest.mark.parametrize("path", ["/", "/status.json", "/metrics", "/healthz", "/readyz", "/nowhere"])
async def test_every_answer_is_protected_and_head_works(pages: RunningPages, path: str) -> None:
    got, head = await pages.client.get(path), await pages.client.head(path)
    assert got.status_code == head.status_code == (404 if path == "/nowhere" else 200)
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    for answer in (got, head):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == ("same-origin" if path == "/" else "no-referrer")
        assert answer.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]


async def test_metrics_are_the_bytes_given(pages: RunningPages) -> None:
    plain = await pages.client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert (plain.content, plain.headers["content-type"]) == (METRICS, METRICS_TYPE)
    assert "content-encoding" not in plain.headers
    async with pages.client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as packed:
        raw = b"".join([block async for block in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == METRICS


async def test_health_is_what_alive_says(pages: RunningPages) -> None:
    assert (await pages.client.get("/healthz")).text == "ok\n"
    pages.alive = False
    answer = await pages.client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "picsync no longer makes progress. Restart it.\n")


@pytest.mark.parametrize(
    ("situation", "reasons"),
    [
        ("at_rest", []),
        ("mid_upload", []),
        ("held_deletes", []),
        ("dry_run", []),
        ("failing", []),
        ("stopping", ["picsync is stopping."]),
        ("login_needed", ["Not logged in to Nixplay."]),
        (
            "config_refused",
            [
                f"The configuration was refused: {problem}"
                for problem in status_of("config_refused").config_problems
            ],
        ),
        (
            "first_start",
            [
                "The rule Uncle Rafał & family has not started its first cycle.",
                "The rule Cabin has not started its first cycle.",
            ],
        ),
    ],
)
async def test_readiness_gives_each_reason(pages: RunningPages, situation: str, reasons: list[str]) -> None:
    pages.status = lambda: status_of(situation)
    answer = await pages.client.get("/readyz")
    assert answer.status_code == (503 if reasons else 200)
    assert answer.text.splitlines() == (reasons or ["ok"])


async def test_reasons_bring_no_control_characters(pages: RunningPages) -> None:
    pages.status = lambda: status_of("hostile")
    answer = await pages.client.get("/readyz")
    assert "\x1b" not in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/metrics/",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/status.json/x",
        "//",
        "/%00",
        "/\u2603",
        "/x?" + "y" * 4000,
    ],
)
async def test_nonsense_paths_are_not_found(pages: RunningPages, path: str) -> None:
    answer = await pages.client.get(f"http://127.0.0.1:{pages.server.port}{path}")
    assert answer.status_code == 404
    assert answer.text == "Not found. Try /, /status.json, /metrics, /healthz or /readyz.\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("path", ["/", "/metrics", "/status.json"])
async def test_other_methods_are_not_allowed(pages: RunningPages, method: str, path: str) -> None:
    answer = await pages.client.request(method, path, content=b"x" * 100_000)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET,HEAD"


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", (b"400", b"431")),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", (b"400", b"431")),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (b"400", b"414")),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (b"400",)),
        (b"complete nonsense\r\n\r\n", (b"400",)),
        (b"GET / HTTP/9.9\r\n\r\n", (b"400", b"505")),
    ],
    ids=["long-header", "many-headers", "long-path", "tls", "nonsense", "version"],
)
async def test_garbage_is_refused_and_the_next_request_served(
    pages: RunningPages, request_bytes: bytes, statuses: tuple[bytes, ...], caplog: pytest.LogCaptureFixture
) -> None:
    answer = await pages.send(request_bytes)
    assert answer.split(b" ")[1:2] in [[status] for status in statuses], answer[:200]
    assert (await pages.client.get("/healthz")).status_code == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_failing_page_is_one_500_that_tells_nothing(
    pages: RunningPages, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Status:
        raise RuntimeError("secret")

    pages.status = broken
    answer = await pages.client.get("/", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert (await pages.client.get("/healthz")).status_code == 200
    assert "secret" in caplog.text


async def test_scraped_by_many_while_things_change(pages: RunningPages) -> None:
    builders = [situation() for situation in STATUSES.values()]
    turn = 0

    def next_status() -> Status:
        nonlocal turn
        turn += 1
        return builders[turn % len(builders)].board.status()

    pages.status = next_status

    async def scrape(path: str) -> None:
        for _ in range(25):
            answer = await pages.client.get(path)
            assert answer.status_code in (200, 503)
            if path == "/status.json":
                json.loads(answer.text)

    async with asyncio.TaskGroup() as group:
        for path in ("/", "/status.json", "/metrics", "/healthz", "/readyz") * 2:
            group.create_task(scrape(path))


async def test_close_does_not_wait_for_those_who_do_not_read(pages: RunningPages) -> None:
    pages.metrics = b"x" * 32_000_000
    async with AsyncExitStack() as stack:
        for request in (b"", b"GET / HT", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
            mute = stack.enter_context(socket.create_connection(("127.0.0.1", pages.server.port)))
            mute.setblocking(False)
            mute.sendall(request)
        # Once this later request is answered, the earlier ones have been taken up.
        await pages.client.get("/healthz")
        async with asyncio.timeout(3):
            await pages.server.close()
        await pages.server.close()
    with pytest.raises(httpx.ConnectError):
        await pages.client.get("/healthz")


async def test_it_may_be_started_again_on_its_port(pages: RunningPages) -> None:
    port = pages.server.port
    await pages.client.get("/healthz")
    await pages.server.close()
    await pages.server.start("127.0.0.1", port)
    assert (await pages.client.get("/healthz")).text == "ok\n"


async def test_no_host_means_every_address_on_one_port() -> None:
    server = RunningPages().server
    await server.start("", 0)
    try:
        async with httpx.AsyncClient() as client:
            for host in ("127.0.0.1", *(["[::1]"] if _has_ipv6() else [])):
                answer = await client.get(f"http://{host}:{server.port}/healthz")
                assert answer.text == "ok\n"
    finally:
        await server.close()


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("host", ["127.0.0.1", ""])
async def test_a_taken_port_is_said_with_what_to_do(pages: RunningPages, host: str) -> None:
    second = RunningPages().server
    with pytest.raises(ListenError) as caught:
        await second.start(host, pages.server.port)
    place = f"{host or 'all addresses'}, port {pages.server.port}"
    assert caught.value.message == (
        f"picsync.yaml: prometheus.listen: cannot listen on {place}: another process already uses it."
    )
    assert caught.value.hint == "Stop that process (is another picsync running?), or choose another port."
    await second.close()
    with pytest.raises(RuntimeError):
        _ = second.port


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
async def test_an_address_of_another_machine_is_said(host: str) -> None:
    with pytest.raises(ListenError, match="this machine has no address") as caught:
        await RunningPages().server.start(host, 1971)
    assert 'listen: ":1971"' in caught.value.hint


async def test_hostile_names_stay_text_on_the_wire(pages: RunningPages) -> None:
    pages.status = lambda: status_of("hostile")
    page = await pages.client.get("/")
    assert page.status_code == 200
    assert HOSTILE not in page.text
    assert page.text.count("<script") == 1

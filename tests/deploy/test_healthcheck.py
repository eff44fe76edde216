"""`python -m picsync.healthcheck`, as the container's health check runs it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from picsync.healthcheck import check

Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/healthz", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/healthz"
    finally:
        await runner.cleanup()


async def healthcheck(url: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "picsync.healthcheck", url),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert out == b""
    return process.returncode, err.decode()


async def well(_request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def unwell(_request: web.Request) -> web.Response:
    return web.Response(status=503, text="Album Family: no cycle has ended for 4 hours.")


async def test_well() -> None:
    async with serving(well) as url:
        assert await healthcheck(url) == (0, "")


async def test_a_proxy_is_not_asked() -> None:
    async with serving(well) as url:
        assert await healthcheck(url, http_proxy="http://127.0.0.1:9", no_proxy="") == (0, "")


async def test_unwell_says_why() -> None:
    async with serving(unwell) as url:
        code, said = await healthcheck(url)
    assert (code, said) == (1, f"{url} answers 503: Album Family: no cycle has ended for 4 hours.\n")


async def test_no_picsync_is_running() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/healthz"
        code, said = await healthcheck(url)
    assert code == 1
    assert said.startswith(f"No response from {url}: ")
    assert "refused" in said


def test_silence_ends_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/healthz"
        assert check(url, timeout_s=0.05) == f"No response from {url}: timed out."


@pytest.mark.parametrize("url", ["localhost:1971", "https://127.0.0.1/", "http://127.0.0.1:x/"])
async def test_a_wrong_url_is_said_to_be_one(url: str) -> None:
    code, said = await healthcheck(url)
    assert code == 1
    assert said.startswith("The argument ")

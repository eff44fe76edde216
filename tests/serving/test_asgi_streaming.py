"""Responses of ASGI applications that are sent in pieces."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from aiohttp import web
from starlette.responses import FileResponse

from picsync.serving.asgi import handler


async def test_a_large_file_is_sent_completely(tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 4_000)
    served = web.Application()
    served.router.add_route("*", "/{rest:.*}", handler(FileResponse(file)))
    runner = web.AppRunner(served)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            async with asyncio.timeout(60):
                assert (await client.get("/")).content == file.read_bytes()
                part = await client.get("/", headers={"Range": "bytes=10-19"})
                assert (part.status_code, part.content) == (206, file.read_bytes()[10:20])
    finally:
        await runner.cleanup()

"""A bare client: the requests of a picsync that was measured, without picsync.

`python -m benchmarks.bare <client> <script>` sends the requests of a script (see `replay`) and does with each
photo what any program must do: write the download to a temporary file and compute its digest in blocks, and
send the file from the disk. It retries nothing, parses nothing and logs nothing. Its CPU time is what the
same bytes and the same requests cost on this machine, so it shows how much of picsync's is picsync's own.

This module imports only what its client needs, since the loading counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

BLOCK_BYTES = 256 * 1024
"""Bytes read from a file in one call."""

Call = Mapping[str, Any]
"""One request: `method`, `url`, `sent_bytes` and `received_bytes` of its bodies."""

CLIENTS = {
    "aiohttp": "aiohttp",
    "aiohttp-uvloop": "aiohttp on uvloop",
    "httpx": "httpx as shipped",
    "httpx-aiohttp": "httpx on aiohttp's transport (httpx-aiohttp)",
    "picsync": "httpx on picsync's transport",
}
"""Name -> what it is."""
_NEEDS = {"aiohttp-uvloop": "uvloop", "httpx-aiohttp": "httpx_aiohttp"}
"""Client -> the module that it needs and picsync does not."""


def is_installed(client: str) -> bool:
    """Whether the packages of a client are installed."""
    return importlib.util.find_spec(_NEEDS.get(client, "aiohttp")) is not None


class Client(Protocol):
    """Sends one request and passes on the body of the response, piece by piece."""

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, took: Callable[[bytes], object]
    ) -> None:
        """Send; raises ConnectionError unless the status is 200."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


Body = bytes | AsyncIterator[bytes]


class _Aiohttp:
    def __init__(self, context: ssl.SSLContext) -> None:
        import aiohttp

        # Concurrency is limited elsewhere.
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, took: Callable[[bytes], object]
    ) -> None:
        async with self._session.request(method, url, headers=headers, data=body or None) as response:
            if response.status != 200:
                raise ConnectionError(f"{method} {url}: {response.status}")
            async for piece in response.content.iter_any():
                took(piece)

    async def aclose(self) -> None:
        await self._session.close()


class _Httpx:
    def __init__(self, client: Any) -> None:
        self._client = client

    async def exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: Body, took: Callable[[bytes], object]
    ) -> None:
        content = body or None
        async with self._client.stream(method, url, headers=headers, content=content) as response:
            if response.status_code != 200:
                raise ConnectionError(f"{method} {url}: {response.status_code}")
            async for piece in response.aiter_bytes():
                took(piece)

    async def aclose(self) -> None:
        await self._client.aclose()


def _open(client: str, authority: str) -> Client:
    if client == "picsync":
        import httpx

        from picsync.http.network import current, use
        from picsync.http.transport import Transport

        use(authority, {})
        return _Httpx(httpx.AsyncClient(transport=Transport(current()), timeout=60.0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    import certifi

    # As picsync and any client of the real services have them.
    context.load_verify_locations(certifi.where())
    context.load_verify_locations(authority)
    if client.startswith("aiohttp"):
        return _Aiohttp(context)
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
    options: dict[str, Any] = {"timeout": 60.0, "limits": limits, "trust_env": False}
    if client == "httpx-aiohttp":
        # Only the comparison of clients needs it.
        transport = importlib.import_module("httpx_aiohttp").AiohttpTransport
        return _Httpx(httpx.AsyncClient(transport=transport(verify=context, limits=limits), **options))
    return _Httpx(httpx.AsyncClient(verify=context, **options))


class Bare:
    """One run of a script."""

    def __init__(self, client: Client, script: Mapping[str, Any], folder: Path) -> None:
        self._client = client
        self._script = script
        self._folder = folder
        self._limits = {name: asyncio.Semaphore(cap) for name, cap in script["caps"].items()}
        self.requests = 0
        self.bytes = 0

    async def run(self) -> None:
        """Send everything; raises ConnectionError if a response is not what it has to be."""
        photos = iter(enumerate(self._script["photos"]))

        async def work() -> None:
            for number, photo in photos:
                await self._photo(self._folder / str(number), photo)

        caps = self._script["caps"]
        async with asyncio.TaskGroup() as tasks:
            for call in self._script["others"]:
                tasks.create_task(self._call(call))
            for _ in range(caps["downloads"] + caps["photos"] + caps["processing"]):
                tasks.create_task(work())

    async def _photo(self, path: Path, photo: Mapping[str, Call]) -> None:
        """Send the requests of one photo, in their order."""
        download, permit, store, status = (
            photo.get(name) for name in ("download", "permit_upload", "store_bytes", "await_processing")
        )
        if download is not None:
            await self._download(download, path)
        elif store is not None:
            path = Path(self._script["files"][str(store["file_bytes"])])
            _digest(path)
        async with self._limits["photos"] if store is not None else contextlib.nullcontext():
            if permit is not None:
                await self._call(permit)
            if store is not None:
                await self._store(store, path)
        if download is not None:
            path.unlink()
        if status is not None:
            await self._call(status, "processing")

    async def _download(self, call: Call, path: Path) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        with path.open("wb", buffering=0) as file:

            def took(piece: bytes) -> None:
                digest.update(piece)
                file.write(piece)

            await self._send(call, b"", took, "downloads")

    async def _store(self, call: Call, path: Path) -> None:
        """Send a file as a part of a form; the other fields of the form are filler."""
        size_bytes = call["sent_bytes"]

        async def form() -> AsyncIterator[bytes]:
            yield bytes(size_bytes - call["file_bytes"])
            with path.open("rb", buffering=0) as file:
                while block := file.read(BLOCK_BYTES):
                    yield block

        await self._send(call, form(), lambda _: None, "uploads")

    async def _call(self, call: Call, limit: str = "api") -> None:
        pieces: list[bytes] = []
        await self._send(call, bytes(call["sent_bytes"]), pieces.append, limit)
        b"".join(pieces)

    async def _send(self, call: Call, body: Body, took: Callable[[bytes], object], limit: str) -> None:
        received = 0

        def count(piece: bytes) -> None:
            nonlocal received
            received += len(piece)
            took(piece)

        headers = {"Answer-Bytes": str(call["received_bytes"])}
        if call["sent_bytes"]:
            headers |= {"Content-Length": str(call["sent_bytes"]), "Content-Type": "application/octet-stream"}
        url = self._script["server"] + call["url"]
        async with self._limits[limit]:
            await self._client.exchange(call["method"], url, headers, body, count)
        if received != call["received_bytes"]:
            raise ConnectionError(f"{url}: {received} bytes instead of {call['received_bytes']}")
        self.requests += 1
        self.bytes += received + call["sent_bytes"]


def _digest(path: Path) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)


async def _main(client: str, script: Mapping[str, Any]) -> dict[str, float]:
    opened = _open(client, script["authority"])
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    with tempfile.TemporaryDirectory(dir=".") as folder:
        bare = Bare(opened, script, Path(folder))
        await bare.run()
    await opened.aclose()
    return {
        "exchange_s": time.monotonic() - began_s,
        "exchange_cpu_s": time.process_time() - began_cpu_s,
        "requests": bare.requests,
        "bytes": bare.bytes,
    }


def main() -> None:
    """Run a script with a client; print what was sent, as JSON."""
    client, path = sys.argv[1:]
    script = json.loads(Path(path).read_text("utf-8"))
    run: Callable[[Awaitable[Any]], Any] = asyncio.run  # type: ignore[assignment] # it takes coroutines
    if client == "aiohttp-uvloop":
        run = importlib.import_module("uvloop").run
    print(json.dumps(run(_main(client, script))))
    with Path("/proc/self/status").open() as status, Path(os.environ["BENCHMARK_FIGURES"]).open("w") as out:
        out.write(status.read())


if __name__ == "__main__":
    main()

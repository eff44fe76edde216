"""A small HTTP server that sends any response, and a harness that limits the resources of each input."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import unquote

T = TypeVar("T")

DEADLINE_S = 30.0
"""Per input, on a busy machine; what takes longer is taken for a hang."""
PEAK_BYTES = 24 * 2**20
"""Per input, beyond what was allocated before."""

MONSTER_PEAK_BYTES = 160 * 2**20
"""The same for a body of 10 MB, which is kept as bytes, text and value, by the server of this test too."""
MEASURED_EVERY = 10

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Reply:
    body: bytes = b"{}"
    status: int = 200
    headers: Headers = ()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    """With its query, still quoted; the host is the first segment."""

    @property
    def deletes(self) -> bool:
        return self.method == "DELETE" or "delete" in unquote(self.path.partition("?")[0])


@dataclass
class WireServer:
    """Answers each request by `answer`; keeps what was asked."""

    answer: Callable[[Asked], Reply] = lambda _: Reply()
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def deletions(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.deletes]

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=2**20)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return server

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._one(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        await reader.readexactly(int(named.get("content-length", "0")))
        method, path, _ = first.split(" ")
        asked = Asked(method, path)
        self.asked.append(asked)
        reply = self.answer(asked)
        out = [
            b"HTTP/1.1 %d Said" % reply.status,
            b"Content-Length: %d" % len(reply.body),
            b"Connection: close",
        ]
        out += [name + b": " + value for name, value in reply.headers]
        writer.write(b"\r\n".join(out) + b"\r\n\r\n" + reply.body)
        await writer.drain()


class Loop:
    """One event loop and one server for many inputs; each input has a deadline and a bound on memory."""

    def __init__(self, runner: asyncio.Runner, server: WireServer) -> None:
        self._runner = runner
        self.server = server
        self._runs = 0

    def run(self, work: Callable[[], Coroutine[object, object, T]], peak_bytes: int | None = None) -> T:
        """Return what `work` returns; fails if it hangs or takes more memory than allowed.

        Without `peak_bytes` memory is measured for every tenth input only: it takes six times as long.
        """
        self.server.asked.clear()
        self._runs += 1
        if peak_bytes is None and self._runs % MEASURED_EVERY:
            return self._runner.run(_within(work()))
        return bounded(lambda: self._runner.run(_within(work())), peak_bytes or PEAK_BYTES)


def bounded(work: Callable[[], T], peak_bytes: int = PEAK_BYTES) -> T:
    """Return what `work` returns; fails if it allocates more than allowed at a time."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        result = work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    global highest_peak
    highest_peak = max(highest_peak, peak - before)
    assert peak - before <= peak_bytes, f"{(peak - before) / 2**20:.1f} MB at a time"
    return result


highest_peak = 0


async def _within(work: Awaitable[T]) -> T:
    async with asyncio.timeout(DEADLINE_S):
        return await work


@contextmanager
def looping() -> Iterator[Loop]:
    server = WireServer()
    with asyncio.Runner() as runner:
        listening = runner.run(server.serve())
        try:
            yield Loop(runner, server)
        finally:
            listening.close()
            runner.run(listening.wait_closed())


def find(routes: Iterable[tuple[str, str, Reply]], asked: Asked) -> tuple[str, Reply]:
    """Return the first route whose method and part of the path the request has; its name is `METHOD path`."""
    for method, fragment, reply in routes:
        if asked.method == method and fragment in asked.path:
            return f"{method} {fragment}", reply
    return "", Reply(status=404)

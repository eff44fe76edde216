"""The requests of the bare client, and a server that responds to them.

A script contains the requests that the services received from one picsync: method, host, path, and the sizes
of both bodies. Those of a photo (download, upload permission, upload, status) form a chain; the rest may be
sent at any time. The server is that of the emulated services, with the same TLS, latency and bandwidth; it
reads each request and responds with as many bytes as that asks for. So both processes cause the same traffic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from benchmarks.authority import authority
from benchmarks.ideal import Caps
from benchmarks.measure import THIS, Spent, run
from benchmarks.operations import BUCKET, MEDIA, MONITOR, NIXPLAY_API, operation
from picsync.emulators import service
from picsync.emulators.requestlog import Record
from picsync.emulators.server import EmulatorServer
from picsync.emulators.wireprofile import Wire

CHAIN = ("download", "permit_upload", "store_bytes", "await_processing")
_PIECE = bytes(64 * 1024)
_FORM_BYTES = 2_000
"""Of an upload's form besides the file."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    url: str
    """Path on the server; begins with the host."""
    sent_bytes: int = 0
    received_bytes: int = 0
    file_bytes: int = 0
    """How many of the bytes sent come from a file."""

    @property
    def size_bytes(self) -> int:
        """Both bodies."""
        return self.sent_bytes + self.received_bytes


@dataclass(frozen=True, slots=True)
class Script:
    """All requests of one run."""

    photos: Sequence[Mapping[str, Call]]
    """For each photo its requests by operation."""
    others: Sequence[Call] = field(default_factory=list)

    @classmethod
    def of(cls, records: Iterable[Record]) -> Script:
        """Return the requests that a log shows."""
        chains: dict[str, list[Call]] = {name: [] for name in CHAIN}
        others: list[Call] = []
        for record in records:
            url = f"/{record.host}{quote(record.path)}" + (f"?{record.query}" if record.query else "")
            call = Call(record.method, url, record.bytes_in, record.bytes_out)
            chains.get(operation(record), others).append(call)
        # Largest first, so that the upload of a file matches its download.
        columns = [sorted(chains[name], key=lambda call: -call.size_bytes) for name in CHAIN]
        photos = [
            {name: call for name, call in zip(CHAIN, calls, strict=True) if call is not None}
            for calls in zip_longest(*columns)
        ]
        return cls([_with_file(photo) for photo in photos], others)

    @classmethod
    def first_sync(cls, photos: int, photo_bytes: int) -> Script:
        """Return the requests of a first sync, apart from the few that do not belong to a photo."""
        form_bytes = photo_bytes + _FORM_BYTES
        return cls(
            [
                {
                    "download": Call("GET", f"/{MEDIA}/{number}", 0, photo_bytes),
                    "permit_upload": Call("POST", f"/{NIXPLAY_API}/v3/photo/upload/", 200, 1_500),
                    "store_bytes": Call("POST", f"/{BUCKET}/", form_bytes, 0, photo_bytes),
                    "await_processing": Call("GET", f"/{MONITOR}/status?id={number}", 0, 50),
                }
                for number in range(photos)
            ]
        )

    @property
    def hosts(self) -> set[str]:
        """All hosts."""
        calls = [*self.others, *(call for photo in self.photos for call in photo.values())]
        return {call.url.split("/")[1] for call in calls}

    @property
    def file_sizes(self) -> set[int]:
        """Sizes of the files that are sent without having been downloaded."""
        return {
            photo["store_bytes"].file_bytes
            for photo in self.photos
            if "store_bytes" in photo and "download" not in photo
        }


def _with_file(photo: Mapping[str, Call]) -> dict[str, Call]:
    found = dict(photo)
    store, download = found.get("store_bytes"), found.get("download")
    if store is not None:
        whole = max(0, store.sent_bytes - _FORM_BYTES)
        size = min(download.received_bytes, store.sent_bytes) if download is not None else whole
        found["store_bytes"] = Call(store.method, store.url, store.sent_bytes, store.received_bytes, size)
    return found


class Replay:
    """Reads each request and responds with as many bytes as it asks for; a service of the emulator."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = list(hosts)

    def routes(self) -> Mapping[str, Sequence[web.RouteDef]]:
        """Return the same route for every host."""
        return {host: [web.route("*", "/{path:.*}", self._answer)] for host in self._hosts}

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        incoming = service.body(request)
        while await incoming.readany():
            continue
        left = int(request.headers["Answer-Bytes"])
        if left <= len(_PIECE):
            return web.Response(body=_PIECE[:left])
        response = web.StreamResponse(headers={"Content-Length": str(left)})
        await response.prepare(request)
        while left > 0:
            await response.write(_PIECE[:left])
            left -= len(_PIECE)
        return response


@dataclass(frozen=True, slots=True)
class Bare:
    """The cost of a bare client."""

    cpu_s: float
    """Of the whole process, as for picsync."""
    wall_s: float
    peak_bytes: int
    exchange_cpu_s: float
    """Without the start of the process and the loading of modules."""
    exchange_s: float
    requests: int
    bytes: int


async def run_bare(folder: Path, script: Script, caps: Caps, wire: Wire, client: str = "aiohttp") -> Bare:
    """Run the bare client, as a process of its own; raises ProgramFailedError."""
    async with EmulatorServer(
        [Replay(script.hosts)], ssl_context=authority().server_context(), wire=wire
    ) as server:
        path = folder / "script.json"
        path.write_text(json.dumps(_as_json(folder, script, caps, server.url)), "utf-8")
        command = [THIS.python, "-m", "benchmarks.bare", client, str(path)]
        spent: Spent = await run(folder, command, THIS.environment, f"the bare client {client}")
    told = json.loads((folder / "said").read_text("utf-8").splitlines()[-1])
    if told["requests"] != sum(map(len, script.photos)) + len(script.others):
        raise RuntimeError(f"the bare client sent {told['requests']} requests")
    return Bare(spent.cpu_s, spent.wall_s, spent.peak_bytes, **told)


def _as_json(folder: Path, script: Script, caps: Caps, server: str) -> dict[str, Any]:
    files = {}
    for size in script.file_sizes:
        path = folder / f"file-{size}"
        path.write_bytes(bytes(size))
        files[str(size)] = str(path)
    return {
        "server": server,
        "authority": str(authority().write(folder / "authority.pem")),
        "caps": asdict(caps),
        "photos": [{name: asdict(call) for name, call in photo.items()} for photo in script.photos],
        "others": [asdict(call) for call in script.others],
        "files": files,
    }

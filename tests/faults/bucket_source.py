"""Albums in a bucket: every kind of request with every fault, once and lasting.

The storage is moto's server, which is not picsync's own; botocore's own retries are real, too. The frame is
in memory.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.plan import Rule
from picsync.http.pace import Pace
from picsync.sources.uploads.bucket import BucketSource
from picsync.sync.rule import AlbumRule
from picsync.system.library import MARKER
from picsync.vendors.s3.bucket import Bucket
from tests.family.storage import Answer, Application, Handler, Storage, storage
from tests.faults.cells import Cell, Result
from tests.pictures import jpeg
from tests.sync.harness import Harness, digest, open_harness

KIND = "uploads"
ALBUM = "Family"
PAGE = 3
"""Objects in a response to a listing, so that an album has several pages."""
SHORT_S = 1.0
"""How long picsync waits for a response, where one is never sent."""

Request = tuple[str, str]
"""Method, and path with query."""

OPERATIONS: Mapping[str, Callable[[Request], bool]] = {
    "look for the marker": lambda request: request[0] == "HEAD" and request[1].endswith(MARKER),
    "list": lambda request: "list-type=2" in request[1] and "continuation-token" not in request[1],
    "list the next page": lambda request: "continuation-token" in request[1],
    "download": lambda request: request[0] == "GET" and request[1].partition("?")[0].endswith(".jpg"),
}


@dataclass(frozen=True)
class FaultType:
    """A fault at one kind of request."""

    name: str
    family: str
    answer: Answer | Handler
    concerns: Callable[[str], bool] = lambda _: True
    may_last: bool = True


def _xml(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


def _refused(status: str, code: str) -> FaultType:
    return FaultType(f"{status.partition(' ')[0]} {code}", "status", (status, _xml(code)))


def _whole(environ: dict[str, Any], application: Application) -> tuple[str, list[Any], bytes]:
    """Return status, headers and body of the right response."""
    seen: list[Any] = []

    def start(status: str, headers: list[Any], *_: object) -> None:
        seen.extend((status, headers))

    body = b"".join(application(environ, start))
    return seen[0], seen[1], body


def _cut(environ: dict[str, Any], start: Callable[..., Any], application: Application) -> Iterable[bytes]:
    status, headers, body = _whole(environ, application)
    length = [("Content-Length", str(len(body)))]
    start(status, [each for each in headers if each[0].lower() != "content-length"] + length)
    return [body[: len(body) // 2]]


def _shortened(
    environ: dict[str, Any], start: Callable[..., Any], application: Application
) -> Iterable[bytes]:
    """Send half of the right response, as if it were all."""
    status, headers, body = _whole(environ, application)
    half = body[: len(body) // 2]
    length = [("Content-Length", str(len(half)))]
    start(status, [each for each in headers if each[0].lower() != "content-length"] + length)
    return [half]


def _reset(environ: dict[str, Any], _start: object, _application: object) -> Iterable[bytes]:
    connection = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionError("the fault")


def _late(environ: dict[str, Any], start: Callable[..., Any], application: Application) -> Iterable[bytes]:
    """Send the right response in small pieces."""

    def pieces(body: bytes) -> Iterator[bytes]:
        for begin in range(0, len(body), 40):
            yield body[begin : begin + 40]

    status, headers, body = _whole(environ, application)
    start(status, headers)
    return pieces(body)


def _says(body: bytes, content_type: str) -> Handler:
    """Return a successful response that is not the service's, such as that of a hotel's network."""

    def handle(
        environ: dict[str, Any], start: Callable[..., Any], _application: Application
    ) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    return handle


def _with_body(operation: str) -> bool:
    return operation != "look for the marker"


def _of_listing(operation: str) -> bool:
    return operation.startswith("list")


_LISTED = (
    b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<IsTruncated>false</IsTruncated><Contents>%b</Contents></ListBucketResult>"
)
_KEY = b"<Key>photos/Family/IMG_1.jpg</Key>"
_WORDS = _KEY + b"<Size>many</Size><ETag>x</ETag><LastModified>yesterday</LastModified>"
FAULT_TYPES = (
    _refused("503 Slow Down", "SlowDown"),
    _refused("500 Internal Server Error", "InternalError"),
    _refused("403 Forbidden", "RequestExpired"),
    _refused("403 Forbidden", "SignatureDoesNotMatch"),
    _refused("403 Forbidden", "AccessDenied"),
    _refused("404 Not Found", "NoSuchBucket"),
    FaultType("502 without a body", "status", ("502 Bad Gateway", b"")),
    FaultType("503 with HTML", "status", ("503 Service Unavailable", b"<html>busy</html>")),
    FaultType("truncated", "cut", _cut, _with_body),
    FaultType("shortened", "cut", _shortened, _with_body),
    FaultType("reset", "reset", _reset),
    FaultType("no response", "slow", ("", b"")),
    FaultType("late", "slow", _late, _with_body, may_last=False),
    FaultType("a page of HTML", "nonsense", _says(b"<html><body>Welcome!</body></html>", "text/html")),
    FaultType("no XML", "nonsense", _says(b"Welcome & <hello", "text/plain")),
    FaultType("nothing", "nonsense", _says(b"", "application/xml")),
    FaultType("an entry with a key only", "nonsense", _says(_LISTED % _KEY, "application/xml"), _of_listing),
    FaultType("an entry of words", "nonsense", _says(_LISTED % _WORDS, "application/xml"), _of_listing),
)


@dataclass
class World:
    """An album in a bucket, and a frame that shows it."""

    folder: Path
    storage: Storage
    bucket: Bucket
    harness: Harness
    released: threading.Event = field(default_factory=threading.Event)
    wanted: dict[str, bytes] = field(default_factory=dict)
    reports: list[CycleReport] = field(default_factory=list)
    source: BucketSource | None = None
    hits: int = 0

    def put(self, *names: str) -> None:
        for name in names:
            self.wanted[name] = jpeg(name)
            self.bucket.put(f"{ALBUM}/{name}", self.wanted[name], len(self.wanted[name]))

    def remove(self, name: str) -> None:
        self.bucket.delete(f"{ALBUM}/{name}")
        del self.wanted[name]

    async def start(self, *, impatient: bool = False) -> None:
        """Start a new process."""
        await self.close()
        bucket = self.bucket
        if impatient:
            bucket = Bucket(bucket.place, self.storage.key, read_timeout_s=SHORT_S, page_size=PAGE)
        self.source = BucketSource((ALBUM,), bucket, self.folder / "incoming", pace=Pace(), sleep=_no_pause)
        tools = self.harness.tools
        self.harness.rule = AlbumRule(Rule(ALBUM), sources={KIND: [ALBUM]})
        tools.sources.clear()  # type: ignore[attr-defined]  # a dict, of the harness
        tools.sources[KIND] = self.source  # type: ignore[index]

    async def close(self) -> None:
        if self.source is not None:
            await self.source.aclose()

    def arm(self, operation: str, fault_type: FaultType, *, lasting: bool) -> None:
        """Have the fault occur at the next request of a kind, or at all of them."""

        def fault(method: str, path: str) -> Answer | Handler | None:
            if not OPERATIONS[operation]((method, path)) or (self.hits and not lasting):
                return earlier(method, path)
            self.hits += 1
            return self._hang if fault_type.name == "no response" else fault_type.answer

        earlier = self.storage.fault
        self.storage.fault = fault

    def _hang(self, environ: dict[str, Any], start: object, application: Application) -> Iterable[bytes]:
        self.released.wait()
        return _reset(environ, start, application)

    def recover(self) -> None:
        self.storage.fault = lambda _method, _path: None
        self.released.set()

    async def cycle(self) -> CycleReport:
        report = await self.harness.cycle()
        self.reports.append(report)
        return report

    def synced(self) -> bool:
        wanted = {digest(content) for content in self.wanted.values()}
        shown = self.harness.frame.playlist_digests(f"ss_{ALBUM}")
        return self.harness.frame.digests(ALBUM) == wanted == set(shown) and len(shown) == len(wanted)

    async def converge(self, most: int) -> int:
        """Run cycles until everything is right, then assert that the next one does nothing."""
        for number in range(1, most + 1):
            if (await self.cycle()).outcome is CycleOutcome.DONE and self.synced():
                self.storage.requests.clear()
                await self.harness.assert_idle()
                asked = [
                    path
                    for method, path, _ in self.storage.requests
                    if OPERATIONS["download"]((method, path))
                ]
                assert asked == [], "a photo was downloaded again"
                return number
        raise AssertionError(f"not in step after {most} cycles: {self.reports}")


async def _no_pause(_seconds: float) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def open_world(folder: Path) -> AsyncIterator[World]:
    """Open a world that was in sync, after which one picture was added and one removed."""
    for name in ("incoming", "own"):
        (folder / name).mkdir()
    with storage() as server:
        bucket = server.bucket(page_size=PAGE)
        for key in (MARKER, f"{ALBUM}/"):
            bucket.put(key, b"", 0)
        async with open_harness(folder / "own") as harness:
            world = World(folder, server, bucket, harness)
            try:
                world.put(*(f"IMG_{number}.jpg" for number in range(5)))
                await world.start()
                assert (await world.cycle()).outcome is CycleOutcome.DONE, world.reports
                world.put("IMG_9.jpg")
                world.remove("IMG_0.jpg")
                yield world
            finally:
                world.recover()
                await world.close()


@dataclass(frozen=True)
class BucketCell:
    """A fault at one kind of request to the bucket."""

    operation: str
    fault_type: FaultType
    lasting: bool
    kind: str = KIND
    long: bool = False

    @property
    def place(self) -> str:
        return f"{self.kind} in a bucket: {self.operation}"

    @property
    def family(self) -> str:
        return f"bucket: {self.fault_type.family}"

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "once"
        return f"{self.place}: {self.fault_type.name} {how}"

    def pairs_with(self, other: Cell) -> bool:
        return isinstance(other, BucketCell) and other.operation != self.operation

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with open_world(folder) as world:
            before = world.harness.frame.digests(ALBUM)
            slow = any(
                isinstance(each, BucketCell) and each.fault_type.family == "slow" for each in (self, also)
            )
            await world.start(impatient=slow)
            world.arm(self.operation, self.fault_type, lasting=self.lasting)
            if isinstance(also, BucketCell):
                world.arm(also.operation, also.fault_type, lasting=also.lasting)
            report = await world.cycle()
            assert world.hits, "the fault never occurred"
            lost = before & set(map(digest, world.wanted.values())) - world.harness.frame.digests(ALBUM)
            assert not lost, f"the frame lost what is still wanted: {report}"
            assert (report.outcome is CycleOutcome.DONE) == (not report.failures), report
            assert all(each.error.message for each in report.failures), report
            if report.outcome is CycleOutcome.DONE:
                assert world.synced(), f"said to be done, but is not: {report}"
            world.recover()
            if restart or slow:
                await world.start()
            return Result(await world.converge(2), report.outcome)


def bucket_cells() -> list[BucketCell]:
    """Return all cells, in a fixed order."""
    return [
        BucketCell(operation, fault_type, lasting)
        for operation in OPERATIONS
        for fault_type in FAULT_TYPES
        if fault_type.concerns(operation)
        for lasting in ((False, True) if fault_type.may_last else (False,))
    ]

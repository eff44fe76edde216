"""Where a cycle can be killed: every request and every change that a reference run of it makes."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from picsync.cache.store import Cache
from picsync.core.events import CycleOutcome
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.requestlog import Record, RequestLog
from picsync.emulators.world import READ_SCOPE
from tests.e2e.household import Road, open_road, write_credentials

PAGE = 5
UPLOAD_PERMISSION = r"^/v3/photo/upload/?$"


class Start(StrEnum):
    """What a sync finds."""

    EMPTY = "empty account"
    """Six photos for an account that has neither the album nor the playlist."""
    SYNCED = "synced account"
    """Twelve photos are in step; since then two came and one went."""


async def prepare(road: Road, start: Start) -> Scene:
    """Set the scene; a sync begins with a token that must be refreshed, and listings take several pages."""
    road.google.options.page_cap = PAGE
    if start is Start.EMPTY:
        new = road.add(6)
    else:
        _, second, *_ = road.add(12)
        await road.cycle()
        road.google.remove_item(second, road.album)
        new = road.add(2)
    expired = road.google.issue_credentials([READ_SCOPE], expired=True)
    write_credentials(road.credentials, road.world, **{key: str(value) for key, value in expired.items()})
    road.server.log.clear()
    road.nixplay.counters.clear()
    return Scene(road, len(new), await recorded(road))


@dataclass(frozen=True)
class Scene:
    """A road at the start of the sync that is to be killed."""

    road: Road
    new: int
    """Photos that the sync has to bring to the frame."""
    known: int
    """Digests in the cache."""

    async def assert_recovers(self) -> None:
        """The next sync ends where an undisturbed one would have, and does nothing twice."""
        road = self.road
        await road.server.drained()
        learnt = await recorded(road) - self.known
        assert road.server.log.count(path=UPLOAD_PERMISSION) <= learnt, "uploaded before it was recorded"
        road.server.log.clear()
        report = await road.cycle()
        assert report.outcome is CycleOutcome.DONE, report
        # The bytes of a known photo are fetched again only if they have to be sent.
        assert road.media_requests() == report.downloaded == report.uploaded
        assert report.already_there == 0
        assert road.nixplay.counters["add_photo"] == self.new
        road.assert_synced()
        await road.assert_idle()


@dataclass(frozen=True)
class Request:
    """A kind of request: what it is for, whichever album or photo it names."""

    method: str
    host: str
    path: str
    """Regular expression."""

    @classmethod
    def of(cls, record: Record) -> Request:
        return cls(record.method, record.host, "^" + "/".join(map(_pattern, record.path.split("/"))) + "$")

    def __str__(self) -> str:
        words = self.path[1:-1].replace(r"[^/]+", "ID").replace("\\", "")
        return f"{self.method} {self.host.split('.')[0]}{words}"

    def count(self, log: RequestLog) -> int:
        return log.count(method=self.method, host=self.host, path=self.path)

    def hang(self, passing: int) -> Fault:
        """Return the fault that lets so many pass and none after them."""
        return Fault(
            kind=FaultKind.HANG,
            method=self.method,
            host=self.host,
            path=self.path,
            skip=passing,
            count=None,
        )


def _pattern(segment: str) -> str:
    is_id = len(segment) > 24 or segment.isdecimal()
    return "[^/]+" if is_id else re.escape(segment)


@dataclass(frozen=True)
class Reference:
    """What one undisturbed sync does."""

    requests: Counter[Request]
    changes: Counter[str]
    """Of Nixplay, by the names that observers get."""


@cache
def reference(start: Start) -> Reference:
    """Run a sync of that start undisturbed and return what it did."""

    async def run() -> Reference:
        with tempfile.TemporaryDirectory() as folder:
            async with open_road(Path(folder)) as road:
                await prepare(road, start)
                await road.cycle()
                road.assert_synced()
                requests = Counter(map(Request.of, road.server.log.records))
                return Reference(requests, Counter(road.nixplay.counters))

    return asyncio.run(run())


def places(count: int, *, middle: bool) -> Sequence[int]:
    """Return the first and the last of so many, from 0, and if wished one between."""
    return sorted({0, count - 1, *([count // 2] if middle else [])})


async def recorded(road: Road) -> int:
    """How many digests the cache holds; a sync makes the file before its first request."""
    if not road.cache.exists():
        return 0
    return sum((await Cache.inspect(road.cache)).entries.values())

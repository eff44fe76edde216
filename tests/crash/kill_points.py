"""The points at which a cycle can be killed: every request and every change of a reference run."""

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
from tests.e2e.household import Household, open_household
from tests.household_services import write_credentials

PAGE = 5
UPLOAD_PERMISSION = r"^/v3/photo/upload/?$"


class Start(StrEnum):
    """The state before a sync."""

    EMPTY = "empty account"
    """Six photos for an account that has neither the album nor the playlist."""
    SYNCED = "synced account"
    """Twelve photos are in sync; since then two were added and one was removed."""


async def prepare(household: Household, start: Start) -> Scenario:
    """Prepare a scenario: the token must be refreshed first, and listings have several pages."""
    household.google.options.page_cap = PAGE
    if start is Start.EMPTY:
        new = household.add(6)
    else:
        _, second, *_ = household.add(12)
        await household.cycle()
        household.google.remove_item(second, household.album)
        new = household.add(2)
    expired = household.google.issue_credentials([READ_SCOPE], expired=True)
    write_credentials(
        household.credentials, household.world, **{key: str(value) for key, value in expired.items()}
    )
    household.server.log.clear()
    household.nixplay.counters.clear()
    return Scenario(household, len(new), await recorded(household))


@dataclass(frozen=True)
class Scenario:
    """An installation just before the sync that is killed."""

    household: Household
    new: int
    """Photos that the sync has to add to the frame."""
    known: int
    """Digests in the cache."""

    async def assert_recovers(self) -> None:
        """Assert that the next sync ends like an undisturbed one, and does nothing twice."""
        household = self.household
        await household.server.drained()
        learnt = await recorded(household) - self.known
        assert household.server.log.count(path=UPLOAD_PERMISSION) <= learnt, "uploaded before it was recorded"
        household.server.log.clear()
        report = await household.cycle()
        assert report.outcome is CycleOutcome.DONE, report
        # The bytes of a known photo are downloaded again only if they have to be uploaded.
        assert household.media_requests() == report.downloaded == report.uploaded
        assert report.already_there == 0
        assert household.nixplay.counters["add_photo"] == self.new
        household.assert_synced()
        await household.assert_idle()


@dataclass(frozen=True)
class Request:
    """A kind of request: its purpose, for any album or photo."""

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
        """Return a fault that lets this many requests pass and none after them."""
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
    """The requests and changes of one undisturbed sync."""

    requests: Counter[Request]
    changes: Counter[str]
    """Changes at Nixplay, by the names that observers receive."""


@cache
def reference(start: Start) -> Reference:
    """Run an undisturbed sync from that start and return its requests and changes."""

    async def run() -> Reference:
        with tempfile.TemporaryDirectory() as folder:
            async with open_household(Path(folder)) as household:
                await prepare(household, start)
                await household.cycle()
                household.assert_synced()
                requests = Counter(map(Request.of, household.server.log.records))
                return Reference(requests, Counter(household.nixplay.counters))

    return asyncio.run(run())


def places(count: int, *, middle: bool) -> Sequence[int]:
    """Return the first and the last of so many, from 0, and optionally one in between."""
    return sorted({0, count - 1, *([count // 2] if middle else [])})


async def recorded(household: Household) -> int:
    """Return the number of digests in the cache; a sync creates the file before its first request."""
    if not household.cache.exists():
        return 0
    return sum((await Cache.inspect(household.cache)).entries.values())

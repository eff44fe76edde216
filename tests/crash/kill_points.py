"""The points at which a cycle can be killed: every request, change and system call of a reference run."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from picsync.cache.store import Cache
from picsync.core.events import CycleOutcome
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.requestlog import Record, RequestLog
from picsync.emulators.world import READ_SCOPE
from tests.crash.installation import MAIN, Installation, Pair, open_installation, pairs
from tests.e2e.household import Household
from tests.faults.disk import CHANGES, Call
from tests.household_services import write_credentials
from tests.shared_results import shared

PAGE = 5
UPLOAD_PERMISSION = r"^/v3/photo/upload/?$"


class Start(StrEnum):
    """The state before a sync."""

    EMPTY = "empty account"
    """Six photos for a frame that has neither the album nor the playlist."""
    SYNCED = "synced account"
    """Twelve photos are in sync; since then two were added and one was removed."""


NEW = {Start.EMPTY: 6, Start.SYNCED: 2}
"""Photos that the sync has to add to the frame."""


async def prepare(installation: Installation, start: Start) -> Scenario:
    """Prepare a scenario: the token must be refreshed first, and listings have several pages."""
    household = installation.household
    household.google.options.page_cap = PAGE
    new = NEW[start]
    if start is Start.SYNCED:
        await installation.add(12)
        await household.cycle()
        installation.remove(2)
    await installation.add(new)
    expired = household.google.issue_credentials([READ_SCOPE], expired=True)
    write_credentials(
        household.credentials, household.world, **{key: str(value) for key, value in expired.items()}
    )
    household.server.log.clear()
    household.nixplay.counters.clear()
    return Scenario(installation, new, await recorded(household))


@dataclass(frozen=True)
class Scenario:
    """An installation just before the sync that is killed."""

    installation: Installation
    new: int
    """Photos that the sync has to add to the frame."""
    known: int
    """Digests in the cache."""

    async def assert_recovers(self) -> None:
        """Assert that the next sync ends like an undisturbed one, and does nothing twice."""
        installation = self.installation
        household = installation.household
        await household.server.drained()
        learnt = await recorded(household) - self.known
        assert household.server.log.count(path=UPLOAD_PERMISSION) <= learnt, "uploaded before it was recorded"
        report = await household.cycle()
        assert report.outcome is CycleOutcome.DONE, report
        # The bytes of a known photo are downloaded again only if they have to be uploaded.
        assert report.downloaded == report.uploaded
        assert report.already_there == 0
        installation.frame_album.assert_synced(installation.wanted, self.new)
        await installation.assert_idle()


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


Step = Request | str | Call
"""A request, the name of a change at Nixplay, or a call in a directory."""


@dataclass(frozen=True)
class Reference:
    """The requests, changes and calls to the system of one undisturbed sync."""

    requests: Counter[Request]
    changes: Counter[str]
    """Changes at Nixplay, by the names that observers receive."""
    calls: Counter[Call]
    """Calls to the system in the directory of the source or the frame."""


@cache
def reference(pair: Pair, start: Start) -> Reference:
    """Run an undisturbed sync from that start and return what it did."""

    async def run() -> Reference:
        with tempfile.TemporaryDirectory() as folder:
            async with open_installation(Path(folder), pair) as installation:
                scenario = await prepare(installation, start)
                disk = installation.disk()
                with nullcontext() if disk is None else disk.watching():
                    report = await installation.household.cycle()
                assert report.outcome is CycleOutcome.DONE, report
                installation.frame_album.assert_synced(installation.wanted, scenario.new)
                requests = Counter(map(Request.of, installation.household.server.log.records))
                changes = Counter(installation.household.nixplay.counters)
                return Reference(requests, changes, Counter() if disk is None else disk.calls)

    # All workers of a run share it: one that takes the points from another has not run it itself.
    return shared(f"sync-{pair}-{start.name}".replace("/", "-"), lambda: asyncio.run(run()))


@dataclass(frozen=True)
class Point:
    """A point at which a sync is killed."""

    pair: Pair
    start: Start
    what: Step
    place: str
    """Which of these it is, in words: their number differs from run to run, and each worker counts."""
    passing: int
    """How many of these are made first."""

    def __str__(self) -> str:
        pair = "" if self.pair == MAIN else f"{self.pair}: "
        return f"{pair}{self.start}: {self.what}, {self.place}"


@cache
def points() -> Sequence[Point]:
    """Return every point of the main pair, and those of each other pair that are new."""
    return shared("kill-points", _points)


def _points() -> Sequence[Point]:
    found: list[Point] = []
    of_main: set[Step] = set()
    for pair in pairs():
        known = set(of_main)
        # A source is read in the same way whatever is on the frame.
        # Captions and frames are asked for by the same requests, however many photos are new.
        for start in Start if pair.source == MAIN.source and not pair.asked else [Start.EMPTY]:
            did = reference(pair, start)
            steps: dict[Step, int] = dict(
                [*did.requests.items(), *did.changes.items(), *_telling(did.calls).items()]
            )
            found += [
                Point(pair, start, what, place, passing)
                for what, count in steps.items()
                if what not in known
                for place, passing in _places(pair, start, what, count).items()
            ]
            if pair == MAIN:
                of_main |= steps.keys()
            else:
                known |= steps.keys()
    return found


def _telling(calls: Mapping[Call, int]) -> Mapping[Call, int]:
    """Return the calls that change something, if any do: a kill at any other finds the same files."""
    return {call: count for call, count in calls.items() if call.function in CHANGES} or calls


def _places(pair: Pair, start: Start, what: Step, count: int) -> dict[str, int]:
    """Return which of so many are killed: in words, and from 0.

    Changes that the main pair makes for each photo are killed at the first, in between and at the last. All
    else has one point for each start: the last of a kind in an empty account, the first in a synced one. The
    number of calls differs from run to run, since photos are transferred concurrently, so none after half of
    them is chosen.
    """
    if isinstance(what, Call):
        return {"half way": count // 2}
    if pair == MAIN and isinstance(what, str) and count >= NEW[start]:
        places = {"the first": 0, "half way": count // 2, "the last": count - 1}
        return {place: passing for place, passing in places.items() if passing not in _before(places, place)}
    # How many photos another frame takes in one request differs from run to run.
    first = pair.frame != MAIN.frame or (pair == MAIN and start is Start.SYNCED)
    return {"the first": 0} if first else {"the last": count - 1}


def _before(places: Mapping[str, int], place: str) -> set[int]:
    """Return which ones the places before this one are."""
    names = list(places)
    return {places[name] for name in names[: names.index(place)]}


async def recorded(household: Household) -> int:
    """Return the number of digests in the cache; a sync creates the file before its first request."""
    if not household.cache.exists():
        return 0
    return sum((await Cache.inspect(household.cache)).entries.values())

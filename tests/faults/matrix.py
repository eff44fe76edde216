"""The matrix: every kind of source and frame, with every fault at every place, once and lasting.

Kinds that send requests have a cell for each fault of each kind of request in each scenario; the trials of
the others supply their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from picsync.core.events import CycleOutcome, NoticeKind
from picsync.emulators.faults import Fault
from picsync.frames.nixplay.client import DELETE_PHOTO, SET_CAPTION
from picsync.http.retry import Operation
from picsync.sources.google.library.source import OPERATIONS as GOOGLE
from tests.faults.cells import Cell, Result
from tests.faults.family_pages import gallery_cells
from tests.faults.fault_kinds import FAULT_TYPES, LARGER_FAMILIES, FaultType
from tests.faults.harness import FEW_ATTEMPTS, SHORT_S, SOURCE_ALBUMS, Harness, open_harness
from tests.faults.in_dropbox import in_dropbox_cells
from tests.faults.scenarios import MAIN, Scenario, answers, operations_of, scenarios_of
from tests.trials import kinds, trial_of

BESIDES = {NoticeKind.CAPTIONS_MISSING, NoticeKind.PLAYLIST_NOT_SHOWN}
UNREAD = {SET_CAPTION}
"""Whether these had an effect, the next cycle's listing shows."""


@dataclass(frozen=True)
class RequestCell:
    """One fault of one kind of request in one scenario."""

    kind: str
    """Kind of the source."""
    scenario: Scenario
    operation: Operation
    fault_type: FaultType
    lasting: bool

    @property
    def place(self) -> str:
        return str(self.operation)

    @property
    def family(self) -> str:
        family = self.fault_type.family or self.fault_type.name
        # All sources are read in the same way, so the families of all but the main one are larger.
        return family if self.kind == MAIN else LARGER_FAMILIES.get(family, family)

    @property
    def long(self) -> bool:
        return self.fault_type.outage  # Up to a minute.

    @property
    def uses_up(self) -> bool:
        """Whether Google's response says that the daily quota is used up."""
        return self.lasting and self.fault_type.family == "429" and self.operation in GOOGLE

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "once"
        return f"{self.kind}: {self.scenario}: {self.operation.name}: {self.fault_type.name} {how}"

    def pairs_with(self, other: Cell) -> bool:
        return (
            isinstance(other, RequestCell)
            and (other.kind, other.scenario) == (self.kind, self.scenario)
            and other.operation != self.operation
            and not other.fault_type.kills
            and not other.fault_type.outage
        )

    async def play(self, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
        async with open_harness(folder, self.kind) as harness:
            await self.scenario.set(harness)
            harness.elsewhere = answers()
            other = also if isinstance(also, RequestCell) else None
            if other is not None:
                other.fault_type.place(harness, other.operation, lasting=other.lasting)
            if self.fault_type.kills:
                return Result(await _killed(self, harness), None)
            slow = any(each is not None and each.fault_type.slow for each in (self, other))
            if slow:
                harness.timeout_s, harness.attempts = SHORT_S, FEW_ATTEMPTS
            armed = self.fault_type.place(harness, self.operation, lasting=self.lasting)
            async with harness.picsync() as tools:
                report = await harness.cycle(tools)
                hits = harness.server.faults.hits(armed) if isinstance(armed, Fault) else armed.hits
                assert hits or other is not None, "the fault never occurred"
                assert harness.invariants.violations == [], harness.failures()
                faulty = {each.operation for each in (self, other) if each is not None}
                if report.outcome is CycleOutcome.DONE and DELETE_PHOTO not in faulty:
                    # picsync trusts the response to a delete; the next cycle checks.
                    # What is asked for besides the photos fails no cycle, but is told.
                    told = {notice.kind for notice in report.notices} & BESIDES or faulty & UNREAD
                    done = harness.photos_synced() if told else harness.synced()
                    assert done, f"said to be done, but is not: {harness.state()}"
                await harness.recover()
                used_up = any(each is not None and each.uses_up for each in (self, other))
                # Then this process sends Google no more requests on this day.
                if not (restart or slow or used_up):
                    return Result(await harness.converge(tools, 2), report.outcome)
            async with harness.picsync() as tools:
                return Result(await harness.converge(tools, 2), report.outcome)


def request_cells() -> list[RequestCell]:
    """Return the cells of all kinds that send requests, in a fixed order."""
    answers()  # Created before an event loop runs.
    return [
        RequestCell(kind, scenario, operation, fault_type, lasting)
        for kind in SOURCE_ALBUMS
        for scenario in scenarios_of(kind)
        for operation in operations_of(scenario, kind)
        for fault_type in FAULT_TYPES
        if fault_type.concerns(operation)
        for lasting in ((True,) if fault_type.outage else (False, True))
    ]


def every_cell() -> list[Cell]:
    """Return the whole matrix, in a fixed order: of every kind in the registries, of jobs, of the family's
    pages."""
    of_kinds = (cell for kind in kinds() for cell in trial_of(kind).cells())
    return [*request_cells(), *of_kinds, *in_dropbox_cells(), *gallery_cells()]


async def _killed(cell: RequestCell, harness: Harness) -> int:
    """End the process at the request, in one cycle or in two consecutive ones; return the number of cycles
    that followed."""
    for _ in range(2 if cell.lasting else 1):
        harness.server.hanging.clear()
        armed = cell.fault_type.place(harness, cell.operation, lasting=False)
        assert isinstance(armed, Fault)
        async with harness.picsync() as tools:
            cycle = asyncio.ensure_future(harness.cycle(tools))
            reached = asyncio.ensure_future(harness.server.hanging.wait())
            await asyncio.wait((cycle, reached), return_when=asyncio.FIRST_COMPLETED)
            for each in (cycle, reached):
                each.cancel()
            await asyncio.gather(cycle, reached, return_exceptions=True)
        harness.heal()
        assert harness.invariants.violations == [], harness.failures()
    async with harness.picsync() as tools:
        return await harness.converge(tools, 2)


def chosen(cells: Sequence[Cell]) -> list[Cell]:
    """Return the short run: every place with every third family of faults, once or lasting.

    The families differ from place to place. Long cells are only in the whole matrix.
    """
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.place, cell.family), []).append(cell)
    places = list(dict.fromkeys(place for place, _ in found))
    families = list(dict.fromkeys(family for _, family in found))
    return [
        # Primes, so that scenarios, statuses and durations vary along both axes.
        alike[(number * 7 + len(alike) // 2) % len(alike)]
        for number, ((place, family), alike) in enumerate(found.items())
        if (places.index(place) + families.index(family)) % 3 == 0 and not alike[0].long
    ]

"""The matrix: every kind of request of every scenario, with every fault, once and lasting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from picsync.core.events import CycleOutcome
from picsync.emulators.faults import Fault
from picsync.frames.nixplay.client import DELETE_PHOTO
from picsync.http.retry import Operation
from picsync.sources.google.library.source import OPERATIONS as GOOGLE
from tests.faults.fault_kinds import LARGER_FAMILIES, TROUBLES, Trouble
from tests.faults.harness import FEW_ATTEMPTS, SHORT_S, Harness, open_harness
from tests.faults.scenarios import MAIN, Scenario, answers, operations_of, scenarios_of
from tests.faults.source_albums import SOURCE_ALBUMS


@dataclass(frozen=True)
class Cell:
    """One fault of one kind of request in one scenario."""

    kind: str
    """Of the source."""
    scenario: Scenario
    operation: Operation
    trouble: Trouble
    lasting: bool

    @property
    def uses_up(self) -> bool:
        """Whether Google seems to say that the day's requests are used up."""
        return self.lasting and self.trouble.family == "429" and self.operation in GOOGLE

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "once"
        return f"{self.kind}: {self.scenario}: {self.operation.name}: {self.trouble.name} {how}"


def every_cell() -> list[Cell]:
    """Return the whole matrix, in a fixed order."""
    answers()  # Made before there is an event loop.
    return [
        Cell(kind, scenario, operation, trouble, lasting)
        for kind in SOURCE_ALBUMS
        for scenario in scenarios_of(kind)
        for operation in operations_of(scenario, kind)
        for trouble in TROUBLES
        if trouble.concerns(operation)
        for lasting in ((True,) if trouble.outage else (False, True))
    ]


@dataclass(frozen=True)
class Result:
    """What came of a cell."""

    cycles: int
    """How many it took after the trouble was over."""
    outcome: CycleOutcome | None
    """Of the cycle in trouble; None if the process was killed."""


async def play(cell: Cell, folder: Path, *, restart: bool, also: Cell | None = None) -> Result:
    """Run a cycle in trouble, then cycles without; raises AssertionError for whatever must not be.

    With `restart` the trouble's end finds a new process. The trouble of `also` comes on top, if the first one
    lets the cycle get that far.
    """
    async with open_harness(folder, cell.kind) as harness:
        await cell.scenario.set(harness)
        harness.elsewhere = answers()
        if also is not None:
            also.trouble.place(harness, also.operation, lasting=also.lasting)
        if cell.trouble.kills:
            return Result(await _killed(cell, harness), None)
        slow = any(each is not None and each.trouble.slow for each in (cell, also))
        if slow:
            harness.timeout_s, harness.attempts = SHORT_S, FEW_ATTEMPTS
        armed = cell.trouble.place(harness, cell.operation, lasting=cell.lasting)
        async with harness.picsync() as tools:
            report = await harness.cycle(tools)
            hits = harness.server.faults.hits(armed) if isinstance(armed, Fault) else armed.hits
            assert hits or also is not None, "the trouble never came"
            assert harness.invariants.violations == [], harness.failures()
            troubled = {each.operation for each in (cell, also) if each is not None}
            if report.outcome is CycleOutcome.DONE and DELETE_PHOTO not in troubled:
                # That a photo was deleted is believed of the answer; the next cycle sees for itself.
                assert harness.synced(), f"said to be done, but is not: {harness.state()}"
            await harness.recover()
            used_up = any(each is not None and each.uses_up for each in (cell, also))
            # Then nothing more is asked of Google on this day, by this process.
            if not (restart or slow or used_up):
                return Result(await harness.converge(tools, 2), report.outcome)
        async with harness.picsync() as tools:
            return Result(await harness.converge(tools, 2), report.outcome)


async def _killed(cell: Cell, harness: Harness) -> int:
    """End the process at the request, once or in two cycles running, and return how many more it took."""
    for _ in range(2 if cell.lasting else 1):
        harness.server.hanging.clear()
        armed = cell.trouble.place(harness, cell.operation, lasting=False)
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
    """Return the short run: each kind of request with every other family of troubles, once or lasting.

    Which families those are changes from request to request. An outage takes up to a minute, so only the
    whole matrix has them. All sources are read alike, so but for the main
    one the families are larger. `python -m tests.faults` plays all cells.
    """
    found: dict[tuple[Operation, str], list[Cell]] = {}
    for cell in cells:
        family = cell.trouble.family or cell.trouble.name
        if cell.kind != MAIN:
            family = LARGER_FAMILIES.get(family, family)
        found.setdefault((cell.operation, family), []).append(cell)
    operations = list(dict.fromkeys(operation for operation, _ in found))
    families = list(dict.fromkeys(family for _, family in found))
    return [
        # Primes, so that scenarios, statuses and how often change along both axes.
        alike[(place * 7 + len(alike) // 2) % len(alike)]
        for place, ((operation, family), alike) in enumerate(found.items())
        if (operations.index(operation) + families.index(family)) % 2 == 0 and not alike[0].trouble.outage
    ]

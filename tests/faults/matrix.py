"""The matrix: every kind of request of every scene, with every trouble, once and lasting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from picsync.emulators.faults import Fault, FaultKind
from picsync.events import CycleOutcome
from picsync.frames.nixplay.client import DELETE_PHOTO
from picsync.http.retry import Operation
from picsync.sources.googlephotos.source import OPERATIONS as GOOGLE
from tests.faults.kinds import TROUBLES, Trouble
from tests.faults.scenes import Scene, answers, operations_of
from tests.faults.stage import SHORT_S, open_stage


@dataclass(frozen=True)
class Cell:
    """One trouble of one kind of request in one scene."""

    scene: Scene
    operation: Operation
    trouble: Trouble
    lasting: bool

    def __str__(self) -> str:
        how = "lasting" if self.lasting else "once"
        return f"{self.scene}: {self.operation.name}: {self.trouble.name} {how}"


def every_cell() -> list[Cell]:
    """Return the whole matrix, in a fixed order."""
    answers()  # Made before there is an event loop.
    return [
        Cell(scene, operation, trouble, lasting)
        for scene in Scene
        for operation in operations_of(scene)
        for trouble in TROUBLES
        if trouble.concerns(operation)
        for lasting in (False, True)
    ]


@dataclass(frozen=True)
class Result:
    """What came of a cell."""

    cycles: int
    """How many it took after the trouble was over."""
    outcome: CycleOutcome


async def play(cell: Cell, folder: Path, *, restart: bool) -> Result:
    """Run a cycle in trouble, then cycles without; raises AssertionError for whatever must not be.

    With `restart` the trouble's end finds a new process.
    """
    async with open_stage(folder) as stage:
        await cell.scene.set(stage)
        stage.elsewhere = answers()
        if cell.trouble.fault is not None and cell.trouble.fault["kind"] is FaultKind.HANG:
            stage.timeout_s = SHORT_S
        armed = cell.trouble.place(stage, cell.operation, lasting=cell.lasting)
        async with stage.picsync() as tools:
            report = await stage.cycle(tools)
            hits = stage.server.faults.hits(armed) if isinstance(armed, Fault) else armed.hits
            assert hits, "the trouble never came"
            assert stage.watch.violations == [], stage.failures()
            if report.outcome is CycleOutcome.DONE and cell.operation is not DELETE_PHOTO:
                # That a photo was deleted is believed of the answer; the next cycle sees for itself.
                assert stage.synced(), f"said to be done, but is not: {stage.state()}"
            stage.heal()
            used_up = cell.lasting and cell.trouble.family == "429" and cell.operation in GOOGLE
            # Then nothing more is asked of Google on this day, by this process.
            if not (restart or used_up):
                return Result(await stage.converge(tools, 2), report.outcome)
        async with stage.picsync() as tools:
            return Result(await stage.converge(tools, 2), report.outcome)


def chosen(cells: Sequence[Cell]) -> list[Cell]:
    """Return the short run: each kind of request with each family of troubles, once and lasting by turns."""
    found: dict[tuple[Operation, str], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell.operation, cell.trouble.family or cell.trouble.name), []).append(cell)
    # Primes, so that scenes, statuses and how often change along both axes.
    return [alike[(place * 7 + len(alike) // 2) % len(alike)] for place, alike in enumerate(found.values())]

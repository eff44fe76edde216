"""The matrix as a campaign: as many cells as the time allows, in an order determined by the seed."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.cells import Cell, Result
from tests.faults.matrix import every_cell

CELL_TIMEOUT_S = 60.0


@dataclass
class Summary:
    """The result of a campaign."""

    total: int
    """Number of cells that could have been played."""
    played: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Cell -> how it failed."""
    cycles: Counter[int] = field(default_factory=Counter)
    """Number of cycles until everything was right -> number of cells."""
    duration_s: float = 0.0

    def __str__(self) -> str:
        converged = ", ".join(f"{cycles} in {count}" for cycles, count in sorted(self.cycles.items()))
        return (
            f"{self.played} of {self.total} cells played, {len(self.failed)} failed,"
            f" cycles to converge: {converged or 'none'}; {self.duration_s:.0f} s"
        )


def _silent(_cell: Cell, _result: Result | None) -> None:
    return


def campaign(
    seed: int,
    budget_s: float,
    *,
    cells: Sequence[Cell] | None = None,
    pairs: bool = False,
    told: Callable[[Cell, Result | None], None] = _silent,
) -> Summary:
    """Play cells until the time is up, by default all; `told` is called after each, with None if it failed.

    Seed 0 keeps the order. With `pairs`, each cell is combined with another one of the same scenario, chosen
    by the seed. Must not be called from within an event loop.
    """
    began = time.monotonic()
    due = list(every_cell() if cells is None else cells)
    if seed:
        random.Random(seed).shuffle(due)
    summary = Summary(len(due))
    drawn = random.Random(seed)
    for number, cell in enumerate(due):
        if time.monotonic() - began > budget_s:
            break
        summary.played += 1
        result: Result | None = None
        also = drawn.choice([each for each in due if cell.pairs_with(each)] or [None]) if pairs else None
        try:
            result = asyncio.run(_played(cell, also, restart=(seed + number) % 2 == 1))
        except Exception:  # noqa: BLE001 - whatever a cell raises is its result
            summary.failed[f"{cell}" if also is None else f"{cell}\n  with {also}"] = traceback.format_exc()
        else:
            summary.cycles[result.cycles] += 1
        told(cell, result)
    summary.duration_s = time.monotonic() - began
    return summary


async def _played(cell: Cell, also: Cell | None, *, restart: bool) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        playing = cell.play(Path(folder), restart=restart, also=also)
        return await asyncio.wait_for(playing, CELL_TIMEOUT_S)

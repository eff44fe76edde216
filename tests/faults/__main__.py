"""`python -m tests.faults --all` plays the whole matrix, `python -m tests.faults` the suite's part of it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.faults.matrix import Cell, Result, chosen, every_cell, play


async def _played(cell: Cell, number: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        return await asyncio.wait_for(play(cell, Path(folder), restart=number % 2 == 1), 60.0)


def main(arguments: list[str]) -> int:
    """Play cells, naming those that fail; further arguments are words that a cell's name must have."""
    words = [each for each in arguments if not each.startswith("--")]
    cells = every_cell()
    if "--all" not in arguments and not words:
        cells = chosen(cells)
    cells = [cell for cell in cells if all(word in str(cell) for word in words)]
    if part := next((each for each in arguments if each.startswith("--part=")), ""):
        cells = cells[int(part[-3]) :: int(part[-1])]
    cycles: Counter[int] = Counter()
    failed = 0
    began = time.monotonic()
    for number, cell in enumerate(cells):
        try:
            result = asyncio.run(_played(cell, number))
        except Exception:  # noqa: BLE001 - whatever a cell raises is its result
            failed += 1
            tail = traceback.format_exc(limit=None if words else -1)
            print(f"FAILED {cell}\n{tail}", flush=True)
            continue
        cycles[result.cycles] += 1
        if result.cycles > 1 or words:
            print(f"{result.cycles} cycles, first {result.outcome}: {cell}", flush=True)
    print(
        f"{len(cells)} cells, {failed} failed, cycles to converge: {dict(cycles)}, "
        f"{time.monotonic() - began:.0f} s"
    )
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

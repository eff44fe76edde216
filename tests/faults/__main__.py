"""`python -m tests.faults` runs the matrix: every kind with every fault in every scenario."""

from __future__ import annotations

import argparse
import sys

from tests.faults.campaign import campaign
from tests.faults.cells import Cell, Result
from tests.faults.matrix import chosen, every_cell


def main(arguments: list[str]) -> int:
    """Play cells and print those that fail or take more than one cycle; returns 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("words", nargs="*", help="play only cells whose name has all of these")
    parser.add_argument("--seed", type=int, default=0, help="order of the cells; 0, the default: as listed")
    parser.add_argument("--budget", type=float, default=3600.0, metavar="SECONDS", help="default: an hour")
    parser.add_argument("--part", default="1/1", metavar="N/M", help="play only the Nth of M parts, from 1")
    parser.add_argument("--suite", action="store_true", help="play only what the test suite plays")
    parser.add_argument(
        "--pairs", action="store_true", help="add another cell's fault_type to each, by the seed"
    )
    parser.add_argument("--list", action="store_true", help="name the cells and play none")
    options = parser.parse_args(arguments)
    try:
        part, parts = (int(each) for each in options.part.split("/"))
        assert 1 <= part <= parts
    except (ValueError, AssertionError):
        parser.error(f"--part wants N/M, such as 1/4, not {options.part!r}")
    cells = chosen(every_cell()) if options.suite else every_cell()
    cells = [cell for cell in cells if all(word in str(cell) for word in options.words)][part - 1 :: parts]
    if options.list:
        print(*cells, sep="\n")
        return 0

    def told(cell: Cell, result: Result | None) -> None:
        if result is None:
            print(f"FAILED {cell}", flush=True)
        elif result.cycles > 1 or options.words:
            print(f"{result.cycles} cycles, first {result.outcome or 'killed'}: {cell}", flush=True)

    summary = campaign(options.seed, options.budget, cells=cells, pairs=options.pairs, told=told)
    for cell, how in summary.failed.items():
        print(f"\n{cell}\n{how}")
    print(summary)
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

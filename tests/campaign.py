"""Runs every long campaign with one command, for a given time, with inputs determined by the seed.

    python -m tests.campaign --seed 7 --budget 3600
    python -m tests.campaign --seed 7 --budget 600 --only kills,machine

`faults` plays cells of the matrix of requests and faults, `kills` kills real processes, `machine` runs the
state machine in memory and `wire` over real HTTP, `fuzz` fuzzes the parsers, `soak` runs picsync in simulated
time. Each failure is printed with the command that reproduces it; a table follows at the end, and the exit
code is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.crash.random_kills import Tally, prepare_references, torture
from tests.faults.campaign import campaign
from tests.fuzz.campaign import run as run_fuzz
from tests.property.machine import Cycles
from tests.property.test_cycle_machine import MemoryCycles
from tests.property.test_wire_machine import WireCycles
from tests.run.resources import assert_flat
from tests.run.soak import run as run_soak

EXAMPLES = 10
"""Interval of the state machine between checks of the time."""
CELL_S = 60.0
LONG = 1_000_000
SOAKED = 50
"""Cycles of the soak test between checks of its resources."""


@dataclass(frozen=True)
class Outcome:
    """The result of a campaign."""

    count: int
    what: str
    failures: int = 0


def faults(number: int, until: float) -> Outcome:
    """Run cells in an order determined by the seed."""
    summary = campaign(number, until - time.monotonic())
    for cell, how in summary.failed.items():
        print(f"FAILED {cell}\n{how}", flush=True)
    return Outcome(summary.played, f"cells of {summary.total}", len(summary.failed))


def kills(number: int, until: float) -> Outcome:
    """Kill processes; consecutive seeds give different scenarios."""
    prepare_references()
    tally = Tally()
    failures = 0
    try:
        asyncio.run(torture(sys.maxsize, number, until=until, tally=tally))
    except AssertionError:
        failures = 1
        traceback.print_exc()
    return Outcome(
        tally.kills.total(),
        f"kills in {tally.scenarios} scenarios, {tally.power_losses} losses of power",
        failures,
    )


def _machine(kind: type[Cycles], number: int, until: float, steps: int) -> Outcome:
    cycles = examples = failures = 0

    class Counted(kind):  # type: ignore[misc, valid-type] # whichever world it has
        def teardown(self) -> None:
            nonlocal cycles, examples
            super().teardown()
            cycles += self.cycles
            examples += 1

    for offset in itertools.count():
        if time.monotonic() > until or failures:
            break
        try:
            run_state_machine_as_test(
                seed(number * 1_000_003 + offset)(Counted),
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    derandomize=False,
                    print_blob=True,
                    suppress_health_check=list(HealthCheck),
                    phases=(Phase.generate, Phase.shrink) if kind is MemoryCycles else (Phase.generate,),
                ),
            )
        except Exception:  # noqa: BLE001 - whatever the machine finds is its result
            failures += 1
            traceback.print_exc()
    return Outcome(examples, f"examples, {cycles} cycles", failures)


def machine(number: int, until: float) -> Outcome:
    """Run the state machine in memory."""
    return _machine(MemoryCycles, number, until, 25)


def wire(number: int, until: float) -> Outcome:
    """Run the state machine over real HTTP."""
    return _machine(WireCycles, number, until, 12)


def fuzz(number: int, until: float) -> Outcome:
    """Fuzz the parsers in turn, each at least once."""
    results = run_fuzz(number, until - time.monotonic())
    inputs, failures = (sum(each.inputs for each in results), sum(len(each.failures) for each in results))
    return Outcome(inputs, f"inputs of {len(results)} parsers", failures)


def soak(number: int, until: float) -> Outcome:
    """Run picsync in simulated time until the time is up."""
    with tempfile.TemporaryDirectory() as folder:
        soaked = run_soak(Path(folder), cycles=LONG, looks=LONG // SOAKED, seed=number, until=until)
    failures = [*soaked.miscounted()]
    try:
        assert_flat(soaked.taken)
    except AssertionError as error:
        failures.append(str(error))
    for failure in failures:
        print(f"FAILED soak: {failure}", flush=True)
    return Outcome(soaked.cycles, f"cycles, {sum(soaked.judged['struck'].values())} faults", len(failures))


CAMPAIGNS: Mapping[str, Callable[[int, float], Outcome]] = {
    each.__name__: each for each in (faults, kills, machine, wire, fuzz, soak)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaigns one after the other, each with its share of the budget; return an exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="what is drawn")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds, for all together")
    parser.add_argument("--only", default=",".join(CAMPAIGNS), help=f"some of {','.join(CAMPAIGNS)}")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := set(chosen) - CAMPAIGNS.keys():
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}; there are {', '.join(CAMPAIGNS)}")
    rows = [("campaign", "how many", "what", "failures", "seconds")]
    failures = 0
    for name in chosen:
        began = time.monotonic()
        outcome = CAMPAIGNS[name](options.seed, began + options.budget / len(chosen))
        failures += outcome.failures
        took = f"{time.monotonic() - began:.0f}"
        rows.append((name, str(outcome.count), outcome.what, str(outcome.failures), took))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())

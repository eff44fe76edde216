"""A real `picsync sync --once`, killed at every request and every change it makes; the next one mends it."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Nixplay
from tests.crash.kill_points import Request, Start, places, prepare, reference
from tests.crash.process import running
from tests.e2e.household import Household
from tests.fork_server import ForkServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the steps from what a sync does, so that a new one is among them by itself."""
    for fixture in {"request_kind", "change"} & set(metafunc.fixturenames):
        steps: dict[str, tuple[Start, Request | str, int]] = {}
        for start in Start:
            did = reference(start)
            counts: Mapping[Request | str, int] = did.changes if fixture == "change" else did.requests  # type: ignore[assignment]  # keys
            steps |= {
                f"{start}: {what} {n + 1}": (start, what, n)
                for what, count in counts.items()
                for n in places(count, middle=fixture == "change")
            }
        ids = sorted(steps)
        metafunc.parametrize(("start", fixture, "passing"), [steps[name] for name in ids], ids=ids)


async def test_killed_while_it_waits_for_an_answer(
    household: Household, fork_server: ForkServer, start: Start, request_kind: Request, passing: int
) -> None:
    scenario = await prepare(household, start)
    household.server.faults.add(request_kind.hang(passing))
    async with running(fork_server, household) as sync:
        await sync.asked(lambda log: request_kind.count(log) > passing)
        sync.kill()
    household.server.faults.clear()
    await scenario.assert_recovers()


async def test_killed_when_a_change_has_been_made_but_not_answered(
    household: Household, fork_server: ForkServer, start: Start, change: str, passing: int
) -> None:
    scenario = await prepare(household, start)
    async with running(fork_server, household) as sync:

        def kill_it(nixplay: Nixplay, operation: str) -> None:
            if operation == change and nixplay.counters[change] == passing + 1:
                sync.kill()

        household.nixplay.observers.append(kill_it)
        assert await sync.ended() == -9
    await scenario.assert_recovers()


@pytest.mark.parametrize("start", Start)
@pytest.mark.parametrize("seed", range(2))
async def test_killed_again_and_again(
    household: Household, fork_server: ForkServer, start: Start, seed: int
) -> None:
    rng = random.Random(seed)
    await prepare(household, start)
    for _ in range(4):
        passing = rng.randrange(reference(start).requests.total() // 2)
        household.server.log.clear()
        household.server.faults.add(Fault(kind=FaultKind.HANG, skip=passing, count=None))
        async with running(fork_server, household) as sync:
            await sync.asked(lambda log: len(log.records) > passing)  # noqa: B023
            sync.kill()
        household.server.faults.clear()
    async with running(fork_server, household) as sync:
        assert await sync.ended() == 0, sync.output()
    household.assert_synced()
    await household.assert_idle()

"""A real `picsync sync --once`, killed at every point of its work; the next one completes the work.

Every kind of source and frame in the registries is played: the main pair at each request and each change,
the others at each request that the main pair does not make, and at each call in their directory.
"""

from __future__ import annotations

import random
import signal

import pytest

from picsync.config.kinds import AnyKind
from picsync.emulators.faults import Fault, FaultKind
from picsync.emulators.nixplay import Nixplay
from picsync.frames.kinds import FRAMES
from picsync.sources.kinds import SOURCES
from tests.crash.installation import MAIN, Installation, Pair, pairs
from tests.crash.kill_points import Request, Start, points, prepare, reference
from tests.crash.process import running
from tests.faults.disk import Call
from tests.fork_server import ForkServer
from tests.trials import killed_as, kinds, with_toys

KINDS = {"request_kind": Request, "change": str, "call": Call}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the points from what a sync does, so that a new one is found by itself."""
    for fixture in KINDS.keys() & set(metafunc.fixturenames):
        found = {str(each): each for each in points() if isinstance(each.what, KINDS[fixture])}
        ids = sorted(found)
        values = [(each.pair, each.start, each.what, each.passing) for each in map(found.__getitem__, ids)]
        metafunc.parametrize(("pair", "start", fixture, "passing"), values, ids=ids)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_every_kind_is_killed(kind: AnyKind) -> None:
    killed_as(kind)
    played = [each for each in points() if kind.name in (each.pair.source, each.pair.frame)]
    assert played, f"no sync with {kind.name} is killed"


def test_a_kind_that_cannot_be_killed_is_reported() -> None:
    with with_toys():
        with pytest.raises(AssertionError, match=r"need `album` or `directory` .* 'boxes' in tests/run"):
            killed_as(SOURCES["boxes"])
        with pytest.raises(AssertionError, match=r"need `frame_album` in .* 'shelf' in tests/run"):
            killed_as(FRAMES["shelf"])
        assert {Pair("boxes", "nixplay"), Pair("googlephotos", "shelf")} <= set(pairs())


async def test_killed_while_it_waits_for_an_answer(
    installation: Installation, fork_server: ForkServer, start: Start, request_kind: Request, passing: int
) -> None:
    scenario = await prepare(installation, start)
    household = installation.household
    household.server.faults.add(request_kind.hang(passing))
    async with running(fork_server, household) as sync:
        await sync.asked(lambda log: request_kind.count(log) > passing)
        sync.kill()
    household.server.faults.clear()
    await scenario.assert_recovers()


async def test_killed_when_a_change_has_been_made_but_not_answered(
    installation: Installation, fork_server: ForkServer, start: Start, change: str, passing: int
) -> None:
    scenario = await prepare(installation, start)
    async with running(fork_server, installation.household) as sync:

        def kill_it(nixplay: Nixplay, operation: str) -> None:
            if operation == change and nixplay.counters[change] == passing + 1:
                sync.kill()

        installation.household.nixplay.observers.append(kill_it)
        assert await sync.ended() == -signal.SIGKILL
    await scenario.assert_recovers()


async def test_killed_at_a_call_in_its_directory(
    installation: Installation, fork_server: ForkServer, start: Start, call: Call, passing: int
) -> None:
    scenario = await prepare(installation, start)
    wanted, shown = installation.wanted, installation.on_frame
    kill_at = installation.kill_at(call, passing)
    async with running(fork_server, installation.household, kill_at=kill_at) as sync:
        assert await sync.ended() == -signal.SIGKILL, sync.output()
    assert shown & wanted <= installation.on_frame <= shown | wanted, "a photo is gone, or shown in part"
    await scenario.assert_recovers()


@pytest.mark.parametrize("pair", [MAIN])
@pytest.mark.parametrize("start", Start)
@pytest.mark.parametrize("seed", range(1))
async def test_killed_again_and_again(
    installation: Installation, fork_server: ForkServer, start: Start, seed: int
) -> None:
    rng = random.Random(seed)
    household = installation.household
    scenario = await prepare(installation, start)
    for _ in range(4):
        passing = rng.randrange(reference(MAIN, start).requests.total() // 2)
        household.server.log.clear()
        household.server.faults.add(Fault(kind=FaultKind.HANG, skip=passing, count=None))
        async with running(fork_server, household) as sync:
            await sync.asked(lambda log: len(log.records) > passing)  # noqa: B023
            sync.kill()
        household.server.faults.clear()
    async with running(fork_server, household) as sync:
        assert await sync.ended() == 0, sync.output()
    installation.frame_album.assert_synced(installation.wanted, scenario.new)
    await installation.assert_idle()

"""One observation serves all callers who may use it, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.aio.observation import ALWAYS, Instants, Observation, Observed
from picsync.core.errors import LoginNeeded, TransientError

CALLER: ContextVar[int] = ContextVar("caller", default=-1)


@dataclass
class State:
    """Something that changes; each observation of it returns its version when the script says so."""

    version: int = 0
    begun: list[tuple[int, int]] = field(default_factory=list)
    """Per observation: on whose behalf it began, and the version at its beginning."""
    cancelled: int = 0
    _running: asyncio.Future[None] | None = None

    async def observe(self) -> int:
        assert self._running is None, "observations overlap"
        self.begun.append((CALLER.get(), self.version))
        seen, self._running = self.version, asyncio.get_running_loop().create_future()
        try:
            await self._running
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self._running = None
        return seen

    @property
    def observed(self) -> bool:
        """Whether an observation is in progress."""
        return self._running is not None

    async def end(self, error: Exception | None = None) -> None:
        """End the observation in progress, if there is one, and wait until nothing moves."""
        if self._running is not None and error is None:
            self._running.set_result(None)
        elif self._running is not None and error is not None:
            self._running.set_exception(error)
        await settled()


async def settled() -> None:
    """Wait until no task can continue by itself: nothing here takes more steps."""
    for _ in range(12):
        await asyncio.sleep(0)


class Callers:
    """Callers of one observation, with what each is entitled to."""

    def __init__(self, keep: int) -> None:
        self.state = State()
        # The clock stands still: only the order counts.
        self.instants = Instants(lambda: 0.0)
        self.observation = Observation(self.state.observe, self.instants, keep=keep)
        self.tasks: list[asyncio.Task[Observed[int]]] = []
        self.since: list[float] = []
        self.least: list[int] = []
        """The smallest version that a caller may get."""
        self.cancelled: set[int] = set()
        self.failed: list[tuple[float, int]] = []
        """Per failed observation: when it began, and on whose behalf."""
        self._known: list[tuple[float, int]] = [(ALWAYS, 0)]

    @property
    def pending(self) -> Sequence[int]:
        return [number for number, task in enumerate(self.tasks) if not task.done()]

    async def call(self, back: int) -> None:
        """Call for an observation that begins after now, or after the instant of an earlier call or write."""
        self._known.append((self.instants.now(), self.state.version))
        since, least = self._known[max(-1 - back, -len(self._known))]
        self.since.append(since)
        self.least.append(least)
        token = CALLER.set(len(self.tasks))
        self.tasks.append(asyncio.create_task(self.observation.after(since)))
        CALLER.reset(token)
        await settled()

    async def write(self) -> None:
        self.state.version += 1
        self._known.append((self.instants.now(), self.state.version))

    async def cancel(self, number: int) -> None:
        if self.pending:
            chosen = self.pending[number % len(self.pending)]
            self.cancelled.add(chosen)
            self.tasks[chosen].cancel()
            await settled()

    async def succeed(self) -> None:
        observed, entitled = self.state.observed, self._entitled()
        await self.state.end()
        assert not observed or not set(self.pending) & entitled, "who may use a result has to wait no longer"

    async def fail(self, error: Exception) -> None:
        if self.state.observed:
            self.failed.append((self._began(), self.state.begun[-1][0]))
        await self.state.end(error)

    def _began(self) -> float:
        running = self.observation._running
        assert running is not None
        return running.began

    def _entitled(self) -> set[int]:
        if not self.state.observed:
            return set()
        return {number for number in self.pending if self.since[number] < self._began()}

    def check(self) -> None:
        """Check what holds after every step."""
        assert self.state.observed == bool(self.pending), (
            "somebody waits for nothing, or nobody for something"
        )
        if self.state.observed:
            assert self._entitled(), "nobody may use what is observed"
        for number, task in enumerate(self.tasks):
            if not task.done() or number in self.cancelled:
                continue
            if (error := task.exception()) is None:
                assert task.result().began > self.since[number]
                assert task.result().value >= self.least[number]
            elif not isinstance(error, LoginNeeded):
                usable = [began for began, _ in self.failed if began > self.since[number]]
                assert len(usable) > 1 or number in {caller for _, caller in self.failed}

    async def finish(self) -> None:
        """Let all observations succeed from now on."""
        for _ in range(3):
            await self.succeed()
            self.check()
        assert not self.pending
        assert self.observation.idle
        assert asyncio.all_tasks() == {asyncio.current_task()}
        # Only cancelling everyone who may use it cancels an observation.
        assert self.state.cancelled <= len(self.cancelled)


STEPS = st.one_of(
    st.tuples(st.just("call"), st.integers(0, 5)),
    st.tuples(st.just("write"), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["succeed", "fail", "refuse"]), st.just(0)),
)


@given(st.lists(STEPS, max_size=30), st.integers(0, 2))
def test_whatever_happens_everyone_gets_what_is_recent_enough(
    steps: list[tuple[str, int]], keep: int
) -> None:
    async def play() -> None:
        callers = Callers(keep)
        for step, number in steps:
            match step:
                case "call":
                    await callers.call(number)
                case "write":
                    await callers.write()
                case "cancel":
                    await callers.cancel(number)
                case "succeed":
                    await callers.succeed()
                case "fail":
                    await callers.fail(TransientError("503"))
                case "refuse":
                    await callers.fail(LoginNeeded("who?"))
            callers.check()
            assert len(callers.observation.kept) <= keep
        await callers.finish()

    asyncio.run(play())


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_instants_increase_whatever_the_clock_says(ticks: list[float]) -> None:
    times = iter(sorted(ticks))
    instants = Instants(lambda: next(times))
    told = [instants.now() for _ in ticks]
    assert told == sorted(set(told))
    assert all(now >= tick for now, tick in zip(told, sorted(ticks), strict=True))


async def all_call(count: int) -> Callers:
    callers = Callers(keep=0)
    for _ in range(count):
        await callers.call(0)
    return callers


async def test_callers_that_come_too_late_for_one_observation_share_the_next() -> None:
    callers = await all_call(9)
    await callers.finish()
    assert len(callers.state.begun) == 2


async def test_a_failure_costs_the_others_one_attempt() -> None:
    callers = await all_call(9)
    await callers.succeed()
    await callers.fail(TransientError("503"))
    assert [task.done() for task in callers.tasks] == [True] * 2 + [False] * 7
    await callers.finish()
    assert len(callers.state.begun) == 3
    errors = [task.exception() for task in callers.tasks]
    assert [isinstance(error, TransientError) for error in errors] == [False, True] + [False] * 7


@pytest.mark.parametrize(("error", "attempts"), [(TransientError("503"), 2), (LoginNeeded("who?"), 1)])
async def test_lasting_trouble_ends_for_all(error: Exception, attempts: int) -> None:
    callers = await all_call(9)
    await callers.succeed()
    for _ in range(attempts):
        assert callers.pending
        await callers.fail(error)
    assert not callers.pending
    assert len(callers.state.begun) == 1 + attempts


@pytest.mark.parametrize("keep", [0, 2])
async def test_what_is_kept_serves_those_who_may_use_it(keep: int) -> None:
    callers = Callers(keep)
    before = callers.instants.now()
    for number in range(3):
        reading = asyncio.create_task(callers.observation.after(callers.instants.now()))
        await settled()
        await callers.state.end()
        assert (await reading).value == number
        await callers.write()
    assert [each.value for each in callers.observation.kept] == [2, 1][:keep]
    if keep:
        assert await callers.observation.after(before) is callers.observation.kept[0]
        assert len(callers.state.begun) == 3


def cancel_from_inside(state: State) -> Callable[[], None]:
    """Return what cancels the observation as nobody who waits for it does."""

    def cancel() -> None:
        assert state._running is not None
        state._running.cancel()

    return cancel


async def test_an_observation_that_was_cancelled_otherwise_is_repeated() -> None:
    callers = Callers(keep=0)
    since = callers.instants.now()
    first, second = (asyncio.create_task(callers.observation.after(since)) for _ in range(2))
    await settled()
    cancel_from_inside(callers.state)()
    await settled()
    assert first.cancelled()
    await callers.state.end()
    assert (await second).value == 0

"""Concurrency limits: the limit as a state machine, the semaphore, and both with real attempts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import TransientError
from picsync.http.pace import API, AdaptiveLimit, FairSemaphore, Pace, Stage, on_behalf_of
from picsync.http.retry import Answer, NoAnswer, Operation, Retrier, RetryPolicy, WireError

STAGE = Stage("api", start=3, floor=1, cap=10)
USUAL_S = 0.25


def answer_round(limit: AdaptiveLimit, latency_s: float = USUAL_S) -> None:
    """Let as many requests as are allowed come back well."""
    for _ in range(limit.value):
        limit.on_success("list", latency_s, cuts=limit.cuts, needed=True)


# The limit.


def test_it_doubles_until_the_cap_while_all_goes_well() -> None:
    limit = AdaptiveLimit(STAGE)
    seen = []
    for _ in range(4):
        seen.append(limit.value)
        answer_round(limit)
    assert seen == [3, 6, 10, 10]


def test_it_does_not_rise_where_it_is_not_needed() -> None:
    limit = AdaptiveLimit(STAGE)
    for _ in range(50):
        limit.on_success("list", USUAL_S, cuts=0, needed=False)
    assert limit.value == 3


def test_refusal_halves_the_limit_which_then_grows_linearly() -> None:
    limit = AdaptiveLimit(STAGE)
    answer_round(limit)
    answer_round(limit)
    limit.on_refused(cuts=limit.cuts)
    seen = []
    for _ in range(4):
        seen.append(limit.value)
        answer_round(limit)
    assert seen == [5, 5, 6, 7]


def test_one_overload_counts_once_whatever_was_under_way() -> None:
    limit = AdaptiveLimit(Stage("api", start=8))
    for _ in range(8):
        limit.on_refused(cuts=0)
    assert limit.value == 4
    limit.on_success("list", USUAL_S, cuts=0, needed=True)
    assert limit.value == 4


def test_it_never_falls_below_its_floor() -> None:
    limit = AdaptiveLimit(Stage("photos", start=4, floor=2))
    for _ in range(5):
        limit.on_refused(cuts=limit.cuts)
    assert limit.value == 2


def test_slow_responses_lower_the_limit_once() -> None:
    limit = AdaptiveLimit(STAGE)
    for _ in range(10):
        answer_round(limit)
    limit.on_success("list", 60.0, cuts=0, needed=True)
    assert limit.value == 10
    while not limit.cuts:
        limit.on_success("list", 3 * USUAL_S, cuts=0, needed=True)
    assert limit.value == 7


def test_operations_are_compared_with_themselves() -> None:
    limit = AdaptiveLimit(STAGE)
    for _ in range(100):
        limit.on_success("look", 0.1, cuts=0, needed=True)
        limit.on_success("list", 2.0, cuts=0, needed=True)
    assert limit.value == 10


def test_what_is_always_slow_is_what_is_usual_in_the_end() -> None:
    limit = AdaptiveLimit(STAGE)
    answer_round(limit, 0.1)
    for _ in range(300):
        answer_round(limit, 2.0)
    cuts = limit.cuts
    assert cuts
    for _ in range(300):
        answer_round(limit, 2.0)
    assert limit.cuts == cuts
    assert limit.value == 10


def test_the_time_of_bytes_says_nothing() -> None:
    limit = AdaptiveLimit(Stage("uploads", start=3, cap=8, by_latency=False))
    for size in range(200):
        limit.on_success("store", 0.1 * size, cuts=0, needed=True)
    assert limit.value == 8


latencies = st.floats(0, 1_000)
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("good"), latencies, st.booleans(), st.integers(0, 3)),
        st.tuples(st.just("refused"), st.just(0.0), st.just(True), st.integers(0, 3)),
    ),
    max_size=200,
)


@given(happenings, st.integers(1, 5), st.integers(0, 5), st.integers(0, 20), st.booleans())
def test_limit_stays_in_bounds_and_moves_the_right_way(
    happened: list[tuple[str, float, bool, int]], floor: int, above: int, more: int, by_latency: bool
) -> None:
    stage = Stage("api", start=floor + above, floor=floor, cap=floor + more, by_latency=by_latency)
    limit = AdaptiveLimit(stage)
    for what, latency_s, needed, late in happened:
        before, cuts = limit.value, limit.cuts
        began = max(0, cuts - late)
        if what == "good":
            limit.on_success("list", latency_s, cuts=began, needed=needed)
            assert limit.value <= before + 1
            assert by_latency or limit.value >= before
        else:
            limit.on_refused(cuts=began)
            assert limit.value <= before
        if began < cuts:
            assert (limit.value, limit.cuts) == (before, cuts)
        assert stage.floor <= limit.value <= stage.cap
        assert limit.value >= before or limit.cuts == cuts + 1


@given(happenings, st.integers(1, 24))
def test_once_all_goes_well_it_comes_back_to_its_cap(
    happened: list[tuple[str, float, bool, int]], cap: int
) -> None:
    limit = AdaptiveLimit(Stage("api", cap=cap))
    for what, latency_s, needed, _ in happened:
        if what == "good":
            limit.on_success("list", latency_s, cuts=limit.cuts, needed=needed)
        else:
            limit.on_refused(cuts=limit.cuts)
    for _ in range(1_000):
        answer_round(limit)
    assert limit.value == cap


# The gate.


class Crowd:
    """Visitors of a gate who stay until they are told to leave."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.gate = FairSemaphore(lambda: self.limit)
        self.inside: list[str] = []
        self._leave: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Send visitors; the first letter of each name is its side."""
        for name in names:
            self._leave[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._visit(name))
        await settled()

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await settled()

    def cancel(self, name: str) -> None:
        self._tasks[name].cancel()

    async def empty(self) -> None:
        """Let all go; nobody may be left waiting."""
        while self.inside:
            await self.leave(self.inside[0])
        await settled()
        assert all(task.done() for task in self._tasks.values())
        assert not self.gate.full

    async def _visit(self, name: str) -> None:
        await self.gate.enter(name[0])
        self.inside.append(name)
        try:
            await self._leave[name].wait()
        finally:
            self.inside.remove(name)
            self.gate.leave()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_huge_side_does_not_keep_a_small_one_waiting() -> None:
    crowd = Crowd(2)
    await crowd.come(*(f"a{number}" for number in range(20)), "b1", "c1")
    assert crowd.inside == ["a0", "a1"]
    await crowd.leave("a0")
    await crowd.leave("a1")
    assert crowd.inside == ["a2", "b1"]
    await crowd.leave("b1")
    assert crowd.inside == ["a2", "c1"]
    await crowd.empty()


async def test_lowered_limit_admits_nobody_until_enough_have_left() -> None:
    crowd = Crowd(3)
    await crowd.come("a1", "a2", "a3", "a4")
    crowd.limit = 1
    await crowd.leave("a1")
    await crowd.leave("a2")
    assert crowd.inside == ["a3"]
    await crowd.leave("a3")
    assert crowd.inside == ["a4"]
    await crowd.empty()


async def test_a_limit_that_rises_lets_several_in() -> None:
    crowd = Crowd(1)
    await crowd.come("a1", "a2", "a3", "b1")
    crowd.limit = 3
    await crowd.leave("a1")
    assert crowd.inside == ["a2", "b1", "a3"]
    await crowd.empty()


async def test_who_is_cancelled_while_waiting_gives_up_the_place() -> None:
    crowd = Crowd(1)
    await crowd.come("a1", "a2", "b1")
    crowd.cancel("a2")
    await settled()
    await crowd.leave("a1")
    assert crowd.inside == ["b1"]
    await crowd.empty()


async def test_cancellation_on_admission_admits_the_next_waiter() -> None:
    crowd = Crowd(1)
    await crowd.come("a1", "a2", "a3")
    crowd.gate.leave()  # a1's place, given to a2 who does not know yet
    crowd.cancel("a2")
    await settled()
    assert crowd.inside == ["a1", "a3"]
    crowd.gate._inside += 1
    await crowd.empty()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["come", "leave", "cancel"])), max_size=60))
def test_never_too_many_inside_and_nobody_forgotten(moves: list[tuple[str, str]]) -> None:
    async def play() -> None:
        crowd = Crowd(3)
        names: list[str] = []
        for number, (side, move) in enumerate(moves):
            if move == "come":
                names.append(f"{side}{number}")
                await crowd.come(names[-1])
            elif move == "leave" and crowd.inside:
                await crowd.leave(crowd.inside[0])
            elif move == "cancel" and names:
                crowd.cancel(names.pop(0))
            assert len(crowd.inside) <= 3
        await settled()
        waiting = sum(map(len, crowd.gate._waiting.values()))
        assert not waiting or len(crowd.inside) == 3
        await crowd.empty()

    asyncio.run(play())


# Around attempts.

LIST = Operation("Service", "list")
STORE = Operation("Service", "store", stage=Stage("uploads", start=2, cap=4))


class Service:
    """Answers when told to, and knows how many it has under way."""

    def __init__(self, pace: Pace) -> None:
        self.retrier = Retrier(
            RetryPolicy(attempts=1), emit=lambda _event: None, pace=pace, clock=lambda: self.now
        )
        self.now = 0.0
        self.under_way: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.order: list[str] = []

    async def ask(self, operation: Operation, side: str, attempt: Callable[[], Awaitable[None]]) -> None:
        async def counted() -> None:
            self.order.append(side)
            self.under_way[operation.name] += 1
            self.most[operation.name] = max(self.most[operation.name], self.under_way[operation.name])
            try:
                await attempt()
            finally:
                self.under_way[operation.name] -= 1

        with on_behalf_of(side):
            await self.retrier.run(operation, counted)


async def _answer() -> None:
    await asyncio.sleep(0)


async def test_requests_in_flight_rise_to_the_caps_and_no_further() -> None:
    service = Service(Pace({"api": 5}))
    works = [service.ask(operation, "a", _answer) for operation in (LIST, STORE) for _ in range(200)]
    await asyncio.gather(*works)
    assert service.most == {"list": 5, "store": 4}


async def test_two_rules_are_served_round_robin() -> None:
    service = Service(Pace({"api": 2}))
    huge = [service.ask(LIST, "huge", _answer) for _ in range(100)]
    small = [service.ask(LIST, "small", _answer) for _ in range(5)]
    await asyncio.gather(*huge, *small)
    assert service.most["list"] == 2
    last = max(place for place, side in enumerate(service.order) if side == "small")
    assert last <= 2 * 5 + 2


@pytest.mark.parametrize(
    "result",
    [Answer(429), Answer(503), NoAnswer("no answer in time", sent=True)],
    ids=["429", "503", "no answer"],
)
async def test_an_overloaded_service_is_asked_less(result: Answer | NoAnswer) -> None:
    pace = Pace()
    service = Service(pace)
    await asyncio.gather(*(service.ask(LIST, "a", _answer) for _ in range(50)))
    assert pace.limit("Service", API).value == 10

    async def overloaded() -> None:
        raise WireError(result)

    for expected in (5, 2, 1, 1):
        with pytest.raises(TransientError):
            await service.ask(LIST, "a", overloaded)
        assert pace.limit("Service", API).value == expected


async def test_another_stage_is_not_concerned() -> None:
    pace = Pace()
    service = Service(pace)

    async def overloaded() -> None:
        raise WireError(Answer(503))

    with pytest.raises(TransientError):
        await service.ask(STORE, "a", overloaded)
    assert pace.limit("Service", STORE.stage).value == 1
    assert pace.limit("Service", API).value == API.start


async def test_a_cancelled_request_gives_its_place_back() -> None:
    pace = Pace({"api": 1})
    service = Service(pace)
    first = asyncio.create_task(service.ask(LIST, "a", asyncio.Event().wait))  # type: ignore[arg-type]
    waiting = asyncio.create_task(service.ask(LIST, "a", _answer))
    await settled()
    waiting.cancel()
    first.cancel()
    await asyncio.wait([first, waiting])
    await service.ask(LIST, "b", _answer)
    assert service.under_way["list"] == 0

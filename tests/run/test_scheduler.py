"""The scheduler in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import ascii_uppercase
from typing import Any

import pytest

from picsync.aio.tasks import progressed
from picsync.core.errors import (
    CacheError,
    ConfigError,
    ItemError,
    LoginNeeded,
    PicsyncError,
    Problem,
    TransientError,
    UnexpectedError,
)
from picsync.core.events import (
    ConfigApplied,
    ConfigRefused,
    Crashed,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleScheduled,
    Event,
    Failure,
)
from picsync.observe.words import event_sentence
from picsync.run.scheduler import (
    HEARTBEAT_S,
    MAX_RULES_AT_ONCE,
    RELOAD_WAIT_S,
    STALLED_AFTER_S,
    Service,
    Stop,
    run_once,
)

pytestmark = pytest.mark.looptime

HOUR = timedelta(hours=1)


def now_s() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class PlayJob:
    """A job of a `Play`."""

    name: str
    play: Play

    @property
    def title(self) -> str:
        return f"Album {self.name}"

    @property
    def every(self) -> timedelta:
        return self.play.every

    @property
    def feeds(self) -> Collection[str]:
        return self.play.feeds.get(self.name, ())

    async def run(self) -> CycleReport:
        return await self.play.cycle(self.name)

    def failed(self, error: PicsyncError) -> CycleReport:
        report = CycleReport(self.name, CycleOutcome.FAILED, failures=(Failure(self.title, error),))
        self.play.events.append(CycleFinished(report))
        return report

    async def triggered(self) -> None:
        await self.play.changed(self.name)


@dataclass
class Play:
    """Settings that are names of rules, and cycles that only take time."""

    names: tuple[str, ...] = ("A",)
    every: timedelta = HOUR
    takes_s: float = 10.0
    errors: list[PicsyncError | None] = field(default_factory=list)
    content: object = "first"
    broken: bool = False
    bugs: dict[str, Exception] = field(default_factory=dict)
    """What the cycles of a rule raise."""
    unwatched: Exception | None = None
    """What watching the sources raises."""
    untried: Exception | None = None
    unopenable: dict[tuple[str, ...], Exception] = field(default_factory=dict)
    refused_to_open: list[float] = field(default_factory=list)
    feeds: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a rule -> those that run after it."""
    moves_every_s: float = 0.0
    """Between two signs of progress in a cycle; 0 for none."""
    uploaded: int = 1
    """Photos that each cycle uploads."""
    uploads: list[int] = field(default_factory=list)
    """Photos that the first cycles upload, if different."""
    changes: list[tuple[str, float]] = field(default_factory=list)
    """When a source of a rule notices that something has changed."""
    listed: dict[str, float] = field(default_factory=dict)
    began: list[tuple[str, float]] = field(default_factory=list)
    ended: list[tuple[str, float]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    most_at_once: int = 0
    opened: int = 0
    events: list[Event] = field(default_factory=list)

    def load(self) -> tuple[str, ...]:
        if self.broken:
            raise ConfigError([Problem("picsync.yaml", 3, "every", "must be longer.")])
        return self.names

    def fingerprint(self) -> object:
        return self.content

    async def try_out(self, settings: tuple[str, ...]) -> None:
        if self.untried is not None:
            raise self.untried

    @asynccontextmanager
    async def open(self, settings: tuple[str, ...]) -> AsyncIterator[list[PlayJob]]:
        if settings in self.unopenable:
            self.refused_to_open.append(now_s())
            raise self.unopenable[settings]
        self.opened += 1
        yield [PlayJob(name, self) for name in settings]
        assert not self.running, "settings were closed under a running cycle"

    async def changed(self, name: str) -> None:
        """Return when a change of that rule's sources is next due."""
        if self.unwatched is not None:
            raise self.unwatched
        due = [at for rule, at in self.changes if rule == name and at > self.listed.get(name, 0.0)]
        await asyncio.sleep(min(due) - now_s() if due else 10.0**9)

    async def cycle(self, job: str) -> CycleReport:
        assert job not in self.running, "a rule ran twice at a time"
        self.began.append((job, now_s()))
        self.listed[job] = now_s()
        self.running.add(job)
        self.most_at_once = max(self.most_at_once, len(self.running))
        try:
            if job in self.bugs:
                raise self.bugs[job]
            for _ in range(int(self.takes_s / self.moves_every_s) if self.moves_every_s else 0):
                await asyncio.sleep(self.moves_every_s)
                progressed()
            if not self.moves_every_s:
                await asyncio.sleep(self.takes_s)
        finally:
            self.running.discard(job)
        self.ended.append((job, now_s()))
        error = self.errors.pop(0) if self.errors else None
        if error is None:
            return CycleReport(
                job, CycleOutcome.DONE, uploaded=self.uploads.pop(0) if self.uploads else self.uploaded
            )
        login = isinstance(error, LoginNeeded)
        outcome = CycleOutcome.LOGIN_NEEDED if login else CycleOutcome.FAILED
        return CycleReport(job, outcome, failures=(Failure("x", error),))

    async def run(
        self, until_s: float, during: Callable[[], Coroutine[None, None, None]] | None = None
    ) -> Service[tuple[str, ...]]:
        """Run the service and ask it to stop at `until_s`."""
        stop = Stop()
        service = Service(self, stop, self.events.append, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        asyncio.get_running_loop().call_at(until_s, stop.ask)
        async with asyncio.TaskGroup() as group:
            other = group.create_task(during()) if during else None
            await service.run(self.load())
            if other:
                other.cancel()
        return service


async def test_first_cycle_at_once_then_every_interval() -> None:
    play = Play()
    await play.run(until_s=3 * 3600 + 1800)
    assert [at for _, at in play.began] == [0, 3600, 7200, 10800]
    scheduled = [event.at for event in play.events if isinstance(event, CycleScheduled)]
    assert scheduled[0] == datetime(2026, 1, 1, 0, 59, 50, tzinfo=UTC)


async def test_source_change_brings_the_next_cycle_forward() -> None:
    play = Play(names=("A", "B"), changes=[("A", 100.0), ("A", 2000.0)])
    await play.run(until_s=3590)
    assert play.began == [("A", 0), ("B", 0), ("A", 100), ("A", 2000)]


async def test_a_rule_runs_after_those_that_feed_it() -> None:
    play = Play(names=("album", "other", "sort"), feeds={"sort": ("album",)}, changes=[("sort", 100.0)])
    await play.run(until_s=3590)
    assert play.began == [("other", 0), ("sort", 0), ("album", 10), ("sort", 100), ("album", 110)]


async def test_a_rule_that_changed_nothing_starts_no_other() -> None:
    play = Play(names=("album", "sort"), feeds={"sort": ("album",)}, changes=[("sort", 100.0)], uploaded=0)
    await play.run(until_s=3590)
    assert play.began == [("sort", 0), ("album", 10), ("sort", 100)]


async def test_run_once_keeps_the_order_of_feeding() -> None:
    play = Play(feeds={"sort": ("album",)}, bugs={"sort": ValueError("a bug")})
    jobs = [PlayJob(name, play) for name in ("album", "sort")]
    reports = await run_once(jobs, Stop(), play.events.append)
    assert [name for name, _ in play.began] == ["sort", "album"]
    assert [report.rule for report in reports] == ["album", "sort"]


async def test_constantly_written_file_does_not_cause_endless_cycles() -> None:
    play = Play(takes_s=0, uploaded=0, changes=[("A", float(second)) for second in range(1, 9000)])
    await play.run(until_s=3500)
    # The pause grows until each wait makes up for the empty cycle before it.
    assert [at for _, at in play.began] == [0, 1, 11, 31, 71, 151, 311, 631, 1271, 1911, 2551, 3191]


async def test_the_interval_bounds_the_pause_after_empty_cycles() -> None:
    play = Play(takes_s=0, uploaded=0, changes=[("A", float(second)) for second in range(1, 9000)])
    play.every = timedelta(seconds=60)
    await play.run(until_s=300)
    assert [at for _, at in play.began] == [0, 1, 11, 31, 71, 131, 191, 251]


async def test_a_change_announced_twice_at_rest_causes_one_cycle() -> None:
    play = Play(takes_s=2, changes=[("A", 100.0)])
    await told(play, lambda service: service.touch(), at_s=100, until_s=1000)
    assert [at for _, at in play.began] == [0, 100]


async def test_a_second_announcement_during_the_cycle_delays_no_later_change() -> None:
    # The long poll reports a change at 100, the webhook the same one at 101; another one follows at 114.
    play = Play(takes_s=2, changes=[("A", 100.0), ("A", 114.0)], uploads=[1, 1, 0, 1])
    await told(play, lambda service: service.touch(), at_s=101, until_s=1000)
    assert [at for _, at in play.began] == [0, 100, 112, 114]


async def test_calls_once_in_a_while_that_bring_nothing_delay_no_change() -> None:
    calls = [("A", 1000.0 * hour) for hour in range(1, 20)]
    play = Play(takes_s=0, uploaded=0, every=24 * HOUR, changes=[*calls, ("A", 19_005.0)])
    await play.run(until_s=20_000)
    assert [at for _, at in play.began] == [0, *(at for _, at in calls), 19_005]


async def test_pictures_that_keep_coming_are_taken_as_they_come() -> None:
    play = Play(takes_s=0, changes=[("A", float(second)) for second in range(1, 100)])
    await play.run(until_s=55)
    assert [at for _, at in play.began] == [0, 10, 20, 30, 40, 50]


async def test_changes_during_a_cycle_are_handled_after_it() -> None:
    play = Play(changes=[("A", 1.0), ("A", 5.0)])
    await play.run(until_s=1000)
    # Ten seconds for the cycle, ten of rest.
    assert play.began == [("A", 0), ("A", 20)]


@pytest.mark.parametrize(
    ("error", "cycles"), [(TransientError("503", retry_after_s=500), [0, 30]), (LoginNeeded("who?"), [0])]
)
async def test_a_change_does_not_cut_a_backoff_or_a_login_short(
    error: PicsyncError, cycles: list[float]
) -> None:
    play = Play(takes_s=0, changes=[("A", 12.0)], errors=[error])
    await play.run(until_s=1000)
    assert [at for _, at in play.began] == cycles


async def test_one_bad_picture_does_not_stop_change_detection() -> None:
    play = Play(takes_s=0, changes=[("A", 100.0)], errors=[ItemError("no picture", unusable=True)])
    await play.run(until_s=1000)
    assert [at for _, at in play.began] == [0, 100]


async def test_stopping_does_not_wait_for_a_change() -> None:
    play = Play(changes=[("A", 3000.0)])
    await play.run(until_s=500)
    assert now_s() == 500


async def test_slow_rule_runs_back_to_back_but_never_twice_at_once() -> None:
    play = Play(takes_s=5000, moves_every_s=100)
    await play.run(until_s=14990)
    assert [at for _, at in play.began] == [0, 5000, 10000]


async def test_rules_run_side_by_side_in_a_bounded_pool() -> None:
    play = Play(names=tuple(ascii_uppercase[: MAX_RULES_AT_ONCE + 3]))
    await play.run(until_s=1800)
    assert play.most_at_once == MAX_RULES_AT_ONCE
    assert [at for _, at in play.began] == [0] * MAX_RULES_AT_ONCE + [10] * 3


async def test_passing_trouble_is_tried_again_sooner() -> None:
    play = Play(takes_s=0, errors=[TransientError("503"), TransientError("503"), None])
    await play.run(until_s=2000)
    assert [at for _, at in play.began] == [0, 30, 90]


async def test_a_login_that_needs_a_person_is_not_hammered() -> None:
    play = Play(takes_s=0, errors=[LoginNeeded("who?")])
    await play.run(until_s=3599)
    assert len(play.began) == 1


async def test_stopping_finishes_transfers_and_starts_nothing_new() -> None:
    play = Play(names=tuple(ascii_uppercase[: MAX_RULES_AT_ONCE + 2]), takes_s=20)
    await play.run(until_s=5)
    assert len(play.ended) == MAX_RULES_AT_ONCE
    assert now_s() == 20


async def test_stopping_gives_up_at_the_deadline() -> None:
    play = Play(takes_s=1000)
    with pytest.raises(asyncio.CancelledError):
        await play.run(until_s=5)
    assert now_s() == 5 + 25
    assert play.ended == []
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


async def test_a_second_wish_ends_at_once() -> None:
    play = Play(takes_s=1000)
    stop = Stop()
    service = Service(play, stop, play.events.append)
    asyncio.get_running_loop().call_at(5, stop.ask)
    asyncio.get_running_loop().call_at(6, stop.ask)
    with pytest.raises(asyncio.CancelledError):
        await service.run(play.load())
    assert now_s() == 6
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()


async def test_changed_settings_are_applied_between_cycles() -> None:
    play = Play(takes_s=100)

    async def change() -> None:
        await asyncio.sleep(50)
        play.names, play.content = ("A", "B"), "second"

    await play.run(until_s=1000, during=change)
    assert play.opened == 2
    assert play.began == [("A", 0), ("A", 100), ("B", 100)]
    applied = [event.rules for event in play.events if isinstance(event, ConfigApplied)]
    assert applied == [("A",), ("A", "B")]


async def test_broken_settings_are_refused_once_and_old_ones_stay() -> None:
    play = Play()

    async def spoil() -> None:
        await asyncio.sleep(50)
        play.broken, play.content = True, "broken"
        await asyncio.sleep(5000)
        play.broken, play.content, play.names = False, "mended", ("C",)

    await play.run(until_s=7000, during=spoil)
    refused = [event for event in play.events if isinstance(event, ConfigRefused)]
    assert [event.problems for event in refused] == [("picsync.yaml:3: every: must be longer.",)]
    assert [name for name, _ in play.began] == ["A", "A", "C"]


async def test_heartbeat_continues_while_a_cycle_runs_for_hours() -> None:
    play = Play(takes_s=20_000, moves_every_s=100)
    beats = []

    async def look() -> None:
        stop = Stop()
        service = Service(play, stop, play.events.append)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(service.run(play.load()))
            for _ in range(5):
                await asyncio.sleep(3000)
                beats.append(service.alive())
            task.cancel()

    await look()
    assert beats == [True] * 5


async def test_a_bug_in_one_rule_is_that_rules_failure() -> None:
    play = Play(names=("A", "B"), takes_s=0, bugs={"A": KeyError("token-5ecret")})
    await play.run(until_s=3700)
    assert [at for name, at in play.began if name == "B"] == [0, 3600]
    assert [at for name, at in play.began if name == "A"][:4] == [0, 30, 90, 210]
    reports = [event.report for event in play.events if isinstance(event, CycleFinished)]
    assert {report.outcome for report in reports} == {CycleOutcome.FAILED}
    assert {type(failure.error) for report in reports for failure in report.failures} == {UnexpectedError}
    crash = next(event for event in play.events if isinstance(event, Crashed))
    assert crash.rule == "A"
    assert "KeyError in picsync" in crash.error or "KeyError in service" in crash.error
    assert "in cycle" in crash.report
    assert "5ecret" not in f"{crash} {reports}"


async def test_bug_in_watching_sources_costs_only_the_early_start() -> None:
    play = Play(takes_s=0, unwatched=OSError("inotify"))
    await play.run(until_s=3700)
    assert [at for _, at in play.began] == [0, 3600]
    assert len([event for event in play.events if isinstance(event, Crashed)]) == 2


async def test_a_cycle_without_progress_is_cancelled_and_tried_again() -> None:
    play = Play(names=("A", *"BCDEF"), takes_s=10.0**6)
    stuck, others = asyncio.Event(), play.cycle

    async def cycle(job: str) -> CycleReport:
        if job in "ABCD":
            await stuck.wait()
        play.takes_s = 1.0
        return await others(job)

    play.cycle = cycle  # type: ignore[method-assign]
    await play.run(until_s=STALLED_AFTER_S + 20)
    assert [name for name, _ in play.began] == ["E", "F"]
    failed = [event.report for event in play.events if isinstance(event, CycleFinished)]
    assert sorted(report.rule for report in failed) == list("ABCD")
    assert "Nothing moved for 30 minutes" in failed[0].failures[0].error.message


async def test_a_long_cycle_that_makes_progress_is_left_alone() -> None:
    play = Play(takes_s=50_000, moves_every_s=STALLED_AFTER_S * 0.9)
    await play.run(until_s=48_590)
    assert play.ended


async def test_a_wait_that_a_service_asks_for_ends_with_the_interval() -> None:
    play = Play(takes_s=0, errors=[TransientError("503", retry_after_s=999_999_999)])
    await play.run(until_s=4000)
    assert [at for _, at in play.began] == [0, 3600]
    scheduled = [event for event in play.events if isinstance(event, CycleScheduled)]
    assert [event.refused_wait_s for event in scheduled] == [999_999_999, None]
    assert "longer than the rule's interval. picsync tries again in 60 minutes" in str(
        event_sentence(scheduled[0])
    )


async def told(
    play: Play, tell: Callable[[Service[tuple[str, ...]]], object], *, at_s: float, until_s: float
) -> None:
    """Run a service that is told something at a moment, and asked to stop at another."""
    stop = Stop()
    service = Service(play, stop, play.events.append)
    asyncio.get_running_loop().call_at(at_s, tell, service)
    asyncio.get_running_loop().call_at(until_s, stop.ask)
    await service.run(play.load())


@pytest.mark.parametrize("error", [None, TransientError("503", retry_after_s=500), LoginNeeded("who?")])
async def test_a_wake_cuts_every_wait_short(error: PicsyncError | None) -> None:
    play = Play(names=("A", "B"), takes_s=0, errors=[error, error])
    woken: list[list[str]] = []
    await told(play, lambda service: woken.append(service.wake(["B", "nobody"])), at_s=5, until_s=8)
    assert woken == [["B"]]
    assert play.began == [("A", 0), ("B", 0), ("B", 5)]


async def test_a_wake_during_a_cycle_brings_another_one() -> None:
    play = Play(takes_s=10)
    await told(play, lambda service: service.wake(), at_s=5, until_s=500)
    assert [at for _, at in play.began] == [0, 10]


@pytest.mark.parametrize(
    ("at_s", "cycles"),
    # At rest it starts at once; soon after a cycle, after the pause; during one, once more after it.
    [(500.0, [0, 500]), (12.0, [0, 20]), (5.0, [0, 20])],
)
async def test_a_reported_change_brings_one_more_cycle(at_s: float, cycles: list[float]) -> None:
    play = Play(names=("A", "B"), takes_s=10)

    def tell(service: Service[tuple[str, ...]]) -> None:
        assert service.touch(["A", "nobody"]) == ["A"]
        assert service.touch(["A"]) == ["A"]

    await told(play, tell, at_s=at_s, until_s=1000)
    assert [at for name, at in play.began if name == "A"] == cycles
    assert [at for name, at in play.began if name == "B"] == [0]


@pytest.mark.parametrize(
    ("error", "cycles"), [(TransientError("503", retry_after_s=500), [0, 30]), (LoginNeeded("who?"), [0])]
)
async def test_a_reported_change_does_not_cut_a_wait_short(error: PicsyncError, cycles: list[float]) -> None:
    play = Play(takes_s=0, errors=[error])
    await told(play, lambda service: service.touch(), at_s=12, until_s=510)
    assert [at for _, at in play.began] == cycles


async def test_new_settings_do_not_wait_for_ever_for_a_stuck_rule() -> None:
    play = Play(takes_s=10.0**6)

    async def change() -> None:
        await asyncio.sleep(HEARTBEAT_S)
        play.takes_s, play.names, play.content = 1.0, ("B",), "second"

    await play.run(until_s=1000, during=change)
    assert play.began == [("A", 0), ("B", HEARTBEAT_S + RELOAD_WAIT_S)]
    last = [event.report for event in play.events if isinstance(event, CycleFinished)][-1]
    assert (last.rule, last.outcome) == ("A", CycleOutcome.FAILED)
    assert "configuration had changed" in last.failures[0].error.message


@pytest.mark.parametrize(
    "error", [ConfigError([Problem("c", 1, "x", "is bad.")]), ValueError("s3cret"), RuntimeError()]
)
@pytest.mark.parametrize("when", ["tried out", "opened"])
async def test_settings_that_cannot_be_opened_leave_the_old_in_force(when: str, error: Exception) -> None:
    play = Play(takes_s=0)

    async def spoil() -> None:
        await asyncio.sleep(50)
        play.names, play.content = ("B",), "second"
        if when == "opened":
            play.unopenable = {("B",): error}
        else:
            play.untried = error
        await asyncio.sleep(4000)
        play.names, play.content, play.untried = ("C",), "third", None

    await play.run(until_s=5000, during=spoil)
    assert {name for name, _ in play.began} == {"A", "C"}
    refused = [event for event in play.events if isinstance(event, ConfigRefused)]
    assert len(refused) == 1
    assert "s3cret" not in str(play.events)
    applied = [event.rules for event in play.events if isinstance(event, ConfigApplied)]
    assert applied == [("A",), ("C",)]


async def test_old_settings_are_retried_until_they_can_be_opened() -> None:
    play = Play(takes_s=0)

    async def spoil() -> None:
        await asyncio.sleep(HEARTBEAT_S)
        play.names, play.content = ("B",), "second"
        play.unopenable = {("B",): CacheError("the disk"), ("A",): CacheError("the disk")}
        await asyncio.sleep(100)
        play.unopenable = {}

    await play.run(until_s=500, during=spoil)
    assert [name for name, _ in play.began] == ["A", "A"]
    assert [at - HEARTBEAT_S for at in play.refused_to_open] == [0, 0, 5, 20, 80]


async def test_a_reload_looks_at_once_even_if_nothing_has_changed() -> None:
    play = Play(takes_s=0)
    await told(play, lambda service: service.reload(), at_s=3, until_s=5)
    assert [at for _, at in play.began] == [0, 3]


async def test_a_look_applies_only_what_has_changed() -> None:
    play = Play(takes_s=0)
    loop = asyncio.get_running_loop()

    def change() -> None:
        play.names, play.content = ("B",), "second"

    stop = Stop()
    service = Service(play, stop, play.events.append)
    loop.call_at(3, service.look)
    loop.call_at(4, change)
    loop.call_at(5, service.look)
    loop.call_at(8, stop.ask)
    await service.run(play.load())
    assert play.began == [("A", 0), ("B", 5)]


async def test_an_idle_service_sets_one_timer_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    play, loop = Play(names=tuple("ABCDEF"), takes_s=0), asyncio.get_running_loop()
    due: list[float] = []
    call_at = loop.call_at

    def noted(when: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        due.append(when)
        return call_at(when, *arguments, **options)

    monkeypatch.setattr(loop, "call_at", noted)
    await play.run(until_s=3500)
    minutes = {when // 60 for when in due if 60 <= when < 3500}
    assert len({when for when in due if 60 <= when < 3500}) <= len(minutes)


async def test_once_runs_each_rule_once_and_stops_in_between() -> None:
    names = ascii_uppercase[: MAX_RULES_AT_ONCE + 2]
    play = Play(names=tuple(names))
    stop = Stop()
    async with play.open(play.names) as jobs:
        reports = await run_once(jobs, stop, play.events.append)
        assert [report.rule for report in reports] == list(names)
        asyncio.get_running_loop().call_later(5, stop.ask)
        reports = await run_once(jobs, stop, play.events.append)
    assert [report.rule for report in reports] == list(names[:MAX_RULES_AT_ONCE])

"""The scheduler: runs every job at its interval until the process is asked to stop.

Guarantees: a rule runs immediately, or after the first run of the rules that feed it, and then when
`schedule` says so, or earlier if its sources report a change or a rule that feeds it has changed something.
Runs of a rule never overlap, and the number of concurrent rules is limited. Changed settings are
applied between cycles; a running one gets `RELOAD_WAIT_S` to end. Settings that cannot be read, checked or
opened are rejected, and the old ones stay in force. After a stop request, no new work is started, and running
work may finish until a deadline; then everything is cancelled. Nothing is lost in either case, since the next
cycle starts from what the services report.

Failures are isolated. A bug in a cycle fails that rule; a bug in watching its sources only prevents early
starts. A cycle without progress for `STALLED_AFTER_S` is cancelled, so that it does not occupy its place in
the pool forever. Only two things end the process: settings that cannot be opened at the start, and a bug in
this module itself, since no rule would run then; a supervisor restarts the process.

Other modules define what a cycle does (`cycle`), when it is due (`schedule`), and what the settings mean.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from picsync.aio.tasks import Stalled, cancel_and_wait, run_all, stalling_after, unwrap_group
from picsync.core.errors import ConfigError, PicsyncError, TransientError
from picsync.core.events import (
    ConfigApplied,
    ConfigRefused,
    CycleScheduled,
    Emit,
    Stopping,
)
from picsync.jobs.base import Job, Report
from picsync.run.schedule import Due, empty_cycles, next_due, pause_s
from picsync.system.crash import crashed, unexpected

S = TypeVar("S")
R = TypeVar("R", bound=Report)
AnyJob: TypeAlias = Job[Report]

GRACE_S = 25.0
"""Grace period in seconds for running transfers after a stop request; within Kubernetes' 30."""

HEARTBEAT_S = 60.0
"""Interval between checks of the settings' files, for changes that the system does not report; the only thing
that wakes an idle service."""

ALIVE_S = 180.0
"""Without a heartbeat for this long, the service counts as hanging."""

MAX_RULES_AT_ONCE = 8
"""Rules that run concurrently. The limits of each service bound their requests. More rules would share more
of a frame's listings, but each holds its own listings in memory."""

RELOAD_WAIT_S = 120.0
"""How long running cycles may take to end when there are new settings. They start no new work, so this is for
running transfers; a large video that takes longer is uploaded again by the next cycle."""

STALLED_AFTER_S = 1800.0
"""A cycle without any listing, transfer or decision for this long is cancelled. Requests have shorter limits;
this one is for everything else, such as a folder on an unreachable server."""

REOPEN_S = (5.0, 15.0, 60.0)
"""Waits between attempts to reopen the old settings after new ones could not be opened."""


class Stop:
    """A request to stop the process: the first lets transfers finish, the second cancels them."""

    def __init__(
        self, grace_s: float = GRACE_S, *, acknowledge: Callable[[float], None] = lambda _grace_s: None
    ) -> None:
        """`acknowledge` is called at the first request, with the grace period in seconds."""
        self._grace_s = grace_s
        self._acknowledge = acknowledge
        self._asked = asyncio.Event()
        self._task = asyncio.current_task()
        self._deadline: asyncio.TimerHandle | None = None

    def __call__(self) -> bool:
        """Whether stopping was requested."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Request a stop: first with the grace period, then immediately."""
        if self._task is None:
            raise RuntimeError("a Stop belongs to the task that made it")
        if self._asked.is_set():
            self._task.cancel()
            return
        self._asked.set()
        self._acknowledge(self._grace_s)
        self._deadline = asyncio.get_running_loop().call_later(self._grace_s, self._task.cancel)

    async def asked(self) -> None:
        """Wait until stopping is requested."""
        await self._asked.wait()

    async def asked_within(self, seconds: float) -> bool:
        """Wait until stopping is requested or the time is over; return whether it was requested."""
        return await _wait(self._asked, seconds)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM request a stop until the context ends, which also lifts the deadline."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, self.ask)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            if self._deadline is not None:
                # All work ended in time; closing connections and files must not be interrupted.
                self._deadline.cancel()


class Settings(Protocol[S]):
    """The source of the settings."""

    def load(self) -> S:
        """Read them; raises ConfigError."""

    def fingerprint(self) -> object:
        """Return a value that changes whenever `load` might return something else."""

    async def try_out(self, settings: S) -> None:
        """Raise what `open` would raise, as far as possible while other settings are open."""

    def open(self, settings: S) -> AbstractAsyncContextManager[Sequence[AnyJob]]:
        """Open what the settings need, for the duration of the context; yields the jobs."""


async def run_guarded(job: Job[R], emit: Emit) -> R:
    """Run a job so that it always ends in a report: a bug or a stalled run fails only this job."""
    try:
        async with stalling_after(STALLED_AFTER_S):
            return await job.run()
    except Stalled:
        failure: PicsyncError = TransientError(
            f"Nothing moved for {STALLED_AFTER_S / 60:.0f} minutes, so the cycle was cancelled.",
            hint="If this happens again, check that the sources (a network folder?) can be read.",
        )
    except Exception as error:  # noqa: BLE001 - reported; the other jobs continue
        emit(crashed(error, f"{job.title}: the cycle failed. Other rules continue.", rule=job.name))
        failure = unexpected(error)
    return job.failed(failure)


async def run_once(jobs: Sequence[Job[R]], stop: Stop, emit: Emit) -> list[R]:
    """Run every job once with limited concurrency, each after those that feed it.

    A stop request omits those not started.
    """
    pool = asyncio.Semaphore(MAX_RULES_AT_ONCE)
    reports: dict[int, R] = {}
    ended = {job.name: asyncio.Event() for job in jobs}

    async def run(place: int, job: Job[R]) -> None:
        for name in _before(job, jobs):
            await ended[name].wait()
        try:
            async with pool:
                if not stop():
                    reports[place] = await run_guarded(job, emit)
        finally:
            ended[job.name].set()

    await run_all(*(run(place, job) for place, job in enumerate(jobs)))
    return [reports[place] for place in sorted(reports)]


class Service(Generic[S]):
    """Runs the rules of settings that may change."""

    def __init__(
        self,
        settings: Settings[S],
        stop: Stop,
        emit: Emit,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`now` returns aware UTC, for messages; the intervals use the event loop's clock."""
        self._settings = settings
        self._stop = stop
        self._emit = emit
        self._now = now
        self._heartbeat_s = heartbeat_s
        self._pool = asyncio.Semaphore(MAX_RULES_AT_ONCE)
        self._beat_at = asyncio.get_running_loop().time()
        self._look = asyncio.Event()
        """Set when the settings' files are to be checked. The heartbeat sets it, too: all periodic work is
        due at the same time, so that the process wakes up only once."""
        self._forced = False
        """Whether the files are applied even if unchanged."""
        self._seen: object = None
        self._next: S | None = None
        self._failures: dict[str, int] = {}
        self._leave = asyncio.Event()
        """Set when the current settings are about to be replaced, or the process is to end."""
        self._wakes: dict[str, asyncio.Event] = {}
        """By rule: set to start its next cycle now."""
        self._ran: dict[str, asyncio.Event] = {}
        """By rule: set once it has run with the current settings."""
        self._touched: dict[str, asyncio.Event] = {}
        """By rule: set if something that it depends on may have changed since its last cycle began."""

    def alive(self) -> bool:
        """Whether there was a recent heartbeat."""
        return asyncio.get_running_loop().time() - self._beat_at < ALIVE_S

    def leaving(self) -> bool:
        """Whether running cycles should start no new work, since the process or the settings end."""
        return self._stop() or self._leave.is_set()

    def wake(self, rules: Iterable[str] | None = None) -> list[str]:
        """Start the next cycle of these rules, or of all, as soon as possible; return the known ones.

        Any wait ends: the interval, a backoff, a login, or a time that a service asked for. A rule that is
        running gets another cycle afterwards.
        """
        asked = self._wakes if rules is None else set(rules)
        woken = [name for name in self._wakes if name in asked]
        for name in woken:
            self._wakes[name].set()
        return woken

    def touch(self, rules: Iterable[str] | None = None) -> list[str]:
        """Report a change in the sources of these rules, or of all; return the known ones.

        The next cycle starts as if the source had noticed it: not before a pause, nor before a service
        permits it. A rule that is running gets one more cycle afterwards, however many changes are reported.
        """
        asked = self._touched if rules is None else set(rules)
        touched = [name for name in self._touched if name in asked]
        for name in touched:
            self._touched[name].set()
        return touched

    def reload(self) -> None:
        """Read the settings' files now, and apply them even if unchanged."""
        self._forced = True
        self._look.set()

    def look(self) -> None:
        """Check the settings' files now, and apply them if they have changed."""
        self._look.set()

    @contextmanager
    def on_hangup(self) -> Iterator[None]:
        """Let SIGHUP reload, until the end of the context; if the terminal is gone, it requests a stop."""
        had_terminal = _on_terminal()

        def hung_up() -> None:
            if had_terminal and not _on_terminal():
                self._stop.ask()
            else:
                self.reload()

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, hung_up)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def run(self, settings: S) -> None:
        """Serve `settings`, and later versions of them, until stopping is requested.

        Returns once running transfers have finished; is cancelled if they did not finish in time. Raises what
        opening `settings` raises.
        """
        self._seen = self._settings.fingerprint()
        with unwrap_group():
            await self._run(settings)

    async def _run(self, settings: S) -> None:
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(self._beat())
            async with AsyncExitStack() as stack:
                jobs = await stack.enter_async_context(self._settings.open(settings))
                self._emit(ConfigApplied(tuple(job.name for job in jobs)))
                while True:
                    await self._serve(jobs)
                    if self._stop() or self._next is None:
                        break
                    wanted, self._next = self._next, None
                    try:
                        await stack.aclose()
                    except Exception as error:  # noqa: BLE001 - reported
                        self._emit(crashed(error, "Closing the old configuration failed. picsync continues."))
                    opened = await self._open(stack, wanted, settings)
                    if opened is None:
                        break
                    jobs, settings = opened
            heart.cancel()

    async def _open(self, stack: AsyncExitStack, new: S, old: S) -> tuple[Sequence[AnyJob], S] | None:
        """Open the new settings or, if that fails, the old ones; None if stopping is requested first."""
        try:
            jobs = await stack.enter_async_context(self._settings.open(new))
        except Exception as error:  # noqa: BLE001 - reported as the reason for the rejection
            refused = error
        else:
            self._emit(ConfigApplied(tuple(job.name for job in jobs)))
            return jobs, new
        self._refuse(refused)
        for attempt in count():
            try:
                return await stack.enter_async_context(self._settings.open(old)), old
            except Exception as error:  # noqa: BLE001 - reported and retried
                if not isinstance(error, PicsyncError):
                    self._emit(crashed(error, "The old configuration cannot be opened again either."))
                else:
                    self._emit(ConfigRefused((str(error),)))
            if await self._stop.asked_within(REOPEN_S[min(attempt, len(REOPEN_S) - 1)]):
                return None
        raise AssertionError

    def _refuse(self, error: Exception) -> None:
        """Report why changed settings are not used."""
        match error:
            case ConfigError():
                problems = [*map(str, error.problems), *([error.hint] if error.hint else [])]
            case PicsyncError():
                problems = [str(error)]
            case _:
                self._emit(crashed(error, "The changed configuration is not used."))
                problems = [str(unexpected(error))]
        self._emit(ConfigRefused(tuple(problems)))

    async def _serve(self, jobs: Sequence[AnyJob]) -> None:
        """Run the jobs until stopping is requested or there are new settings; then end running cycles."""
        self._leave = leave = asyncio.Event()
        names = [job.name for job in jobs]
        self._wakes = {name: self._wakes.get(name) or asyncio.Event() for name in names}
        self._ran = {name: asyncio.Event() for name in names}
        before = {job.name: _before(job, jobs) for job in jobs}
        self._touched = {name: self._touched.get(name) or asyncio.Event() for name in names}
        async with asyncio.TaskGroup() as group:
            kept = [group.create_task(self._keep(job, leave, before[job.name])) for job in jobs]
            watching = group.create_task(self._watch())
            stopping: asyncio.Future[Any] = group.create_task(self._stop.asked())
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop():
                self._emit(Stopping())
            leave.set()
            watching.cancel()
            if not self._stop() and kept:
                late: asyncio.Future[Any] = asyncio.gather(*kept, return_exceptions=True)
                await asyncio.wait(
                    {stopping, late}, timeout=RELOAD_WAIT_S, return_when=asyncio.FIRST_COMPLETED
                )
                if not self._stop():
                    for task in kept:
                        task.cancel()
            stopping.cancel()

    async def _keep(self, job: AnyJob, leave: asyncio.Event, before: Sequence[str]) -> None:
        clock = asyncio.get_running_loop().time
        if job.every is None:
            raise ValueError(f"{job.title} is to be repeated without an interval")
        name, every_s, announced = job.name, job.every.total_seconds(), False
        wake = self._wakes[name]
        empty, ended_s = 0, clock()
        for feeding in before:
            await _any(self._ran[feeding], leave)
        while not leave.is_set():
            async with self._pool:
                if leave.is_set():
                    return
                wake.clear()
                self._touched[name].clear()
                began_s = clock()
                report = await self._run_job(job, leave)
            waited_s, ended_s = began_s - ended_s, clock()
            self._ran[name].set()
            if report.did_something:
                self.wake(fed for fed in job.feeds if fed in self._ran and self._ran[fed].is_set())
            due = next_due(
                report,
                began_s=began_s,
                ended_s=ended_s,
                every_s=every_s,
                failures_in_a_row=self._failures.get(name, 0),
            )
            self._failures[name] = due.failures_in_a_row
            wait_s = max(0.0, due.at_s - clock())
            at = self._now() + timedelta(seconds=wait_s)
            self._emit(CycleScheduled(name, at, due.refused_wait_s, wait_s))
            empty = empty_cycles(
                empty, did_something=report.did_something, announced=announced, waited_s=waited_s
            )
            announced = await self._rest(job, leave, due, pause_s(empty, every_s))

    async def _run_job(self, job: AnyJob, leave: asyncio.Event) -> Report:
        try:
            return await run_guarded(job, self._emit)
        except asyncio.CancelledError:
            if leave.is_set() and not self._stop():
                error = TransientError(
                    f"The cycle did not end within {RELOAD_WAIT_S:.0f} s after the configuration had changed,"
                    " so it was cancelled. The next one begins with the new configuration."
                )
                job.failed(error)
            raise

    async def _rest(self, job: AnyJob, leave: asyncio.Event, due: Due, least_s: float) -> bool:
        """Wait until a rule is due, is woken, its sources have changed, or `leave` is set.

        A change counts only after the minimum pause, and not while `due` forbids it. Returns whether it was a
        change.
        """
        clock = asyncio.get_running_loop().time
        wait_s = max(0.0, due.at_s - clock())
        least_s = min(wait_s, max(least_s, due.not_before_s - clock()))
        ending: list[asyncio.Future[bool]] = [
            asyncio.ensure_future(event.wait()) for event in (leave, self._wakes[job.name])
        ]
        changes: list[asyncio.Future[bool]] = []
        try:
            done, _ = await asyncio.wait(ending, timeout=least_s, return_when=asyncio.FIRST_COMPLETED)
            if done or wait_s <= least_s:
                return False
            changes = [
                asyncio.ensure_future(self._triggered(job)),
                asyncio.ensure_future(self._touched[job.name].wait()),
            ]
            done, _ = await asyncio.wait(
                {*ending, *changes}, timeout=wait_s - least_s, return_when=asyncio.FIRST_COMPLETED
            )
            return not done.isdisjoint(changes)
        finally:
            await cancel_and_wait(*ending, *changes)

    async def _triggered(self, job: AnyJob) -> bool:
        """Return once something triggers a run of the job."""
        try:
            await job.triggered()
        except Exception as error:  # noqa: BLE001 - reported; the rule keeps its interval
            what = f"{job.title}: changes in its sources are not noticed until its next cycle."
            self._emit(crashed(error, what, rule=job.name))
            await asyncio.Event().wait()
        return True

    async def _beat(self) -> None:
        while True:
            self._beat_at = asyncio.get_running_loop().time()
            await asyncio.sleep(self._heartbeat_s)
            self._look.set()

    async def _watch(self) -> None:
        """Check the files whenever asked; returns when there are new, valid settings."""
        while True:
            await self._look.wait()
            self._look.clear()
            forced, self._forced = self._forced, False
            try:
                seen = await asyncio.to_thread(self._settings.fingerprint)
                if seen == self._seen and not forced:
                    continue
                self._seen = seen
                settings = await asyncio.to_thread(self._settings.load)
                await self._settings.try_out(settings)
            except Exception as error:  # noqa: BLE001 - reported as the reason for the rejection
                self._refuse(error)
            else:
                self._next = settings
                return


def _before(job: Job[Any], jobs: Sequence[Job[Any]]) -> list[str]:
    """Return the names of the jobs that run before a job."""
    return [other.name for other in jobs if job.name in other.feeds]


def _on_terminal() -> bool:
    """Whether standard input is a terminal that still exists."""
    try:
        return os.isatty(0)
    except OSError:
        return False


async def _any(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting: list[asyncio.Future[bool]] = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel_and_wait(*waiting)


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event or a timeout; return whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()

"""The long run: every album rule in its own rhythm, until the process is asked to stop.

What it guarantees: a rule runs at once and then when `schedule` says so, or earlier if its sources say that
something has changed; it is never started while it is
still running; only so many rules run at a time. Changed settings are applied between cycles;
a running one gets `RELOAD_WAIT_S` to end. Settings that cannot be read, tried out or opened
are refused while the old stay in force. Stopping is in two strokes: nothing new is taken up and what is in
flight may finish until a deadline; then everything is cancelled. Nothing is lost either way, since the next
cycle goes by what the services report.

What can fail alone fails alone. A bug in a cycle is that rule's failure, and one in watching its sources
costs the early start only. A cycle without progress for `STALLED_AFTER_S` is cancelled, so that it does not
hold its place in the pool for ever. Only two things end the process: settings that cannot be opened when it
starts, and a bug in this module itself, since nothing would run the rules then; whoever runs the process
starts it again.

It leaves to others what a cycle does (`cycle`), when it is due (`schedule`), and what the settings mean.
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
from picsync.run.schedule import Due, next_due
from picsync.system.crash import crashed, unexpected

S = TypeVar("S")
R = TypeVar("R", bound=Report)
AnyJob: TypeAlias = Job[Report]

GRACE_S = 25.0
"""Seconds for what is in flight to finish after a stop was asked for; inside Kubernetes' 30."""

HEARTBEAT_S = 10.0
"""Between two looks at the settings' files; the only thing that wakes an idle service."""

ALIVE_S = 60.0
"""A heart that has not beaten for so long has stopped."""

MAX_RULES_AT_ONCE = 4

MIN_REST_S = 10.0
"""Least time between a rule's cycles, however soon something changes in its sources. It doubles with each
cycle that a change has brought and that found nothing to do: some file may be written all day."""

RELOAD_WAIT_S = 120.0
"""For running cycles to end when there are new settings. They are told to take up nothing new, so this is for
what is in flight; a large video that takes longer is uploaded again by the next cycle."""

STALLED_AFTER_S = 1800.0
"""A cycle in which nothing was listed, received, sent or decided for so long is cancelled. Requests have
shorter limits of their own; this one is for whatever has none, such as a folder on a server that is gone."""

REOPEN_S = (5.0, 15.0, 60.0)
"""Waits between attempts to open the old settings again after new ones could not be opened."""


class Stop:
    """Someone's wish that the process should end: asked for once, it waits; twice, it is obeyed at once."""

    def __init__(
        self, grace_s: float = GRACE_S, *, acknowledge: Callable[[float], None] = lambda _grace_s: None
    ) -> None:
        """`acknowledge` is told, when first asked, how many seconds there are for what is in flight."""
        self._grace_s = grace_s
        self._acknowledge = acknowledge
        self._asked = asyncio.Event()
        self._task = asyncio.current_task()
        self._deadline: asyncio.TimerHandle | None = None

    def __call__(self) -> bool:
        """Whether stopping was asked for."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask once to finish what is in flight within the time of grace; again to give that up too."""
        if self._task is None:
            raise RuntimeError("a Stop belongs to the task that made it")
        if self._asked.is_set():
            self._task.cancel()
            return
        self._asked.set()
        self._acknowledge(self._grace_s)
        self._deadline = asyncio.get_running_loop().call_later(self._grace_s, self._task.cancel)

    async def asked(self) -> None:
        """Wait until stopping is asked for."""
        await self._asked.wait()

    async def asked_within(self, seconds: float) -> bool:
        """Wait until stopping is asked for, but not longer; return whether it was."""
        return await _wait(self._asked, seconds)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Have SIGINT and SIGTERM ask, until the end of the context, which also lifts the deadline."""
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
                # All is done in time; what closes connections and files now must not be cut short.
                self._deadline.cancel()


class Settings(Protocol[S]):
    """Where the settings come from."""

    def load(self) -> S:
        """Read them; raises ConfigError."""

    def fingerprint(self) -> object:
        """Return something that differs whenever `load` might give something else."""

    async def try_out(self, settings: S) -> None:
        """Raise whatever `open` would, as far as that can be known while other settings are open."""

    def open(self, settings: S) -> AbstractAsyncContextManager[Sequence[AnyJob]]:
        """Open what the settings need, for the time of the context; the jobs are what there is to do."""


async def run_guarded(job: Job[R], emit: Emit) -> R:
    """Run a job so that it always ends in a report: a bug and a standstill are failures of this job alone."""
    try:
        async with stalling_after(STALLED_AFTER_S):
            return await job.run()
    except Stalled:
        failure: PicsyncError = TransientError(
            f"Nothing moved for {STALLED_AFTER_S / 60:.0f} minutes, so the cycle was cancelled.",
            hint="If this happens again, check that the sources (a network folder?) can be read.",
        )
    except Exception as error:  # noqa: BLE001 - not lost: it is reported, and the other jobs go on
        emit(crashed(error, f"{job.title}: the cycle failed. Other rules go on.", rule=job.name))
        failure = unexpected(error)
    return job.failed(failure)


async def run_once(jobs: Sequence[Job[R]], stop: Stop, emit: Emit) -> list[R]:
    """Run every job once, some side by side; those not begun when stopping is asked for are left out."""
    pool = asyncio.Semaphore(MAX_RULES_AT_ONCE)
    reports: dict[int, R] = {}

    async def run(place: int, job: Job[R]) -> None:
        async with pool:
            if not stop():
                reports[place] = await run_guarded(job, emit)

    await run_all(*(run(place, job) for place, job in enumerate(jobs)))
    return [reports[place] for place in sorted(reports)]


class Service(Generic[S]):
    """Runs the rules of settings that may change on the way."""

    def __init__(
        self,
        settings: Settings[S],
        stop: Stop,
        emit: Emit,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        """`now` gives aware UTC, for telling people; the intervals go by the event loop's clock."""
        self._settings = settings
        self._stop = stop
        self._emit = emit
        self._now = now
        self._heartbeat_s = heartbeat_s
        self._pool = asyncio.Semaphore(MAX_RULES_AT_ONCE)
        self._beat_at = asyncio.get_running_loop().time()
        self._beaten = asyncio.Event()
        """Set by the next beat, which wakes all that is done now and then: the process wakes up once."""
        self._seen: object = None
        self._next: S | None = None
        self._failures: dict[str, int] = {}
        self._leave = asyncio.Event()
        """Set when the settings in force are about to be dropped, or the process to end."""
        self._wakes: dict[str, asyncio.Event] = {}
        """By rule: set to have its next cycle begin now."""
        self._reload = asyncio.Event()

    def alive(self) -> bool:
        """Whether the heart has beaten lately."""
        return asyncio.get_running_loop().time() - self._beat_at < ALIVE_S

    def leaving(self) -> bool:
        """Whether running cycles should take up nothing new, since the process or the settings end."""
        return self._stop() or self._leave.is_set()

    def wake(self, rules: Iterable[str] | None = None) -> list[str]:
        """Have the next cycle of these rules, or of all, begin as soon as possible; return which there are.

        Whatever they wait for is cut short: the interval, a backoff, a login, a time that a service named. A
        rule that is running has another cycle afterwards.
        """
        asked = self._wakes if rules is None else set(rules)
        woken = [name for name in self._wakes if name in asked]
        for name in woken:
            self._wakes[name].set()
        return woken

    def reload(self) -> None:
        """Read the settings' files now, and apply them even if they are unchanged."""
        self._reload.set()

    @contextmanager
    def on_hangup(self) -> Iterator[None]:
        """Have SIGHUP reload, until the end of the context; if the terminal is gone, it asks to stop."""
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
        """Serve `settings`, and what they are changed to, until stopping is asked for.

        Returns once what was in flight has finished; a cancellation means that it did not in time.
        Raises what opening `settings` raises.
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
                    except Exception as error:  # noqa: BLE001 - not lost: reported
                        self._emit(crashed(error, "Closing the old configuration failed. picsync goes on."))
                    opened = await self._open(stack, wanted, settings)
                    if opened is None:
                        break
                    jobs, settings = opened
            heart.cancel()

    async def _open(self, stack: AsyncExitStack, new: S, old: S) -> tuple[Sequence[AnyJob], S] | None:
        """Open the new settings or, if that fails, the old ones; None if stopping is asked for first."""
        try:
            jobs = await stack.enter_async_context(self._settings.open(new))
        except Exception as error:  # noqa: BLE001 - not lost: refused with its reason
            refused = error
        else:
            self._emit(ConfigApplied(tuple(job.name for job in jobs)))
            return jobs, new
        self._refuse(refused)
        for attempt in count():
            try:
                return await stack.enter_async_context(self._settings.open(old)), old
            except Exception as error:  # noqa: BLE001 - not lost: reported, and tried again
                if not isinstance(error, PicsyncError):
                    self._emit(crashed(error, "The old configuration cannot be opened again either."))
                else:
                    self._emit(ConfigRefused((str(error),)))
            if await self._stop.asked_within(REOPEN_S[min(attempt, len(REOPEN_S) - 1)]):
                return None
        raise AssertionError

    def _refuse(self, error: Exception) -> None:
        """Say why changed settings are not used."""
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
        """Run the jobs until stopping is asked for or there are new settings; end what is in flight."""
        self._leave = leave = asyncio.Event()
        names = [job.name for job in jobs]
        self._wakes = {name: self._wakes.get(name) or asyncio.Event() for name in names}
        async with asyncio.TaskGroup() as group:
            kept = [group.create_task(self._keep(job, leave)) for job in jobs]
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

    async def _keep(self, job: AnyJob, leave: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        if job.every is None:
            raise ValueError(f"{job.title} is to be repeated without an interval")
        name, every_s, woken, rest_s = job.name, job.every.total_seconds(), False, MIN_REST_S
        wake = self._wakes[name]
        while not leave.is_set():
            async with self._pool:
                if leave.is_set():
                    return
                wake.clear()
                began_s = clock()
                report = await self._run_job(job, leave)
            due = next_due(
                report,
                began_s=began_s,
                ended_s=clock(),
                every_s=every_s,
                failures_in_a_row=self._failures.get(name, 0),
            )
            self._failures[name] = due.failures_in_a_row
            wait_s = max(0.0, due.at_s - clock())
            at = self._now() + timedelta(seconds=wait_s)
            self._emit(CycleScheduled(name, at, due.refused_wait_s, wait_s))
            in_vain = woken and not report.did_something
            rest_s = min(2 * rest_s, every_s) if in_vain else MIN_REST_S
            woken = await self._rest(job, leave, due, rest_s)

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
        """Wait until a rule is due, or is woken, or its sources have changed; or until `leave` is set.

        A change counts after the least rest, and not while `due` forbids it. Returns whether it was one.
        """
        clock = asyncio.get_running_loop().time
        wait_s = max(0.0, due.at_s - clock())
        least_s = min(wait_s, max(least_s, due.not_before_s - clock()))
        ending: list[asyncio.Future[bool]] = [
            asyncio.ensure_future(event.wait()) for event in (leave, self._wakes[job.name])
        ]
        changing: asyncio.Future[bool] | None = None
        try:
            done, _ = await asyncio.wait(ending, timeout=least_s, return_when=asyncio.FIRST_COMPLETED)
            if done or wait_s <= least_s:
                return False
            changing = asyncio.ensure_future(self._triggered(job))
            done, _ = await asyncio.wait(
                {*ending, changing}, timeout=wait_s - least_s, return_when=asyncio.FIRST_COMPLETED
            )
            return changing in done
        finally:
            await cancel_and_wait(*ending, *([changing] if changing else []))

    async def _triggered(self, job: AnyJob) -> bool:
        """Return once something calls for a run of the job."""
        try:
            await job.triggered()
        except Exception as error:  # noqa: BLE001 - not lost: reported, and the rule keeps its interval
            what = f"{job.title}: changes in its sources are not noticed until its next cycle."
            self._emit(crashed(error, what, rule=job.name))
            await asyncio.Event().wait()
        return True

    async def _beat(self) -> None:
        while True:
            self._beat_at = asyncio.get_running_loop().time()
            beaten, self._beaten = self._beaten, asyncio.Event()
            beaten.set()
            await asyncio.sleep(self._heartbeat_s)

    async def _watch(self) -> None:
        """Look at the files now and then; returns when there are new settings that can be used."""
        while True:
            forced = await self._time_to_look()
            try:
                seen = await asyncio.to_thread(self._settings.fingerprint)
                if seen == self._seen and not forced:
                    continue
                self._seen = seen
                settings = await asyncio.to_thread(self._settings.load)
                await self._settings.try_out(settings)
            except Exception as error:  # noqa: BLE001 - not lost: refused with its reason
                self._refuse(error)
            else:
                self._next = settings
                return

    async def _time_to_look(self) -> bool:
        """Wait for the next beat, or for `reload`; return whether it was that."""
        if not self._reload.is_set():
            looking = [asyncio.ensure_future(event.wait()) for event in (self._beaten, self._reload)]
            try:
                await asyncio.wait(looking, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_and_wait(*looking)
        forced = self._reload.is_set()
        self._reload.clear()
        return forced


def _on_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    try:
        return os.isatty(0)
    except OSError:
        return False


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, but not longer; return whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()

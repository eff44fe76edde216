"""The long run: every album rule in its own rhythm, until the process is asked to stop.

What it guarantees: a rule runs at once and then when `schedule` says so, or earlier if its sources say that
something has changed; it is never started while it is
still running; only so many rules run at a time. Changed settings are applied between cycles, and broken ones
refused while the old stay in force. Stopping is in two strokes: nothing new is taken up and what is in
flight may finish until a deadline; then everything is cancelled. Nothing is lost either way, since the next
cycle goes by what the services report. A side task that dies ends the process, and whoever runs it starts
it anew.

It leaves to others what a cycle does (`cycle`), when it is due (`schedule`), and what the settings mean.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from picsync.cycle import AlbumRule
from picsync.errors import ConfigError
from picsync.events import ConfigApplied, ConfigRefused, CycleReport, CycleScheduled, Emit, Stopping
from picsync.schedule import next_due
from picsync.tasks import together, ungrouped

S = TypeVar("S")

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

RunCycle = Callable[[AlbumRule], Awaitable[CycleReport]]
SourcesChanged = Callable[[AlbumRule], Awaitable[None]]
"""Returns once something has changed in a rule's sources, as far as they notice; may never return."""


async def _never(_rule: AlbumRule) -> None:
    await asyncio.Event().wait()


class Stop:
    """Somebody's wish that the process should end: asked for once, it waits; twice, it is obeyed at once."""

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


@dataclass(frozen=True, slots=True)
class Job:
    """An album rule in the long run."""

    rule: AlbumRule
    every: timedelta
    """From one cycle's beginning to the next one's."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings brought to life: what there is to do, and what does it."""

    jobs: Sequence[Job]
    run_cycle: RunCycle
    sources_changed: SourcesChanged = _never


class Settings(Protocol[S]):
    """Where the settings come from."""

    def load(self) -> S:
        """Read them; raises ConfigError."""

    def fingerprint(self) -> object:
        """Return something that differs whenever `load` might give something else."""

    def open(self, settings: S) -> AbstractAsyncContextManager[Setup]:
        """Bring settings to life for the time of the context."""


async def run_once(rules: Sequence[AlbumRule], run_cycle: RunCycle, stop: Stop) -> list[CycleReport]:
    """Run every rule once, some side by side; those not begun when stopping is asked for are left out."""
    pool = asyncio.Semaphore(MAX_RULES_AT_ONCE)
    reports: dict[int, CycleReport] = {}

    async def run(place: int, rule: AlbumRule) -> None:
        async with pool:
            if not stop():
                reports[place] = await run_cycle(rule)

    await together(*(run(place, rule) for place, rule in enumerate(rules)))
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

    def alive(self) -> bool:
        """Whether the heart has beaten lately."""
        return asyncio.get_running_loop().time() - self._beat_at < ALIVE_S

    async def run(self, settings: S) -> None:
        """Serve `settings`, and what they are changed to, until stopping is asked for.

        Returns once what was in flight has finished; a cancellation means that it did not in time.
        """
        self._seen = self._settings.fingerprint()
        with ungrouped():
            await self._run(settings)

    async def _run(self, settings: S) -> None:
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(self._beat())
            while not self._stop():
                async with self._settings.open(settings) as setup:
                    self._emit(ConfigApplied(tuple(job.rule.name for job in setup.jobs)))
                    await self._serve(setup)
                if self._next is not None:
                    settings, self._next = self._next, None
            heart.cancel()

    async def _serve(self, setup: Setup) -> None:
        """Run the jobs until stopping is asked for or there are new settings; wait for what is in flight."""
        leave = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for job in setup.jobs:
                group.create_task(self._keep(job, setup, leave))
            watching = group.create_task(self._watch())
            stopping = group.create_task(self._stop.asked())
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if self._stop():
                self._emit(Stopping())
            leave.set()
            watching.cancel()
            stopping.cancel()

    async def _keep(self, job: Job, setup: Setup, leave: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        name, woken, rest_s = job.rule.name, False, MIN_REST_S
        while not leave.is_set():
            async with self._pool:
                if leave.is_set():
                    return
                began_s = clock()
                report = await setup.run_cycle(job.rule)
            due = next_due(
                report,
                began_s=began_s,
                ended_s=clock(),
                every_s=job.every.total_seconds(),
                failures_in_a_row=self._failures.get(name, 0),
            )
            self._failures[name] = due.failures_in_a_row
            wait_s = max(0.0, due.at_s - clock())
            self._emit(CycleScheduled(name, self._now() + timedelta(seconds=wait_s)))
            in_vain = woken and not report.changed
            rest_s = min(2 * rest_s, job.every.total_seconds()) if in_vain else MIN_REST_S
            changed = (lambda: setup.sources_changed(job.rule)) if due.sooner else None
            woken = await _rest(leave, wait_s, rest_s, changed)

    async def _beat(self) -> None:
        while True:
            self._beat_at = asyncio.get_running_loop().time()
            beaten, self._beaten = self._beaten, asyncio.Event()
            beaten.set()
            await asyncio.sleep(self._heartbeat_s)

    async def _watch(self) -> None:
        """Look at the files now and then; returns when there are new settings that can be used."""
        while True:
            await self._beaten.wait()
            seen = await asyncio.to_thread(self._settings.fingerprint)
            if seen == self._seen:
                continue
            self._seen = seen
            try:
                self._next = await asyncio.to_thread(self._settings.load)
            except ConfigError as error:
                self._emit(ConfigRefused((*map(str, error.problems), *([error.hint] if error.hint else []))))
            else:
                return


async def _rest(
    leave: asyncio.Event, seconds: float, least_s: float, changed: Callable[[], Awaitable[None]] | None
) -> bool:
    """Wait until it is time, until `leave` is set or, after the least rest, until `changed` returns.

    Returns whether it was the last.
    """
    least_s = min(seconds, least_s)
    if await _wait(leave, least_s) or seconds <= least_s:
        return False
    if changed is None:
        await _wait(leave, seconds - least_s)
        return False
    leaving = asyncio.ensure_future(leave.wait())
    changing = asyncio.ensure_future(changed())
    try:
        done, _ = await asyncio.wait(
            {leaving, changing}, timeout=seconds - least_s, return_when=asyncio.FIRST_COMPLETED
        )
        if changing in done:
            changing.result()  # A source that cannot wait without failing is a bug.
        return changing in done
    finally:
        leaving.cancel()
        changing.cancel()
        await asyncio.wait({leaving, changing})


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, but not longer; return whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()

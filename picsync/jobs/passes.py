"""Rules over files as jobs: what their passes, their reports and their waiting for changes have in common."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import field
from datetime import timedelta

from picsync.core.errors import InaccessibleError, LoginNeeded, PicsyncError, QuotaError
from picsync.core.events import (
    About,
    CycleOutcome,
    Emit,
    Failure,
    ItemFailed,
    PassFinished,
    PassKind,
    PassReport,
    PassStarted,
)
from picsync.core.values import dataclass
from picsync.stores.base import CursorResetError, Store

WATCH_AGAIN_S = 60.0
"""How long to wait after changes could not be watched."""

FATAL = (InaccessibleError, LoginNeeded, QuotaError)
"""Errors after which nothing else can be written to a store either."""


@dataclass(frozen=True, slots=True)
class PassRule:
    """What every rule over files has."""

    name: str
    """Name of the job."""
    title: str
    kind: PassKind
    account: str
    """Of the store that it writes to."""
    every: timedelta | None = None
    feeds: frozenset[str] = frozenset()
    """The names of the jobs that read what it writes."""
    dry_run: bool = False


@dataclass(slots=True)
class Progress:
    """What one pass has done so far."""

    found: int = 0
    done: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    held: int = 0
    held_key: str = ""
    stopped: bool = False


def _clock() -> float:
    """Return the time in seconds by the event loop's clock, which does not jump."""
    return asyncio.get_running_loop().time()


class PassJob(ABC):
    """A rule over files as a job; subclasses carry out a pass."""

    def __init__(
        self,
        rule: PassRule,
        *,
        emit: Emit,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._as_rule = rule
        self._emit = emit
        self._sleep = sleep

    @property
    def name(self) -> str:
        """The rule's name among all jobs."""
        return self._as_rule.name

    @property
    def title(self) -> str:
        """Its name in messages."""
        return self._as_rule.title

    @property
    def every(self) -> timedelta | None:
        """Interval between two passes."""
        return self._as_rule.every

    @property
    def feeds(self) -> frozenset[str]:
        """The names of the jobs that read what this one writes."""
        return self._as_rule.feeds

    async def run(self) -> PassReport:
        """Run one pass."""
        rule, began_s = self._as_rule, _clock()
        self._emit(PassStarted(rule.name, rule.kind, rule.dry_run))
        progress = Progress()
        try:
            await self._pass(progress)
        except PicsyncError as error:
            progress.failures.append(Failure(rule.title, error, About.FILE_RULE, account=rule.account))
        return self._reported(progress, _clock() - began_s)

    def failed(self, error: PicsyncError) -> PassReport:
        """Report a pass that ended with an unhandled error."""
        failure = Failure(self._as_rule.title, error, About.FILE_RULE)
        return self._reported(Progress(failures=[failure]), 0.0)

    @abstractmethod
    async def _pass(self, progress: Progress) -> None:
        """Run a pass; raises PicsyncError if it cannot go on."""

    def _fail(self, path: str, error: PicsyncError, progress: Progress) -> None:
        """Report a file that failed."""
        progress.failures.append(Failure(path, error, account=self._as_rule.account))
        self._emit(ItemFailed(self.name, path, error))

    async def _changed(self, store: Store, folder: str, cursor: str, *, recursive: bool) -> bool:
        """Return once a folder has changed; False if only a new listing tells, as its cursor is void."""
        while True:
            try:
                await store.changed(folder, cursor, recursive=recursive)
            except CursorResetError:
                return False
            except PicsyncError:
                # The next pass reports it, if it lasts.
                await self._sleep(WATCH_AGAIN_S)
            else:
                return True

    def _reported(self, progress: Progress, duration_s: float) -> PassReport:
        outcome = CycleOutcome.STOPPED if progress.stopped else CycleOutcome.DONE
        if progress.failures:
            login = any(isinstance(each.error, LoginNeeded) for each in progress.failures)
            outcome = CycleOutcome.LOGIN_NEEDED if login else CycleOutcome.FAILED
        report = PassReport(
            self.name,
            self._as_rule.kind,
            outcome,
            dry_run=self._as_rule.dry_run,
            duration_s=duration_s,
            found=progress.found,
            done=dict(progress.done),
            left=dict(progress.left),
            held=progress.held,
            held_key=progress.held_key,
            failures=tuple(progress.failures),
        )
        self._emit(PassFinished(report))
        return report

"""Album rules as jobs: one rule on one of its frames."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import field, replace
from datetime import timedelta

from picsync.core.errors import CacheError, PicsyncError
from picsync.core.events import (
    About,
    CacheMeasured,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    Emit,
    Failure,
)
from picsync.core.values import dataclass
from picsync.http.pace import on_behalf_of
from picsync.sources.base import sources_changed
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.transfer import Tools
from picsync.system.control import Requests


@dataclass(frozen=True, slots=True)
class CycleContext:
    """What all cycles of a configuration share."""

    tools: Tools
    requests: Requests
    emit: Emit
    """For messages that do not belong to a cycle."""
    warn_once: Callable[[CacheError], None]
    """Called once with the problem if the request folder is unusable."""
    leaving: Callable[[], bool]
    """Whether a cycle should start no new work."""
    allowed: set[str] = field(default_factory=set)
    """Jobs whose next cycle may delete everything that is due; that cycle removes its entry."""
    plan_readers: Callable[[Emit], Emit] | None = None
    """Creates the emitter of a cycle that only plans."""


@dataclass(frozen=True, slots=True)
class AlbumJob:
    """An album rule on one of its frames."""

    rule: AlbumRule
    every: timedelta | None
    context: CycleContext

    @property
    def name(self) -> str:
        """The rule's name, with the frame's if that is not the default one."""
        return self.rule.name

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"Album {self.name}"

    @property
    def feeds(self) -> frozenset[str]:
        """Return nothing: no job reads what is on a frame."""
        return frozenset()

    async def run(self) -> CycleReport:
        """Run one cycle, with the operator's permissions for it."""
        context = self.context
        released = self.name in context.allowed
        context.allowed.discard(self.name)
        permitted = await asyncio.to_thread(context.requests.allowed, self.name)
        rule = replace(
            self.rule.rule, allow_deletes=self.rule.rule.allow_deletes or released, allowed=permitted
        )
        tools = context.tools
        if self.rule.dry_run and context.plan_readers is not None:
            tools = replace(tools, emit=context.plan_readers(tools.emit))
        with on_behalf_of(self.name):
            report = await run_cycle(replace(self.rule, rule=rule), tools, stopping=context.leaving)
        try:
            await asyncio.to_thread(context.requests.note, report)
        except CacheError as error:
            # The cycle is done; only the command that releases held deletes does not know them.
            context.warn_once(error)
        # The report already says that the cache cannot be read.
        with suppress(CacheError):
            status = await tools.cache.status()
            context.emit(CacheMeasured(status.entries, status.size_bytes))
        return report

    def failed(self, error: PicsyncError) -> CycleReport:
        """Report a cycle that ended with an unhandled error."""
        failures = (Failure(self.name, error, About.RULE),)
        report = CycleReport(self.name, CycleOutcome.FAILED, dry_run=self.rule.dry_run, failures=failures)
        self.context.emit(CycleFinished(report))
        return report

    async def triggered(self) -> None:
        """Return once a source reports that one of the albums has changed, or another job has seen it."""
        tools = self.context.tools
        await sources_changed(self.rule.sources, tools.sources, tools.listings.newer(self.name))

"""The port that every job of the scheduler implements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from picsync.core.errors import PicsyncError
from picsync.core.events import CycleOutcome, Failure


class Report(Protocol):
    """The result of one run of a job, as far as the next run depends on it."""

    @property
    def outcome(self) -> CycleOutcome:
        """The outcome; the worst that applies."""

    @property
    def failures(self) -> Sequence[Failure]:
        """What failed."""

    @property
    def did_something(self) -> bool:
        """Whether it changed something; jobs that only checked are not started again by every change."""


R_co = TypeVar("R_co", bound=Report, covariant=True)


class Job(Protocol[R_co]):
    """Work that runs once or repeatedly. Its runs never overlap."""

    @property
    def name(self) -> str:
        """Its name, unique among the jobs of a configuration; operators start it by this name."""

    @property
    def title(self) -> str:
        """Its name in messages, such as `Album Family`."""

    @property
    def every(self) -> timedelta | None:
        """Interval between the starts of two runs; None if it runs once."""

    @property
    def feeds(self) -> Collection[str]:
        """The names of jobs that read what this one writes: they run after it."""

    async def run(self) -> R_co:
        """Run once. Failures are in the report; an exception is a bug."""

    def failed(self, error: PicsyncError) -> R_co:
        """Return the report of a run that raised an error."""

    async def triggered(self) -> None:
        """Return once something requires an early run; may never return."""

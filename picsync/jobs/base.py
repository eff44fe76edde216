"""The port through which the scheduler sees whatever it runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, TypeVar

from picsync.core.errors import PicsyncError
from picsync.core.events import CycleOutcome, Failure


class Report(Protocol):
    """How one run of a job ended, as far as the next one depends on it."""

    @property
    def outcome(self) -> CycleOutcome:
        """How it ended; the worst that applies."""

    @property
    def failures(self) -> Sequence[Failure]:
        """What failed."""

    @property
    def did_something(self) -> bool:
        """Whether it did more than look; jobs that only look are not started again by every change."""


R_co = TypeVar("R_co", bound=Report, covariant=True)


class Job(Protocol[R_co]):
    """Something that is run once, or again and again. Its runs never overlap."""

    @property
    def name(self) -> str:
        """Its name, unique among the jobs of a configuration; operators start it by this name."""

    @property
    def title(self) -> str:
        """What it is, in messages, such as `Album Family`."""

    @property
    def every(self) -> timedelta | None:
        """From the beginning of one run to that of the next; None if it is run once."""

    async def run(self) -> R_co:
        """Do the work once. What fails is in the report; anything raised is a bug."""

    def failed(self, error: PicsyncError) -> R_co:
        """Report that a run ended with an error that it could not report itself."""

    async def triggered(self) -> None:
        """Return once something calls for a run before its time; may never return."""

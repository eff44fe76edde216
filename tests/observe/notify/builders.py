"""Situations, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from picsync.core.errors import LoginNeeded, PicsyncError, QuotaError, TransientError
from picsync.core.events import CycleOutcome, CycleReport, Failure
from picsync.core.model import Digest, FramePhoto
from picsync.core.plan import Hold, HoldReason
from picsync.observe.status import RuleStatus, Status

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
INTERVALS = {"A": HOUR, "B": HOUR}

FULL = QuotaError("Nixplay has no storage left for more photos: 10.1 of 10 GB.", hint="Delete photos.")
STILL_FULL = QuotaError("Nixplay has no storage left for more photos: 10.2 of 10 GB.", hint="Delete photos.")
LOGIN = LoginNeeded("Google refuses this login.", hint="Run `picsync googlephotos login`.")
NETWORK = TransientError("Nixplay cannot be reached.")


def held(reason: HoldReason = HoldReason.BRAKE) -> Hold:
    photo = FramePhoto("1", Digest("md5", "0" * 32), "a.jpg")
    return Hold(reason, (photo,) * 20, 40)


def rule(
    name: str,
    outcome: CycleOutcome = CycleOutcome.DONE,
    *errors: PicsyncError,
    hold: Hold | None = None,
    deleted: int = 0,
    dry_run: bool = False,
    good_at: datetime | None = START,
    failures: int = 0,
) -> RuleStatus:
    report = CycleReport(
        name,
        outcome,
        dry_run=dry_run,
        hold=hold,
        deleted=deleted,
        failures=tuple(Failure("x.jpg", error, account="nixplay") for error in errors),
    )
    return RuleStatus(name, last=report, last_good_at=good_at, failures_in_a_row=failures)


def status_of(
    *rules: RuleStatus,
    logins: dict[str, bool] | None = None,
    problems: Sequence[str] = (),
    after: timedelta = timedelta(0),
    said: LoginNeeded | None = None,
) -> Status:
    """Return a status; `said` is what Google said when it refused the login."""
    return Status(
        "2",
        START,
        START + after,
        rules=rules,
        logins=logins or {},
        refusals={} if said is None else {"Google Photos": said.message},
        hints={} if said is None else {"Google Photos": said.hint},
        config_problems=tuple(problems),
    )

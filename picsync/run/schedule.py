"""Computes when a rule's next cycle is due, from the result of the last one: pure arithmetic.

A good cycle is followed by the next one an interval after its start. A cycle with a temporary failure is
retried sooner, with exponential backoff up to one interval, even if a service asks for more: no rule waits
longer than its user configured. A cycle that needs the user waits for longer, since repeated requests with a
wrong password help nobody.

An announced change starts a cycle after a pause (`pause_s`). An empty cycle does not delay the next change,
since one change is often announced twice: by a long poll, and a moment later by a webhook, although the cycle
has already dealt with it. Only several empty cycles in a row do, so that constant announcements do not cause
constant cycles.
"""

from __future__ import annotations

from collections.abc import Sequence

from picsync.core.errors import LoginNeeded
from picsync.core.events import CycleOutcome, Failure
from picsync.core.values import dataclass
from picsync.jobs.base import Report

FIRST_RETRY_S = 30.0
FIRST_LOGIN_RETRY_S = 60.0
MIN_PAUSE_S = 10.0
"""Between a cycle that has changed something and the next one that a change starts, so that pictures that
arrive one after the other share cycles."""
FORGIVEN_AFTER_S = 600.0
"""Idle time that makes up for one empty cycle. Constant announcements cause about one cycle in this time;
those of other folders, once in a while, delay nothing."""
MAX_LOGIN_RETRY_S = 3600.0
"""The user may have changed the password at the service's own site, so the wait is limited."""


@dataclass(frozen=True, slots=True)
class Due:
    """When the next cycle begins."""

    at_s: float
    """By the same clock as `began_s` and `ended_s`."""
    failures_in_a_row: int
    """Number of consecutive failed cycles so far."""
    not_before_s: float = 0.0
    """Earliest start if a source reports a change."""
    refused_wait_s: float | None = None
    """Seconds that a service asked for, if longer than the interval."""


def next_due(
    report: Report, *, began_s: float, ended_s: float, every_s: float, failures_in_a_row: int
) -> Due:
    """Return when a rule is due again; `failures_in_a_row` counts those before this cycle.

    Never before `ended_s`: a cycle that took longer than the interval is followed by the next one
    immediately.
    """
    on_time_s = max(ended_s, began_s + every_s)
    if report.outcome is CycleOutcome.LOGIN_NEEDED:
        wait_s = min(MAX_LOGIN_RETRY_S, FIRST_LOGIN_RETRY_S * 2.0 ** min(failures_in_a_row, 30))
        at_s = max(on_time_s, ended_s + wait_s)
        return Due(at_s, failures_in_a_row + 1, not_before_s=at_s)
    if report.outcome is not CycleOutcome.FAILED:
        return Due(on_time_s, 0)
    failures = [failure for failure in report.failures if not isinstance(failure.error, LoginNeeded)]
    if not any(failure.error.transient for failure in failures):
        return Due(on_time_s, failures_in_a_row + 1)
    sooner_s = min(every_s, FIRST_RETRY_S * 2.0 ** min(failures_in_a_row, 30))
    asked_s = _asked_for_s(failures)
    return Due(
        ended_s + max(sooner_s, min(asked_s, every_s)),
        failures_in_a_row + 1,
        not_before_s=ended_s + sooner_s,
        refused_wait_s=asked_s if asked_s > every_s else None,
    )


def empty_cycles(before: int, *, did_something: bool, announced: bool, waited_s: float) -> int:
    """Return the number of empty cycles that count for the next pause.

    `before` is that number before this cycle, which was `announced` by a change or else was due; `waited_s`
    is the time since the end of the cycle before it.
    """
    if did_something:
        return 0
    left = max(0, before - int(waited_s / FORGIVEN_AFTER_S))
    return left + 1 if announced else max(1, left)


def pause_s(empty: int, every_s: float) -> float:
    """Return the minimum time until a change starts the next cycle.

    There is none after the first empty cycle; with further ones it doubles, up to the interval.
    """
    if empty == 1:
        return 0.0
    return min(every_s, MIN_PAUSE_S * 2.0 ** min(max(0, empty - 2), 30))


def _asked_for_s(failures: Sequence[Failure]) -> float:
    return max((failure.error.retry_after_s or 0.0 for failure in failures), default=0.0)

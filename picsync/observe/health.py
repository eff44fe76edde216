"""Decides how severe a failure or other situation is, for page, /status.json, notifications and metrics.

`health` derives the level and its reasons from a Status, for each album rule and for the whole service.
`open_problems` are the situations that need an operator. Both are pure, and neither reads a message: they use
outcomes, counts and the codes of failures. `observe/words` and `observe/summary` have the sentences.

A known problem outweighs a decision that waits for the operator, which outweighs work in progress or an
unknown state. A rule is right only if a cycle found everything in place, and nothing has failed since. A
playlist that no frame shows is not in place; if the service does not say, nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import StrEnum

from picsync.core.errors import FailureCode, Scope
from picsync.core.events import About, CycleOutcome, CycleReport, Failure, PassReport
from picsync.core.values import dataclass
from picsync.observe.status import PassStatus, Phase, RuleStatus, Status

MANY_FAILURES = 3
"""Consecutive failed cycles after which a rule counts as failing, although each failure could have been
temporary."""

OVERDUE_AFTER = 3
"""Intervals, and consecutive failed cycles, without success before the operator is told: a single failure is
often a short outage, and temporary failures are retried well within an interval."""

FULL_CODES = frozenset({FailureCode.QUOTA_EXCEEDED, FailureCode.LIMIT_REACHED, FailureCode.PLAYLIST_FULL})
"""Failures that end only when someone frees space or a limit is reset."""


class Level(StrEnum):
    """The severity of a situation; the worst comes first."""

    BAD = "bad"
    ATTENTION = "attention"
    """A deviation, or something that waits for the operator."""
    BUSY = "busy"
    UNKNOWN = "unknown"
    GOOD = "good"


_WORST_FIRST = tuple(Level)


class HealthCode(StrEnum):
    """Why a rule, or the service, is at its level; codes are stable."""

    LOGIN_NEEDED = "login_needed"
    FAILING = "failing"
    CONFIG_REFUSED = "config_refused"
    HELD_DELETES = "held_deletes"
    INCOMPLETE = "incomplete"
    RETRYING = "retrying"
    NO_PHOTOS = "no_photos"
    PLAYLIST_UNASSIGNED = "playlist_unassigned"
    UPLOADING = "uploading"
    MOVING = "moving"
    PHOTOS_MISSING = "photos_missing"
    STOPPING = "stopping"
    STOPPED = "stopped"
    NOT_STARTED = "not_started"
    FIRST_CYCLE = "first_cycle"
    DRY_RUN = "dry_run"
    RIGHT = "right"
    QUOTA_EXCEEDED = "quota_exceeded"
    OVERDUE = "overdue"


LEVELS: Mapping[HealthCode, Level] = {
    HealthCode.LOGIN_NEEDED: Level.BAD,
    HealthCode.FAILING: Level.BAD,
    HealthCode.QUOTA_EXCEEDED: Level.BAD,
    HealthCode.OVERDUE: Level.BAD,
    HealthCode.CONFIG_REFUSED: Level.ATTENTION,
    HealthCode.HELD_DELETES: Level.ATTENTION,
    HealthCode.INCOMPLETE: Level.ATTENTION,
    HealthCode.RETRYING: Level.ATTENTION,
    HealthCode.NO_PHOTOS: Level.ATTENTION,
    HealthCode.PLAYLIST_UNASSIGNED: Level.ATTENTION,
    HealthCode.UPLOADING: Level.BUSY,
    HealthCode.MOVING: Level.BUSY,
    HealthCode.PHOTOS_MISSING: Level.BUSY,
    HealthCode.STOPPING: Level.UNKNOWN,
    HealthCode.STOPPED: Level.UNKNOWN,
    HealthCode.NOT_STARTED: Level.UNKNOWN,
    HealthCode.FIRST_CYCLE: Level.UNKNOWN,
    HealthCode.DRY_RUN: Level.UNKNOWN,
    HealthCode.RIGHT: Level.GOOD,
}
"""The severity of each code."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the service as a whole, or a rule, is at its level."""

    code: HealthCode
    subject: str = ""
    """Title of the service that refuses the login, name of the rule, or text of the configuration problem."""

    @property
    def level(self) -> Level:
        """The severity."""
        return LEVELS[self.code]


@dataclass(frozen=True, slots=True)
class RuleHealth:
    """The state of one album rule."""

    rule: RuleStatus
    code: HealthCode

    @property
    def level(self) -> Level:
        """The severity."""
        return LEVELS[self.code]


@dataclass(frozen=True, slots=True)
class PassHealth:
    """The state of a rule whose passes work on files."""

    passing: PassStatus
    code: HealthCode

    @property
    def level(self) -> Level:
        """The severity."""
        return LEVELS[self.code]


@dataclass(frozen=True, slots=True)
class Health:
    """The state of everything."""

    level: Level
    rules: tuple[RuleHealth, ...]
    """The relevant rules: all but dry runs, or all if there are only dry runs."""
    reasons: tuple[Reason, ...] = ()
    """Problems of the whole service, the most important first."""
    passes: tuple[PassHealth, ...] = ()
    """The relevant rules whose passes work on files."""

    @property
    def worst(self) -> tuple[RuleHealth, ...]:
        """The rules that are at the overall level."""
        return tuple(each for each in self.rules if each.level is self.level)


def rule_health(rule: RuleStatus) -> RuleHealth:
    """Return the state of one album rule."""
    return RuleHealth(rule, _rule_code(rule))


def _rule_code(rule: RuleStatus) -> HealthCode:
    if rule.dry_run:
        return HealthCode.DRY_RUN
    if rule.last is not None and rule.last.outcome is CycleOutcome.HELD:
        return HealthCode.HELD_DELETES
    if rule.phase is Phase.RUNNING and rule.planned:
        return HealthCode.UPLOADING
    if rule.last is None:
        return HealthCode.FIRST_CYCLE if rule.phase is Phase.RUNNING else HealthCode.NOT_STARTED
    return _after(rule, rule.last)


def _after(rule: RuleStatus, report: CycleReport) -> HealthCode:
    match report.outcome:
        case CycleOutcome.LOGIN_NEEDED:
            return HealthCode.LOGIN_NEEDED
        case CycleOutcome.STOPPED:
            return HealthCode.STOPPED
        case CycleOutcome.FAILED:
            return _failed(rule, report)
    if missing(report) > 0:
        return HealthCode.PHOTOS_MISSING
    if not report.listed and not report.in_playlist:
        return HealthCode.NO_PHOTOS
    return HealthCode.PLAYLIST_UNASSIGNED if report.unassigned else HealthCode.RIGHT


def missing(report: CycleReport) -> int:
    """Return how many wanted photos are not shown yet; 0 if unknown."""
    return 0 if report.in_playlist is None else report.wanted - report.overflow - report.in_playlist


def _failed(rule: RuleStatus, report: CycleReport) -> HealthCode:
    errors = [failure.error for failure in report.failures]
    if report.on_frame is not None and all(error.scope is Scope.ITEM for error in errors):
        return HealthCode.INCOMPLETE
    passing = all(error.transient for error in errors)
    if passing and rule.last_good_at is not None and rule.failures_in_a_row < MANY_FAILURES:
        return HealthCode.RETRYING
    return HealthCode.FAILING


def pass_health(each: PassStatus) -> PassHealth:
    """Return the state of a rule whose passes work on files."""
    return PassHealth(each, _pass_code(each))


def _pass_code(each: PassStatus) -> HealthCode:
    report = each.last
    if each.dry_run:
        return HealthCode.DRY_RUN
    if each.phase is Phase.RUNNING and each.moved:
        return HealthCode.MOVING
    if report is None:
        return HealthCode.FIRST_CYCLE if each.phase is Phase.RUNNING else HealthCode.NOT_STARTED
    match report.outcome:
        case CycleOutcome.LOGIN_NEEDED:
            return HealthCode.LOGIN_NEEDED
        case CycleOutcome.STOPPED:
            return HealthCode.STOPPED
        case CycleOutcome.FAILED:
            errors = [failure.error for failure in report.failures]
            if all(failure.about is not About.RULE for failure in report.failures):
                return HealthCode.INCOMPLETE
            passing = all(error.transient for error in errors)
            known = each.last_good_at is not None and each.failures_in_a_row < MANY_FAILURES
            return HealthCode.RETRYING if passing and known else HealthCode.FAILING
    return HealthCode.HELD_DELETES if report.held else HealthCode.RIGHT


def health(status: Status) -> Health:
    """Return the state of everything."""
    # A dry run says nothing about the frame, so other rules decide if there are any.
    real = any(not job.dry_run for job in status.jobs)
    rules = tuple(rule_health(rule) for rule in status.rules if not (rule.dry_run and real))
    passes = tuple(pass_health(each) for each in status.passes if not (each.dry_run and real))
    reasons = tuple(_service_reasons(status))
    levels = [reason.level for reason in reasons]
    levels += [rule.level for rule in rules]
    levels += [each.level for each in passes]
    return Health(min(levels, key=_WORST_FIRST.index, default=Level.UNKNOWN), rules, reasons, passes)


def _service_reasons(status: Status) -> Iterator[Reason]:
    for service, accepted in status.logins.items():
        if not accepted:
            yield Reason(HealthCode.LOGIN_NEEDED, service)
    if status.config_problems:
        yield Reason(HealthCode.CONFIG_REFUSED, status.config_problems[0])
    if status.stopping:
        yield Reason(HealthCode.STOPPING)


def obstacles(status: Status) -> tuple[Reason, ...]:
    """Return why the service is not ready; empty if it is.

    It is ready if the configuration is valid, no service refuses the login, and each rule has completed a
    cycle or is in its first one.
    """
    refused = [Reason(HealthCode.CONFIG_REFUSED, problem) for problem in status.config_problems]
    about = [reason for reason in _service_reasons(status) if reason.code is not HealthCode.CONFIG_REFUSED]
    waiting = [
        Reason(each.code, each.rule.name)
        for each in map(rule_health, status.rules)
        if each.rule.last is None and each.rule.phase is Phase.WAITING
    ]
    waiting += [
        Reason(HealthCode.NOT_STARTED, each.rule)
        for each in status.passes
        if each.last is None and each.phase is Phase.WAITING
    ]
    order = (HealthCode.STOPPING, HealthCode.CONFIG_REFUSED, HealthCode.LOGIN_NEEDED)
    found = sorted([*about, *refused], key=lambda reason: order.index(reason.code))
    return (*found, *(Reason(HealthCode.NOT_STARTED, reason.subject) for reason in waiting))


@dataclass(frozen=True, slots=True)
class OpenProblem:
    """A situation that needs an operator."""

    code: HealthCode
    subject: str = ""
    """Title of a service, name of a rule, or what is full: an account's name, or a playlist's."""
    rule: RuleStatus | PassStatus | None = None
    """The rule in which it was seen."""
    failure: Failure | None = None


def open_problems(status: Status, intervals: Mapping[str, timedelta]) -> Iterator[OpenProblem]:
    """Yield what currently needs an operator, according to the last cycles.

    `intervals` are the rules'; a rule without one is never overdue.
    """
    for reason in _service_reasons(status):
        if reason.code is HealthCode.LOGIN_NEEDED:
            yield OpenProblem(reason.code, reason.subject)
        elif reason.code is HealthCode.CONFIG_REFUSED:
            yield OpenProblem(reason.code)
    for rule in status.rules:
        if rule.last is not None:
            yield from _of_report(rule, rule.last)
    for each in status.passes:
        if each.last is not None:
            yield from _of_pass(each, each.last)
    for job in _overdue(status, intervals):
        failures = job.last.failures if job.last is not None else ()
        yield OpenProblem(HealthCode.OVERDUE, job.name, job, next(iter(failures), None))


def _of_report(rule: RuleStatus, report: CycleReport) -> Iterator[OpenProblem]:
    for failure in report.failures:
        if failure.code in FULL_CODES:
            yield OpenProblem(HealthCode.QUOTA_EXCEEDED, _full_subject(failure), rule, failure)
    if report.dry_run:
        return
    if report.hold is not None and report.hold.needs_person:
        yield OpenProblem(HealthCode.HELD_DELETES, report.rule, rule)
    if report.unassigned:
        yield OpenProblem(HealthCode.PLAYLIST_UNASSIGNED, report.rule, rule)


def _of_pass(each: PassStatus, report: PassReport) -> Iterator[OpenProblem]:
    for failure in report.failures:
        if failure.code in FULL_CODES:
            yield OpenProblem(HealthCode.QUOTA_EXCEEDED, _full_subject(failure), each, failure)
    if report.held and not report.dry_run:
        yield OpenProblem(HealthCode.HELD_DELETES, each.name, each)


def _full_subject(failure: Failure) -> str:
    """Return what is full: a playlist, or an account; the same for all affected rules."""
    return failure.subject if failure.code is FailureCode.PLAYLIST_FULL else failure.account


def _overdue(status: Status, intervals: Mapping[str, timedelta]) -> list[RuleStatus | PassStatus]:
    """Return the rules without a successful cycle for too long, unless another problem explains it."""

    def overdue(rule: RuleStatus | PassStatus, times: int) -> bool:
        every = intervals.get(rule.name)
        # For a new rule, failures are counted, since its start is not known.
        since = rule.last_good_at or status.started_at
        return every is not None and status.now - since >= times * every

    failing = [
        rule
        for rule in status.jobs
        if rule.failures_in_a_row >= OVERDUE_AFTER and rule.last is not None and not _explained(rule.last)
    ]
    if not any(overdue(rule, OVERDUE_AFTER) for rule in failing):
        return []
    # Rules that are about to become overdue have the same cause, and belong in the same message.
    return [rule for rule in failing if overdue(rule, OVERDUE_AFTER - 1)]


def _explained(report: CycleReport | PassReport) -> bool:
    return any(
        failure.code is FailureCode.LOGIN_NEEDED or failure.code in FULL_CODES for failure in report.failures
    )


def may_continue(code: HealthCode, rule: RuleStatus | PassStatus | None) -> bool:
    """Whether a rule's problem is still open, as far as known.

    A cycle that ended with a network error, for example, says nothing about the frame's storage.
    """
    if rule is None or rule.last is None:
        return False
    if isinstance(rule, PassStatus):
        return not rule.last.outcome.good
    match code:
        case HealthCode.QUOTA_EXCEEDED:
            return not rule.last.outcome.good
        case HealthCode.HELD_DELETES:
            return rule.last.outcome is not CycleOutcome.DONE and not rule.last.deleted
        case HealthCode.PLAYLIST_UNASSIGNED:
            # A cycle that ended before it read the playlist says nothing about it.
            return rule.last.in_playlist is None
        case HealthCode.OVERDUE:
            return rule.failures_in_a_row > 0
    return False

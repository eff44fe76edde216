"""What needs a person, and what to say about it: pure functions of how things stand.

`conditions` reads what is wrong off a Status. It sticks to what it knew where a cycle shows nothing either
way (one that ended at the network says nothing of the storage), so that a problem is over only when that was
seen. `Notices` is what one receiver has been told: its difference to the conditions is the next message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from picsync.core.errors import LoginNeeded, QuotaError
from picsync.core.events import CycleOutcome, CycleReport
from picsync.observe.status import RuleStatus, Status
from picsync.observe.words import counted, failure_text, hold_sentence, printable, unassigned_sentence
from picsync.system.localtime import absolute

STALE_AFTER = 3
"""Intervals, and failed cycles in a row, without a good one before a person is told: one is often a service's
bad hour, and failures that may pass are repeated well within an interval."""

RETRY_AFTER = timedelta(minutes=15)
"""A message that could not be delivered is tried again after this, or as soon as there is more to say."""

MOST_LINES = 10
"""Of each list in a message, which may have to fit a telephone's screen."""


class Kind(StrEnum):
    """What can need a person, the most urgent first."""

    LOGIN = "login"
    CONFIG = "config"
    QUOTA = "quota"
    HOLD = "hold"
    UNSHOWN = "unshown"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Key:
    """Which problem it is; the same one keeps its key while its text may change."""

    kind: Kind
    subject: str = ""
    """A service's title, an album rule's name, or which quota is used up."""

    @property
    def over(self) -> str:
        """What to say when it is over; true also if the album rule was removed."""
        match self.kind:
            case Kind.LOGIN:
                return f"{self.subject} accepts the login."
            case Kind.CONFIG:
                return "The configuration files are in force."
            case Kind.QUOTA:
                return f"This is over: {self.subject}."
            case Kind.HOLD:
                return f"Album {self.subject}: no deletes wait for you any more."
            case Kind.UNSHOWN:
                return f"Album {self.subject}: a frame shows its playlist."
            case Kind.STALE:
                return f"Album {self.subject}: its cycles no longer fail."


@dataclass(frozen=True, slots=True)
class Condition:
    """A problem that holds."""

    text: str
    """What is wrong and what to do, in words for a person."""
    rules: frozenset[str] = frozenset()
    """The album rules it was seen in."""


_NONE: Mapping[Key, Condition] = MappingProxyType({})


def conditions(
    status: Status, intervals: Mapping[str, timedelta], known: Mapping[Key, Condition] = _NONE
) -> dict[Key, Condition]:
    """Return what needs a person now.

    `intervals` are the rules' (a rule without one is never overdue), `known` is what was returned before.
    """
    found: dict[Key, Condition] = {}
    for key, condition in _seen(status, intervals):
        before = found.get(key)
        found[key] = Condition(condition.text, condition.rules | (before.rules if before else frozenset()))
    by_name = {rule.name: rule for rule in status.rules}
    for key, condition in known.items():
        rules = frozenset(name for name in condition.rules if _open(key.kind, by_name.get(name)))
        if rules and key not in found:
            found[key] = Condition(condition.text, rules)
        elif rules:
            found[key] = Condition(found[key].text, found[key].rules | rules)
    return found


def _seen(status: Status, intervals: Mapping[str, timedelta]) -> Iterator[tuple[Key, Condition]]:
    reports = [rule.last for rule in status.rules if rule.last is not None]
    yield from _logins(status, reports)
    if status.config_problems:
        more = len(status.config_problems) - 1
        rest = f" And {counted(more, 'more problem')}." if more else ""
        text = f"The changed configuration is not used: {status.config_problems[0]}{rest}"
        yield Key(Kind.CONFIG), Condition(text)
    for report in reports:
        rules = frozenset({report.rule})
        for failure in report.failures:
            if isinstance(failure.error, QuotaError):
                yield Key(Kind.QUOTA, _topic(failure.error)), Condition(failure_text(failure), rules)
        if report.hold is not None and report.hold.needs_person and not report.dry_run:
            text = f"Album {report.rule}: {hold_sentence(report.hold)}"
            yield Key(Kind.HOLD, report.rule), Condition(text, rules)
        if not report.dry_run and (sentence := unassigned_sentence(report)):
            yield Key(Kind.UNSHOWN, report.rule), Condition(f"Album {report.rule}: {sentence}", rules)
    for rule in _stale(status, intervals):
        yield Key(Kind.STALE, rule.name), Condition(_stale_text(rule), frozenset({rule.name}))


def _logins(status: Status, reports: Iterable[CycleReport]) -> Iterator[tuple[Key, Condition]]:
    said = [
        failure_text(failure)
        for report in reports
        for failure in report.failures
        if isinstance(failure.error, LoginNeeded)
    ]
    for service, accepted in status.logins.items():
        if not accepted:
            # A failure does not name its service, but its text does: "Google refuses this login".
            why = next((text for text in said if service.split()[0] in text), "")
            yield Key(Kind.LOGIN, service), Condition(f"{service} wants you to log in. {why}".rstrip())


def _stale(status: Status, intervals: Mapping[str, timedelta]) -> list[RuleStatus]:
    """Return the rules without a good cycle for too long that no other condition explains."""

    def overdue(rule: RuleStatus, times: int) -> bool:
        every = intervals.get(rule.name)
        # A rule that is new since has its failures count, as its beginning is not known.
        since = rule.last_good_at or status.started_at
        return every is not None and status.now - since >= times * every

    failing = [
        rule
        for rule in status.rules
        if rule.failures_in_a_row >= STALE_AFTER and rule.last is not None and not _explained(rule.last)
    ]
    if not any(overdue(rule, STALE_AFTER) for rule in failing):
        return []
    # Those that are about to follow have the same cause as a rule, and go into the same message.
    return [rule for rule in failing if overdue(rule, STALE_AFTER - 1)]


def _explained(report: CycleReport) -> bool:
    return any(isinstance(failure.error, LoginNeeded | QuotaError) for failure in report.failures)


def _stale_text(rule: RuleStatus) -> str:
    since = f"since {absolute(rule.last_good_at)}" if rule.last_good_at else "yet"
    failures = rule.last.failures if rule.last is not None else ()
    why = f" The last one: {failure_text(failures[0])}" if failures else ""
    return f"Album {rule.name}: no good cycle {since}.{why}"


def _open(kind: Kind, rule: RuleStatus | None) -> bool:
    """Whether a problem that was seen in a rule has not been seen to be over."""
    if rule is None or rule.last is None:
        return False
    match kind:
        case Kind.QUOTA:
            return not rule.last.outcome.good
        case Kind.HOLD:
            return rule.last.outcome is not CycleOutcome.DONE and not rule.last.deleted
        case Kind.UNSHOWN:
            # A cycle that ended before it saw the playlist shows nothing either way.
            return rule.last.in_playlist is None
        case Kind.STALE:
            return rule.failures_in_a_row > 0
        case Kind.LOGIN | Kind.CONFIG:
            return False


def _topic(error: QuotaError) -> str:
    """Return the part of the message that stays the same: a colon comes before the service's own words."""
    return error.message.partition(": ")[0].rstrip(".")


class Level(StrEnum):
    """What a message is; the values are Apprise's."""

    WARNING = "warning"
    INFO = "info"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell a person."""

    title: str
    body: str
    level: Level
    keys: frozenset[Key] = frozenset()
    """The problems that whoever has read this knows to hold."""


@dataclass(frozen=True, slots=True)
class Notices:
    """What one receiver has been told."""

    told: frozenset[Key] = frozenset()
    failed: frozenset[Key] | None = None
    """The problems of the message that could not be delivered last; None if it could."""
    retry_at: datetime | None = None

    def due(self, present: Mapping[Key, Condition], now: datetime) -> Message | None:
        """Return what to tell: problems that are new and those that are over; None if there is neither.

        Also None while the same news could not be delivered shortly before.
        """
        keys = frozenset(present)
        waiting = keys == self.failed and self.retry_at is not None and now < self.retry_at
        return None if keys == self.told or waiting else _message(present, self.told)

    def delivered(self, message: Message) -> Notices:
        """Return the notices after the receiver got the message."""
        return Notices(message.keys)

    def undelivered(self, message: Message, now: datetime) -> Notices:
        """Return the notices after the message could not be delivered."""
        return Notices(self.told, message.keys, now + RETRY_AFTER)


def _message(present: Mapping[Key, Condition], told: Collection[Key]) -> Message:
    new = [present[key].text for key in _ordered(present) if key not in told]
    over = [key.over for key in _ordered(told) if key not in present]
    still = [present[key].text for key in _ordered(present) if key in told]
    parts = [_list("", new), _list("Well again:" if new or still else "", over), _list("Still open:", still)]
    if new:
        title, level = f"picsync needs you: {counted(len(new), 'problem')}", Level.WARNING
    elif still:
        title, level = f"picsync: well again, but {counted(len(still), 'problem')} still open", Level.INFO
    else:
        title, level = "picsync: all is well again", Level.SUCCESS
    return Message(title, "\n\n".join(part for part in parts if part), level, frozenset(present))


def _ordered(keys: Iterable[Key]) -> list[Key]:
    order = list(Kind)
    return sorted(keys, key=lambda key: (order.index(key.kind), key.subject))


def _list(head: str, lines: list[str]) -> str:
    shown = [f"- {printable(line)}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"- ... and {len(lines) - MOST_LINES:,} more")
    return "\n".join([head, *shown] if head and shown else shown)

"""What needs the user, and how it is described: pure functions of a Status.

`conditions` derives problems from a Status. If a cycle says nothing about a known problem (a network error
says nothing about the storage), the problem is kept until a cycle shows that it is resolved. `Notices` is
what one receiver was told; its difference to the conditions is the next message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from picsync.core.events import About
from picsync.core.values import dataclass
from picsync.observe.health import HealthCode, OpenProblem, may_continue, open_problems
from picsync.observe.status import PassStatus, RuleStatus, Status
from picsync.observe.words import (
    counted,
    failure_subject,
    failure_text,
    held_files,
    hold_sentence,
    job_title,
    printable,
    unassigned_sentence,
)
from picsync.system.localtime import absolute

RETRY_AFTER = timedelta(minutes=15)
"""An undelivered message is retried after this time, or as soon as there is more to report."""

MOST_LINES = 10
"""Maximum length of each list in a message, which may have to fit a phone's screen."""


_ORDER = (
    HealthCode.LOGIN_NEEDED,
    HealthCode.CONFIG_REFUSED,
    HealthCode.QUOTA_EXCEEDED,
    HealthCode.HELD_DELETES,
    HealthCode.PLAYLIST_UNASSIGNED,
    HealthCode.OVERDUE,
)
"""What may need an operator, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Key:
    """The identity of a problem; its text may change while the key stays the same."""

    code: HealthCode
    subject: str = ""
    """A service's title, an album rule's name, or what is full."""

    @property
    def over(self) -> str:
        """What to say when it is resolved; also true if the album rule was removed."""
        match self.code:
            case HealthCode.LOGIN_NEEDED:
                return f"{self.subject}: the login is no longer refused."
            case HealthCode.CONFIG_REFUSED:
                return "The configuration is valid again."
            case HealthCode.QUOTA_EXCEEDED:
                return f"{self.subject or 'A service'}: its limit is no longer exceeded."
            case HealthCode.HELD_DELETES:
                return f"{job_title(self.subject)}: no deletes wait for you any more."
            case HealthCode.PLAYLIST_UNASSIGNED:
                return f"Album {self.subject}: a frame shows its playlist."
            case _:
                return f"{job_title(self.subject)}: its cycles no longer fail."


@dataclass(frozen=True, slots=True)
class Condition:
    """An open problem."""

    text: str
    """For the user: what is wrong and what to do."""
    rules: frozenset[str] = frozenset()
    """The affected album rules."""


_NONE: Mapping[Key, Condition] = MappingProxyType({})


def conditions(
    status: Status, intervals: Mapping[str, timedelta], known: Mapping[Key, Condition] = _NONE
) -> dict[Key, Condition]:
    """Return what currently needs the user.

    `intervals` are the rules' (a rule without one is never overdue), `known` is the previous result.
    """
    found: dict[Key, Condition] = {}
    for key, condition in _seen(status, intervals):
        before = found.get(key)
        found[key] = Condition(condition.text, condition.rules | (before.rules if before else frozenset()))
    by_name = {job.name: job for job in status.jobs}
    for key, condition in known.items():
        rules = frozenset(name for name in condition.rules if may_continue(key.code, by_name.get(name)))
        if rules and key not in found:
            found[key] = Condition(condition.text, rules)
        elif rules:
            found[key] = Condition(found[key].text, found[key].rules | rules)
    return found


def _seen(status: Status, intervals: Mapping[str, timedelta]) -> Iterator[tuple[Key, Condition]]:
    for problem in open_problems(status, intervals):
        rules = frozenset() if problem.rule is None else frozenset({problem.rule.name})
        yield Key(problem.code, problem.subject), Condition(_text(problem, status), rules)


def _text(problem: OpenProblem, status: Status) -> str:
    report = problem.rule.last if isinstance(problem.rule, RuleStatus) else None
    passed = problem.rule.last if isinstance(problem.rule, PassStatus) else None
    match problem.code:
        case HealthCode.LOGIN_NEEDED:
            service = problem.subject
            said = f"{status.refusals.get(service, '')} {status.hints.get(service, '')}".strip()
            return f"{service} requires you to log in. {said}".rstrip()
        case HealthCode.CONFIG_REFUSED:
            more = len(status.config_problems) - 1
            rest = f" And {counted(more, 'more problem')}." if more else ""
            return f"The changed configuration is not used: {status.config_problems[0]}{rest}"
        case HealthCode.QUOTA_EXCEEDED if problem.failure is not None:
            playlist = problem.failure.about is About.PLAYLIST
            what = f"{failure_subject(problem.failure)}: " if playlist else ""
            return what + failure_text(problem.failure)
        case HealthCode.HELD_DELETES if report is not None and report.hold is not None:
            return f"Album {report.rule}: {hold_sentence(report.hold)}"
        case HealthCode.HELD_DELETES if passed is not None:
            return f"{job_title(passed.rule)}: {held_files(passed)}"
        case HealthCode.PLAYLIST_UNASSIGNED if report is not None:
            return f"Album {report.rule}: {unassigned_sentence(report)}"
    last_good_at = None if problem.rule is None else problem.rule.last_good_at
    since = f"since {absolute(last_good_at)}" if last_good_at else "yet"
    why = f" The last one: {failure_text(problem.failure)}" if problem.failure else ""
    return f"{job_title(problem.subject)}: no good cycle {since}.{why}"


class Level(StrEnum):
    """The type of a message; the values are Apprise's."""

    WARNING = "warning"
    INFO = "info"
    SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class Message:
    """A message to the user."""

    title: str
    body: str
    level: Level
    keys: frozenset[Key] = frozenset()
    """The problems that are open according to this message."""


@dataclass(frozen=True, slots=True)
class Notices:
    """What one receiver has been told."""

    told: frozenset[Key] = frozenset()
    failed: frozenset[Key] | None = None
    """The problems of the last undelivered message; None if it was delivered."""
    retry_at: datetime | None = None

    def due(self, present: Mapping[Key, Condition], now: datetime) -> Message | None:
        """Return a message about new and resolved problems; None if there are none.

        Also None if the same message could not be delivered shortly before.
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
    parts = [_list("", new), _list("Resolved:" if new or still else "", over), _list("Still open:", still)]
    if new:
        title, level = f"picsync needs you: {counted(len(new), 'problem')}", Level.WARNING
    elif still:
        title, level = (
            f"picsync: some problems are resolved, but {counted(len(still), 'problem')} still open",
            Level.INFO,
        )
    else:
        title, level = "picsync: all problems are resolved", Level.SUCCESS
    return Message(title, "\n\n".join(part for part in parts if part), level, frozenset(present))


def _ordered(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (_ORDER.index(key.code), key.subject))


def _list(head: str, lines: list[str]) -> str:
    shown = [f"- {printable(line)}" for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"- ... and {len(lines) - MOST_LINES:,} more")
    return "\n".join([head, *shown] if head and shown else shown)

"""The state of the service and its last results, as values: built from events, read by the pages.

A photo's name is kept only as long as it is among the last events; secrets are never kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import StrEnum

from picsync.core.events import (
    AccessToken,
    ConfigApplied,
    ConfigRefused,
    CycleFinished,
    CycleReport,
    CycleScheduled,
    CycleStarted,
    Event,
    FileMoved,
    ItemConverted,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Listed,
    LoggedIn,
    LoginRefused,
    PassFinished,
    PassKind,
    PassReport,
    PassStarted,
    PhotoDeleted,
    RetryScheduled,
    Stopping,
    TransfersPlanned,
    Written,
)
from picsync.core.model import DEFAULT_FRAME, Certainty
from picsync.core.values import dataclass
from picsync.observe.words import summed_sentence

EVENTS_KEPT = 50

_PASSING = CycleStarted | Listed | ItemDownloaded | ItemConverted | PassStarted
"""Events that counters show better than a line among the last events."""
_ALIKE = ItemUploaded | ItemFailed | PhotoDeleted | RetryScheduled | FileMoved
"""Consecutive events of these types share one entry, so that many photos do not displace everything else."""


class Phase(StrEnum):
    """The state of a rule."""

    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class ListingSummary:
    """The last listing of a source album."""

    count: int
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One album rule."""

    name: str
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Source kind -> album IDs."""
    listed: Mapping[tuple[str, str], ListingSummary] = field(default_factory=dict)
    """Source kind and album ID -> its last listing; albums not listed yet are missing."""
    album: str = ""
    """Name of the frame album; equal to the rule's name if empty."""
    frame: str = DEFAULT_FRAME
    playlists: bool = True
    """Whether the frame shows playlists."""
    dry_run: bool = False
    phase: Phase = Phase.WAITING
    planned: int = 0
    """Items that the running cycle transfers; `downloaded`, `uploaded`, `failed` count its progress."""
    downloaded: int = 0
    uploaded: int = 0
    failed: int = 0
    last: CycleReport | None = None
    """The last cycle's report; None before the first one has ended."""
    last_at: datetime | None = None
    last_good_at: datetime | None = None
    """End of the last good cycle; aware UTC."""
    next_at: datetime | None = None
    """Start of the next cycle; None while one is running, or if none is scheduled."""
    failures_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class PassStatus:
    """A rule whose passes work on files, such as an organizing rule."""

    name: str
    """Name of the job."""
    rule: str
    """Name of the rule in picsync.yaml."""
    kind: PassKind
    source: str = ""
    """The folder that it reads."""
    targets: tuple[str, ...] = ()
    """Where files go."""
    dry_run: bool = False
    phase: Phase = Phase.WAITING
    moved: int = 0
    """Files that the running pass has moved."""
    last: PassReport | None = None
    last_at: datetime | None = None
    last_good_at: datetime | None = None
    """End of the last good pass; aware UTC."""
    last_moved_at: datetime | None = None
    """End of the last pass that moved something; aware UTC."""
    next_at: datetime | None = None
    failures_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the last events, in words."""

    at: datetime
    action: str
    rule: str
    """Empty if it concerns the whole service."""
    message: str
    times: int = 1
    """Number of consecutive repetitions; `at` and `message` are those of the last one."""
    summed: bool = False
    """Whether `message` contains that number."""


@dataclass(frozen=True, slots=True)
class Status:
    """The whole service at one moment."""

    version: str
    started_at: datetime
    now: datetime
    rules: tuple[RuleStatus, ...] = ()
    passes: tuple[PassStatus, ...] = ()
    logins: Mapping[str, bool] = field(default_factory=dict)
    """Service title -> whether it accepts the login; missing if it was not contacted yet."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Service title -> its message, for refused logins."""
    hints: Mapping[str, str] = field(default_factory=dict)
    """Service title -> what the operator can do, for the same services."""
    config_problems: tuple[str, ...] = ()
    """Why a changed configuration is not in force; empty if it is."""
    stopping: bool = False
    entries: tuple[Entry, ...] = ()
    """The last events, newest first."""

    @property
    def jobs(self) -> tuple[RuleStatus | PassStatus, ...]:
        """All rules: those for albums, and those whose passes work on files."""
        found: list[RuleStatus | PassStatus] = [*self.rules, *self.passes]
        return tuple(found)


class StatusBoard:
    """Builds a Status from events."""

    def __init__(
        self, version: str, now: Callable[[], datetime], describe: Callable[[Event], str | None]
    ) -> None:
        """`now` returns aware UTC; `describe` returns an event in words, or None if it is not to be kept."""
        self._now = now
        self._describe = describe
        self._rules: dict[str, RuleStatus] = {}
        self._passes: dict[str, PassStatus] = {}
        self._entries: deque[Entry] = deque(maxlen=EVENTS_KEPT)
        self._status = Status(version, now(), now())

    def expect(self, rules: Mapping[str, RuleStatus], services: Collection[str] | None = None) -> None:
        """Set the rules in force, and the titles of the services that they use (None: any).

        The state of rules that stay is kept; the login of a service that is no longer used is forgotten.
        """
        for service in [] if services is None else self._status.logins.keys() - services:
            self._forget(service)
        self._rules = {
            name: replace(
                self._rules[name], sources=rule.sources, dry_run=rule.dry_run, playlists=rule.playlists
            )
            if name in self._rules
            else rule
            for name, rule in rules.items()
        }

    def expect_passes(self, passes: Sequence[PassStatus]) -> None:
        """Set the rules in force whose passes work on files; the state of those that stay is kept."""
        before = self._passes
        self._passes = {
            each.name: replace(
                before[each.name], dry_run=each.dry_run, source=each.source, targets=each.targets
            )
            if each.name in before
            else each
            for each in passes
        }

    def read(self, event: Event) -> None:
        """Take note of an event."""
        job = event.report.rule if isinstance(event, PassFinished) else getattr(event, "rule", "")
        if (found := self._passes.get(job)) is not None:
            self._passes[job] = self._passed(found, event)
        rule = self._rules.get(getattr(event, "rule", ""))
        if rule is not None:
            self._rules[rule.name] = self._moved(rule, event)
        match event:
            case CycleFinished(report) if report.rule in self._rules:
                self._rules[report.rule] = self._ended(self._rules[report.rule], report)
            case LoggedIn(service) | AccessToken(service):
                self._login(service)
            case LoginRefused(service, message, hint):
                self._login(service, message, hint)
            case ConfigApplied():
                self._status = replace(self._status, config_problems=())
            case ConfigRefused(problems):
                self._status = replace(self._status, config_problems=problems)
            case Stopping():
                self._status = replace(self._status, stopping=True)
        self._keep(event, dry_run=rule is not None and rule.dry_run)

    def _keep(self, event: Event, *, dry_run: bool) -> None:
        if isinstance(event, _PASSING) or (dry_run and isinstance(event, Written)):
            return
        message = self._describe(event)
        if message is None:
            return
        ended = isinstance(event, CycleFinished | PassFinished)
        name = event.report.rule if ended else getattr(event, "rule", "")  # type: ignore[attr-defined] # it has one
        times = 1
        before = next((entry for entry in self._entries if entry.rule == name), None)
        alike = before is not None and (isinstance(event, _ALIKE) or before.message == message)
        if before is not None and before.action == event.action and alike:
            self._entries.remove(before)
            times += before.times
        summed = summed_sentence(event, times) if times > 1 else None
        entry = Entry(self._now(), event.action, name, summed or message, times, summed=summed is not None)
        self._entries.appendleft(entry)

    def status(self) -> Status:
        """Return the current status."""
        return replace(
            self._status,
            now=self._now(),
            rules=tuple(self._rules.values()),
            passes=tuple(self._passes.values()),
            entries=tuple(self._entries),
        )

    def _login(self, service: str, refusal: str | None = None, hint: str = "") -> None:
        logins, refusals, hints = self._status.logins, self._status.refusals, self._status.hints
        refusals = {name: said for name, said in refusals.items() if name != service}
        hints = {name: said for name, said in hints.items() if name != service}
        if refusal is not None:
            refusals[service], hints[service] = refusal, hint
        logins = {**logins, service: refusal is None}
        self._status = replace(self._status, logins=logins, refusals=refusals, hints=hints)

    def _forget(self, service: str) -> None:
        self._login(service)
        logins = {name: accepted for name, accepted in self._status.logins.items() if name != service}
        self._status = replace(self._status, logins=logins)

    @staticmethod
    def _moved(rule: RuleStatus, event: Event) -> RuleStatus:
        match event:
            case CycleStarted():
                return replace(
                    rule, phase=Phase.RUNNING, planned=0, downloaded=0, uploaded=0, failed=0, next_at=None
                )
            case Listed(_, listing):
                summary = ListingSummary(len(listing.items), listing.certainty)
                return replace(rule, listed={**rule.listed, (listing.source, listing.album_id): summary})
            case TransfersPlanned(_, transfers):
                return replace(rule, planned=len(transfers))
            case ItemDownloaded():
                return replace(rule, downloaded=rule.downloaded + 1)
            case ItemUploaded():
                return replace(rule, uploaded=rule.uploaded + 1)
            case ItemFailed():
                return replace(rule, failed=rule.failed + 1)
            case CycleScheduled(_, at):
                return replace(rule, next_at=at)
        return rule

    def _passed(self, status: PassStatus, event: Event) -> PassStatus:
        match event:
            case PassStarted():
                return replace(status, phase=Phase.RUNNING, moved=0, next_at=None)
            case FileMoved():
                return replace(status, moved=status.moved + 1)
            case CycleScheduled(_, at):
                return replace(status, next_at=at)
            case PassFinished(report):
                good, at = report.outcome.good, self._now()
                return replace(
                    status,
                    phase=Phase.WAITING,
                    last=report,
                    last_at=at,
                    last_good_at=at if good else status.last_good_at,
                    last_moved_at=at if report.did_something else status.last_moved_at,
                    failures_in_a_row=0 if good else status.failures_in_a_row + 1,
                )
        return status

    def _ended(self, rule: RuleStatus, report: CycleReport) -> RuleStatus:
        good = report.outcome.good
        at = self._now()
        return replace(
            rule,
            phase=Phase.WAITING,
            last=report,
            last_at=at,
            last_good_at=at if good else rule.last_good_at,
            failures_in_a_row=0 if good else rule.failures_in_a_row + 1,
        )

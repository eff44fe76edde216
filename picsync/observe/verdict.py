"""The answer to "is the frame up to date?", for one album rule and for all of them: pure, from a Status.

What is known to be wrong outweighs what waits for a person, which outweighs what is under way or not known;
"yes" is said only if a cycle has looked, found everything in place, and nothing has gone wrong since.
A playlist that no frame shows is not in place; where the service does not tell, nothing is concluded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from picsync.core.errors import LoginNeeded, Scope
from picsync.core.events import CycleOutcome, CycleReport
from picsync.core.model import Certainty
from picsync.observe.status import Phase, RuleStatus, Status
from picsync.observe.words import advice, counted, error_sentence, relative, unassigned_sentence

MANY_FAILURES = 3
"""So many cycles in a row that fail are no hiccup any more, though each could have passed by itself."""


class Level(StrEnum):
    """How good or bad things are; the worst comes first."""

    BAD = "bad"
    ATTENTION = "attention"
    """Not as it should be, or only if a person says so."""
    BUSY = "busy"
    UNKNOWN = "unknown"
    GOOD = "good"


_WORST_FIRST = tuple(Level)

_ANSWERS = {
    Level.BAD: "No, it is stuck.",
    Level.ATTENTION: "Not quite.",
    Level.BUSY: "Almost.",
    Level.UNKNOWN: "Not known yet.",
    Level.GOOD: "Yes.",
}


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """How one album rule stands."""

    level: Level
    word: str
    """A word or three, for a badge."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How everything stands."""

    level: Level
    answer: str
    """To "is the frame up to date?"."""
    details: tuple[str, ...]
    """Sentences that say why, the most important first."""


def rule_verdict(rule: RuleStatus) -> RuleVerdict:
    """Return how one album rule stands."""
    if rule.dry_run:
        return RuleVerdict(Level.UNKNOWN, "dry run", "A dry run changes nothing on the frame.")
    if rule.last is not None and rule.last.outcome is CycleOutcome.HELD:
        return _held(rule.last)
    if rule.phase is Phase.RUNNING and rule.planned:
        count = f"{rule.uploaded:,} of {counted(rule.planned, 'new photo')}"
        return RuleVerdict(
            Level.BUSY, "uploading", f"{count} {'has' if rule.planned == 1 else 'have'} arrived."
        )
    if rule.last is None:
        if rule.phase is Phase.RUNNING:
            return RuleVerdict(Level.UNKNOWN, "first look", "The album is being compared for the first time.")
        return RuleVerdict(Level.UNKNOWN, "not begun", "The first cycle has not begun.")
    return _after(rule, rule.last)


def _held(report: CycleReport) -> RuleVerdict:
    count = len(report.hold.photos) if report.hold else 0
    verb = "is" if count == 1 else "are"
    sentence = (
        f"{counted(count, 'photo')} that {verb} in no source stay{'s' if count == 1 else ''} on the frame"
    )
    return RuleVerdict(Level.ATTENTION, "waits for you", f"{sentence} until you allow deleting.")


def _after(rule: RuleStatus, report: CycleReport) -> RuleVerdict:
    match report.outcome:
        case CycleOutcome.LOGIN_NEEDED:
            return RuleVerdict(Level.BAD, "login needed", "A service does not let picsync in.")
        case CycleOutcome.STOPPED:
            return RuleVerdict(Level.UNKNOWN, "stopped", "The last cycle was stopped on the way.")
        case CycleOutcome.FAILED:
            return _failed(rule, report)
    missing = 0 if report.in_playlist is None else report.wanted - report.overflow - report.in_playlist
    if missing > 0:
        later = f"{counted(missing, 'photo')} will follow with the next cycle."
        return RuleVerdict(Level.BUSY, "almost", later)
    if not report.listed and not report.in_playlist:
        return RuleVerdict(Level.ATTENTION, "no photos", "Its source albums hold no photo.")
    if not_shown := unassigned_sentence(report):
        return RuleVerdict(Level.ATTENTION, "not shown", not_shown)
    return RuleVerdict(Level.GOOD, "right", f"{counted(report.in_playlist or 0, 'photo')} in place.")


def _failed(rule: RuleStatus, report: CycleReport) -> RuleVerdict:
    errors = [failure.error for failure in report.failures]
    kept = _kept(report)
    if report.on_frame is not None and all(error.scope is Scope.ITEM for error in errors):
        some = f"All but {counted(len(errors), 'photo')} could be dealt with."
        return RuleVerdict(Level.ATTENTION, "incomplete", some)
    why = error_sentence(errors[0]) if errors else ""
    passing = all(error.transient for error in errors)
    if passing and rule.last_good_at is not None and rule.failures_in_a_row < MANY_FAILURES:
        again = f"The last cycle failed, and picsync tries again. {why}".rstrip() + kept
        return RuleVerdict(Level.ATTENTION, "trying again", again)
    row = f"The last {rule.failures_in_a_row} cycles" if rule.failures_in_a_row > 1 else "The last cycle"
    return RuleVerdict(Level.BAD, "failing", f"{row} failed. {why}".rstrip() + kept)


def _kept(report: CycleReport) -> str:
    """Return what the frame shows although not everything could be listed; empty if that is not known."""
    if report.certainty is not Certainty.PARTIAL or not report.on_frame:
        return ""
    kept = counted(report.on_frame, "photo")
    return (
        f" The frame keeps its {kept}."
        if report.wanted
        else f" Nothing could be listed; the frame keeps its {kept}."
    )


def verdict(status: Status) -> Verdict:
    """Return how everything stands."""
    # A dry run says nothing of the frame, so where others are carried out, these decide.
    counting = [rule for rule in status.rules if not rule.dry_run] or status.rules
    rules = [(rule, rule_verdict(rule)) for rule in counting]
    about = list(_about_service(status))
    level = min(
        [level for level, _ in about] + [own.level for _, own in rules], key=_WORST_FIRST.index, default=None
    )
    if level is None:
        return Verdict(Level.UNKNOWN, _ANSWERS[Level.UNKNOWN], ("There are no album rules.",))
    details = [sentence for _, sentence in about]
    if level is Level.GOOD:
        return Verdict(level, _ANSWERS[level], (*details, _all_good(counting), _looked(counting, status.now)))
    culprits = [(rule, own) for rule, own in rules if own.level is level]
    if any(said is Level.BAD for said, _ in about):
        # A refused login is said once, not for each rule that ends with it.
        details += _login_hints(status.rules)
    else:
        details += _by_rule(culprits, alone=len(rules) == 1)
    answer = "Dry run." if all(rule.dry_run for rule in status.rules) and not about else _ANSWERS[level]
    return Verdict(level, answer, tuple(details))


def _about_service(status: Status) -> Iterator[tuple[Level, str]]:
    for service, accepted in status.logins.items():
        if not accepted:
            yield Level.BAD, f"{service} does not let picsync in. The frame keeps what it has."
    if status.config_problems:
        yield (
            Level.ATTENTION,
            "The changed configuration cannot be used; the one before it is still in force.",
        )
    if status.stopping:
        yield Level.UNKNOWN, "picsync is stopping."


def _login_hints(rules: Sequence[RuleStatus]) -> Iterator[str]:
    failures = [failure for rule in rules if rule.last is not None for failure in rule.last.failures]
    hints = (advice(failure.error) for failure in failures if isinstance(failure.error, LoginNeeded))
    yield from dict.fromkeys(filter(None, hints))


def _by_rule(culprits: Sequence[tuple[RuleStatus, RuleVerdict]], *, alone: bool) -> Iterator[str]:
    for rule, own in culprits[:3]:
        yield own.sentence if alone else f"{rule.name}: {own.sentence}"
    if len(culprits) > 3:
        yield f"And {counted(len(culprits) - 3, 'more album')}."


def _all_good(rules: Sequence[RuleStatus]) -> str:
    photos = sum(rule.last.in_playlist or 0 for rule in rules if rule.last is not None)
    if len(rules) == 1:
        return "There is nothing to show." if not photos else f"All {counted(photos, 'photo')} are in place."
    return f"All {counted(photos, 'photo')} of {len(rules)} albums are in place."


def _looked(rules: Sequence[RuleStatus], now: datetime) -> str:
    """Return when the rule was looked at that has waited longest."""
    looked = [rule.last_good_at for rule in rules if rule.last_good_at is not None]
    return f"Last checked {relative(min(looked), now)}." if looked else ""

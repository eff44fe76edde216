"""The status page's summary in words, for one album rule and for all, from a Health."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from picsync.core.events import CycleReport
from picsync.core.model import Certainty
from picsync.core.values import dataclass
from picsync.observe.health import (
    Health,
    HealthCode,
    Level,
    PassHealth,
    Reason,
    RuleHealth,
    health,
    missing,
    pass_health,
    rule_health,
)
from picsync.observe.status import PassStatus, RuleStatus, Status
from picsync.observe.words import counted, error_sentence, job_title, relative, unassigned_sentence

_HEADLINES = {
    Level.BAD: "Stalled.",
    Level.ATTENTION: "Needs attention.",
    Level.BUSY: "Updating.",
    Level.UNKNOWN: "Not known yet.",
    Level.GOOD: "Up to date.",
}


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """The state of one album rule in words."""

    level: Level
    word: str
    """A few words for a badge."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The overall state in words."""

    level: Level
    headline: str
    """The headline."""
    details: tuple[str, ...]
    """Sentences with the reasons, the most important first."""


def summarize_rule(rule: RuleStatus) -> RuleSummary:
    """Return one album rule's state in words."""
    return _in_words(rule_health(rule))


_BADGES = {
    HealthCode.LOGIN_NEEDED: "login needed",
    HealthCode.FAILING: "failing",
    HealthCode.HELD_DELETES: "waits for permission",
    HealthCode.INCOMPLETE: "incomplete",
    HealthCode.RETRYING: "retrying",
    HealthCode.NO_PHOTOS: "no photos",
    HealthCode.PLAYLIST_UNASSIGNED: "not shown",
    HealthCode.UPLOADING: "uploading",
    HealthCode.MOVING: "moving files",
    HealthCode.PHOTOS_MISSING: "photos missing",
    HealthCode.STOPPED: "stopped",
    HealthCode.NOT_STARTED: "not started",
    HealthCode.FIRST_CYCLE: "first cycle",
    HealthCode.DRY_RUN: "dry run",
    HealthCode.RIGHT: "up to date",
}
_FIXED = {
    HealthCode.LOGIN_NEEDED: "A service refuses the login.",
    HealthCode.NO_PHOTOS: "Its source albums contain no photo.",
    HealthCode.STOPPED: "The last cycle was stopped early.",
    HealthCode.NOT_STARTED: "The first cycle has not started.",
    HealthCode.FIRST_CYCLE: "The first cycle is running.",
    HealthCode.DRY_RUN: "A dry run changes nothing on the frame.",
}


def summarize_pass(each: PassStatus) -> RuleSummary:
    """Return the state of a rule whose passes work on files, in words."""
    return _pass_in_words(pass_health(each))


def _pass_in_words(found: PassHealth) -> RuleSummary:
    each, report = found.passing, found.passing.last
    sentence = _FIXED.get(found.code, "")
    if found.code is HealthCode.DRY_RUN:
        sentence = "A dry run moves nothing."
    elif found.code is HealthCode.MOVING:
        sentence = f"{counted(each.moved, 'file')} {'has' if each.moved == 1 else 'have'} been moved."
    elif report is not None and not sentence:
        if report.failures:
            why = error_sentence(report.failures[0].error)
            sentence = f"{counted(len(report.failures), 'problem')}. {why}"
        elif report.held:
            sentence = f"{counted(report.held, 'delete')} held: allow them, or bring the files back."
        else:
            sentence = f"All files of {each.source} are where they belong."
    return RuleSummary(found.level, _BADGES[found.code], sentence)


def _in_words(found: RuleHealth) -> RuleSummary:
    rule, report = found.rule, found.rule.last
    sentence = _FIXED.get(found.code, "")
    if found.code is HealthCode.UPLOADING:
        count = f"{rule.uploaded:,} of {counted(rule.planned, 'new photo')}"
        sentence = f"{count} {'has' if rule.planned == 1 else 'have'} been uploaded."
    elif report is not None and not sentence:
        sentence = _about_report(found.code, rule, report)
    return RuleSummary(found.level, _BADGES[found.code], sentence)


def _about_report(code: HealthCode, rule: RuleStatus, report: CycleReport) -> str:
    match code:
        case HealthCode.HELD_DELETES:
            return _held(report)
        case HealthCode.PHOTOS_MISSING:
            return f"{counted(missing(report), 'photo')} will be added in the next cycle."
        case HealthCode.PLAYLIST_UNASSIGNED:
            return unassigned_sentence(report)
        case HealthCode.INCOMPLETE:
            return f"{counted(len(report.failures), 'photo')} failed."
        case HealthCode.RETRYING | HealthCode.FAILING:
            return _failed(rule, report, again=code is HealthCode.RETRYING)
    return f"{counted(report.in_playlist or 0, 'photo')} in place."


def _held(report: CycleReport) -> str:
    count = report.hold.count if report.hold else 0
    are, stay = ("is", "stays") if count == 1 else ("are", "stay")
    photos = counted(count, "photo")
    return f"{photos} that {are} in no source {stay} on the frame until you allow the deletes."


def _failed(rule: RuleStatus, report: CycleReport, *, again: bool) -> str:
    why = error_sentence(report.failures[0].error) if report.failures else ""
    row = f"The last {rule.failures_in_a_row} cycles" if rule.failures_in_a_row > 1 else "The last cycle"
    what = "The last cycle failed; picsync is retrying." if again else f"{row} failed."
    return f"{what} {why}".rstrip() + _kept(report)


def _kept(report: CycleReport) -> str:
    """Return what the frame shows if not everything could be listed; empty if unknown."""
    if report.certainty is not Certainty.PARTIAL or not report.on_frame:
        return ""
    kept = counted(report.on_frame, "photo")
    return (
        f" The frame keeps its {kept}."
        if report.wanted
        else f" Nothing could be listed; the frame keeps its {kept}."
    )


def summarize(status: Status) -> Summary:
    """Return the overall state in words."""
    found = health(status)
    if not found.rules and not found.passes and not found.reasons:
        return Summary(found.level, _HEADLINES[found.level], ("There are no album rules.",))
    details = [_reason_sentence(reason, status) for reason in found.reasons]
    rules = [each.rule for each in found.rules]
    if found.level is Level.GOOD:
        details += [_all_good(rules), _last_checked(rules, status.now)] if rules else []
        details += [_pass_in_words(each).sentence for each in found.passes[:3]]
    elif any(reason.level is Level.BAD for reason in found.reasons):
        # A refused login is reported once, not for each affected rule.
        details.append("The frame keeps its photos.")
    else:
        details += _by_rule(found)
    dry = all(each.dry_run for each in status.jobs) and not found.reasons
    return Summary(found.level, "Dry run." if dry else _HEADLINES[found.level], tuple(details))


def _reason_sentence(reason: Reason, status: Status) -> str:
    match reason.code:
        case HealthCode.LOGIN_NEEDED:
            service = reason.subject
            said = (status.refusals.get(service, ""), status.hints.get(service, ""))
            return " ".join([f"{service} refuses the login.", *filter(None, said)])
        case HealthCode.CONFIG_REFUSED:
            return "The changed configuration is invalid; the previous one is still in use."
        case _:
            return "picsync is stopping."


def obstacle_sentence(reason: Reason) -> str:
    """Return why the service is not ready."""
    match reason.code:
        case HealthCode.LOGIN_NEEDED:
            return f"Not logged in to {reason.subject}."
        case HealthCode.CONFIG_REFUSED:
            return f"The configuration was refused: {reason.subject}"
        case HealthCode.NOT_STARTED:
            return f"The rule {reason.subject} has not started its first cycle."
        case _:
            return "picsync is stopping."


def _by_rule(found: Health) -> Iterator[str]:
    for each_pass in [each for each in found.passes if each.level is found.level][:3]:
        sentence = _pass_in_words(each_pass).sentence
        yield f"{job_title(each_pass.passing.name)}: {sentence}"
    for each in found.worst[:3]:
        sentence = _in_words(each).sentence
        yield sentence if len(found.rules) == 1 else f"{each.rule.name}: {sentence}"
    if len(found.worst) > 3:
        yield f"And {counted(len(found.worst) - 3, 'more album')}."


def _all_good(rules: Sequence[RuleStatus]) -> str:
    photos = sum(rule.last.in_playlist or 0 for rule in rules if rule.last is not None)
    if len(rules) == 1:
        return "There is nothing to show." if not photos else f"All {counted(photos, 'photo')} are in place."
    return f"All {counted(photos, 'photo')} of {len(rules)} albums are in place."


def _last_checked(rules: Sequence[RuleStatus], now: datetime) -> str:
    """Return when the rule that has waited longest was last checked."""
    looked = [rule.last_good_at for rule in rules if rule.last_good_at is not None]
    return f"Last checked {relative(min(looked), now)}." if looked else ""

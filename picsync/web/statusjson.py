"""A Status as JSON for programs: stable keys, no photo IDs, no secrets.

Times are RFC 3339 with the local offset.

`format` is incremented if a key is removed or changes its meaning; new keys may be added at any time.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from picsync.core.capacity import Storage
from picsync.core.events import CycleReport, Failure
from picsync.core.model import Certainty
from picsync.core.plan import Rule
from picsync.observe.health import health, obstacles, pass_health, rule_health
from picsync.observe.status import Entry, PassStatus, RuleStatus, Status
from picsync.observe.summary import obstacle_sentence, summarize
from picsync.observe.words import (
    error_sentence,
    failure_advice,
    failure_subject,
    hold_sentence,
    notice_sentence,
    pass_sentence,
    report_sentence,
)
from picsync.system.localtime import rfc3339

FORMAT = 1


def as_json(status: Status) -> dict[str, Any]:
    """Return the content of `/status.json`."""
    overall, found, unready = summarize(status), health(status), obstacles(status)
    return {
        "format": FORMAT,
        "version": status.version,
        "started_at": rfc3339(status.started_at),
        "now": rfc3339(status.now),
        "ready": not unready,
        "obstacles": [obstacle_sentence(reason) for reason in unready],
        "stopping": status.stopping,
        "verdict": {"level": overall.level, "answer": overall.headline, "details": list(overall.details)},
        "health": {
            "level": found.level,
            "reasons": [
                *({"code": reason.code, "level": reason.level, "rule": None} for reason in found.reasons),
                *({"code": each.code, "level": each.level, "rule": each.rule.name} for each in found.rules),
                *(
                    {"code": each.code, "level": each.level, "rule": each.passing.name}
                    for each in found.passes
                ),
            ],
        },
        "config_problems": list(status.config_problems),
        "logins": [
            {"service": service, "accepted": accepted, "message": status.refusals.get(service)}
            for service, accepted in status.logins.items()
        ],
        "rules": [_rule(rule) for rule in status.rules],
        "passes": [_pass(each) for each in status.passes],
        "events": [_event(entry) for entry in status.entries],
    }


def playlist_name(rule: RuleStatus) -> str:
    """Return the playlist's name as the frame's service shows it; empty if it has none."""
    if not rule.playlists:
        return ""
    seen = rule.last.playlist if rule.last is not None else ""
    return seen or Rule(rule.album or rule.name).playlist_name


def _pass(each: PassStatus) -> dict[str, Any]:
    report, own = each.last, pass_health(each)
    return {
        "name": each.name,
        "rule": each.rule,
        "kind": each.kind,
        "source": each.source,
        "targets": list(each.targets),
        "dry_run": each.dry_run,
        "phase": each.phase,
        "level": own.level,
        "code": own.code,
        "last_at": _instant(each.last_at),
        "last_good_at": _instant(each.last_good_at),
        "last_moved_at": _instant(each.last_moved_at),
        "next_at": _instant(each.next_at),
        "failures_in_a_row": each.failures_in_a_row,
        "last": None
        if report is None
        else {
            "outcome": report.outcome,
            "sentence": pass_sentence(report),
            "duration_s": round(report.duration_s, 3),
            "found": report.found,
            "done": dict(report.done),
            "left": dict(report.left),
            "held": report.held,
            "failures": [_failure(failure) for failure in report.failures],
        },
    }


def _rule(rule: RuleStatus) -> dict[str, Any]:
    return {
        "name": rule.name,
        "sources": {kind: list(ids) for kind, ids in rule.sources.items()},
        "listings": [
            {"source": kind, "album": album_id, "items": seen.count, "certainty": seen.certainty}
            for (kind, album_id), seen in rule.listed.items()
            if album_id in rule.sources.get(kind, ())
        ],
        "album": rule.album or rule.name,
        "frame": rule.frame,
        "playlist": playlist_name(rule),
        "dry_run": rule.dry_run,
        "level": rule_health(rule).level,
        "code": rule_health(rule).code,
        "phase": rule.phase,
        "planned": rule.planned,
        "downloaded": rule.downloaded,
        "uploaded": rule.uploaded,
        "failed": rule.failed,
        "failures_in_a_row": rule.failures_in_a_row,
        "last_at": _instant(rule.last_at),
        "last_good_at": _instant(rule.last_good_at),
        "next_at": _instant(rule.next_at),
        "last": None if rule.last is None else _report(rule.last),
    }


def _storage(storage: Storage) -> dict[str, Any]:
    return {
        **{name: {"bytes": each.size_bytes, "photos": each.photos} for name, each in storage.amounts.items()},
        "left_out": storage.left_out,
    }


def _report(report: CycleReport) -> dict[str, Any]:
    hold = report.hold
    return {
        "outcome": report.outcome,
        "sentence": report_sentence(report),
        "dry_run": report.dry_run,
        "duration_s": round(report.duration_s, 3),
        "complete": report.certainty is Certainty.COMPLETE,
        "certainty": report.certainty,
        "listed": report.listed,
        "wanted": report.wanted,
        "on_frame": report.on_frame,
        "in_playlist": report.in_playlist,
        "assigned": report.assigned,
        "unassigned": list(report.unassigned),
        "overflow": report.overflow,
        "skipped": {skip.value: count for skip, count in report.skipped.items()},
        "formats": dict(report.formats),
        "left_out": {reason.value: count for reason, count in report.left_out.items()},
        "storage": None if report.storage is None else _storage(report.storage),
        "downloaded": report.downloaded,
        "downloaded_bytes": report.downloaded_bytes,
        "uploaded": report.uploaded,
        "uploaded_bytes": report.uploaded_bytes,
        "already_there": report.already_there,
        "deleted": report.deleted,
        "playlists_edited": report.playlists_edited,
        "entries_added": report.entries_added,
        "entries_removed": report.entries_removed,
        "changed": report.changed,
        "hold": None
        if hold is None
        else {
            "reason": hold.reason,
            "photos": len(hold.photos),
            "needs_person": hold.needs_person,
            "message": hold_sentence(hold),
        },
        "failures": [_failure(failure) for failure in report.failures],
        "notices": [notice_sentence(notice) for notice in report.notices],
    }


def _failure(failure: Failure) -> dict[str, Any]:
    return {
        "code": failure.code,
        "account": failure.account or None,
        "subject": failure_subject(failure),
        "message": error_sentence(failure.error),
        "advice": failure_advice(failure),
        "transient": failure.error.transient,
    }


def _event(entry: Entry) -> dict[str, Any]:
    return {
        "at": rfc3339(entry.at),
        "action": entry.action,
        "rule": entry.rule or None,
        "message": entry.message,
        "times": entry.times,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)

"""The event stream as log records: a sentence for people, `action` and fields for machines."""

from __future__ import annotations

import logging
import sys
from typing import Any

from picsync.events import (
    ChangesPlanned,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleStarted,
    Event,
    ItemDownloaded,
    ItemFailed,
    ItemUploaded,
    Listed,
    LoggedIn,
    PhotoDeleted,
    PlaylistCreated,
    Published,
    RetryScheduled,
    TransfersPlanned,
)
from picsync.words import counted, printable, report_remarks, report_sentence, size

log = logging.getLogger("picsync")


_DONE = ItemUploaded | PlaylistCreated | Published | PhotoDeleted
"""What a dry run only predicts; its plan says so instead."""


class _Stderr(logging.Handler):
    """Writes lines to whatever stderr is at that moment, so that they appear above progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def set_up(*, verbose: bool, terminal: bool) -> None:
    """Send picsync's log records to stderr: bare sentences on a terminal, with time and level elsewhere."""
    handler = _Stderr()
    pattern = "%(message)s" if terminal else "%(asctime)s %(levelname)s %(action)s: %(message)s"
    handler.setFormatter(logging.Formatter(pattern, defaults={"action": "note"}))
    log.handlers = [handler]
    log.propagate = False
    log.setLevel(logging.DEBUG if verbose else logging.INFO)
    # These write URLs and tokens that are secrets, and say at WARNING what picsync says better.
    for name in ("httpx", "httpcore", "googleapiclient", "google", "oauthlib", "requests_oauthlib"):
        logging.getLogger(name).setLevel(logging.ERROR)


def note(message: str) -> None:
    """Log something that is no event of a cycle and that a person should know."""
    log.warning(message)


class LogView:
    """Logs events; a cycle that ends just as the one before is worth no second line."""

    def __init__(self, *, each_photo: bool = True) -> None:
        """Log a line for each photo, unless something else shows them."""
        self._photo_level = logging.INFO if each_photo else logging.DEBUG
        self._last: dict[str, list[str]] = {}
        self._dry: set[str] = set()

    def __call__(self, event: Event) -> None:
        """Log an event, if it is one to log."""
        if isinstance(event, CycleFinished):
            self._finished(event, event.report)
            return
        if isinstance(event, CycleStarted) and event.dry_run:
            self._dry.add(event.rule)
        if isinstance(event, _DONE) and event.rule in self._dry:
            return
        entry = _entry(event)
        if entry is not None:
            level, message = entry
            if isinstance(event, ItemUploaded | PhotoDeleted):
                level = min(level, self._photo_level)
            _write(level, event, message, getattr(event, "rule", None))

    def _finished(self, event: Event, report: CycleReport) -> None:
        remarks = list(report_remarks(report))
        verdict = [report.outcome, str(report.on_frame), str(report.in_playlist), *remarks]
        self._dry.discard(report.rule)
        fine = report.outcome in (CycleOutcome.DONE, CycleOutcome.STOPPED)
        level = logging.INFO if fine else logging.WARNING
        if verdict == self._last.get(report.rule) and not report.changed:
            level = logging.DEBUG
        self._last[report.rule] = verdict
        for message in (report_sentence(report), *remarks):
            _write(level, event, message, report.rule)


def _entry(event: Event) -> tuple[int, str] | None:  # noqa: C901 - one flat table
    match event:
        case CycleStarted(rule, dry_run):
            return logging.DEBUG, f"Album {printable(rule)}: started{' (dry run)' if dry_run else ''}."
        case Listed(_, listing):
            found = counted(len(listing.items), "item")
            return logging.DEBUG, f"Source album {listing.source} {printable(listing.album_id)}: {found}."
        case TransfersPlanned(rule, transfers) if transfers:
            return logging.INFO, f"Album {printable(rule)}: {counted(len(transfers), 'item')} to transfer."
        case ItemDownloaded(_, filename, size_bytes):
            return logging.DEBUG, f"Downloaded {printable(filename)} ({size(size_bytes)})."
        case ItemUploaded(_, filename, 0):
            return logging.DEBUG, f"{printable(filename)} is on the frame already."
        case ItemUploaded(_, filename, size_bytes):
            return logging.INFO, f"Uploaded {printable(filename)} ({size(size_bytes)})."
        case ItemFailed(_, filename, error):
            return logging.DEBUG, f"{printable(filename)}: {error}"
        case ChangesPlanned(rule, plan) if plan.deletes:
            return logging.INFO, f"Album {printable(rule)}: {counted(len(plan.deletes), 'photo')} to delete."
        case PlaylistCreated(_, playlist):
            return logging.INFO, f"Created playlist {printable(playlist)}."
        case Published(_, playlist, added, removed, count):
            done = f"{added:,} added, {removed:,} removed; it now holds {count:,}"
            return logging.INFO, f"Published {printable(playlist)}: {done}."
        case PhotoDeleted(_, filename):
            return logging.INFO, f"Deleted {printable(filename)}."
        case RetryScheduled(wait_s=wait_s, reason=reason):
            return logging.WARNING, f"{reason} Trying again in {wait_s:.0f} s."
        case LoggedIn(service):
            return logging.DEBUG, f"Logged in to {service}."
    return None


def _write(level: int, event: Event, message: str, rule: str | None = None) -> None:
    extra: dict[str, Any] = {"action": event.action}
    if rule is not None:
        extra["album"] = rule
    log.log(level, message, extra=extra)

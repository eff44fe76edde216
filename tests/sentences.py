"""The sentences of a report."""

from __future__ import annotations

from picsync.core.events import CycleReport
from picsync.observe.words import failure_text, notice_sentence


def said(report: CycleReport) -> str:
    """All notices of a report, in words."""
    return " ".join(map(notice_sentence, report.notices))


def failed(report: CycleReport) -> str:
    """All failures of a report, in words."""
    return " ".join(map(failure_text, report.failures))

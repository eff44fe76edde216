"""A wall clock that jumps: it is only displayed, and nothing is timed by it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from picsync.core.errors import TransientError
from picsync.core.events import (
    AccessToken,
    ConfigRefused,
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleScheduled,
    CycleStarted,
    Event,
    Failure,
    LoggedIn,
    LoginRefused,
)
from picsync.observe.metrics import Metrics
from picsync.observe.status import RuleStatus, StatusBoard
from picsync.observe.words import event_sentence
from picsync.web.pages import status_page
from picsync.web.statusjson import as_json
from tests.observe.scraping import on_nixplay

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
JUMPS = {
    "an hour back": timedelta(hours=-1),
    "to 1970, as without a battery": datetime(1970, 1, 1, tzinfo=UTC) - NOW,
    "years ahead": timedelta(days=4000),
}
FAILED = CycleReport("A", CycleOutcome.FAILED, failures=(Failure("x", TransientError("It broke.")),))
EVENTS: tuple[Event, ...] = (
    LoggedIn("Nixplay"),
    AccessToken("Google Photos", NOW + timedelta(minutes=59)),
    CycleStarted("A", dry_run=False),
    CycleFinished(FAILED),
    CycleScheduled("A", NOW + timedelta(hours=1)),
    LoginRefused("Google Photos", "no"),
    ConfigRefused(("picsync.yaml:1: no",)),
    CycleStarted("A", dry_run=False),
    CycleFinished(CycleReport("A", CycleOutcome.DONE, on_frame=3, in_playlist=3)),
)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("at", range(len(EVENTS) + 1))
def test_every_page_is_there_whenever_the_clock_jumps(jump: str, at: int) -> None:
    now = NOW
    board = StatusBoard("1", lambda: now, event_sentence)
    registry = CollectorRegistry()
    metrics = Metrics(registry, now=lambda: now.timestamp())
    board.expect({"A": RuleStatus("A")})
    metrics.expect(on_nixplay("A"), every_s={"A": 3600})
    for number, event in enumerate((*EVENTS, LoggedIn("Google Photos"))):
        if number == at:
            now += JUMPS[jump]
        board.read(event)
        metrics.read(event)
        page = status_page(board.status())
        assert "-1 " not in page
        assert "in -" not in page
        assert json.dumps(as_json(board.status()))
        assert generate_latest(registry)
    status = board.status()
    assert status.rules[0].last is not None
    assert (status.rules[0].last.outcome, status.rules[0].failures_in_a_row) == (CycleOutcome.DONE, 0)
    assert status.logins == {"Nixplay": True, "Google Photos": True}

"""When the next cycle is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import ItemError, LoginNeeded, PicsyncError, RefusedError, TransientError
from picsync.core.events import CycleOutcome, CycleReport, Failure
from picsync.run.schedule import (
    FIRST_RETRY_S,
    FORGIVEN_AFTER_S,
    MAX_LOGIN_RETRY_S,
    Due,
    empty_cycles,
    next_due,
    pause_s,
)

HOUR_S = 3600.0


def report(outcome: CycleOutcome, *errors: PicsyncError) -> CycleReport:
    return CycleReport("A", outcome, failures=tuple(Failure("x", error) for error in errors))


def due(done: CycleReport, *, ended_s: float = 100.0, every_s: float = HOUR_S, failures: int = 0) -> Due:
    return next_due(done, began_s=0.0, ended_s=ended_s, every_s=every_s, failures_in_a_row=failures)


DONE = report(CycleOutcome.DONE)
AWAY = report(CycleOutcome.FAILED, TransientError("503"))
ASKED_FOR_EVER = report(CycleOutcome.FAILED, TransientError("429", retry_after_s=1e9))
LOCKED_OUT = report(CycleOutcome.LOGIN_NEEDED, LoginNeeded("password"))


def test_the_interval_counts_from_start_to_start() -> None:
    assert due(DONE) == Due(HOUR_S, 0)
    assert due(report(CycleOutcome.HELD), failures=3) == Due(HOUR_S, 0)


def test_a_cycle_longer_than_the_interval_is_followed_at_once() -> None:
    assert due(DONE, ended_s=5000) == Due(5000, 0)


def test_passing_trouble_is_tried_again_sooner_and_ever_less_so() -> None:
    waits = [due(AWAY, failures=n).at_s - 100 for n in range(9)]
    assert waits[:3] == [FIRST_RETRY_S, 2 * FIRST_RETRY_S, 4 * FIRST_RETRY_S]
    assert waits[-1] == HOUR_S
    assert due(AWAY, every_s=10).at_s == 110


@pytest.mark.parametrize("asked_s", [7200, 999_999_999, float("inf")])
def test_retry_time_of_a_service_is_kept_within_the_interval(asked_s: float) -> None:
    busy = report(CycleOutcome.FAILED, TransientError("429", retry_after_s=1200))
    assert due(busy) == Due(100 + 1200, 1, not_before_s=100 + FIRST_RETRY_S)
    away = report(CycleOutcome.FAILED, TransientError("429", retry_after_s=asked_s))
    assert due(away) == Due(100 + HOUR_S, 1, not_before_s=100 + FIRST_RETRY_S, refused_wait_s=asked_s)


def test_what_time_cannot_cure_waits_for_the_next_turn() -> None:
    assert due(report(CycleOutcome.FAILED, ItemError("odd"))).at_s == HOUR_S
    assert due(report(CycleOutcome.FAILED, RefusedError("no source", status=0))).at_s == HOUR_S


def test_a_login_is_not_hammered() -> None:
    waits = [due(LOCKED_OUT, every_s=2, failures=n).at_s - 100 for n in range(12)]
    assert waits[:3] == [60, 120, 240]
    assert max(waits) == MAX_LOGIN_RETRY_S
    assert due(LOCKED_OUT).at_s == HOUR_S


@given(
    st.sampled_from([DONE, AWAY, LOCKED_OUT, ASKED_FOR_EVER]),
    st.floats(0, 1e7),
    st.floats(0, 1e5),
    st.floats(0.001, 1e6),
    st.integers(0, 10**6),
)
def test_never_in_the_past_and_never_farther_than_needed(
    done: CycleReport, began_s: float, took_s: float, every_s: float, failures: int
) -> None:
    ended_s = began_s + took_s
    result = next_due(done, began_s=began_s, ended_s=ended_s, every_s=every_s, failures_in_a_row=failures)
    assert result.at_s >= ended_s
    assert result.at_s <= max(ended_s, began_s + every_s, ended_s + max(every_s, MAX_LOGIN_RETRY_S))
    assert result.failures_in_a_row == (0 if done is DONE else failures + 1)


@given(
    before=st.integers(0, 100),
    did_something=st.booleans(),
    announced=st.booleans(),
    waited_s=st.floats(0, 1e9),
)
def test_only_announced_empty_cycles_in_a_row_add_up(
    before: int, did_something: bool, announced: bool, waited_s: float
) -> None:
    count = empty_cycles(before, did_something=did_something, announced=announced, waited_s=waited_s)
    assert 0 <= count <= before + 1
    assert (count == 0) == did_something
    assert announced or count <= max(1, before)


@given(calls=st.lists(st.floats(0, 1000), min_size=1, max_size=300))
def test_calls_that_bring_nothing_cause_cycles_at_a_bounded_rate(calls: list[float]) -> None:
    """`calls` are the seconds by which each call is later than the pause permits."""
    at_s, empty = 0.0, 1
    for waits, late_s in enumerate(calls, 1):
        waited_s = pause_s(empty, HOUR_S) + late_s
        at_s += waited_s
        empty = empty_cycles(empty, did_something=False, announced=True, waited_s=waited_s)
        assert waits <= 8 + at_s / (FORGIVEN_AFTER_S / 2)


def test_the_pause_after_a_change_and_after_empty_cycles() -> None:
    assert [pause_s(empty, HOUR_S) for empty in range(6)] == [10, 0, 10, 20, 40, 80]
    assert pause_s(1000, HOUR_S) == HOUR_S
    assert pause_s(0, 5) == 5

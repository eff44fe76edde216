"""Since when files of a spool are done, whatever the clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from picsync.sources.inbox.record import recorded

PATHS = st.sampled_from("abcdefgh")
MOMENTS = st.integers(0, 20_000).map(lambda days: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days))
RECORDS = st.dictionaries(PATHS, MOMENTS)


@given(RECORDS, st.sets(PATHS), MOMENTS)
def test_every_file_has_a_time_and_recording_twice_changes_nothing(
    since: dict[str, datetime], paths: set[str], now: datetime
) -> None:
    assert set(recorded(since, paths, now)) == paths
    found = recorded(since, {*since, *paths}, now)
    assert recorded(found, found, now) == found


@given(RECORDS, st.sets(PATHS), MOMENTS)
def test_with_a_clock_that_was_always_right_times_stay_and_new_files_get_now(
    since: dict[str, datetime], paths: set[str], now: datetime
) -> None:
    past = {path: moment for path, moment in since.items() if moment <= now}
    assert recorded(past, paths, now) == {path: past.get(path, now) for path in paths}


@given(RECORDS, PATHS, MOMENTS, st.integers(1, 20_000))
def test_a_clock_that_is_behind_lets_no_file_leave_early(
    since: dict[str, datetime], path: str, now: datetime, behind: int
) -> None:
    past = {each: moment for each, moment in since.items() if moment <= now} | {"x": now}
    past.pop(path, None)
    wrong = min(past.values()) - timedelta(days=behind)
    found = recorded(past, {*past, path}, wrong)
    assert found == past | {path: now}


@given(st.sets(PATHS, min_size=1), st.sets(PATHS), MOMENTS, st.integers(1, 10_000))
def test_times_of_a_clock_that_was_ahead_are_mended_if_they_are_not_the_most(
    right: set[str], wrong: set[str], now: datetime, ahead: int
) -> None:
    since = dict.fromkeys(sorted(wrong - right)[: len(right)], now + timedelta(days=ahead))
    since |= dict.fromkeys(right, now)
    assert set(recorded(since, since, now).values()) == {now}

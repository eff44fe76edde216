from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from picsync.core.events import CycleOutcome, PassKind, PassReport
from picsync.core.plan import HoldReason
from picsync.observe.health import HealthCode
from picsync.observe.notify.notices import Key, conditions
from picsync.observe.status import PassStatus, RuleStatus, Status
from tests.observe.notify.builders import (
    FULL,
    HOUR,
    INTERVALS,
    LOGIN,
    NETWORK,
    STILL_FULL,
    held,
    rule,
    status_of,
)

ROOM = "nixplay"


def texts(status: Status) -> list[str]:
    return [condition.text for condition in conditions(status, INTERVALS).values()]


def keys(status: Status, *known: Status) -> set[Key]:
    found = conditions(status, INTERVALS) if not known else {}
    for each in (*known, status) if known else ():
        found = conditions(each, INTERVALS, found)
    return set(found)


@pytest.mark.parametrize(
    "status",
    [
        status_of(),
        status_of(RuleStatus("A")),
        status_of(rule("A"), logins={"Nixplay": True}),
        status_of(rule("A", CycleOutcome.FAILED, NETWORK, failures=1)),
        status_of(rule("A", CycleOutcome.DONE, hold=held(HoldReason.LISTING))),
        status_of(rule("A", CycleOutcome.HELD, hold=held(), dry_run=True)),
    ],
)
def test_what_needs_no_user(status: Status) -> None:
    assert keys(status) == set()


def test_a_login_names_the_service_and_what_to_do() -> None:
    status = status_of(
        rule("A", CycleOutcome.LOGIN_NEEDED, LOGIN, failures=1),
        logins={"Google Photos": False, "Nixplay": True},
        said=LOGIN,
    )
    assert texts(status) == [
        "Google Photos requires you to log in. Google refuses this login. Run `picsync googlephotos login`."
    ]


def test_a_login_does_not_borrow_the_words_of_another_service() -> None:
    status = status_of(
        rule("A", CycleOutcome.LOGIN_NEEDED, LOGIN, failures=1),
        logins={"Google Photos": False, "Nixplay": False},
        said=LOGIN,
    )
    assert texts(status)[1] == "Nixplay requires you to log in."


def test_held_deletes_of_a_mirror_name_it_until_they_are_gone() -> None:
    def status(held: int, outcome: CycleOutcome = CycleOutcome.DONE) -> Status:
        report = PassReport("mirror backup", PassKind.MIRROR, outcome, held=held)
        passing = PassStatus("mirror backup", "backup", PassKind.MIRROR, last=report)
        return replace(status_of(), passes=(passing,))

    key = Key(HealthCode.HELD_DELETES, "mirror backup")
    (text,) = texts(status(3))
    assert text.startswith("Mirror backup: 3 deletes held, since there are more than `maxDelete` permits: ")
    assert text.endswith("run `picsync allow-deletes 'mirror backup'`.")
    assert keys(status(0, CycleOutcome.FAILED), status(3)) == {key}
    assert keys(status(0), status(3)) == set()
    assert key.over == "Mirror backup: no deletes wait for you any more."


def test_held_deletes_name_the_album_the_number_and_the_way_out() -> None:
    status = status_of(rule("A", CycleOutcome.HELD, hold=held()))
    assert texts(status) == [
        (
            "Album A: 20 photos of 40 not deleted: this is 50% of the album at once."
            " If this is intended, run `picsync allow-deletes`, or set `maxDelete: 20` in the rule."
        )
    ]


def test_unassigned_playlist_is_a_problem_until_it_is_assigned() -> None:
    def seen(in_playlist: int | None, *unassigned: str) -> Status:
        found = rule("A")
        assert found.last is not None
        return status_of(
            replace(found, last=replace(found.last, in_playlist=in_playlist, unassigned=unassigned))
        )

    assert keys(seen(5, "ss_A")) == {Key(HealthCode.PLAYLIST_UNASSIGNED, "A")}
    assert "assign it to a frame once by hand" in texts(seen(5, "ss_A"))[0]
    assert keys(seen(None), seen(5, "ss_A")) == {Key(HealthCode.PLAYLIST_UNASSIGNED, "A")}
    assert keys(seen(5), seen(5, "ss_A")) == set()


def test_quota_is_one_problem_for_all_albums() -> None:
    failed = CycleOutcome.FAILED
    status = status_of(rule("A", failed, FULL, STILL_FULL, failures=1), rule("B", failed, FULL, failures=1))
    assert keys(status) == {Key(HealthCode.QUOTA_EXCEEDED, ROOM)}
    assert texts(status) == ["Nixplay has no storage left for more photos: 10.1 of 10 GB. Delete photos."]


def test_a_refused_configuration() -> None:
    status = status_of(problems=["picsync.yaml:3: every: needs a unit", "b", "c"])
    assert texts(status) == [
        "The changed configuration is not used: picsync.yaml:3: every: needs a unit And 2 more problems."
    ]


@pytest.mark.parametrize(
    ("after", "failures", "stale"),
    [
        (3 * HOUR, 3, True),
        (3 * HOUR - timedelta(seconds=1), 3, False),
        (9 * HOUR, 2, False),  # A suspended machine: hours have passed, but there is no run of failures.
        (9 * HOUR, 0, False),
    ],
)
def test_no_good_cycle_for_three_intervals_and_failures(after: timedelta, failures: int, stale: bool) -> None:
    status = status_of(rule("A", CycleOutcome.FAILED, NETWORK, failures=failures), after=after)
    assert keys(status) == ({Key(HealthCode.OVERDUE, "A")} if stale else set())


def test_a_rule_that_never_had_a_good_cycle() -> None:
    status = status_of(rule("A", CycleOutcome.FAILED, NETWORK, failures=5, good_at=None), after=3 * HOUR)
    assert texts(status) == ["Album A: no good cycle yet. The last one: Nixplay cannot be reached."]


def test_a_rule_without_an_interval_is_never_overdue() -> None:
    status = status_of(rule("C", CycleOutcome.FAILED, NETWORK, failures=5), after=9 * HOUR)
    assert keys(status) == set()


def test_failures_explained_by_another_problem_are_omitted() -> None:
    status = status_of(
        rule("A", CycleOutcome.LOGIN_NEEDED, LOGIN, failures=9),
        rule("B", CycleOutcome.FAILED, FULL, failures=9),
        logins={"Google Photos": False},
        after=9 * HOUR,
    )
    assert {key.code for key in keys(status)} == {HealthCode.LOGIN_NEEDED, HealthCode.QUOTA_EXCEEDED}


def test_rules_about_to_be_overdue_join_the_message() -> None:
    late = rule("B", CycleOutcome.FAILED, NETWORK, failures=3, good_at=status_of(after=HOUR).now)
    first = rule("A", CycleOutcome.FAILED, NETWORK, failures=3)
    assert keys(status_of(first, late, after=3 * HOUR)) == {
        Key(HealthCode.OVERDUE, "A"),
        Key(HealthCode.OVERDUE, "B"),
    }
    assert keys(status_of(late, after=3 * HOUR)) == set()


NOTHING_SEEN = rule("A", CycleOutcome.FAILED, NETWORK, failures=1)


@pytest.mark.parametrize(
    ("before", "key"),
    [
        (rule("A", CycleOutcome.FAILED, FULL, failures=1), Key(HealthCode.QUOTA_EXCEEDED, ROOM)),
        (rule("A", CycleOutcome.HELD, hold=held()), Key(HealthCode.HELD_DELETES, "A")),
    ],
)
def test_a_cycle_that_shows_nothing_either_way_ends_no_problem(before: RuleStatus, key: Key) -> None:
    seen = status_of(before)
    assert keys(status_of(NOTHING_SEEN), seen) == {key}
    assert keys(status_of(NOTHING_SEEN), seen, status_of(NOTHING_SEEN)) == {key}
    assert keys(status_of(rule("A")), seen, status_of(NOTHING_SEEN)) == set()


def test_completed_deletes_end_a_hold_despite_other_failures() -> None:
    seen = status_of(rule("A", CycleOutcome.HELD, hold=held()))
    released = rule("A", CycleOutcome.FAILED, NETWORK, deleted=20, failures=1)
    assert keys(status_of(released), seen) == set()


def test_good_cycle_of_one_album_does_not_clear_anothers_quota() -> None:
    seen = status_of(rule("A", CycleOutcome.FAILED, FULL, failures=1), rule("B"))
    assert keys(status_of(NOTHING_SEEN, rule("B")), seen) == {Key(HealthCode.QUOTA_EXCEEDED, ROOM)}
    assert keys(status_of(rule("A"), rule("B", CycleOutcome.FAILED, NETWORK, failures=1)), seen) == set()


def test_what_was_wrong_with_a_removed_rule_is_over() -> None:
    seen = status_of(rule("A", CycleOutcome.HELD, hold=held()))
    assert keys(status_of(rule("B")), seen) == set()


def test_overdue_ends_with_a_good_cycle_only() -> None:
    seen = status_of(rule("A", CycleOutcome.FAILED, NETWORK, failures=3), after=4 * HOUR)
    needs_login = status_of(rule("A", CycleOutcome.LOGIN_NEEDED, LOGIN, failures=4), after=5 * HOUR)
    assert keys(needs_login, seen) == {Key(HealthCode.OVERDUE, "A")}
    assert keys(status_of(rule("A"), after=6 * HOUR), seen, needs_login) == set()

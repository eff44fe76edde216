"""The summary "is the frame up to date?" case by case, and times and events in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from picsync.core.capacity import Capacity, Storage
from picsync.core.errors import ItemError, PicsyncError, TransientError
from picsync.core.events import (
    AccessToken,
    ConfigApplied,
    ConfigRefused,
    CycleOutcome,
    CycleReport,
    CycleStarted,
    Failure,
    ItemUploaded,
    LoggedIn,
    LoginRefused,
    PassFinished,
    PassKind,
    PassReport,
    TransfersPlanned,
)
from picsync.core.model import Certainty
from picsync.core.plan import Transfer
from picsync.observe.health import Level, health, obstacles
from picsync.observe.status import EVENTS_KEPT, PassStatus, Status
from picsync.observe.summary import summarize, summarize_pass, summarize_rule
from picsync.observe.words import relative, rough, storage_sentence, storage_words
from tests.observe.statuses import START, StatusBuilder, item, report_of


def after(*reports: CycleReport) -> Status:
    builder = StatusBuilder()
    builder.expect("Grandma")
    for report in reports:
        builder.cycle(report)
    return builder.board.status()


def failed(*errors: PicsyncError, on_frame: int | None = 5) -> CycleReport:
    failures = tuple(Failure("something", error) for error in errors)
    return report_of("Grandma", 5, outcome=CycleOutcome.FAILED, failures=failures, on_frame=on_frame)


GOOD = report_of("Grandma", 5)
AWAY, BROKEN = TransientError("It is away."), ItemError("It is broken.")
FINAL = PicsyncError("It is over.")


@pytest.mark.parametrize(
    ("reports", "level", "word"),
    [
        ([], Level.UNKNOWN, "not started"),
        ([GOOD], Level.GOOD, "up to date"),
        ([report_of("Grandma", 0)], Level.ATTENTION, "no photos"),
        ([replace(report_of("Grandma", 0), listed=3)], Level.GOOD, "up to date"),
        ([replace(GOOD, wanted=2000, overflow=1995)], Level.GOOD, "up to date"),
        ([replace(GOOD, playlists_edited=1, entries_removed=2)], Level.GOOD, "up to date"),
        ([replace(GOOD, wanted=6)], Level.BUSY, "photos missing"),
        ([replace(GOOD, outcome=CycleOutcome.STOPPED)], Level.UNKNOWN, "stopped"),
        ([replace(GOOD, outcome=CycleOutcome.LOGIN_NEEDED)], Level.BAD, "login needed"),
        ([GOOD, failed(AWAY)], Level.ATTENTION, "retrying"),
        ([GOOD, failed(AWAY, on_frame=None)], Level.ATTENTION, "retrying"),
        ([failed(AWAY)], Level.BAD, "failing"),
        ([GOOD, failed(AWAY), failed(AWAY), failed(AWAY)], Level.BAD, "failing"),
        ([GOOD, failed(AWAY), failed(AWAY), GOOD, failed(AWAY)], Level.ATTENTION, "retrying"),
        ([GOOD, failed(BROKEN)], Level.ATTENTION, "incomplete"),
        ([GOOD, failed(BROKEN, AWAY, FINAL)], Level.BAD, "failing"),
        ([replace(GOOD, dry_run=True)], Level.GOOD, "up to date"),
    ],
)
def test_a_rule(reports: list[CycleReport], level: Level, word: str) -> None:
    status = after(*reports)
    found = summarize_rule(status.rules[0])
    assert (found.level, found.word) == (level, word)
    assert summarize(status).level is level


def test_the_worst_rule_decides_and_is_named() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma", "Cabin", "Office", "Hall", "Attic", "Barn")
    for name in ("Grandma", "Cabin"):
        builder.cycle(report_of(name, 5))
    found = summarize(builder.board.status())
    assert found.level is Level.UNKNOWN
    assert found.details == (
        "Office: The first cycle has not started.",
        "Hall: The first cycle has not started.",
        "Attic: The first cycle has not started.",
        "And 1 more album.",
    )


def test_a_rule_that_sends_is_almost_right_even_after_a_failure() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma")
    builder.cycle(failed(FINAL))
    builder.tell(CycleStarted("Grandma", dry_run=False))
    assert summarize(builder.board.status()).level is Level.BAD
    builder.tell(TransfersPlanned("Grandma", (Transfer(item(1), None),)))
    assert summarize(builder.board.status()).details == ("0 of 1 new photo has been uploaded.",)


def test_a_login_or_a_configuration_that_recovers_is_forgotten() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma")
    builder.cycle(GOOD)
    builder.tell(
        LoginRefused("Google Photos", "The token was revoked."), ConfigRefused(("picsync.yaml: no",))
    )
    refused = builder.board.status()
    assert (summarize(refused).level, not obstacles(refused)) == (Level.BAD, False)
    assert refused.refusals == {"Google Photos": "The token was revoked."}
    builder.tell(AccessToken("Google Photos", None), ConfigApplied(("Grandma",)))
    again = builder.board.status()
    assert (summarize(again).level, not obstacles(again), again.refusals) == (Level.GOOD, True, {})


def test_a_dry_run_leaves_the_answer_to_the_others() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma", "Cabin")
    rules = {rule.name: replace(rule, dry_run=rule.name == "Cabin") for rule in builder.board.status().rules}
    builder.board.expect(rules)
    builder.cycle(report_of("Grandma", 5))
    builder.cycle(report_of("Cabin", 9, dry_run=True))
    found = summarize(builder.board.status())
    assert (found.level, found.details[0]) == (Level.GOOD, "All 5 photos are in place.")


def test_a_playlist_that_no_frame_shows_is_no_yes() -> None:
    found = summarize(after(replace(GOOD, assigned=False, unassigned=("ss_Grandma",))))
    assert found.level is Level.ATTENTION
    assert found.details[0].startswith("No frame shows ss_Grandma yet: assign it to a frame once by hand.")
    assert summarize(after(replace(GOOD, assigned=True))).level is Level.GOOD
    assert summarize(after(replace(GOOD, assigned=None))).level is Level.GOOD


def test_what_could_not_be_listed_is_not_zero() -> None:
    nothing = replace(failed(AWAY), certainty=Certainty.PARTIAL, wanted=0)
    assert "Nothing could be listed; the frame keeps its 5 photos." in summarize(after(nothing)).details[0]


def test_no_rule_is_no_yes() -> None:
    assert summarize(StatusBuilder().board.status()).level is Level.UNKNOWN


def test_many_photos_do_not_push_out_what_matters() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma")
    for number in range(10 * EVENTS_KEPT):
        builder.tell(ItemUploaded("Grandma", f"{number}.jpg", 1000))
    first, second = builder.board.status().entries
    assert (first.message, first.times) == (
        "500 photos arrived on the frame; the last one was 499.jpg.",
        500,
    )
    assert second.action == "config_applied"


def test_a_dry_run_does_not_claim_uploads() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma", dry_run=True)
    builder.tell(ItemUploaded("Grandma", "1.jpg", 1000))
    assert [entry.action for entry in builder.board.status().entries] == ["config_applied"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "now"),
        (-1.5, "now"),
        (-2, "2 seconds ago"),
        (-119, "119 seconds ago"),
        (-120, "2 minutes ago"),
        (-7199, "120 minutes ago"),
        (-7200, "2 hours ago"),
        (-172_800, "2 days ago"),
        (90, "in 90 seconds"),
        (3600, "in 60 minutes"),
    ],
)
def test_relative_times(seconds: float, expected: str) -> None:
    assert relative(START + timedelta(seconds=seconds), START) == expected


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    assert rough(-5) == "0 seconds"


def test_each_refused_login_is_one_sentence_with_its_remedy() -> None:
    builder = StatusBuilder()
    builder.expect("Grandma")
    builder.tell(
        LoginRefused("Nixplay (opa)", "Wrong password.", "Check `accounts.opa:`."),
        LoginRefused("Google Photos", "Revoked.", "Log in again."),
        LoginRefused("Immich", "Rejected."),
        LoggedIn("Immich"),
    )
    assert summarize(builder.board.status()).details == (
        "Nixplay (opa) refuses the login. Wrong password. Check `accounts.opa:`.",
        "Google Photos refuses the login. Revoked. Log in again.",
        "The frame keeps its photos.",
    )


def test_a_full_frame_is_said_to_be_tried() -> None:
    fitted, planned = Capacity(900_000, 2), Capacity(1_200_000, 3)
    tried = Storage(fitted, planned, fitted)
    assert storage_words(tried) == "1.2 MB; so far, 900.0 kB fitted and 3; so far, 2 photos fitted"
    assert storage_words(Storage(fitted, fitted, planned)) == "900.0 kB of 1.2 MB and 2 of 3 photos"
    unsure = Storage(fitted, fitted, planned, planned_about=True)
    assert storage_words(unsure) == "about 900.0 kB of 1.2 MB and 2 of 3 photos"
    assert storage_sentence(unsure) == (
        "Storage: 900.0 kB used, about 900.0 kB planned of 1.2 MB, 300.0 kB left;"
        " 2 used, 2 planned of 3 photos, 1 left."
    )
    assert "about 900.0 kB used" in storage_sentence(replace(unsure, used_about=True))
    assert "about 300.0 kB left" in storage_sentence(replace(unsure, used_about=True))
    assert Storage(planned, planned, fitted).left == Capacity(0, 0)
    assert Storage(fitted, fitted, Capacity(photos=3)).left == Capacity(photos=1)
    nothing = Storage(Capacity(0, 0), planned, Capacity(0, 0))
    assert " of 0" not in storage_sentence(nothing)


def test_held_deletes_of_a_mirror_need_attention() -> None:
    name = "mirror backup"
    builder = StatusBuilder()
    builder.board.expect_passes([PassStatus(name, "backup", PassKind.MIRROR, "/in", ("/out",))])
    for held, level, sentence in (
        (0, Level.GOOD, "All files of /in are where they belong."),
        (3, Level.ATTENTION, "3 deletes held: allow them, or bring the files back."),
    ):
        builder.board.read(PassFinished(PassReport(name, PassKind.MIRROR, CycleOutcome.DONE, held=held)))
        status = builder.board.status()
        found = summarize_pass(status.passes[0])
        assert (found.level, found.sentence, health(status).level) == (level, sentence, level)

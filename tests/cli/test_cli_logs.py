"""The log when stderr is not a terminal."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime

import pytest

from picsync.cli.exits import Exit
from picsync.cli.logs import LogView, set_up
from picsync.cli.sync import report_exit
from picsync.core.errors import TransientError
from picsync.core.events import (
    CycleFinished,
    CycleOutcome,
    CycleReport,
    CycleStarted,
    Event,
    Failure,
    TransfersPlanned,
)
from picsync.core.model import MediaItem
from picsync.core.plan import Plan, Transfer
from picsync.emulators.faults import Fault, FaultKind
from picsync.observe.words import plan_lines
from tests.cli.command_line import CommandLine


def test_each_line_is_a_json_object_with_a_stable_action(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PICSYNC_LOG_FORMAT")
    cli.add(2)
    lines = [json.loads(line) for line in cli.run("sync").err.splitlines()]
    actions = [line["action"] for line in lines]
    assert actions.count("item_uploaded") == 2
    assert {"note", "transfers_planned", "playlist_created", "published", "cycle_finished"} <= set(actions)
    for line in lines:
        assert line["level"] in {"INFO", "WARNING"}
        assert line["message"]
        assert datetime.fromisoformat(line["time"]).tzinfo is not None
    assert {line.get("album") for line in lines if line["action"] != "note"} == {"Family"}


def test_failures_have_a_code_and_an_account(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PICSYNC_LOG_FORMAT")
    cli.add(3)
    cli.server.faults.add(
        Fault(kind=FaultKind.STATUS, status=404, host="lh3.googleusercontent.com", count=99)
    )
    lines = [json.loads(line) for line in cli.run("sync").err.splitlines()]
    codes = {(line["code"], line.get("account")) for line in lines if "code" in line}
    assert ("item_failed", "googlephotos") in codes


def test_the_format_can_be_chosen(cli: CommandLine) -> None:
    cli.add(1)
    assert cli.run("sync", "--log-format", "json").err.startswith("{")
    assert not cli.run("sync", "--log-format", "human").err.startswith("{")


def test_verbose_says_more(cli: CommandLine) -> None:
    cli.add(1)
    assert "Downloaded IMG_1.jpg" in cli.run("sync", "-v").err


def test_the_go_programs_place_for_cache_still_works(cli: CommandLine) -> None:
    cli.add(1)
    assert cli.run("--cache", "elsewhere.db", "sync").code == 0
    assert (cli.folder / "elsewhere.db").exists()
    assert "1 media item known" in cli.run("--cache", "elsewhere.db", "cache", "status").out


def test_trouble_is_said_once_and_so_is_its_end(cli: CommandLine) -> None:
    cli.add(3)
    cli.server.faults.add(Fault(kind=FaultKind.STATUS, status=503, host="lh3.googleusercontent.com", count=4))
    err = cli.run("sync").err
    assert err.count("Trying again in") == 1
    assert err.count("Google Photos responds again.") == 1


def test_what_is_announced_has_an_end_and_a_repetition_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    view = LogView(each_photo=False)
    set_up()
    planned = TransfersPlanned("Family", (Transfer(MediaItem("folder", "a.jpg"), None),))
    failed = CycleReport(
        "Family",
        CycleOutcome.FAILED,
        on_frame=3,
        failures=(Failure("a.jpg", TransientError("It broke off.")),),
    )

    def said(*events: Event) -> list[str]:
        for event in events:
            view(event)
        return capsys.readouterr().err.splitlines()

    announced = "Album Family: 1 item to transfer."
    first = said(planned, CycleFinished(failed))
    assert first[0] == announced
    assert first[-1].startswith("a.jpg: It broke off.")
    assert said(planned, CycleFinished(failed)) == []
    # One more item is news, and so is how that ends, even if it ends in the same way.
    two = replace(planned, transfers=planned.transfers * 2)
    assert said(two, CycleFinished(failed)) == ["Album Family: 2 items to transfer.", *first[1:]]
    done = CycleReport("Family", CycleOutcome.DONE, uploaded=2, on_frame=5)
    assert len(said(two, CycleFinished(done))) == 1
    assert said(planned, CycleFinished(failed))[0] == announced


def test_a_repaired_playlist_is_said_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    view = LogView(each_photo=False)
    set_up()
    same = CycleReport("Family", CycleOutcome.DONE, on_frame=3, in_playlist=3)
    repaired = replace(same, playlists_edited=1, entries_added=1)
    for report in (same, same, repaired, repaired, same):
        view(CycleFinished(report))
    lines = capsys.readouterr().err.splitlines()
    assert [("updated" in line) for line in lines] == [False, True, True]
    assert report_exit(repaired) is Exit.DONE


def test_a_dry_run_announces_nothing_but_its_plan(capsys: pytest.CaptureFixture[str]) -> None:
    view = LogView()
    set_up()
    view(CycleStarted("Family", dry_run=True))
    view(TransfersPlanned("Family", (Transfer(MediaItem("folder", "a.jpg"), None),)))
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("loggers_as_before")
def test_a_line_without_an_action_gets_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(as_json=True)
    logging.getLogger("picsync.anything").warning("Something happened.")
    assert json.loads(capsys.readouterr().err)["action"] == "note"


def test_equal_names_in_a_plan_are_one_line() -> None:
    uploads = [("2026-11-29 13.34.25", "sharedlinks")] * 40 + [("other.jpg", "sharedlinks")]
    lines = list(plan_lines("Family", [], uploads, Plan()))
    assert "  upload 2026-11-29 13.34.25 from sharedlinks (40 photos of this name)" in lines
    assert "  upload other.jpg from sharedlinks" in lines

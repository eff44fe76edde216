"""A rule on several frames: each has its own cycle, and photos are downloaded once for all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from picsync.core.events import ChangesPlanned, CycleOutcome, CycleReport
from picsync.emulators.faults import Fault, FaultKind
from picsync.run.kinds import read_config, read_credentials
from picsync.run.process import RunContext
from picsync.run.scheduler import Stop, run_once
from picsync.run.settings import Settings
from tests.e2e.household import Household
from tests.household_services import MEDIA_HOST


@pytest.fixture
def stick(household: Household) -> Path:
    """A directory that the household's rule also goes to."""
    folder = household.folder / "stick"
    folder.mkdir()
    household.rule_lines = ["frames: [nixplay, usb]"]
    household.top_lines = [f"frames: {{usb: {{kind: folder, path: {folder}}}}}"]
    return folder


async def cycles(household: Household, *, dry_run: bool = False) -> dict[str, CycleReport]:
    """Run one cycle for each frame as a new process would; the reports by name."""
    credentials = read_credentials({}, [household.credentials])
    settings = Settings(read_config(household.write_config(), {}, credentials.kinds), credentials)
    context = RunContext(
        str(household.cache), household.events.append, lambda _message: None, Stop(), dry_run=dry_run
    )
    async with context.open_jobs(settings) as jobs:
        reports = await run_once(jobs, context.stop, context.emit)
    return {report.rule: report for report in reports if isinstance(report, CycleReport)}


def on_stick(stick: Path) -> set[str]:
    return {
        hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in stick.iterdir()
        if path.is_file()
    }


def downloads(household: Household) -> int:
    return household.server.log.count(host=MEDIA_HOST)


async def test_the_pages_of_the_family_need_no_download_of_their_own(household: Household) -> None:
    household.add(12)
    household.top_lines = ["family: {}"]
    reports = await cycles(household)
    assert list(reports) == ["Family", "Family on family pages"]
    assert [report.on_frame for report in reports.values()] == [12, 12]
    assert downloads(household) == 12
    household.server.log.clear()
    again = await cycles(household)
    assert all(report.outcome is CycleOutcome.DONE for report in again.values())
    assert downloads(household) == 0
    household.assert_synced()


async def test_each_frame_shows_the_album_by_one_download_each(household: Household, stick: Path) -> None:
    household.add(30)
    reports = await cycles(household)
    assert list(reports) == ["Family", "Family on usb"]
    assert all(report.outcome is CycleOutcome.DONE for report in reports.values())
    household.assert_synced()
    assert on_stick(stick) == household.wanted()
    assert downloads(household) == 30
    assert sum(report.downloaded for report in reports.values()) == 30
    again = await cycles(household)
    assert downloads(household) == 30
    assert not any(report.changed for report in again.values())


async def test_a_frame_that_fails_leaves_the_other_alone(household: Household, stick: Path) -> None:
    household.add(3)
    await cycles(household)
    household.add(2)
    stick.rename(stick.with_name("unmounted"))
    stick.mkdir()
    reports = await cycles(household)
    assert reports["Family"].outcome is CycleOutcome.DONE
    household.assert_synced()
    [failure] = reports["Family on usb"].failures
    assert "has no manifest of picsync any more" in failure.error.message
    assert list(stick.iterdir()) == []
    stick.rmdir()
    stick.with_name("unmounted").rename(stick)
    reports = await cycles(household)
    assert reports["Family on usb"].uploaded == 2
    assert on_stick(stick) == household.wanted()


async def test_what_left_the_album_leaves_both_frames(household: Household, stick: Path) -> None:
    items = household.add(5)
    await cycles(household)
    household.album.items.remove(items[0])
    reports = await cycles(household)
    assert {report.deleted for report in reports.values()} == {1}
    household.assert_synced()
    assert on_stick(stick) == household.wanted()


async def test_a_dry_run_writes_to_neither(household: Household, stick: Path) -> None:
    household.add(3)
    reports = await cycles(household, dry_run=True)
    assert [report.uploaded for report in reports.values()] == [3, 3]
    assert list(stick.iterdir()) == []
    assert household.server.log.count(method="POST", host="api.nixplay.com", path="/albums") == 0


async def test_a_download_that_breaks_off_is_made_good(household: Household, stick: Path) -> None:
    household.add(6)
    household.server.faults.add(Fault(kind=FaultKind.STATUS, host=MEDIA_HOST, count=3, status=500))
    await cycles(household)
    await cycles(household)
    household.assert_synced()
    assert on_stick(stick) == household.wanted()


async def test_the_plan_of_a_directory_has_no_playlist(household: Household, stick: Path) -> None:
    household.add(2)
    await cycles(household)
    await cycles(household, dry_run=True)
    plans = [event for event in household.events if isinstance(event, ChangesPlanned)]
    assert {event.rule: bool(event.plan.contents) for event in plans} == {
        "Family": True,
        "Family on usb": False,
    }
    assert all(event.plan.empty for event in plans[-2:])

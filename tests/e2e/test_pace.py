"""Concurrency limits over real HTTP, and round-robin between rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs

import pytest

import picsync
from picsync.core.events import CycleOutcome, CycleReport
from picsync.emulators.faults import Fault, FaultKind
from picsync.frames.nixplay.client import UPLOADS
from picsync.http.pace import on_behalf_of
from picsync.run.kinds import read_config, read_credentials
from picsync.run.settings import album_rules
from picsync.run.wiring import open_tools
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from picsync.sync.transfer import Tools
from tests.e2e.household import Household
from tests.household_services import MEDIA_HOST

API = "api.nixplay.com"
BUCKET = "nixplay-prod-upload.s3.us-west-2.amazonaws.com"
MONITOR = "upload-monitor.nixplay.com"


@asynccontextmanager
async def opened(
    household: Household, concurrency: str = "{}", *more_rules: str
) -> AsyncIterator[tuple[Tools, list[AlbumRule]]]:
    """Open what a process works with, under that `concurrency:` and with further lines for the rules."""
    path = household.write_config()
    lines = [f"concurrency: {concurrency}", path.read_text("utf-8"), *more_rules]
    path.write_text("\n".join(lines), "utf-8")
    config = read_config(path, {})
    async with open_tools(
        config,
        read_credentials({}, [household.credentials]),
        cache=str(household.cache),
        emit=household.events.append,
        notify=lambda _message: None,
        sleep=household._sleep,
    ) as tools:
        yield tools, album_rules(config)


async def cycle(rule: AlbumRule, tools: Tools) -> CycleReport:
    with on_behalf_of(rule.name):
        return await run_cycle(rule, tools)


async def test_no_host_is_asked_more_at_a_time_than_its_cap(household: Household) -> None:
    household.add(60)
    async with opened(household) as (tools, [rule]):
        assert (await cycle(rule, tools)).outcome is CycleOutcome.DONE
    household.assert_synced()
    most = household.server.log.max_in_flight
    assert most[API] <= 10
    assert most[BUCKET] <= 16
    assert most[MONITOR] <= 12
    assert most[MEDIA_HOST] <= 8


async def test_what_the_configuration_says_is_kept_to(household: Household) -> None:
    household.add(20)
    concurrency = "{api: 2, downloads: 1, uploads: 1, processing: 2, photos: 2}"
    async with opened(household, concurrency) as (tools, [rule]):
        assert (await cycle(rule, tools)).outcome is CycleOutcome.DONE
    household.assert_synced()
    most = household.server.log.max_in_flight
    assert most[API] <= 2
    assert (most[BUCKET], most[MEDIA_HOST]) == (1, 1)
    assert most[MONITOR] <= 2


async def test_a_huge_album_leaves_every_other_turn_to_a_small_one(household: Household) -> None:
    small = household.google.add_album("Small")
    household.add(60)
    household.add(6, small)
    rule = f"- {{name: Small, sources: {{googlephotos: [{small.album_id}]}}}}"
    concurrency = "{api: 1, downloads: 1, uploads: 1, processing: 1, photos: 1}"
    async with opened(household, concurrency, rule) as (tools, rules):
        reports = await asyncio.gather(*(cycle(rule, tools) for rule in rules))
    assert [report.uploaded for report in reports] == [60, 6]
    small_id = str(household.nixplay.album_named("Small").album_id)
    asked = household.server.log.matching(method="POST", path="/v3/photo/upload/")
    albums = [parse_qs(record.body.decode())["albumId"][0] for record in asked]
    last = max(place for place, album in enumerate(albums) if album == small_id)
    # The huge one may have begun first: some were in line before the small one came.
    assert last < 30
    household.assert_synced()


@pytest.mark.parametrize("status", [429, 503])
async def test_a_frame_that_has_too_much_to_do_is_asked_less(household: Household, status: int) -> None:
    household.add(40)
    household.server.faults.add(Fault(kind=FaultKind.STATUS, status=status, host=BUCKET, skip=10, count=3))
    async with opened(household) as (tools, [rule]):
        assert (await cycle(rule, tools)).outcome is CycleOutcome.DONE
        retrier = tools.frames["nixplay"]._client._bucket._retrier  # type: ignore[attr-defined]
        assert retrier.pace.limit("Nixplay", UPLOADS)._limit.cuts >= 1
    household.assert_synced()


async def test_nothing_is_left_running_when_a_first_sync_is_broken_off(household: Household) -> None:
    household.add(40)
    household.server.faults.add(Fault(kind=FaultKind.HANG, host=MONITOR, count=None, skip=2))
    async with opened(household) as (tools, [rule]):
        running = asyncio.create_task(cycle(rule, tools))
        await household.server.log.wait_for(lambda log: log.count(host=MONITOR) >= 3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert [task for task in asyncio.all_tasks() if _is_of_a_cycle(task)] == []
    household.server.faults.clear()
    assert (await household.cycle()).outcome is CycleOutcome.DONE
    household.assert_synced()


def _is_of_a_cycle(task: asyncio.Task[object]) -> bool:
    """Whether a task runs picsync's code; what is being recorded may be finished (`Cache.record`)."""
    coroutine = task.get_coro()
    code = getattr(coroutine, "cr_code", None)
    name = code.co_filename if code else ""
    ours = Path(picsync.__file__).parent
    return name.startswith(str(ours)) and Path(name).parent.name not in ("emulators", "serving", "cache")

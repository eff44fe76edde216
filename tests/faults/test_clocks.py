"""Sessions, tokens and URLs that expire during a cycle, and clocks that are hours off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from picsync.core.events import CycleOutcome
from picsync.emulators.nixplay import ExpiredSession
from picsync.frames.nixplay import client as nixplay
from picsync.http.retry import Operation
from picsync.sources.google.library.api import LIST_MEDIA_ITEMS, LOOK_AT_ALBUM
from tests.faults.harness import Harness
from tests.faults.scenarios import Scenario

ASKED = (
    nixplay.LIST_WEB_ALBUMS,
    nixplay.CREATE_ALBUM,
    nixplay.OPEN_RECEIVER,
    nixplay.PERMIT_UPLOAD,
    nixplay.STORE_BYTES,
    nixplay.AWAIT_PROCESSING,
    nixplay.LIST_PHOTOS,
    nixplay.LIST_PLAYLISTS,
    nixplay.CREATE_PLAYLIST,
    nixplay.ADD_ITEMS,
    nixplay.LIST_SLIDES,
)
"""Requests of Nixplay, for an account that has neither the album nor the playlist."""


async def done_at_once(harness: Harness, *, token_expired: bool = True) -> None:
    async with harness.picsync(token_expired=token_expired) as tools:
        report = await harness.cycle(tools)
        assert report.outcome is CycleOutcome.DONE, harness.failures()
        assert harness.synced()
        await harness.assert_idle(tools)


@pytest.mark.parametrize("ended", ExpiredSession, ids=lambda each: each.value)
@pytest.mark.parametrize("operation", ASKED, ids=lambda each: each.name)
async def test_the_session_ends_before_a_request(
    harness: Harness, operation: Operation, ended: ExpiredSession
) -> None:
    await Scenario.EMPTY.set(harness)
    harness.nixplay.options.expired_session = ended
    hit: list[Operation] = []

    def end(asked: Operation) -> None:
        if asked == operation and not hit:
            hit.append(asked)
            harness.nixplay.expire_sessions()

    harness.log.observers.append(end)
    await done_at_once(harness)
    assert hit


@pytest.mark.parametrize("place", [LOOK_AT_ALBUM, LIST_MEDIA_ITEMS], ids=lambda each: each.name)
async def test_tokens_end_before_their_time(harness: Harness, place: Operation) -> None:
    await Scenario.CHANGED.set(harness)
    ended: list[Operation] = []

    def end(operation: Operation) -> None:
        if operation == place and not ended:
            ended.append(operation)
            harness.google.expire_access_tokens()

    harness.log.observers.append(end)
    await done_at_once(harness)


@pytest.mark.parametrize("hours", [-6, 6])
@pytest.mark.parametrize("scenario", [Scenario.EMPTY, Scenario.CHANGED])
async def test_clocks_that_are_hours_off(harness: Harness, hours: int, scenario: Scenario) -> None:
    await scenario.set(harness)
    # Ahead, Google has ended the token that ours still shows as good; behind, ours ends what is good.
    harness.service_ahead_s = hours * 3600
    harness.own_ahead = timedelta(hours=-hours)
    await done_at_once(harness, token_expired=False)


async def test_addresses_that_live_shorter_than_documented(harness: Harness) -> None:
    await Scenario.EMPTY.set(harness)
    harness.google.options.base_url_s = 0.0
    async with harness.picsync() as tools:
        report = await harness.cycle(tools)
        assert report.outcome is CycleOutcome.FAILED
        assert harness.invariants.violations == []
        harness.google.options.base_url_s = 3600.0
        assert await harness.converge(tools, 1) == 1

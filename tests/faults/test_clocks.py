"""Sessions, tokens and addresses that end in the middle of a cycle, and clocks that are hours off."""

from __future__ import annotations

from datetime import timedelta

import pytest

from picsync.core.events import CycleOutcome
from picsync.emulators.nixplay import ExpiredSession
from picsync.frames.nixplay import client as nixplay
from picsync.http.retry import Operation
from picsync.sources.google.library.api import LIST_MEDIA_ITEMS, LOOK_AT_ALBUM
from tests.faults.harness import Stage
from tests.faults.scenarios import Scene

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
"""Of Nixplay, for an account that has neither the album nor the playlist."""


async def done_at_once(stage: Stage, *, token_expired: bool = True) -> None:
    async with stage.picsync(token_expired=token_expired) as tools:
        report = await stage.cycle(tools)
        assert report.outcome is CycleOutcome.DONE, stage.failures()
        assert stage.synced()
        await stage.assert_idle(tools)


@pytest.mark.parametrize("ended", ExpiredSession, ids=lambda each: each.value)
@pytest.mark.parametrize("operation", ASKED, ids=lambda each: each.name)
async def test_the_session_ends_before_a_request(
    stage: Stage, operation: Operation, ended: ExpiredSession
) -> None:
    await Scene.EMPTY.set(stage)
    stage.nixplay.options.expired_session = ended
    hit: list[Operation] = []

    def end(asked: Operation) -> None:
        if asked == operation and not hit:
            hit.append(asked)
            stage.nixplay.expire_sessions()

    stage.log.observers.append(end)
    await done_at_once(stage)
    assert hit


@pytest.mark.parametrize("place", [LOOK_AT_ALBUM, LIST_MEDIA_ITEMS], ids=lambda each: each.name)
async def test_tokens_end_before_their_time(stage: Stage, place: Operation) -> None:
    await Scene.CHANGED.set(stage)
    ended: list[Operation] = []

    def end(operation: Operation) -> None:
        if operation == place and not ended:
            ended.append(operation)
            stage.google.expire_access_tokens()

    stage.log.observers.append(end)
    await done_at_once(stage)


@pytest.mark.parametrize("hours", [-6, 6])
@pytest.mark.parametrize("scene", [Scene.EMPTY, Scene.CHANGED])
async def test_clocks_that_are_hours_off(stage: Stage, hours: int, scene: Scene) -> None:
    await scene.set(stage)
    # Ahead, Google has ended the token that ours still shows as good; behind, ours ends what is good.
    stage.service_ahead_s = hours * 3600
    stage.own_ahead = timedelta(hours=-hours)
    await done_at_once(stage, token_expired=False)


async def test_addresses_that_live_shorter_than_documented(stage: Stage) -> None:
    await Scene.EMPTY.set(stage)
    stage.google.options.base_url_s = 0.0
    async with stage.picsync() as tools:
        report = await stage.cycle(tools)
        assert report.outcome is CycleOutcome.FAILED
        assert stage.watch.violations == []
        stage.google.options.base_url_s = 3600.0
        assert await stage.converge(tools, 1) == 1

"""A frame that denies an album twice: photos of a new one are fetched while it is asked again."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable

import pytest

from picsync.core.errors import TransientError
from picsync.core.events import CycleOutcome
from picsync.core.model import FrameAlbum
from tests.contract.memory_frame import MemoryFrame
from tests.pictures import jpeg
from tests.sync.harness import ALBUM, Harness

WRITES = {"create_album", "upload", "delete", "create_playlist", "add_items", "remove_items"}


class Forgetful(MemoryFrame):
    """Its first answer is always that there is no such album; the second one comes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.again = asyncio.Event()
        self.asked_again = asyncio.Event()

    async def look_for_album(self, name: str, denied: Callable[[], None]) -> FrameAlbum | None:
        denied()
        self.asked_again.set()
        await self.again.wait()
        return await self.find_album(name)

    @property
    def writes(self) -> list[tuple[str, ...]]:
        return [call for call in self.calls if call[0] in WRITES]


@pytest.fixture
def frame(harness: Harness) -> Forgetful:
    frame = Forgetful()
    harness.frame, harness.tools = frame, dataclasses.replace(harness.tools, frames={"nixplay": frame})
    return frame


def answers_after_downloads(harness: Harness, frame: Forgetful, ends: int) -> None:
    """Have the second answer come once that many downloads have ended."""
    passed = 0

    def passing(method: str) -> None:
        nonlocal passed
        if method == "download":
            passed += 1
            assert frame.writes == [] or frame.again.is_set()
            if passed == 2 * ends:
                frame.again.set()

    harness.source.passing = passing


async def test_photos_are_fetched_while_the_frame_is_asked_again(harness: Harness, frame: Forgetful) -> None:
    harness.put("one", "two", "three")
    answers_after_downloads(harness, frame, 3)
    report = await harness.cycle()
    assert (report.outcome, report.downloaded, report.uploaded) == (CycleOutcome.DONE, 3, 3)
    harness.assert_synced("one", "two", "three")
    await harness.assert_idle()


async def test_an_album_that_was_denied_once_is_used(harness: Harness, frame: Forgetful) -> None:
    harness.put("one", "two", "three")
    frame.put(ALBUM, jpeg("one"))
    frame.put(ALBUM, jpeg("gone"))
    answers_after_downloads(harness, frame, 3)
    report = await harness.cycle()
    assert (report.outcome, report.downloaded, report.uploaded) == (CycleOutcome.DONE, 5, 2)
    # What the frame has is known by then; what it lacks was in transit, and is fetched again.
    assert harness.source.downloads.count("one") == 1
    assert [call[0] for call in frame.writes].count("create_album") == 0
    assert not report.failures
    assert not report.notices[1:]
    harness.assert_synced("one", "two", "three")


async def test_an_album_that_was_denied_once_may_lack_nothing(harness: Harness, frame: Forgetful) -> None:
    harness.put("one")
    frame.put(ALBUM, jpeg("one"))
    answers_after_downloads(harness, frame, 1)
    report = await harness.cycle()
    assert (report.outcome, report.downloaded, report.uploaded) == (CycleOutcome.DONE, 1, 0)
    harness.assert_synced("one")


async def test_an_album_that_was_denied_once_is_not_emptied(harness: Harness, frame: Forgetful) -> None:
    frame.put(ALBUM, jpeg("one"))
    frame.again.set()
    report = await harness.cycle()
    assert report.hold is not None
    assert (report.on_frame, report.in_playlist) == (1, 1)
    assert not [call for call in frame.writes if call[0] in ("delete", "remove_items", "create_album")]


async def test_a_second_answer_that_fails_ends_the_cycle(harness: Harness, frame: Forgetful) -> None:
    harness.put("one", "two")
    frame.fail["find_album"] = [TransientError("The frame is out of reach.")]
    answers_after_downloads(harness, frame, 2)
    report = await harness.cycle()
    assert report.outcome is CycleOutcome.FAILED
    assert [str(failure.error) for failure in report.failures] == ["The frame is out of reach."]
    assert frame.writes == []
    report = await harness.cycle()
    assert (report.outcome, report.downloaded) == (CycleOutcome.DONE, 2)
    harness.assert_synced("one", "two")


async def test_a_cycle_that_is_cancelled_asks_no_more(harness: Harness, frame: Forgetful) -> None:
    harness.put("one")
    cycle = asyncio.create_task(harness.cycle())
    await frame.asked_again.wait()
    cycle.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cycle
    assert frame.writes == []


async def test_a_dry_run_waits_for_the_second_answer(harness: Harness, frame: Forgetful) -> None:
    harness.put("one")
    harness.rule = dataclasses.replace(harness.rule, dry_run=True)
    report = await harness.cycle()
    assert report.uploaded == 1
    assert not frame.asked_again.is_set()

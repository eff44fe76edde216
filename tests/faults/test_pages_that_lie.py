"""Listings whose pages repeat, never end, shift, or contradict other responses."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from picsync.core.events import CycleOutcome
from picsync.core.plan import HoldReason
from picsync.frames.nixplay import client as nixplay
from picsync.http.retry import Operation
from picsync.sources.google.library.api import LIST_MEDIA_ITEMS
from tests.faults.harness import Harness
from tests.faults.interception import Rewrite
from tests.faults.scenarios import Scenario
from tests.household_services import PLAYLIST


def rewrite(harness: Harness, operation: Operation, change: Callable[[Any], object]) -> None:
    def rewriting(body: bytes) -> bytes:
        answer = json.loads(body)
        change(answer)
        return json.dumps(answer).encode()

    harness.wire.rewrites.append(Rewrite(operation, rewriting))


async def suffers(harness: Harness, *, cycles: int = 1) -> CycleOutcome:
    """Run a cycle with the fault and as many as follow; no photo may be lost or duplicated."""
    async with harness.picsync() as tools:
        report = await harness.cycle(tools)
        assert harness.invariants.violations == [], harness.failures()
        harness.heal()
        assert await harness.converge(tools, cycles) == cycles
    return report.outcome


@pytest.mark.parametrize("begin", [0, 1])
async def test_a_token_that_leads_to_itself(harness: Harness, begin: int) -> None:
    await Scenario.CHANGED.set(harness)
    harness.google.options.stuck_token_from = begin
    async with harness.picsync() as tools:
        report = await harness.cycle(tools)
        assert report.outcome is CycleOutcome.FAILED
        assert report.deleted == 0
        harness.google.options.stuck_token_from = None
        assert await harness.converge(tools, 1) == 1


async def test_tokens_without_end(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("picsync.sources.google.library.source.MAX_PAGES", 20)
    await Scenario.CHANGED.set(harness)
    harness.google.options.empty_page_every = 1
    async with harness.picsync() as tools:
        report = await harness.cycle(tools)
        assert report.outcome is CycleOutcome.FAILED
        assert report.deleted == 0
        harness.google.options.empty_page_every = 0
        assert await harness.converge(tools, 1) == 1


async def test_pages_that_repeat_entries_of_the_one_before(harness: Harness) -> None:
    await Scenario.CHANGED.set(harness)
    harness.google.options.repeat_entries = 1
    assert await suffers(harness) is CycleOutcome.DONE


@pytest.mark.parametrize("end", [8, None], ids=["after 8 pages", "never"])
@pytest.mark.parametrize("operation", [nixplay.LIST_PHOTOS, nixplay.LIST_SLIDES], ids=lambda each: each.name)
async def test_the_same_page_for_all_pages(harness: Harness, operation: Operation, end: int | None) -> None:
    await Scenario.CHANGED.set(harness)
    first: list[bytes] = []

    def same(body: bytes) -> bytes:
        first.append(body)
        return first[0]

    harness.wire.rewrites.append(Rewrite(operation, same, end))
    await suffers(harness)


@pytest.mark.parametrize("operation", [nixplay.LIST_PHOTOS, nixplay.LIST_SLIDES], ids=lambda each: each.name)
async def test_new_entries_on_every_page_without_end(
    harness: Harness, operation: Operation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picsync.frames.nixplay.pages.MAX_PAGES", 20)
    await Scenario.CHANGED.set(harness)
    numbers = itertools.count(900_000_000)

    def another(answer: Any) -> None:
        [entries] = (value for value in answer.values() if isinstance(value, list))
        number = next(numbers)
        invented = {"id": number, "dbId": number, "playlistItemId": f"x{number}", "md5": f"{number:032x}"}
        entries.append(invented)

    rewrite(harness, operation, another)
    await suffers(harness)


@pytest.mark.parametrize("keep", [0, 1])
async def test_playlist_listed_with_fewer_entries_than_its_count(harness: Harness, keep: int) -> None:
    await Scenario.CHANGED.set(harness)
    playlist = harness.nixplay.playlist_named(PLAYLIST)
    most: list[int] = []
    harness.log.observers.append(lambda _: most.append(len(playlist.items)))
    rewrite(harness, nixplay.LIST_SLIDES, lambda answer: answer["slides"].__delitem__(slice(keep, None)))
    await suffers(harness)
    assert max(most) <= 6, "what was only not listed was added again"


async def test_no_playlists_are_listed_though_there_always_are_some(harness: Harness) -> None:
    await Scenario.CHANGED.set(harness)
    rewrite(harness, nixplay.LIST_PLAYLISTS, lambda answer: answer.clear())
    assert await suffers(harness) is CycleOutcome.FAILED


async def test_an_album_that_is_listed_with_fewer_photos_than_it_says(harness: Harness) -> None:
    await Scenario.CHANGED.set(harness)
    rewrite(harness, nixplay.LIST_PHOTOS, lambda answer: answer["photos"].__delitem__(slice(1, None)))
    async with harness.picsync() as tools:
        report = await harness.cycle(tools)
        assert report.deleted == 0
        assert harness.invariants.violations == []
        harness.heal()
        assert await harness.converge(tools, 1) == 1
    assert report.hold is None or report.hold.reason is HoldReason.LISTING


async def test_items_come_and_go_between_the_pages(harness: Harness) -> None:
    await Scenario.CHANGED.set(harness)
    pages = itertools.count()

    def meanwhile(operation: Operation) -> None:
        if operation == LIST_MEDIA_ITEMS and next(pages) == 1:
            harness.google.remove_item(harness.album.items[0], harness.album)

    harness.log.observers.append(meanwhile)
    # One has shifted away between the pages: the count tells, so nothing is deleted for it.
    assert await suffers(harness) is CycleOutcome.FAILED


async def test_photos_vanish_between_the_pages_of_the_frame(harness: Harness) -> None:
    await Scenario.CHANGED.set(harness)
    pages = itertools.count()
    album = harness.nixplay.album_named("Family")

    def meanwhile(operation: Operation) -> None:
        if operation == nixplay.LIST_PHOTOS and next(pages) == 1:
            newest = album.newest_first()[0]
            harness.invariants.by_hand(lambda: harness.nixplay.delete_photo(newest))

    harness.log.observers.append(meanwhile)
    await suffers(harness)

"""Photos that viewers of a frame do not want, over whole cycles with a real directory as the frame."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from picsync.core.events import CycleOutcome, CycleReport, NoticeKind
from picsync.core.plan import Rule
from picsync.core.recipe import Recipe
from picsync.core.select import Skip
from picsync.frames.folder.frame import FolderFrame
from picsync.sync.cycle import run_cycle
from picsync.sync.rule import AlbumRule
from tests.cache.fresh import open_fresh
from tests.pictures import jpeg
from tests.rendering.drawing import baseline
from tests.sync.harness import Harness, open_harness

NAMES = tuple(f"p{n}" for n in range(8))


class Shelf:
    """A directory on a shelf that a rule fills from two albums."""

    def __init__(self, harness: Harness, folder: Path) -> None:
        self.harness, self.folder = harness, folder
        self.frame = FolderFrame(
            str(folder), own_folder=folder.parent, now=lambda: datetime.now(UTC) + timedelta(hours=1)
        )
        self.tools = replace(harness.tools, frames={"usb": self.frame})
        self.rule = AlbumRule(Rule("Trip"), {"googlephotos": ["a", "b"]}, frame="usb")

    async def cycle(self) -> CycleReport:
        return await run_cycle(self.rule, self.tools)

    def files(self) -> dict[str, Path]:
        """Return the files by the first part of their names."""
        return {path.name.split("-")[0]: path for path in self.folder.iterdir() if path.is_file()}


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    folder = tmp_path / "usb"
    folder.mkdir()
    async with open_harness(tmp_path) as harness:
        harness.source.put_album("b")
        yield Shelf(harness, folder)


async def test_a_deleted_photo_stays_away_until_it_is_restored(shelf: Shelf) -> None:
    shelf.harness.put(*NAMES)
    await shelf.cycle()
    shelf.files()["p3"].unlink()
    report = await shelf.cycle()
    assert (report.outcome, report.uploaded, report.hold) == (CycleOutcome.DONE, 0, None)
    assert report.skipped == {Skip.REJECTED: 1}
    [notice] = report.notices
    assert (notice.kind, notice.name) == (NoticeKind.PHOTO_REJECTED, "p3.jpg")
    assert (await shelf.cycle()).notices == ()
    await shelf.frame.restore((await shelf.frame.rejected()).items)
    report = await shelf.cycle()
    assert (report.uploaded, report.skipped) == (1, {})
    assert set(shelf.files()) == set(NAMES)


async def test_equal_content_from_another_source_stays_away_too(shelf: Shelf) -> None:
    shelf.harness.put(*NAMES)
    await shelf.cycle()
    shelf.files()["p3"].unlink()
    await shelf.cycle()
    shelf.harness.source.put("b", "copy", jpeg("p3"), filename="copy.jpg")
    for downloads in (1, 0):
        report = await shelf.cycle()
        assert (report.downloaded, report.uploaded, report.hold) == (downloads, 0, None)
        assert report.skipped == {Skip.REJECTED: 2}
    assert "copy" not in shelf.files()


async def test_a_lost_cache_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    shelf.harness.put(*NAMES)
    await shelf.cycle()
    shelf.files()["p3"].unlink()
    await shelf.cycle()
    before = len(shelf.harness.source.downloads)
    cache = await open_fresh(tmp_path / "another.db")
    try:
        shelf.tools = replace(shelf.tools, cache=cache)
        report = await shelf.cycle()
    finally:
        await cache.aclose()
    assert (report.outcome, report.skipped) == (CycleOutcome.DONE, {Skip.REJECTED: 1})
    assert len(shelf.harness.source.downloads) == before


async def test_another_rendition_stays_away_too(shelf: Shelf) -> None:
    for number, name in enumerate(NAMES):
        shelf.harness.source.put("a", name, baseline(64 + number, 48), filename=f"{name}.jpg")
    shelf.rule = replace(shelf.rule, recipe=Recipe(), replace=True)
    await shelf.cycle()
    shelf.files()["p3"].unlink()
    await shelf.cycle()
    from picsync.core.recipe import Panel

    shelf.rule = replace(shelf.rule, recipe=Recipe(panel=Panel(32, 24)))
    for _ in range(2):
        report = await shelf.cycle()
        assert report.skipped == {Skip.REJECTED: 1}
    assert set(shelf.files()) == set(NAMES) - {"p3"}
    await shelf.tools.renderer.aclose()


async def test_a_wiped_folder_is_filled_again(shelf: Shelf) -> None:
    shelf.harness.put(*NAMES)
    await shelf.cycle()
    for path in shelf.files().values():
        path.unlink()
    report = await shelf.cycle()
    assert report.uploaded == len(NAMES)
    [notice] = report.notices
    assert (notice.kind, notice.count, notice.shown) == (NoticeKind.PHOTOS_LOST, 8, 8)
    report = await shelf.cycle()
    assert (report.notices, report.uploaded, report.skipped) == ((), 0, {})


async def test_a_dry_run_records_nothing(shelf: Shelf) -> None:
    shelf.harness.put(*NAMES)
    await shelf.cycle()
    shelf.files()["p3"].unlink()
    manifest = (shelf.folder / ".picsync" / "manifest.jsonl").read_bytes()
    shelf.rule = replace(shelf.rule, dry_run=True)
    report = await shelf.cycle()
    assert report.skipped == {Skip.REJECTED: 1}
    assert (shelf.folder / ".picsync" / "manifest.jsonl").read_bytes() == manifest

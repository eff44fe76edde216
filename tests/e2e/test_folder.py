"""From a folder to the frame over real HTTP, also when the folder is unavailable."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from picsync.core.plan import HoldReason
from picsync.emulators.google import generated_jpeg
from picsync.run.kinds import read_config, read_credentials
from picsync.run.settings import album_rules
from picsync.run.wiring import open_tools
from picsync.sources.base import sources_changed
from picsync.sync.cycle import run_cycle
from tests.e2e.household import PHOTO_BYTES, Household
from tests.sources.folder.opened_files import opened_below


@dataclass
class Album:
    """A folder of pictures that is the rule's source."""

    root: Path
    made: int = 0

    def put(self, path: str) -> Path:
        self.made += 1
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"".join(generated_jpeg(self.made, PHOTO_BYTES).chunks()))
        return file

    def wanted(self) -> set[str]:
        files = [path for path in self.root.rglob("*.jpg") if path.is_file()]
        return {hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest() for file in files}


@pytest.fixture
async def album(household: Household, tmp_path: Path) -> Album:
    album = Album(tmp_path / "photos")
    for number in range(5):
        album.put(f"{number % 2}/{number}.jpg")
    household.source_lines = [f"folder: [{{path: {album.root}, quiet: 0s}}]"]
    return album


async def test_pictures_come_change_and_go(household: Household, album: Album) -> None:
    report = await household.cycle()
    assert report.uploaded == 5
    household.assert_synced(album.wanted())
    album.put("0/0.jpg")
    (album.root / "1/1.jpg").unlink()
    (album.root / "0/2.jpg").rename(album.root / "elsewhere.jpg")
    album.put("2024/new.jpg")
    report = await household.cycle()
    assert (report.outcome, report.uploaded, report.deleted) == ("done", 2, 2)
    household.assert_synced(album.wanted())


async def test_a_steady_cycle_opens_no_file(household: Household, album: Album) -> None:
    await household.cycle()
    with opened_below(album.root) as opened:
        await household.assert_idle()
    assert opened == []


@pytest.mark.parametrize("left_behind", ["nothing", "an empty folder", "an unreadable name"])
async def test_an_unmounted_folder_deletes_nothing_from_the_frame(
    household: Household, album: Album, left_behind: str
) -> None:
    await household.cycle()
    wanted, away = album.wanted(), album.root.with_name("away")
    album.root.rename(away)
    if left_behind == "an empty folder":
        album.root.mkdir()
    elif left_behind == "an unreadable name":
        album.root.write_bytes(b"")
    household.rule_lines = ['maxDelete: "100%"']
    for _ in range(2):
        report = await household.cycle(allow_deletes=True)
        assert report.outcome == "failed"
        assert report.hold is not None
        assert report.hold.reason is HoldReason.LISTING
        [failure] = report.failures
        assert str(album.root) in failure.error.message
        household.assert_synced(wanted)
    album.root.rmdir() if album.root.is_dir() else album.root.unlink(missing_ok=True)
    away.rename(album.root)
    await household.assert_idle()
    household.assert_synced(wanted)


async def test_an_emptied_folder_is_believed_when_a_person_says_so(
    household: Household, album: Album
) -> None:
    await household.cycle()
    for file in album.root.rglob("*.jpg"):
        file.unlink()
    household.source_lines = [f"folder: [{{path: {album.root}, quiet: 0s, mayBeEmpty: true}}]"]
    household.may_empty = True
    report = await household.cycle(allow_deletes=True)
    assert (report.outcome, report.deleted) == ("done", 5)
    household.assert_synced(set())


async def test_unusable_files_are_reported_once_and_block_nothing(household: Household, album: Album) -> None:
    await household.cycle()
    wanted = album.wanted()
    gone = hashlib.md5((album.root / "0/0.jpg").read_bytes(), usedforsecurity=False).hexdigest()
    (album.root / "letter.jpg").write_bytes(b"<p>Dear grandma</p>")
    (album.root / "nothing.jpg").write_bytes(b"")
    (album.root / "notes.txt").write_bytes(b"words")
    (album.root / "0/0.jpg").unlink()
    report = await household.cycle()
    assert sorted(failure.subject for failure in report.failures) == ["letter.jpg", "nothing.jpg"]
    assert report.deleted == 1
    household.assert_synced(wanted - {gone})
    await household.assert_idle()


async def test_mixed_with_an_album_equal_content_is_one_photo(household: Household, album: Album) -> None:
    (item,) = household.add(1)
    (album.root / "the same.jpg").write_bytes(b"".join(generated_jpeg(1, PHOTO_BYTES).chunks()))
    household.source_lines = [*(household.source_lines or []), f"googlephotos: [{household.album.album_id}]"]
    report = await household.cycle()
    assert report.uploaded == 5
    assert item.filename
    household.assert_synced(album.wanted() | household.wanted())


@pytest.mark.skipif(sys.platform != "linux", reason="changes are only noticed on Linux")
async def test_new_picture_starts_a_cycle_that_uploads_it(household: Household, album: Album) -> None:
    config = read_config(household.write_config(every="1h"), {})
    credentials = read_credentials({}, [household.credentials])
    async with open_tools(
        config,
        credentials,
        cache=str(household.cache),
        emit=household.events.append,
        notify=lambda _message: None,
    ) as tools:
        (rule,) = album_rules(config)
        await run_cycle(rule, tools)
        noticing = asyncio.create_task(sources_changed(rule.sources, tools.sources))
        await asyncio.sleep(0)
        album.put("2024/new.jpg")
        async with asyncio.timeout(30):
            await noticing
        report = await run_cycle(rule, tools)
    assert report.uploaded == 1
    household.assert_synced(album.wanted())

"""Files that are still being written, and notifications of changes."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from picsync.sources.base import NoticesChanges
from tests.contract.source_contract import JPEG
from tests.sources.folder.folder_album import FolderAlbum, names, unreadable

QUIET_S = 10.0


async def test_new_file_is_listed_once_it_is_quiet(album: FolderAlbum) -> None:
    album.ahead_s = 0
    album.put("a.jpg")
    listing = await album.list()
    assert album.waits == [QUIET_S]
    assert listing.complete
    assert names(listing) == ["a.jpg"]


async def test_an_old_file_is_taken_at_once(album: FolderAlbum) -> None:
    album.ahead_s = QUIET_S + 1
    album.put("a.jpg")
    assert names(await album.list()) == ["a.jpg"]
    assert album.waits == []


async def test_a_clock_that_is_behind_the_disks_does_not_matter(album: FolderAlbum) -> None:
    album.ahead_s = -(10.0**6)
    album.put("a.jpg")
    assert names(await album.list()) == ["a.jpg"]


async def test_growing_file_makes_the_first_listing_incomplete(
    album: FolderAlbum,
) -> None:
    album.ahead_s = 0
    album.put("old.jpg")
    file = album.put("new.jpg")
    album.meanwhile = lambda: file.write_bytes(file.read_bytes() + b"more")
    listing = await album.list()
    assert names(listing) == ["old.jpg"]
    assert listing.problem == "1 of its files is still being written, so its contents are not known yet."


async def test_once_a_folder_is_known_a_long_copy_is_no_trouble(album: FolderAlbum) -> None:
    album.put("old.jpg")
    source = album.source()
    await album.list(source)
    album.ahead_s = 0
    file = album.put("new.jpg")
    album.meanwhile = lambda: file.write_bytes(file.read_bytes() + b"more")
    listing = await album.list(source)
    assert names(listing) == ["old.jpg"]
    assert listing.complete
    album.meanwhile = lambda: None
    assert names(await album.list(source)) == ["new.jpg", "old.jpg"]


async def test_rewritten_file_keeps_its_version_until_it_is_quiet(
    album: FolderAlbum,
) -> None:
    file = album.put("a.jpg")
    source = album.source()
    before = await album.list(source)
    album.ahead_s = 0
    file.write_bytes(JPEG + b"the first half of something new")
    assert await album.list(source) == before
    assert album.waits == [], "what is known need not be waited for"
    album.ahead_s = QUIET_S + 1
    after = await album.list(source)
    assert [item.item_id for item in after.items] == [item.item_id for item in before.items]
    assert after.items[0].version != before.items[0].version


async def test_constantly_written_other_files_are_not_waited_for(
    album: FolderAlbum,
) -> None:
    album.ahead_s = 0
    album.options = {"quiet": "10s"}
    album.put("app.log", b"words")
    assert names(await album.list()) == []
    assert album.waits == []


async def test_without_a_quiet_period_files_are_taken_as_they_are(album: FolderAlbum) -> None:
    album.ahead_s = 0
    album.options = {"quiet": "0s"}
    album.put("a.jpg")
    assert names(await album.list()) == ["a.jpg"]
    assert album.waits == []


async def test_a_touched_file_is_the_same_content_in_a_new_version(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    source = album.source()
    first = (await album.list(source)).items
    file.chmod(0o600)
    assert (await album.list(source)).items == first
    os.utime(file, (1, 1))
    assert (await album.list(source)).items != first


async def test_a_file_replaced_by_one_of_the_same_size_and_age(album: FolderAlbum) -> None:
    file = album.put("a.jpg", JPEG + b"one")
    first = (await album.list()).items
    other = album.put("b.jpg", JPEG + b"two")
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.replace(file)
    assert (await album.list()).items != first


async def test_a_picture_that_turns_unreadable_is_still_listed(public_album: FolderAlbum) -> None:
    album = public_album
    file = album.put("holiday", JPEG)
    source = album.source()
    assert (await album.list(source)).items
    file.write_bytes(JPEG + b"changed")
    with unreadable(file):
        listing = await album.list(source)
    assert listing.complete
    assert names(listing) == ["holiday"]


# --- being told -------------------------------------------------------------------------------------------

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="changes are only noticed on Linux")


async def changed(album: FolderAlbum, source: NoticesChanges) -> None:
    await asyncio.wait_for(source.changed(str(album.entry)), 30)


async def noticed(album: FolderAlbum, source: NoticesChanges) -> bool:
    """Whether a change is known of by now; what has happened is read at the loop's next turn."""
    task = asyncio.create_task(changed(album, source))
    for _ in range(20):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    await asyncio.wait([task])
    return done


@only_linux
async def test_new_picture_is_noticed_once_it_is_quiet(album: FolderAlbum) -> None:
    album.put("sub/a.jpg")
    source = album.source()
    await album.list(source)
    noticing = asyncio.create_task(changed(album, source))
    await asyncio.sleep(0)
    album.put("sub/b.jpg")
    await noticing
    assert sum(album.waits) >= QUIET_S
    await album.list(source)
    assert not await noticed(album, source)


@only_linux
@pytest.mark.parametrize("what", ["new folder", "renamed", "deleted", "moved in", "in a new folder"])
async def test_what_is_noticed(album: FolderAlbum, what: str) -> None:
    file = album.put("sub/a.jpg")
    outside = album.root.parent / "outside"
    outside.mkdir()
    (outside / "b.jpg").write_bytes(JPEG)
    source = album.source()
    await album.list(source)
    match what:
        case "new folder":
            (album.root / "more").mkdir()
        case "renamed":
            file.rename(file.with_name("c.jpg"))
        case "deleted":
            file.unlink()
        case "moved in":
            outside.rename(album.root / "inside")
        case _:
            (album.root / "more").mkdir()
            await changed(album, source)
            await album.list(source)
            album.put("more/d.jpg")
    await changed(album, source)


@only_linux
async def test_changes_of_ignored_files_are_not_noticed(album: FolderAlbum) -> None:
    album.put("a.jpg")
    album.put("@eaDir/a.jpg/thumb.jpg", JPEG)
    source = album.source()
    await album.list(source)
    album.put("@eaDir/a.jpg/thumb2.jpg", JPEG)
    album.put(".syncthing.b.jpg.tmp", JPEG)
    album.put("Thumbs.db", JPEG)
    album.put("app.log", b"words")
    assert not await noticed(album, source)
    album.put("b.jpg")
    assert await noticed(album, source)


@only_linux
async def test_watches_do_not_pile_up(album: FolderAlbum) -> None:
    source = album.source()
    for number in range(5):
        album.put(f"{number}/a.jpg")
        await album.list(source)
        (album.root / f"{number}").rename(album.root.with_name(f"away {number}"))
    await album.list(source)
    watcher = source._watcher
    assert watcher is not None
    assert watcher.watched == 1


async def test_long_copy_does_not_delay_files_that_are_complete(album: FolderAlbum) -> None:
    source = album.source()
    album.put("a.jpg")
    await album.list(source)
    source._touch(str(album.entry))
    album.meanwhile = lambda: source._touch(str(album.entry))
    await changed(album, source)
    assert QUIET_S < sum(album.waits) <= 60

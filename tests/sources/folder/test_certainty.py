"""What cannot be seen of a folder never counts as removed."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from picsync.core.errors import TransientError
from picsync.core.model import Listing
from picsync.sources.choice import Choice
from picsync.sources.folder.database import FILE_NAME, FolderDatabase
from picsync.sources.folder.scan import FolderState, Scan, ScanResult
from picsync.sources.folder.volumes import Volume, mount_problems
from picsync.system.blocking import THREAD_NAME
from picsync.system.mounts import Mount, Mounts
from tests.contract.source_contract import JPEG
from tests.media.files import tiff
from tests.sources.folder.folder_album import FolderAlbum, content, names, unreadable


def assert_partial(listing: Listing, *words: str) -> None:
    assert not listing.complete
    assert listing.problem is not None
    for word in words:
        assert word in listing.problem


async def test_a_folder_that_is_gone(album: FolderAlbum) -> None:
    album.put("a.jpg")
    await album.list()
    shutil.rmtree(album.root)
    assert_partial(await album.list(), f"There is no folder {album.root}.")


async def test_a_file_in_the_place_of_the_folder(album: FolderAlbum) -> None:
    album.root.rmdir()
    album.root.write_bytes(JPEG)
    assert_partial(await album.list(), str(album.root), "is a file. Write the folder that contains it.")


async def test_a_missing_folder_notices_no_changes(album: FolderAlbum) -> None:
    assert len(await album.source().examine()) == 1
    album.root.rmdir()
    assert await album.source().examine() == []
    assert_partial(await album.list(), "There is no folder")


async def test_a_folder_that_was_full_is_not_believed_to_be_empty(album: FolderAlbum) -> None:
    files = [album.put(f"{number}.jpg") for number in range(3)]
    album.put("notes.txt", b"words")
    assert (await album.list()).complete
    for file in files:
        file.unlink()
    for _ in range(2):
        # Neither in the same process nor in another one, and neither the first nor the second time.
        listing = await album.list()
        assert_partial(listing, str(album.root), "it contained 3 pictures before", "mayBeEmpty: true")
        assert listing.items == ()


async def test_what_comes_back_is_believed_again(album: FolderAlbum) -> None:
    album.put("sub/a.jpg")
    source = album.source()
    await album.list(source)
    album.root.rename(album.root.with_name("away"))
    album.root.mkdir()
    assert not (await album.list(source)).complete
    album.root.rmdir()
    album.root.with_name("away").rename(album.root)
    assert names(await album.list(source)) == ["a.jpg"]
    assert (await album.list(source)).complete


async def test_a_folder_that_may_be_empty(album: FolderAlbum) -> None:
    album.options = {"mayBeEmpty": True}
    file = album.put("a.jpg")
    await album.list()
    file.unlink()
    assert (await album.list()).complete


async def test_a_folder_that_never_held_anything_is_empty(album: FolderAlbum) -> None:
    assert (await album.list()).complete
    assert (await album.list()).complete


async def test_a_subfolder_that_cannot_be_read(public_album: FolderAlbum) -> None:
    album = public_album
    album.put("a.jpg")
    album.put("private/b.jpg")
    source = album.source()
    assert (await album.list(source)).complete
    with unreadable(album.root / "private"):
        listing = await album.list(source)
    assert_partial(listing, f"{album.root}/private cannot be read: Permission denied.")
    assert names(listing) == ["a.jpg"]
    assert names(await album.list(source)) == ["a.jpg", "b.jpg"]


async def test_a_subfolder_deeper_than_any_path_may_be_long(album: FolderAlbum) -> None:
    album.put("a.jpg")
    place = os.open(album.root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=place)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = below
    os.close(os.open("b.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    listing = await album.list()
    assert listing.complete
    assert names(listing) == ["a.jpg", "b.jpg"]


async def test_a_folder_that_vanishes_while_it_is_listed(album: FolderAlbum) -> None:
    for number in range(50):
        album.put(f"{number:02}/a.jpg")
    entered: list[str] = []

    def vanish(folder: str) -> None:
        entered.append(folder)
        if len(entered) == 10:
            album.root.rename(album.root.with_name("away"))
            album.root.mkdir()

    seen = await listed_while(album, vanish)
    assert "was replaced or unmounted while it was listed" in seen.problems[0]


async def test_a_folder_that_is_replaced_after_it_was_read(album: FolderAlbum) -> None:
    album.put("a.jpg")
    album.put("b.jpg")

    def replace(_folder: str) -> None:
        album.root.rename(album.root.with_name("away"))
        album.root.mkdir()
        album.put("a.jpg")

    seen = await listed_while(album, replace)
    [problem] = seen.problems
    assert f"{album.root} was replaced or unmounted while it was listed." in problem


async def listed_while(album: FolderAlbum, meanwhile: Callable[[str], None]) -> ScanResult:
    """List the folder, with something happening before each subfolder is read."""
    album.options = {"quiet": "0s"}
    return Scan(
        str(album.entry),
        album.entry,
        Choice((), ()),
        FolderState(),
        FolderDatabase(album.own),
        enter=meanwhile,
        read=os.read,
        now_s=0.0,
        clock_s=0.0,
    ).run()


@pytest.mark.parametrize("first", [False, True])
async def test_memory_that_cannot_be_kept_is_told(album: FolderAlbum, first: bool) -> None:
    album.put("a.jpg")
    if not first:
        await album.list()
        (album.own / FILE_NAME).unlink()
    (album.own / FILE_NAME).mkdir()
    listing = await album.list()
    assert_partial(listing, FILE_NAME)
    assert names(listing) == ["a.jpg"]


async def test_files_probed_by_older_versions_are_probed_again(album: FolderAlbum) -> None:
    for name, data in {"a.tif": tiff({262: 32803}), "b.jpg": b"", "c.x": b"FUJIFILMCCD-RAW 0201"}.items():
        album.put(name, data)
    await album.list()
    with closing(sqlite3.connect(album.own / FILE_NAME)) as memory, memory:
        memory.execute("UPDATE look SET mime_type = 'image/tiff' WHERE path = ?", (b"a.tif",))
        memory.execute("UPDATE look SET mime_type = 'image/png' WHERE path = ?", (b"b.jpg",))
        memory.execute("UPDATE look SET mime_type = '' WHERE path = ?", (b"c.x",))
        memory.execute("PRAGMA application_id = 0")
    for _ in range(2):
        listing = await album.list()
        assert [item.mime_type for item in listing.items] == [
            "image/x-dcraw",
            "image/png",
            "image/x-fuji-raf",
        ]


async def test_memory_that_is_damaged_is_set_aside_and_said_once(album: FolderAlbum) -> None:
    file = album.put("a.jpg")
    await album.list()
    (album.own / FILE_NAME).write_bytes(b"no database at all, but some text " * 100)
    file.unlink()
    source = album.source()
    assert_partial(await album.list(source), "was renamed")
    assert (album.own / f"{FILE_NAME}.set-aside").exists()
    assert (await album.list(source)).complete


async def test_memory_of_a_newer_picsync_is_set_aside(album: FolderAlbum) -> None:
    await album.list()
    with closing(sqlite3.connect(album.own / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    album.put("a.jpg")
    assert_partial(await album.list(), "newer picsync")


async def test_memory_held_by_another_process_is_not_forgotten(
    album: FolderAlbum,
) -> None:
    file = album.put("a.jpg")
    await album.list()
    file.unlink()
    source = album.source()
    with closing(sqlite3.connect(album.own / FILE_NAME)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert_partial(await album.list(source), "locked")
    assert_partial(await album.list(source), "it contained 1 picture before")


async def test_a_share_that_hangs_does_not_hang_picsync(album: FolderAlbum) -> None:
    album.put("a.jpg")
    album.stall_timeout_s = 0.05
    source = album.source()
    album.answering.clear()
    for _ in range(2):
        assert_partial(await album.list(source), f"The folder {album.root} does not respond")
    waiting = [thread for thread in threading.enumerate() if thread.name == THREAD_NAME]
    assert len(waiting) == 1, "a second thread waits for the same share"
    album.answering.set()
    while not (await album.list(source)).complete:
        await asyncio.sleep(0)


async def test_a_download_from_a_share_that_hangs(album: FolderAlbum) -> None:
    album.put("a.jpg")
    source = album.source()
    [item] = (await album.list(source)).items
    album.stall_timeout_s = 0.05
    source = album.source()
    album.answering.clear()
    with pytest.raises(TransientError, match="does not respond"):
        await content(source, item)
    album.answering.set()


FULL = Volume("nfs4 nas:/photos", 300)


@pytest.mark.parametrize(
    ("before", "now", "word"),
    [
        ({}, {"": Volume("ext4 /dev/sda1", 0)}, None),
        ({"": FULL}, {"": Volume("nfs4 nas:/photos", 1)}, None),
        ({"": FULL}, {"": Volume("ext4 /dev/sdb1", 250)}, None),
        ({"": FULL}, {"": Volume("ext4 /dev/sdb1", 3)}, "now on another file system (ext4 /dev/sdb1)"),
        ({"": FULL}, {"": Volume("", 3)}, None),
        ({"": FULL}, {"": Volume("nfs4 nas:/photos", 0)}, "contains no pictures"),
        ({"": FULL, "usb": Volume("vfat /dev/sdc1", 5)}, {"": FULL}, "Nothing is mounted at /p/usb any more"),
        ({"": FULL, "usb": Volume("vfat /dev/sdc1", 0)}, {"": FULL}, None),
    ],
)
def test_doubts(before: dict[str, Volume], now: dict[str, Volume], word: str | None) -> None:
    found = mount_problems("/p", before, now)
    assert bool(found) == (word is not None)
    assert word is None or word in found[0]


def test_mounts_are_found_by_the_longest_path() -> None:
    mounts = Mounts([Mount("/", "ext4", "/dev/sda1"), Mount("/mnt/nas", "nfs4", "nas:/photos")])
    assert str(mounts.of("/mnt/nas/a/b")) == "nfs4 nas:/photos"
    assert str(mounts.of("/mnt/nasty")) == "ext4 /dev/sda1"
    assert str(Mounts([]).of("/mnt")) == ""
    assert Mounts.now().of("/proc/self").kind == "proc"


@pytest.mark.parametrize(
    ("mount", "steady", "tells"),
    [
        (Mount("/", "ext4"), True, True),
        (Mount("/", "nfs4", "nas:/photos"), True, False),
        (Mount("/", "cifs", "//nas/photos", "rw,serverino"), True, False),
        (Mount("/", "cifs", "//nas/photos", "rw,noserverino"), False, False),
        (Mount("/", "vfat"), False, True),
        (Mount("/", "fuse.rclone"), False, False),
        (Mount("/", ""), True, False),
    ],
)
def test_what_can_be_relied_on(mount: Mount, steady: bool, tells: bool) -> None:
    assert (mount.stable_inodes, mount.reports_changes) == (steady, tells)


@pytest.fixture
def mounted(album: FolderAlbum) -> Iterator[Path]:
    """A file system of its own below the folder; skipped where this user may mount nothing."""
    place = album.root / "usb"
    place.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip("mounting is not permitted")
    yield place
    subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)


async def test_a_share_below_the_folder_that_is_unmounted(album: FolderAlbum, mounted: Path) -> None:
    album.put("a.jpg")
    album.put("usb/b.jpg")
    assert names(await album.list()) == ["a.jpg", "b.jpg"]
    subprocess.run(["umount", mounted], check=True)
    listing = await album.list()
    assert_partial(
        listing, f"Nothing is mounted at {mounted} any more; it contained 1 picture before on tmpfs"
    )
    assert names(listing) == ["a.jpg"]


async def test_a_share_as_the_folder_that_is_unmounted(album: FolderAlbum, mounted: Path) -> None:
    album.root = mounted
    for number in range(5):
        album.put(f"{number}.jpg")
    source = album.source()
    assert (await album.list(source)).complete
    subprocess.run(["umount", mounted], check=True)
    assert_partial(await album.list(source), "contains no pictures", "on tmpfs tmpfs")
    # Somebody's copy that went into the mount point by mistake is not the share.
    album.put("stray.jpg")
    listing = await album.list(source)
    assert_partial(listing, "now on another file system")
    assert names(listing) == ["stray.jpg"]

"""Files of this machine that are moved when the power fails: each is there afterwards, whole."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.test_organize_kills import FILES, prepare
from tests.faults.disk import Armed, Call, Disk, Killed
from tests.jobs.camera import Camera
from tests.sources.inbox.spool_folders import SpoolFolders


def _any(_path: str) -> str:
    return "file"


FLUSH = Call("flush", "file")
CONTENTS = {*FILES.values(), b"four", b"another"}


async def sort(camera: Camera) -> None:
    try:
        report = await camera.sort()
        assert not report.failures, report.failures
    finally:
        await camera.aclose()


@pytest.mark.parametrize("names_kept", [False, True])
def test_sorted_files_outlast_a_power_failure(tmp_path: Path, names_kept: bool) -> None:
    reference = prepare(tmp_path / "reference")
    disk = Disk(reference.root, what=_any)
    with disk.watching():
        asyncio.run(sort(reference))
    flushes = disk.calls[FLUSH]
    assert flushes > 5
    for number in range(flushes):
        camera = prepare(tmp_path / f"{number}")
        disk = Disk(camera.root, what=_any)
        with disk.watching():
            disk.arm(Armed(FLUSH, 1, after=lambda disk, _: disk.kill(), skip=number))
            with pytest.raises((Killed, BaseExceptionGroup)):
                asyncio.run(sort(camera))
            disk.restart(power_lost=True, names_kept=names_kept)
        assert set(camera.files().values()) >= CONTENTS, number
        asyncio.run(sort(Camera(camera.root)))
        files = camera.files()
        assert set(files.values()) == CONTENTS, number
        assert not [path for path in files if path.startswith("in/")], number


async def take_in(folders: SpoolFolders) -> None:
    source = folders.source()
    try:
        listing = await folders.taken_in(source)
        assert listing.complete, listing.problem
        await source.shown(folders.album_id, listing.items)
    finally:
        await source.aclose()


@pytest.mark.parametrize("names_kept", [False, True])
def test_a_spool_outlasts_a_power_failure(tmp_path: Path, names_kept: bool) -> None:
    def new(name: str) -> SpoolFolders:
        folders = SpoolFolders(tmp_path / name / "spool", tmp_path / name / "own")
        for path in ("incoming/a.jpg", "work/b.jpg", "done/c.jpg"):
            folders.put(path)
        return folders

    def pictures(folders: SpoolFolders) -> list[bytes]:
        return sorted(path.read_bytes() for path in folders.root.rglob("*.jpg"))

    reference = new("reference")
    wanted = set(pictures(reference))
    disk = Disk(reference.root, what=_any)
    with disk.watching():
        asyncio.run(take_in(reference))
    assert disk.calls[FLUSH] > 3
    for number in range(disk.calls[FLUSH]):
        folders = new(str(number))
        disk = Disk(folders.root, what=_any)
        with disk.watching():
            disk.arm(Armed(FLUSH, 1, after=lambda disk, _: disk.kill(), skip=number))
            with pytest.raises((Killed, BaseExceptionGroup)):
                asyncio.run(take_in(folders))
            disk.restart(power_lost=True, names_kept=names_kept)
        assert set(pictures(folders)) == wanted, number
        asyncio.run(take_in(folders))
        assert set(pictures(folders)) == wanted, number
        incoming, work, done = map(folders.names, ("incoming", "work", "done"))
        # Where a rename is not atomic on the disk, a file may have both names; then it counts as done.
        assert incoming == []
        assert set(work) <= set(done), number

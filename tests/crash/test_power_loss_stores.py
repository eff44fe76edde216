"""Files of this machine that are moved or copied when the power fails: each is there afterwards, whole."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

import pytest

from picsync.core.plan import DeleteLimit
from tests.crash.test_mirror_kills import BEFORE, local
from tests.crash.test_organize_kills import FILES, prepare
from tests.faults.disk import Armed, Call, Disk, Killed
from tests.jobs.camera import Camera
from tests.jobs.mirrored import Mirrored, Remembering, tree
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


async def mirror(mirrored: Mirrored) -> dict[str, int]:
    mirrored.settings["limit"] = DeleteLimit(share=1.0)
    try:
        report = await mirrored.run()
        assert not report.failures, report.failures
        return dict(report.done)
    finally:
        await mirrored.store.aclose()


@pytest.mark.parametrize("state_kept", [False, True])
@pytest.mark.parametrize("names_kept", [False, True])
def test_a_mirror_outlasts_a_power_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_kept: bool, state_kept: bool
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    reference = local(tmp_path / "reference")
    wanted = tree(reference.source)
    disk = Disk(reference.root, what=_any)
    with disk.watching():
        asyncio.run(mirror(reference))
    assert tree(reference.target) == wanted
    killed = 0
    for number in range(disk.calls[FLUSH]):
        mirrored = local(tmp_path / f"{number}")
        disk = Disk(mirrored.root, what=_any)
        with disk.watching():
            armed = disk.arm(Armed(FLUSH, 1, after=lambda disk, _: disk.kill(), skip=number))
            with suppress(Killed, BaseExceptionGroup):
                asyncio.run(mirror(mirrored))
            if not armed.hits:
                break  # Files are written concurrently, so the number of flushes differs between passes.
            disk.restart(power_lost=True, names_kept=names_kept)
        assert tree(mirrored.source) == wanted, number
        for name, data in tree(mirrored.target).items():
            # What has its final name is whole, and nothing that was replaced is torn.
            assert ".picsync-" in name or data in (None, wanted.get(name), BEFORE.get(name)), (number, name)
        again = Mirrored(mirrored.root, memory=mirrored.memory if state_kept else Remembering())
        asyncio.run(mirror(again))
        assert tree(again.target) == wanted, number
        assert asyncio.run(mirror(Mirrored(mirrored.root, memory=again.memory))) == {}, number
        killed += 1
    assert killed > 5
    gc.collect()  # What nobody waited for reports its end here, and not in the middle of something else.

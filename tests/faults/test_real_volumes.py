"""A frame on volumes that are really full, read-only or unmounted; mounting them requires root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from picsync.core.events import CycleOutcome
from tests.faults.directory_frame import World, open_world


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    try:
        run("mount", "-t", "tmpfs", "-o", options, "picsync-test", str(folder))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount, and not in every container")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


async def test_a_full_volume(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        with mounted(world.root, "size=64k,nr_inodes=100"):
            world.add(*(f"IMG_{number}.jpg" for number in range(4)))
            async with world.picsync() as tools:
                assert (await world.cycle(tools)).outcome is CycleOutcome.DONE
                filler = world.root / "holiday.mp4"
                with world.disk.by_hand():
                    filler.write_bytes(b"x" * (shutil.disk_usage(world.root).free - 8192))
                    world.put_foreign(filler.name, filler.read_bytes())
                gone = next(iter(world.source.content["red"].items))
                world.source.remove("red", gone)
                world.add(*(f"IMG_{number}.jpg" for number in range(4, 9)))
                report = await world.cycle(tools)
                assert report.outcome is CycleOutcome.FAILED
                [message] = {str(each.error) for each in report.failures}
                assert "no room left" in message
                assert "Free some space" in message
                assert world.violations == []
                with world.disk.by_hand():
                    world.forget_foreign(filler.name)
                    filler.unlink()
                assert await world.converge(tools, 1) == 1


def _remount_read_only(world: World) -> Callable[[], None]:
    run("mount", "-o", "remount,ro", str(world.root))
    return lambda: run("mount", "-o", "remount,rw", str(world.root))


def _unmount(world: World) -> Callable[[], None]:
    """Bind the volume to a second path, so that the same one comes back."""
    kept = world.folder / "kept"
    kept.mkdir()
    run("mount", "--bind", str(world.root), str(kept))
    run("umount", "-l", str(world.root))

    def back() -> None:
        assert list(world.root.iterdir()) == [], "something was written where the volume is not"
        run("mount", "--bind", str(kept), str(world.root))
        run("umount", "-l", str(kept))

    return back


@pytest.mark.parametrize("action", [_remount_read_only, _unmount], ids=["read-only", "unmounted"])
async def test_a_volume_that_cannot_be_written(
    tmp_path: Path, action: Callable[[World], Callable[[], None]]
) -> None:
    async with open_world(tmp_path) as world:
        with mounted(world.root, "size=1m"):
            world.add(*(f"IMG_{number}.jpg" for number in range(4)))
            async with world.picsync() as tools:
                assert (await world.cycle(tools)).outcome is CycleOutcome.DONE
                world.source.remove("red", next(iter(world.source.content["red"].items)))
                world.add("IMG_9.jpg")
                with world.disk.by_hand():
                    undo = action(world)
                try:
                    report = await world.cycle(tools)
                finally:
                    with world.disk.by_hand():
                        undo()
                assert report.outcome is CycleOutcome.FAILED
                [error] = {str(each.error) for each in report.failures}
                assert str(world.root) in error
                assert world.violations == []
                assert await world.converge(tools, 1) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_permission_is_lost(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        world.add("IMG_1.jpg", "IMG_2.jpg")
        async with world.picsync() as tools:
            assert (await world.cycle(tools)).outcome is CycleOutcome.DONE
            world.add("IMG_3.jpg")
            world.root.chmod(0o500)
            (world.root / ".picsync").chmod(0o500)
            try:
                report = await world.cycle(tools)
            finally:
                world.root.chmod(0o700)
                (world.root / ".picsync").chmod(0o700)
            [error] = {str(each.error) for each in report.failures}
            assert "chown" in error
            assert await world.converge(tools, 1) == 1

"""Changes of settings files, as the system reports them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from picsync.run.filewatch import FileWatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify")


def written_in_place(path: Path) -> None:
    path.write_text("every: 2h", "utf-8")


def replaced(path: Path) -> None:
    path.with_name("new").write_text("every: 2h", "utf-8")
    path.with_name("new").replace(path)


def permissions_changed(path: Path) -> None:
    path.chmod(0o600)


def linked_volume_swapped(path: Path) -> None:
    path.with_name("..data_tmp").symlink_to(".")
    path.with_name("..data_tmp").replace(path.with_name("..data"))


def something_else_written(path: Path) -> None:
    path.with_name("picsync-metadata-cache.db-journal").write_text("x", "utf-8")


async def seen(watch: FileWatch, told: list[str], change: Callable[[], None]) -> int:
    """Return how often a change is reported; the system has queued all events once the change is made."""
    watch.renew()
    before = len(told)
    change()
    for _ in range(5):
        await asyncio.sleep(0)
    return len(told) - before


@pytest.mark.parametrize(
    ("change", "times"),
    [
        (written_in_place, 1),
        (replaced, 1),
        (permissions_changed, 1),
        (linked_volume_swapped, 1),
        (something_else_written, 0),
    ],
)
async def test_complete_changes_of_the_files_are_reported_once(
    tmp_path: Path, change: Callable[[Path], None], times: int
) -> None:
    path, told = tmp_path / "picsync.yaml", list[str]()
    path.write_text("every: 1h", "utf-8")
    with FileWatch(
        [path, tmp_path / "missing" / "file"], lambda: told.append("touched"), settle_s=0
    ) as watch:
        assert await seen(watch, told, lambda: change(path)) == times
        # A later change is seen too, whichever file is there now.
        assert await seen(watch, told, lambda: written_in_place(path)) == 1


async def test_a_file_that_is_still_being_written_is_not_read_yet(tmp_path: Path) -> None:
    path, told = tmp_path / "picsync.yaml", list[str]()
    file = path.open("w", encoding="utf-8")
    with FileWatch([path], lambda: told.append("touched"), settle_s=0) as watch, file:
        assert await seen(watch, told, lambda: print("every: 1h", file=file, flush=True)) == 0
        assert await seen(watch, told, file.close) == 1


async def test_a_file_behind_a_link_or_mounted_on_its_own_is_watched(tmp_path: Path) -> None:
    real, told = tmp_path / "elsewhere" / "real.yaml", list[str]()
    real.parent.mkdir()
    real.write_text("every: 1h", "utf-8")
    link = tmp_path / "picsync.yaml"
    link.symlink_to(real)
    with FileWatch([link], lambda: told.append("touched"), settle_s=0) as watch:
        assert await seen(watch, told, lambda: written_in_place(real)) == 1
        assert await seen(watch, told, lambda: replaced(real)) == 1
        other_name = tmp_path / "hard-link"
        other_name.hardlink_to(real)
        assert await seen(watch, told, lambda: written_in_place(other_name)) == 1

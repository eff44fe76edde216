"""What is particular to the files of this machine."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from picsync.core.errors import InaccessibleError, NotFoundError, PicsyncError, RefusedError
from picsync.core.places import join
from picsync.stores.base import ConflictError, Entry, EntryKind, Move, Moved, entries_of
from picsync.stores.local.store import LocalStore
from picsync.system import renaming
from tests.contract.store_contract import content


class Clock:
    """Times that a test sets."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime.now(UTC).timestamp())


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[LocalStore]:
    (tmp_path / "in").mkdir()
    found = LocalStore(
        [str(tmp_path / "in"), str(tmp_path / "out")], sleep=clock.sleep, now=clock, clock=clock
    )
    yield found
    await found.aclose()


@pytest.fixture
def other_disk() -> Iterator[Path]:
    """A folder on another file system than the temporary files."""
    folder = Path("/dev/shm") / f"picsync-test-{os.getpid()}"  # noqa: S108 - its own name
    if not folder.parent.is_dir():
        pytest.skip("this machine has no /dev/shm")
    folder.mkdir()
    yield folder
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()
    for below in sorted(folder.rglob("*"), reverse=True):
        below.rmdir()
    folder.rmdir()


async def entry_of(store: LocalStore, path: Path) -> Entry:
    found = await store.stat(str(path))
    assert found is not None
    return found


async def move(store: LocalStore, source: Path, target: Path) -> Moved:
    (moved,) = await store.move_all([Move(await entry_of(store, source), str(target), "token")])
    return moved


async def test_links_are_listed_but_neither_read_nor_moved(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a.jpg").write_bytes(b"secret")
    (tmp_path / "in/link").symlink_to(tmp_path / "secret")
    (tmp_path / "in/a.jpg").symlink_to(tmp_path / "secret/a.jpg")
    listed, _, _ = await entries_of(store, str(tmp_path / "in"), recursive=True)
    assert {entry.name: entry.kind for entry in listed} == {"link": EntryKind.LINK, "a.jpg": EntryKind.LINK}
    assert isinstance((await move(store, tmp_path / "in/a.jpg", tmp_path / "out/a.jpg")).error, RefusedError)
    assert (tmp_path / "secret/a.jpg").read_bytes() == b"secret"
    assert await store.stat(str(tmp_path / "in/link/a.jpg")) is None


async def test_a_target_behind_a_link_is_refused(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/2015").symlink_to(tmp_path / "secret")
    (tmp_path / "in/a.jpg").write_bytes(b"mine")
    moved = await move(store, tmp_path / "in/a.jpg", tmp_path / "out/2015/a.jpg")
    assert isinstance(moved.error, ConflictError)
    assert "2015 is a link, not a folder" in str(moved.error)
    assert (tmp_path / "in/a.jpg").read_bytes() == b"mine"
    assert list((tmp_path / "secret").iterdir()) == []


async def test_a_configured_folder_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.jpg").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = LocalStore([str(tmp_path / "link")], quiet_s=0)
    listed, _, _ = await entries_of(store, str(tmp_path / "link"))
    assert [entry.path for entry in listed] == [str(tmp_path / "link/a.jpg")]
    await store.aclose()


async def test_a_volume_that_is_not_mounted_is_not_created(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(b"mine")
    store = LocalStore([str(tmp_path / "in"), str(tmp_path / "usb/Archive")], quiet_s=0)
    moved = await move(store, tmp_path / "in/a.jpg", tmp_path / "usb/Archive/2015/a.jpg")
    assert isinstance(moved.error, InaccessibleError)
    assert "Mount the volume" in str(moved.error)
    assert (tmp_path / "in/a.jpg").exists()
    assert not (tmp_path / "usb").exists()


async def test_new_files_are_complete_after_the_quiet_time(
    store: LocalStore, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "in/a.jpg"
    file.write_bytes(b"half")
    clock.now_s = file.stat().st_ctime + 9
    folder = str(tmp_path / "in")
    assert [entry.settled for entry in (await entries_of(store, folder))[0]] == [False]
    await store.changed(folder)
    assert sum(clock.slept) == pytest.approx(10)
    assert [entry.settled for entry in (await entries_of(store, folder))[0]] == [True]


async def test_a_file_from_the_future_is_complete_after_the_quiet_time(
    store: LocalStore, tmp_path: Path, clock: Clock
) -> None:
    file = tmp_path / "in/a.jpg"
    file.write_bytes(b"whole")
    clock.now_s = file.stat().st_ctime - 86_400
    folder = str(tmp_path / "in")
    for settled in (False, True):
        assert [entry.settled for entry in (await entries_of(store, folder))[0]] == [settled]
        clock.now_s += 10


async def test_impossible_times_are_none(store: LocalStore, tmp_path: Path) -> None:
    file = tmp_path / "in/a.jpg"
    file.write_bytes(b"x")
    os.utime(file, (0, 2**36))
    assert (await entry_of(store, file)).size_bytes == 1


async def test_own_moves_are_no_changes(store: LocalStore, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "in" / name).write_bytes(b"x")
    folder = str(tmp_path / "in")
    quiet = LocalStore([folder], quiet_s=0)
    await entries_of(quiet, folder)
    await move(quiet, tmp_path / "in/a.jpg", tmp_path / "in/2015/a.jpg")
    waiting = asyncio.ensure_future(quiet.changed(folder))
    await asyncio.sleep(0)
    # Its event comes after those of the move, if there were any.
    await asyncio.to_thread((tmp_path / "in/2015/ignored.jpg").write_bytes, b"below, and so not listed")
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    (tmp_path / "in/new.jpg").write_bytes(b"x")
    async with asyncio.timeout(30):
        await waiting
    await quiet.aclose()


@contextmanager
def without_renameat2(code: int) -> Iterator[None]:
    """Let the system not know the call, or the file system not the flag."""

    def fails(*_arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renaming, "rename_without_replacing", fails)
        yield


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
async def test_where_renames_may_overwrite_links_are_used(
    store: LocalStore, tmp_path: Path, code: int
) -> None:
    (tmp_path / "in/a.jpg").write_bytes(b"one")
    (tmp_path / "in/b.jpg").write_bytes(b"two")
    with without_renameat2(code):
        moved = await move(store, tmp_path / "in/a.jpg", tmp_path / "out/c.jpg")
        assert moved.entry is not None
        again = await move(store, tmp_path / "in/b.jpg", tmp_path / "out/c.jpg")
    assert isinstance(again.error, ConflictError)
    assert (tmp_path / "out/c.jpg").read_bytes() == b"one"
    assert [each.name for each in (tmp_path / "in").iterdir()] == ["b.jpg"]


async def test_a_link_that_a_crash_left_is_completed(store: LocalStore, tmp_path: Path) -> None:
    source, target = tmp_path / "in/a.jpg", tmp_path / "out/a.jpg"
    source.write_bytes(b"one")
    planned = Move(await entry_of(store, source), str(target), "token")
    target.parent.mkdir()
    os.link(source, target)
    assert await store.settle(planned) is not None
    assert (source.exists(), target.read_bytes()) == (False, b"one")


async def test_a_move_to_another_disk(store: LocalStore, tmp_path: Path, other_disk: Path) -> None:
    source = tmp_path / "in/a.jpg"
    source.write_bytes(b"bytes" * 500_000)
    os.utime(source, (1_400_000_000, 1_423_699_558))
    source.chmod(0o640)
    moved = await move(store, source, other_disk / "2015/a.jpg")
    assert moved.entry is not None, moved.error
    assert [str(each.relative_to(other_disk)) for each in sorted(other_disk.rglob("*"))] == [
        "2015", "2015/a.jpg",
    ]  # fmt: skip
    there = (other_disk / "2015/a.jpg").stat()
    assert (there.st_mtime, there.st_mode & 0o777, there.st_size) == (1_423_699_558, 0o640, 2_500_000)
    assert not source.exists()


async def test_a_copy_that_a_crash_left_is_completed(
    store: LocalStore, tmp_path: Path, other_disk: Path
) -> None:
    source, target = tmp_path / "in/a.jpg", other_disk / "a.jpg"
    source.write_bytes(b"one")
    planned = Move(await entry_of(store, source), str(target), "token")
    (other_disk / ".picsync-token.part").write_bytes(b"half of it")
    assert await store.settle(planned) is None
    assert list(other_disk.iterdir()) == []
    target.write_bytes(b"one")
    assert await store.settle(planned) is not None
    assert (source.exists(), target.read_bytes()) == (False, b"one")


async def test_another_file_on_the_other_disk_is_not_the_copy(
    store: LocalStore, tmp_path: Path, other_disk: Path
) -> None:
    source, target = tmp_path / "in/a.jpg", other_disk / "a.jpg"
    source.write_bytes(b"one")
    planned = Move(await entry_of(store, source), str(target), "token")
    target.write_bytes(b"two")
    assert await store.settle(planned) is None
    assert (source.read_bytes(), target.read_bytes()) == (b"one", b"two")
    moved = await move(store, source, target)
    assert isinstance(moved.error, ConflictError)
    assert sorted(each.name for each in other_disk.iterdir()) == ["a.jpg"]


async def test_an_unfinished_write_leaves_nothing(store: LocalStore, tmp_path: Path) -> None:
    path = join(str(tmp_path / "in"), "a.jpg")
    with pytest.raises(PicsyncError, match="3 bytes came instead of 9"):
        await store.write(path, content(b"one"), 9)
    assert list((tmp_path / "in").iterdir()) == []


async def test_deleted_files_are_in_the_bin(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    for data in (b"one", b"two"):
        (tmp_path / "in/a b.jpg").write_bytes(data)
        await store.delete(await entry_of(store, tmp_path / "in/a b.jpg"))
    trash = tmp_path / "share/Trash"
    assert (trash / "files/a b.jpg").read_bytes() == b"one"
    assert (trash / "files/a b.jpg.2").read_bytes() == b"two"
    assert (
        f"Path={str(tmp_path).replace('[', '%5B').replace(']', '%5D')}/in/a%20b.jpg"
        in (trash / "info/a b.jpg.trashinfo").read_text()
    )


async def test_a_folder_that_is_missing_says_what_to_do(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        await entries_of(store, str(tmp_path / "out"))
    assert f"There is no folder {tmp_path / 'out'}." in str(caught.value)
    assert caught.value.hint


async def test_undecodable_names_are_moved(store: LocalStore, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (tmp_path / "in" / name).write_bytes(b"x")
    moved = await move(store, tmp_path / "in" / name, tmp_path / "out" / name)
    assert moved.entry is not None
    assert [os.fsencode(each.name) for each in (tmp_path / "out").iterdir()] == [b"caf\xe9.jpg"]

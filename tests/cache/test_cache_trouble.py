"""Damaged, foreign and newer files; disks, permissions and locks: nothing is lost, and everything is
reported."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from tests.cache.builders import item, known, mapping, on_connect, opened, query

_COUNT = 300


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of some pages, never to be changed."""
    path = tmp_path_factory.mktemp("sound") / "picsync.db"

    async def fill() -> None:
        async with opened(path) as cache:
            await asyncio.gather(*(cache.record(mapping(number)) for number in range(_COUNT)))

    asyncio.run(fill())
    return path


@pytest.fixture(scope="module")
def sound(sound_file: Path) -> bytes:
    return sound_file.read_bytes()


@pytest.fixture
def path(tmp_path: Path, sound: bytes) -> Path:
    path = tmp_path / "picsync.db"
    path.write_bytes(sound)
    return path


async def refused(location: str | Path, *, inspect: bool = True) -> CacheError:
    """Open it, expecting an error with a hint; a look without changes must meet the same trouble."""
    with pytest.raises(CacheError) as caught:
        async with opened(location, busy_timeout_s=0.05):
            pass
    assert caught.value.hint
    if inspect:
        with pytest.raises(CacheError) as looked:
            await Cache.inspect(location, busy_timeout_s=0.05)
        assert looked.value.hint
    return caught.value


def corrupt_page(path: Path, number: int) -> None:
    with path.open("r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xa5" * 4096)


def bad_revision(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


@pytest.mark.parametrize("nothing", [True, False], ids=["absent", "zero-length"])
async def test_a_fresh_cache(tmp_path: Path, nothing: bool) -> None:
    path = tmp_path / "it's 100% über?#.db"
    if not nothing:
        path.touch()
    status = await Cache.inspect(path)
    assert (status.revision, status.size_bytes) == (None, 0)
    assert path.exists() is not nothing
    async with opened(path) as cache:
        await cache.record(mapping(1))
    async with opened(f"sqlite:///{path}".replace("?", "%3F").replace("#", "%23")) as cache:
        assert cache is not None
    assert query(path, "SELECT count(*) FROM mapping") == [(1,)]


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 5000,
        b"x",
        b"albums:\n  - source: a\n" * 400,
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xff" * 9000,
    ],
    ids=["zeros", "one byte", "text", "magic only", "magic and garbage"],
)
async def test_what_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picsync.db"
    path.write_bytes(content)
    await check_set_aside(path, "damaged", content)


@pytest.mark.parametrize("keep", [0.03, 0.3, 0.9])
async def test_a_truncated_cache_is_set_aside(path: Path, sound: bytes, keep: float) -> None:
    content = sound[: int(len(sound) * keep)]
    path.write_bytes(content)
    await check_set_aside(path, "damaged", content)


async def test_a_page_of_garbage_is_found(path: Path, sound: bytes) -> None:
    corrupt_page(path, len(sound) // 4096 // 2)
    await check_set_aside(path, "damaged", path.read_bytes())


@pytest.mark.parametrize(
    ("why", "statement"),
    [
        ("newer", "UPDATE picsync_schema SET version_num = 'f00d'"),
        ("damaged", "DELETE FROM picsync_schema"),
        ("damaged", "DROP TABLE mapping"),
        ("damaged", "ALTER TABLE mapping RENAME COLUMN digest TO hash"),
    ],
)
async def test_other_schemas_are_set_aside(path: Path, why: str, statement: str) -> None:
    bad_revision(path, statement)
    await check_set_aside(path, why)


async def check_set_aside(path: Path, why: str, content: bytes | None = None) -> None:
    with pytest.raises(CacheError, match="renames it"):
        await Cache.inspect(path)
    messages: list[str] = []
    async with opened(path, notify=messages.append) as cache:
        await cache.record(mapping(1))
        assert await known(cache, [item(1), item(2)]) == {mapping(1)}
    moved = path.with_name(f"{path.name}.{why}-20240506T070809Z")
    (message,) = messages
    assert str(path) in message
    assert str(moved) in message
    assert "hashed again" in message
    if content is not None:
        assert moved.read_bytes() == content
    async with opened(path) as cache:
        assert await known(cache, [item(1)]) == {mapping(1)}


async def test_nothing_is_overwritten_when_setting_aside(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    for content in (b"first", b"second", b"third"):
        path.write_bytes(content)
        path.with_name("picsync.db-wal").write_bytes(b"log of " + content)
        async with opened(path, notify=lambda _: None):
            assert path.stat().st_size > 0
    stem = "picsync.db.damaged-20240506T070809Z"
    for name, content in ((stem, b"first"), (f"{stem}-2", b"second"), (f"{stem}-3", b"third")):
        assert (tmp_path / name).read_bytes() == content
        assert (tmp_path / f"{name}-wal").read_bytes() == b"log of " + content


async def test_what_was_recorded_survives_a_kill(path: Path) -> None:
    """The files as a kill leaves them: nothing is closed, nothing has been moved out of the log."""
    killed = path.with_name("killed.db")
    async with opened(path) as cache:
        await cache.record(mapping(_COUNT))
        for suffix in ("", "-wal"):
            shutil.copy(path.with_name(path.name + suffix), killed.with_name(killed.name + suffix))
    async with opened(killed) as cache:
        assert await known(cache, [item(1), item(_COUNT)]) == {mapping(1), mapping(_COUNT)}


async def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE recipes (id INTEGER, mapping TEXT)")
        connection.execute("CREATE TABLE googlephotos (Id INTEGER, Title TEXT)")
    before = path.read_bytes()
    error = await refused(path)
    assert "another program's database" in error.message
    assert "recipes" in error.message
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["picsync.db", "picsync.db.lock"]


async def test_a_cache_damaged_while_open(path: Path, sound: bytes) -> None:
    async with opened(path) as cache:
        for number in range(2, len(sound) // 4096 + 1):
            corrupt_page(path, number)
        with pytest.raises(CacheError, match=r"is damaged.*Restart picsync: it renames the file"):
            await known(cache, [item(number) for number in range(_COUNT)])
        with pytest.raises(CacheError, match="is damaged"):
            await cache.record(mapping(1))
    await check_set_aside(path, "damaged")


_PATCHES = st.lists(
    st.tuples(st.integers(0, 120) | st.integers(0, 60_000), st.binary(min_size=1, max_size=40)), max_size=4
)


@settings(max_examples=80, deadline=None)
@given(keep=st.none() | st.integers(0, 6000), patches=_PATCHES)
def test_any_garbage_gives_a_cache_or_a_message(
    keep: int | None,
    patches: list[tuple[int, bytes]],
    sound_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    content = bytearray(sound_file.read_bytes()[:keep])
    for offset, patch in patches:
        content[offset : offset + len(patch)] = patch
    path = tmp_path_factory.mktemp("fuzz") / "picsync.db"
    path.write_bytes(content)

    messages: list[str] = []

    async def check() -> None:
        async with opened(path, notify=messages.append) as cache:
            await known(cache, [item(number) for number in range(_COUNT)])
            await cache.record(mapping(1))
            assert await known(cache, [item(1)]) == {mapping(1)}

    with contextlib.suppress(CacheError):
        asyncio.run(check())
    for message in messages:
        (moved,) = path.parent.glob("picsync.db.*Z")
        assert str(moved) in message
        assert moved.read_bytes() == content


async def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in (await refused(tmp_path)).message


async def test_a_missing_folder(tmp_path: Path) -> None:
    error = await refused(tmp_path / "none" / "picsync.db")
    assert str(tmp_path / "none") in error.message
    assert "Create it" in error.hint


async def test_a_device() -> None:
    assert "not a regular file" in (await refused("/dev/null")).message


async def test_a_link_leads_to_the_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path.name)
    async with opened(link) as cache:
        assert await known(cache, [item(1)]) == {mapping(1)}
        assert "is in use" in (await refused(path, inspect=False)).message


def give_away(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)


@pytest.fixture
def readonly_file(path: Path) -> Path:
    give_away(path)
    give_away(path.parent)
    path.chmod(0o444)
    return path


@pytest.fixture
def readonly_folder(path: Path) -> Iterator[Path]:
    give_away(path)
    give_away(path.parent)
    path.parent.chmod(0o555)
    yield path
    path.parent.chmod(0o755)


@pytest.fixture
def secret_file(path: Path) -> Path:
    give_away(path)
    give_away(path.parent)
    path.chmod(0)
    return path


async def test_a_read_only_file(readonly_file: Path, nobody: None, sound: bytes) -> None:
    error = await refused(readonly_file, inspect=False)
    assert "read-only" in error.message
    assert "Give the user" in error.hint
    assert readonly_file.read_bytes() == sound


async def test_a_read_only_folder(readonly_folder: Path, nobody: None, sound: bytes) -> None:
    error = await refused(readonly_folder, inspect=False)
    assert "Permission denied" in error.message
    assert readonly_folder.read_bytes() == sound


async def test_a_file_that_may_not_be_read(secret_file: Path, nobody: None) -> None:
    error = await refused(secret_file)
    assert "cannot be opened" in error.message
    assert "Give the user" in error.hint


async def test_a_file_locked_by_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE").close()
        other.execute("BEGIN EXCLUSIVE")
        error = await refused(path)
        assert "is locked by another program" in error.message
    async with opened(path) as cache:
        assert await known(cache, [item(1)]) == {mapping(1)}


@pytest.fixture
async def full(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that SQLite may not let grow, which it reports just as a full disk."""
    path.unlink()
    async with opened(path):
        assert path.exists()
    pages = path.stat().st_size // 4096 + 1

    def limit(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    on_connect(monkeypatch, limit)
    return path


async def test_a_full_disk(full: Path) -> None:
    async with opened(full) as cache:
        await cache.record(mapping(0))
        with pytest.raises(CacheError, match="the disk is full"):
            await asyncio.gather(*(cache.record(mapping(number)) for number in range(1, 2000)))
        assert await known(cache, [item(0), item(1)]) == {mapping(0)}
        await cache.record(mapping(1))
        assert await known(cache, [item(0), item(1)]) == {mapping(0), mapping(1)}


async def test_setting_aside_where_nothing_may_be_renamed(readonly_folder: Path, sound: bytes) -> None:
    readonly_folder.write_bytes(b"garbage")
    readonly_folder.with_name("picsync.db.lock").touch()
    give_away(readonly_folder.with_name("picsync.db.lock"))
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        error = await refused(readonly_folder)
    finally:
        if os.getuid() == 0:
            os.seteuid(0)
    assert "cannot be" in error.message
    assert readonly_folder.read_bytes() == b"garbage"

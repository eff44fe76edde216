"""One process per cache file."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from picsync.cache.locking import CacheLock
from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from tests.cache.builders import NOW, item, known, mapping, opened

_HOLDER = """
import asyncio, sys
from picsync.cache.store import Cache

async def main():
    cache = await Cache.open(sys.argv[1], notify=print)
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the cache open."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "picsync.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


async def test_a_second_process_is_told_who_has_it(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    with pytest.raises(CacheError) as caught:
        await Cache.open(tmp_path / "picsync.db", notify=pytest.fail)
    host = re.escape(socket.gethostname())
    assert re.fullmatch(
        rf"The cache .*picsync\.db is in use by process {holder.pid} on host {host}"
        r" \(since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\)\.",
        caught.value.message,
    )
    assert caught.value.hint


async def test_looking_needs_no_lock(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    assert (await Cache.inspect(tmp_path / "picsync.db")).revision == "0005"


async def test_planning_reads_what_another_process_has(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    with closing(sqlite3.connect(path)) as writer:
        insert = "INSERT INTO mapping VALUES ('googlephotos', 'item-1', '', 'original', 'md5', ?, NULL, NULL)"
        writer.execute(insert, ["1" * 32])
        writer.commit()
        said: list[str] = []
        cache = await Cache.open_to_plan(path, notify=said.append)
        assert len(said) == 1
        assert f"in use by process {holder.pid}" in said[0]
        # A writer in the middle of a transaction is neither waited for nor kept from ending it.
        writer.execute(
            "INSERT INTO mapping SELECT source, 'item-2', version, recipe, algorithm,"
            " digest, unusable, recorded_at FROM mapping"
        )
        found = await known(cache, [item(1), item(2)])
        assert {each.item_id for each in found} == {"item-1"}
        writer.commit()
        found = await known(cache, [item(1), item(2)])
        assert {each.item_id for each in found} == {"item-1", "item-2"}
        await cache.record(mapping(2))
        await cache.record(mapping(3))
        assert {mapping(2), mapping(3)} < await known(cache, [item(1), item(2), item(3)])
        assert (await cache.status()).entries == {"googlephotos": 2}
        await cache.aclose()
        assert len(writer.execute("SELECT * FROM mapping").fetchall()) == 2


async def test_planning_migrates_nothing_that_another_process_has(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    lock = CacheLock.acquire(path, NOW)
    try:
        for statements in ((), ("CREATE TABLE googlephotos (Id, GooglephotosId, Md5, LastUpdated)",)):
            with closing(sqlite3.connect(path)) as database:
                for statement in statements:
                    database.execute(statement)
            content = path.read_bytes()
            said: list[str] = []
            cache = await Cache.open_to_plan(path, notify=said.append)
            await cache.record(mapping(1))
            assert await known(cache, [item(1), item(2)]) == {mapping(1)}
            await cache.aclose()
            assert ("not migrated" in "".join(said)) is bool(statements)
            assert path.read_bytes() == content
    finally:
        lock.release()


async def test_planning_keeps_what_it_learns_if_nobody_has_the_cache(tmp_path: Path) -> None:
    cache = await Cache.open_to_plan(tmp_path / "picsync.db", notify=pytest.fail)
    await cache.record(mapping(1))
    await cache.aclose()
    async with opened(tmp_path / "picsync.db") as cache:
        assert await known(cache, [item(1)]) == {mapping(1)}


async def test_the_lock_ends_with_its_process(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    async with opened(tmp_path / "picsync.db") as cache:
        await cache.record(mapping(1))
        assert await known(cache, [item(1)]) == {mapping(1)}


async def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    async with opened(tmp_path / "picsync.db"):
        with pytest.raises(CacheError, match="in use by process"):
            await Cache.open(tmp_path / "picsync.db", notify=pytest.fail)
    async with opened(tmp_path / "picsync.db") as cache:
        assert (await cache.status()).entries == {}


async def test_a_failed_open_releases_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    path.with_name("picsync.db.lock").mkdir()
    with pytest.raises(CacheError, match=r"picsync\.db\.lock cannot be used: Is a directory"):
        await Cache.open(path, notify=pytest.fail)
    path.with_name("picsync.db.lock").rmdir()
    async with opened(path) as cache:
        assert (await cache.status()).revision == "0005"


async def test_a_file_system_without_working_locks_is_detected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcntl.flock", lambda _descriptor, _operation: None)
    said: list[str] = []
    first = await Cache.open(tmp_path / "picsync.db", notify=said.append)
    second = await Cache.open(tmp_path / "picsync.db", notify=said.append)
    assert len(said) == 2
    assert all("does not support locks" in each and "only one picsync runs" in each for each in said)
    await asyncio.gather(*(cache.record(mapping(n)) for n in range(50) for cache in (first, second)))
    await first.aclose()
    await second.aclose()
    monkeypatch.undo()
    async with opened(tmp_path / "picsync.db") as cache:
        assert len(await known(cache, [item(n) for n in range(50)])) == 50


async def test_a_link_in_the_place_of_the_lock_is_refused(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    lock = tmp_path / "picsync.db.lock"
    lock.symlink_to(kept)
    with pytest.raises(CacheError, match="symbolic link") as caught:
        await Cache.open(tmp_path / "picsync.db", notify=pytest.fail)
    assert kept.read_text() == "precious"
    assert str(lock) in caught.value.hint


async def test_a_pipe_in_the_place_of_the_lock_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "picsync.db.lock")
    with pytest.raises(CacheError, match="not a regular file"):
        await Cache.open(tmp_path / "picsync.db", notify=pytest.fail)


async def test_hard_linked_lock_is_held_but_not_written(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    os.link(kept, tmp_path / "picsync.db.lock")
    async with opened(tmp_path / "picsync.db"):
        with pytest.raises(CacheError, match="in use by"):
            await Cache.open(tmp_path / "picsync.db", notify=pytest.fail)
    assert kept.read_text() == "precious"


async def test_another_user_may_not_take_the_lock(tmp_path: Path) -> None:
    async with opened(tmp_path / "picsync.db"):
        assert (tmp_path / "picsync.db.lock").stat().st_mode & 0o077 == 0

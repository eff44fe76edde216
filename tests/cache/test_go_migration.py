"""The file of the Go picsync is version zero: its records are migrated, in one transaction."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from picsync.cache import schema, tables
from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from picsync.core.model import Digest, Mapping, MediaItem
from tests.cache.builders import known, opened, query
from tests.cache.go_cache import GO_TIME, Cell, GoRow, write_go_cache

_MASTER = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
A, B, C = "a" * 32, "b" * 32, "c" * 32


def photo(item_id: str) -> MediaItem:
    return MediaItem("googlephotos", item_id)


def taken_over(item_id: str, md5: str, recorded_at: datetime | None) -> Mapping:
    return Mapping("googlephotos", item_id, "", "original", Digest("md5", md5), None, recorded_at)


GO_INSTANT = datetime(2023, 2, 3, 10, 11, 12, 123456, UTC)


async def test_photos_are_known_without_a_download(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow("one", A), GoRow("two", B.upper()), GoRow("three", f" {C}\n")])
    async with opened(path) as cache:
        assert await known(cache, [photo("one"), photo("two"), photo("three"), photo("four")]) == {
            taken_over("one", A, GO_INSTANT),
            taken_over("two", B, GO_INSTANT),
            taken_over("three", C, GO_INSTANT),
        }
        assert (await cache.status()).entries == {"googlephotos": 3}


async def test_of_repeated_rows_the_last_valid_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(
        path, [GoRow("one", A), GoRow("two", C), GoRow("one", B), GoRow("one", ""), GoRow("two", None)]
    )
    async with opened(path) as cache:
        assert await known(cache, [photo("one"), photo("two")]) == {
            taken_over("one", B, GO_INSTANT),
            taken_over("two", C, GO_INSTANT),
        }


@pytest.mark.parametrize("md5", [None, "", "xyz", A[1:], A + "a", 0, 12345, b"\xff\xfe", "g" * 32, "é" * 32])
async def test_rows_without_a_digest_are_skipped(tmp_path: Path, md5: Cell) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow("one", md5), GoRow("two", A)])
    async with opened(path) as cache:
        assert (await cache.status()).entries == {"googlephotos": 1}


@pytest.mark.parametrize("item_id", [None, "", b"\xff\xfe"])
async def test_rows_without_an_id_are_skipped(tmp_path: Path, item_id: Cell) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow(item_id, A)])
    async with opened(path) as cache:
        assert (await cache.status()).entries == {}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        (GO_TIME, GO_INSTANT),
        ("2023-02-03 10:11:12 +0000 UTC", datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ("2023-02-03 10:11:12.5 +0100 CET", datetime(2023, 2, 3, 9, 11, 12, 500000, UTC)),
        ("2023-02-03 10:11:12.123456789 -0330 -0330 m=+12.3", datetime(2023, 2, 3, 13, 41, 12, 123456, UTC)),
        ("2023-02-03 10:11:12.123456789+02:00", datetime(2023, 2, 3, 8, 11, 12, 123456, UTC)),
        ("2023-02-03T10:11:12Z", datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ("2023-02-03 10:11:12", datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        (b"2023-02-03 10:11:12", datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        (1675419072, datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        (1675419072123, datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        (1675419072123456789, datetime(2023, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ("0001-01-01 00:00:00 +0000 UTC", None),
        ("0001-01-01 00:00:00 +1400 X", None),
        ("9999-12-31 23:59:59 -1200 X", None),
        ("2023-02-30 10:11:12 +0000 UTC", None),
        ("2023-02-03 10:11:12 +9900 X", None),
        ("yesterday", None),
        ("", None),
        (0, None),
        (-5, None),
        (b"\xff", None),
        (None, None),
    ],
)
async def test_the_time_columns(tmp_path: Path, text: Cell, instant: datetime | None) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow("one", A, last_updated=text)])
    async with opened(path) as cache:
        assert await known(cache, [photo("one")]) == {taken_over("one", A, instant)}


async def test_looking_at_a_go_cache_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow("one", A)])
    before = path.read_bytes()
    status = await Cache.inspect(path)
    assert (status.revision, status.size_bytes) == ("0", len(before))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dropped", ["googlephotos", "nixplay"])
async def test_one_table_is_enough(tmp_path: Path, dropped: str) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow("one", A)])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DROP TABLE {dropped}")
    async with opened(path) as cache:
        assert len(await known(cache, [photo("one")])) == (dropped != "googlephotos")


async def test_a_damaged_go_cache_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow(f"photo-{number}", A) for number in range(1000)])
    content = path.read_bytes()[:20_000]
    path.write_bytes(content)
    messages: list[str] = []
    async with opened(path, notify=messages.append) as cache:
        assert (await cache.status()).entries == {}
    assert len(messages) == 1
    (moved,) = tmp_path.glob("picsync.db.damaged-*Z")
    assert moved.read_bytes() == content


async def test_a_migrated_schema_equals_a_fresh_one(tmp_path: Path) -> None:
    fresh, migrated = tmp_path / "fresh.db", tmp_path / "migrated.db"
    write_go_cache(migrated, [GoRow("one", A)])
    for path in (fresh, migrated):
        async with opened(path):
            assert path.exists()
    assert query(fresh, _MASTER) == query(migrated, _MASTER)
    assert query(fresh, "SELECT * FROM picsync_schema") == query(migrated, "SELECT * FROM picsync_schema")


async def test_the_schema_equals_the_tables_in_the_code(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    async with opened(path):
        engine = sa.create_engine(f"sqlite:///{path}")
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"version_table": schema.VERSION_TABLE, "compare_type": True}
            )
            assert compare_metadata(context, tables.metadata) == []
        assert tuple(tables.mapping.c.keys()) == schema.COLUMNS
        engine.dispose()


def test_the_known_revisions_are_those_of_the_scripts() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    scripts = [script.revision for script in ScriptDirectory(str(folder)).walk_revisions()]
    assert tuple(reversed(scripts)) == schema.REVISIONS


_KILLED = """
import asyncio, os, shutil, signal, sys
import alembic.command, sqlalchemy
from picsync.cache.store import Cache

count = 0
moment = int(sys.argv[2])

def kill(connection, cursor, statement, *rest):
    global count
    count += 1
    if count == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def kill_at_commit(connection):
    kill(connection, None, "COMMIT")

sqlalchemy.event.listen(sqlalchemy.Engine, "after_cursor_execute", kill)
sqlalchemy.event.listen(sqlalchemy.Engine, "commit", kill_at_commit)

async def main():
    cache = await Cache.open(sys.argv[1], notify=print)
    await cache.aclose()
    print("migrated")

children = 0
source = sys.argv[1]
while True:
    # One start of the interpreter for all moments: each child is a process that opens a copy of its own.
    moment = children = children + 1
    sys.argv[1] = f"{source}.{children}"
    shutil.copy(source, sys.argv[1])
    child = os.fork()
    if child == 0:
        asyncio.run(main())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.waitstatus_to_exitcode(status))
"""


async def test_kill_at_any_statement_restarts_from_version_zero(tmp_path: Path) -> None:
    source = tmp_path / "go.db"
    rows = [GoRow(f"photo-{number}", f"{number:032x}") for number in range(500)]
    write_go_cache(source, rows)
    zero = query(source, _MASTER)
    subprocess.run([sys.executable, "-c", _KILLED, str(source), "0"], check=True, timeout=60)
    copies = sorted(tmp_path.glob("go.db.*[0-9]"), key=lambda path: int(path.suffix[1:]))
    assert len(copies) > 8, "the migration has fewer statements than that"
    for copy in copies:
        aside = shutil.copytree(tmp_path, tmp_path.parent / f"look-{copy.name}") / copy.name
        finished = copy is copies[-1]
        assert (query(aside, _MASTER) == zero) is not finished
        if not finished:
            assert query(aside, "SELECT count(*) FROM googlephotos") == [(500,)]
        async with opened(copy) as cache:
            assert len(await known(cache, [photo(str(row.item_id)) for row in rows])) == 500


async def test_a_go_picsync_that_still_runs_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "picsync.db"
    write_go_cache(path, [GoRow("one", A)])
    with closing(sqlite3.connect(path, isolation_level=None)) as go:
        go.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheError, match="is locked by another program"):
            async with opened(path, busy_timeout_s=0.05):
                pytest.fail("must not open")
        opening = asyncio.ensure_future(Cache.open(path, notify=pytest.fail, busy_timeout_s=30))
        await asyncio.sleep(0)
        go.execute("UPDATE googlephotos SET Md5 = ?", (B,))
        go.execute("COMMIT")
    cache = await opening
    assert await known(cache, [photo("one")]) == {taken_over("one", B, GO_INSTANT)}
    await cache.aclose()

"""The cache in a PostgreSQL that the tests start; skipped where none is installed."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from picsync.cache import schema, tables
from picsync.cache.store import Cache
from picsync.core.errors import CacheError
from picsync.core.mirrorstate import KnownFile, MirrorState, MirrorUpdate, Side
from picsync.core.model import Digest, ListingUpdate, Mapping, MediaItem, StoredListing
from tests.cache.builders import NOW, item, known, mapping, opened

_PASSWORD = "hunter2"


def _program(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (debian[-1] if debian else None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return str(found)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that listens on a socket in its own folder only; yields the options of its URL."""
    pytest.importorskip("psycopg")
    initdb, postgres = _program("initdb"), _program("postgres")
    user = None
    with TemporaryDirectory(prefix="picsync-pg-") as folder:
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = "nobody"
            account = pwd.getpwnam(user)
            os.chown(folder, account.pw_uid, account.pw_gid)
        database = f"{folder}/db"
        secret = Path(folder, "password")
        secret.write_text(_PASSWORD)
        secret.chmod(0o644)
        subprocess.run(
            [
                *(initdb, "-D", database, "-U", "frame", "-A", "scram-sha-256", f"--pwfile={secret}"),
                *("-N", "-E", "UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        with subprocess.Popen(
            [postgres, "-D", database, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
            stderr=subprocess.PIPE,
            text=True,
            user=user,
            cwd=folder,
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if "ready to accept connections" in line:
                    break
            yield f"?host={folder}"
            process.terminate()
            process.stderr.read()


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """An empty database."""
    base = f"postgresql+psycopg://frame:{_PASSWORD}@"
    admin = sa.create_engine(f"{base}/postgres{server}", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE cache")
    yield f"postgresql://frame:{_PASSWORD}@/cache{server}"
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE cache")
    admin.dispose()


@contextmanager
def closing_engine(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    try:
        yield engine
    finally:
        engine.dispose()


async def test_it_is_the_same_cache(url: str) -> None:
    odd = Mapping("localfolder", "a\\\0\udcff", "v1", "original", Digest("md5", "e" * 32), "odd", NOW)
    assert (await Cache.inspect(url)).revision is None
    async with opened(url) as cache:
        await asyncio.gather(*(cache.record(mapping(number)) for number in range(2000)), cache.record(odd))
        await cache.record(mapping(1))
    async with opened(url) as cache:
        assert len(await known(cache, [item(number) for number in range(3000)])) == 2000
        assert await known(cache, [MediaItem("localfolder", odd.item_id, "v1")]) == {odd}
        status = await cache.status()
    assert status.entries == {"googlephotos": 2000, "localfolder": 1}
    assert (status.revision, status.size_bytes, status.oldest_recorded_at) == ("0005", None, NOW)
    assert status.location == "postgresql+psycopg://frame:***@/cache"
    assert await Cache.inspect(url) == status


async def test_several_processes_share_it(url: str) -> None:
    async with opened(url) as one, opened(url) as two:
        for number in range(30):
            await asyncio.gather(one.record(mapping(number)), two.record(mapping(number)))
        assert len(await known(one, [item(number) for number in range(30)])) == 30


async def test_listings_are_stored_with_their_cursors(url: str) -> None:
    async with opened(url) as one, opened(url) as two:
        assert await one.listing("box", "/F") is None
        first = {f"/{number}": "1" for number in range(100)}
        await asyncio.gather(
            *(each.record_listing("box", "/F", ListingUpdate("", "c1", first)) for each in (one, two))
        )
        await two.record_listing(
            "box", "/F", ListingUpdate("", "c2", {"/1": "2", "/a": "1"}, ["/2", "/none"])
        )
        left = first | {"/1": "2", "/a": "1"}
        del left["/2"]
        assert await one.listing("box", "/F") == StoredListing("", "c2", left)
        await one.record_listing("box", "/F", ListingUpdate("", "c3", {"/x": "1"}, replace=True))
        assert await two.listing("box", "/F") == StoredListing("", "c3", {"/x": "1"})


async def test_mirrors_are_stored_with_their_files(url: str) -> None:
    files = [KnownFile(Side.HERE, f"/{number}", 5, NOW, "77", "r1", "ab" * 32) for number in range(2_500)]
    files += [
        KnownFile(Side.THERE, "/undecodable\udcff"),
        KnownFile(Side.SENDING, "/back\\slash", 9, inode="s"),
    ]
    async with opened(url) as one, opened(url) as two:
        assert await one.mirror("mirror a") is None
        await asyncio.gather(
            *(each.record_mirror("mirror a", MirrorUpdate("args", "c1", files)) for each in (one, two))
        )
        update = MirrorUpdate("args", "c2", [KnownFile(Side.HERE, "/1", 6, rev="r2")], [(Side.HERE, "/2")])
        await two.record_mirror("mirror a", update)
        left = {(each.side, each.path): each for each in (*files, *update.changed)}
        del left[Side.HERE, "/2"]
        assert await one.mirror("mirror a") == MirrorState("args", "c2", left)
        await one.record_mirror("mirror a", MirrorUpdate("other", "", files[:1], replace=True))
        assert await two.mirror("mirror a") == MirrorState("other", "", {(Side.HERE, "/0"): files[0]})
        assert await two.mirror("mirror b") is None


async def test_planning_writes_nothing(url: str) -> None:
    for expected in (None, "0005"):
        async with aclosing(await Cache.open_to_plan(url, notify=pytest.fail)) as plan:
            await plan.record(mapping(2))
            assert mapping(2) in await known(plan, [item(1), item(2)])
            assert (mapping(1) in await known(plan, [item(1)])) is (expected is not None)
            with pytest.raises(CacheError, match="read-only") if expected else nullcontext():
                plan._write([mapping(3)])
        assert (await Cache.inspect(url)).revision == expected
        async with opened(url) as cache:
            await cache.record(mapping(1))
            assert await known(cache, [item(2), item(3)]) == set()


async def test_its_schema_equals_the_tables_in_the_code(url: str) -> None:
    async with opened(url):
        with closing_engine(url) as engine, engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
            assert compare_metadata(context, tables.metadata) == []


async def test_a_newer_picsyncs_is_refused(url: str) -> None:
    async with opened(url):
        with closing_engine(url) as engine, engine.begin() as connection:
            connection.exec_driver_sql("UPDATE picsync_schema SET version_num = 'f00d'")
    for attempt in (Cache.open(url, notify=pytest.fail), Cache.inspect(url)):
        with pytest.raises(CacheError, match=r"newer picsync \(schema revision f00d\)"):
            await attempt


async def test_another_programs_table_is_not_touched(url: str) -> None:
    with closing_engine(url) as engine:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE mapping (id integer)")
            connection.exec_driver_sql("CREATE TABLE googlephotos (id integer)")
        with pytest.raises(CacheError, match="already exists"):
            await Cache.open(url, notify=pytest.fail)
        with engine.connect() as connection:
            assert sorted(sa.inspect(connection).get_table_names()) == ["googlephotos", "mapping"]


async def test_a_wrong_password(url: str) -> None:
    with pytest.raises(CacheError, match="authentication failed") as caught:
        await Cache.open(url.replace(_PASSWORD, "swordfish"), notify=pytest.fail)
    assert "swordfish" not in str(caught.value)
    assert caught.value.hint

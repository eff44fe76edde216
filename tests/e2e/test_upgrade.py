"""The current picsync starts on installations of earlier versions: nothing is downloaded, uploaded or
deleted."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from picsync.emulators.immich import HOST as IMMICH
from picsync.observe.metrics import METRICS
from tests.cache.fresh import open_fresh
from tests.cli.command_line import CommandLine, served
from tests.cli.conftest import loggers_as_before
from tests.cli.short_waits import short_waits
from tests.e2e.installations import VERSION_2, restore_go_program, restore_version_2, series
from tests.fork_server import ForkServer
from tests.run.sync_process import SyncProcess

__all__ = ["loggers_as_before"]


@pytest.fixture
def bare(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    loggers_as_before: None,
    fork_server: ForkServer,
) -> Iterator[CommandLine]:
    """A command line in a folder with nothing in it; the services have no albums."""
    monkeypatch.chdir(tmp_path)
    with served() as (world, loop), short_waits():
        monkeypatch.setenv("PICSYNC_EMULATOR", world.server.url)
        monkeypatch.setenv("PICSYNC_LOG_FORMAT", "human")
        yield CommandLine(tmp_path, world, None, loop, capsys, fork_server)  # type: ignore[arg-type] # it has no album


def assert_nothing_moved(bare: CommandLine) -> None:
    assert bare.writes() == []
    assert bare.downloads() == 0
    assert bare.server.log.count(host=IMMICH, path=r"/original") == 0


def test_version_2_goes_on_where_it_was(bare: CommandLine) -> None:
    environment = restore_version_2(bare.world, bare.folder)
    with SyncProcess(bare, env=environment) as sync:
        sync.served()
        # The two rules end in either order.
        ended = "".join(sync.said("nothing to do; 6 photos on the frame") for _ in range(2))
        assert "Album Family: " in ended
        assert "Album Own: " in ended
        # The last series of a cycle may follow its line in the log.
        sync.until_any(lambda: missing(sync.ask("/metrics").text), lambda gone: not gone)
        now = series(sync.ask("/metrics").text)
        sync.process.popen.terminate()
        assert sync.end() == 0
    assert_nothing_moved(bare)
    before = series((VERSION_2 / "metrics.txt").read_text("utf-8"))
    assert len(before) > 200
    assert_joins_still_match(labels_of(before), labels_of(now))


async def test_version_2_reads_a_cache_of_today_or_sets_it_aside(tmp_path: Path) -> None:
    """Version 2 looks into `picsync_schema`; it sets a cache of any other revision than its own aside."""
    await (await open_fresh(tmp_path / "today.db")).aclose()
    with (
        closing(sqlite3.connect(tmp_path / "today.db")) as today,
        closing(sqlite3.connect(":memory:")) as version_2,
    ):
        version_2.executescript((VERSION_2 / "cache.sql").read_text("utf-8"))
        revision = "SELECT version_num FROM picsync_schema"
        columns = "SELECT name, type, pk FROM pragma_table_info('mapping')"
        (theirs,), (ours,) = (database.execute(revision).fetchone() for database in (version_2, today))
        if ours == theirs:
            assert today.execute(columns).fetchall() == version_2.execute(columns).fetchall()
        else:
            assert ours > theirs, "version 2 would migrate the cache"


def missing(page: str) -> list[str]:
    """Return the series of version 2 that a page of metrics lacks; labels may have been added."""
    before, now = series((VERSION_2 / "metrics.txt").read_text("utf-8")), series(page)
    return [
        f"{name}{dict(old)}" for name, old in before if not any(name == n and old <= new for n, new in now)
    ]


def labels_of(found: Iterable[tuple[str, frozenset[tuple[str, str]]]]) -> dict[str, frozenset[str]]:
    """Return name -> names of its labels."""
    return {name: frozenset(label for label, _ in pairs) for name, pairs in found}


def assert_joins_still_match(before: Mapping[str, frozenset[str]], now: Mapping[str, frozenset[str]]) -> None:
    """Metrics with equal labels still have equal ones: `a > b` in a query finds partners by all of them."""
    for labels in set(before.values()):
        alike = [name for name in before if before[name] == labels]
        assert len({now[name] for name in alike}) == 1, {name: now[name] for name in alike}


def test_queries_of_version_2_find_their_series() -> None:
    labels = {metric.name: set(metric.exposed) for metric in METRICS}
    queries = (VERSION_2 / "queries.txt").read_text("utf-8").splitlines()
    assert len(queries) > 40
    for query in queries:
        for name, selector in re.findall(r"\b(picsync_\w+)(?:\{(.*?)\})?", query):
            metric = name if name in labels else re.sub(r"_(bucket|count|sum)$", "", name)
            assert metric in labels, query
            asked = set(re.findall(r"(\w+)(?:=|!=|=~|!~)\"", selector)) - {"job", "instance"}
            assert asked <= labels[metric], query
        for _, grouped in re.findall(r"\b(by|on) \(([^)]*)\)", query):
            known = {"instance", "job", "le", "pod", "namespace"}.union(*labels.values())
            assert {one.strip() for one in grouped.split(",")} - {""} <= known, query


def test_the_go_program_goes_on_where_it_was(bare: CommandLine) -> None:
    restore_go_program(bare.world, bare.folder)
    bare.run("sync").assert_message(0, "Album AllMyStuff: nothing to do; 3 photos on the frame")
    assert_nothing_moved(bare)

"""`picsync cache status`."""

from __future__ import annotations

import json

from picsync.cache.schema import REVISIONS
from tests.cache.go_cache import GoRow, write_go_cache
from tests.cli.command_line import CommandLine


def test_no_cache_yet(cli: CommandLine) -> None:
    result = cli.run("cache", "status")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{cli.cache}: there is no cache yet; the first cycle creates it.\n"
    assert not cli.cache.exists(), "looking makes nothing"
    assert json.loads(cli.run("cache", "status", "--json").out)["revision"] is None


def test_a_cache(cli: CommandLine) -> None:
    cli.add(3)
    cli.google.add_item(cli.album, "odd.jpg", b"x" * 99, mime_type="image/jpeg", width=4, height=3)
    cli.run("sync")
    result = cli.run("cache", "status")
    assert result.code == 0
    assert f"{cli.cache}: schema {REVISIONS[-1]}, " in result.out
    assert "googlephotos: 4 media items known.\n1 media item could not be used.\nRecorded" in result.out
    found = json.loads(cli.run("cache", "status", "--json", "--cache", str(cli.cache)).out)
    assert found["entries"] == {"googlephotos": 4}
    assert found["unusable"] == 1
    assert found["newest_recorded_at"].endswith("+00:00")


def test_the_cache_of_the_go_picsync(cli: CommandLine) -> None:
    write_go_cache(cli.cache, [GoRow("x", "0" * 32)])
    before = cli.cache.read_bytes()
    result = cli.run("cache", "status")
    assert "It was written by the Go picsync; the next cycle imports its digests." in result.out
    assert cli.cache.read_bytes() == before
    assert cli.run("sync").code == 0
    assert f"schema {REVISIONS[-1]}" in cli.run("cache", "status").out


def test_a_cache_in_use(cli: CommandLine) -> None:
    cli.write_config(head=["every: 1h"])
    process = cli.start("sync")
    cli.wait_for(lambda log: log.count(path="mediaItems:search") == 1)
    assert f"schema {REVISIONS[-1]}" in cli.run("cache", "status").out
    process.popen.terminate()
    assert process.end().code == 0

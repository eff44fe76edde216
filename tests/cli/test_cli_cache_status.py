"""`picsync cache status`."""

from __future__ import annotations

import json

from tests.cache.go_cache import GoRow, write_go_cache
from tests.cli.command_line import Stage


def test_no_cache_yet(stage: Stage) -> None:
    result = stage.run("cache", "status")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{stage.cache}: there is no cache yet; the first cycle makes it.\n"
    assert not stage.cache.exists(), "looking makes nothing"
    assert json.loads(stage.run("cache", "status", "--json").out)["revision"] is None


def test_a_cache(stage: Stage) -> None:
    stage.add(3)
    stage.google.add_item(stage.album, "odd.jpg", b"x" * 99, mime_type="image/jpeg", width=4, height=3)
    stage.run("sync")
    result = stage.run("cache", "status")
    assert result.code == 0
    assert f"{stage.cache}: schema 0001, " in result.out
    assert "googlephotos: 4 media items known.\n1 media item could not be used.\nRecorded" in result.out
    found = json.loads(stage.run("cache", "status", "--json", "--cache", str(stage.cache)).out)
    assert found["entries"] == {"googlephotos": 4}
    assert found["unusable"] == 1
    assert found["newest_recorded_at"].endswith("+00:00")


def test_the_cache_of_the_go_picsync(stage: Stage) -> None:
    write_go_cache(stage.cache, [GoRow("x", "0" * 32)])
    before = stage.cache.read_bytes()
    result = stage.run("cache", "status")
    assert "It was made by the Go picsync; the next cycle takes its digests over." in result.out
    assert stage.cache.read_bytes() == before
    assert stage.run("sync").code == 0
    assert "schema 0001" in stage.run("cache", "status").out


def test_a_cache_in_use(stage: Stage) -> None:
    stage.write_config(head=["every: 1h"])
    process = stage.start("sync")
    stage.wait_for(lambda log: log.count(path="mediaItems:search") == 1)
    assert "schema 0001" in stage.run("cache", "status").out
    process.popen.terminate()
    assert process.end().code == 0

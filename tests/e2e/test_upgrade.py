"""Today's picsync starts on what earlier versions left: nothing is downloaded, uploaded or deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from picsync.emulators.immich import HOST as IMMICH
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
        yield CommandLine(tmp_path, world, loop, None, capsys, fork_server)  # type: ignore[arg-type] # it has no album


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
        page = sync.ask("/metrics").text
        sync.process.popen.terminate()
        assert sync.end() == 0
    assert_nothing_moved(bare)
    now = series(page)
    before = series((VERSION_2 / "metrics.txt").read_text("utf-8"))
    gone = [(name, old) for name, old in before if not any(name == one and old <= new for one, new in now)]
    assert sorted(gone, key=str) == []
    assert len(before) > 200


def test_the_go_program_goes_on_where_it_was(bare: CommandLine) -> None:
    restore_go_program(bare.world, bare.folder)
    bare.run("sync").assert_message(0, "Album AllMyStuff: nothing to do; 3 photos on the frame")
    assert_nothing_moved(bare)

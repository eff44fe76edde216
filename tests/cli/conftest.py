from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine, served
from tests.cli.short_waits import short_waits
from tests.fork_server import ForkServer

LOGGERS = ("picsync", "httpx", "googleapiclient", "google", "oauthlib", "requests_oauthlib")


@pytest.fixture
def loggers_as_before() -> Iterator[None]:
    """Undo a command's changes to the process's logging."""
    before = [(log, log.handlers, log.propagate, log.level) for log in map(logging.getLogger, LOGGERS)]
    yield
    for log, handlers, propagate, level in before:
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


@pytest.fixture
def cli(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    loggers_as_before: None,
    fork_server: ForkServer,
) -> Iterator[CommandLine]:
    monkeypatch.chdir(tmp_path)
    with served() as (world, loop), short_waits():
        opened = CommandLine(tmp_path, world, world.google.add_album("Family"), loop, capsys, fork_server)
        monkeypatch.setenv("PICSYNC_EMULATOR", opened.server.url)
        # Tests check sentences; test_cli_logs.py checks the JSON.
        monkeypatch.setenv("PICSYNC_LOG_FORMAT", "human")
        opened.write_config()
        opened.write_credentials()
        yield opened
        for process in opened.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

"""A command line: emulated services in a thread, and a folder with the files of one picsync.

The services run in their own thread, so that a command runs in the main thread, with its own event loop and
signals. `CommandLine.run` runs it in this process, `CommandLine.start` in a new one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest

from picsync.cli.main import run
from picsync.emulators.requestlog import RequestLog
from picsync.emulators.world import World
from tests.cli.short_waits import FACTOR
from tests.fork_server import ForkedProcess, ForkServer
from tests.household_services import ALBUM, GoogleServices, write_credentials

T = TypeVar("T")

PATIENCE_S = 30.0
"""Longest wait for a process; only reached by failing tests."""

COMMAND = (sys.executable, "-W", "error", "-c", "from tests.cli.short_waits import main; main()")
"""picsync with short waits; Python warnings are errors."""

STRICT = (sys.executable, "-X", "dev", *COMMAND[1:])
"""The same in Python's development mode, which finds more problems but is slow."""

REAL_TIME = (*COMMAND[:-1], "from tests.cli.short_waits import main; main(1.0)")

PACES = {COMMAND: FACTOR, REAL_TIME: 1.0}
"""Commands that can be forked, and the factor of their waits."""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """The visible result of a command."""

    code: int
    out: str
    err: str

    def assert_message(self, code: int, *words: str) -> None:
        """Assert one message with these words in this order, this exit code, and no traceback."""
        assert self.code == code, self
        for trouble in ("Traceback", "Exception ignored", "Warning: "):
            assert trouble not in self.out + self.err, self.err
        rest = " ".join(self.err.split())
        for word in words:
            assert word in rest, f"{word!r} is missing in: {' '.join(self.err.split())}"
            rest = rest[rest.index(word) + len(word) :]


class Process:
    """A picsync in its own process."""

    def __init__(self, popen: subprocess.Popen[str]) -> None:
        self.popen = popen

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def line(self) -> str:
        """Return the next line of stdout."""
        assert self.popen.stdout is not None
        return self.popen.stdout.readline()

    def line_with(self, word: str) -> str:
        """Return the next line of stdout that contains the word."""
        assert self.popen.stdout is not None
        return next(line for line in self.popen.stdout if word in line)

    def error_line(self, word: str) -> str:
        """Return the next line of stderr that contains the word."""
        assert self.popen.stderr is not None
        return next(line for line in self.popen.stderr if word in line)

    def type(self, line: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def end(self, within_s: float = PATIENCE_S) -> Result:
        """Wait for its end; the result omits what `line` and `error_line` have read."""
        out, err = self.popen.communicate(timeout=within_s)
        return Result(self.popen.returncode, out, err)


@dataclass
class CommandLine(GoogleServices):
    """A Google album, a Nixplay account, and commands that are started in the folder of the files."""

    photo_bytes = 5_000
    loop: asyncio.AbstractEventLoop
    capsys: pytest.CaptureFixture[str]
    fork_server: ForkServer
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def cache(self) -> Path:
        return self.folder / "picsync-metadata-cache.db"

    def write_config(
        self,
        *,
        head: Sequence[str] = (),
        rule: Sequence[str] = (),
        album: str = "",
        more_sources: str = "",
    ) -> None:
        lines = [
            f"emulator: {self.server.url}",
            *head,
            "albums:",
            f"- name: {ALBUM}",
            f"  sources: {{googlephotos: [{album or self.album.album_id}]{more_sources}}}",
            *(f"  {line}" for line in rule),
        ]
        self.config.write_text("\n".join(lines) + "\n", "utf-8")

    def write_credentials(self, **login: str) -> None:
        write_credentials(self.credentials, self.world, **login)

    def run(self, *arguments: str) -> Result:
        """Run a command to its end in this process."""
        self.capsys.readouterr()
        code = run(list(arguments))
        out, err = self.capsys.readouterr()
        return Result(int(code), out, err)

    def start(self, *arguments: str, **options: Any) -> Process:
        """Start a command as a process; `options` are Popen's.

        Unless `forked` is given, it is forked only if `options` contains nothing but `stdin` and `command`.
        """
        command = options.pop("command", COMMAND)
        forked = options.pop("forked", command in PACES and not options.keys() - {"stdin"})
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})}
        make: Callable[..., subprocess.Popen[str]] = subprocess.Popen
        if forked:
            make, command = partial(ForkedProcess, self.fork_server, PACES[command]), ()
        popen = make(
            [*command, *arguments],
            cwd=self.folder,
            env=environ,
            stdin=options.pop("stdin", subprocess.DEVNULL),
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            **options,
        )
        self.processes.append(popen)
        return Process(popen)

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a function in the services' event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def wait_for(self, predicate: Callable[[RequestLog], bool]) -> None:
        """Wait until the services have received certain requests."""
        self.on_loop(self.server.log.wait_for(predicate))

    def listed(self, count: int) -> str:
        """Return the plan's line about the listing of the source album."""
        return f"  from googlephotos {self.album.album_id}: {count} item{'s'[: count - 1]}, complete"

    def on_frame(self) -> int:
        return len(self.frame_digests())

    def in_playlist(self) -> int:
        return len(self.playlist_digests())

    def downloads(self) -> int:
        return self.media_requests()


@contextmanager
def served() -> Iterator[tuple[World, asyncio.AbstractEventLoop]]:
    """Emulated services that run in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def on_loop(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_S)

    async def opened() -> World:
        return await World().__aenter__()

    try:
        world = on_loop(opened())
        try:
            yield world, loop
        finally:
            on_loop(world.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

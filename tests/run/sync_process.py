"""A running `picsync sync`: its output line by line, and its pages."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tests.cli.command_line import PATIENCE_S, CommandLine, Process

T = TypeVar("T")

LOOK_AGAIN_S = 0.02
PAGE = "prometheus: {listen: '127.0.0.1:0'}"


class SyncProcess:
    """A process, read in a thread so that it never waits for its reader; killed at the end if it goes on."""

    def __init__(self, cli: CommandLine, *arguments: str, **options: Any) -> None:
        self.process: Process = cli.start("sync", *arguments, **options)
        self.lines: list[str] = []
        self.url = ""
        self._read = 0
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._listen)
        self._reader.start()
        self.client = httpx.Client(timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        if self.process.popen.poll() is None:
            self.process.popen.kill()
        self._reader.join()
        self.process.popen.communicate()

    def said(self, words: str) -> str:
        """Wait for the next line with these words; return it. Lines before it are passed over."""
        deadline = time.monotonic() + PATIENCE_S
        with self._more:
            while True:
                while self._read < len(self.lines):
                    line = self.lines[self._read]
                    self._read += 1
                    if words in line:
                        return line
                ended = not self._reader.is_alive()
                assert not ended, f"it ended without saying {words!r}:\n" + "".join(self.lines)
                self._more.wait(0.2)
                assert time.monotonic() < deadline, f"it did not say {words!r}:\n" + "".join(self.lines)

    def served(self) -> Self:
        """Wait until the page is there."""
        found = re.search(r"http://[^/]+", self.said("Status page: "))
        assert found
        self.url = found[0]
        return self

    def ask(self, path: str) -> httpx.Response:
        try:
            return self.client.get(self.url + path)
        except httpx.TransportError as error:
            raise AssertionError(f"{self.url} is gone:\n{self.text[-4000:]}") from error

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("/status.json").json()
        return found

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Ask for the status until something holds; return it."""
        return self.until_any(self.status, holds)

    def until_any(self, ask: Callable[[], T], holds: Callable[[T], object]) -> T:
        """Ask again and again, since a page does not call back."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = ask()
            if holds(found):
                return found
            assert time.monotonic() < deadline, f"{found}\n{''.join(self.lines)}"
            threading.Event().wait(LOOK_AGAIN_S)

    def metric(self, series: str) -> float:
        """Return the value of a series, written as on the page."""
        lines = self.ask("/metrics").text.splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.rpartition(" ")[0] == series)

    def end(self) -> int:
        """Wait for its end; return the exit code."""
        code = self.process.popen.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def _listen(self) -> None:
        stream = self.process.popen.stderr
        assert stream is not None
        for line in stream:
            with self._more:
                self.lines.append(line)
                self._more.notify_all()
        with self._more:
            self._more.notify_all()

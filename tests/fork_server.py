"""Starts picsync processes by forking a process that has imported it, since imports are most of a start.

A forked process has its own arguments, environment, folder and standard streams. It shares the interpreter's
options and imports: tests of those, or of /proc, start a new process.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.crash.kill_at_call import KillAt

ROOT = Path(__file__).parents[1]
LIMIT_S = 30
"""Longest wait for the server, which responds immediately."""
MESSAGE_BYTES = 2**17

PRELOADED = (
    "picsync.cache.migrate",
    "picsync.cache.store",
    "picsync.cli.demo",
    "picsync.cli.emulator",
    "picsync.cli.main",
    "picsync.cli.sync",
    "picsync.frames.nixplay.frame",
    "picsync.run.wiring",
    "picsync.sources.google.library.source",
    "tests.cli.short_waits",
)


class ForkServer:
    """The client's end; one request at a time."""

    def __enter__(self) -> Self:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(LIMIT_S)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.wait(timeout=LIMIT_S)

    def fork(
        self,
        arguments: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        streams: Sequence[int],
        pace: float,
        kill_at: KillAt | None = None,
    ) -> int:
        """Start picsync and return its process id; waits take `pace` times their time."""
        order = {
            "arguments": arguments,
            "folder": str(folder),
            "environ": dict(environ),
            "pace": pace,
            "kill_at": kill_at and asdict(kill_at),
        }
        return self._ask(order, streams)

    def reap(self, pid: int) -> int:
        """Return the exit code of an ended process; the negative signal number if a signal ended it."""
        return os.waitstatus_to_exitcode(self._ask({"reap": pid}, ()))

    def _ask(self, order: dict[str, Any], streams: Sequence[int]) -> int:
        with self._lock:
            socket.send_fds(self._connection, [json.dumps(order).encode()], streams)
            return int(self._connection.recv(MESSAGE_BYTES))


class ForkedProcess(subprocess.Popen[str]):
    """A forked picsync process with the interface of `Popen`."""

    def __init__(self, server: ForkServer, pace: float, arguments: Sequence[str], **options: Any) -> None:
        self._server = server
        self._pace = pace
        super().__init__(list(arguments), **options)

    def _execute_child(self, arguments: list[str], *more: Any) -> None:
        cwd, environ, streams = more[4], more[5], more[9:15]
        self.pid = self._server.fork(
            arguments, cwd, environ, (streams[0], streams[3], streams[5]), self._pace
        )
        self._child_created = True
        self._fd = os.pidfd_open(self.pid)
        self._close_pipe_fds(*streams)  # type: ignore[attr-defined]  # as the method does that this one replaces

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        return self.returncode if self.returncode is not None else self._ended(0)

    def _wait(self, timeout: float | None) -> int:
        code = self._internal_poll() if self.returncode is not None else self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def _ended(self, timeout: float | None) -> int | None:
        """Return the exit code once available; None after the timeout."""
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        if not waiting.poll(None if timeout is None else max(0.0, timeout) * 1000):
            return None
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                self.returncode = self._server.reap(self.pid)
                os.close(self._fd)
        return self.returncode


def serve(connection: socket.socket) -> None:
    """Fork processes and report their ends until the connection is closed."""
    # A shell has its background jobs ignore Ctrl-C; the processes here are meant to notice it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    while True:
        message, streams, _, _ = socket.recv_fds(connection, MESSAGE_BYTES, 3)
        if not message:
            return None
        order = json.loads(message)
        if "reap" in order:
            answer = os.waitpid(order["reap"], 0)[1]
        else:
            answer = os.fork()
            if not answer:
                connection.close()
                return become(order, streams)
            for each in streams:
                os.close(each)
        connection.send(str(answer).encode())


def become(order: dict[str, Any], streams: Sequence[int]) -> None:
    """Run as `picsync` in this process, as if it had been started like this."""
    from tests.cli.short_waits import main

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    if order["kill_at"] is not None:
        KillAt(**order["kill_at"]).arm()
    sys.argv = ["picsync", *order["arguments"]]
    main(order["pace"])


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connected:
        serve(connected)

"""A real `picsync sync --once` that a test can kill at a certain moment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from picsync.emulators.requestlog import RequestLog
from tests.crash.kill_at_call import KillAt
from tests.e2e.household import Household
from tests.fork_server import ForkServer

LIMIT_S = 30
"""Far longer than anything here takes; a hang then fails with a clear name."""


class Sync:
    """One running process."""

    def __init__(self, household: Household, pid: int, fork_server: ForkServer) -> None:
        self._household = household
        self._fork_server = fork_server
        self._pid = pid
        self._fd = os.pidfd_open(pid)
        self._ended = asyncio.Event()
        self._code: int | None = None
        asyncio.get_running_loop().add_reader(self._fd, self._reap)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, number)

    def kill(self) -> None:
        """Kill it; on return it does nothing any more, not even with data that it has received."""
        self.signal(signal.SIGKILL)
        select.select([self._fd], [], [], LIMIT_S)

    async def ended(self) -> int:
        """Wait for its end; return the exit code."""
        async with asyncio.timeout(LIMIT_S):
            await self._ended.wait()
        assert self._code is not None
        return self._code

    async def asked(self, predicate: Callable[[RequestLog], bool]) -> None:
        """Wait for its requests to the services; fails if it ends first."""
        asking = asyncio.create_task(self._household.server.log.wait_for(predicate))
        ending = asyncio.create_task(self._ended.wait())
        try:
            async with asyncio.timeout(LIMIT_S):
                await asyncio.wait([asking, ending], return_when=asyncio.FIRST_COMPLETED)
            assert asking.done(), f"it ended with {self._code}:\n{self.output()}"
        finally:
            asking.cancel()
            ending.cancel()

    def output(self) -> str:
        """The output of this and earlier processes of the test."""
        return log_of(self._household).read_text("utf-8")

    def close(self) -> None:
        """Make sure that no process is left."""
        self.kill()
        self._reap()
        os.close(self._fd)

    def _reap(self) -> None:
        if self._code is None:
            asyncio.get_running_loop().remove_reader(self._fd)
            self._code = self._fork_server.reap(self._pid)
            self._ended.set()


def log_of(household: Household) -> Path:
    return household.folder / "output.txt"


@asynccontextmanager
async def running(
    fork_server: ForkServer, household: Household, *, kill_at: KillAt | None = None
) -> AsyncIterator[Sync]:
    """Run `picsync sync --once` on the installation's files; it is killed at the end in any case."""
    arguments = ["sync", str(household.write_config()), "--cache", str(household.cache), "--once"]
    with log_of(household).open("ab") as log, Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), log.fileno(), log.fileno())
        pid = fork_server.fork(arguments, household.folder, os.environ, streams, pace=1.0, kill_at=kill_at)
    sync = Sync(household, pid, fork_server)
    try:
        yield sync
    finally:
        sync.close()

"""Kills this process at one of its calls to the operating system."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.faults import sorts_of_files
from tests.faults.disk import Armed, Call, Disk

_FOR_LIFE = ExitStack()


@dataclass(frozen=True)
class KillAt:
    """A call in a directory."""

    root: str
    sorts: str
    """The function of `sorts_of_files` that names the sort of a file."""
    function: str
    what: str
    passing: int
    """How many calls of this kind are made first."""

    def arm(self) -> None:
        """Observe the directory from now on, and kill this process immediately before the call."""
        disk = Disk(Path(self.root), what=getattr(sorts_of_files, self.sorts))
        call = Call(self.function, self.what)
        disk.arm(Armed(call, 1, before=_kill, skip=self.passing))
        _FOR_LIFE.enter_context(disk.watching())


def _kill(_disk: Disk, _path: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)

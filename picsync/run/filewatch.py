"""Detects changed settings files by inotify, on file systems of this Linux machine.

Elsewhere, and for changes that another machine makes on a network share, the check at each heartbeat has to
suffice, so nothing here is an error.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_simple import INotify

SETTLE_S = 1.0
"""Wait after the first event: a program that writes a file often sets its permissions immediately after."""

_SWAPPED = "..data"
"""The link that Kubernetes replaces to update all files of a volume at once."""


class FileWatch:
    """Watches files; a context manager, to be entered in the event loop that it calls back in."""

    def __init__(
        self, paths: Iterable[Path], touched: Callable[[], None], *, settle_s: float = SETTLE_S
    ) -> None:
        """`touched` is called in the loop, `settle_s` after one of the files may have changed."""
        self._settle_s = settle_s
        self._paths = tuple(paths)
        self._touched = touched
        self._inotify: INotify | None = None
        self._names: dict[int, set[str]] = {}
        """Watch descriptor -> names of the entries that matter; an empty one is the watched file itself."""
        self._settling: asyncio.TimerHandle | None = None

    def __enter__(self) -> FileWatch:
        if sys.platform == "linux":
            from inotify_simple import INotify

            with suppress(OSError):  # The limit of inotify instances per user is reached.
                self._inotify = INotify(nonblocking=True)
                self._loop = asyncio.get_running_loop()
                self._loop.add_reader(self._inotify.fileno(), self._read)
        return self

    def __exit__(self, *_: object) -> None:
        inotify, self._inotify = self._inotify, None
        if inotify is not None:
            self._loop.remove_reader(inotify.fileno())
            inotify.close()
        if self._settling is not None:
            self._settling.cancel()

    def renew(self) -> None:
        """Watch the files at these paths. Call it immediately before reading them, from any thread."""
        inotify = self._inotify
        if inotify is None:
            return
        for place, name in dict.fromkeys(each for path in self._paths for each in _places(path)):
            # The folder is missing, or the limit of watches is reached.
            with suppress(OSError, ValueError):
                self._names.setdefault(inotify.add_watch(place, _mask()), set()).add(name)

    def _read(self) -> None:
        from inotify_simple import flags

        if self._inotify is None:
            return
        matters = False
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.IGNORED:
                self._names.pop(event.wd, None)
            else:
                # `renew` may not have stored a new watch yet.
                matters |= event.wd not in self._names or event.name in self._names[event.wd]
        if matters and self._settling is None:
            self._settling = self._loop.call_later(self._settle_s, self._settled)

    def _settled(self) -> None:
        self._settling = None
        self._touched()


def _places(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what to watch for a file, each with the name of the entry that matters."""
    # The file itself: the folder of a mounted file is outside of the container.
    real = os.path.realpath(path)
    yield real, ""
    for each in (str(path.absolute()), real):
        folder, name = os.path.split(each)
        yield folder, name
        yield folder, _SWAPPED


def _mask() -> int:
    """Return the events of a complete change; a file that is being written must not be read yet."""
    from inotify_simple import flags

    return int(flags.CLOSE_WRITE | flags.MOVED_TO | flags.ATTRIB)

"""Notifies of changes in folders by inotify, for file systems of this Linux machine.

Each folder is watched just before it is read, so that no change is missed in between. Folders that are not
read are not watched: a NAS may keep a thumbnail folder for every picture. inotify does not report changes
that other machines make on a network share. There, and on other systems, the regular listing has to suffice,
so nothing here is an error.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from inotify_simple import INotify

Ignored: TypeAlias = Callable[[str, bool], bool]


class Watcher:
    """Watches the folders of any number of albums; bound to the event loop that it is created in."""

    def __init__(
        self,
        touched: Callable[[str], None],
        ignored: Ignored = lambda _name, _is_folder: False,
        *,
        departures: bool = True,
    ) -> None:
        """`touched` is called in the loop with the ID of the changed album.

        `ignored` tells from a name, and whether it is a folder's, that its changes do not matter; the name is
        empty for a watched folder itself. Without `departures`, files that are deleted or moved away are not
        changes.
        """
        self._mask = _mask(departures=departures)
        self._touched = touched
        self._ignored = ignored
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._albums: dict[int, set[str]] = defaultdict(set)
        """Watch descriptor -> albums whose folder it watches."""
        self._inotify = self._begin()

    def _begin(self) -> INotify | None:
        if sys.platform != "linux":
            return None
        from inotify_simple import INotify

        try:
            inotify = INotify(nonblocking=True)
        except OSError:
            return None  # The user's limit of inotify instances is reached.
        self._loop.add_reader(inotify.fileno(), self._read)
        return inotify

    def enter(self, album: str, folder: str) -> int | None:
        """Watch a folder from now on; return the watch descriptor, or None if that is impossible.

        May be called from any thread.
        """
        with self._lock:
            if self._inotify is None:
                return None
            try:
                number: int = self._inotify.add_watch(folder, self._mask)
            except OSError:
                return None  # It was removed, or the limit of watches is reached.
            self._albums[number].add(album)
            return number

    def keep(self, album: str, numbers: set[int]) -> None:
        """Remove the album's watches except those in `numbers`. May be called from any thread."""
        with self._lock:
            for number in [number for number, albums in self._albums.items() if album in albums]:
                if number in numbers:
                    continue
                self._albums[number].discard(album)
                if not self._albums[number]:
                    del self._albums[number]
                    if self._inotify is not None:
                        with suppress(OSError):  # The system has already removed it.
                            self._inotify.rm_watch(number)

    @property
    def watched(self) -> int:
        """Number of watched folders."""
        return len(self._albums)

    def _read(self) -> None:
        from inotify_simple import flags

        touched: set[str] = set()
        with self._lock:
            if self._inotify is None:
                return
            for event in self._inotify.read(timeout=0):
                if event.mask & flags.Q_OVERFLOW:
                    touched.update(*self._albums.values())
                elif event.mask & flags.IGNORED:
                    self._albums.pop(event.wd, None)
                elif not self._ignored(event.name, bool(event.mask & flags.ISDIR)):
                    touched |= self._albums.get(event.wd, set())
        for album in touched:
            self._touched(album)

    def close(self) -> None:
        """Stop watching; safe to call twice."""
        with self._lock:
            inotify, self._inotify = self._inotify, None
        if inotify is not None:
            self._loop.remove_reader(inotify.fileno())
            inotify.close()


def _mask(*, departures: bool) -> int:
    if sys.platform != "linux":
        return 0
    from inotify_simple import flags

    left = flags.MOVED_FROM | flags.DELETE if departures else 0
    return int(
        flags.CREATE
        | flags.CLOSE_WRITE
        | flags.MOVED_TO
        | flags.DELETE_SELF
        | flags.MOVE_SELF
        | flags.ONLYDIR
        | flags.EXCL_UNLINK
        | left
    )

"""Being told when something changes in a folder, where Linux can tell: on file systems of this machine.

Each folder is watched just before it is read, so that nothing falls between reading and watching, and no
other: the thumbnails that a NAS keeps beside every picture have as many folders as there are pictures. A
server's share tells nothing of what others change there; nor does anything on other systems. Then listing it
from time to time is what is left, so nothing here is an error.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from picsync.media.formats import promised
from picsync.sources.folder.names import skipped_file, skipped_folder

if TYPE_CHECKING:
    from inotify_simple import INotify


class Watcher:
    """Watches the folders of any number of albums; belongs to the loop that it is made in."""

    def __init__(self, touched: Callable[[str], None]) -> None:
        """`touched` is called in the loop with the album in which something has changed."""
        self._touched = touched
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._albums: dict[int, set[str]] = defaultdict(set)
        """Number of a watch -> albums that have its folder."""
        self._inotify = self._begin()

    def _begin(self) -> INotify | None:
        if sys.platform != "linux":
            return None
        from inotify_simple import INotify

        try:
            inotify = INotify(nonblocking=True)
        except OSError:
            return None  # The user has as many as the system allows.
        self._loop.add_reader(inotify.fileno(), self._read)
        return inotify

    def enter(self, album: str, folder: str) -> int | None:
        """Watch a folder from now on, and return the number of its watch; None if that is not possible.

        May be called from any thread.
        """
        with self._lock:
            if self._inotify is None:
                return None
            try:
                number: int = self._inotify.add_watch(folder, _MASK)
            except OSError:
                return None  # It is gone, or there are as many watches as the system allows.
            self._albums[number].add(album)
            return number

    def keep(self, album: str, numbers: set[int]) -> None:
        """Give up the album's watches save those of `numbers`. May be called from any thread."""
        with self._lock:
            for number in [number for number, albums in self._albums.items() if album in albums]:
                if number in numbers:
                    continue
                self._albums[number].discard(album)
                if not self._albums[number]:
                    del self._albums[number]
                    if self._inotify is not None:
                        with suppress(OSError):  # The system has given it up before.
                            self._inotify.rm_watch(number)

    @property
    def watched(self) -> int:
        """Number of folders that are watched."""
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
                elif not _of_no_interest(event.name, folder=bool(event.mask & flags.ISDIR)):
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


def _of_no_interest(name: str, *, folder: bool) -> bool:
    """Whether a change of that name can wait; without a name it is of the folder itself.

    A picture that is named like something else is found by the next listing; a log that is written all day
    must not lead to one cycle after the other.
    """
    if not name:
        return False
    if folder:
        return skipped_folder(name)
    return skipped_file(name) or ("." in name and promised(name) is None)


def _mask() -> int:
    if sys.platform != "linux":
        return 0
    from inotify_simple import flags

    return int(
        flags.CREATE
        | flags.CLOSE_WRITE
        | flags.MOVED_FROM
        | flags.MOVED_TO
        | flags.DELETE
        | flags.DELETE_SELF
        | flags.MOVE_SELF
        | flags.ONLYDIR
        | flags.EXCL_UNLINK
    )


_MASK = _mask()

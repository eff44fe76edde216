"""Lists the files of a folder and its subfolders with their attributes, without reading them.

Links are never followed: their target is either in the folder and found there, or out of scope. Everything
that cannot be read is reported, since it may contain pictures.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from picsync.core.skipping import skipped_file, skipped_folder
from picsync.core.values import dataclass
from picsync.sources.choice import Choice
from picsync.system.files import reason
from picsync.system.nofollow import is_gone, open_file, open_folder, open_root, what_helps

_MOST_PROBLEMS = 100
"""Number of problems that are shown; more would not help the user."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with its attributes."""

    path: str
    """Relative to the folder, with slashes; undecodable bytes as lone surrogates."""
    volume: str
    """The topmost subfolder on the same file system, or empty for the folder itself."""
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


class Walk:
    """One walk through a folder; iterate it once, then read the attributes."""

    def __init__(
        self, root: str, choice: Choice, *, enter: Callable[[str], object] = lambda _folder: None
    ) -> None:
        """Walk `root`, an absolute path without links; `enter` is called before each folder is read."""
        self._root = root
        self._choice = choice
        self._enter = enter
        self.problems: list[str] = []
        """What could not be read, in words for the user."""
        self.volumes: list[str] = []
        """Paths at which another file system begins; the first is the folder itself."""
        self.steps = 0
        """Increases as long as the walk makes progress."""
        self.links = 0
        """Number of links that were skipped."""
        self.not_chosen = 0
        """Number of files and folders that the user's patterns exclude."""
        self._number = -1

    def __iter__(self) -> Iterator[FoundFile]:
        try:
            self._number = open_root(self._root)
            began = os.fstat(self._number)
        except OSError as error:
            self._unread("", error)
            return
        self.volumes.append("")
        pending = [("", "", began.st_dev)]
        while pending:
            path, volume, device = pending.pop()
            try:
                yield from self._folder(path, volume, device, pending)
            except OSError as error:
                self._unread(path, error)
        self._check_still_there(began)

    def open(self, path: str) -> int:
        """Open a file that was found; raises OSError."""
        number, _ = open_file(self._number, path)
        return number

    def close(self) -> None:
        """Close the folder; safe to call twice."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    def _folder(
        self, path: str, volume: str, device: int, pending: list[tuple[str, str, int]]
    ) -> Iterator[FoundFile]:
        folder = f"{self._root}/{path}" if path else self._root
        self._enter(folder)
        with self._entries(path) as entries:
            for entry in entries:
                self.steps += 1
                below = f"{path}/{entry.name}" if path else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not self._wants_folder(entry.name, below):
                        continue
                    its_device = self._device(entry, below)
                    if its_device is None:
                        continue
                    other = its_device != device
                    if other:
                        self.volumes.append(below)
                    pending.append((below, below if other else volume, its_device))
                elif self._wants_file(entry, below):
                    found = self._file(entry, below, volume)
                    if found is not None:
                        yield found

    def _wants_folder(self, name: str, path: str) -> bool:
        if skipped_folder(name):
            return False
        chosen = self._choice.folder(path)
        self.not_chosen += not chosen
        return chosen

    def _wants_file(self, entry: os.DirEntry[str], path: str) -> bool:
        if skipped_file(entry.name):
            return False
        if entry.is_symlink():
            self.links += 1
            return False
        chosen = self._choice.file(path)
        self.not_chosen += not chosen
        return chosen

    @contextmanager
    def _entries(self, path: str) -> Iterator[Iterator[os.DirEntry[str]]]:
        number = open_folder(self._number, path)
        try:
            with os.scandir(number) as entries:
                yield entries
        finally:
            os.close(number)

    def _device(self, entry: os.DirEntry[str], path: str) -> int | None:
        try:
            return entry.stat(follow_symlinks=False).st_dev
        except OSError as error:
            self._unread(path, error)
            return None

    def _file(self, entry: os.DirEntry[str], path: str, volume: str) -> FoundFile | None:
        try:
            seen = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # Deleted in the meantime.
        except OSError as error:
            self._unread(path, error)
            return None
        if not stat.S_ISREG(seen.st_mode):
            return None
        return FoundFile(path, volume, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)

    def _check_still_there(self, began: os.stat_result) -> None:
        """Notice a share that was unmounted during the walk and left an empty folder behind."""
        try:
            now = os.stat(self._root)  # noqa: PTH116 - strings, since names may be undecodable
        except OSError as error:
            self._unread("", error)
            return
        if (now.st_dev, now.st_ino) != (began.st_dev, began.st_ino):
            self.problems.append(
                f"The folder {shown(self._root)} was replaced or unmounted while it was listed."
            )

    def _unread(self, path: str, error: OSError) -> None:
        if len(self.problems) >= _MOST_PROBLEMS:
            return
        what = shown(f"{self._root}/{path}" if path else self._root)
        if path and is_gone(error):
            self.problems.append(f"{what} disappeared while it was listed.")
        elif isinstance(error, FileNotFoundError | NotADirectoryError):
            is_file = os.path.isfile(self._root)  # noqa: PTH113 - strings, as above
            self.problems.append(
                f"{what} is a file. Write the folder that contains it."
                if is_file
                else f"There is no folder {what}. Mount it, or correct its path in picsync.yaml."
            )
        else:
            fix = what_helps(error, what)
            self.problems.append(f"{what} cannot be read: {reason(error)}. {fix}".rstrip())


def shown(path: str) -> str:
    """Return a path for display: undecodable bytes and control characters become `?`."""
    return "".join(one if one.isprintable() else "?" for one in path)

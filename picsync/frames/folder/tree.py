"""The directory of a frame, by the names that its files have in the manifest.

All functions block, and raise OSError.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from picsync.core.values import dataclass
from picsync.frames.folder.names import CAMERA_FOLDER, folded
from picsync.system.files import flush_folder

_CAMERA_SUBFOLDER = re.compile(r"[1-9][0-9]{2}PICSY")


@dataclass(frozen=True, slots=True)
class Seen:
    """A regular file."""

    size_bytes: int
    mtime_s: float


class Tree:
    """A directory, with the folders of a camera's card in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def require(self) -> None:
        """Raise OSError unless the directory exists."""
        try:
            if not stat.S_ISDIR(self.path.stat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "It is not a directory", str(self.path))
        except FileNotFoundError as error:
            raise FileNotFoundError(errno.ENOENT, "There is no such directory", str(self.path)) from error

    def files(self) -> dict[str, Seen]:
        """Return the regular files, without opening any."""
        found: dict[str, Seen] = {}
        folders = self._list("", found)
        if CAMERA_FOLDER in folders:
            for name in self._list(CAMERA_FOLDER, {}):
                if _CAMERA_SUBFOLDER.fullmatch(name):
                    self._list(f"{CAMERA_FOLDER}/{name}", found)
        return found

    def _list(self, folder: str, found: dict[str, Seen]) -> list[str]:
        """Add the files of one folder to `found`, and return its folders."""
        folders = []
        prefix = f"{folder}/" if folder else ""
        with os.scandir(self.path / folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    if entry.is_file(follow_symlinks=False):
                        seen = entry.stat(follow_symlinks=False)
                        found[prefix + entry.name] = Seen(seen.st_size, seen.st_mtime)
                    elif entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
        return folders

    def look_up(self, name: str) -> os.stat_result | None:
        """Return the status of a file, None if it does not exist."""
        try:
            return (self.path / name).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def holds(self, name: str, size_bytes: int) -> bool:
        """Whether a regular file of this size has the name."""
        seen = self.look_up(name)
        return seen is not None and stat.S_ISREG(seen.st_mode) and seen.st_size == size_bytes

    def make_room_for(self, name: str) -> None:
        """Create the folders that a name needs."""
        for folder in reversed(PurePosixPath(name).parents[:-1]):
            path = self.path / folder
            with suppress(FileExistsError):
                path.mkdir()
                flush_folder(path.parent)
            if not stat.S_ISDIR(path.lstat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "It is not a directory", str(path))

    def remove(self, name: str) -> None:
        """Remove a file, if it exists, and flush that."""
        (self.path / name).unlink(missing_ok=True)
        self.flush([name])

    def flush(self, names: Iterable[str]) -> None:
        """Flush the folders of these names to disk."""
        for folder in sorted({PurePosixPath(name).parent for name in names}, key=str, reverse=True):
            with suppress(FileNotFoundError):
                flush_folder(self.path / folder)

    def remove_empty_folders(self) -> None:
        """Remove folders of a camera's card that are empty; without them, nothing changes."""
        camera = self.path / CAMERA_FOLDER
        with suppress(OSError):
            for folder in [path for path in camera.iterdir() if _CAMERA_SUBFOLDER.fullmatch(path.name)]:
                with suppress(OSError):
                    folder.rmdir()
            camera.rmdir()

    def set_time(self, name: str, mtime_s: float) -> None:
        """Set a file's time; some network file systems refuse that, and the name says the order as well."""
        with suppress(OSError):
            os.utime(self.path / name, (mtime_s, mtime_s), follow_symlinks=False)

    def free_bytes(self) -> int | None:
        """Return the free space; None if the file system does not say."""
        usage = shutil.disk_usage(self.path)
        return usage.free if usage.total else None


class Names:
    """The names in a directory when it was read, and those that were given since."""

    def __init__(self, files: Mapping[str, Seen]) -> None:
        self._folded = {folded(name): name for name in files}
        self._by_size: dict[int, list[str]] = {}
        for name, seen in files.items():
            self._by_size.setdefault(seen.size_bytes, []).append(name)

    def like(self, name: str) -> str:
        """Return the name that is the same for a file system that ignores case; `name` if there is none."""
        return self._folded.get(folded(name), name)

    def add(self, name: str) -> None:
        """Take a name."""
        self._folded[folded(name)] = name

    def of_size(self, size_bytes: int) -> Iterator[str]:
        """Yield the files of a size."""
        yield from self._by_size.get(size_bytes, ())

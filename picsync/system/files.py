"""Files of picsync's own: opening them safely, and what errors of the operating system mean to people."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_NOT_REGULAR = "It is not a regular file, but a pipe, a socket or a device"


def open_regular(path: Path, flags: int, mode: int = PRIVATE_FILE, *, links: bool = False) -> int:
    """Open a regular file by its own name; returns its descriptor, raises OSError.

    What would make the open or the first read wait is refused: a pipe, a socket, a device. So is a link in
    its place, unless `links` are fine: whoever put it there chooses what is read or overwritten.
    """
    flags |= (0 if links else os.O_NOFOLLOW) | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, mode)
    except OSError as error:
        if error.errno == errno.ENXIO:  # A pipe that no one reads, or a socket.
            raise OSError(errno.EINVAL, _NOT_REGULAR, str(path)) from error
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "It is a symbolic link", str(path)) from error
        raise
    try:
        _require_regular(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, _NOT_REGULAR, str(path))


def create_anew(path: Path) -> int:
    """Create a file that only its owner may read, in place of whatever has this name; raises OSError."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)


def make_private(path: Path) -> None:
    """Take all permissions but the owner's from a file or folder, where it is ours to change."""
    with suppress(OSError):  # Another user's, read-only, or a file system without permissions.
        seen = path.lstat()
        if stat.S_ISLNK(seen.st_mode) or not seen.st_mode & 0o077:
            return
        path.chmod(stat.S_IMODE(seen.st_mode) & PRIVATE_FOLDER)


def reason(error: OSError) -> str:
    """Return what happened, as a part of a sentence without its full stop."""
    return error.strerror or str(error) or type(error).__name__


def remedy(error: OSError, path: Path | str) -> str:
    """Return what to do about an error at `path`; empty if nothing is known to help."""
    place = shlex.quote(str(path))
    match error.errno:
        case errno.EACCES | errno.EPERM:
            user = os.geteuid()
            return f"picsync runs as user {user}; run: chown {user} {shlex.quote(str(_existing(path)))}"
        case errno.EISDIR:
            return (
                "A file is needed here. Docker creates a directory where a mounted file does not exist: stop"
                f" the container, run: rmdir {place}, create the file, and start the container again."
            )
        case errno.ENOENT | errno.ENOTDIR:
            parent = Path(path).parent
            missing = place if parent.is_dir() else f"the folder {shlex.quote(str(parent))}"
            return f"Create {missing}, or mount the volume that has it."
        case errno.EROFS:
            return f"{place} is mounted read-only; mount it without `:ro` (or `readOnly: true`)."
        case errno.ENOSPC | errno.EDQUOT:
            return f"Free some space on the disk of {place}."
        case errno.ELOOP:
            return f"Remove the link {place}."
        case errno.EINVAL:
            return f"Remove {place}, or name a regular file."
        case errno.EIO | errno.ESTALE | errno.ETIMEDOUT | errno.ENODEV | errno.ENXIO | errno.ENOTCONN:
            return f"Check the disk or volume of {place} and its mount."
    return ""


def _existing(path: Path | str) -> Path:
    """Return the path, or the closest folder above it that is there: what has to be writable to create it."""
    place = Path(path)
    with suppress(OSError):
        while not place.exists() and place != place.parent:
            place = place.parent
    return place

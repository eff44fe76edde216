"""Opening what is in a folder, and nothing else: no step on the way follows a link.

A path is checked when it is looked at and used later. Whoever may write to a subfolder can put a link in its
place in between, and its pictures would come from anywhere. So each folder is opened in the one above it, by
descriptor, and a link in place of any of them is refused by the system.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from picsync.system.files import NotRegularError, open_regular, remedy

_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""A folder on the way need not be readable, only passable."""


def open_root(path: str) -> int:
    """Open the folder that everything else is opened in; it may be a link itself. Raises OSError."""
    return os.open(path, _PASS)


def open_folder(root: int, path: str) -> int:
    """Open a subfolder for listing, `path` relative to the root or empty for itself; raises OSError."""
    with _parent(root, path or ".") as (above, name):
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)


def open_file(root: int, path: str) -> tuple[int, os.stat_result]:
    """Open a regular file for reading, `path` relative to the root; raises OSError."""
    with _parent(root, path) as (above, name):
        number = open_regular(name, os.O_RDONLY, folder=above)
    return number, os.fstat(number)


def cure(error: OSError, path: str) -> str:
    """Return what to do about what cannot be read; empty if nothing is known to help."""
    if error.errno in (errno.EACCES, errno.EPERM):
        # Another owner, the usual remedy, would take people's photos from them.
        return f"Give the user that picsync runs as (UID {os.geteuid()}) read access to {path}."
    return remedy(error, path)


def is_gone(error: OSError) -> bool:
    """Whether something is not where it was, or something of another type is in its place."""
    gone = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
    return error.errno in gone or isinstance(error, NotRegularError)


@contextmanager
def _parent(root: int, path: str) -> Iterator[tuple[int, str]]:
    """Give the folder that holds the last part of a path, and that part."""
    *above, name = path.split("/")
    if ".." in above or name == "..":
        raise FileNotFoundError(errno.ENOENT, "leads out of its folder", path)
    at = root
    try:
        for part in above:
            below = os.open(part, _PASS | os.O_NOFOLLOW, dir_fd=at)
            if at != root:
                os.close(at)
            at = below
        yield at, name
    finally:
        if at != root:
            os.close(at)

"""Opens files below a folder without following links.

A path is checked when it is listed and used later. In between, anyone who can write to a subfolder could
replace it by a link to somewhere else. Each folder is therefore opened relative to its parent's descriptor,
and the system refuses links on the way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from picsync.system.files import NotRegularError, open_regular, remedy

_PASS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
"""A folder on the path must be searchable, but not necessarily readable."""


def open_root(path: str) -> int:
    """Open the folder that all paths are relative to; it may itself be a link. Raises OSError."""
    return os.open(path, _PASS)


def open_folder(root: int, path: str) -> int:
    """Open a subfolder for listing; `path` is relative to the root, empty for the root. Raises OSError."""
    with _parent(root, path or ".") as (above, name):
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)


def open_file(root: int, path: str) -> tuple[int, os.stat_result]:
    """Open a regular file for reading; `path` is relative to the root. Raises OSError."""
    with _parent(root, path) as (above, name):
        number = open_regular(name, os.O_RDONLY, folder=above)
    return number, os.fstat(number)


def what_helps(error: OSError, path: str) -> str:
    """Return what the user can do about an error; empty if there is no known remedy."""
    if error.errno in (errno.EACCES, errno.EPERM):
        # The usual remedy, changing the owner, would take the photos away from their owner.
        return f"Give the user that picsync runs as (UID {os.geteuid()}) read access to {path}."
    return remedy(error, path)


def is_gone(error: OSError) -> bool:
    """Whether a file no longer exists, or was replaced by something of another type."""
    gone = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
    return error.errno in gone or isinstance(error, NotRegularError)


@contextmanager
def _parent(root: int, path: str) -> Iterator[tuple[int, str]]:
    """Yield a descriptor of the folder that holds the last part of a path, and that part."""
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

"""Renames files without ever overwriting another one."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache

_NOREPLACE = 1
"""RENAME_NOREPLACE of linux/fs.h."""
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What systems and file systems answer that do not know the flag; NFS is one of them."""
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def rename_new(source: str, target: str, *, source_folder: int, target_folder: int) -> None:
    """Rename a file to a name that is free; both are relative to the descriptors of their folders.

    Raises FileExistsError if the name is taken, OSError with EXDEV if it is on another file system. On a file
    system that cannot rename so, the file has both names for a moment; after a crash they may both be left.
    """
    try:
        rename_without_replacing(source, target, source_folder, target_folder)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    else:
        return
    try:
        os.link(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LINKS:
            message = "Its file system cannot rename files without the risk of overwriting others"
            raise OSError(errno.ENOTSUP, message, source) from error
        raise
    os.unlink(source, dir_fd=source_folder)


def rename_without_replacing(source: str, target: str, source_folder: int, target_folder: int) -> None:
    """Call renameat2 with RENAME_NOREPLACE; raises OSError, with ENOSYS if the system does not have it."""
    call = _renameat2()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), source)
    sys.audit("os.rename", source, target, source_folder, target_folder)
    if call(source_folder, os.fsencode(source), target_folder, os.fsencode(target), _NOREPLACE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


@cache
def _renameat2() -> Callable[[int, bytes, int, bytes, int], int] | None:
    """Return the function of the C library; Python has none for it."""
    if sys.platform != "linux":
        return None
    found = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if found is None:
        return None
    found.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    found.restype = ctypes.c_int
    return found  # type: ignore[no-any-return] # it is this function

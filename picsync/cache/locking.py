"""A lock that lets one process use a cache file; released by the operating system if the process dies."""

from __future__ import annotations

import fcntl
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Self

from picsync.cache.sqlite import explain_os_error
from picsync.core.errors import CacheError
from picsync.system.files import open_regular
from picsync.system.localtime import absolute


class CacheLock:
    """Holds `<cache>.lock`. Releasing keeps the file: removing it would allow two processes in."""

    def __init__(self, descriptor: int, *, kept: bool) -> None:
        self._descriptor: int | None = descriptor
        self.kept = kept
        """Whether the file system enforces the lock; some network file systems only pretend to."""

    @classmethod
    def acquire(cls, cache: Path, now: datetime) -> Self:
        """Take the lock without waiting; raises CacheError, which names the holder, if it is taken."""
        path = cache.with_name(cache.name + ".lock")
        try:
            descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _write_holder(descriptor, now)
            except BlockingIOError:
                holder = os.fsdecode(os.pread(descriptor, 500, 0)) or "another process"
                os.close(descriptor)
                raise CacheError(
                    f"The cache {cache} is in use by {holder}.",
                    hint="`picsync sync-now` starts a cycle in it; `picsync allow-deletes` allows"
                    " held deletes; `picsync sync --dry-run` works while it runs. To use the cache here,"
                    " stop that process.",
                ) from None
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise explain_os_error(error, path) from error
        return cls(descriptor, kept=not _can_lock_twice(path))

    @staticmethod
    def holder(cache: Path) -> str:
        """Return who holds the lock; empty if nobody does, or if that is unknown."""
        try:
            descriptor = open_regular(cache.with_name(cache.name + ".lock"), os.O_RDONLY)
        except OSError:
            return ""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.fsdecode(os.pread(descriptor, 500, 0)) or "another process"
        except OSError:
            return ""
        finally:
            os.close(descriptor)
        return ""

    def release(self) -> None:
        """Release the lock; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _write_holder(descriptor: int, now: datetime) -> None:
    """Write into the lock file who holds it."""
    if os.fstat(descriptor).st_nlink > 1:
        return  # It has a second name: in a backup that uses hard links, or it is somebody else's.
    os.ftruncate(descriptor, 0)
    holder = f"process {os.getpid()} on host {socket.gethostname()} (since {absolute(now)})"
    os.pwrite(descriptor, os.fsencode(holder), 0)


def _can_lock_twice(path: Path) -> bool:
    """Whether a held lock can be taken again: locks belong to the open file, not to the process."""
    try:
        descriptor = open_regular(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True

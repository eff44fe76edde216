"""One process per cache file: a lock that the operating system releases however the process ends."""

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
    """Holds `<cache>.lock`. The file stays behind when released: removing it would let two processes in."""

    def __init__(self, descriptor: int, *, kept: bool) -> None:
        self._descriptor: int | None = descriptor
        self.kept = kept
        """Whether the file system keeps others out; some network file systems only say so."""

    @classmethod
    def acquire(cls, cache: Path, now: datetime) -> Self:
        """Take the lock at once; raises CacheError, naming the holder, if it is taken."""
        path = cache.with_name(cache.name + ".lock")
        try:
            descriptor = open_regular(path, os.O_RDWR | os.O_CREAT)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _sign(descriptor, now)
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
        return cls(descriptor, kept=not _taken_again(path))

    @staticmethod
    def holder(cache: Path) -> str:
        """Return who has the lock, empty if no one has it or it cannot be told."""
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
        """Let the next process in; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _sign(descriptor: int, now: datetime) -> None:
    """Say who holds the lock."""
    if os.fstat(descriptor).st_nlink > 1:
        return  # It is another file as well: of a backup that links instead of copying, or a stranger's.
    os.ftruncate(descriptor, 0)
    holder = f"process {os.getpid()} on host {socket.gethostname()} (since {absolute(now)})"
    os.pwrite(descriptor, os.fsencode(holder), 0)


def _taken_again(path: Path) -> bool:
    """Whether a lock that is held can be had once more: locks are of the open file, not of the process."""
    try:
        descriptor = open_regular(path, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True

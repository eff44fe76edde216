"""Opens and replaces picsync's own files safely, and explains operating system errors."""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

SHARED_FILE = 0o666
"""Mode of files that other programs read, before the umask."""

PART = ".part"
"""Suffix of files that are being written."""

_NOT_REGULAR = "It is not a regular file, but a pipe, a socket or a device"
_CHUNK_BYTES = 1 << 20
_REMEDIES = {
    errno.EROFS: "{} is mounted read-only; mount it without `:ro` (or `readOnly: true`).",
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "Free some space on the disk of {}."),
    errno.ELOOP: "Remove the link {}.",
    errno.EINVAL: "Remove {}, or name a regular file.",
    errno.ENAMETOOLONG: "Use a shorter path.",
    **dict.fromkeys(
        (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENODEV, errno.ENXIO, errno.ENOTCONN),
        "Check the disk or volume of {} and its mount.",
    ),
}
"""What the user can do, by the error code, with the place."""
_CANNOT_FLUSH = frozenset({errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EBADF})
"""Error codes of file systems, mostly network ones, that cannot flush a folder."""


class NotRegularError(OSError):
    """A pipe, a socket or a device exists in place of a file."""


def open_regular(
    path: Path | str,
    flags: int,
    mode: int = PRIVATE_FILE,
    *,
    links: bool = False,
    folder: int | None = None,
) -> int:
    """Open a regular file by its own name; returns its descriptor, raises OSError.

    Anything that would block the open or the first read raises NotRegularError: a pipe, a socket, a device.
    A symbolic link is refused as well unless `links` is set: whoever created it chooses what is read or
    overwritten. A relative path starts at the descriptor `folder`, if there is one.
    """
    flags |= (0 if links else os.O_NOFOLLOW) | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(path, flags, mode, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ENXIO:  # A pipe without a reader, or a socket.
            raise NotRegularError(errno.EINVAL, _NOT_REGULAR, str(path)) from error
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "It is a symbolic link", str(path)) from error
        raise
    try:
        _require_regular(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_regular(mode: int, path: Path | str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise NotRegularError(errno.EINVAL, _NOT_REGULAR, str(path))


def create_anew(path: Path, mode: int = PRIVATE_FILE) -> int:
    """Create a file, by default private to its owner, replacing any file of this name; raises OSError."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, mode)


def chunks(descriptor: int) -> Iterator[bytes]:
    """Yield the bytes of an open file from its position to its end; raises OSError."""
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        yield chunk


def read_regular(path: Path, max_bytes: int) -> bytes:
    """Return at most the first `max_bytes` of a regular file; raises OSError."""
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        content = bytearray()
        for chunk in chunks(descriptor):
            content += chunk
            if len(content) >= max_bytes:
                break
        return bytes(content[:max_bytes])
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: Iterable[bytes]) -> None:
    """Write every chunk and flush the file to disk; raises OSError."""
    for chunk in content:
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, if the file system supports it; raises OSError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_FLUSH:
            raise


def replace_file(
    path: Path, content: Iterable[bytes], *, mode: int = PRIVATE_FILE, owner_of: Path | None = None
) -> None:
    """Replace a file atomically; it is on disk on return. If it raises OSError, the file is unchanged.

    The new file gets the owner of `owner_of`, if that exists and the process may change owners. A crash
    leaves at most a file in the same folder whose name ends in `.part`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PART}")
    try:
        descriptor = create_anew(temporary, mode)
        try:
            if owner_of is not None:
                with suppress(OSError):
                    owner = owner_of.stat()
                    os.fchown(descriptor, owner.st_uid, owner.st_gid)
            write_all(descriptor, content)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def make_private(path: Path) -> None:
    """Remove all permissions but the owner's from a file or folder, if it belongs to this user."""
    with suppress(OSError):  # Another user's, read-only, or a file system without permissions.
        seen = path.lstat()
        if stat.S_ISLNK(seen.st_mode) or not seen.st_mode & 0o077:
            return
        path.chmod(stat.S_IMODE(seen.st_mode) & PRIVATE_FOLDER)


def require_writable(folder: Path) -> None:
    """Raise OSError if files cannot be created in a folder, as far as that is known without trying."""
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def reason(error: OSError) -> str:
    """Return what happened, as a part of a sentence without its full stop."""
    return error.strerror or str(error) or type(error).__name__


def remedy(error: OSError, path: Path | str) -> str:
    """Return what the user can do about an error at `path`; empty if there is no known remedy."""
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
        case errno.ENOTDIR:
            return f"{shlex.quote(str(_existing(path)))} is not a folder; name a folder instead."
        case errno.ENOENT:
            parent = Path(path).parent
            missing = place if parent.is_dir() else f"the folder {shlex.quote(str(parent))}"
            return f"Create {missing}, or mount the volume that has it."
    return _REMEDIES.get(error.errno or 0, "").format(place)


def _existing(path: Path | str) -> Path:
    """Return the path, or its closest existing parent, which must be writable to create the path."""
    place = Path(path)
    with suppress(OSError):
        while not place.exists() and place != place.parent:
            place = place.parent
    return place

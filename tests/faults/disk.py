"""Intercepts system calls for the files below one directory.

The files are real; the results of the calls are scripted. `Disk` replaces functions of the module `os`, which
picsync uses for all its work in such a directory. An audit hook of the interpreter detects calls that bypass
them. Error codes, changes by other programs, the end of the process and power failures occur at a call that
the test chooses. After a power failure the directory contains only what was flushed: the bytes of a file by
its own fsync, a name by that of its folder.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

Action = Callable[["Disk", str], None]
"""What happens at a call, given the path relative to the directory."""

CHANGES = frozenset({"create", "write", "rename", "unlink", "mkdir"})
FLUSHES = frozenset({"flush"})
READS = frozenset({"open", "read", "list", "look at", "free space of", "permission of"})

_AUDITED = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir"})


class Killed(BaseException):
    """The process has ended."""


def is_kill(error: BaseException) -> bool:
    """Return whether the process has ended, whatever was made of the exception on its way."""
    if isinstance(error, BaseExceptionGroup):
        return any(map(is_kill, error.exceptions))
    return isinstance(error, Killed) or (error.__cause__ is not None and is_kill(error.__cause__))


@dataclass(frozen=True, order=True)
class Call:
    """One kind of call: a function, and the sort of file."""

    function: str
    what: str

    def __str__(self) -> str:
        return f"{self.function} {self.what}"


@dataclass(eq=False)
class Armed:
    """A fault at calls of one kind."""

    call: Call
    count: int | None
    """Number of times it occurs; None for always."""
    before: Action | None = None
    after: Action | None = None
    skip: int = 0
    """Number of calls that it lets pass first."""
    hits: int = 0

    def due(self, call: Call) -> bool:
        if call != self.call or self.hits == self.count:
            return False
        self.skip -= 1
        return self.skip < 0


class Disk:
    """The files below `root`; a context in which `os` is replaced."""

    def __init__(self, root: Path, *, what: Callable[[str], str]) -> None:
        """`what` names the sort of a file for its path relative to the root."""
        self.root = root
        self.calls: Counter[Call] = Counter()
        self.armed: list[Armed] = []
        self.observers: list[Callable[[str], None]] = []
        """Called with the name of the call after each change."""
        self.bypassed: list[str] = []
        """Calls that bypassed this object."""
        self.ignores_case = False
        self.flushes_folders = True
        self.coarse_times = False
        self._what = what
        self._lock = threading.RLock()
        self._inside = threading.local()
        self._dead = False
        self._descriptors: dict[int, str] = {}
        self._durable = _Durable(root)

    # --- what tests do --------------------------------------------------------------------------------

    def arm(self, armed: Armed) -> Armed:
        self.armed.append(armed)
        return armed

    @contextmanager
    def by_hand(self) -> Iterator[None]:
        """Let the test, or another program, change something; it is neither counted nor intercepted."""
        with self._lock:
            before, self._inside.depth = getattr(self._inside, "depth", 0), 1
            try:
                yield
            finally:
                self._inside.depth = before

    def flush(self) -> None:
        """Flush everything."""
        with self.by_hand():
            self._durable.take_all()

    def kill(self) -> None:
        """End the process: every further call raises Killed."""
        self._dead = True
        raise Killed

    def restart(self, *, power_lost: bool = False, names_kept: bool = False) -> None:
        """Start a new process; after a power failure, with what was flushed."""
        with self.by_hand():
            for descriptor in list(self._descriptors):
                _REAL["close"](descriptor)
            self._descriptors.clear()
            self._dead = False
            self.armed.clear()
            if power_lost:
                self._durable.restore(names_kept=names_kept)
            self._durable.take_all()

    # --- around os ------------------------------------------------------------------------------------

    @contextmanager
    def watching(self) -> Iterator[Disk]:
        """Replace the functions of `os` during the context."""
        _listen()
        self.flush()
        with pytest.MonkeyPatch.context() as patch:
            for name in _REAL:
                patch.setattr(os, name, getattr(self, f"_{name}"))
            _WATCHING.append(self)
            try:
                yield self
            finally:
                _WATCHING.remove(self)

    def audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _AUDITED and not getattr(self._inside, "depth", 0):
            # A descriptor was opened here; what a file object reads by it is not observed.
            path = None if isinstance(arguments[0], int) else self._relative(arguments[0])
            if path is not None:
                self.bypassed.append(f"{event} {path}")

    def _relative(self, path: Any, folder: int | None = None) -> str | None:
        """Return a path relative to the root, None for one outside."""
        if isinstance(path, int):
            return self._descriptors.get(path)
        try:
            text = os.fsdecode(path)
        except TypeError:
            return None
        if folder is not None and not text.startswith("/"):
            above = self._descriptors.get(folder)
            return None if above is None else os.path.normpath(f"{above}/{text}").removeprefix("./")
        root = str(self.root)
        if text == root:
            return "."
        return text[len(root) + 1 :] if text.startswith(f"{root}/") else None

    def _run(self, function: str, path: str, work: Callable[[str], Any]) -> Any:
        """Make one call, with the faults before and after it; `work` gets the real path."""
        with self._lock:
            if getattr(self._inside, "depth", 0):
                return work(str(self.root / path))
            if self._dead:
                raise Killed
            call = Call(function, self._what(path))
            self.calls[call] += 1
            with self.by_hand():
                due = [each for each in self.armed if each.due(call)]
                for each in due:
                    each.hits += 1
                    if each.before is not None:
                        each.before(self, path)
                result = work(self._real(path))
                if function in CHANGES:
                    self._changed(str(call), path)
                for each in due:
                    if each.after is not None:
                        each.after(self, path)
            return result

    def _real(self, path: str) -> str:
        """Return the real path of a name, in any case where the file system ignores it."""
        whole = self.root / path
        if self.ignores_case and not os.path.lexists(whole) and whole.parent.is_dir():
            for name in os.listdir(whole.parent):  # noqa: PTH208 - names
                if name.casefold() == whole.name.casefold():
                    return str(whole.parent / name)
        return str(whole)

    def _changed(self, call: str, path: str) -> None:
        if self.coarse_times:
            with suppress(OSError):
                seconds = (self.root / path).lstat().st_mtime_ns // 2_000_000_000 * 2
                os.utime(self.root / path, (seconds, seconds), follow_symlinks=False)
        for observer in self.observers:
            observer(call)

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        relative = self._relative(path, dir_fd)
        if relative is None:
            number: int = _REAL["open"](path, flags, mode, dir_fd=dir_fd)
            return number
        function = "create" if flags & os.O_CREAT else "open"

        def work(real: str) -> int:
            new = bool(flags & os.O_CREAT) and not os.path.lexists(real)
            descriptor: int = _REAL["open"](real, flags, mode)
            self._descriptors[descriptor] = relative
            if new:
                self._durable.created(descriptor)
            return descriptor

        opened: int = self._run(function, relative, work)
        return opened

    def _close(self, descriptor: int) -> None:
        self._descriptors.pop(descriptor, None)
        _REAL["close"](descriptor)

    def _read(self, descriptor: int, size: int) -> bytes:
        found: bytes = self._on_file("read", descriptor, lambda: _REAL["read"](descriptor, size))
        return found

    def _write(self, descriptor: int, content: bytes) -> int:
        count: int = self._on_file("write", descriptor, lambda: _REAL["write"](descriptor, content))
        return count

    def _fsync(self, descriptor: int) -> None:
        known = self._descriptors.get(descriptor) or self._opened_elsewhere(descriptor)
        if known is None:
            _REAL["fsync"](descriptor)
            return
        path = known

        def work() -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode) and not self.flushes_folders:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            self._durable.flushed(descriptor, path)

        self._run("flush", path, lambda _: work())

    def _opened_elsewhere(self, descriptor: int) -> str | None:
        """Return the path of a file below the root that was not opened by `os.open`."""
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - as text
        except OSError:
            return None
        return self._relative(path) if os.path.lexists(path) else None

    def _on_file(self, function: str, descriptor: int, work: Callable[[], Any]) -> Any:
        path = self._descriptors.get(descriptor)
        return work() if path is None else self._run(function, path, lambda _: work())

    def _stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        relative = None if isinstance(path, int) else self._relative(path, dir_fd)
        if relative is None:
            found: os.stat_result = _REAL["stat"](path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
            return found
        work = partial(_REAL["stat"], follow_symlinks=follow_symlinks)
        seen: os.stat_result = self._run("look at", relative, work)
        return seen

    def _lstat(self, path: Any, *, dir_fd: int | None = None) -> os.stat_result:
        return self._stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._plain("unlink", "unlink", path, dir_fd)

    _remove = _unlink

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._plain("unlink", "rmdir", path, dir_fd)

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._plain("mkdir", "mkdir", path, dir_fd, mode)

    def _plain(self, function: str, name: str, path: Any, dir_fd: int | None, *arguments: Any) -> Any:
        relative = self._relative(path, dir_fd)
        if relative is None:
            return _REAL[name](path, *arguments, dir_fd=dir_fd)

        def work(real: str) -> None:
            if function == "unlink":
                self._durable.removing(real, lambda: _REAL[name](real))
            else:
                _REAL[name](real, *arguments)

        return self._run(function, relative, work)

    def _link(self, source: Any, target: Any, **options: Any) -> None:
        old, new = self._relative(source), self._relative(target)
        if old is None or new is None:
            _REAL["link"](source, target, **options)
            return
        self._run("create", new, lambda real: _REAL["link"](self._real(old), real))

    def _replace(self, source: Any, target: Any, **options: Any) -> None:
        old, new = self._relative(source), self._relative(target)
        if old is None or new is None:
            _REAL["replace"](source, target, **options)
            return

        def work(real: str) -> None:
            over = self._real(new)
            self._durable.removing(over, lambda: _REAL["replace"](real, over))
            self._durable.renamed(old, new)

        self._run("rename", old, work)

    _rename = _replace

    def _scandir(self, path: Any = ".") -> Any:
        relative = self._relative(path)
        if relative is None:
            return _REAL["scandir"](path)
        return self._run(
            "list",
            relative,
            lambda real: _REAL["scandir"](path if isinstance(path, int) else real),
        )

    def _listdir(self, path: Any = ".") -> Any:
        relative = self._relative(path)
        if relative is None:
            return _REAL["listdir"](path)
        return self._run("list", relative, lambda real: _REAL["listdir"](real))

    def _statvfs(self, path: Any) -> Any:
        relative = self._relative(path)
        if relative is None:
            return _REAL["statvfs"](path)
        return self._run("free space of", relative, lambda real: _REAL["statvfs"](real))

    def _access(self, path: Any, mode: int, **options: Any) -> bool:
        relative = self._relative(path)
        if relative is None:
            return bool(_REAL["access"](path, mode, **options))
        try:
            return bool(
                self._run("permission of", relative, lambda real: _REAL["access"](real, mode, **options))
            )
        except OSError:
            return False


@dataclass
class _Durable:
    """The content of a directory after a power failure."""

    root: Path
    names: dict[str, dict[str, int | None]] = field(default_factory=dict)
    """Folder -> name -> file, None for a folder."""
    contents: dict[int, bytes] = field(default_factory=dict)
    """File number -> its flushed bytes."""
    _files: dict[int, int] = field(default_factory=dict)
    """Inode -> file number, since inodes are reused."""
    _made: int = 0

    def take_all(self) -> None:
        self.names, self.contents, self._files = {}, {}, {}
        for above, _, names in os.walk(self.root):
            for name in names:
                path = Path(above, name)
                if path.is_file() and not path.is_symlink():
                    self.contents[self._file(path.lstat().st_ino)] = path.read_bytes()
            self._take_names(Path(above))

    def created(self, descriptor: int) -> None:
        self._files.pop(os.fstat(descriptor).st_ino, None)

    def removing(self, real: str, work: Callable[[], object]) -> None:
        """Remove the name of a file: its inode may soon belong to another file."""
        inode = None
        with suppress(OSError):
            seen = _REAL["stat"](real, follow_symlinks=False)
            # A file with another name stays.
            inode = seen.st_ino if seen.st_nlink == 1 else None
        work()
        if inode is not None:
            self._files.pop(inode, None)

    def renamed(self, old: str, new: str) -> None:
        """Keep what was flushed of a folder, under both names: which of them is there depends on others."""
        for folder, names in list(self.names.items()):
            if folder == old or folder.startswith(f"{old}/"):
                self.names[new + folder.removeprefix(old)] = names

    def flushed(self, descriptor: int, path: str) -> None:
        seen = os.fstat(descriptor)
        if stat.S_ISDIR(seen.st_mode):
            self._take_names(self.root / path)
        else:
            self.contents[self._file(seen.st_ino)] = (self.root / path).read_bytes()

    def restore(self, *, names_kept: bool) -> None:
        """Keep only what was flushed; with `names_kept`, all names with their flushed bytes."""
        if names_kept:
            for above, _, _ in list(os.walk(self.root)):
                self._take_names(Path(above))
        for path in self.root.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._fill(".", {})

    def _fill(self, folder: str, restored: dict[int, Path]) -> None:
        for name, file in self.names.get(folder, {}).items():
            path = self.root / folder / name
            if file is None:
                path.mkdir()
                self._fill(os.path.relpath(path, self.root), restored)
            elif file in restored:
                path.hardlink_to(restored[file])
            else:
                path.write_bytes(self.contents.get(file, b""))
                restored[file] = path

    def _take_names(self, folder: Path) -> None:
        self.names[os.path.relpath(folder, self.root)] = {
            path.name: None if path.is_dir() else self._file(path.lstat().st_ino) for path in folder.iterdir()
        }

    def _file(self, inode: int) -> int:
        if inode not in self._files:
            self._made += 1
            self._files[inode] = self._made
        return self._files[inode]


_REAL: dict[str, Callable[..., Any]] = {
    name: getattr(os, name)
    for name in (
        *("open", "close", "read", "write", "fsync", "stat", "lstat", "unlink", "remove", "rmdir", "mkdir"),
        *("link", "replace", "rename", "scandir", "listdir", "statvfs", "access"),
    )
}
_WATCHING: list[Disk] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    for disk in _WATCHING:
        disk.audited(event, arguments)


@cache
def _listen() -> None:
    sys.addaudithook(_audit)  # It remains until the interpreter ends.

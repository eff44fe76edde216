"""Finds the file system of a path, from Linux's list of mounts; unknown on other systems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from picsync.core.values import dataclass

_MOUNTS = Path("/proc/self/mountinfo")
_FSTAB = Path("/etc/fstab")

_UNSTABLE_INODES = re.compile(r"vfat|msdos|exfat|9p|fuse(?:blk|\..*)?")
"""File systems that invent inode numbers, so that a file's number changes over time."""
_CHANGED_REMOTELY = re.compile(r"nfs4?|cifs|smb3|smbfs|afs|ceph|glusterfs|9p|virtiofs|vboxsf|fuse\..*")
"""File systems that other machines may change without this one being notified."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system."""

    path: str
    """Where it is mounted."""
    kind: str = ""
    """Such as `ext4` or `nfs4`; empty if unknown."""
    origin: str = ""
    """The device, or the server and share."""
    options: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.origin}".strip()

    @property
    def stable_inodes(self) -> bool:
        """Whether a file keeps its inode number as long as it is unchanged."""
        if self.kind in ("cifs", "smb3"):
            return "noserverino" not in self.options.split(",")
        return not _UNSTABLE_INODES.fullmatch(self.kind)

    @property
    def reports_changes(self) -> bool:
        """Whether this machine is notified of every change."""
        return bool(self.kind) and not _CHANGED_REMOTELY.fullmatch(self.kind)


class Mounts:
    """All mounts at one moment."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        # If several are mounted on the same path, the last one is visible.
        self._by_path = {mount.path: mount for mount in mounts}

    @classmethod
    def now(cls) -> Mounts:
        """Return the mounts that this process sees; none if the system does not list them."""
        try:
            lines = os.fsdecode(_MOUNTS.read_bytes()).split("\n")
        except OSError:
            lines = []
        return cls(mount for line in lines if (mount := _mount(line)) is not None)

    def of(self, path: str) -> Mount:
        """Return the file system of an absolute path without links."""
        at = path
        while True:
            if at in self._by_path:
                return self._by_path[at]
            if at in ("/", ""):
                return Mount(at)
            at = os.path.dirname(at)  # noqa: PTH120 - strings, since names may be undecodable


def _mount(line: str) -> Mount | None:
    """Parse a line of /proc/self/mountinfo; its fields are described in proc(5)."""
    before, dash, after = line.partition(" - ")
    fields, more = before.split(" "), after.split(" ")
    if not dash or len(fields) < 6 or len(more) < 2:
        return None
    path, origin = _unescaped(fields[4]), _unescaped(more[1])
    return Mount(path, more[0], origin, more[2] if len(more) > 2 else "")


def _unescaped(text: str) -> str:
    r"""Undo escapes such as `\040`; bytes that are not valid UTF-8 are kept."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def not_mounted(path: Path, table: Path = _FSTAB) -> Path | None:
    """Return the place above `path` where /etc/fstab has a volume that is not mounted; None if there is none.

    A table that does not exist or cannot be read, as in most containers, says nothing. Blocks.
    """
    try:
        lines = table.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split("#", 1)[0].split()
        if len(fields) < 3 or not fields[1].startswith("/") or fields[1] == "/":
            continue
        place = Path(_unescaped(fields[1]))
        if path.is_relative_to(place) and not os.path.ismount(place):
            return place
    return None

"""Which file system a path is on, as Linux tells it; elsewhere nothing is known, and nothing concluded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_FLEETING_INODES = re.compile(r"vfat|msdos|exfat|9p|fuse(?:blk|\..*)?")
"""File systems whose inode numbers are made up when a file is looked at, and differ the next time."""
_ELSEWHERE = re.compile(r"nfs4?|cifs|smb3|smbfs|afs|ceph|glusterfs|9p|virtiofs|vboxsf|fuse\..*")
"""File systems on which others than this machine may change things, of which it is not told."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system."""

    path: str
    """Where it is mounted."""
    kind: str = ""
    """Such as `ext4` or `nfs4`; empty if not known."""
    origin: str = ""
    """What is mounted there: a device, or a server and its share."""
    options: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.origin}".strip()

    @property
    def steady_inodes(self) -> bool:
        """Whether a file keeps its inode number as long as it is the same."""
        if self.kind in ("cifs", "smb3"):
            return "noserverino" not in self.options.split(",")
        return not _FLEETING_INODES.fullmatch(self.kind)

    @property
    def tells_changes(self) -> bool:
        """Whether this machine notices whatever is changed there."""
        return bool(self.kind) and not _ELSEWHERE.fullmatch(self.kind)


class Mounts:
    """All that is mounted at a moment."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        # What was mounted last over the same place is what is seen there.
        self._by_path = {mount.path: mount for mount in mounts}

    @classmethod
    def now(cls) -> Mounts:
        """Return what this process sees mounted; nothing where the system does not tell."""
        try:
            lines = os.fsdecode(_MOUNTS.read_bytes()).split("\n")
        except OSError:
            lines = []
        return cls(mount for line in lines if (mount := _mount(line)) is not None)

    def of(self, path: str) -> Mount:
        """Return the file system that an absolute path without links is on."""
        at = path
        while True:
            if at in self._by_path:
                return self._by_path[at]
            if at in ("/", ""):
                return Mount(at)
            at = os.path.dirname(at)  # noqa: PTH120 - a text all the way


def _mount(line: str) -> Mount | None:
    """Return what a line of /proc/self/mountinfo says; proc(5) has its fields."""
    before, dash, after = line.partition(" - ")
    fields, more = before.split(" "), after.split(" ")
    if not dash or len(fields) < 6 or len(more) < 2:
        return None
    path, origin = _unescaped(fields[4]), _unescaped(more[1])
    return Mount(path, more[0], origin, more[2] if len(more) > 2 else "")


def _unescaped(text: str) -> str:
    r"""Undo `\040` and the like; the bytes of a name in another encoding come as they are."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)

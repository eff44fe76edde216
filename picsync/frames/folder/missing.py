"""Decides what it means that files of picsync are missing; pure functions, wherever the files are.

- Few missing files are a request: someone deleted these photos, or a viewer's delete button moved them away.
- Many files at once are damage: a wiped folder, a file system that was repaired, a copy that broke off. They
  are written again.

A listing has to be complete, and the manifest must be the one of this folder: nothing is decided without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from picsync.core.model import Digest
from picsync.core.rejected import Rejection
from picsync.core.values import dataclass
from picsync.frames.folder.order import OwnFile

FEW = 3
"""Up to this number of missing files, a request is assumed, if at least half of all files are left."""
SHARE = 0.10
"""The same for larger folders, as a share of all files."""
SETTLE_S = 60.0
"""Nothing is decided within this time after a change in the folder: more files may be about to vanish."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the missing files are, by name."""

    rejected: tuple[str, ...] = ()
    """Photos that someone does not want."""
    lost: tuple[str, ...] = ()
    """Files that are written again."""
    never: tuple[str, ...] = ()
    """Entries of no use: the file never existed, its photo was rejected before or has another file."""
    existed: int = 0
    """The number of files that there were."""


def judge(
    files: Mapping[str, OwnFile],
    there: Collection[str],
    shown: Collection[Digest],
    rejected: Collection[Digest],
) -> Verdict:
    """Return what the files are that are not `there`.

    `files` are those of the manifest by name, `shown` the photos that the files show which are there, and
    `rejected` those that were rejected before. A file that never existed is no request: a crash has prevented
    it. Nor is one whose photo is there under another name: it was written again.
    """
    gone = [name for name in files if name not in there]
    missing = {
        name
        for name in gone
        if files[name].seen and files[name].digest not in rejected and files[name].digest not in shown
    }
    never = tuple(name for name in gone if name not in missing)
    found = tuple(sorted(missing, key=lambda name: (files[name].filename, name)))
    existed = sum(files[name].seen for name in there) + len(found)
    few = len(found) <= max(FEW, SHARE * existed) and 2 * len(found) <= existed
    return Verdict(found, (), never, existed) if few else Verdict((), found, never, existed)


def rejection(file: OwnFile, rejected_at: datetime | None) -> Rejection:
    """Return what the engine needs to know of a photo that is not wanted."""
    albums = tuple(sorted(file.albums))
    return Rejection(file.digest, file.filename, file.size_bytes, albums, rejected_at)

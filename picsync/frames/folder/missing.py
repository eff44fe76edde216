"""Decides what it means that files of picsync are missing from a directory; a pure function.

- Few missing files are a request: someone deleted these photos, or a viewer's delete button moved them away.
- Many files at once are damage: a wiped folder, a file system that was repaired, a copy that broke off. They
  are written again.
"""

from __future__ import annotations

from collections.abc import Sequence

from picsync.core.values import dataclass
from picsync.frames.folder.manifest import Entry, Manifest

FEW = 3
"""Up to this number of missing files, a request is assumed, if at least half of all files are left."""
SHARE = 0.10
"""The same for larger folders, as a share of all files."""
SETTLE_S = 60.0
"""Nothing is decided within this time after a change in the directory: more files may be about to vanish."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the missing files are."""

    rejected: tuple[Entry, ...] = ()
    """Photos that someone does not want."""
    lost: tuple[Entry, ...] = ()
    """Files that are written again."""
    never: tuple[Entry, ...] = ()
    """Entries of no use: the file never existed, or its photo was rejected before."""
    existed: int = 0
    """The number of files that there were."""


def judge(manifest: Manifest, gone: Sequence[Entry]) -> Verdict:
    """Return what the entries are whose files are `gone`.

    A file that never existed is no request: a crash has prevented it.
    """
    never = tuple(entry for entry in gone if not entry.seen or entry.digest in manifest.rejected)
    found = (entry for entry in gone if entry.seen and entry.digest not in manifest.rejected)
    missing = tuple(sorted(found, key=lambda entry: (entry.filename, entry.name)))
    existed = sum(1 for entry in manifest.entries.values() if entry.seen)
    few = len(missing) <= max(FEW, SHARE * existed) and 2 * len(missing) <= existed
    return Verdict(missing, (), never, existed) if few else Verdict((), missing, never, existed)

"""The folder of the family's uploads: how it tells that it is mounted, and where uploads are received.

An album is a folder in it. A file marks the library, so that an empty mount point is not taken for a library
from which somebody has deleted everything.
"""

from __future__ import annotations

import os
from pathlib import Path

from picsync.core.skipping import skipped_folder

MARKER = ".picsync-library"
INCOMING = ".picsync-incoming"
"""Folder of files that are being received; on the library's file system, so that a rename completes them."""

BUCKET_INCOMING = "picsync-incoming"
"""Folder, beside the cache, of files that are being received for a library in a bucket."""
CHANGES = "changes"
"""For a library in a bucket: folder, in that of received files, whose changes tell that files arrived."""


def ring(incoming: Path) -> None:
    """Tell sources of this machine that the library has a new file; blocks. Raises OSError."""
    (incoming / CHANGES / "changed").write_bytes(b"")


def is_mounted(root: Path) -> bool:
    """Whether the library is there; blocks."""
    try:
        return (root / MARKER).is_file()
    except OSError:
        return False


def albums_in(root: Path) -> list[str]:
    """Return the folders that are albums, sorted by name; blocks. Raises OSError."""
    with os.scandir(root) as entries:
        found = [each.name for each in entries if each.is_dir() and not skipped_folder(each.name)]
    return sorted(found, key=str.casefold)


def how_to_mount(root: Path) -> str:
    """Return what the operator can do about a library that is not there."""
    return (
        f"Mount the volume that has it. If this folder is to be a library that starts empty, create the file"
        f" {root / MARKER}."
    )

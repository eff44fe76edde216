"""The folder of the family's uploads: how it tells that it is mounted, and where uploads are received.

An album is a folder in it. A file marks the library, so that an empty mount point is not taken for a library
from which somebody has deleted everything.
"""

from __future__ import annotations

from pathlib import Path

MARKER = ".picsync-library"
INCOMING = ".picsync-incoming"
"""Folder of files that are being received; on the library's file system, so that a rename completes them."""


def is_mounted(root: Path) -> bool:
    """Whether the library is there; blocks."""
    try:
        return (root / MARKER).is_file()
    except OSError:
        return False


def how_to_mount(root: Path) -> str:
    """Return what the operator can do about a library that is not there."""
    return (
        f"Mount the volume that has it. If this folder is to be a library that starts empty, create the file"
        f" {root / MARKER}."
    )

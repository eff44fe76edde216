"""Decides by name which files and folders to skip.

Hidden files are skipped, and so are files that NAS and sync programs leave behind. Most programs use a
special name for a file that they are still writing; the quiet period covers the others.
"""

from __future__ import annotations

import re

_FOLDERS = frozenset(
    {
        # Synology, QNAP, Asustor and others: thumbnails, recycle bins, snapshots.
        *("@eadir", "@tmp", "@synoresource", "@recycle", "@recently-snapshot", "@snapshot"),
        *("#recycle", "#snapshot", "#tmp", "recycle.bin", "$recycle.bin", "$extend"),
        # Windows, macOS, Linux.
        *("system volume information", "recycler", "lost+found", "__macosx", "network trash folder"),
        "temporary items",
    }
)
_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"})
_UNFINISHED = re.compile(
    r"~syncthing~.*\.tmp"  # Syncthing on Windows; on other systems `.syncthing.NAME.tmp`, which is hidden
    r"|~\$.*|.*~"  # lock files of office programs, backups of editors
    r"|.*\.~[0-9a-z]+"  # Nextcloud and ownCloud clients; those of rsync (`.NAME.XXXXXX`) are hidden
    r"|.*\.(?:part|partial|filepart|crdownload|download|opdownload|tmp|temp|aria2|!sync|!qb|!ut|bts"
    r"|ocTransferId[0-9]+|drivedownload|driveupload|swp|lock)",
    re.IGNORECASE | re.DOTALL,
)
"""Endings of unfinished files of browsers, WinSCP, Nextcloud, Google Drive, Resilio and torrent clients."""


def skipped_folder(name: str) -> bool:
    """Whether a folder of this name is skipped with everything below it."""
    return name.startswith(".") or name.lower() in _FOLDERS or name.lower().endswith(".download")


def skipped_file(name: str) -> bool:
    """Whether a file of this name is skipped, as unfinished or not a picture of the user."""
    return name.startswith(".") or name.lower() in _FILES or _UNFINISHED.fullmatch(name) is not None

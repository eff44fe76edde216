"""Decides by name which files and folders to skip, and applies the user's patterns.

Hidden files are skipped, and so are files that NAS and sync programs leave behind. Most programs use a
special name for a file that they are still writing; the quiet period covers the others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from wcmatch import glob

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

_FLAGS = glob.GLOBSTAR | glob.MATCHBASE | glob.IGNORECASE | glob.DOTGLOB | glob.BRACE | glob.FORCEUNIX


def skipped_folder(name: str) -> bool:
    """Whether a folder of this name is skipped with everything below it."""
    return name.startswith(".") or name.lower() in _FOLDERS or name.lower().endswith(".download")


def skipped_file(name: str) -> bool:
    """Whether a file of this name is skipped, as unfinished or not a picture of the user."""
    return name.startswith(".") or name.lower() in _FILES or _UNFINISHED.fullmatch(name) is not None


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern; None if it is valid."""
    try:
        glob.compile([pattern], flags=_FLAGS)
    except Exception:  # noqa: BLE001 - the library's exceptions have no common, public base
        return f"is not a valid pattern, or expands to more than 1,000 patterns: {pattern[:60]!r}"
    return None


class Choice:
    """The user's selection from a folder: patterns for paths relative to it."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _matcher(include)
        self._exclude = _matcher(exclude)

    def file(self, path: str) -> bool:
        """Whether a file is selected; `path` is relative to the folder, with slashes."""
        if self._include is None and self._exclude is None:
            return True
        path = _composed(path)
        return (self._include is None or self._include(path)) and not (self._exclude and self._exclude(path))

    def folder(self, path: str) -> bool:
        """Whether a folder may contain selected files."""
        if self._exclude is None:
            return True
        path = _composed(path)
        return not self._exclude(path) and not self._exclude(path + "/")


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool] | None:
    if not patterns:
        return None
    return glob.compile([_composed(pattern) for pattern in patterns], flags=_FLAGS).match


def _composed(text: str) -> str:
    """Return the text in composed form (NFC): macOS stores accents decomposed."""
    return unicodedata.normalize("NFC", text)

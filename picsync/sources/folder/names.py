"""Which names in a folder are none of the user's pictures, and which ones the user has chosen.

Everything hidden is left alone, and what the programs that fill such folders leave in them. What other
programs are still writing has a name of its own with most of them; for the rest there is the quiet period.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from wcmatch import glob

_FOLDERS = frozenset(
    {
        # Synology, QNAP, Asustor and others: thumbnails beside the pictures, bins, snapshots.
        *("@eadir", "@tmp", "@synoresource", "@recycle", "@recently-snapshot", "@snapshot"),
        *("#recycle", "#snapshot", "#tmp", "recycle.bin", "$recycle.bin", "$extend"),
        # Windows, macOS, Linux.
        *("system volume information", "recycler", "lost+found", "__macosx", "network trash folder"),
        "temporary items",
    }
)
_FILES = frozenset({"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"})
_UNFINISHED = re.compile(
    r"~syncthing~.*\.tmp"  # Syncthing on Windows; elsewhere `.syncthing.NAME.tmp`, which is hidden
    r"|~\$.*|.*~"  # locks of office programs, backups of editors
    r"|.*\.~[0-9a-z]+"  # Nextcloud's and ownCloud's client; rsync's own (`.NAME.XXXXXX`) are hidden
    r"|.*\.(?:part|partial|filepart|crdownload|download|opdownload|tmp|temp|aria2|!sync|!qb|!ut|bts"
    r"|ocTransferId[0-9]+|drivedownload|driveupload|swp|lock)",
    re.IGNORECASE | re.DOTALL,
)
"""What browsers, WinSCP, Nextcloud, Google Drive, Resilio, torrents and others call unfinished files."""

_FLAGS = glob.GLOBSTAR | glob.MATCHBASE | glob.IGNORECASE | glob.DOTGLOB | glob.BRACE | glob.FORCEUNIX


def skipped_folder(name: str) -> bool:
    """Whether nothing in a folder of this name is meant to be seen."""
    return name.startswith(".") or name.lower() in _FOLDERS or name.lower().endswith(".download")


def skipped_file(name: str) -> bool:
    """Whether a file of this name is none of the user's pictures, or none yet."""
    return name.startswith(".") or name.lower() in _FILES or _UNFINISHED.fullmatch(name) is not None


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a pattern, None if it can be used."""
    try:
        glob.compile([pattern], flags=_FLAGS)
    except Exception:  # noqa: BLE001 - the library's errors have no base and are not all public
        return f"is not a valid pattern, or expands to more than 1,000 patterns: {pattern[:60]!r}"
    return None


class Choice:
    """What the user has chosen of a folder, by patterns for the paths below it."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = _matcher(include)
        self._exclude = _matcher(exclude)

    def file(self, path: str) -> bool:
        """Whether a file is chosen; `path` is relative to the folder, with slashes."""
        if self._include is None and self._exclude is None:
            return True
        path = _composed(path)
        return (self._include is None or self._include(path)) and not (self._exclude and self._exclude(path))

    def folder(self, path: str) -> bool:
        """Whether there may be chosen files in a folder."""
        if self._exclude is None:
            return True
        path = _composed(path)
        return not self._exclude(path) and not self._exclude(path + "/")


def _matcher(patterns: Sequence[str]) -> Callable[[str], bool] | None:
    if not patterns:
        return None
    return glob.compile([_composed(pattern) for pattern in patterns], flags=_FLAGS).match


def _composed(text: str) -> str:
    """Return the text with accents as one letter each: a Mac writes them as two."""
    return unicodedata.normalize("NFC", text)

"""Applies the user's patterns for files and folders."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from wcmatch import glob

_FLAGS = glob.GLOBSTAR | glob.MATCHBASE | glob.IGNORECASE | glob.DOTGLOB | glob.BRACE | glob.FORCEUNIX


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

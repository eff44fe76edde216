"""Counts the files that this process opens, as the interpreter reports them, whoever does it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_watched: dict[str, list[str]] = {}
"""Folder -> files below it that this process has opened, while somebody counts."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watched and isinstance(arguments[0], str | bytes):
        path = os.fsdecode(arguments[0])
        for folder, opened in _watched.items():
            if path.startswith(f"{folder}/"):
                opened.append(path)
            elif "/" not in path:
                # Opened in another folder's descriptor, of which nobody tells here.
                opened += [str(file) for file in Path(folder).rglob(path) if file.is_file()]


sys.addaudithook(_audit)


@contextmanager
def opened_below(folder: Path) -> Iterator[list[str]]:
    """Tell which files below a folder are opened, whoever does it."""
    opened = _watched[str(folder)] = []
    try:
        yield opened
    finally:
        del _watched[str(folder)]

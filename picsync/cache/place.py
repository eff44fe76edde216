"""The location of a cache: a file of one process, or a database that several share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from picsync.aio.loading import loading
from picsync.cache.file import File
from picsync.core.text import pasted

if TYPE_CHECKING:
    from picsync.cache.server import Server

Place: TypeAlias = "File | Server"


def parse(location: str | Path) -> Place:
    """Distinguish a path from a URL (`://`); raises CacheError for unsupported URLs."""
    if isinstance(location, Path) or "://" not in location:
        return File(Path(os.path.realpath(Path(location).expanduser())))
    # Imported here since SQLAlchemy takes a third of a second to load, and a file does not need it.
    with loading():
        from picsync.cache import server

    found = server.parse(pasted(location))
    return parse(Path(found)) if isinstance(found, str) else found

"""What a mirror remembers; losing it costs reading files, never sending them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from picsync.core.places import fold
from picsync.core.values import dataclass

IGNORED = (
    *(
        ".ipynb_checkpoints",
        "__pycache__",
        ".cache",
        ".config",
        ".local",
        ".thumbnails",
        ".Trash*",
        "$RECYCLE.BIN",
    ),
    *("@eaDir", "#recycle", "@Recycle", "#snapshot", "lost+found", "System Volume Information"),
    *(".dropbox", ".dropbox.attr", ".dropbox.cache", ".DS_Store", "._*", "Thumbs.db", "desktop.ini"),
    *("*.tmp", "*.part", "*.crdownload", "~$*", "*~", ".~*", ".picsync-*"),
)
"""Names that no mirror copies: caches, bins, what programs leave behind, and what they are still writing."""


def ignoring(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Return whether a path is ignored: a name on it fits one of the patterns; capitals do not matter."""
    wanted = re.compile("|".join(fnmatch.translate(fold(pattern)) for pattern in patterns))

    @lru_cache(maxsize=4096)
    def named(name: str) -> bool:
        return wanted.match(fold(name)) is not None

    return lambda path: any(named(name) for name in path.split("/") if name)


def mirror_name(rule: str) -> str:
    """Return the name of a mirroring rule among all jobs."""
    return f"mirror {rule}"


class Why(StrEnum):
    """Why something is not mirrored, including those of `core.mirror.Skip`."""

    NOT_A_FILE = "not_a_file"
    UNSETTLED = "unsettled"
    UNREADABLE = "unreadable"
    REFUSED = "refused"
    SAME_NAME = "same_name"
    IN_THE_WAY = "in_the_way"
    KEPT = "kept"
    UNLISTED = "unlisted"


class Side(StrEnum):
    """What a remembered file says."""

    HERE = "here"
    """The content hash of a version of a file of this side."""
    THERE = "there"
    """What the other side has, as of the cursor."""
    EQUAL = "equal"
    """A file as it was when both sides were last equal."""
    SENDING = "sending"
    """A large file of which the other side may have a part; `inode` is what the store continues it by."""
    SKIPPED = "skipped"
    """What was reported as not mirrored, in this version and for this reason."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A remembered file or folder."""

    side: Side
    path: str
    """Below the mirrored folder."""
    size_bytes: int | None = None
    """None for a folder."""
    modified_at: datetime | None = None
    """Of this side's file; aware UTC."""
    inode: str = ""
    rev: str = ""
    content_hash: str = ""


Key = tuple[Side, str]
"""Side and path."""


@dataclass(frozen=True, slots=True)
class MirrorState:
    """Everything that is remembered of a mirror."""

    arguments: str = ""
    """What was mirrored and to where; for others, nothing of it holds."""
    cursor: str = ""
    files: Mapping[Key, KnownFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MirrorUpdate:
    """What changes of it, in one transaction."""

    arguments: str
    cursor: str
    changed: Sequence[KnownFile] = ()
    removed: Sequence[Key] = ()
    replace: bool = False
    """Whether everything that is remembered of the mirror is removed first."""

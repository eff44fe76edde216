"""Places of files: an account and a path in its store, written `<account>:/path`, or a local path.

Paths in a store are absolute and use `/`. They have no trailing one, and no empty, `.` or `..` parts; the
root is `/`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from picsync.core.values import dataclass

LOCAL = "local"
"""Name of the account to which this machine's files belong."""

MAX_NAME_BYTES = 255
"""Of a file's name in UTF-8: the limit of most file systems, and at most Dropbox's 255 characters."""

_WITH_ACCOUNT = re.compile(r"(\w[\w-]{0,39}):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class StorePlace:
    """A file or folder in a store."""

    account: str
    path: str

    def __str__(self) -> str:
        return self.path if self.account == LOCAL else f"{self.account}:{self.path}"

    def contains(self, other: StorePlace) -> bool:
        """Whether another place is this one or below it; capital letters do not matter."""
        return self.account == other.account and is_inside(other.path, self.path)


@dataclass(frozen=True, slots=True)
class Reach:
    """A folder that something reads or fills, and whether its subfolders belong to it."""

    place: StorePlace
    below: bool = True


def parse_place(text: str, *, home: str = "") -> StorePlace:
    """Return the place that a setting names; `home` replaces `~`. Raises ValueError, without a full stop."""
    found = _WITH_ACCOUNT.fullmatch(text)
    account, path = (found[1], found[2]) if found else (LOCAL, text)
    if account == LOCAL and home and (path == "~" or path.startswith("~/")):
        path = home + path[1:]
    if not path.startswith("/"):
        raise ValueError(
            "must be an absolute path such as `/photos/Camera`, or the name of an account with a path in it"
            f" such as `dropbox:/Camera Uploads`, not {text[:60]!r}"
        )
    if "\0" in path:
        raise ValueError("must not contain a NUL")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError(f"must not contain `..`, as {text[:60]!r} does")
    return StorePlace(account, "/" + "/".join(parts))


def join(folder: str, name: str) -> str:
    """Return the path of something in a folder; `name` may itself be a relative path."""
    return f"{folder.rstrip('/')}/{name}"


def split(path: str) -> tuple[str, str]:
    """Return the folder of a path, and the name in it."""
    folder, _, name = path.rpartition("/")
    return folder or "/", name


def stem_and_suffix(name: str) -> tuple[str, str]:
    """Return a file name without its extension, and the extension with its dot; empty if it has none."""
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem and dot else (name, "")


def with_suffix(name: str, suffix: str, most: int = MAX_NAME_BYTES) -> str:
    """Return a file name with `suffix` at the end of its stem, which is shortened to at most `most` bytes."""
    stem, extension = stem_and_suffix(name)
    while stem and len(f"{stem}{suffix}{extension}".encode("utf-8", "surrogatepass")) > most:
        stem = stem[:-1]
    return f"{stem}{suffix}{extension}"


def fold(text: str) -> str:
    """Return a name or path for comparison.

    Names that differ only by capitals or by the composition of characters count as one, since many file
    systems and services cannot hold both.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def is_inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or below it; capital letters do not matter."""
    path, folder = fold(path), fold(folder)
    return path == folder or folder == "/" or path.startswith(f"{folder}/")


def parents(path: str) -> Iterator[str]:
    """Yield the folders above a path, the closest first; the root last."""
    while path != "/":
        path, _ = split(path)
        yield path

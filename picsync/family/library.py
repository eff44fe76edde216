"""The library, in which uploads live: a folder, with one folder in it for each album.

`Library` is the port, which `family.bucketlibrary` has, too. picsync creates files and folders in a library,
and deletes none but those it is receiving. A library that was used before and has lost its marker is not
mounted: it is unavailable, never empty.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from picsync.core.identity import plain_name
from picsync.core.skipping import skipped_file, skipped_folder
from picsync.media.formats import promised, usual_extension
from picsync.system.files import flush_folder
from picsync.system.library import INCOMING, MARKER, albums_in, how_to_mount, is_mounted

MAX_ALBUM = 60
"""Characters of an album's name."""
MAX_STEM_BYTES = 120
"""Bytes of a file's name without its extension; file systems allow 255, some of them fewer."""
MAX_ALBUMS = 500
_INVISIBLE = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
"""Characters that a network share or a memory card may not allow in a name."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL, errno.EACCES}
)
"""Error codes of file systems without hard links."""


class LibraryUnavailable(Exception):  # noqa: N818 - named for the situation
    """The library is not there, or cannot be used; the text is for the operator."""


def clean_album(text: str) -> str:
    """Return an album's name as its folder is called; raises ValueError for a text that is no name."""
    name = " ".join(_visible(text).split())
    if not any(character.isalnum() for character in name) or len(name) > MAX_ALBUM:
        raise ValueError(f"an album needs a name of 1 to {MAX_ALBUM} characters")
    if _FORBIDDEN.search(name) or skipped_folder(name) or name.endswith(".") or _RESERVED.fullmatch(name):
        raise ValueError("an album's name has no slash or other special character, and no dot at either end")
    return name


def clean_filename(text: str, mime_type: str) -> tuple[str, str]:
    """Return the stem and the extension (with a dot) under which a file is stored.

    The extension is that of the content: a picture that is named like a video keeps neither name.
    """
    name = plain_name(_FORBIDDEN.split(_visible(text))[-1] if "/" in text or "\\" in text else _visible(text))
    stem, dot, extension = _FORBIDDEN.sub("-", " ".join(name.split())).rpartition(".")
    if not dot:
        stem, extension = extension, ""
    if promised(f"x.{extension}") != mime_type:
        extension = usual_extension(mime_type)
    stem = stem.strip(" .~-")
    stem = stem.encode()[:MAX_STEM_BYTES].decode(errors="ignore").strip(" .~-")
    name = f"{stem}.{extension}"
    if not stem or _RESERVED.fullmatch(stem) or skipped_file(name):
        stem = f"photo-{stem}".strip(" .~-")
    return stem, f".{extension}"


def _visible(text: str) -> str:
    normal = unicodedata.normalize("NFC", text[:1000])
    return "".join(
        each for each in normal if each in _JOINERS or unicodedata.category(each) not in _INVISIBLE
    )


def no_progress() -> None:
    """Tell nobody that work goes on."""


class Library(Protocol):
    """The library. All methods block, and raise LibraryUnavailable if it is not there, and OSError.

    A stored file is `album/name`. `progress` is called while a method transfers a file.
    """

    incoming: Path
    """Folder of this machine in which files are received."""

    def open(self, *, known: bool) -> None:
        """Mark this as a library unless it is `known` as one, and create what it needs."""

    def require(self) -> None:
        """Raise LibraryUnavailable unless the library is there."""

    def albums(self) -> list[str]:
        """Return the names of all albums, those of the settings first."""

    def free_bytes(self) -> int:
        """Return how many bytes may still be received."""

    def stems(self, album: str) -> dict[str, set[str]]:
        """Return the extensions of the files in an album, by stem; both without regard to case."""

    def has(self, stored: str) -> bool:
        """Whether there is a stored file."""

    def read(self, stored: str, progress: Callable[[], None] = no_progress) -> BinaryIO:
        """Open a stored file, or a copy of it; raises FileNotFoundError."""

    def path(self, stored: str) -> Path | None:
        """Return where a stored file is on this machine; None if it is not here."""

    def place(self, part: Path, stored: str, upload: str, progress: Callable[[], None] = no_progress) -> bool:
        """Put a received file into its album; return whether that is done, or False if the name is taken.

        It is there completely or not at all, and replaces nothing. Safe to repeat with the same `upload`.
        """


class FolderLibrary:
    """The folder; see the port."""

    def __init__(self, root: Path, albums: Sequence[str] = ()) -> None:
        """`albums` are those that the settings name; they exist even without photos."""
        self.root = root
        self.incoming = root / INCOMING
        self._albums = tuple(albums)

    def __str__(self) -> str:
        return str(self.root)

    def open(self, *, known: bool) -> None:
        """Mark the folder as a library unless it is `known` as one, and create what it needs."""
        if not self.root.is_dir():
            raise LibraryUnavailable(
                f"The library {self.root} does not exist. Create it, or mount the volume that has it."
            )
        if known:
            self.require()
        else:
            (self.root / MARKER).touch()
        self.incoming.mkdir(mode=0o700, exist_ok=True)
        for album in self._albums:
            (self.root / album).mkdir(exist_ok=True)
        flush_folder(self.root)

    def require(self) -> None:
        """Raise LibraryUnavailable unless the library is there."""
        if not is_mounted(self.root):
            raise LibraryUnavailable(f"The library {self.root} is not mounted. {how_to_mount(self.root)}")

    def albums(self) -> list[str]:
        """Return the names of all albums, those of the settings first."""
        self.require()
        others = [name for name in albums_in(self.root) if name not in self._albums and is_album(name)]
        return [*self._albums, *others[:MAX_ALBUMS]]

    def free_bytes(self) -> int:
        """Return how many bytes may still be written."""
        return shutil.disk_usage(self.root).free

    def stems(self, album: str) -> dict[str, set[str]]:
        """Return the extensions of the files in an album, by stem; both without regard to case."""
        stems: dict[str, set[str]] = {}
        with suppress(FileNotFoundError):
            for name in os.listdir(self.root / album):  # noqa: PTH208 - names
                stem, dot, extension = name.rpartition(".")
                stems.setdefault((stem if dot else name).casefold(), set()).add(f".{extension}".casefold())
        return stems

    def path(self, stored: str) -> Path:
        """Return where a stored file (`album/name`) is."""
        album, _, name = stored.partition("/")
        if not album or not name or "/" in name or album.startswith(".") or name.startswith("."):
            raise ValueError("not a stored file")
        return self.root / album / name

    def has(self, stored: str) -> bool:
        """Whether there is a stored file."""
        return self.path(stored).is_file()

    def read(self, stored: str, progress: Callable[[], None] = no_progress) -> BinaryIO:  # noqa: ARG002
        """Open a stored file; raises FileNotFoundError."""
        return self.path(stored).open("rb")

    def place(
        self,
        part: Path,
        stored: str,
        upload: str,  # noqa: ARG002 - a file is recognised by itself
        progress: Callable[[], None] = no_progress,  # noqa: ARG002
    ) -> bool:
        """Move a received file to its album; return whether that is done, or False if the name is taken.

        It is there completely or not at all, and replaces nothing. Safe to repeat.
        """
        self.require()
        target = self.path(stored)
        with suppress(FileExistsError):
            target.parent.mkdir()
            flush_folder(self.root)
        try:
            os.link(part, target)
        except FileExistsError:
            if not _is_ours(part, target):
                return False
            if target.stat().st_size == 0:
                part.replace(target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            try:
                target.touch(exist_ok=False)
            except FileExistsError:
                if not _is_ours(part, target):
                    return False
            part.replace(target)
        flush_folder(target.parent)
        part.unlink(missing_ok=True)
        flush_folder(part.parent)
        return True


def is_album(name: str) -> bool:
    """Whether a folder of this name is an album."""
    try:
        return clean_album(name) == name
    except ValueError:
        return False


def _is_ours(part: Path, target: Path) -> bool:
    """Whether an interrupted `place` has made the target: the same file, or an empty one in its stead."""
    seen = target.lstat()
    return seen.st_size == 0 or os.path.samestat(seen, part.lstat())

"""A directory of photos and videos that is the source of an album."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from picsync.emulators.google.content import FileContent, sniff

_PHOTO_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".heif", ".avif"}
)
_VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".3gp"})
_TAIL_BYTES = 64 * 1024
_ENDS = {"image/jpeg": b"\xff\xd9", "image/png": b"IEND"}
"""The last bytes of a picture, apart from what cameras append."""


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file whose name and content are those of a photo or video."""

    name: str
    """Relative to the directory, with forward slashes."""
    path: Path
    size: int
    mtime_ns: int
    mime_type: str

    @property
    def state(self) -> tuple[str, int, int]:
        """A value that changes if the file is replaced."""
        return self.name, self.size, self.mtime_ns


class Directory:
    """Remembers which files of a directory were seen, and as which items."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._types: dict[tuple[str, int, int], str] = {}
        self._ids: dict[tuple[str, int, int], str] = {}
        self._present: set[tuple[str, int, int]] = set()

    def scan(self) -> Iterator[ScannedFile]:
        """Yield the usable files in order of name; hidden, incomplete and other files are skipped."""
        self._present = set()
        for path in sorted(self.path.rglob("*")):
            name = path.relative_to(self.path).as_posix()
            if any(part.startswith(".") for part in Path(name).parts) or name.endswith("~"):
                continue
            file = self._look(name, path)
            if file is not None:
                self._present.add(file.state)
                yield file

    def remember(self, file: ScannedFile, item_id: str) -> None:
        """Record the ID for this state of the file."""
        self._ids[file.state] = item_id

    def gone(self) -> list[str]:
        """Return the IDs of files that the last scan no longer found, and forget them."""
        states = [state for state in self._ids if state not in self._present]
        return [self._ids.pop(state) for state in states]

    def _look(self, name: str, path: Path) -> ScannedFile | None:
        suffix = path.suffix.lower()
        if suffix not in _PHOTO_SUFFIXES | _VIDEO_SUFFIXES:
            return None
        try:
            if not path.is_file():
                return None
            stat = path.stat()
            state = (name, stat.st_size, stat.st_mtime_ns)
            if state not in self._types:
                self._types[state] = _usable_type(path, suffix)
        except OSError:
            # It was deleted after the directory was listed.
            return None
        mime_type = self._types[state]
        return ScannedFile(name, path, stat.st_size, stat.st_mtime_ns, mime_type) if mime_type else None


def _usable_type(path: Path, suffix: str) -> str:
    mime_type = sniff(FileContent(path))
    kind = "image/" if suffix in _PHOTO_SUFFIXES else "video/"
    if not mime_type.startswith(kind):
        return ""
    return mime_type if _has_end(path, _ENDS.get(mime_type, b"")) else ""


def _has_end(path: Path, end: bytes) -> bool:
    """Return whether a picture is complete; a copy in progress is not."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return end in file.read()

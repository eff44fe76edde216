"""The list of files that picsync wrote into a frame's directory: a journal of JSON lines.

The journal is `.picsync/manifest.jsonl` in the directory. A line is appended and flushed *before* its file
appears, so every file that picsync wrote is known as its own. A line without a file has no effect. A crash
may truncate the last line; unreadable lines are ignored.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Any

from picsync.core.model import Digest
from picsync.core.values import dataclass
from picsync.system.files import (
    SHARED_FILE,
    flush_folder,
    open_regular,
    read_regular,
    replace_file,
    write_all,
)

FOLDER = ".picsync"
"""Its presence also identifies the directory: an unmounted volume does not have it."""
JOURNAL = "manifest.jsonl"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}\.[a-z0-9]{1,5}")
_MAX_BYTES = 256 * 1024 * 1024
_COMPACT_BEYOND = 1_000
"""Number of superfluous lines after which the journal is rewritten."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that picsync wrote."""

    name: str
    digest: Digest
    size_bytes: int
    filename: str
    """The original file name."""
    albums: frozenset[str]


@dataclass(slots=True)
class Manifest:
    """The content of the journal, in memory."""

    identity: str = ""
    """Unique to this directory; empty before the first line."""
    albums: dict[str, int] = field(default_factory=dict)
    """Number of files in each album."""
    entries: dict[str, Entry] = field(default_factory=dict)
    """By file name."""
    names: dict[Digest, dict[str, None]] = field(default_factory=dict)
    """File names by content."""
    lines: int = 0
    clean: bool = True
    """Whether the last line was complete."""

    @property
    def due(self) -> bool:
        """Whether the journal should be rewritten."""
        return self.lines > 2 * (len(self.entries) + len(self.albums) + 1) + _COMPACT_BEYOND

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the lines of a new journal."""
        yield {"picsync": 1, "id": self.identity}
        for album in self.albums:
            yield {"album": album}
        for entry in self.entries.values():
            yield record(entry)

    def apply(self, line: Mapping[str, Any]) -> None:
        """Apply one line; raises ValueError, TypeError or KeyError if it is invalid."""
        self.lines += 1
        if "id" in line:
            self.identity = str(line["id"])
        elif "album" in line:
            self.albums.setdefault(str(line["album"]), 0)
        elif "gone" in line:
            self._drop(str(line["gone"]))
        else:
            name = line["file"]
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ValueError("not a name that picsync gives")
            albums = frozenset(map(str, line["albums"]))
            digest, size_bytes = Digest("md5", line["md5"]), int(line["size"])
            self._drop(name)
            self.entries[name] = Entry(name, digest, size_bytes, str(line.get("name", "")), albums)
            self.names.setdefault(digest, {})[name] = None
            for album in albums:
                self.albums[album] = self.albums.get(album, 0) + 1

    def _drop(self, name: str) -> None:
        entry = self.entries.pop(name, None)
        if entry is None:
            return
        self.names[entry.digest].pop(name)
        for album in entry.albums:
            self.albums[album] -= 1


def record(entry: Entry) -> dict[str, Any]:
    """Return the line for a file that is written or added to other albums."""
    return {
        "file": entry.name,
        "md5": entry.digest.hex,
        "size": entry.size_bytes,
        "name": entry.filename,
        "albums": sorted(entry.albums),
    }


def read(folder: Path) -> Manifest | None:
    """Read the journal in `folder`; None if there is none. Raises OSError."""
    manifest = Manifest()
    try:
        content = read_regular(folder / FOLDER / JOURNAL, _MAX_BYTES)
    except FileNotFoundError:
        return None
    for line in content.split(b"\n")[:-1]:
        # A damaged line at most loses its file, which is then sent again under the same name.
        with suppress(ValueError, TypeError, KeyError):
            manifest.apply(json.loads(line))
    manifest.clean = not content or content.endswith(b"\n")
    return manifest


def append(folder: Path, manifest: Manifest, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append lines and apply them to the manifest; they are flushed to disk on return."""
    lines = list(lines)
    text = b"".join(_line(line) for line in lines)
    descriptor = open_regular(folder / FOLDER / JOURNAL, os.O_WRONLY | os.O_APPEND)
    try:
        # End a line that a crash truncated, so that the next one stands alone.
        write_all(descriptor, [text if manifest.clean else b"\n" + text])
    finally:
        os.close(descriptor)
    manifest.clean = True
    for line in lines:
        manifest.apply(line)


def create(folder: Path) -> Manifest:
    """Create the first journal of a directory; raises OSError."""
    manifest = Manifest(identity=secrets.token_hex(16))
    (folder / FOLDER).mkdir(exist_ok=True)
    rewrite(folder, manifest)
    flush_folder(folder)
    return manifest


def rewrite(folder: Path, manifest: Manifest) -> None:
    """Rewrite the journal, replacing it atomically; raises OSError."""
    records = list(manifest.records())
    replace_file(folder / FOLDER / JOURNAL, map(_line, records), mode=SHARED_FILE)
    manifest.lines, manifest.clean = len(records), True


def _line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"

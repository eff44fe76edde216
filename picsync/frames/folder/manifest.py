"""What picsync wrote into a frame's directory: a journal of lines, read into memory.

The journal is `.picsync/manifest.jsonl` in the directory. A line is appended and flushed *before* the file
that it names appears, so a file that picsync wrote is always known as picsync's own. A line whose file is not
there stands for nothing. The last line may be cut off by a crash; unreadable lines are ignored.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from picsync.core.model import Digest
from picsync.system.files import (
    SHARED_FILE,
    flush_folder,
    open_regular,
    read_regular,
    replace_file,
    write_all,
)

FOLDER = ".picsync"
"""Also the mark by which the directory is known: an unmounted volume does not have it."""
JOURNAL = "manifest.jsonl"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}\.[a-z0-9]{1,5}")
_MAX_BYTES = 256 * 1024 * 1024
_COMPACT_BEYOND = 1_000
"""Lines that may be superfluous before the journal is rewritten."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that picsync wrote."""

    name: str
    digest: Digest
    size_bytes: int
    filename: str
    """The photo's name at its source."""
    albums: frozenset[str]


@dataclass(slots=True)
class Manifest:
    """What the journal says, in memory."""

    identity: str = ""
    """Differs from that of any other directory; empty before the first line."""
    albums: dict[str, int] = field(default_factory=dict)
    """How many files each album has."""
    entries: dict[str, Entry] = field(default_factory=dict)
    """By the name of the file."""
    names: dict[Digest, dict[str, None]] = field(default_factory=dict)
    """The names of the files with each content."""
    lines: int = 0
    clean: bool = True
    """Whether the last line was whole."""

    @property
    def due(self) -> bool:
        """Whether the journal should be rewritten."""
        return self.lines > 2 * (len(self.entries) + len(self.albums) + 1) + _COMPACT_BEYOND

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield what a new journal says."""
        yield {"picsync": 1, "id": self.identity}
        for album in self.albums:
            yield {"album": album}
        for entry in self.entries.values():
            yield record(entry)

    def apply(self, line: Mapping[str, Any]) -> None:
        """Take note of one line; raises ValueError, TypeError or KeyError for one that makes no sense."""
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
    """Return the line that says that picsync writes a file, or has put it into other albums."""
    return {
        "file": entry.name,
        "md5": entry.digest.hex,
        "size": entry.size_bytes,
        "name": entry.filename,
        "albums": sorted(entry.albums),
    }


def read(folder: Path) -> Manifest | None:
    """Return what the journal in `folder` says, None if there is none; raises OSError."""
    manifest = Manifest()
    try:
        content = read_regular(folder / FOLDER / JOURNAL, _MAX_BYTES)
    except FileNotFoundError:
        return None
    for line in content.split(b"\n")[:-1]:
        # A line that is damaged loses its file at most: it is sent again, under the same name.
        with suppress(ValueError, TypeError, KeyError):
            manifest.apply(json.loads(line))
    manifest.clean = not content or content.endswith(b"\n")
    return manifest


def append(folder: Path, manifest: Manifest, lines: Iterable[Mapping[str, Any]]) -> None:
    """Append lines and apply them to the manifest; what they say is on the disk when this returns."""
    lines = list(lines)
    text = b"".join(_line(line) for line in lines)
    descriptor = open_regular(folder / FOLDER / JOURNAL, os.O_WRONLY | os.O_APPEND)
    try:
        # What a crash has cut off is ended, so that the next line stands alone.
        write_all(descriptor, [text if manifest.clean else b"\n" + text])
    finally:
        os.close(descriptor)
    manifest.clean = True
    for line in lines:
        manifest.apply(line)


def create(folder: Path) -> Manifest:
    """Write the first journal of a directory; raises OSError."""
    manifest = Manifest(identity=secrets.token_hex(16))
    (folder / FOLDER).mkdir(exist_ok=True)
    rewrite(folder, manifest)
    flush_folder(folder)
    return manifest


def rewrite(folder: Path, manifest: Manifest) -> None:
    """Write the journal again, replacing it as a whole; raises OSError."""
    records = list(manifest.records())
    replace_file(folder / FOLDER / JOURNAL, map(_line, records), mode=SHARED_FILE)
    manifest.lines, manifest.clean = len(records), True


def _line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"

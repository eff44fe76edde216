"""The list of files that picsync wrote into a frame's directory: a journal of JSON lines.

The journal is `.picsync/manifest.jsonl` in the directory. A line is appended and flushed *before* its file
appears, so every file that picsync wrote is known as its own. A line without a file has no effect, unless the
file is known to have existed (`seen`). A crash may truncate the last line; unreadable lines are ignored.

It also lists the photos that were rejected. Another process asks for their return by an empty file
`.picsync/restore-<digest>`, so that only the process that runs the cycles writes to the journal.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from picsync.core.identity import key_in
from picsync.core.model import Digest
from picsync.core.rejected import Rejection
from picsync.core.values import dataclass
from picsync.frames.folder import missing
from picsync.frames.folder.names import is_name
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
RESTORE = "restore-"
"""Files in the folder whose names begin like this, followed by a digest, are requests to restore a photo."""
_MAX_BYTES = 256 * 1024 * 1024
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
"""What a damaged line raises."""
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
    seen: bool = False
    """Whether the file is known to have existed: only then does its absence mean that someone deleted it."""


@dataclass(frozen=True, slots=True)
class RejectedFile:
    """A photo that is not wanted, and the file that it had."""

    entry: Entry
    rejected_at: datetime | None = None

    def rejection(self) -> Rejection:
        """Return what the engine needs to know."""
        return missing.rejection(self.entry, self.rejected_at)


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
    items: dict[str, dict[str, None]] = field(default_factory=dict)
    """File names by the key of the media item that they show, as far as the names of the photos tell."""
    rejected: dict[Digest, RejectedFile] = field(default_factory=dict)
    """Photos that are not wanted, in the order in which they were rejected."""
    orders: dict[str, tuple[Digest, ...]] = field(default_factory=dict)
    """The order that was asked for, of albums that share photos with others: names can follow only one."""
    lines: int = 0
    clean: bool = True
    """Whether the last line was complete."""

    @property
    def due(self) -> bool:
        """Whether the journal should be rewritten."""
        needed = len(self.entries) + len(self.albums) + len(self.rejected) + 1
        needed += sum(1 + len(order) for order in self.orders.values())
        return self.lines > 2 * needed + _COMPACT_BEYOND

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the lines of a new journal."""
        yield {"picsync": 1, "id": self.identity}
        for album in self.albums:
            yield {"album": album}
        for entry in self.entries.values():
            yield record(entry)
        for rejected in self.rejected.values():
            yield rejection(rejected.entry, rejected.rejected_at)
        for album, digests in self.orders.items():
            yield order(album, digests)

    def apply(self, line: Mapping[str, Any]) -> None:
        """Apply one line; raises one of `_DAMAGED` if it is invalid."""
        self.lines += 1
        if "file" in line:
            self._add(_entry(line))
        elif "id" in line:
            self.identity = str(line["id"])
        elif "album" in line:
            self.albums.setdefault(str(line["album"]), 0)
        elif "order" in line:
            self._order(line)
        elif "gone" in line:
            self._drop(str(line["gone"]))
        elif "rejected" in line:
            self._reject(line)
        elif "restored" in line:
            self.rejected.pop(Digest("md5", line["restored"]), None)
        elif "seen" in line:
            self._note_seen(line["seen"], seen=True)
        else:
            self._note_seen(line["lost"], seen=False)

    def _order(self, line: Mapping[str, Any]) -> None:
        digests = tuple(Digest("md5", digest) for digest in line["photos"])
        self.orders.pop(str(line["order"]), None)
        if digests:
            self.orders[str(line["order"])] = digests
        self.lines += len(digests)  # As long as that many lines.

    def _reject(self, line: Mapping[str, Any]) -> None:
        entry = _entry(line["rejected"])
        at = datetime.fromisoformat(line["at"]) if line.get("at") else None
        self.rejected.pop(entry.digest, None)
        self.rejected[entry.digest] = RejectedFile(entry, at.astimezone(UTC) if at else None)

    def _add(self, entry: Entry) -> None:
        self._drop(entry.name)
        self.entries[entry.name] = entry
        self.names.setdefault(entry.digest, {})[entry.name] = None
        if key := key_in(entry.filename):
            self.items.setdefault(key.item, {})[entry.name] = None
        for album in entry.albums:
            self.albums[album] = self.albums.get(album, 0) + 1

    def _note_seen(self, names: Iterable[str], *, seen: bool) -> None:
        for name in names:
            if (entry := self.entries.get(name)) is not None:
                self.entries[name] = replace(entry, seen=seen)

    def _drop(self, name: str) -> None:
        entry = self.entries.pop(name, None)
        if entry is None:
            return
        self.names[entry.digest].pop(name)
        if key := key_in(entry.filename):
            self.items[key.item].pop(name, None)
        for album in entry.albums:
            self.albums[album] -= 1


def record(entry: Entry) -> dict[str, Any]:
    """Return the line for a file that is written or added to other albums."""
    line = {
        "file": entry.name,
        "md5": entry.digest.hex,
        "size": entry.size_bytes,
        "name": entry.filename,
        "albums": sorted(entry.albums),
    }
    return {**line, "seen": True} if entry.seen else line


def rejection(entry: Entry, rejected_at: datetime | None) -> dict[str, Any]:
    """Return the line for a photo that was rejected."""
    return {"rejected": record(entry), "at": rejected_at.isoformat() if rejected_at else None}


def order(album: str, photos: Iterable[Digest]) -> dict[str, Any]:
    """Return the line for the order that was asked for; without photos, the names follow it."""
    return {"order": album, "photos": [digest.hex for digest in photos]}


def _entry(line: Mapping[str, Any]) -> Entry:
    """Return the entry of a line; raises one of `_DAMAGED` if it is invalid."""
    name = line["file"]
    if not isinstance(name, str) or not is_name(name):
        raise ValueError("not a name that picsync gives")
    albums = frozenset(map(str, line["albums"]))
    digest, size_bytes = Digest("md5", line["md5"]), int(line["size"])
    return Entry(name, digest, size_bytes, str(line.get("name", "")), albums, seen=line.get("seen") is True)


def read(folder: Path) -> Manifest | None:
    """Read the journal in `folder`; None if there is none. Raises OSError."""
    manifest = Manifest()
    try:
        content = read_regular(folder / FOLDER / JOURNAL, _MAX_BYTES)
    except FileNotFoundError:
        return None
    for line in content.split(b"\n")[:-1]:
        # A damaged line at most loses its file, which is then sent again under the same name.
        with suppress(*_DAMAGED):
            manifest.apply(json.loads(line))
    manifest.clean = not content or content.endswith(b"\n")
    return manifest


def restore_requests(folder: Path) -> dict[Digest, Path]:
    """Return the requests to restore photos; raises OSError."""
    found = {}
    with suppress(FileNotFoundError):
        for path in (folder / FOLDER).iterdir():
            if path.name.startswith(RESTORE):
                with suppress(ValueError):
                    found[Digest("md5", path.name.removeprefix(RESTORE))] = path
    return found


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
    manifest.lines = len(records) + sum(map(len, manifest.orders.values()))
    manifest.clean = True


def _line(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"

"""The directory of a frame and its manifest: what is in it, and every change of either.

All functions block, raise OSError and what they say, and are called by one thread at a time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shlex
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from picsync.core.errors import InaccessibleError
from picsync.core.identity import key_in
from picsync.core.model import Digest
from picsync.frames.folder import manifest as journal
from picsync.frames.folder.manifest import FOLDER, Entry, Manifest
from picsync.frames.folder.missing import SETTLE_S
from picsync.frames.folder.tree import Seen, Tree
from picsync.system.files import PART, PRIVATE_FOLDER, chunks, open_regular, replace_file
from picsync.system.mounts import not_mounted

_KNOWN = "frame-folders"
"""File next to the cache that lists the directories that picsync has filled before."""


class Directory:
    """A directory that picsync fills."""

    def __init__(self, path: str, own_folder: Path) -> None:
        """Remember in `own_folder` that the directory at `path` was filled."""
        self.path = Path(path)
        self.tree = Tree(self.path)
        self.manifest: Manifest | None = None
        """As it was read last; None if that is due."""
        self.tidied = False
        """Whether incomplete files have been removed."""
        self.writing: set[Path] = set()
        """The temporary files of the uploads in progress."""
        self.unrecorded: set[str] = set()
        """Names of files that were written, which the journal does not say yet."""
        self._seen: tuple[int, int, int] | None = None
        """The stamp of the journal that `manifest` was read from."""
        self._note = own_folder / _KNOWN / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]

    def read(self) -> Manifest:
        """Return the manifest as it is; an empty one if the directory was never filled."""
        self.tree.require()
        seen = self.stamp()
        if self.manifest is None or seen is None or seen != self._seen:
            self.manifest, self._seen = journal.read(self.path), seen
        if self.manifest is None:
            self._require_new()
            return Manifest()
        return self.manifest

    def _require_new(self) -> None:
        """Raise InaccessibleError if a directory without a manifest was filled before, or is not mounted."""
        if _is_folder(self.path / FOLDER):
            return
        if not self._note.exists():
            if (place := not_mounted(self.path)) is not None:
                raise InaccessibleError(
                    f"The volume of the folder {self.path} is not mounted: /etc/fstab has {place}.",
                    hint=f"Mount it: mount {shlex.quote(str(place))}",
                )
            return
        raise InaccessibleError(
            f"The folder {self.path} has no manifest of picsync any more, so it is left as it is.",
            hint="Mount the volume that belongs there. If it is a new, empty one, create the folder"
            f" {self.path / FOLDER} in it.",
        )

    def writable(self) -> Manifest:
        """Return the manifest, created if there is none; removes what a crash has left."""
        manifest = self.read()
        if self.manifest is None:
            self.manifest = manifest = journal.create(self.path)
            self._seen = self.stamp()
        if not self.tidied:
            self.tidied = True
            for left in set((self.path / FOLDER).glob(f"*{PART}")) - self.writing:
                left.unlink(missing_ok=True)
        self._note_filled()
        return manifest

    def _note_filled(self) -> None:
        if not self._note.exists():
            self._note.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            replace_file(self._note, [os.fsencode(self.path), b"\n"])

    def scan(self) -> dict[str, Seen]:
        """Return the regular files; raises OSError if the volume was unmounted meanwhile."""
        files = self.tree.files()
        if self.manifest is not None and self.stamp() is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path / FOLDER))
        return files

    def stamp(self) -> tuple[int, int, int] | None:
        """Return device, inode and size of the journal; None if there is none."""
        try:
            seen = (self.path / FOLDER / journal.JOURNAL).stat()
        except FileNotFoundError:
            return None
        return seen.st_dev, seen.st_ino, seen.st_size

    def append(self, manifest: Manifest, *lines: Mapping[str, object]) -> None:
        """Append lines, and which files were written since the last time."""
        if manifest.due:
            journal.rewrite(self.path, manifest)
        names = sorted(self.unrecorded)
        seen = [{"seen": names}] if names else []
        journal.append(self.path, manifest, [*seen, *lines])
        self.unrecorded.difference_update(names)
        self._seen = self.stamp()

    def remove(self, manifest: Manifest, entry: Entry) -> None:
        """Delete a file of picsync."""
        if entry.seen or entry.name in self.unrecorded:
            # Picsync itself deletes it: its absence is no request.
            self.unrecorded.discard(entry.name)
            self.append(manifest, {"lost": [entry.name]})
        # If the process ends between the two steps, the line has no effect. In the opposite order, or if
        # a power failure undid only the first step, the file would no longer be known as picsync's own.
        self.tree.remove(entry.name)
        self.append(manifest, {"gone": entry.name})

    def put_back(self, manifest: Manifest, files: Mapping[str, Seen]) -> dict[Digest, Entry]:
        """Return the rejected photos whose files someone has put back."""
        back = {}
        for digest, rejected in manifest.rejected.items():
            entry = rejected.entry
            seen = files.get(entry.name)
            if entry.name not in manifest.entries and seen and seen.size_bytes == entry.size_bytes:
                with suppress(FileNotFoundError):
                    if digest_of(self.path / entry.name) == digest:
                        back[digest] = replace(entry, seen=True)
        return back

    def shown(self, entries: Iterable[Entry], files: Mapping[str, Seen]) -> set[Digest]:
        """Return the photos of entries whose files are as they were written."""
        return {
            entry.digest
            for entry in entries
            if (seen := self.file_of(entry, files)) is not None and seen.size_bytes == entry.size_bytes
        }

    def is_there(self, entry: Entry, files: Mapping[str, Seen]) -> bool:
        """Whether anything has the name; a file system may list it in another case."""
        return entry.name in files or self.tree.look_up(entry.name) is not None

    def file_of(self, entry: Entry, files: Mapping[str, Seen]) -> Seen | None:
        """Return the entry's file, None if there is none; a file system may list it in another case."""
        if (seen := files.get(entry.name)) is not None:
            return seen
        found = self.tree.look_up(entry.name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return Seen(found.st_size, found.st_mtime)

    def is_settled(self, now: datetime) -> bool:
        """Whether no program has changed the directory just now."""
        return abs(now.timestamp() - self.path.stat().st_mtime) > SETTLE_S

    def require_room(self, size_bytes: int) -> None:
        """Raise QuotaError if a file does not fit, before anything is written."""
        free = self.tree.free_bytes()
        if free is not None and free < size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def time_of_predecessor(self, manifest: Manifest, entry: Entry) -> float | None:
        """Return the file time of another rendition of the same media item; None if there is none."""
        key = key_in(entry.filename)
        if key is None:
            return None
        for name in manifest.items.get(key.item, ()):
            if name != entry.name and (seen := self.tree.look_up(name)) is not None:
                return seen.st_mtime
        return None

    def cause(self, error: OSError) -> OSError:
        """Return why something is missing: the volume may have been unmounted.

        Raises InaccessibleError if the directory has no manifest any more.
        """
        try:
            self.tree.require()
            if self.stamp() is None:
                self._require_new()
        except OSError as found:
            return found
        return error


def digest_of(path: Path) -> Digest:
    """Return the digest of a file's content."""
    content = hashlib.md5(usedforsecurity=False)
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        for chunk in chunks(descriptor):
            content.update(chunk)
    finally:
        os.close(descriptor)
    return Digest.md5(content.hexdigest())


def _is_folder(path: Path) -> bool:
    """Whether the directory exists; raises OSError if that is unknown."""
    try:
        Tree(path).require()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True

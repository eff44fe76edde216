"""The files and folders of one user, with the history of their changes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from picsync.emulators.dropbox.contenthash import content_hash
from picsync.emulators.dropbox.errors import Tagged, tagged
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.paths import is_disallowed, is_unfit, lower, problem
from picsync.emulators.google.content import BytesContent, Content, FileContent, as_content
from picsync.emulators.google.directory import Directory

MAX_FILES = 10_000
"""Of one move, copy or deletion."""


class WriteRefused(Exception):  # noqa: N818 - it is answered, not an error of the emulator
    """A change is refused; `error` is a WriteError."""

    def __init__(self, error: Tagged) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True, eq=False)
class Entry:
    """A file or folder."""

    entry_id: str
    path: str
    """As shown; absolute, in the user's whole Dropbox."""

    @property
    def name(self) -> str:
        """Its own name."""
        return self.path.rpartition("/")[2]

    @property
    def key(self) -> str:
        """The path in lower case."""
        return lower(self.path)


@dataclass(slots=True, eq=False)
class Folder(Entry):
    """A folder."""


@dataclass(slots=True, eq=False)
class File(Entry):
    """A file in its current revision."""

    content: Content
    size: int
    rev: str
    content_hash: str
    client_modified: float
    server_modified: float


@dataclass(frozen=True, slots=True)
class Change:
    """A path at which something changed."""

    key: str
    path: str
    """As last shown there."""


@dataclass(slots=True)
class Followed:
    """A directory of this machine that serves as a folder."""

    directory: Directory
    path: str
    seen: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Path -> state of the file that is there."""


class Tree:
    """A user's files and folders. All changes are immediate; each is recorded in `changes`."""

    def __init__(self, options: DropboxOptions, namespace: str) -> None:
        self._options = options
        self.namespace = namespace
        self.entries: dict[str, Entry] = {}
        """By path in lower case; the root is not among them."""
        self.by_id: dict[str, Entry] = {}
        self.children: dict[str, dict[str, None]] = {"": {}}
        """Path of each folder in lower case -> those of its entries, in order of creation."""
        self.deleted: dict[str, Change] = {}
        """What was deleted and has not come back."""
        self.revisions: dict[str, tuple[str, File]] = {}
        """Revision -> path at that time, and the file as it was."""
        self.changes: list[Change] = []
        self.changed = asyncio.Event()
        """Set by the next change; replaced by a new one then."""
        self.observers: list[Callable[[], None]] = []
        self.busy = False
        """Whether a write holds the lock."""
        self.followed: list[Followed] = []
        self.used_bytes = 0
        """The size of all files."""
        self._revision = secrets.randbits(40)

    # --- Reading -----------------------------------------------------------------------------------------

    def find(self, path: str) -> Entry | None:
        """Return what is at an absolute path; None for the root, and if there is nothing."""
        return self.entries.get(lower(path))

    def is_folder(self, path: str) -> bool:
        """Return whether a folder, such as the root, is at the path."""
        return lower(path) in self.children

    def below(self, path: str) -> Iterator[Entry]:
        """Yield everything below a folder, each folder before its content."""
        for key in list(self.children.get(lower(path), ())):
            entry = self.entries[key]
            yield entry
            if isinstance(entry, Folder):
                yield from self.below(entry.path)

    # --- Changing ----------------------------------------------------------------------------------------

    def create_folder(self, path: str, *, autorename: bool = False) -> Folder:
        """Create a folder with its parents; raises WriteRefused."""
        self._require_writable(path)
        there = self.find(path)
        if there is not None or path == "":
            if not autorename:
                raise WriteRefused(tagged("conflict", "file" if isinstance(there, File) else "folder"))
            path = self.free_path(path)
        self._create_parents(path)
        return self._add_folder(path)

    def write(
        self,
        path: str,
        content: Content,
        *,
        client_modified: float | None = None,
        replace: bool = True,
        digest: str = "",
    ) -> File:
        """Create a file with its parents, or a new revision of it; raises WriteRefused."""
        self._require_writable(path)
        there = self.find(path)
        if isinstance(there, Folder) or self.is_folder(path):
            raise WriteRefused(tagged("conflict", "folder"))
        if there is not None and not replace:
            raise WriteRefused(tagged("conflict", "file"))
        size = content.size
        freed = there.size if isinstance(there, File) else 0
        self._require_space(size, freed)
        self._create_parents(path)
        now = self._options.now()
        taken = now if client_modified is None else client_modified
        if isinstance(there, File):
            there.content, there.size = content, size
            self.used_bytes += size - freed
            there.content_hash = digest or content_hash(content)
            there.client_modified, there.server_modified = taken, now
            there.rev = self._next_revision()
            file = there
        else:
            file = File(
                _new_id(), self._placed(path), content, size, self._next_revision(),
                digest or content_hash(content), taken, now,
            )  # fmt: skip
            self._put(file)
        self._keep_revision(file)
        self._record(file)
        return file

    def move(self, entry: Entry, path: str) -> Entry:
        """Move a file or folder with all that is in it; raises WriteRefused."""
        self._require_writable(path)
        self._create_parents(path)
        moved = [entry, *self.below(entry.path)]
        old = entry.path
        for each in moved:
            self._take(each)
        for each in moved:
            self._record_deletion(each)
        target = self._placed(path)
        for each in moved:
            each.path = target + each.path[len(old) :]
            if isinstance(each, File):
                each.rev = self._next_revision()
                self._keep_revision(each)
            self._put(each)
            self._record(each)
        return entry

    def copy(self, entry: Entry, path: str) -> Entry:
        """Copy a file, or a folder with all that is in it; raises WriteRefused."""
        self._require_writable(path)
        originals = [entry, *self.below(entry.path)]
        more = sum(each.size for each in originals if isinstance(each, File))
        self._require_space(more)
        self._create_parents(path)
        target, copies = self._placed(path), []
        for each in originals:
            place = target + each.path[len(entry.path) :]
            if isinstance(each, File):
                made: Entry = File(
                    _new_id(), place, each.content, each.size, self._next_revision(),
                    each.content_hash, each.client_modified, self._options.now(),
                )  # fmt: skip
            else:
                made = Folder(_new_id(), place)
            self._put(made)
            if isinstance(made, File):
                self._keep_revision(made)
            self._record(made)
            copies.append(made)
        return copies[0]

    def delete(self, entry: Entry) -> None:
        """Delete a file, or a folder with all that is in it."""
        gone = [entry, *self.below(entry.path)]
        for each in gone:
            self._take(each)
        for each in gone:
            self._record_deletion(each)

    def free_path(self, path: str) -> str:
        """Return the path with the first number in parentheses that makes it free."""
        stem, dot, suffix = path.rpartition(".") if "." in path.rpartition("/")[2][1:] else (path, "", "")
        for number in range(1, 10_000):
            candidate = f"{stem} ({number}){dot}{suffix}"
            if self.find(candidate) is None:
                return candidate
        raise WriteRefused(tagged("conflict", "file"))

    # --- Directories -------------------------------------------------------------------------------------

    def follow(self, directory: Path, path: str) -> None:
        """Let a folder follow a directory of this machine from now on."""
        if self.find(path) is None:
            self.create_folder(path)
        self.followed.append(Followed(Directory(directory), path))
        self.refresh()

    def refresh(self) -> None:
        """Read all followed directories again."""
        for followed in self.followed:
            found = {f"{followed.path}/{file.name}": file for file in followed.directory.scan()}
            for path in [path for path in followed.seen if path not in found]:
                del followed.seen[path]
                if (entry := self.find(path)) is not None:
                    self.delete(entry)
            for path, file in found.items():
                if followed.seen.get(path) != file.state:
                    followed.seen[path] = file.state
                    self.write(path, FileContent(file.path), client_modified=file.mtime_ns / 1e9)

    # --- Parts -------------------------------------------------------------------------------------------

    def _require_space(self, size: int, freed: int = 0) -> None:
        """Raise WriteRefused if more bytes don't fit into the account, the team, or the member's limit."""
        options, used = self._options, self.used_bytes - freed + size
        if options.others_bytes is not None:
            member = options.member_bytes if options.member_limit == "stop_sync" else 0
            if member and used > member:
                raise WriteRefused(tagged("insufficient_space"))
            used += options.others_bytes
        if used > options.space_bytes:
            raise WriteRefused(tagged("insufficient_space"))

    def _require_writable(self, path: str) -> None:
        wrong = problem(path)
        if wrong is not None:
            raise WriteRefused(wrong)
        if is_unfit(path) and not self._options.unfit_names:
            raise WriteRefused(tagged("malformed_path"))
        if is_disallowed(path):
            raise WriteRefused(tagged("disallowed_name"))
        parent = path.rpartition("/")[0]
        while parent:
            if isinstance(self.find(parent), File):
                raise WriteRefused(tagged("conflict", "file_ancestor"))
            parent = parent.rpartition("/")[0]

    def _create_parents(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if parent and not self.is_folder(parent):
            self._create_parents(parent)
            self._add_folder(parent)

    def _add_folder(self, path: str) -> Folder:
        folder = Folder(_new_id(), self._placed(path))
        self._put(folder)
        self._record(folder)
        return folder

    def _placed(self, path: str) -> str:
        """Return the path with its parents as they are shown."""
        parent, _, name = path.rpartition("/")
        there = self.find(parent)
        return f"{there.path if there else ''}/{name}"

    def _put(self, entry: Entry) -> None:
        self.entries[entry.key] = entry
        self.used_bytes += entry.size if isinstance(entry, File) else 0
        self.by_id[entry.entry_id] = entry
        self.children[entry.key.rpartition("/")[0]][entry.key] = None
        if isinstance(entry, Folder):
            self.children.setdefault(entry.key, {})
        self.deleted.pop(entry.key, None)

    def _take(self, entry: Entry) -> None:
        del self.entries[entry.key]
        self.used_bytes -= entry.size if isinstance(entry, File) else 0
        self.by_id.pop(entry.entry_id, None)
        siblings = self.children.get(entry.key.rpartition("/")[0])
        if siblings is not None:
            siblings.pop(entry.key, None)
        if isinstance(entry, Folder):
            self.children.pop(entry.key, None)

    def _record(self, entry: Entry) -> None:
        self._changed(Change(entry.key, entry.path))

    def _record_deletion(self, entry: Entry) -> None:
        change = Change(entry.key, entry.path)
        if entry.key not in self.entries:
            self.deleted[entry.key] = change
        self._changed(change)

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()
        for observer in self.observers:
            observer()

    def _next_revision(self) -> str:
        self._revision += 1
        return f"{self._revision:014x}"

    def _keep_revision(self, file: File) -> None:
        kept = File(
            file.entry_id, file.path, file.content, file.size, file.rev, file.content_hash,
            file.client_modified, file.server_modified,
        )  # fmt: skip
        self.revisions[file.rev] = (file.key, kept)


def content_of(value: bytes | Path | Content) -> Content:
    """Return bytes, or the path of a file, as content; bytes are kept as they are."""
    return BytesContent(value) if isinstance(value, bytes) else as_content(value)


def _new_id() -> str:
    return f"id:{secrets.token_urlsafe(16)}"

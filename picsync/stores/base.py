"""The port that every store implements: listing, reading, writing and moving files.

Paths follow `core.places`. Whether two paths are the same file is the store's decision: compare `Entry.key`.
Nothing in a store is ever overwritten by accident: `write` and `move` fail if something is at the target, and
`replace` and `append` if the file is no longer in the version that the caller saw.

All methods raise, besides what they say: LoginNeeded, TransientError (already retried), InaccessibleError
(the store as a whole cannot be used), QuotaError (it is full), RefusedError (for this file only, such as a
name that the store does not accept), ProtocolError. They may run concurrently.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from picsync.core.errors import PicsyncError, RefusedError, TransientError
from picsync.core.model import Finding
from picsync.core.values import dataclass


class ConflictError(RefusedError):
    """Something else is at the target."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=0)


class ChangedError(TransientError):
    """The file is no longer in the version that the caller saw, or no longer there; look again."""


class UnfinishedError(TransientError):
    """It is not known whether it was done, and it may still be done later."""


class CursorResetError(TransientError):
    """The cursor is not valid any more; list again. It says nothing about what has changed."""


class EntryKind(StrEnum):
    """What is at a path."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    """A symbolic link; stores neither follow nor move it."""
    OTHER = "other"
    """A pipe, a socket, a device, or a document that has no bytes of its own."""


class MediaState(StrEnum):
    """Whether a store knows when a picture was taken."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    """Not examined yet; ask again later."""
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a store itself says about a picture or video."""

    state: MediaState = MediaState.UNKNOWN
    taken: datetime | None = None
    """Without a zone, it is the time on the camera's clock; with one, an instant."""


NO_MEDIA_INFO = MediaInfo()


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a store, in one version."""

    path: str
    """As the store shows it; capital letters of the folders may differ between entries."""
    kind: EntryKind = EntryKind.FILE
    key: str = ""
    """The path for comparison: equal for two paths of the same file. Equal to `path` if empty."""
    id: str = ""
    """Stays the same when the file is renamed or moved within the store; empty if there is no such ID."""
    rev: str = ""
    """Changes with every change of the content."""
    size_bytes: int = 0
    modified_at: datetime | None = None
    """Aware UTC, as the program that wrote the file says; None if it is unknown or impossible."""
    content_hash: str = ""
    """As `core.contenthash`; empty if the listing does not have it."""
    settled: bool = True
    """False for a file that somebody may still be writing: it changed during the last `quiet_s` seconds."""

    def __post_init__(self) -> None:
        """Set the key."""
        if not self.key:
            object.__setattr__(self, "key", self.path)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.kind is EntryKind.FILE

    @property
    def folder(self) -> str:
        """The path of the folder that it is in."""
        return self.path.rpartition("/")[0] or "/"

    @property
    def name(self) -> str:
        """Its name, without the folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A folder below the listed one that could not be read."""

    path: str
    error: PicsyncError


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing, or of the changes since a cursor. Apply the fields in their order."""

    entries: Sequence[Entry] = ()
    gone: Sequence[str] = ()
    """Keys of what was deleted or moved away, with everything below; some may never have been listed."""
    cursor: str = ""
    """Where the next changes begin; valid once the last page was read. If the store has no cursors, only
    `changed` of the same object takes it."""
    unlisted: Sequence[Unlisted] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """A file that is to be moved."""

    entry: Entry
    to: str
    """The full new path, at which nothing is expected to be. Missing folders on it are created."""
    token: str
    """Unique and the same after a crash; 1 to 40 letters and digits."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The outcome of one move: the entry at its new path, or why it is still at the old one."""

    move: Move
    entry: Entry | None = None
    error: PicsyncError | None = None
    """NotFoundError: nothing is at the old path. ChangedError: something else is. ConflictError: the new path
    is taken. Every other error may leave it open where the file is; ask `settle`. After an UnfinishedError,
    the file may be moved after that."""


Content: TypeAlias = Callable[[int], AsyncIterator[bytes]]
"""Yields the bytes of a file from an offset to the end; called again to repeat or continue an upload."""


@dataclass(frozen=True, slots=True)
class Write:
    """A file that is to be written."""

    path: str
    content: Content
    size_bytes: int
    modified_at: datetime | None = None
    replaces: Entry | None = None
    """The version that it replaces, at the same path; None if nothing is expected there."""
    resume: str = ""
    """What `began` was called with in an earlier attempt to write the same bytes; it may have expired. It is
    not valid after a ChangedError."""
    began: Callable[[str], Awaitable[None]] | None = None
    """Called if the store keeps the bytes that arrive before the file is complete, so that another process
    can continue."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of one write: the new file, or why nothing was written."""

    write: Write
    entry: Entry | None = None
    """With its content hash."""
    error: PicsyncError | None = None
    """What `write` and `replace` raise, and what the content raises."""


@dataclass(frozen=True, slots=True)
class StoreCapabilities:
    """The properties of a store that its callers depend on."""

    kind: str
    title: str
    """Its name in messages."""
    cursors: bool = False
    """Whether `changes` continues a listing; otherwise it always raises CursorResetError."""
    batch: int = 1
    """How many files `move_all` moves, and `delete_all` deletes, at once."""
    quiet_s: float = 0.0
    """How long a file must be unchanged to be `settled`; 0 if files appear complete."""
    reports_changes: bool = True
    """Whether `changed` notices every change at once."""
    folds_names: bool = False
    """Whether names that differ only by capitals or by the composition of characters are the same."""
    media_info: bool = False
    """Whether `media_info` may know anything."""
    moves_later: bool = False
    """Whether moves that this process has begun may happen after its end."""
    volumes: bool = False
    """Whether a folder may be on a volume that is not mounted: then it is missing, or looks empty."""


class Store(Protocol):
    """Files in a service's account, or of this machine."""

    @property
    def capabilities(self) -> StoreCapabilities:
        """The properties of the store."""

    def list(self, folder: str, *, recursive: bool = False) -> AsyncIterator[Page]:
        """Yield what is in a folder, without the folder itself.

        With `recursive`, also what is below its subfolders. The listing is complete if the iterator ends
        normally, except for the folders that it names in `unlisted`. Raises NotFoundError if there is no such
        folder.
        """

    def changes(self, folder: str, cursor: str, *, recursive: bool = False) -> AsyncIterator[Page]:
        """Yield what has changed since a cursor of a listing with the same arguments, in order.

        Raises CursorResetError, possibly after some pages; what those said is true. Raises NotFoundError if
        the folder is gone.
        """

    async def changed(self, folder: str, cursor: str = "", *, recursive: bool = False) -> None:
        """Return once a listing may have new or changed files since `cursor`, or since the last listing.

        Files that left the folder do not count. May return without a reason, and may never return if the
        store does not report all changes. Raises CursorResetError.
        """

    async def stat(self, path: str) -> Entry | None:
        """Return what is at a path; None if there is nothing."""

    async def media_info(self, entry: Entry) -> MediaInfo:
        """Return what the store knows about a picture or video."""

    def read(self, entry: Entry, start: int = 0) -> AsyncIterator[bytes]:
        """Yield a file's bytes from an offset; raises ChangedError, possibly at the end."""

    async def read_part(self, entry: Entry, start: int, size_bytes: int) -> bytes:
        """Return a part of a file, shorter only at its end; raises ChangedError."""

    async def content_hash(self, entry: Entry) -> str:
        """Return the content hash, by reading the file if the store does not know it; raises ChangedError."""

    async def write(
        self, path: str, content: Content, size_bytes: int, *, modified_at: datetime | None = None
    ) -> Entry:
        """Write a new file, which appears complete; missing folders are created.

        Raises ConflictError if something is at the path, unless it is a file with the same bytes.
        """

    async def replace(
        self, entry: Entry, content: Content, size_bytes: int, *, modified_at: datetime | None = None
    ) -> Entry:
        """Replace a file's content at once; raises ChangedError if it is no longer in this version."""

    async def write_all(
        self, writes: Iterable[Write], done: Callable[[Sequence[Written]], Awaitable[None]]
    ) -> None:
        """Write files concurrently; `done` is called with each outcome once it is known, one call at a time.

        The next element of `writes` is only asked for when it can be sent, so the caller may end them early.
        What was taken from them has an outcome. If this is cancelled, or `done` raises, some of the files
        without an outcome may have been written.
        """

    async def append(self, path: str, added: bytes, seen: Entry | None) -> Entry:
        """Add bytes at the end of a file, or create it if `seen` is None; missing folders are created.

        Raises ChangedError if the file is not in the version `seen`, or exists although `seen` is None. After
        a crash, the file may end with a part of `added`.
        """

    async def move(self, move: Move) -> Entry:
        """Move a file; returns it at its new path. Raises what `Moved.error` names."""

    async def move_all(self, moves: Sequence[Move]) -> Sequence[Moved]:
        """Move files, at most `capabilities.batch` at once; returns their outcomes in the same order.

        If it is cancelled, it ends once no file is being moved any more.
        """

    async def settle(self, move: Move) -> Entry | None:
        """Return the file at its new path if a move that was interrupted has happened, otherwise None.

        Completes what a crash has left half done, and removes its traces; repeating it is safe. If it returns
        None, the file was not moved by this move.
        """

    async def delete(self, entry: Entry) -> None:
        """Move a file or folder to the store's bin; succeeds if nothing is at the path.

        Raises ChangedError if a file is no longer in this version.
        """

    async def delete_all(self, entries: Sequence[Entry]) -> Sequence[PicsyncError | None]:
        """Delete files and folders, at most `capabilities.batch` at once; returns what `delete` would raise.

        The order in which they are deleted is undefined.
        """

    async def make_folder(self, path: str) -> Entry:
        """Create a folder and those above it; succeeds if it exists. Raises ConflictError if a file does."""

    async def own(self, folder: str, owner: str) -> str:
        """Make `owner` the only one that works in a folder; return an empty text, or who does so instead.

        `owner` is a line of text that is the same after a restart and different for every installation.
        Repeating is safe. Other owners are refused until this one is gone: on this machine, until its process
        has ended or the store was closed; in a service's account, until `disown`.
        """

    async def disown(self, folder: str) -> None:
        """Let the next one who asks own a folder, whoever owns it now, as far as processes don't tell."""

    async def one_volume(self, folders: Sequence[str]) -> str:
        """Return an empty text if one rename moves a file from each folder to each other; otherwise why not.

        Says nothing about folders that are missing.
        """

    async def examine(self) -> Sequence[Finding]:
        """Return what the doctor reports about the store."""

    async def aclose(self) -> None:
        """Release all resources; safe to call twice."""


@runtime_checkable
class TellsSpace(Protocol):
    """A store that may know how much more fits into it."""

    async def free_bytes(self) -> int | None:
        """Return how many bytes still fit; None if that is unknown, or not to be asked with this login."""


async def entries_of(
    store: Store, folder: str, *, recursive: bool = False
) -> tuple[list[Entry], list[Unlisted], str]:
    """Return a whole listing, each key once, with the folders that could not be read, and the cursor."""
    found: dict[str, Entry] = {}
    unlisted: list[Unlisted] = []
    cursor = ""
    async for page in store.list(folder, recursive=recursive):
        found.update((entry.key, entry) for entry in page.entries)
        for gone in page.gone:
            for key in [key for key in found if key == gone or key.startswith(f"{gone}/")]:
                del found[key]
        unlisted += page.unlisted
        cursor = page.cursor
    return list(found.values()), unlisted, cursor

"""A directory as a frame.

All albums of a directory are in the directory itself, since most viewers show one folder; the manifest says
which file belongs to which album. Files appear complete: they are written under `.picsync`, flushed and
renamed. Only files in the manifest are ever replaced or deleted. If a directory had a manifest and no longer
has one, it is not the same directory; it may be the mount point of a volume that is not mounted. It is then
left unchanged.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TypeVar

from picsync.core.errors import InaccessibleError, ItemError, PicsyncError, QuotaError
from picsync.core.identity import plain_name
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.core.rejected import NOTHING_REJECTED, Rejected, Rejection
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult
from picsync.frames.folder import manifest as journal
from picsync.frames.folder.manifest import FOLDER, Entry, Manifest, RejectedFile
from picsync.frames.folder.missing import SETTLE_S, judge
from picsync.observe.words import size
from picsync.system.files import (
    PART,
    PRIVATE_FOLDER,
    SHARED_FILE,
    chunks,
    create_anew,
    flush_folder,
    open_regular,
    reason,
    remedy,
    replace_file,
    require_writable,
    write_all,
)

T = TypeVar("T")

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/avif": "avif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
}
"""MIME types that are written, with the file extension that viewers recognise."""
LEAST_FREE_BYTES = 20_000_000
"""Below this, the doctor notes that new photos may not fit: two large ones would not."""
MAX_STEM = 40
"""How many characters of the original file name are kept in the new name."""
_HASH_DIGITS = 12
_WRITERS = 4
"""More concurrent writes would only make a USB stick slower."""
_COPY_BYTES = 1 << 20
_KNOWN = "frame-folders"
"""File next to the cache that lists the directories that picsync has filled before."""


class FolderFrame:
    """A directory as a Frame."""

    def __init__(
        self, path: str, *, own_folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Fill the directory at `path`; a note that it was filled is kept in `own_folder`."""
        self._path = Path(path)
        self._now = now
        self._note = own_folder / _KNOWN / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
        self._manifest: Manifest | None = None
        self._seen: tuple[int, int, int] | None = None
        """Device, inode and size of the journal that `_manifest` was read from."""
        self._tidied = False
        """Whether incomplete files have been removed."""
        self._writing: set[Path] = set()
        """The temporary files of the uploads in progress."""
        self._unpublished: set[Path] = set()
        """Those of them that do not have their final names yet."""
        self._unrecorded: set[str] = set()
        """Names of files that were written, which the journal does not say yet."""
        self._lock = asyncio.Lock()
        self._capabilities = FrameCapabilities(
            kind="folder",
            title=f"the folder {path}",
            # The cache stores one digest per photo, which all frames share.
            digest_algorithm="md5",
            mime_types=frozenset(EXTENSIONS),
            playlist_limit=None,
            max_uploads=_WRITERS,
        )

    @property
    def capabilities(self) -> FrameCapabilities:
        """The capabilities of a directory."""
        return self._capabilities

    def prepare(self) -> None:
        """Do nothing: a directory needs no login."""

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the manifest's albums."""

        def look() -> list[FrameAlbum]:
            return [FrameAlbum(name, name, count) for name, count in self._read().albums.items()]

        return await self._locked(look)

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the manifest has none."""

        def look() -> FrameAlbum | None:
            count = self._read().albums.get(name)
            return None if count is None else FrameAlbum(name, name, count)

        return await self._locked(look)

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:  # noqa: ARG002 - it needs no preparation
        """Write the album to the manifest, which is created if the directory has none."""

        def create() -> FrameAlbum:
            manifest = self._writable()
            if name not in manifest.albums:
                self._append(manifest, {"album": name})
            return FrameAlbum(name, name, manifest.albums[name])

        return await self._locked(create)

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the album's files that exist."""

        def look() -> Photos:
            manifest, there, found = self._read(), self._sizes(), []
            for entry in manifest.entries.values():
                if album.album_id not in entry.albums or entry.name not in there:
                    continue
                whole = there[entry.name] == entry.size_bytes
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    # A file that was damaged or edited counts as another photo, of which nothing is known.
                    digest = entry.digest if whole else _digest(self._path / entry.name)
                    filename = entry.filename if whole else ""
                    found.append(FramePhoto(entry.name, digest, filename, there[entry.name]))
            return Photos(tuple(found))

        return await self._locked(look)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Write the bytes under a name that every file system accepts, unless they already exist."""
        there = await self._locked(lambda: self._add_to_album(self._writable(), album, rendition))
        if there is not None:
            return there
        temporary = self._path / FOLDER / f"{rendition.digest.hex}-{id(rendition):x}{PART}"
        self._writing.add(temporary)
        self._unpublished.add(temporary)
        try:
            await self._explained(lambda: _copy(rendition, temporary))
            return await self._locked(lambda: self._publish(album, rendition, temporary, upcoming))
        finally:
            await asyncio.to_thread(_discard, temporary)
            self._writing.discard(temporary)
            self._unpublished.discard(temporary)

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove the photo from the album; its file is deleted when no album contains it any more."""

        def remove() -> None:
            manifest = self._read()
            entry = manifest.entries.get(photo.photo_id)
            if entry is None or album.album_id not in entry.albums:
                return
            left = replace(entry, albums=entry.albums - {album.album_id})
            if left.albums:
                self._append(manifest, journal.record(left))
                return
            self._remove(manifest, entry)

        await self._locked(remove)

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return the rejected photos; a file of picsync that someone has deleted is one of them.

        See `missing.judge` for the rule. Nothing is decided while the directory is being changed.
        """

        def look() -> Rejected:
            manifest = self._read()
            if not manifest.entries and not manifest.rejected:
                return NOTHING_REJECTED
            there = self._sizes()
            asked = journal.restore_requests(self._path)
            back = self._put_back(manifest, there)
            gone = [entry for entry in manifest.entries.values() if not self._is_there(entry, there)]
            verdict = judge(manifest, gone)
            settled = self._is_settled()
            at = self._now()
            stay = [one.rejection() for digest, one in manifest.rejected.items() if digest not in asked]
            stay = [one for one in stay if one.digest not in back]
            new = [RejectedFile(entry, at).rejection() for entry in verdict.rejected]
            if record:
                lines: list[Mapping[str, object]] = [
                    *({"restored": digest.hex} for digest in asked if digest in manifest.rejected),
                    *(line for entry in back.values() for line in _returned(entry)),
                ]
                self._unrecorded.update(
                    entry.name
                    for entry in manifest.entries.values()
                    if not entry.seen and entry.name in there
                )
                if settled:
                    lines += [journal.rejection(entry, at) for entry in verdict.rejected]
                    lines += [{"gone": entry.name} for entry in (*verdict.rejected, *verdict.never)]
                    if verdict.lost:
                        lines.append({"lost": [entry.name for entry in verdict.lost]})
                if lines or self._unrecorded:
                    self._append(self._writable(), *lines)
                for path in asked.values():
                    path.unlink(missing_ok=True)
            return Rejected((*stay, *new), tuple(new) if settled else (), len(verdict.lost), verdict.existed)

        return await self._locked(look)

    async def reject(self, photo: FramePhoto) -> bool:
        """Remember that a photo is not wanted, and delete its file unless it is the only one."""

        def remember() -> bool:
            manifest = self._writable()
            entry = manifest.entries.get(photo.photo_id)
            if entry is None or entry.digest != photo.digest:
                return False
            if entry.digest not in manifest.rejected:
                self._append(manifest, journal.rejection(entry, self._now()))
            there = self._sizes()
            if not any(each.name in there for each in manifest.entries.values() if each is not entry):
                return False
            self._remove(manifest, entry)
            return True

        return await self._locked(remember)

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Leave requests to restore these photos, which the next cycle carries out."""

        def ask() -> None:
            manifest = self._read()
            require_writable(self._path)
            for rejection in rejections:
                if rejection.digest in manifest.rejected:
                    name = f"{journal.RESTORE}{rejection.digest.hex}"
                    os.close(create_anew(self._path / FOLDER / name, SHARED_FILE))
            flush_folder(self._path / FOLDER)

        await self._locked(ask)

    async def examine(self) -> Sequence[Finding]:
        """Check whether the directory exists and is writable, and how much space is free."""

        def look() -> Sequence[Finding]:
            manifest = self._read()
            require_writable(self._path)
            free = shutil.disk_usage(self._path).free
            files = f"{len(manifest.entries):,} files of picsync" if manifest.identity else "not filled yet"
            if free < LEAST_FREE_BYTES:
                text = f"{self._path} has only {size(free)} free, so new photos may not fit; {files}."
                return [Finding(Mark.NOTE, "Folder", text, "Free some space on its disk.")]
            text = f"{self._path} can be written to; {files}; {size(free)} are free."
            return [Finding(Mark.OK, "Folder", text)]

        return await self._locked(look)

    async def free_bytes(self) -> int:
        """Return the free space of the directory's disk."""

        def look() -> int:
            _require_folder(self._path)
            return shutil.disk_usage(self._path).free

        return await self._locked(look)

    async def aclose(self) -> None:
        """Do nothing: no resource is kept open."""

    # --- with the lock, in a thread -------------------------------------------------------------------

    def _read(self) -> Manifest:
        """Return the manifest as it is; an empty one if the directory was never filled."""
        _require_folder(self._path)
        seen = self._stamp()
        if self._manifest is None or seen is None or seen != self._seen:
            self._manifest, self._seen = journal.read(self._path), seen
        if self._manifest is None:
            self._require_new()
            return Manifest()
        return self._manifest

    def _require_new(self) -> None:
        """Raise InaccessibleError if a directory without a manifest was filled before."""
        if _is_folder(self._path / FOLDER) or not self._note.exists():
            return
        raise InaccessibleError(
            f"The folder {self._path} has no manifest of picsync any more, so it is left as it is.",
            hint="Mount the volume that belongs there. If it is a new, empty one, create the folder"
            f" {self._path / FOLDER} in it.",
        )

    def _writable(self) -> Manifest:
        """Return the manifest, created if there is none; removes what a crash has left."""
        manifest = self._read()
        if self._manifest is None:
            self._manifest = manifest = journal.create(self._path)
            self._seen = self._stamp()
        if not self._tidied:
            self._tidied = True
            for left in set((self._path / FOLDER).glob(f"*{PART}")) - self._writing:
                left.unlink(missing_ok=True)
        self._note_filled()
        return manifest

    def _note_filled(self) -> None:
        if not self._note.exists():
            self._note.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            replace_file(self._note, [os.fsencode(self._path), b"\n"])

    def _append(self, manifest: Manifest, *lines: Mapping[str, object]) -> None:
        """Append lines, and which files were written since the last time."""
        if manifest.due:
            journal.rewrite(self._path, manifest)
        names = sorted(self._unrecorded)
        seen = [{"seen": names}] if names else []
        journal.append(self._path, manifest, [*seen, *lines])
        self._unrecorded.difference_update(names)
        self._seen = self._stamp()

    def _remove(self, manifest: Manifest, entry: Entry) -> None:
        """Delete a file of picsync."""
        if entry.seen or entry.name in self._unrecorded:
            # Picsync itself deletes it: its absence is no request.
            self._unrecorded.discard(entry.name)
            self._append(manifest, {"lost": [entry.name]})
        # If the process ends between the two steps, the line has no effect. In the opposite order, or if
        # a power failure undid only the first step, the file would no longer be known as picsync's own.
        (self._path / entry.name).unlink(missing_ok=True)
        flush_folder(self._path)
        self._append(manifest, {"gone": entry.name})

    def _put_back(self, manifest: Manifest, there: Mapping[str, int]) -> dict[Digest, Entry]:
        """Return the rejected photos whose files someone has put back."""
        back = {}
        for digest, rejected in manifest.rejected.items():
            entry = rejected.entry
            if entry.name not in manifest.entries and there.get(entry.name) == entry.size_bytes:
                with suppress(FileNotFoundError):
                    if _digest(self._path / entry.name) == digest:
                        back[digest] = replace(entry, seen=True)
        return back

    def _is_there(self, entry: Entry, there: Mapping[str, int]) -> bool:
        """Whether anything has the name; a file system may list it in another case or Unicode form."""
        return entry.name in there or self._look_up(entry.name) is not None

    def _is_settled(self) -> bool:
        """Whether no program has changed the directory just now."""
        return abs(self._now().timestamp() - self._path.stat().st_mtime) > SETTLE_S

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            seen = (self._path / FOLDER / journal.JOURNAL).stat()
        except FileNotFoundError:
            return None
        return seen.st_dev, seen.st_ino, seen.st_size

    def _sizes(self) -> dict[str, int]:
        """Return the size of each regular file in the directory."""
        sizes = {}
        with os.scandir(self._path) as found:
            for entry in found:
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    if entry.is_file(follow_symlinks=False):
                        sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
        return sizes

    def _add_to_album(
        self, manifest: Manifest, album: FrameAlbum, rendition: Rendition
    ) -> UploadResult | None:
        """Return the result if the bytes already exist, after adding them to the album; otherwise None."""
        for name in manifest.names.get(rendition.digest, ()):
            entry = manifest.entries[name]
            if not self._intact(entry):
                continue
            if album.album_id in entry.albums:
                return AlreadyThere()
            self._append(manifest, journal.record(replace(entry, albums=entry.albums | {album.album_id})))
            return Uploaded()
        return None

    def _intact(self, entry: Entry) -> bool:
        return self._holds(entry.name, entry.size_bytes)

    def _holds(self, name: str, size_bytes: int) -> bool:
        seen = self._look_up(name)
        return seen is not None and stat.S_ISREG(seen.st_mode) and seen.st_size == size_bytes

    def _look_up(self, name: str) -> os.stat_result | None:
        """Return the status of a file, None if it does not exist; raises OSError if that is unknown."""
        try:
            return (self._path / name).lstat()
        except FileNotFoundError:
            return None

    def _publish(
        self, album: FrameAlbum, rendition: Rendition, temporary: Path, upcoming: int
    ) -> UploadResult:
        """Rename the written file to its final name; two uploads of the same bytes produce one file."""
        self._unpublished.discard(temporary)
        manifest = self._writable()
        if (joined := self._add_to_album(manifest, album, rendition)) is not None:
            return joined
        name, there = self._name_for(rendition)
        albums = frozenset({album.album_id})
        entry = Entry(name, rendition.digest, rendition.size_bytes, rendition.filename, albums)
        self._append(manifest, journal.record(entry))
        if not there:
            temporary.replace(self._path / name)
            flush_folder(self._path)
        self._unrecorded.add(name)
        if upcoming <= 2 * _WRITERS and not self._unpublished:
            self._append(manifest)  # Usually the last upload of a cycle; the next cycle notes the rest.
        return AlreadyThere() if there else Uploaded()

    def _name_for(self, rendition: Rendition) -> tuple[str, bool]:
        """Return the name for a photo, and whether a file with that name and its bytes exists.

        The name is never that of a file with other bytes. A file with one of the photo's names and its bytes
        is picsync's own, from a lost manifest; a shorter name may have become free since it was written.
        """
        free = None
        for digits in range(_HASH_DIGITS, len(rendition.digest.hex) + 1):
            name = file_name(rendition, digits)
            if self._look_up(name) is None:
                free = free or name
            elif self._holds(name, rendition.size_bytes) and _digest(self._path / name) == rendition.digest:
                return name, True
        if free is not None:
            return free, False
        raise ItemError(f"all names for it are taken in {self._path}.")

    # --- locking and errors ---------------------------------------------------------------------------

    async def _locked(self, work: Callable[[], T]) -> T:
        async with self._lock:
            # A thread cannot be cancelled, so the lock is held until it has ended.
            running = asyncio.ensure_future(self._explained(work))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                with suppress(PicsyncError):
                    await running
                raise
            except PicsyncError:
                # The journal may have been written in part, so it is read again.
                self._manifest = None
                raise

    async def _explained(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            self._tidied = False
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                error = await asyncio.to_thread(self._cause, error)
            raise _failure(error, self._path) from error

    def _cause(self, error: OSError) -> OSError:
        """Return why something is missing: the volume may have been unmounted.

        Raises InaccessibleError if the directory has no manifest any more.
        """
        try:
            _require_folder(self._path)
            if self._stamp() is None:
                self._require_new()
        except OSError as found:
            return found
        return error


def file_name(rendition: Rendition, digits: int = _HASH_DIGITS) -> str:
    """Return a name of `a-z0-9_-`, unique regardless of case, that begins with the original name."""
    readable = PurePath(plain_name(rendition.filename)).stem
    plain = unicodedata.normalize("NFKD", readable).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9_]+", "-", plain.lower()).strip("-_")[:MAX_STEM].strip("-_")
    extension = EXTENSIONS.get(rendition.mime_type, "jpg")
    return f"{stem or 'photo'}-{rendition.digest.hex[:digits]}.{extension}"


def _copy(rendition: Rendition, target: Path) -> None:
    """Copy the bytes, check them against the digest, and flush them."""
    rendition.file.seek(0)
    content = hashlib.md5(usedforsecurity=False)

    def copied() -> Iterator[bytes]:
        while chunk := rendition.file.read(_COPY_BYTES):
            content.update(chunk)
            yield chunk

    descriptor = create_anew(target, SHARED_FILE)
    try:
        write_all(descriptor, copied())
    finally:
        os.close(descriptor)
    if content.hexdigest() != rendition.digest.hex:
        raise ItemError("its bytes changed on the way to the frame; the next cycle tries again.")


def _digest(path: Path) -> Digest:
    content = hashlib.md5(usedforsecurity=False)
    descriptor = open_regular(path, os.O_RDONLY)
    try:
        for chunk in chunks(descriptor):
            content.update(chunk)
    finally:
        os.close(descriptor)
    return Digest.md5(content.hexdigest())


def _require_folder(path: Path) -> None:
    """Raise OSError unless the directory exists."""
    try:
        if not stat.S_ISDIR(path.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "It is not a directory", str(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "There is no such directory", str(path)) from error


def _is_folder(path: Path) -> bool:
    """Whether the directory exists; raises OSError if that is unknown."""
    try:
        _require_folder(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _returned(entry: Entry) -> list[Mapping[str, object]]:
    return [journal.record(entry), {"restored": entry.digest.hex}]


def _failure(error: OSError, folder: Path) -> PicsyncError:
    hint = remedy(error, folder)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return QuotaError(f"There is no room left in the folder {folder}.", hint=hint)
    if error.errno == errno.EFBIG:
        return ItemError(f"it is larger than the file system of {folder} allows.", unusable=True)
    return InaccessibleError(f"The folder {folder} cannot be used: {reason(error)}.", hint=hint)

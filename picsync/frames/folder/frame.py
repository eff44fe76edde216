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
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from picsync.core.errors import InaccessibleError, ItemError, PicsyncError, QuotaError
from picsync.core.model import Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.core.rejected import NOTHING_REJECTED, Rejected, Rejection
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult
from picsync.frames.folder import manifest as journal
from picsync.frames.folder.directory import Directory, digest_of
from picsync.frames.folder.manifest import FOLDER, Entry, Manifest, RejectedFile
from picsync.frames.folder.missing import judge
from picsync.frames.folder.names import (
    EXTENSIONS,
    SHORT_TYPES,
    is_name,
)
from picsync.frames.folder.naming import Naming
from picsync.frames.folder.options import Level
from picsync.frames.folder.order import sorted_names
from picsync.observe.words import size
from picsync.system.files import (
    PART,
    SHARED_FILE,
    create_anew,
    flush_folder,
    open_regular,
    reason,
    remedy,
    require_writable,
    write_all,
)

T = TypeVar("T")

LEAST_FREE_BYTES = 20_000_000
"""Below this, the doctor notes that new photos may not fit: two large ones would not."""
_WRITERS = 4
"""More concurrent writes would only make a USB stick slower."""
_COPY_BYTES = 1 << 20


class FolderFrame:
    """A directory as a Frame."""

    def __init__(
        self,
        path: str,
        *,
        own_folder: Path,
        level: Level = Level.SAFE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Fill the directory at `path`; a note that it was filled is kept in `own_folder`."""
        self._dir = Directory(path, own_folder)
        self._naming = Naming(self._dir, level)
        self._now = now
        self._unpublished: set[Path] = set()
        """The temporary files of uploads that do not have their final names yet."""
        self._lock = asyncio.Lock()
        self._capabilities = FrameCapabilities(
            kind="folder",
            title=f"the folder {path}",
            # The cache stores one digest per photo, which all frames share.
            digest_algorithm="md5",
            mime_types=frozenset(EXTENSIONS) if level is Level.SAFE else SHORT_TYPES,
            playlist_limit=None,
            max_uploads=_WRITERS,
            keeps_order=True,
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
            return [FrameAlbum(name, name, count) for name, count in self._dir.read().albums.items()]

        return await self._locked(look)

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the manifest has none."""

        def look() -> FrameAlbum | None:
            count = self._dir.read().albums.get(name)
            return None if count is None else FrameAlbum(name, name, count)

        return await self._locked(look)

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:  # noqa: ARG002 - it needs no preparation
        """Write the album to the manifest, which is created if the directory has none."""

        def create() -> FrameAlbum:
            manifest = self._dir.writable()
            if name not in manifest.albums:
                self._dir.append(manifest, {"album": name})
            return FrameAlbum(name, name, manifest.albums[name])

        return await self._locked(create)

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the album's files that exist, in the order of their names.

        An album that shares photos with others is returned in the order that it was given last, even if the
        order of another album has changed the names since. Otherwise the two would undo each other's.
        """

        def look() -> Photos:
            manifest, files, found = self._dir.read(), self._dir.scan(), []
            for name in sorted_names(manifest.entries, manifest.orders.get(album.album_id, ())):
                entry = manifest.entries[name]
                seen = self._dir.file_of(entry, files) if album.album_id in entry.albums else None
                if seen is None:
                    continue
                whole = seen.size_bytes == entry.size_bytes
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    # A file that was damaged or edited counts as another photo, of which nothing is known.
                    digest = entry.digest if whole else digest_of(self._dir.path / name)
                    filename = entry.filename if whole else ""
                    found.append(FramePhoto(name, digest, filename, seen.size_bytes))
            return Photos(tuple(found))

        return await self._locked(look)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Write the bytes under a name that every file system accepts, unless they already exist."""
        there = await self._locked(lambda: self._add_to_album(self._dir.writable(), album, rendition))
        if there is not None:
            return there
        await self._explained(lambda: self._dir.require_room(rendition.size_bytes))
        temporary = self._dir.path / FOLDER / f"{rendition.digest.hex}-{id(rendition):x}{PART}"
        self._dir.writing.add(temporary)
        self._unpublished.add(temporary)
        try:
            await self._explained(lambda: _copy(rendition, temporary))
            return await self._locked(lambda: self._publish(album, rendition, temporary, upcoming))
        finally:
            await asyncio.to_thread(_discard, temporary)
            self._dir.writing.discard(temporary)
            self._unpublished.discard(temporary)

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove the photo from the album; its file is deleted when no album contains it any more."""

        def remove() -> None:
            manifest = self._dir.read()
            entry = manifest.entries.get(photo.photo_id)
            if entry is None or album.album_id not in entry.albums:
                return
            left = replace(entry, albums=entry.albums - {album.album_id})
            if left.albums:
                self._dir.append(manifest, journal.record(left))
                return
            self._dir.remove(manifest, entry)

        await self._locked(remove)

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Give the album's files names with ascending numbers, and ascending times; renames few of them."""
        await self._locked(lambda: self._naming.arrange(album, photos))

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return the rejected photos; a file of picsync that someone has deleted is one of them.

        See `missing.judge` for the rule. Nothing is decided while the directory is being changed. With
        `record`, files whose names are of another level get new ones.
        """

        def look() -> Rejected:
            manifest = self._dir.read()
            if not manifest.entries and not manifest.rejected:
                return NOTHING_REJECTED
            files = self._dir.scan()
            entries = manifest.entries
            there = {name for name, entry in entries.items() if self._dir.is_there(entry, files)}
            shown = self._dir.shown((entries[name] for name in there), files)
            verdict = judge(entries, there, shown, manifest.rejected)
            settled, at = self._dir.is_settled(self._now()), self._now()
            known = bool(manifest.rejected) or len(there) < len(entries)
            asked = journal.restore_requests(self._dir.path) if known else {}
            undone = [name for name in verdict.rejected if entries[name].digest in asked]
            unwanted = [entries[name] for name in verdict.rejected if entries[name].digest not in asked]
            back = self._dir.put_back(manifest, files)
            new = [RejectedFile(entry, at).rejection() for entry in unwanted]
            stay = [
                one.rejection()
                for digest, one in manifest.rejected.items()
                if digest not in asked and digest not in back
            ]
            if record:
                lines: list[Mapping[str, object]] = [
                    *({"restored": digest.hex} for digest in asked if digest in manifest.rejected),
                    *(line for entry in back.values() for line in _returned(entry)),
                ]
                unseen = {name for name in there if not entries[name].seen}
                self._dir.unrecorded |= unseen
                if undone:
                    # Restored before it was decided: the files are written again.
                    lines.append({"lost": undone})
                if settled:
                    lines += [journal.rejection(entry, at) for entry in unwanted]
                    names = (*(entry.name for entry in unwanted), *verdict.never)
                    lines += [{"gone": name} for name in names]
                    if verdict.lost:
                        lines.append({"lost": verdict.lost})
                if lines or self._dir.unrecorded:
                    self._dir.append(self._dir.writable(), *lines)
                for path in asked.values():
                    path.unlink(missing_ok=True)
                self._naming.change_level(manifest, files)
            return Rejected((*stay, *new), tuple(new) if settled else (), len(verdict.lost), verdict.existed)

        return await self._locked(look)

    async def reject(self, photo: FramePhoto) -> bool:
        """Remember that a photo is not wanted, and delete its file unless it is the only one."""

        def remember() -> bool:
            manifest = self._dir.writable()
            entry = manifest.entries.get(photo.photo_id)
            if entry is None or entry.digest != photo.digest:
                return False
            if entry.digest not in manifest.rejected:
                self._dir.append(manifest, journal.rejection(entry, self._now()))
            files = self._dir.scan()
            if not any(
                self._dir.is_there(each, files) for each in manifest.entries.values() if each is not entry
            ):
                return False
            self._dir.remove(manifest, entry)
            return True

        return await self._locked(remember)

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Leave requests to restore these photos, which the next cycle carries out."""

        def ask() -> None:
            manifest = self._dir.read()
            require_writable(self._dir.path)
            # A file may be missing of which no cycle has decided yet that it was a request.
            known = manifest.rejected.keys() | {entry.digest for entry in manifest.entries.values()}
            for rejection in rejections:
                if rejection.digest in known:
                    name = f"{journal.RESTORE}{rejection.digest.hex}"
                    os.close(create_anew(self._dir.path / FOLDER / name, SHARED_FILE))
            flush_folder(self._dir.path / FOLDER)

        await self._locked(ask)

    async def newest(self, album: str, count: int) -> Sequence[FramePhoto]:
        """Return the last files of an album, by the manifest."""

        def look() -> list[FramePhoto]:
            found: list[FramePhoto] = []
            for entry in reversed(self._dir.read().entries.values()):
                if len(found) >= count:
                    break
                if album in entry.albums and self._dir.tree.holds(entry.name, entry.size_bytes):
                    found.append(FramePhoto(entry.name, entry.digest, entry.filename, entry.size_bytes))
            return found

        return await self._locked(look)

    def open_photo(self, photo: FramePhoto) -> BinaryIO:
        """Open a file of picsync."""
        if not is_name(photo.photo_id):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), photo.photo_id)
        return os.fdopen(open_regular(self._dir.path / photo.photo_id, os.O_RDONLY), "rb")

    async def examine(self) -> Sequence[Finding]:
        """Check whether the directory exists and is writable, and how much space is free."""

        def look() -> Sequence[Finding]:
            manifest = self._dir.read()
            require_writable(self._dir.path)
            free = self._dir.tree.free_bytes()
            files = f"{len(manifest.entries):,} files of picsync" if manifest.identity else "not filled yet"
            if free is not None and free < LEAST_FREE_BYTES:
                text = f"{self._dir.path} has only {size(free)} free, so new photos may not fit; {files}."
                return [Finding(Mark.NOTE, "Folder", text, "Free some space on its disk.")]
            space = "" if free is None else f"; {size(free)} are free"
            text = f"{self._dir.path} can be written to; {files}{space}."
            return [Finding(Mark.OK, "Folder", text)]

        return await self._locked(look)

    async def free_bytes(self) -> int | None:
        """Return the free space of the directory's disk; None if it does not say."""

        def look() -> int | None:
            self._dir.tree.require()
            return self._dir.tree.free_bytes()

        return await self._locked(look)

    async def aclose(self) -> None:
        """Do nothing: no resource is kept open."""

    # --- with the lock, in a thread -------------------------------------------------------------------

    def _add_to_album(
        self, manifest: Manifest, album: FrameAlbum, rendition: Rendition
    ) -> UploadResult | None:
        """Return the result if the bytes already exist, after adding them to the album; otherwise None."""
        for name in manifest.names.get(rendition.digest, ()):
            entry = manifest.entries[name]
            if not self._dir.tree.holds(entry.name, entry.size_bytes):
                continue
            if album.album_id in entry.albums:
                return AlreadyThere()
            self._dir.append(manifest, journal.record(replace(entry, albums=entry.albums | {album.album_id})))
            return Uploaded()
        return None

    def _publish(
        self, album: FrameAlbum, rendition: Rendition, temporary: Path, upcoming: int
    ) -> UploadResult:
        """Rename the written file to its final name; two uploads of the same bytes produce one file."""
        self._unpublished.discard(temporary)
        manifest = self._dir.writable()
        if (joined := self._add_to_album(manifest, album, rendition)) is not None:
            return joined
        name, there = self._naming.name_for(manifest, rendition)
        albums = frozenset({album.album_id})
        entry = Entry(name, rendition.digest, rendition.size_bytes, rendition.filename, albums)
        self._dir.append(manifest, journal.record(entry))
        if not there:
            self._dir.tree.make_room_for(name)
            if (mtime_s := self._dir.time_of_predecessor(manifest, entry)) is not None:
                temporary_name = f"{FOLDER}/{temporary.name}"
                self._dir.tree.set_time(temporary_name, mtime_s)
            temporary.replace(self._dir.path / name)
            self._dir.tree.flush([name])
        self._dir.unrecorded.add(name)
        if upcoming <= 2 * _WRITERS and not self._unpublished:
            self._dir.append(manifest)  # Usually the last upload of a cycle; the next cycle notes the rest.
        return AlreadyThere() if there else Uploaded()

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
                self._dir.manifest = None
                raise

    async def _explained(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            self._dir.tidied = False
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                error = await asyncio.to_thread(self._dir.cause, error)
            raise _failure(error, self._dir.path) from error


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

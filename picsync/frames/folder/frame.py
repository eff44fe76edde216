"""A directory as a frame.

All albums of a directory are in the directory itself, since most viewers show one folder; the manifest says
which file belongs to which album. Files appear whole: they are written under `.picsync`, flushed and renamed.
Only files in the manifest are ever replaced or deleted. A directory that had a manifest and has none is not
the directory that it was, such as the mount point of a volume that is not mounted, and is left alone.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TypeVar

from picsync.core.errors import ItemError, PicsyncError, QuotaError, TransientError
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult
from picsync.frames.folder import manifest as journal
from picsync.frames.folder.manifest import FOLDER, Entry, Manifest
from picsync.system.files import reason, remedy

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
"""MIME types that are written, with the extension that viewers know them by."""
MAX_STEM = 40
"""Characters of a file's name at its source that are kept in the name it gets."""
_HASH_DIGITS = 12
_WRITERS = 4
"""More would only make a USB stick slower."""
_COPY_BYTES = 1 << 20
_KNOWN = "frame-folders"
"""Where picsync notes, beside the cache, which directories it has filled before."""


class FolderFrame:
    """A directory as a Frame."""

    def __init__(self, path: str, *, own_folder: Path) -> None:
        """Fill the directory at `path`; that it was filled is noted in `own_folder`."""
        self._path = Path(path)
        self._note = own_folder / _KNOWN / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
        self._manifest: Manifest | None = None
        self._seen: tuple[int, int, int] | None = None
        """Device, inode and size of the journal as `_manifest` has it."""
        self._tidied = False
        """Whether what an earlier process left half written is gone."""
        self._lock = asyncio.Lock()
        self._capabilities = FrameCapabilities(
            kind="folder",
            title=f"the folder {path}",
            # The cache has one digest for each photo, which serves all frames.
            digest_algorithm="md5",
            mime_types=frozenset(EXTENSIONS),
            playlist_limit=None,
            max_uploads=_WRITERS,
        )

    @property
    def capabilities(self) -> FrameCapabilities:
        """What a directory can do."""
        return self._capabilities

    def prepare(self) -> None:
        """Do nothing: a directory needs no login."""

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the albums of the manifest."""
        counts = await self._locked(self._counts)
        return [FrameAlbum(name, name, count) for name, count in counts.items()]

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the manifest has none."""
        counts = await self._locked(self._counts)
        return FrameAlbum(name, name, counts[name]) if name in counts else None

    async def create_album(self, name: str) -> FrameAlbum:
        """Write the album into the manifest, which is made if the directory has none."""

        def create() -> int:
            manifest = self._writable()
            if name not in manifest.albums:
                self._append(manifest, {"album": name})
            return self._counts().get(name, 0)

        return FrameAlbum(name, name, await self._locked(create))

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the files of the album that are there."""

        def look() -> Photos:
            there, found = self._sizes(), []
            for entry in self._read().entries.values():
                if album.album_id in entry.albums and entry.name in there:
                    whole = there[entry.name] == entry.size_bytes
                    # A file that was damaged, or edited, is another photo: it is replaced.
                    digest = entry.digest if whole else _digest(self._path / entry.name)
                    found.append(FramePhoto(entry.name, digest, entry.filename))
            return Photos(tuple(found))

        return await self._locked(look)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:  # noqa: ARG002 - port
        """Write the bytes under a name that any file system takes, if they are not there."""
        there = await self._locked(lambda: self._join(self._writable(), album, rendition))
        if there is not None:
            return there
        temporary = self._path / FOLDER / f"{rendition.digest.hex}-{id(rendition):x}.part"
        try:
            await self._guarded(lambda: _copy(rendition, temporary))
            return await self._locked(lambda: self._publish(album, rendition, temporary))
        finally:
            await asyncio.to_thread(_discard, temporary)

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Take the photo out of the album; its file is deleted with the last album that has it."""

        def remove() -> None:
            manifest = self._read()
            entry = manifest.entries.get(photo.photo_id)
            if entry is None or album.album_id not in entry.albums:
                return
            left = replace(entry, albums=entry.albums - {album.album_id})
            if left.albums:
                self._append(manifest, journal.record(left))
                return
            # If the process ends between the two, the line stands for nothing.
            (self._path / entry.name).unlink(missing_ok=True)
            self._append(manifest, {"gone": entry.name})

        await self._locked(remove)

    async def examine(self) -> Sequence[Finding]:
        """Look whether the directory is there and can be written to, and how much room it has."""

        def look() -> Sequence[Finding]:
            manifest = self._read()
            if not os.access(self._path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "Permission denied", str(self._path))
            free = shutil.disk_usage(self._path).free
            files = f"{len(manifest.entries):,} files of picsync" if manifest.identity else "not filled yet"
            text = f"{self._path} can be written to; {files}; {free / 1e9:,.1f} GB are free."
            return [Finding(Mark.OK, "Folder", text)]

        return await self._locked(look)

    async def aclose(self) -> None:
        """Do nothing: nothing is kept open."""

    # --- with the lock, in a thread -------------------------------------------------------------------

    def _read(self) -> Manifest:
        """Return the manifest as it is; an empty one for a directory that was never filled."""
        if not self._path.is_dir():
            raise FileNotFoundError(errno.ENOENT, "There is no such directory", str(self._path))
        seen = self._stamp()
        if self._manifest is None or seen is None or seen != self._seen:
            self._manifest, self._seen = journal.read(self._path), seen
        if self._manifest is None:
            self._require_new()
            return Manifest()
        return self._manifest

    def _require_new(self) -> None:
        """Raise TransientError if a directory without a manifest was filled before."""
        if (self._path / FOLDER).is_dir() or not self._note.exists():
            return
        raise TransientError(
            f"The folder {self._path} has no manifest of picsync any more, so it is left as it is.",
            hint="Mount the volume that belongs there. If it is a new, empty one, create the folder"
            f" {self._path / FOLDER} in it.",
        )

    def _writable(self) -> Manifest:
        """Return the manifest, made if there is none; what a crash has left is removed."""
        manifest = self._read()
        if manifest is not self._manifest:
            journal.write(self._path, manifest)
            self._manifest = manifest
        if not self._tidied:
            self._tidied = True
            for left in (self._path / FOLDER).glob("*.part"):
                _discard(left)
        self._remember()
        self._seen = self._stamp()
        return manifest

    def _remember(self) -> None:
        if not self._note.exists():
            self._note.parent.mkdir(mode=0o700, exist_ok=True)
            self._note.write_text(f"{self._path}\n", encoding="utf-8", errors="surrogateescape")

    def _append(self, manifest: Manifest, line: dict[str, object]) -> None:
        if manifest.due:
            journal.write(self._path, manifest)
        journal.append(self._path, manifest, [line])
        self._seen = self._stamp()

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            seen = (self._path / FOLDER / journal.JOURNAL).stat()
        except FileNotFoundError:
            return None
        return seen.st_dev, seen.st_ino, seen.st_size

    def _counts(self) -> dict[str, int]:
        manifest = self._read()
        counts = dict.fromkeys(manifest.albums, 0)
        for entry in manifest.entries.values():
            for album in entry.albums:
                counts[album] = counts.get(album, 0) + 1
        return counts

    def _sizes(self) -> dict[str, int]:
        """Return the size of each regular file of the directory."""
        with os.scandir(self._path) as found:
            return {
                entry.name: entry.stat(follow_symlinks=False).st_size
                for entry in found
                if entry.is_file(follow_symlinks=False)
            }

    def _join(self, manifest: Manifest, album: FrameAlbum, rendition: Rendition) -> UploadResult | None:
        """Return how it stands if the bytes are there already, put into the album; else None."""
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
        with suppress(FileNotFoundError):
            return (self._path / entry.name).lstat().st_size == entry.size_bytes
        return False

    def _publish(self, album: FrameAlbum, rendition: Rendition, temporary: Path) -> UploadResult:
        """Give the written file its name; two that bring the same bytes make one file."""
        manifest = self._writable()
        if (joined := self._join(manifest, album, rendition)) is not None:
            return joined
        name = self._free_name(rendition)
        albums = frozenset({album.album_id})
        entry = Entry(name, rendition.digest, rendition.size_bytes, rendition.filename, albums)
        self._append(manifest, journal.record(entry))
        temporary.replace(self._path / name)
        _flush(self._path)
        return Uploaded()

    def _free_name(self, rendition: Rendition) -> str:
        """Return the name for a photo: the same each time, and never that of someone else's file."""
        for digits in range(_HASH_DIGITS, len(rendition.digest.hex) + 1):
            name = file_name(rendition, digits)
            # Neither someone else's file, nor one of picsync's own that was damaged.
            if not os.path.lexists(self._path / name):
                return name
        raise ItemError(f"all names for it are taken in {self._path}.")

    # --- around it ------------------------------------------------------------------------------------

    async def _locked(self, work: Callable[[], T]) -> T:
        async with self._lock:
            # A thread cannot be cancelled: the lock is kept until it has ended.
            running = asyncio.ensure_future(self._guarded(work))
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                with suppress(PicsyncError):
                    await running
                raise

    async def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            self._manifest = None
            raise _failure(error, self._path) from error


def file_name(rendition: Rendition, digits: int = _HASH_DIGITS) -> str:
    """Return a name of `a-z0-9_-`, unique whatever the case, that tells the photo's name at its source."""
    plain = (
        unicodedata.normalize("NFKD", PurePath(rendition.filename).stem).encode("ascii", "ignore").decode()
    )
    stem = re.sub(r"[^a-z0-9_]+", "-", plain.lower()).strip("-_")[:MAX_STEM].strip("-_")
    extension = EXTENSIONS.get(rendition.mime_type, "jpg")
    return f"{stem or 'photo'}-{rendition.digest.hex[:digits]}.{extension}"


def _copy(rendition: Rendition, target: Path) -> None:
    """Write the bytes, checked against the digest, and flush them."""
    rendition.file.seek(0)
    content = hashlib.md5(usedforsecurity=False)
    with target.open("wb") as file:
        while chunk := rendition.file.read(_COPY_BYTES):
            content.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if content.hexdigest() != rendition.digest.hex:
        raise ItemError("its bytes changed on the way to the frame; the next cycle tries again.")


def _digest(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest(
            "md5", hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        )


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _flush(folder: Path) -> None:
    """Flush the directory, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _failure(error: OSError, folder: Path) -> PicsyncError:
    hint = remedy(error, folder)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return QuotaError(f"There is no room left in the folder {folder}.", hint=hint)
    return TransientError(f"The folder {folder} cannot be used: {reason(error)}.", hint=hint)

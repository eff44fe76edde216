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
import shlex
import stat
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from picsync.core.errors import InaccessibleError, ItemError, PicsyncError, QuotaError
from picsync.core.identity import key_in
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.core.rejected import NOTHING_REJECTED, Rejected, Rejection
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult
from picsync.frames.folder import manifest as journal
from picsync.frames.folder.manifest import FOLDER, Entry, Manifest, RejectedFile
from picsync.frames.folder.missing import SETTLE_S, judge
from picsync.frames.folder.names import (
    EXTENSIONS,
    HASH_DIGITS,
    MTIME_STEP_S,
    NUMBERS,
    SHORT_TYPES,
    is_name,
    level_of,
    mtime_of,
    next_number,
    number_of,
    numbered,
    placed,
    plain,
)
from picsync.frames.folder.options import Level
from picsync.frames.folder.tree import Names, Seen, Tree
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
from picsync.system.mounts import not_mounted

T = TypeVar("T")

LEAST_FREE_BYTES = 20_000_000
"""Below this, the doctor notes that new photos may not fit: two large ones would not."""
_WRITERS = 4
"""More concurrent writes would only make a USB stick slower."""
_COPY_BYTES = 1 << 20
_RENAMES_AT_ONCE = 100
"""Files that are renamed between two lines of the journal."""
_KNOWN = "frame-folders"
"""File next to the cache that lists the directories that picsync has filled before."""


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
        self._path = Path(path)
        self._tree = Tree(self._path)
        self._level = level
        self._now = now
        self._note = own_folder / _KNOWN / hashlib.sha256(os.fsencode(path)).hexdigest()[:32]
        self._manifest: Manifest | None = None
        self._seen: tuple[int, int, int] | None = None
        """Device, inode and size of the journal that `_manifest` was read from."""
        self._names: Names | None = None
        """The names in the directory, since `_manifest` was read."""
        self._numbers: set[int] = set()
        """Those that files have by the level of names."""
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
        """Return the album's files that exist, in the order of their names.

        An album that shares photos with others is returned in the order that it was given last, even if the
        order of another album has changed the names since. Otherwise the two would undo each other's.
        """

        def look() -> Photos:
            manifest, files, found = self._read(), self._scan(), []
            places = manifest.places(album.album_id)
            entries, last = manifest.entries, len(places)
            for name in sorted(entries, key=lambda name: (places.get(entries[name].digest, last), name)):
                entry = manifest.entries[name]
                seen = self._file(entry, files) if album.album_id in entry.albums else None
                if seen is None:
                    continue
                whole = seen.size_bytes == entry.size_bytes
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    # A file that was damaged or edited counts as another photo, of which nothing is known.
                    digest = entry.digest if whole else _digest(self._path / name)
                    filename = entry.filename if whole else ""
                    found.append(FramePhoto(name, digest, filename, seen.size_bytes))
            return Photos(tuple(found))

        return await self._locked(look)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Write the bytes under a name that every file system accepts, unless they already exist."""
        there = await self._locked(lambda: self._add_to_album(self._writable(), album, rendition))
        if there is not None:
            return there
        await self._explained(lambda: self._require_room(rendition.size_bytes))
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

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Give the album's files names with ascending numbers, and ascending times; renames few of them."""

        def arrange() -> None:
            manifest, files = self._writable(), self._scan()
            entries = manifest.entries
            named = dict.fromkeys(photo.photo_id for photo in photos)
            names = [name for name in named if name in entries and name in files]
            names += [
                name
                for name in sorted(entries)
                if name not in named and album.album_id in entries[name].albums and name in files
            ]
            present = [number_of(name) if level_of(name) is self._level else None for name in names]
            self._known_names(files)
            numbers = placed(present, self._numbers, NUMBERS[self._level])
            if numbers is None:
                raise ItemError(f"{self._path} has more photos than names with numbers; use `names: safe`.")
            moves = [
                (entries[name], numbered(self._level, number, name), mtime_of(number))
                for name, number in zip(names, numbers, strict=True)
            ]
            shared = any(len(entries[name].albums) > 1 for name in names)
            order = tuple(entries[name].digest for name in names) if shared else ()
            before = manifest.orders.get(album.album_id, ())
            if before and before != order:
                self._append(manifest, journal.order(album.album_id, ()))
            for entry, name, mtime_s in moves:
                if entry.name == name and abs(files[name].mtime_s - mtime_s) > MTIME_STEP_S:
                    self._tree.set_time(name, mtime_s)
            self._rename(manifest, moves)
            if order and order != before:
                self._append(manifest, journal.order(album.album_id, order))

        await self._locked(arrange)

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return the rejected photos; a file of picsync that someone has deleted is one of them.

        See `missing.judge` for the rule. Nothing is decided while the directory is being changed. With
        `record`, files whose names are of another level get new ones.
        """

        def look() -> Rejected:
            manifest = self._read()
            if not manifest.entries and not manifest.rejected:
                return NOTHING_REJECTED
            files = self._scan()
            there = {name for name, entry in manifest.entries.items() if self._is_there(entry, files)}
            gone = [entry for name, entry in manifest.entries.items() if name not in there]
            verdict, settled, at = judge(manifest, gone), self._is_settled(), self._now()
            asked = journal.restore_requests(self._path) if manifest.rejected or gone else {}
            undone = [entry for entry in verdict.rejected if entry.digest in asked]
            unwanted = [entry for entry in verdict.rejected if entry.digest not in asked]
            back = self._put_back(manifest, files)
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
                unseen = {name for name in there if not manifest.entries[name].seen}
                self._unrecorded |= unseen
                if undone:
                    # Restored before it was decided: the files are written again.
                    lines.append({"lost": [entry.name for entry in undone]})
                if settled:
                    lines += [journal.rejection(entry, at) for entry in unwanted]
                    lines += [{"gone": entry.name} for entry in (*unwanted, *verdict.never)]
                    if verdict.lost:
                        lines.append({"lost": [entry.name for entry in verdict.lost]})
                if lines or self._unrecorded:
                    self._append(self._writable(), *lines)
                for path in asked.values():
                    path.unlink(missing_ok=True)
                self._change_level(manifest, files)
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
            files = self._scan()
            if not any(
                self._is_there(each, files) for each in manifest.entries.values() if each is not entry
            ):
                return False
            self._remove(manifest, entry)
            return True

        return await self._locked(remember)

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Leave requests to restore these photos, which the next cycle carries out."""

        def ask() -> None:
            manifest = self._read()
            require_writable(self._path)
            # A file may be missing of which no cycle has decided yet that it was a request.
            known = manifest.rejected.keys() | {entry.digest for entry in manifest.entries.values()}
            for rejection in rejections:
                if rejection.digest in known:
                    name = f"{journal.RESTORE}{rejection.digest.hex}"
                    os.close(create_anew(self._path / FOLDER / name, SHARED_FILE))
            flush_folder(self._path / FOLDER)

        await self._locked(ask)

    async def newest(self, album: str, count: int) -> Sequence[FramePhoto]:
        """Return the last files of an album, by the manifest."""

        def look() -> list[FramePhoto]:
            found: list[FramePhoto] = []
            for entry in reversed(self._read().entries.values()):
                if len(found) >= count:
                    break
                if album in entry.albums and self._tree.holds(entry.name, entry.size_bytes):
                    found.append(FramePhoto(entry.name, entry.digest, entry.filename, entry.size_bytes))
            return found

        return await self._locked(look)

    def open_photo(self, photo: FramePhoto) -> BinaryIO:
        """Open a file of picsync."""
        if not is_name(photo.photo_id):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), photo.photo_id)
        return os.fdopen(open_regular(self._path / photo.photo_id, os.O_RDONLY), "rb")

    async def examine(self) -> Sequence[Finding]:
        """Check whether the directory exists and is writable, and how much space is free."""

        def look() -> Sequence[Finding]:
            manifest = self._read()
            require_writable(self._path)
            free = self._tree.free_bytes()
            files = f"{len(manifest.entries):,} files of picsync" if manifest.identity else "not filled yet"
            if free is not None and free < LEAST_FREE_BYTES:
                text = f"{self._path} has only {size(free)} free, so new photos may not fit; {files}."
                return [Finding(Mark.NOTE, "Folder", text, "Free some space on its disk.")]
            space = "" if free is None else f"; {size(free)} are free"
            text = f"{self._path} can be written to; {files}{space}."
            return [Finding(Mark.OK, "Folder", text)]

        return await self._locked(look)

    async def free_bytes(self) -> int | None:
        """Return the free space of the directory's disk; None if it does not say."""

        def look() -> int | None:
            self._tree.require()
            return self._tree.free_bytes()

        return await self._locked(look)

    async def aclose(self) -> None:
        """Do nothing: no resource is kept open."""

    # --- with the lock, in a thread -------------------------------------------------------------------

    def _read(self) -> Manifest:
        """Return the manifest as it is; an empty one if the directory was never filled."""
        self._tree.require()
        seen = self._stamp()
        if self._manifest is None or seen is None or seen != self._seen:
            self._manifest, self._seen, self._names = journal.read(self._path), seen, None
        if self._manifest is None:
            self._require_new()
            return Manifest()
        return self._manifest

    def _require_new(self) -> None:
        """Raise InaccessibleError if a directory without a manifest was filled before, or is not mounted."""
        if _is_folder(self._path / FOLDER):
            return
        if not self._note.exists():
            if (place := not_mounted(self._path)) is not None:
                raise InaccessibleError(
                    f"The volume of the folder {self._path} is not mounted: /etc/fstab has {place}.",
                    hint=f"Mount it: mount {shlex.quote(str(place))}",
                )
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
        self._tree.remove(entry.name)
        self._append(manifest, {"gone": entry.name})

    def _put_back(self, manifest: Manifest, files: Mapping[str, Seen]) -> dict[Digest, Entry]:
        """Return the rejected photos whose files someone has put back."""
        back = {}
        for digest, rejected in manifest.rejected.items():
            entry = rejected.entry
            seen = files.get(entry.name)
            if entry.name not in manifest.entries and seen and seen.size_bytes == entry.size_bytes:
                with suppress(FileNotFoundError):
                    if _digest(self._path / entry.name) == digest:
                        back[digest] = replace(entry, seen=True)
        return back

    def _is_there(self, entry: Entry, files: Mapping[str, Seen]) -> bool:
        """Whether anything has the name; a file system may list it in another case."""
        return entry.name in files or self._tree.look_up(entry.name) is not None

    def _file(self, entry: Entry, files: Mapping[str, Seen]) -> Seen | None:
        """Return the entry's file, None if there is none; a file system may list it in another case."""
        if (seen := files.get(entry.name)) is not None:
            return seen
        found = self._tree.look_up(entry.name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        return Seen(found.st_size, found.st_mtime)

    def _is_settled(self) -> bool:
        """Whether no program has changed the directory just now."""
        return abs(self._now().timestamp() - self._path.stat().st_mtime) > SETTLE_S

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            seen = (self._path / FOLDER / journal.JOURNAL).stat()
        except FileNotFoundError:
            return None
        return seen.st_dev, seen.st_ino, seen.st_size

    def _scan(self) -> dict[str, Seen]:
        """Return the regular files; raises OSError if the volume was unmounted meanwhile."""
        files = self._tree.files()
        if self._manifest is not None and self._stamp() is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path / FOLDER))
        return files

    def _require_room(self, size_bytes: int) -> None:
        """Raise QuotaError if a file does not fit, before anything is written."""
        free = self._tree.free_bytes()
        if free is not None and free < size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    # --- names ----------------------------------------------------------------------------------------

    def _known_names(self, files: Mapping[str, Seen] | None = None) -> Names:
        """Return the names in the directory, which is read if nothing else is known."""
        if self._names is None or files is not None:
            files = self._scan() if files is None else files
            known = [*files, *(self._manifest.entries if self._manifest else ())]
            self._names = Names(files)
            numbers = (number_of(name) for name in known if level_of(name) is self._level)
            self._numbers = {number for number in numbers if number is not None}
        return self._names

    def _name_for(self, manifest: Manifest, rendition: Rendition) -> tuple[str, bool]:
        """Return the name for a photo, and whether a file with that name and its bytes exists.

        The name is never that of a file with other bytes. A file with a name of picsync's and the photo's
        bytes is picsync's own, from a lost manifest.
        """
        names = self._known_names()
        for name in names.of_size(rendition.size_bytes):
            if is_name(name) and name not in manifest.entries and self._has_content(name, rendition):
                return name, True
        name = self._free_name(names, rendition)
        names.add(name)
        return name, False

    def _free_name(self, names: Names, rendition: Rendition) -> str:
        if self._level is Level.SAFE:
            for digits in range(HASH_DIGITS, len(rendition.digest.hex) + 1):
                name = file_name(rendition, digits)
                if not self._is_taken(name, names):
                    return name
        else:
            while (number := next_number(self._level, self._numbers)) is not None:
                self._numbers.add(number)
                name = numbered(self._level, number, file_name(rendition))
                if not self._is_taken(name, names):
                    return name
        raise ItemError(f"all names for it are taken in {self._path}.")

    def _is_taken(self, name: str, names: Names) -> bool:
        """Whether a file has the name, or one that is the same where case is ignored."""
        return any(self._tree.look_up(each) is not None for each in {name, names.like(name)})

    def _has_content(self, name: str, rendition: Rendition) -> bool:
        with suppress(FileNotFoundError):
            return (
                self._tree.holds(name, rendition.size_bytes)
                and _digest(self._path / name) == rendition.digest
            )
        return False

    def _change_level(self, manifest: Manifest, files: Mapping[str, Seen]) -> None:
        """Rename the files whose names are of another level, in their order."""
        if self._names is not None:
            return  # Since the manifest was read, all names are as they should be.
        names = self._known_names(files)
        wrong = [
            manifest.entries[name]
            for name in sorted(manifest.entries)
            if level_of(name) is not self._level and name in files
        ]
        moves: list[tuple[Entry, str, int | None]] = []
        for entry in wrong:
            extension = entry.name.rpartition(".")[2].lower()
            new = plain(entry.filename, entry.digest, extension)
            if self._level is not Level.SAFE:
                number = next_number(self._level, self._numbers)
                if number is None:
                    break
                new = numbered(self._level, number, new)
                self._numbers.add(number)
            # A format that the level has no extension for keeps its name.
            if is_name(new) and not self._is_taken(new, names):
                names.add(new)
                moves.append((entry, new, None))
        self._rename(manifest, moves)
        if moves:
            self._tree.remove_empty_folders()

    def _rename(self, manifest: Manifest, moves: Sequence[tuple[Entry, str, int | None]]) -> None:
        """Rename files to names that no file has, and set their times.

        The journal knows both names before a file gets the new one, so a crash in between loses nothing.
        """
        due = [move for move in moves if move[0].name != move[1]]
        for start in range(0, len(due), _RENAMES_AT_ONCE):
            batch = due[start : start + _RENAMES_AT_ONCE]
            old = [entry.name for entry, _, _ in batch]
            new = [name for _, name, _ in batch]
            lines = [journal.record(replace(entry, name=name, seen=False)) for entry, name, _ in batch]
            self._unrecorded.difference_update(old)
            self._append(manifest, {"lost": old}, *lines)
            renamed = []
            for entry, name, mtime_s in batch:
                self._tree.make_room_for(name)
                if self._tree.look_up(name) is not None:
                    continue  # Another program has just taken the name.
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    if mtime_s is not None:
                        self._tree.set_time(entry.name, mtime_s)
                    (self._path / entry.name).rename(self._path / name)
                    renamed.append((entry.name, name))
            self._tree.flush([*new, *old])
            self._unrecorded.update(name for _, name in renamed)
            self._append(manifest, *({"gone": name} for name, _ in renamed))

    def _add_to_album(
        self, manifest: Manifest, album: FrameAlbum, rendition: Rendition
    ) -> UploadResult | None:
        """Return the result if the bytes already exist, after adding them to the album; otherwise None."""
        for name in manifest.names.get(rendition.digest, ()):
            entry = manifest.entries[name]
            if not self._tree.holds(entry.name, entry.size_bytes):
                continue
            if album.album_id in entry.albums:
                return AlreadyThere()
            self._append(manifest, journal.record(replace(entry, albums=entry.albums | {album.album_id})))
            return Uploaded()
        return None

    def _publish(
        self, album: FrameAlbum, rendition: Rendition, temporary: Path, upcoming: int
    ) -> UploadResult:
        """Rename the written file to its final name; two uploads of the same bytes produce one file."""
        self._unpublished.discard(temporary)
        manifest = self._writable()
        if (joined := self._add_to_album(manifest, album, rendition)) is not None:
            return joined
        name, there = self._name_for(manifest, rendition)
        albums = frozenset({album.album_id})
        entry = Entry(name, rendition.digest, rendition.size_bytes, rendition.filename, albums)
        self._append(manifest, journal.record(entry))
        if not there:
            self._tree.make_room_for(name)
            if (mtime_s := self._time_of_predecessor(manifest, entry)) is not None:
                temporary_name = f"{FOLDER}/{temporary.name}"
                self._tree.set_time(temporary_name, mtime_s)
            temporary.replace(self._path / name)
            self._tree.flush([name])
        self._unrecorded.add(name)
        if upcoming <= 2 * _WRITERS and not self._unpublished:
            self._append(manifest)  # Usually the last upload of a cycle; the next cycle notes the rest.
        return AlreadyThere() if there else Uploaded()

    def _time_of_predecessor(self, manifest: Manifest, entry: Entry) -> float | None:
        """Return the file time of another rendition of the same media item; None if there is none."""
        key = key_in(entry.filename)
        if key is None:
            return None
        for name in manifest.items.get(key.item, ()):
            if name != entry.name and (seen := self._tree.look_up(name)) is not None:
                return seen.st_mtime
        return None

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
            self._tree.require()
            if self._stamp() is None:
                self._require_new()
        except OSError as found:
            return found
        return error


def file_name(rendition: Rendition, digits: int = HASH_DIGITS) -> str:
    """Return a safe name, which begins with the original one."""
    extension = EXTENSIONS.get(rendition.mime_type, "jpg")
    return plain(rendition.filename, rendition.digest, extension, digits)


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


def _is_folder(path: Path) -> bool:
    """Whether the directory exists; raises OSError if that is unknown."""
    try:
        Tree(path).require()
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

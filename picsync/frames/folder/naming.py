"""Gives the files of a directory their names, and renames them: for an order, or for another level of names.

All functions block, as in `directory`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from picsync.core.errors import ItemError
from picsync.core.model import FrameAlbum, FramePhoto
from picsync.frames.base import Rendition
from picsync.frames.folder import manifest as journal
from picsync.frames.folder.directory import Directory, digest_of
from picsync.frames.folder.manifest import Entry, Manifest
from picsync.frames.folder.names import (
    EXTENSIONS,
    HASH_DIGITS,
    MTIME_STEP_S,
    is_name,
    level_of,
    mtime_of,
    next_number,
    number_of,
    numbered,
    plain,
)
from picsync.frames.folder.options import Level
from picsync.frames.folder.order import renumbered, to_remember, wanted_names
from picsync.frames.folder.tree import Names, Seen

_RENAMES_AT_ONCE = 100
"""Files that are renamed between two lines of the journal."""


class Naming:
    """The names in a directory."""

    def __init__(self, directory: Directory, level: Level) -> None:
        self._dir = directory
        self._level = level
        self._manifest: Manifest | None = None
        """The manifest for which the names were read."""
        self._names: Names | None = None
        self._numbers: set[int] = set()
        """Those that files have by the level of names."""

    def name_for(self, manifest: Manifest, rendition: Rendition) -> tuple[str, bool]:
        """Return the name for a photo, and whether a file with that name and its bytes exists.

        The name is never that of a file with other bytes. A file with a name of picsync's and the photo's
        bytes is picsync's own, from a lost manifest.
        """
        names = self._known()
        for name in names.of_size(rendition.size_bytes):
            if is_name(name) and name not in manifest.entries and self._has_content(name, rendition):
                return name, True
        name = self._free_name(names, rendition)
        names.add(name)
        return name, False

    def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Give the album's files names with ascending numbers, and ascending times; renames few of them."""
        manifest, files = self._dir.writable(), self._dir.scan()
        entries = manifest.entries
        names = wanted_names(entries, files, album.album_id, (photo.photo_id for photo in photos))
        self._known(files)
        places = renumbered(self._level, names, self._numbers)
        if places is None:
            raise ItemError(f"{self._dir.path} has more photos than names with numbers; use `names: safe`.")
        moves = [(entries[each.old], each.new, mtime_of(each.number)) for each in places]
        order = to_remember(entries, names)
        before = manifest.orders.get(album.album_id, ())
        if before and before != order:
            self._dir.append(manifest, journal.order(album.album_id, ()))
        for entry, name, mtime_s in moves:
            if entry.name == name and abs(files[name].mtime_s - mtime_s) > MTIME_STEP_S:
                self._dir.tree.set_time(name, mtime_s)
        self._rename(manifest, moves)
        if order and order != before:
            self._dir.append(manifest, journal.order(album.album_id, order))

    def change_level(self, manifest: Manifest, files: Mapping[str, Seen]) -> None:
        """Rename the files whose names are of another level, in their order."""
        if self._names is not None and self._manifest is manifest:
            return  # Since the manifest was read, all names are as they should be.
        names = self._known(files)
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
            self._dir.tree.remove_empty_folders()

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
            self._dir.unrecorded.difference_update(old)
            self._dir.append(manifest, {"lost": old}, *lines)
            renamed = []
            for entry, name, mtime_s in batch:
                self._dir.tree.make_room_for(name)
                if self._dir.tree.look_up(name) is not None:
                    continue  # Another program has just taken the name.
                with suppress(FileNotFoundError):  # Another program has just deleted it.
                    if mtime_s is not None:
                        self._dir.tree.set_time(entry.name, mtime_s)
                    (self._dir.path / entry.name).rename(self._dir.path / name)
                    renamed.append((entry.name, name))
            self._dir.tree.flush([*new, *old])
            self._dir.unrecorded.update(name for _, name in renamed)
            self._dir.append(manifest, *({"gone": name} for name, _ in renamed))

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
        raise ItemError(f"all names for it are taken in {self._dir.path}.")

    def _is_taken(self, name: str, names: Names) -> bool:
        """Whether a file has the name, or one that is the same where case is ignored."""
        return any(self._dir.tree.look_up(each) is not None for each in {name, names.like(name)})

    def _has_content(self, name: str, rendition: Rendition) -> bool:
        with suppress(FileNotFoundError):
            return (
                self._dir.tree.holds(name, rendition.size_bytes)
                and digest_of(self._dir.path / name) == rendition.digest
            )
        return False

    def _known(self, files: Mapping[str, Seen] | None = None) -> Names:
        """Return the names in the directory, which is read if nothing else is known."""
        manifest = self._dir.manifest
        if self._names is None or files is not None or self._manifest is not manifest:
            files = self._dir.scan() if files is None else files
            known = [*files, *(manifest.entries if manifest else ())]
            self._manifest = manifest
            self._names = Names(files)
            numbers = (number_of(name) for name in known if level_of(name) is self._level)
            self._numbers = {number for number in numbers if number is not None}
        return self._names


def file_name(rendition: Rendition, digits: int = HASH_DIGITS) -> str:
    """Return a safe name, which begins with the original one."""
    extension = EXTENSIONS.get(rendition.mime_type, "jpg")
    return plain(rendition.filename, rendition.digest, extension, digits)

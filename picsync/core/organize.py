"""Decides where the files of a folder go, and under which names.

What holds for every listing: no file is deleted or overwritten; each file is moved at most once, to a path at
which nothing was listed and to which no other file is moved; a Live Photo's halves stay together. Whatever
cannot be decided yet stays where it is until a later pass.

`plan` decides by values only. If it needs to know what is in a folder, or whether two files have the same
content, it says so; the caller finds out and calls it again.
"""

from __future__ import annotations

import re
from collections import ChainMap, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import TypeAlias

from picsync.core.namedates import has_time
from picsync.core.places import fold, is_inside, join, split, stem_and_suffix, with_suffix
from picsync.core.text import harmless
from picsync.core.values import dataclass

DUPLICATES = "duplicates"
"""Name of the folder for duplicates, in the one for unsorted files."""

PLACEHOLDERS = ("year", "month", "day", "type")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WILD = {"year": r"\d{4}", "month": r"\d\d", "day": r"\d\d", "type": "(?:photos|videos)"}

LIVE_VIDEO = ".mov"
"""Extension of the video half of a Live Photo."""


class FileType(StrEnum):
    """What a file is; also the value of `{type}`."""

    PHOTO = "photos"
    VIDEO = "videos"
    OTHER = "others"


class Left(StrEnum):
    """Why a file stays where it is."""

    NOT_MEDIA = "not_media"
    NO_DATE = "no_date"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """Its name is taken, and the rule has `conflict: leave`."""
    PENDING = "pending"
    """The store has not examined it yet."""
    UNSETTLED = "unsettled"
    """It may still be written."""
    UNREADABLE = "unreadable"
    """Its date could not be read; the error is reported."""
    NOT_A_FILE = "not_a_file"
    """A symbolic link, a pipe or the like."""

    @property
    def waits(self) -> bool:
        """Whether a later pass may move the file."""
        return self in (Left.PENDING, Left.UNSETTLED, Left.UNREADABLE)


@dataclass(frozen=True, slots=True)
class OrganizeRule:
    """Where the files of one folder go; all paths are in one store."""

    name: str
    source: str
    photos: str
    """The target folder, with placeholders."""
    videos: str
    recursive: bool = False
    unsorted: str | None = None
    """For files without a date, and for what is no medium; None leaves them where they are."""
    photo_types: Collection[str] = frozenset()
    """Extensions in lower case, without the dot."""
    video_types: Collection[str] = frozenset()
    rename: bool = True
    """Whether a file whose name is taken gets another name; otherwise it stays where it is."""
    keep_duplicates: bool = False
    """Whether duplicates stay where they are; otherwise they are moved, if there is a folder for them."""

    @property
    def duplicates(self) -> str | None:
        """The folder for duplicates; None if they stay where they are."""
        return None if self.keep_duplicates or self.unsorted is None else join(self.unsorted, DUPLICATES)

    def type_of(self, name: str) -> FileType:
        """Return what a file is by its extension, in any case."""
        extension = stem_and_suffix(name)[1][1:].lower()
        if extension in self.photo_types:
            return FileType.PHOTO
        return FileType.VIDEO if extension in self.video_types else FileType.OTHER

    def folder_for(self, kind: FileType, taken: datetime) -> str:
        """Return the target folder of a photo or video."""
        values = {
            "year": f"{taken.year:04}",
            "month": f"{taken.month:02}",
            "day": f"{taken.day:02}",
            "type": str(kind),
        }
        template = self.videos if kind is FileType.VIDEO else self.photos
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file in the source folder."""

    path: str
    key: str
    """Identifies it among all files of the store."""
    size_bytes: int
    taken: datetime | None = None
    """Without a zone: the day on which it was taken. None if no origin knows it."""
    waits: Left | None = None
    """Why it cannot be moved in this pass."""

    @property
    def name(self) -> str:
        """Its name, without the folder."""
        return split(self.path)[1]


@dataclass(frozen=True, slots=True)
class Existing:
    """Something in a target folder."""

    key: str
    size_bytes: int | None
    """None if it is not a file."""


Folder: TypeAlias = dict[str, Existing]
"""The content of a folder, by names as `fold` returns them."""


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A file that is to be moved."""

    file: FoundFile
    to: str
    """The full new path."""
    unit: int = 0
    """Equal for files that belong together; the video comes first."""
    sorted: bool = True
    """Whether it goes to a target folder; otherwise to the one for unsorted files or duplicates."""


@dataclass(frozen=True, slots=True)
class OrganizePlan:
    """What is to be done in one pass; only valid if nothing is unknown."""

    moves: tuple[PlannedMove, ...] = ()
    left: Mapping[str, Left] = field(default_factory=dict)
    """Path of a file that stays -> why."""
    unknown_folders: frozenset[str] = frozenset()
    """Folders whose content has to be known."""
    unknown_pairs: frozenset[tuple[str, str]] = frozenset()
    """Keys of files of the same size, of which it has to be known whether they are equal."""

    @property
    def complete(self) -> bool:
        """Whether nothing is unknown."""
        return not self.unknown_folders and not self.unknown_pairs


def plan(
    rule: OrganizeRule,
    files: Iterable[FoundFile],
    folders: Mapping[str, Folder],
    equal: Mapping[tuple[str, str], bool],
    now: datetime,
) -> OrganizePlan:
    """Return where files go.

    `folders` has the content of target folders as far as it is known, by path; `equal` tells for pairs of
    keys whether their content is the same. `now` is the local time that becomes part of new names.
    """
    return _Planning(rule, folders, equal, now).of(sorted(files, key=lambda file: file.path))


def log_line(when: str, old_name: str, new_path: str) -> str:
    """Return the line of the log for one move, with its line end."""
    return f"{when} - INFO: Moving {harmless(old_name)} to {harmless(new_path)}\n"


def split_units(moves: Sequence[PlannedMove], most: int) -> Iterator[list[PlannedMove]]:
    """Yield batches of at most `most` moves, or of one unit that is larger, without dividing units."""
    batch: list[PlannedMove] = []
    for _, unit in groupby(moves, key=lambda move: move.unit):
        together = list(unit)
        if batch and len(batch) + len(together) > most:
            yield batch
            batch = []
        batch += together
    if batch:
        yield batch


class _Planning:
    def __init__(
        self,
        rule: OrganizeRule,
        folders: Mapping[str, Folder],
        equal: Mapping[tuple[str, str], bool],
        now: datetime,
    ) -> None:
        self._rule = rule
        self._folders = folders
        self._equal = equal
        self._stamp = f"{now:%Y%m%d-%H%M%S}"
        self._planned: dict[str, dict[str, Existing]] = defaultdict(dict)
        self._moves: list[PlannedMove] = []
        self._left: dict[str, Left] = {}
        self._unknown_folders: set[str] = set()
        self._unknown_pairs: set[tuple[str, str]] = set()

    def of(self, files: Sequence[FoundFile]) -> OrganizePlan:
        for unit in self._units(files):
            self._place(unit)
        return OrganizePlan(
            tuple(self._moves), self._left, frozenset(self._unknown_folders), frozenset(self._unknown_pairs)
        )

    def _units(self, files: Sequence[FoundFile]) -> Iterator[tuple[FoundFile, ...]]:
        """Yield the files that belong together: the photo first, then the other half."""
        stems: dict[tuple[str, str], list[FoundFile]] = defaultdict(list)
        for file in files:
            folder, name = split(file.path)
            stems[fold(folder), fold(stem_and_suffix(name)[0])].append(file)
        for same in stems.values():
            photos = [file for file in same if self._rule.type_of(file.name) is FileType.PHOTO]
            halves = [file for file in same if stem_and_suffix(file.name)[1].lower() == LIVE_VIDEO]
            if photos and halves:
                leader = min(photos, key=lambda file: (not _is_heic(file.name), file.path))
                # On a file system that tells capital letters apart, there may be two halves.
                half = halves[0]
                yield leader, half
                same = [file for file in same if file is not leader and file is not half]
            for file in same:
                yield (file,)

    def _place(self, unit: tuple[FoundFile, ...]) -> None:
        leader = unit[0]
        waits = next((file.waits for file in unit if file.waits is not None), None)
        kind = self._rule.type_of(leader.name)
        if waits is not None:
            self._leave(unit, waits)
        elif kind is FileType.OTHER:
            self._aside(unit, Left.NOT_MEDIA)
        elif leader.taken is None:
            self._aside(unit, Left.NO_DATE)
        else:
            folder = self._rule.folder_for(self._kind_of(leader, kind, leader.taken), leader.taken)
            self._into(unit, folder, is_sorted=True)

    def _kind_of(self, file: FoundFile, kind: FileType, taken: datetime) -> FileType:
        """Return what a file counts as: the late half of a Live Photo follows its photo.

        Only if the name has the time to the second: counters occur more than once a month in a family.
        """
        stem, suffix = stem_and_suffix(file.name)
        if suffix.lower() != LIVE_VIDEO or self._rule.photos == self._rule.videos or not has_time(stem):
            return kind
        folder = self._rule.folder_for(FileType.PHOTO, taken)
        names = self._content(folder)
        types = [FileType.OTHER if names is None else self._rule.type_of(name) for name in names or ()]
        photos = {
            stem_and_suffix(name)[0]
            for name, of in zip(names or (), types, strict=True)
            if of is FileType.PHOTO
        }
        return FileType.PHOTO if fold(stem) in photos else kind

    def _aside(self, unit: tuple[FoundFile, ...], why: Left) -> None:
        if self._rule.unsorted is None:
            self._leave(unit, why)
        else:
            self._into(unit, self._rule.unsorted, is_sorted=False)

    def _into(self, unit: tuple[FoundFile, ...], folder: str, *, is_sorted: bool) -> None:
        content = self._content(folder)
        if content is None:
            return
        taken = [file for file in unit if fold(file.name) in content]
        equal = [file for file in unit if self._has_equal(file, content)]
        different = [file for file in taken if file not in equal]
        if not different:
            # Halves of a Live Photo of which one is there already join it.
            self._move([file for file in unit if file not in equal], folder, is_sorted=is_sorted)
            self._duplicates(tuple(equal))
        elif self._rule.rename:
            self._move(unit, folder, self._suffix(unit, content), is_sorted=is_sorted)
        else:
            self._leave(unit, Left.CONFLICT)

    def _duplicates(self, unit: tuple[FoundFile, ...]) -> None:
        folder = self._rule.duplicates
        if not unit:
            return
        if folder is None:
            self._leave(unit, Left.DUPLICATE)
        elif (content := self._content(folder)) is not None:
            self._move(unit, folder, self._suffix(unit, content), is_sorted=False)

    def _move(self, unit: Sequence[FoundFile], folder: str, suffix: str = "", *, is_sorted: bool) -> None:
        number = len(self._moves)
        # The video first: if only it is moved, the next pass takes the photo to the same folder.
        for file in reversed(unit):
            name = _renamed(file.name, suffix)
            self._moves.append(PlannedMove(file, join(folder, name), number, is_sorted))
            self._planned[fold(folder)][fold(name)] = Existing(file.key, file.size_bytes)

    def _leave(self, unit: Iterable[FoundFile], why: Left) -> None:
        self._left.update((file.path, why) for file in unit)

    def _content(self, folder: str) -> Mapping[str, Existing] | None:
        """Return what is in a folder, and what will be; None if it is unknown."""
        if folder not in self._folders:
            self._unknown_folders.add(folder)
            return None
        return ChainMap(self._planned[fold(folder)], self._folders[folder])

    def _has_equal(self, file: FoundFile, content: Mapping[str, Existing]) -> bool:
        """Whether a file with the same content has the file's name, or the name that a conflict gave it."""
        stem, suffix = map(re.escape, stem_and_suffix(fold(file.name)))
        names = re.compile(rf"{stem}(?:_\d{{8}}-\d{{6}}(?:-\d+)?)?{suffix}")
        if fold(file.name) not in content:
            return False
        return any(self._are_equal(file, each) for name, each in content.items() if names.fullmatch(name))

    def _are_equal(self, file: FoundFile, other: Existing) -> bool:
        if other.size_bytes != file.size_bytes or other.key == file.key:
            return False
        pair = (file.key, other.key)
        if pair not in self._equal:
            self._unknown_pairs.add(pair)
        return self._equal.get(pair, False)

    def _suffix(self, unit: Sequence[FoundFile], content: Mapping[str, Existing]) -> str:
        """Return what is added to the stem so that all names are free; empty if they are."""
        suffixes = ["", f"_{self._stamp}"]
        number = 1
        while True:
            for suffix in suffixes:
                if not any(fold(_renamed(file.name, suffix)) in content for file in unit):
                    return suffix
            number += 1
            suffixes = [f"_{self._stamp}-{number}"]


def _renamed(name: str, suffix: str) -> str:
    return with_suffix(name, suffix) if suffix else name


def _is_heic(name: str) -> bool:
    return stem_and_suffix(name)[1].lower() in (".heic", ".heif")


# --- circles ------------------------------------------------------------------------------------------


def template_problem(path: str) -> str | None:
    """Return what is wrong with the placeholders of a target folder, without a full stop; None if nothing."""
    known = ", ".join(f"`{{{name}}}`" for name in PLACEHOLDERS)
    for found in _PLACEHOLDER.finditer(path):
        if found[1] not in PLACEHOLDERS:
            return f"has an unknown placeholder `{{{found[1][:40]}}}`; known ones: {known}"
    rest = _PLACEHOLDER.sub("", path)
    if "{" in rest or "}" in rest:
        return f"has a brace without its counterpart; placeholders are {known}"
    return None


def fixed_part(template: str) -> str:
    """Return the part of a target folder that is the same for all files."""
    parts = []
    for part in template.split("/"):
        if "{" in part:
            break
        parts.append(part)
    return "/".join(parts) or "/"


def may_reach(template: str, folder: str, *, below: bool) -> bool:
    """Whether a file in a target folder may be in another folder; with `below`, also in its subfolders."""
    own, other = _parts(template), _parts(folder)
    if len(own) < len(other) or (len(own) > len(other) and not below):
        return False
    return all(_may_be(mine, fold(theirs)) for mine, theirs in zip(own, other, strict=False))


def may_contain(template: str, folder: str) -> bool:
    """Whether a folder may be a target folder, or inside one."""
    own, other = _parts(template), _parts(folder)
    return len(own) <= len(other) and all(
        _may_be(mine, fold(theirs)) for mine, theirs in zip(own, other, strict=False)
    )


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _may_be(pattern: str, part: str) -> bool:
    pieces = _PLACEHOLDER.split(pattern)
    expression = "".join(
        _WILD.get(piece, "") if at % 2 else re.escape(fold(piece)) for at, piece in enumerate(pieces)
    )
    return re.fullmatch(expression, part) is not None


def feeds(rule: OrganizeRule, other: OrganizeRule) -> bool:
    """Whether a file that one rule has moved may be in the folder that another one sorts."""
    targets = {rule.photos, rule.videos, rule.unsorted, rule.duplicates} - {None}
    return any(may_reach(target, other.source, below=other.recursive) for target in targets if target)


def circle(rules: Mapping[str, OrganizeRule], leads: Mapping[str, Collection[str]]) -> list[str] | None:
    """Return the names of rules that move files in a circle, the first one again at the end; None if none do.

    `leads` has for each rule the rules that sort what it moves.
    """
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        for following in sorted(leads.get(name, ())):
            if (found := walk(following, [*path, name])) is not None:
                return found
        done.add(name)
        return None

    return next((found for name in rules if (found := walk(name, [])) is not None), None)


def reads_targets(rule: OrganizeRule, folder: str) -> bool:
    """Whether a source that reads a folder with everything below it shows what the rule has sorted."""
    for template in (rule.photos, rule.videos):
        fixed = fixed_part(template)
        if is_inside(fixed, folder) or is_inside(folder, fixed):
            return True
    return False

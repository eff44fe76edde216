"""One look at a folder: what it holds, what is to be said of it, and what has been learnt for the next one.

All of it runs in a thread, since each call may wait for a disk. Nothing is opened but files of which this
version was never looked into.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from picsync.core.model import MediaItem
from picsync.media.formats import media_kind, promised
from picsync.observe.words import counted
from picsync.sources.folder.beneath import is_gone
from picsync.sources.folder.looks import Read, look_into
from picsync.sources.folder.memory import Look, Memory, MemoryLost, Remembered
from picsync.sources.folder.mounts import Mount, Mounts
from picsync.sources.folder.names import Choice
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.volumes import Volume, doubts
from picsync.sources.folder.walk import FoundFile, Walk, shown

KIND = "folder"


@dataclass(slots=True)
class Knowledge:
    """What is known of one folder from one look to the next; used by one look at a time."""

    remembered: Remembered = field(default_factory=Remembered)
    recalled: bool = False
    """Whether `remembered` holds what earlier processes knew."""
    kept: bool = True
    """Whether the file holds all of `remembered`."""
    unsettled: dict[str, tuple[FoundFile, float]] = field(default_factory=dict)
    """Files that may still be written: as they were, and since when by the monotonic clock."""


@dataclass(slots=True)
class Seen:
    """What a look has brought."""

    items: tuple[MediaItem, ...] = ()
    """By path, folder by folder."""
    problems: list[str] = field(default_factory=list)
    unsettled: int = 0
    """Files that have changed and may still be written; they count as what they were before."""
    unsettled_new: int = 0
    """Those of them that were never taken, and so are left out."""
    unrecognised: int = 0
    """Items that are named like a picture or video and are neither."""
    note: str = ""
    """Why there are no items, in words for the user, where nothing went wrong."""
    first: bool = False
    """Whether the folder was never listed completely before."""


class Survey:
    """A look in the making."""

    def __init__(
        self,
        album_id: str,
        entry: FolderEntry,
        choice: Choice,
        knowledge: Knowledge,
        memory: Memory,
        *,
        enter: Callable[[str], object],
        read: Read,
        now_s: float,
        clock_s: float,
    ) -> None:
        """`now_s` is seconds since 1970, `clock_s` those of a clock that is never set."""
        self._album_id = album_id
        self._entry = entry
        self._knowledge = knowledge
        self._memory = memory
        self._now_s = now_s
        self._clock_s = clock_s
        self._quiet_s = entry.quiet.total_seconds()
        self._prefix = entry.path.rstrip("/")
        self._choice = choice
        self._enter = enter
        self._read = read
        self._root = ""
        self._walk: Walk | None = None
        self._files_seen = 0
        self._seen = Seen()
        self._unsettled: dict[str, tuple[FoundFile, float]] = {}
        self._learnt: dict[str, Look] = {}
        self._all_mounts = Mounts([])
        self._mounts: dict[str, Mount] = {}

    def progress(self) -> int:
        """Return what grows as long as the file system answers."""
        return self._walk.steps if self._walk else 0

    def run(self) -> Seen:
        """Look, and remember."""
        seen, problems, knowledge = self._seen, self._seen.problems, self._knowledge
        try:
            self._recall()
        except MemoryLost as lost:
            problems.append(str(lost))
        seen.first = not knowledge.remembered.volumes
        # The folder itself may be a link, and is the only one that is followed.
        self._root = os.path.realpath(self._entry.path)
        self._all_mounts = Mounts.now()
        self._walk = walk = Walk(self._root, self._choice, enter=self._enter)
        try:
            looks, held = self._files(walk)
        finally:
            walk.close()
        if not seen.items and not problems and not walk.problems:
            seen.note = self._why_nothing(walk)
        knowledge.unsettled = self._unsettled
        problems += walk.problems
        volumes = {path: Volume(str(self._mount(path)), held.get(path, 0)) for path in walk.volumes}
        if not self._entry.may_be_empty and not walk.problems:
            problems += doubts(self._entry.path, knowledge.remembered.volumes, volumes)
        gone = [] if problems else [path for path in knowledge.remembered.looks if path not in looks]
        try:
            self._keep(gone, None if problems or seen.unsettled_new else volumes)
        except MemoryLost as lost:
            knowledge.kept = False
            problems.append(str(lost))
        return seen

    def _why_nothing(self, walk: Walk) -> str:
        where, entry = shown(self._entry.path), self._entry
        if self._files_seen:
            return f"None of the {counted(self._files_seen, 'file')} in {where} is a picture or a video."
        if walk.not_chosen:
            used = {"`include`": entry.include, "`exclude`": entry.exclude}
            patterns = [name for name, values in used.items() if values]
            return (
                f"{' and '.join(patterns)} leave{'s' if len(patterns) == 1 else ''} out all files in {where}:"
                " correct the patterns in picsync.yaml."
            )
        if walk.links:
            return (
                f"{where} contains only links ({walk.links:,}), which are not followed: name the folder that"
                " they point to, or mount it there."
            )
        return f"There are no files in {where}."

    def _recall(self) -> None:
        if not self._knowledge.recalled:
            recalled = self._memory.recall(self._album_id)
            recalled.looks |= self._knowledge.remembered.looks
            self._knowledge.remembered = recalled
            self._knowledge.recalled = True

    def _files(self, walk: Walk) -> tuple[set[str], dict[str, int]]:
        """Take every file; return the paths that have a look, and how many items each volume holds."""
        known = self._knowledge.remembered.looks
        items: list[MediaItem] = []
        looks: set[str] = set()
        held: dict[str, int] = {}
        for file in walk:
            self._files_seen += 1
            name = file.path.rpartition("/")[2]
            look = self._look(walk, file, name, known.get(file.path))
            if look is None:
                continue
            looks.add(file.path)
            # A file that is named like a picture and is none is listed, so that someone hears of it.
            mime_type = look.mime_type or promised(name)
            if mime_type is not None:
                held[file.volume] = held.get(file.volume, 0) + 1
                self._seen.unrecognised += not look.mime_type
                items.append(self._item(file.path, name, look, mime_type))
        # No name has a NUL, so that what is in a folder stays together.
        items.sort(key=lambda item: item.item_id.replace("/", "\0"))
        self._seen.items = tuple(items)
        return looks, held

    def _look(self, walk: Walk, file: FoundFile, name: str, known: Look | None) -> Look | None:
        """Return what a file is by its content, None if it is not to be listed."""
        version = self._version(file)
        if known is not None and known.version == version:
            return known
        if not self._settled(file):
            # What is written again and again, such as a log, is nothing to wait for.
            if promised(name) or (known is not None and known.mime_type):
                self._seen.unsettled += 1
                self._seen.unsettled_new += known is None
            return known
        try:
            look = look_into(walk.open(file.path), version, self._read)
        except OSError as error:
            if is_gone(error):
                return None
            # It is told when someone wants its content; its name or its past say whether it is a picture.
            mime_type = promised(name) or (known.mime_type if known else "")
            return Look(version, mime_type) if mime_type else None
        self._learnt[file.path] = look
        return look

    def _settled(self, file: FoundFile) -> bool:
        """Whether no one writes to a file any more: by its age or, whatever its clock says, by two looks."""
        changed_s = max(file.mtime_ns, file.ctime_ns) / 1e9
        if self._now_s - changed_s >= self._quiet_s or not self._quiet_s:
            return True
        before, since_s = self._knowledge.unsettled.get(file.path, (file, self._clock_s))
        if before != file:
            since_s = self._clock_s
        if self._clock_s - since_s >= self._quiet_s:
            return True
        self._unsettled[file.path] = (file, since_s)
        return False

    def _version(self, file: FoundFile) -> str:
        version = f"{file.size_bytes}:{file.mtime_ns}"
        return f"{version}:{file.inode}" if self._mount(file.volume).steady_inodes else version

    def _mount(self, volume: str) -> Mount:
        mount = self._mounts.get(volume)
        if mount is None:
            mount = self._all_mounts.of(f"{self._root}/{volume}" if volume else self._root)
            self._mounts[volume] = mount
        return mount

    def _item(self, path: str, name: str, look: Look, mime_type: str) -> MediaItem:
        size, mtime_ns, *_ = look.version.split(":")
        return MediaItem(
            KIND,
            f"{self._prefix}/{path}",
            look.version,
            kind=media_kind(mime_type),
            mime_type=mime_type,
            filename=shown_name(name),
            taken_at=_instant(int(mtime_ns) / 1e9 if look.taken_at_s is None else look.taken_at_s),
            size_bytes=int(size),
        )

    def _keep(self, gone: list[str], volumes: Mapping[str, Volume] | None) -> None:
        knowledge, remembered = self._knowledge, self._knowledge.remembered
        changed = volumes is not None and volumes != remembered.volumes
        remembered.looks.update(self._learnt)
        for path in gone:
            del remembered.looks[path]
        if changed and volumes is not None:
            remembered.volumes = dict(volumes)
        if not knowledge.recalled:
            return
        if not knowledge.kept:
            self._memory.keep_looks(self._album_id, remembered.looks, ())
        elif self._learnt or gone:
            self._memory.keep_looks(self._album_id, self._learnt, gone)
        if changed or not knowledge.kept:
            self._memory.keep_volumes(self._album_id, remembered.volumes)
        knowledge.kept = True


def shown_name(name: str) -> str:
    """Return a file's name as valid Unicode."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "replace")


def _instant(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None

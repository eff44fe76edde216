"""One listing of a folder: its items, problems, and facts for the next listing.

It runs in a thread, since every call may wait for a disk. Only files whose current version was never read are
opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import UTC, datetime

from picsync.core.model import MediaItem
from picsync.core.values import dataclass
from picsync.media.formats import media_kind, promised
from picsync.observe.words import counted
from picsync.sources.choice import Choice
from picsync.sources.folder.database import DatabaseUnavailable, FolderDatabase, Probed, StoredFolder
from picsync.sources.folder.options import FolderEntry
from picsync.sources.folder.probing import Read, probe
from picsync.sources.folder.volumes import Volume, mount_problems
from picsync.sources.folder.walk import FoundFile, Walk, shown
from picsync.system.mounts import Mount, Mounts
from picsync.system.nofollow import is_gone

KIND = "folder"


@dataclass(slots=True)
class FolderState:
    """Facts about one folder from earlier listings; used by one listing at a time."""

    stored: StoredFolder = field(default_factory=StoredFolder)
    recalled: bool = False
    """Whether `stored` contains what is stored in the database."""
    kept: bool = True
    """Whether the database contains all of `stored`."""
    unsettled: dict[str, tuple[FoundFile, float]] = field(default_factory=dict)
    """Files that may still be written: their attributes, and since when (monotonic clock)."""


@dataclass(slots=True)
class ScanResult:
    """The result of one listing."""

    items: tuple[MediaItem, ...] = ()
    """Ordered by path, folder by folder."""
    problems: list[str] = field(default_factory=list)
    unsettled: int = 0
    """Files that changed and may still be written; listed in their previous version."""
    unsettled_new: int = 0
    """Those of them that have no previous version, and are left out."""
    unrecognised: int = 0
    """Items that are named like a picture or video, but are neither."""
    note: str = ""
    """For the user: why there are no items although nothing failed."""
    first: bool = False
    """Whether the folder was never listed completely before."""


class Scan:
    """A listing in progress."""

    def __init__(
        self,
        album_id: str,
        entry: FolderEntry,
        choice: Choice,
        state: FolderState,
        database: FolderDatabase,
        *,
        enter: Callable[[str], object],
        read: Read,
        now_s: float,
        clock_s: float,
    ) -> None:
        """`now_s` is seconds since 1970, `clock_s` is monotonic."""
        self._album_id = album_id
        self._entry = entry
        self._state = state
        self._database = database
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
        self._seen = ScanResult()
        self._unsettled: dict[str, tuple[FoundFile, float]] = {}
        self._new_probes: dict[str, Probed] = {}
        self._all_mounts = Mounts([])
        self._mounts: dict[str, Mount] = {}

    def progress(self) -> int:
        """Return a number that increases as long as the file system responds."""
        return self._walk.steps if self._walk else 0

    def run(self) -> ScanResult:
        """List the folder, and store what was learned."""
        seen, problems, state = self._seen, self._seen.problems, self._state
        try:
            self._load()
        except DatabaseUnavailable as lost:
            problems.append(str(lost))
        seen.first = not state.stored.volumes
        # The folder itself may be a link; no other link is followed.
        self._root = os.path.realpath(self._entry.path)
        self._all_mounts = Mounts.now()
        self._walk = walk = Walk(self._root, self._choice, enter=self._enter)
        try:
            probes, held = self._files(walk)
        finally:
            walk.close()
        if not seen.items and not problems and not walk.problems:
            seen.note = self._why_empty(walk)
        state.unsettled = self._unsettled
        problems += walk.problems
        volumes = {path: Volume(str(self._mount(path)), held.get(path, 0)) for path in walk.volumes}
        if not self._entry.may_be_empty and not walk.problems:
            problems += mount_problems(self._entry.path, state.stored.volumes, volumes)
        gone = [] if problems else [path for path in state.stored.probes if path not in probes]
        try:
            self._keep(gone, None if problems or seen.unsettled_new else volumes)
        except DatabaseUnavailable as lost:
            state.kept = False
            problems.append(str(lost))
        return seen

    def _why_empty(self, walk: Walk) -> str:
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
                f"{where} contains only links ({walk.links:,}), which are not followed: write the folder"
                " that they point to, or mount it there."
            )
        return f"There are no files in {where}."

    def _load(self) -> None:
        if not self._state.recalled:
            recalled = self._database.load(self._album_id)
            recalled.probes |= self._state.stored.probes
            self._state.stored = recalled
            self._state.recalled = True

    def _files(self, walk: Walk) -> tuple[set[str], dict[str, int]]:
        """Handle every file; return the paths that were probed, and the number of items per volume."""
        known = self._state.stored.probes
        items: list[MediaItem] = []
        probes: set[str] = set()
        held: dict[str, int] = {}
        for file in walk:
            self._files_seen += 1
            name = file.path.rpartition("/")[2]
            probed = self._probe(walk, file, name, known.get(file.path))
            if probed is None:
                continue
            probes.add(file.path)
            # A file that is named like a picture but is not one is listed, so that it is reported.
            mime_type = probed.mime_type or promised(name)
            if mime_type is not None:
                held[file.volume] = held.get(file.volume, 0) + 1
                self._seen.unrecognised += not probed.mime_type
                items.append(self._item(file.path, name, probed, mime_type))
        # NUL cannot occur in a name, so this keeps the contents of a folder together.
        items.sort(key=lambda item: item.item_id.replace("/", "\0"))
        self._seen.items = tuple(items)
        return probes, held

    def _probe(self, walk: Walk, file: FoundFile, name: str, known: Probed | None) -> Probed | None:
        """Return a file's format by its content; None if the file is not to be listed."""
        version = self._version(file)
        if known is not None and known.version == version:
            return known
        if not self._settled(file):
            # Do not wait for files that are written again and again, such as logs.
            if promised(name) or (known is not None and known.mime_type):
                self._seen.unsettled += 1
                self._seen.unsettled_new += known is None
            return known
        try:
            probed = probe(walk.open(file.path), version, self._read)
        except OSError as error:
            if is_gone(error):
                return None
            # The read error is reported when the item is downloaded; here, the name or the previous version
            # decides.
            mime_type = promised(name) or (known.mime_type if known else "")
            return Probed(version, mime_type) if mime_type else None
        self._new_probes[file.path] = probed
        return probed

    def _settled(self, file: FoundFile) -> bool:
        """Whether nothing writes to a file any more: it is old, or unchanged between two listings."""
        changed_s = max(file.mtime_ns, file.ctime_ns) / 1e9
        if self._now_s - changed_s >= self._quiet_s or not self._quiet_s:
            return True
        before, since_s = self._state.unsettled.get(file.path, (file, self._clock_s))
        if before != file:
            since_s = self._clock_s
        if self._clock_s - since_s >= self._quiet_s:
            return True
        self._unsettled[file.path] = (file, since_s)
        return False

    def _version(self, file: FoundFile) -> str:
        version = f"{file.size_bytes}:{file.mtime_ns}"
        return f"{version}:{file.inode}" if self._mount(file.volume).stable_inodes else version

    def _mount(self, volume: str) -> Mount:
        mount = self._mounts.get(volume)
        if mount is None:
            mount = self._all_mounts.of(f"{self._root}/{volume}" if volume else self._root)
            self._mounts[volume] = mount
        return mount

    def _item(self, path: str, name: str, probed: Probed, mime_type: str) -> MediaItem:
        size, mtime_ns, *_ = probed.version.split(":")
        return MediaItem(
            KIND,
            f"{self._prefix}/{path}",
            probed.version,
            kind=media_kind(mime_type),
            mime_type=mime_type,
            filename=shown_name(name),
            taken_at=_instant(int(mtime_ns) / 1e9 if probed.taken_at_s is None else probed.taken_at_s),
            size_bytes=int(size),
        )

    def _keep(self, gone: list[str], volumes: Mapping[str, Volume] | None) -> None:
        state, stored = self._state, self._state.stored
        changed = volumes is not None and volumes != stored.volumes
        stored.probes.update(self._new_probes)
        for path in gone:
            del stored.probes[path]
        if changed and volumes is not None:
            stored.volumes = dict(volumes)
        if not state.recalled:
            return
        if not state.kept:
            self._database.save_probes(self._album_id, stored.probes, ())
        elif self._new_probes or gone:
            self._database.save_probes(self._album_id, self._new_probes, gone)
        if changed or not state.kept:
            self._database.save_volumes(self._album_id, stored.volumes)
        state.kept = True


def shown_name(name: str) -> str:
    """Return a file's name as valid Unicode."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "replace")


def _instant(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None

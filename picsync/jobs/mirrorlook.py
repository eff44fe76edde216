"""Both sides of a mirror as a pass sees them: what is there, in which version, and with which content."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from picsync.core.errors import InaccessibleError, NotFoundError, PicsyncError
from picsync.core.mirror import Here, Policy, Sides, There, unknown_contents
from picsync.core.mirrorstate import KnownFile, Side, Why
from picsync.core.places import StorePlace, fold, parents
from picsync.jobs.mirrormemory import Known, entry_of, here_file, there_file
from picsync.jobs.passes import FATAL
from picsync.stores.base import ChangedError, CursorResetError, Entry, EntryKind, Store, entries_of


class Look:
    """Both sides; paths are below the mirrored folder and begin with a slash."""

    def __init__(
        self,
        here: Store,
        source: str,
        there: Store,
        target: StorePlace,
        ignored: Callable[[str], bool],
    ) -> None:
        """`source` is the folder of `here`, `target` that of `there`."""
        self._store_here = here
        self._source = source
        self._store_there = there
        self._target = target
        self._ignored = ignored
        self.here: dict[str, Entry] = {}
        self.there: dict[str, Entry] = {}
        self.cursor_here = ""
        self.unread: list[str] = []
        self.left_out: dict[str, Why] = {}
        """Paths that take no part, with the reason."""
        self.hashes: dict[tuple[bool, str], str] = {}
        """By whether it is a file of this side, and its path."""
        self.notes: dict[str, str] = {}
        """Details about a path that takes no part."""

    @property
    def files_here(self) -> int:
        """Number of files of this side."""
        return sum(entry.is_file for entry in self.here.values())

    @property
    def files_there(self) -> int:
        """Number of files of the other side."""
        return sum(entry.is_file for entry in self.there.values())

    async def list_here(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """List the local folder; waits once for files that are being written."""
        for again in (True, False):
            listed, unlisted, self.cursor_here = await entries_of(
                self._store_here, self._source, recursive=True
            )
            self.here = {_below(entry.path, self._source): entry for entry in listed}
            waiting = any(not entry.settled and not self._ignored(path) for path, entry in self.here.items())
            if not again or not waiting:
                break
            await sleep(self._store_here.capabilities.quiet_s)
        for path, entry in [*self.here.items()]:
            if entry.kind not in (EntryKind.FILE, EntryKind.FOLDER) and not self._ignored(path):
                self.left_out[path] = Why.NOT_A_FILE
                del self.here[path]
        for each in unlisted:
            path = _below(each.path, self._source)
            self.unread.append(path)
            if not self._ignored(path):
                self.left_out[path], self.notes[path] = Why.UNREADABLE, each.error.message

    async def list_there(self, known: Known) -> None:
        """List the other side, or only what has changed there since the last pass.

        Raises InaccessibleError if it may be a volume that is not mounted.
        """
        place = self._target.path
        try:
            listed = await self._listed_there(known)
        except NotFoundError:
            # The first transfer creates it.
            listed, known.cursor = [], ""
        self.there = {_below(entry.path, place): entry for entry in listed}
        if self._store_there.capabilities.volumes:
            self._require_volume(known)
        if not self._store_there.capabilities.cursors:
            return
        known.keep_only(Side.THERE, self.there)
        for path, entry in self.there.items():
            known.put(there_file(path, entry))

    async def _listed_there(self, known: Known) -> list[Entry]:
        store, place = self._store_there, self._target.path
        if store.capabilities.cursors and known.cursor:
            entries = {fold(path): entry_of(place, one) for path, one in known.all_of(Side.THERE).items()}
            try:
                async for page in store.changes(place, known.cursor, recursive=True):
                    for entry in page.entries:
                        entries[fold(_below(entry.path, place))] = entry
                    for gone in page.gone:
                        below = _below(gone, fold(place))
                        for key in [key for key in entries if key == below or key.startswith(f"{below}/")]:
                            del entries[key]
                    known.cursor = page.cursor
            except (CursorResetError, NotFoundError):
                known.cursor = ""
            else:
                return [*entries.values()]
        listed, unlisted, cursor = await entries_of(store, place, recursive=True)
        known.cursor = cursor if store.capabilities.cursors else ""
        for each in unlisted:
            path = _below(each.path, place)
            self.left_out[path], self.notes[path] = Why.UNLISTED, each.error.message
        return listed

    def _require_volume(self, known: Known) -> None:
        mirrored = sum(path in self.here for path in known.all_of(Side.EQUAL))
        if mirrored and all(self._ignored(path) for path in self.there):
            raise InaccessibleError(
                f"{self._target} is empty or missing, although {mirrored:,} files were mirrored to it.",
                hint="Mount the volume that belongs there. If you have emptied it yourself, create a folder"
                " in it: then the next pass sends all files again.",
            )

    # --- contents -------------------------------------------------------------------------------------

    def recognize(self, known: Known) -> None:
        """Fill in the content hashes that are known of these versions."""
        for path, entry in self.there.items():
            if not entry.is_file:
                continue
            memo = known.of(Side.THERE, path)
            if entry.content_hash:
                self.hashes[False, path] = entry.content_hash
            elif memo is not None and memo.rev == entry.rev and memo.content_hash:
                self.hashes[False, path] = memo.content_hash
        for path, entry in self.here.items():
            if not entry.is_file:
                continue
            memo = known.of(Side.HERE, path)
            if memo is not None and (memo.rev, memo.inode) == (entry.rev, entry.id) and memo.content_hash:
                self.hashes[True, path] = memo.content_hash
            elif self._is_as_imported(entry, known.of(Side.EQUAL, path), self.there.get(path)):
                self.hashes[True, path] = self.hashes.get((False, path), "")
        known.keep_only(Side.HERE, self.here)

    @staticmethod
    def _is_as_imported(here: Entry, equal: KnownFile | None, there: Entry | None) -> bool:
        """Whether both sides have the versions in which they were equal by an imported state."""
        if equal is None or there is None or equal.content_hash or here.modified_at is None:
            return False
        return (
            equal.rev == there.rev
            and there.size_bytes == here.size_bytes
            and equal.modified_at is not None
            and int(equal.modified_at.timestamp() // 1) == int(here.modified_at.timestamp() // 1)
        )

    def sides(self, known: Known) -> Sides:
        """Return what the plan is made of."""
        left_out = {*self.left_out}

        def takes_part(path: str) -> bool:
            return path not in left_out and not any(one in left_out for one in parents(path))

        here = [
            Here(
                path,
                folder=not entry.is_file,
                size_bytes=entry.size_bytes,
                content_hash=self.hashes.get((True, path), ""),
                changing=not entry.settled,
            )
            for path, entry in self.here.items()
            if takes_part(path)
        ]
        there = [
            There(
                path,
                folder=entry.kind is EntryKind.FOLDER,
                size_bytes=entry.size_bytes,
                content_hash=self.hashes.get((False, path), ""),
                rev=entry.rev,
            )
            for path, entry in self.there.items()
            if entry.kind in (EntryKind.FILE, EntryKind.FOLDER) and takes_part(path)
        ]
        before = {}
        for path, one in known.all_of(Side.EQUAL).items():
            other = self.there.get(path)
            imported = other is not None and not one.content_hash and one.rev == other.rev
            before[path] = self.hashes.get((False, path), "") if imported else one.content_hash
        # What could not be read, or is no file, is not gone.
        unread = [*self.unread, *(path for path, why in self.left_out.items() if why is not Why.UNLISTED)]
        return Sides(here, there, {path: one for path, one in before.items() if one}, unread)

    def unknown(self, known: Known, policy: Policy) -> list[tuple[bool, str]]:
        """Return the files whose content has to be read: whether of this side, and the path."""
        here, there = unknown_contents(self.sides(known), policy)
        return [(True, one.path) for one in here] + [(False, other.path) for other in there]

    async def read(self, known: Known, path: str, *, is_here: bool) -> None:
        """Compute the content hash of a file."""
        entry = (self.here if is_here else self.there)[path]
        store = self._store_here if is_here else self._store_there
        try:
            content = await store.content_hash(entry)
        except ChangedError:
            self.left_out[path] = Why.UNSETTLED
        except PicsyncError as error:
            if isinstance(error, FATAL) and not is_here:
                raise
            self.left_out[path], self.notes[path] = Why.UNREADABLE, error.message
        else:
            self.hashes[is_here, path] = content
            known.put(here_file(path, entry, content) if is_here else there_file(path, entry, content))


def _below(path: str, folder: str) -> str:
    """Return a path relative to a folder, with a leading slash."""
    return path[len(folder.rstrip("/")) :] or "/"

"""Organizing rules as jobs: each pass moves the files of a folder to where its rule wants them.

After any end of the process, each file is in one place, and the log has each move once (`journal`).
A pass decides by a complete listing and by what is in the target folders (`core.organize`), and carries the
moves out in batches. Whatever cannot be decided or moved stays where it is, and the next pass looks again.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, cast

from picsync.aio.tasks import gather, run_all
from picsync.core.errors import (
    InaccessibleError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    QuotaError,
    TransientError,
)
from picsync.core.events import (
    Emit,
    FileMoved,
    MovesPlanned,
    PassKind,
)
from picsync.core.namedates import MONTH, YEAR, date_in_name
from picsync.core.organize import (
    Existing,
    FileType,
    Folder,
    FoundFile,
    Left,
    OrganizePlan,
    OrganizeRule,
    PlannedMove,
    fixed_part,
    log_line,
    plan,
    split_units,
)
from picsync.core.places import StorePlace, fold, is_inside, parse_place, split
from picsync.core.skipping import skipped_file, skipped_folder
from picsync.core.values import dataclass
from picsync.jobs.journal import Intent, Journal, LogNote, Note, account_lock, missing_text
from picsync.jobs.passes import FATAL, PassJob, PassRule, Progress
from picsync.media.sparse import MissingPart, SparseFile
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    CursorResetError,
    Entry,
    EntryKind,
    MediaState,
    Move,
    Moved,
    Store,
    UnfinishedError,
    entries_of,
)
from picsync.system.localtime import local

PASSES = 3
"""How often a pass plans again because other programs put files where it wanted to."""
READERS = 16
"""Files whose dates are read concurrently."""
FIRST_PART_BYTES = 64 * 1024
"""Most cameras write the date into the first part of a file; each further part is twice as long."""
MAX_PARTS = 10
LOG_ATTEMPTS = 5
NO_MOVE = (ConflictError, NotFoundError, ChangedError)
"""Errors that say that a file was not moved; the next plan decides about it."""
LOCK_WAIT_S = 60.0
"""How long to wait for the pass of another process."""


class Origin(StrEnum):
    """Where the date of a file comes from."""

    EXIF = "exif"
    NAME = "name"
    MEDIA_INFO = "media_info"
    MODIFIED = "modified"


@dataclass(frozen=True, slots=True)
class Organizing:
    """The settings of one rule."""

    rule: OrganizeRule
    account: str
    origins: tuple[Origin, ...] = tuple(Origin)
    year: str = YEAR.pattern
    month: str = MONTH.pattern
    log: StorePlace | None = None
    log_date: str = "%Y-%m-%d %H:%M:%S"
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class OrganizeContext:
    """What all organizing rules of a configuration share."""

    stores: Mapping[str, Store]
    """By account."""
    own_folder: Path
    emit: Emit
    leaving: Callable[[], bool]
    """Whether a pass should start no new batch."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    """By account: one pass at any time."""

    def lock(self, account: str) -> asyncio.Lock:
        """Return the lock of an account."""
        return self.locks.setdefault(account, asyncio.Lock())


class OrganizeJob(PassJob):
    """An organizing rule."""

    def __init__(
        self,
        settings: Organizing,
        every: timedelta | None,
        context: OrganizeContext,
        *,
        feeds: frozenset[str] = frozenset(),
    ) -> None:
        """Create the job; `feeds` are the names of the jobs that read what it has sorted."""
        rule = PassRule(
            organize_name(settings.rule.name),
            f"Organizing {settings.rule.name}",
            PassKind.ORGANIZE,
            settings.account,
            every,
            feeds,
            settings.dry_run,
        )
        super().__init__(rule, emit=context.emit, sleep=context.sleep)
        self._settings = settings
        self._rule = settings.rule
        self._context = context
        self._store = context.stores[settings.account]
        self._journal = Journal(context.own_folder, self.name)
        self._cursor = ""
        self._again = False
        """Whether files arrived during the last pass."""
        self._undated: set[tuple[str, str]] = set()
        """Key and version of files without a date, so that they are not read in each pass."""
        self._year, self._month = re.compile(settings.year), re.compile(settings.month)

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts whose changes start a pass."""
        return frozenset({self._settings.account})

    async def triggered(self) -> None:
        """Return once files have arrived in the folder."""
        if self._again:
            self._again = False
            return
        if self._store.capabilities.cursors and not self._cursor:
            await asyncio.Event().wait()  # The next pass lists the folder.
        source, recursive = self._rule.source, self._rule.recursive
        if not await self._changed(self._store, source, self._cursor, recursive=recursive):
            self._cursor = ""

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Wait for other passes over the account, of this process and of others."""
        account, folder = self._settings.account, self._context.own_folder
        async with self._context.lock(account):
            if self._settings.dry_run:
                yield
                return
            waited_s = 0.0
            while True:
                with account_lock(folder, account) as mine:
                    if mine:
                        yield
                        return
                if waited_s >= LOCK_WAIT_S:
                    raise TransientError(
                        "Another picsync is organizing this account, so this pass has ended.",
                        hint="Run only one picsync for each account.",
                    )
                await self._context.sleep(1.0)
                waited_s += 1.0

    # --- a pass ---------------------------------------------------------------------------------------

    async def _pass(self, progress: Progress) -> None:
        async with self._alone():
            await self._sort(progress)

    async def _sort(self, progress: Progress) -> None:
        if not self._settings.dry_run:
            await self._recover(progress)
        entries = await self._listed(progress)
        progress.found = len(entries)
        files = await self._files(entries, progress)
        by_path = {entry.path: entry for entry in entries}
        for last in (False,) * (PASSES - 1) + (True,):
            planned = await self._plan(files, by_path)
            progress.left = Counter(planned.left.values())
            if self._settings.dry_run:
                self._predict(planned, progress)
                return
            conflicts = await self._carry_out(planned, by_path, progress, last=last)
            if not conflicts or progress.stopped:
                break
            files = [file for file in files if file.path in conflicts or file.path in planned.left]
        self._forget(entries)
        if any(progress.done.values()):
            await self._follow(by_path)

    async def _listed(self, progress: Progress) -> list[Entry]:
        """Return the files of the source folder; waits once for those that are being written."""
        rule = self._rule
        entries: list[Entry] = []
        for again in (True, False):
            listed, unlisted, self._cursor = await entries_of(
                self._store, rule.source, recursive=rule.recursive
            )
            entries = [entry for entry in listed if self._counts(entry)]
            if not again or all(entry.settled for entry in entries):
                break
            await self._context.sleep(self._store.capabilities.quiet_s)
        for each in unlisted:
            self._fail(each.path, each.error, progress)
        return entries

    def _counts(self, entry: Entry) -> bool:
        """Whether a listed entry is to be looked at."""
        if entry.kind is EntryKind.FOLDER or skipped_file(entry.name):
            return False
        log = self._settings.log
        if log is not None and log.account == self._settings.account and fold(log.path) == fold(entry.path):
            return False
        inner = entry.folder[len(self._rule.source.rstrip("/")) :].strip("/")
        return not any(map(skipped_folder, filter(None, inner.split("/"))))

    async def _files(self, entries: Sequence[Entry], progress: Progress) -> list[FoundFile]:
        """Return the files with their dates."""
        found: dict[str, FoundFile] = {}
        reading = asyncio.Semaphore(READERS)

        async def look(entry: Entry) -> None:
            async with reading:
                found[entry.path] = await self._file(entry, progress)

        await run_all(*(look(entry) for entry in entries))
        return [found[entry.path] for entry in entries]

    async def _file(self, entry: Entry, progress: Progress) -> FoundFile:
        plain = FoundFile(entry.path, entry.key, entry.size_bytes)
        if not entry.is_file:
            return replace(plain, waits=Left.NOT_A_FILE)
        if not entry.settled:
            return replace(plain, waits=Left.UNSETTLED)
        if self._rule.type_of(entry.name) is FileType.OTHER:
            return plain
        known = (entry.key, entry.rev)
        if known in self._undated:
            return plain
        try:
            when, waits = await self._taken(entry)
        except FATAL:
            raise
        except ChangedError:
            return replace(plain, waits=Left.UNSETTLED)
        except PicsyncError as error:
            self._fail(entry.path, error, progress)
            return replace(plain, waits=Left.UNREADABLE)
        if when is None and waits is None:
            self._undated.add(known)
        return replace(plain, taken=when, waits=waits)

    async def _taken(self, entry: Entry) -> tuple[datetime | None, Left | None]:
        """Return when a file was taken by the rule's origins, as local time; or why that is not known yet."""
        for origin in self._settings.origins:
            found: datetime | None = None
            match origin:
                case Origin.EXIF:
                    found = await self._inside(entry)
                case Origin.NAME:
                    found = date_in_name(entry.name, year=self._year, month=self._month)
                case Origin.MEDIA_INFO if self._store.capabilities.media_info:
                    info = await self._store.media_info(entry)
                    if info.state is MediaState.PENDING:
                        return None, Left.PENDING
                    found = info.taken
                case Origin.MODIFIED:
                    found = entry.modified_at
            if found is not None:
                return (local(found).replace(tzinfo=None) if found.tzinfo else found), None
        return None, None

    async def _inside(self, entry: Entry) -> datetime | None:
        """Return when a file was taken by its own bytes, of which it reads a few parts."""
        # Its parsers are loaded only if there is something to sort.
        from picsync.media.taken import taken

        file = SparseFile(entry.size_bytes)
        for number in range(MAX_PARTS):
            try:
                return taken(cast("BinaryIO", file))
            except MissingPart as missing:
                size = max(missing.size_bytes, FIRST_PART_BYTES << number)
                part = await self._store.read_part(entry, missing.start, size)
                if not part:
                    raise ChangedError(f"{entry.path} is shorter than listed.") from None
                file.add(missing.start, part)
        return None

    async def _plan(self, files: Sequence[FoundFile], entries: Mapping[str, Entry]) -> OrganizePlan:
        """Return the plan, with everything found out that it depends on."""
        folders: dict[str, Folder] = {}
        listed: dict[str, Entry] = {entry.key: entry for entry in entries.values()}
        equal: dict[tuple[str, str], bool] = {}
        now = local(self._context.now()).replace(tzinfo=None)
        while True:
            found = plan(self._rule, files, folders, equal, now)
            if found.complete:
                return found
            for path in found.unknown_folders:
                inside = await self._content(path)
                listed.update((entry.key, entry) for entry in inside)
                folders[path] = {
                    fold(entry.name): Existing(entry.key, entry.size_bytes if entry.is_file else None)
                    for entry in inside
                }
            for one, other in found.unknown_pairs:
                equal[one, other] = await self._are_equal(listed[one], listed[other])

    async def _content(self, folder: str) -> list[Entry]:
        try:
            return (await entries_of(self._store, folder))[0]
        except NotFoundError:
            await self._require_above(folder)
            return []

    async def _require_above(self, folder: str) -> None:
        """Raise InaccessibleError if the fixed part of a target folder is in a folder that does not exist.

        A mistyped target would be created otherwise.
        """
        rule = self._rule
        fixed = {fixed_part(rule.photos), fixed_part(rule.videos), rule.unsorted or "/"}
        root = max((each for each in fixed if is_inside(folder, each)), key=len, default="/")
        above = split(root)[0]
        if above not in ("", "/") and await self._store.stat(above) is None:
            raise InaccessibleError(
                f"{root} cannot be created, since there is no folder {above}.",
                hint="Correct the path, or create the folder."
                if not self._store.capabilities.volumes
                else "Correct the path, mount the volume that belongs there, or create the folder.",
            )

    async def _are_equal(self, one: Entry, other: Entry) -> bool:
        try:
            return await self._store.content_hash(one) == await self._store.content_hash(other)
        except FATAL:
            raise
        except PicsyncError:
            # A file that cannot be read is never taken for a duplicate.
            return False

    def _predict(self, planned: OrganizePlan, progress: Progress) -> None:
        for move in planned.moves:
            progress.done[_what(self._rule, move)] += 1
        moves = tuple((move.file.path, move.to) for move in planned.moves)
        self._context.emit(MovesPlanned(self.name, moves, tuple(sorted(planned.left.items()))))

    async def _carry_out(
        self,
        planned: OrganizePlan,
        entries: Mapping[str, Entry],
        progress: Progress,
        *,
        last: bool,
    ) -> set[str]:
        """Carry out a plan in batches; return the paths of files whose new name was taken meanwhile."""
        conflicts: set[str] = set()
        for batch in split_units(planned.moves, self._store.capabilities.batch):
            if self._context.leaving():
                progress.stopped = True
                return conflicts
            by_to = {move.to: move for move in batch}
            intents = tuple(
                Intent(Move(entries[move.file.path], move.to, secrets.token_hex(8)), move.unit)
                for move in batch
            )
            note = Note(self._when(), intents)
            moved = await self._move(note)
            fatal: PicsyncError | None = None
            for each in moved:
                path = each.move.entry.path
                match each.error:
                    case None:
                        progress.done[_what(self._rule, by_to[each.move.to])] += 1
                    case InaccessibleError() | LoginNeeded() | QuotaError():
                        fatal = each.error
                    case ConflictError() if not last:
                        conflicts.add(path)
                    case NotFoundError() | ChangedError():
                        progress.left[Left.UNSETTLED] += 1  # Another program was faster.
                    case error:
                        self._fail(path, error, progress)
            # What was moved is counted, even if its lines cannot be written now.
            await self._log(note, [(each.move, each.entry.path) for each in moved if each.entry is not None])
            await asyncio.to_thread(self._journal.clear)
            if fatal is not None:
                raise fatal
        return conflicts

    async def _move(self, note: Note) -> Sequence[Moved]:
        """Note and move one batch; the note stays until the log has its lines."""
        await asyncio.to_thread(self._journal.write, note)
        moved = await self._move_in_order(note.intents)
        for each in moved:
            if each.entry is not None:
                self._context.emit(FileMoved(self.name, each.move.entry.path, each.entry.path))
        return moved

    async def _move_in_order(self, intents: Sequence[Intent]) -> Sequence[Moved]:
        """Move files; of those that belong together, the second only if the first was moved."""
        first: dict[int, Intent] = {}
        for intent in intents:
            first.setdefault(intent.unit, intent)
        begun = await self._store.move_all([intent.move for intent in first.values()])
        # It is open whether a file was moved if the answer did not come, or makes no sense.
        moved = {unit: await self._certain(each) for unit, each in zip(first, begun, strict=True)}
        others = [intent for intent in intents if first[intent.unit] is not intent]
        due = [intent.move for intent in others if moved[intent.unit].entry is not None]
        refused = [
            Moved(intent.move, error=moved[intent.unit].error)
            for intent in others
            if moved[intent.unit].entry is None
        ]
        followed = [await self._certain(each) for each in (await self._store.move_all(due) if due else ())]
        return [*moved.values(), *refused, *followed]

    async def _certain(self, moved: Moved) -> Moved:
        """Find out whether a file was moved after all, unless the error says that it was not.

        Raises UnfinishedError if it may still be moved: the note stays, and the next pass goes on with it.
        """
        if moved.entry is not None or isinstance(moved.error, NO_MOVE):
            return moved
        if isinstance(moved.error, UnfinishedError):
            raise moved.error
        entry = await self._store.settle(moved.move)
        return moved if entry is None else Moved(moved.move, entry)

    # --- journal and log ------------------------------------------------------------------------------

    async def _recover(self, progress: Progress) -> None:
        """Complete what an earlier pass has left open."""
        note = await asyncio.to_thread(self._journal.read)
        if note is None:
            return
        if note.log is not None:
            # All moves of the batch are in these lines.
            await self._write_log(note.log)
            await asyncio.to_thread(self._journal.clear)
            return
        happened = await self._happened(note.intents)
        known = {move.token for move, _ in happened}
        open_ = [intent for intent in note.intents if intent.move.token not in known]
        if not self._store.capabilities.moves_later:
            # Only the other half of a Live Photo follows, with the stem that was planned for both.
            open_ = _halves(note.intents, known)
        for moved in await self._move_in_order(await self._still_there(open_)):
            if moved.entry is not None:
                happened.append((moved.move, moved.entry.path))
            elif isinstance(moved.error, FATAL):
                raise moved.error
            elif not isinstance(moved.error, NO_MOVE) and moved.error is not None:
                self._fail(moved.move.entry.path, moved.error, progress)
        if self._store.capabilities.moves_later:
            # Those that the interrupted job has moved meanwhile.
            known = {move.token for move, _ in happened}
            happened += await self._happened([each for each in open_ if each.move.token not in known])
        for move, path in happened:
            self._context.emit(FileMoved(self.name, move.entry.path, path))
            progress.done["moved"] += 1
        await self._log(note, happened)
        await asyncio.to_thread(self._journal.clear)

    async def _happened(self, intents: Sequence[Intent]) -> list[tuple[Move, str]]:
        """Return the moves that have happened, with the new path of each file."""
        asking = asyncio.Semaphore(READERS)

        async def one(intent: Intent) -> tuple[Move, str] | None:
            async with asking:
                entry = await self._store.settle(intent.move)
            return None if entry is None else (intent.move, entry.path)

        return [found for found in await gather(*map(one, intents)) if found is not None]

    async def _still_there(self, intents: Sequence[Intent]) -> list[Intent]:
        """Return the intents whose files are where they were, in the same version."""
        asking = asyncio.Semaphore(READERS)

        async def one(intent: Intent) -> bool:
            async with asking:
                seen = await self._store.stat(intent.move.entry.path)
            return seen is not None and (seen.id, seen.rev) == (intent.move.entry.id, intent.move.entry.rev)

        there = await gather(*map(one, intents))
        return [intent for intent, its in zip(intents, there, strict=True) if its]

    async def _log(self, note: Note, happened: Sequence[tuple[Move, str]]) -> None:
        """Write the lines of the moves of a batch that have happened."""
        place = self._settings.log
        if place is None or not happened:
            return
        lines = tuple(log_line(note.when, move.entry.name, path) for move, path in happened)
        seen = await self._context.stores[place.account].stat(place.path)
        log = LogNote(str(place), seen.size_bytes if seen else 0, lines)
        await asyncio.to_thread(self._journal.write, replace(note, log=log))
        await self._write_log(log)

    async def _write_log(self, log: LogNote) -> None:
        """Add the lines that the log does not have yet."""
        place = parse_place(log.path)
        store = self._context.stores.get(place.account)
        if store is None:
            return  # The rule has another log now, in another account.
        for attempt in range(1, LOG_ATTEMPTS + 1):
            seen = await store.stat(place.path)
            try:
                added, joined = await _tail(store, seen, log.size_bytes)
                text = missing_text(log.lines, added, joined=joined)
                if text:
                    await store.append(place.path, text, seen)
            except (ChangedError, TransientError) as error:
                if attempt == LOG_ATTEMPTS or isinstance(error, InaccessibleError):
                    raise
            else:
                return

    def _when(self) -> str:
        return f"{local(self._context.now()):{self._settings.log_date}}"

    # --- after a pass ---------------------------------------------------------------------------------

    async def _follow(self, before: Mapping[str, Entry]) -> None:
        """Skip this pass's own moves in the list of changes, and notice what arrived meanwhile."""
        if not self._store.capabilities.cursors or not self._cursor:
            return
        known = {(entry.key, entry.rev) for entry in before.values()}
        pages = self._store.changes(self._rule.source, self._cursor, recursive=self._rule.recursive)
        try:
            async for page in pages:
                new = {(entry.key, entry.rev) for entry in page.entries if self._counts(entry)}
                self._again = self._again or bool(new - known)
                self._cursor = page.cursor
        except CursorResetError:
            self._cursor = ""

    def _forget(self, entries: Sequence[Entry]) -> None:
        self._undated &= {(entry.key, entry.rev) for entry in entries}


def organize_name(rule: str) -> str:
    """Return the name of an organizing rule among all jobs."""
    return f"organize {rule}"


def _what(rule: OrganizeRule, move: PlannedMove) -> str:
    """Return what a move does, as reports count it."""
    if move.sorted:
        return "moved"
    duplicates = rule.duplicates
    return "duplicates" if duplicates and is_inside(split(move.to)[0], duplicates) else "unsorted"


def _halves(intents: Sequence[Intent], happened: set[str]) -> list[Intent]:
    """Return the moves that have not happened although another one of their unit has."""
    begun = {intent.unit for intent in intents if intent.move.token in happened}
    return [intent for intent in intents if intent.unit in begun and intent.move.token not in happened]


async def _tail(store: Store, log: Entry | None, start: int) -> tuple[bytes, bool]:
    """Return what follows an offset of the log, and whether the text before it does not end its line.

    If the log has become shorter, it is all that there is.
    """
    if log is None or log.size_bytes == 0:
        return b"", False
    if start == 0 or start > log.size_bytes:
        return await store.read_part(log, 0, log.size_bytes), False
    seen = await store.read_part(log, start - 1, log.size_bytes - start + 1)
    return seen[1:], seen[:1] != b"\n"

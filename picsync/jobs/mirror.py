"""Mirroring rules as jobs: each pass makes a folder of a store equal to a local folder (`core.mirror`).

What is remembered only saves work: the content hash of each version of a file, what the other side had as of
its cursor, and what both sides had when they were last equal. Without it, the files are read, and nothing is
sent that is there. A pass that was killed needs no repair: the next one compares both sides again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from picsync.aio.tasks import run_all
from picsync.core.contenthash import ContentHash
from picsync.core.errors import (
    CacheError,
    InaccessibleError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    QuotaError,
    RefusedError,
    TransientError,
)
from picsync.core.events import (
    About,
    CycleOutcome,
    Emit,
    Failure,
    FileMoved,
    FileSkipped,
    ItemFailed,
    PassFinished,
    PassKind,
    PassReport,
    PassStarted,
    StepsPlanned,
)
from picsync.core.mirror import (
    Here,
    MirrorPlan,
    Policy,
    Relocation,
    Sides,
    Theirs,
    There,
    Transfer,
    plan_mirror,
    unknown_contents,
)
from picsync.core.mirrorstate import IGNORED, Key, KnownFile, MirrorState, MirrorUpdate, Side, Why, ignoring
from picsync.core.model import Digest
from picsync.core.places import LOCAL, StorePlace, fold, parents
from picsync.core.plan import DeleteLimit, within_limit
from picsync.core.values import dataclass
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    CursorResetError,
    Entry,
    EntryKind,
    Move,
    Store,
    entries_of,
)
from picsync.system.control import Held, Requests

TRANSFERS = 8
"""Files that are sent concurrently, unless the store limits it further."""
READERS = 2
"""Files whose content hash is computed concurrently."""
SAVE_AFTER = 200
"""Steps between two writes of what is remembered."""
WATCH_AGAIN_S = 60.0
"""How long to wait after changes could not be watched."""

_FATAL = (InaccessibleError, LoginNeeded, QuotaError)
"""Errors after which no other file can be sent either."""


@dataclass(frozen=True, slots=True)
class Mirroring:
    """The settings of one rule."""

    name: str
    source: str
    """The local folder."""
    to: StorePlace
    ignore: tuple[str, ...] = ()
    """In addition to the defaults."""
    delete: bool = True
    theirs: Theirs = Theirs.REVERT
    limit: DeleteLimit | None = None
    """None for the default limit."""
    dry_run: bool = False

    @property
    def arguments(self) -> str:
        """What remembered files depend on."""
        return json.dumps([self.source, str(self.to)])


class Memory(Protocol):
    """Where a mirror remembers files."""

    async def mirror(self, name: str) -> MirrorState | None:
        """Return what is stored of a mirror; raises CacheError."""

    async def record_mirror(self, name: str, update: MirrorUpdate) -> None:
        """Store what has changed; raises CacheError."""


@dataclass(frozen=True, slots=True)
class MirrorContext:
    """What all mirroring rules of a configuration share."""

    stores: Mapping[str, Store]
    """By account."""
    memory: Memory
    requests: Requests
    emit: Emit
    leaving: Callable[[], bool]
    """Whether a pass should start no new step."""
    allowed: set[str] = field(default_factory=set)
    """Jobs whose next pass may delete everything that is due; that pass removes its entry."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Progress:
    """What one pass has done so far."""

    found: int = 0
    done: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    held: int = 0
    stopped: bool = False


@dataclass(slots=True)
class _Known:
    """What is remembered, and what has changed of it since it was last written."""

    arguments: str
    cursor: str = ""
    files: dict[Key, KnownFile] = field(default_factory=dict)
    changed: dict[Key, KnownFile] = field(default_factory=dict)
    removed: set[Key] = field(default_factory=set)
    fresh: bool = True
    """Whether nothing of what is stored holds."""

    def of(self, side: Side, path: str) -> KnownFile | None:
        """Return what is remembered of a path."""
        return self.files.get((side, path))

    def all_of(self, side: Side) -> dict[str, KnownFile]:
        """Return what is remembered, by path."""
        return {path: one for (its, path), one in self.files.items() if its is side}

    def put(self, one: KnownFile) -> None:
        """Remember a file."""
        key = (one.side, one.path)
        if self.files.get(key) != one:
            self.files[key] = self.changed[key] = one
            self.removed.discard(key)

    def drop(self, side: Side, path: str) -> None:
        """Forget a file."""
        key = (side, path)
        if self.files.pop(key, None) is not None:
            self.changed.pop(key, None)
            self.removed.add(key)

    def keep_only(self, side: Side, paths: Collection[str]) -> None:
        """Forget all other paths of a side."""
        for its, path in [*self.files]:
            if its is side and path not in paths:
                self.drop(its, path)

    def update(self) -> MirrorUpdate:
        """Return what has changed, and forget that it has."""
        found = MirrorUpdate(
            self.arguments, self.cursor, [*self.changed.values()], [*self.removed], replace=self.fresh
        )
        self.changed, self.removed, self.fresh = {}, set(), False
        return found


@dataclass(slots=True)
class _Look:
    """Both sides as a pass sees them."""

    here: dict[str, Entry] = field(default_factory=dict)
    there: dict[str, Entry] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    left_out: dict[str, Why] = field(default_factory=dict)
    """Paths that take no part, with the reason."""
    hashes: dict[tuple[bool, str], str] = field(default_factory=dict)
    """By whether it is a file of this side, and its path."""
    notes: dict[str, str] = field(default_factory=dict)
    """What is to be said about a path that takes no part."""


class MirrorJob:
    """A mirroring rule."""

    def __init__(
        self,
        settings: Mirroring,
        every: timedelta | None,
        context: MirrorContext,
        *,
        feeds: frozenset[str] = frozenset(),
    ) -> None:
        """Create the job; `feeds` are the names of the jobs that read what it writes."""
        self._settings = settings
        self._every = every
        self._context = context
        self._feeds = feeds
        self._here = context.stores[LOCAL]
        self._there = context.stores[settings.to.account]
        self._ignored = ignoring((*IGNORED, *settings.ignore))
        self._refused: dict[str, str] = {}
        """Path and version of files that the store refuses, which are not tried in each pass."""
        self._cursor = ""

    @property
    def name(self) -> str:
        """The rule's name among all jobs."""
        return mirror_name(self._settings.name)

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"Mirror {self._settings.name}"

    @property
    def every(self) -> timedelta | None:
        """Interval between two passes."""
        return self._every

    @property
    def feeds(self) -> frozenset[str]:
        """The names of the jobs that read what this one writes."""
        return self._feeds

    async def run(self) -> PassReport:
        """Run one pass."""
        started = self._context.now()
        self._context.emit(PassStarted(self.name, PassKind.MIRROR, self._settings.dry_run))
        progress = _Progress()
        try:
            await self._pass(progress)
        except PicsyncError as error:
            account = self._settings.to.account
            progress.failures.append(Failure(self.name, error, About.RULE, account=account))
        report = self._report(progress, self._context.now() - started)
        self._context.emit(PassFinished(report))
        return report

    def failed(self, error: PicsyncError) -> PassReport:
        """Report a pass that ended with an unhandled error."""
        report = self._report(_Progress(failures=[Failure(self.name, error, About.RULE)]), timedelta(0))
        self._context.emit(PassFinished(report))
        return report

    async def triggered(self) -> None:
        """Return once something has changed here, or on the other side if that tells."""
        watched = [asyncio.ensure_future(self._changed(self._here, self._settings.source, ""))]
        if self._there.capabilities.cursors and self._cursor:
            place = self._settings.to.path
            watched.append(asyncio.ensure_future(self._changed(self._there, place, self._cursor)))
        try:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in watched:
                each.cancel()
            await asyncio.wait(watched)

    async def _changed(self, store: Store, folder: str, cursor: str) -> None:
        while True:
            try:
                await store.changed(folder, cursor, recursive=True)
            except CursorResetError:
                return  # The next pass lists the folder.
            except PicsyncError:
                # The next pass reports it, if it lasts.
                await self._context.sleep(WATCH_AGAIN_S)
                continue
            return

    def _report(self, progress: _Progress, took: timedelta) -> PassReport:
        outcome = CycleOutcome.DONE
        if progress.stopped:
            outcome = CycleOutcome.STOPPED
        if progress.failures:
            login = any(isinstance(each.error, LoginNeeded) for each in progress.failures)
            outcome = CycleOutcome.LOGIN_NEEDED if login else CycleOutcome.FAILED
        return PassReport(
            self.name,
            PassKind.MIRROR,
            outcome,
            dry_run=self._settings.dry_run,
            duration_s=took.total_seconds(),
            found=progress.found,
            done=dict(progress.done),
            left=dict(progress.left),
            held=progress.held,
            failures=tuple(progress.failures),
        )

    # --- a pass ---------------------------------------------------------------------------------------

    async def _pass(self, progress: _Progress) -> None:
        known = await self._recall()
        look = _Look()
        await self._list_here(look)
        await self._list_there(look, known)
        progress.found = sum(entry.is_file for entry in look.here.values())
        self._recognize(look, known)
        policy, permitted = await self._policy()
        while await self._hash_unknown(look, known, policy):
            pass
        plan = plan_mirror(self._sides(look, known), policy)
        digests = {_held_digest(other) for other in plan.held}
        total = sum(entry.is_file for entry in look.there.values())
        if plan.held and self._may(digests, permitted, total):
            policy = replace(policy, may_delete=lambda _files, _of: True)
            plan = plan_mirror(self._sides(look, known), policy)
        progress.held = len(plan.held)
        self._tell_skipped(look, plan, known, progress)
        if self._settings.dry_run:
            self._predict(plan, progress)
            return
        try:
            await self._carry_out(plan, look, known, progress)
        finally:
            await self._save(known)
        if progress.done:
            await self._follow(look, known)
        self._cursor = known.cursor
        held = Held(self.name, frozenset(digests), total) if plan.held else None
        good = not progress.failures and not progress.stopped
        try:
            await asyncio.to_thread(self._context.requests.note_held, self.name, held, carried_out=good)
        except CacheError:
            if held is not None:
                raise

    async def _recall(self) -> _Known:
        arguments = self._settings.arguments
        try:
            stored = await self._context.memory.mirror(self.name)
        except CacheError:
            stored = None  # Without it, more files are read.
        if stored is None or stored.arguments not in (arguments, ""):
            return _Known(arguments)
        return _Known(arguments, stored.cursor, dict(stored.files), fresh=False)

    async def _save(self, known: _Known) -> None:
        if not self._settings.dry_run:
            await self._context.memory.record_mirror(self.name, known.update())

    # --- both sides -----------------------------------------------------------------------------------

    async def _list_here(self, look: _Look) -> None:
        """List the local folder; waits once for files that are being written."""
        source = self._settings.source
        for again in (True, False):
            listed, unlisted, _ = await entries_of(self._here, source, recursive=True)
            look.here = {_below(entry.path, source): entry for entry in listed}
            waiting = any(not entry.settled and not self._ignored(path) for path, entry in look.here.items())
            if not again or not waiting:
                break
            await self._context.sleep(self._here.capabilities.quiet_s)
        for path, entry in [*look.here.items()]:
            if entry.kind not in (EntryKind.FILE, EntryKind.FOLDER) and not self._ignored(path):
                look.left_out[path] = Why.NOT_A_FILE
                del look.here[path]
        for each in unlisted:
            path = _below(each.path, source)
            look.unread.append(path)
            if not self._ignored(path):
                look.left_out[path], look.notes[path] = Why.UNREADABLE, each.error.message

    async def _list_there(self, look: _Look, known: _Known) -> None:
        """List the other side, or only what has changed there since the last pass."""
        place = self._settings.to.path
        try:
            listed = await self._listed_there(look, known)
        except NotFoundError:
            # The first transfer creates it.
            listed, known.cursor = [], ""
        look.there = {_below(entry.path, place): entry for entry in listed}
        if not self._there.capabilities.cursors:
            return
        known.keep_only(Side.THERE, look.there)
        for path, entry in look.there.items():
            known.put(_there_file(path, entry))

    async def _listed_there(self, look: _Look, known: _Known) -> list[Entry]:
        place = self._settings.to.path
        if self._there.capabilities.cursors and known.cursor:
            entries = {fold(path): _entry_of(place, one) for path, one in known.all_of(Side.THERE).items()}
            try:
                async for page in self._there.changes(place, known.cursor, recursive=True):
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
        listed, unlisted, known.cursor = await entries_of(self._there, place, recursive=True)
        for each in unlisted:
            path = _below(each.path, place)
            look.left_out[path], look.notes[path] = Why.UNLISTED, each.error.message
        return listed

    def _recognize(self, look: _Look, known: _Known) -> None:
        """Fill in the content hashes that are known of these versions."""
        for path, entry in look.there.items():
            if not entry.is_file:
                continue
            memo = known.of(Side.THERE, path)
            if entry.content_hash:
                look.hashes[False, path] = entry.content_hash
            elif memo is not None and memo.rev == entry.rev and memo.content_hash:
                look.hashes[False, path] = memo.content_hash
        for path, entry in look.here.items():
            if not entry.is_file:
                continue
            memo, equal = known.of(Side.HERE, path), known.of(Side.EQUAL, path)
            other = look.there.get(path)
            if memo is not None and (memo.rev, memo.inode) == (entry.rev, entry.id) and memo.content_hash:
                look.hashes[True, path] = memo.content_hash
            elif (
                equal is not None
                and other is not None
                and not equal.content_hash
                and equal.rev == other.rev
                and other.size_bytes == entry.size_bytes
                and _second(equal.modified_at) == _second(entry.modified_at)
                and (content := look.hashes.get((False, path)))
            ):
                # Imported: both sides were equal in these versions.
                look.hashes[True, path] = content
        known.keep_only(Side.HERE, look.here)

    def _sides(self, look: _Look, known: _Known) -> Sides:
        left_out = {*look.left_out}

        def takes_part(path: str) -> bool:
            return path not in left_out and not any(one in left_out for one in parents(path))

        here = [
            Here(
                path,
                folder=not entry.is_file,
                size_bytes=entry.size_bytes,
                content_hash=look.hashes.get((True, path), ""),
                changing=not entry.settled,
            )
            for path, entry in look.here.items()
            if takes_part(path)
        ]
        there = [
            There(
                path,
                folder=entry.kind is EntryKind.FOLDER,
                size_bytes=entry.size_bytes,
                content_hash=look.hashes.get((False, path), ""),
                rev=entry.rev,
            )
            for path, entry in look.there.items()
            if entry.kind in (EntryKind.FILE, EntryKind.FOLDER) and takes_part(path)
        ]
        before = {}
        for path, one in known.all_of(Side.EQUAL).items():
            other = look.there.get(path)
            imported = other is not None and not one.content_hash and one.rev == other.rev
            before[path] = look.hashes.get((False, path), "") if imported else one.content_hash
        # What could not be read, or is no file, is not gone.
        unread = [*look.unread, *(path for path, why in look.left_out.items() if why is not Why.UNLISTED)]
        return Sides(here, there, {path: one for path, one in before.items() if one}, unread)

    async def _hash_unknown(self, look: _Look, known: _Known, policy: Policy) -> bool:
        """Compute content hashes that decide something; return whether there were any."""
        here, there = unknown_contents(self._sides(look, known), policy)
        wanted = [(True, one.path) for one in here] + [(False, other.path) for other in there]
        reading = asyncio.Semaphore(READERS)

        async def one_hash(is_here: bool, path: str) -> None:
            async with reading:
                await self._hash(look, known, path, is_here=is_here)

        for at in range(0, len(wanted), SAVE_AFTER):
            if self._context.leaving():
                raise TransientError("The pass was stopped while it read files.")
            await run_all(*(one_hash(*each) for each in wanted[at : at + SAVE_AFTER]))
            await self._save(known)
        return bool(wanted)

    async def _hash(self, look: _Look, known: _Known, path: str, *, is_here: bool) -> None:
        side = look.here if is_here else look.there
        entry = side[path]
        try:
            content = await (self._here if is_here else self._there).content_hash(entry)
        except ChangedError:
            look.left_out[path] = Why.UNSETTLED
        except _FATAL as error:
            if not is_here:
                raise
            look.left_out[path], look.notes[path] = Why.UNREADABLE, error.message
        except PicsyncError as error:
            look.left_out[path], look.notes[path] = Why.UNREADABLE, error.message
        else:
            look.hashes[is_here, path] = content
            known.put(_here_file(path, entry, content) if is_here else _there_file(path, entry, content))

    # --- the plan -------------------------------------------------------------------------------------

    async def _policy(self) -> tuple[Policy, frozenset[Digest] | None]:
        """Return the policy, and the deletes that the operator permits; None for all of them."""
        settings = self._settings
        permitted: frozenset[Digest] | None = None
        if self.name in self._context.allowed:
            self._context.allowed.discard(self.name)
        else:
            permitted = await asyncio.to_thread(self._context.requests.allowed, self.name)
        policy = Policy(
            delete=settings.delete,
            theirs=settings.theirs,
            ignored=self._ignored,
            key=fold if self._there.capabilities.folds_names else lambda path: path,
            may_delete=lambda files, of: within_limit(settings.limit, files, of),
        )
        return policy, permitted

    def _may(self, due: set[Digest], permitted: frozenset[Digest] | None, total: int) -> bool:
        if permitted is None:
            return True
        beyond = len(due - permitted)
        return not beyond or (beyond < len(due) and within_limit(self._settings.limit, beyond, total))

    def _tell_skipped(self, look: _Look, plan: MirrorPlan, known: _Known, progress: _Progress) -> None:
        """Report what takes no part, each version once."""
        skipped: dict[str, Why] = {**look.left_out}
        skipped |= {one.path: Why(one.why.value) for one in plan.skipped}
        skipped |= dict.fromkeys(plan.kept, Why.KEPT)
        for path, entry in look.here.items():
            if not entry.settled and not self._ignored(path):
                skipped.setdefault(path, Why.UNSETTLED)
        for path, rev in [*self._refused.items()]:
            if path in look.here and look.here[path].rev == rev:
                skipped.setdefault(path, Why.REFUSED)
            else:
                del self._refused[path]
        for path, why in skipped.items():
            self._skip(look, known, path, why, progress)
        # What the store has refused is only known again once it is tried.
        refused = {
            path
            for path, one in known.all_of(Side.SKIPPED).items()
            if path in look.here and one.rev.startswith(f"{Why.REFUSED}:")
        }
        known.keep_only(Side.SKIPPED, {*skipped, *refused})

    def _skip(self, look: _Look, known: _Known, path: str, why: Why, progress: _Progress) -> None:
        progress.left[why] += 1
        entry = look.here.get(path) or look.there.get(path)
        one = KnownFile(Side.SKIPPED, path, rev=f"{why}:{entry.rev if entry else ''}")
        if known.of(Side.SKIPPED, path) != one:
            known.put(one)
            if why is not Why.UNSETTLED:
                self._context.emit(FileSkipped(self.name, path, why, look.notes.get(path, "")))

    def _predict(self, plan: MirrorPlan, progress: _Progress) -> None:
        steps = [("move", move.there.path, move.to.path) for move in plan.moves]
        steps += [("delete", other.path, "") for other in plan.clear]
        steps += [("create", path, "") for path in plan.folders]
        steps += [("send", one.here.path, "") for one in plan.transfers]
        steps += [("delete", other.path, "") for other in plan.deletes]
        steps += [("hold", other.path, "") for other in plan.held]
        words = {"move": "moved", "delete": "deleted", "create": "folders", "send": "sent"}
        for what, _, _ in steps:
            if what in words:
                progress.done[words[what]] += 1
        self._context.emit(StepsPlanned(self.name, tuple(steps)))

    # --- the steps ------------------------------------------------------------------------------------

    async def _carry_out(self, plan: MirrorPlan, look: _Look, known: _Known, progress: _Progress) -> None:
        for one, other in plan.equal:
            known.put(
                _equal_file(one.path, look.here[one.path], look.there[other.path].rev, one.content_hash)
            )
        known.keep_only(Side.EQUAL, {*look.here})
        if not self._there.capabilities.cursors:
            known.keep_only(Side.THERE, look.there)
        await self._save(known)
        steps = _Steps(self, look, known, progress)
        await steps.move(plan.moves)
        await steps.delete(plan.clear)
        await steps.make(plan.folders)
        await steps.send([one for one in plan.transfers if one.here.path not in self._refused])
        await steps.delete(plan.deletes)

    async def _follow(self, look: _Look, known: _Known) -> None:
        """Skip this pass's own changes in the list of changes."""
        if not self._there.capabilities.cursors:
            return
        try:
            await self._list_there(look, known)
        except PicsyncError:
            return  # The next pass reports it, if it lasts.
        await self._save(known)


class _Steps:
    """Carries out the steps of a plan."""

    def __init__(self, job: MirrorJob, look: _Look, known: _Known, progress: _Progress) -> None:
        self._job = job
        self._settings = job._settings  # noqa: SLF001 - of the same module
        self._context = job._context  # noqa: SLF001
        self._here = job._here  # noqa: SLF001
        self._there = job._there  # noqa: SLF001
        self._look = look
        self._known = known
        self._progress = progress

    def _place(self, path: str) -> str:
        return f"{self._settings.to.path.rstrip('/')}{path}"

    def _leaving(self) -> bool:
        self._progress.stopped = self._progress.stopped or self._context.leaving()
        return self._progress.stopped

    def _fail(self, path: str, error: PicsyncError) -> None:
        """Report a step that failed; raises if no other one can succeed."""
        if isinstance(error, _FATAL):
            raise error
        if isinstance(error, ChangedError | ConflictError | NotFoundError):
            self._progress.left[Why.UNSETTLED] += 1  # The next pass looks again.
        elif isinstance(error, RefusedError):
            self._look.notes[path] = error.message
            if path in self._look.here:
                self._job._refused[path] = self._look.here[path].rev  # noqa: SLF001
            self._job._skip(self._look, self._known, path, Why.REFUSED, self._progress)  # noqa: SLF001
        else:
            self._progress.failures.append(Failure(path, error, account=self._settings.to.account))
            self._context.emit(ItemFailed(self._job.name, path, error))

    def _arrived(self, path: str, entry: Entry, content_hash: str) -> None:
        """Remember a file that is equal on both sides now."""
        here = self._look.here[path]
        entry = replace(entry, content_hash=content_hash)
        self._known.put(_here_file(path, here, content_hash))
        self._known.put(_there_file(path, entry, content_hash))
        self._known.put(_equal_file(path, here, entry.rev, content_hash))

    async def move(self, moves: Sequence[Relocation]) -> None:
        """Move files that were renamed or moved here."""
        size = self._there.capabilities.batch
        for at in range(0, len(moves), size):
            if self._leaving():
                return
            batch = moves[at : at + size]
            asked = [
                Move(self._look.there[one.there.path], self._place(one.to.path), secrets.token_hex(8))
                for one in batch
            ]
            for one, moved in zip(batch, await self._there.move_all(asked), strict=True):
                entry, error = moved.entry, moved.error
                if isinstance(error, TransientError) and not isinstance(error, (ChangedError, *_FATAL)):
                    entry = await self._there.settle(moved.move)
                if entry is None:
                    if error is not None:
                        self._fail(one.to.path, error)
                    continue
                self._progress.done["moved"] += 1
                self._known.drop(Side.THERE, one.there.path)
                self._known.drop(Side.EQUAL, one.there.path)
                self._arrived(one.to.path, entry, one.to.content_hash)
                self._context.emit(FileMoved(self._job.name, one.there.path, one.to.path))
            await self._job._save(self._known)  # noqa: SLF001

    async def delete(self, some: Sequence[There]) -> None:
        """Delete files and then folders, one after the other: the inner ones come first."""
        for number, other in enumerate(some, 1):
            if self._leaving():
                return
            try:
                await self._there.delete(self._look.there[other.path])
            except PicsyncError as error:
                self._fail(other.path, error)
                continue
            self._progress.done["deleted"] += 1
            self._known.drop(Side.THERE, other.path)
            self._known.drop(Side.EQUAL, other.path)
            if number % SAVE_AFTER == 0:
                await self._job._save(self._known)  # noqa: SLF001

    async def make(self, folders: Sequence[str]) -> None:
        """Create empty folders."""
        for path in folders:
            if self._leaving():
                return
            try:
                await self._there.make_folder(self._place(path))
            except PicsyncError as error:
                self._fail(path, error)
            else:
                self._progress.done["folders"] += 1

    async def send(self, transfers: Sequence[Transfer]) -> None:
        """Send files."""
        sending = asyncio.Semaphore(TRANSFERS)

        async def one(transfer: Transfer) -> None:
            async with sending:
                if not self._leaving():
                    await self._send_one(transfer)

        for at in range(0, len(transfers), SAVE_AFTER):
            await run_all(*(one(each) for each in transfers[at : at + SAVE_AFTER]))
            await self._job._save(self._known)  # noqa: SLF001

    async def _send_one(self, transfer: Transfer) -> None:
        path, here = transfer.here.path, self._look.here[transfer.here.path]
        content = _Content(self._here, here)
        try:
            if transfer.replaces is None:
                entry = await self._there.write(
                    self._place(path), content.read, here.size_bytes, modified_at=here.modified_at
                )
            else:
                entry = await self._there.replace(
                    self._look.there[transfer.replaces.path],
                    content.read,
                    here.size_bytes,
                    modified_at=here.modified_at,
                )
            digest = content.digest or await self._here.content_hash(here)
            if entry.content_hash and entry.content_hash != digest:
                raise ChangedError(f"{path} has changed while it was sent.")
        except PicsyncError as error:
            self._fail(path, error)
            return
        self._progress.done["sent"] += 1
        self._arrived(path, entry, digest)


class _Content:
    """The bytes of a file, whose content hash is computed as they are sent."""

    def __init__(self, store: Store, entry: Entry) -> None:
        self._store = store
        self._entry = entry
        self.digest = ""
        """Empty unless the bytes were read from the beginning to the end."""

    async def read(self, start: int) -> AsyncIterator[bytes]:
        found = ContentHash()
        try:
            async for chunk in self._store.read(self._entry, start):
                found.update(chunk)
                yield chunk
        except InaccessibleError as error:
            # Of this file; other files may be readable.
            raise RefusedError(error.message, status=0, hint=error.hint) from error
        self.digest = "" if start else found.hexdigest()


def mirror_name(rule: str) -> str:
    """Return the name of a mirroring rule among all jobs."""
    return f"mirror {rule}"


def _below(path: str, folder: str) -> str:
    """Return a path relative to a folder, with a leading slash."""
    return path[len(folder.rstrip("/")) :] or "/"


def _entry_of(folder: str, one: KnownFile) -> Entry:
    """Return the remembered entry of the other side."""
    path = f"{folder.rstrip('/')}{one.path}"
    kind = EntryKind.FOLDER if one.size_bytes is None else EntryKind.FILE
    return Entry(path, kind, rev=one.rev, size_bytes=one.size_bytes or 0, content_hash=one.content_hash)


def _there_file(path: str, entry: Entry, content_hash: str = "") -> KnownFile:
    size = entry.size_bytes if entry.is_file else None
    return KnownFile(Side.THERE, path, size, rev=entry.rev, content_hash=content_hash or entry.content_hash)


def _here_file(path: str, entry: Entry, content_hash: str) -> KnownFile:
    return KnownFile(Side.HERE, path, entry.size_bytes, entry.modified_at, entry.id, entry.rev, content_hash)


def _equal_file(path: str, here: Entry, rev: str, content_hash: str) -> KnownFile:
    return KnownFile(Side.EQUAL, path, here.size_bytes, here.modified_at, "", rev, content_hash)


def _held_digest(other: There) -> Digest:
    """Return what identifies a held delete: the path in this version."""
    text = f"{other.path}\0{other.rev}".encode("utf-8", "surrogatepass")
    return Digest("sha256", hashlib.sha256(text).hexdigest())


def _second(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() // 1)

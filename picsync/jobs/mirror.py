"""Mirroring rules as jobs: each pass makes a folder of a store equal to a local folder (`core.mirror`).

What is remembered only saves work: the content hash of each version of a file, what the other side had as of
its cursor, and what both sides had when they were last equal. Without it, the files are read, and nothing is
sent that is there. A pass that was killed needs no repair: the next one compares both sides again.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field, replace
from datetime import timedelta

from picsync.aio.tasks import cancel_and_wait, run_all
from picsync.core.errors import CacheError, PicsyncError, TransientError
from picsync.core.events import Emit, FileMoved, FileSkipped, PassKind, StepsPlanned
from picsync.core.mirror import MirrorPlan, Policy, Theirs, There, plan_mirror
from picsync.core.mirrorstate import IGNORED, KnownFile, Side, Why, ignoring, mirror_name
from picsync.core.model import Digest
from picsync.core.places import LOCAL, StorePlace, fold
from picsync.core.plan import DeleteLimit, within_limit
from picsync.core.values import dataclass
from picsync.jobs.mirrorlook import Look
from picsync.jobs.mirrormemory import Known, Memory, equal_file
from picsync.jobs.mirrorsteps import SAVE_AFTER, Steps, StepsContext
from picsync.jobs.passes import PassJob, PassRule, Progress
from picsync.stores.base import Store
from picsync.system.control import Held, Requests

READERS = 2
"""Files whose content hash is computed concurrently."""


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
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class MirrorJob(PassJob):
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
        rule = PassRule(
            mirror_name(settings.name),
            f"Mirror {settings.name}",
            PassKind.MIRROR,
            settings.to.account,
            every,
            feeds,
            settings.dry_run,
        )
        super().__init__(rule, emit=context.emit, sleep=context.sleep)
        self._settings = settings
        self._context = context
        self._here = context.stores[LOCAL]
        self._there = context.stores[settings.to.account]
        self._ignored = ignoring((*IGNORED, *settings.ignore))
        self._refused: dict[str, str] = {}
        """Path and version of files that the store refuses, which are not tried in each pass."""
        self._cursor = ""
        self._cursor_here = ""

    async def triggered(self) -> None:
        """Return once something has changed here, or on the other side if that tells."""
        settings = self._settings
        here = self._changed(self._here, settings.source, self._cursor_here, recursive=True)
        watched = [asyncio.ensure_future(here)]
        if self._there.capabilities.cursors and self._cursor:
            changed = self._changed(self._there, settings.to.path, self._cursor, recursive=True)
            watched.append(asyncio.ensure_future(changed))
        try:
            done, _ = await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            await cancel_and_wait(*watched)

    # --- a pass ---------------------------------------------------------------------------------------

    async def _pass(self, progress: Progress) -> None:
        known = await self._recall()
        settings = self._settings
        look = Look(self._here, settings.source, self._there, settings.to, self._ignored)
        await look.list_here(self._context.sleep)
        await look.list_there(known)
        progress.found = look.files_here
        self._cursor_here = look.cursor_here
        policy, permitted = await self._policy()
        known.rename_equal(look.here, policy.key)
        look.recognize(known)
        while await self._read_unknown(look, known, policy):
            pass
        plan = plan_mirror(look.sides(known), policy)
        digests = {_held_digest(other) for other in plan.held}
        total = look.files_there
        if plan.held and self._may(digests, permitted, total):
            policy = replace(policy, may_delete=lambda _files, _of: True)
            plan = plan_mirror(look.sides(known), policy)
        held = Held(self.name, frozenset(digests), total) if plan.held else None
        progress.held, progress.held_key = len(plan.held), "" if held is None else held.key
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
        good = not progress.failures and not progress.stopped
        try:
            await asyncio.to_thread(self._context.requests.note_held, self.name, held, carried_out=good)
        except CacheError:
            if held is not None:
                raise

    async def _recall(self) -> Known:
        arguments = self._settings.arguments
        try:
            stored = await self._context.memory.mirror(self.name)
        except CacheError:
            stored = None  # Without it, more files are read.
        if stored is None or stored.arguments not in (arguments, ""):
            return Known(arguments)
        return Known(arguments, stored.cursor, dict(stored.files), fresh=False)

    async def _save(self, known: Known) -> None:
        if not self._settings.dry_run:
            await self._context.memory.record_mirror(self.name, known.update())

    async def _read_unknown(self, look: Look, known: Known, policy: Policy) -> bool:
        """Compute content hashes that decide something; return whether there were any."""
        wanted = look.unknown(known, policy)
        reading = asyncio.Semaphore(READERS)

        async def one(is_here: bool, path: str) -> None:
            async with reading:
                await look.read(known, path, is_here=is_here)

        for at in range(0, len(wanted), SAVE_AFTER):
            if self._context.leaving():
                raise TransientError("The pass was stopped while it read files.")
            await run_all(*(one(*each) for each in wanted[at : at + SAVE_AFTER]))
            await self._save(known)
        return bool(wanted)

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

    def _tell_skipped(self, look: Look, plan: MirrorPlan, known: Known, progress: Progress) -> None:
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

    def _skip(self, look: Look, known: Known, path: str, why: Why, progress: Progress) -> None:
        progress.left[why] += 1
        entry = look.here.get(path) or look.there.get(path)
        one = KnownFile(Side.SKIPPED, path, rev=f"{why}:{entry.rev if entry else ''}")
        if known.of(Side.SKIPPED, path) != one:
            known.put(one)
            if why is not Why.UNSETTLED:
                self._emit(FileSkipped(self.name, path, why, look.notes.get(path, "")))

    def _predict(self, plan: MirrorPlan, progress: Progress) -> None:
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
        self._emit(StepsPlanned(self.name, tuple(steps)))

    # --- the steps ------------------------------------------------------------------------------------

    async def _carry_out(self, plan: MirrorPlan, look: Look, known: Known, progress: Progress) -> None:
        for one, other in plan.equal:
            known.put(equal_file(one.path, look.here[one.path], look.there[other.path].rev, one.content_hash))
        # What is gone here and still there was equal before: its delete may be held, or be switched off.
        known.keep_only(Side.EQUAL, {*look.here, *look.there})
        if not self._there.capabilities.cursors:
            known.keep_only(Side.THERE, look.there)
        await self._save(known)

        def refused(path: str, error: PicsyncError) -> None:
            look.notes[path] = error.message
            if path in look.here:
                self._refused[path] = look.here[path].rev
            self._skip(look, known, path, Why.REFUSED, progress)

        steps = Steps(
            StepsContext(
                self._here,
                self._there,
                self._settings.to.path,
                look,
                known,
                progress,
                self._context.leaving,
                lambda: self._save(known),
                lambda old, new: self._emit(FileMoved(self.name, old, new)),
                refused,
                lambda path, error: self._fail(path, error, progress),
            )
        )
        await steps.move([one for one in plan.moves if one.to.path not in self._refused])
        await steps.delete(plan.clear)
        await steps.make([path for path in plan.folders if path not in self._refused])
        await steps.send([one for one in plan.transfers if one.here.path not in self._refused])
        await steps.delete(plan.deletes)

    async def _follow(self, look: Look, known: Known) -> None:
        """Skip this pass's own changes in the list of changes."""
        if not self._there.capabilities.cursors:
            return
        try:
            await look.list_there(known)
        except PicsyncError:
            return  # The next pass reports it, if it lasts.
        await self._save(known)


def _held_digest(other: There) -> Digest:
    """Return what identifies a held delete: the path in this version."""
    text = f"{other.path}\0{other.rev}".encode("utf-8", "surrogatepass")
    return Digest("sha256", hashlib.sha256(text).hexdigest())

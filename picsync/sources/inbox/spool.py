"""The three folders of one spool.

A file is taken in by one rename from `incoming` to `work`, so that of several processes that try,
one succeeds. It goes on by one rename to `done`. What is in `work` at a start is continued; so only one
installation may work there, which the store ensures (`Store.own`). Others list what is in `done`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from picsync.aio.tasks import run_all
from picsync.core.errors import InaccessibleError, NotFoundError, PicsyncError, RefusedError
from picsync.core.places import MAX_NAME_BYTES, fold, join, with_suffix
from picsync.core.skipping import skipped_file, skipped_folder
from picsync.core.values import dataclass
from picsync.media.formats import promised
from picsync.observe.words import counted
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.record import MAX_RECORD_BYTES, RECORD, read_record, recorded, write_record
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    Content,
    Entry,
    Move,
    Moved,
    Store,
)
from picsync.stores.contents import FolderContents

REASON = ".reason.txt"
MAX_ITEM_BYTES = MAX_NAME_BYTES - len(REASON)
"""What follows the name of a file that failed in the name of the file that says why."""
MAX_REASON_BYTES = 64 * 1024
JOB = "Rule: "
"""What precedes, in a reason, the name of the job whose frame could not show the file, as a JSON string."""
TRIES = 3
"""How often a file gets another name because something else has got it meanwhile."""


class Stage(StrEnum):
    """Where a file is."""

    INCOMING = "incoming"
    WORK = "work"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file of the album."""

    entry: Entry
    path: str
    """Below `done`, where it is or will be."""
    stage: Stage
    failed: frozenset[str] = frozenset()
    """The jobs whose frames cannot show it."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many files are in the folders."""

    incoming: int
    work: int
    failed: int
    done: int


class Spool:
    """A spool; its methods must not run concurrently, except `read`."""

    def __init__(
        self,
        entry: InboxEntry,
        store: Store,
        *,
        owner: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`owner` names this installation; it is asked for when there is something to take in."""
        self.entry = entry
        self.store = store
        self.lock = asyncio.Lock()
        self.takes_in = False
        """Whether listings take in what has arrived."""
        self.remarks: list[str] = []
        """What the last listing has to say."""
        self._owner = owner
        self._sleep = sleep
        self._now = now
        self._incoming = FolderContents(store, entry.incoming.path)
        self._work = FolderContents(store, entry.work.path)
        self._done = FolderContents(store, entry.done.path, recursive=True)
        self._since: dict[str, datetime] = {}
        self._record: Entry | None = None
        self._elsewhere = ""
        """Who else works in the spool."""
        self._owned = False
        """Whether this installation works in the spool."""
        self._joined = False
        """Whether the folders are known to be on one volume."""
        self._failed: dict[str, tuple[str, frozenset[str]]] = {}
        """Name of a file in `work` that failed -> version of the reason, and the jobs that it names."""
        self._files: dict[str, Spooled] = {}
        """The album as it was last listed, by path below `done`."""

    @property
    def cursor(self) -> str:
        """The cursor of the last listing of `incoming`."""
        return self._incoming.cursor

    # --- the album ------------------------------------------------------------------------------------

    @property
    def album(self) -> Collection[Spooled]:
        """The album as it was last listed."""
        return self._files.values()

    async def look(self) -> None:
        """Bring the album up to date; take in what has arrived if `takes_in`. Raises as the store does.

        Then it also waits, once, for files that are still being written.
        """
        self.remarks = []
        if not self._joined:
            apart = await self.store.one_volume([place.path for place in self.entry.folders])
            if apart:
                raise InaccessibleError(
                    f"{apart}: files cannot be moved from one to the other by renaming them.",
                    hint="Put `incoming`, `work` and `done` into folders of one file system. In a container,"
                    " mount the folder that contains all three.",
                )
        await self._look_at_all()
        self._joined = True
        if self.takes_in and self._being_written():
            await self._sleep(self.store.capabilities.quiet_s)
            await self._look(self._incoming)
        if waiting := self._being_written():
            more = f" and {counted(len(waiting) - 1, 'other file')}" if len(waiting) > 1 else ""
            what = f"{waiting[0].name}{more} in {self.entry.incoming}"
            self.remarks.append(f"{what}: still being written; a later cycle looks again.")
        try:
            if self.takes_in:
                await self._take_in()
        finally:
            self._files = {each.path: each for each in self._album()}

    async def _look_at_all(self) -> None:
        await run_all(*(self._look(folder) for folder in (self._incoming, self._work, self._done)))
        await self._read_record()
        await self._read_reasons()

    async def _look(self, folder: FolderContents) -> None:
        try:
            await folder.look()
        except NotFoundError as error:
            raise InaccessibleError(error.message, hint=error.hint) from error

    def _album(self) -> Iterator[Spooled]:
        kept = None if self.entry.keep is None else self.entry.keep.before(self._now())
        for entry in self._done.files():
            path = entry.path[len(self._done.path) :].lstrip("/")
            if not self._is_medium(path) or not self._is_complete(entry, path):
                continue
            if kept is None or self._since.get(path, self._now()) > kept:
                yield Spooled(entry, path, Stage.DONE)
        if not self._elsewhere:
            yield from self._not_done()

    def _not_done(self) -> Iterator[Spooled]:
        done = self._done.names()
        for entry in self._unfinished():
            if promised(entry.name) is not None and fold(entry.name) not in done:
                yield Spooled(entry, entry.name, Stage.WORK)
        for entry in self.failures():
            _, jobs = self._failed.get(entry.name, ("", frozenset()))
            if jobs and fold(entry.name) not in done:
                yield Spooled(entry, entry.name, Stage.WORK, jobs)
        if self.takes_in:
            return
        taken = done | self._work.names()
        for entry in self._arrived():
            if promised(entry.name) is not None and fold(entry.name) not in taken:
                yield Spooled(entry, entry.name, Stage.INCOMING)

    @staticmethod
    def _is_medium(path: str) -> bool:
        *folders, name = path.split("/")
        if skipped_file(name) or any(map(skipped_folder, folders)):
            return False
        return promised(name) is not None

    def _is_complete(self, entry: Entry, path: str) -> bool:
        """Whether a file in `done` is complete; one that was moved there looks as if it had just changed."""
        if entry.settled or entry.modified_at is None:
            return True
        known = self._files.get(path)
        if known is not None and known.entry.rev == entry.rev:
            return True
        return self._now() - entry.modified_at >= timedelta(seconds=self.store.capabilities.quiet_s)

    def _arrived(self) -> list[Entry]:
        """Return what is to be taken in."""
        return [entry for entry in self._put_there() if entry.settled]

    def _being_written(self) -> list[Entry]:
        """Return what is to be taken in once it is complete."""
        waiting = (entry for entry in self._put_there() if not entry.settled)
        return sorted(waiting, key=lambda entry: entry.name)

    def _put_there(self) -> Iterator[Entry]:
        for entry in self._incoming.files():
            if not skipped_file(entry.name) and not entry.name.endswith(REASON):
                yield entry

    def _unfinished(self) -> list[Entry]:
        """Return what is in `work` and has not failed."""
        reasons = {entry.name for entry in self._work.files() if entry.name.endswith(REASON)}
        return [
            entry
            for entry in self._work.files()
            if not skipped_file(entry.name)
            and not entry.name.endswith(REASON)
            and entry.name + REASON not in reasons
        ]

    def failures(self) -> list[Entry]:
        """Return what has failed, as of the last listing."""
        unfinished = {entry.key for entry in self._unfinished()}
        return [
            entry
            for entry in self._work.files()
            if not (skipped_file(entry.name) or entry.name.endswith(REASON) or entry.key in unfinished)
        ]

    def sizes(self) -> Sizes:
        """Return how many files were in the folders at the last listing."""
        incoming = sum(not skipped_file(entry.name) for entry in self._incoming.files())
        done = sum(1 for _ in self._media_done())
        return Sizes(incoming, len(self._unfinished()), len(self.failures()), done)

    async def reason(self, entry: Entry) -> str:
        """Return the text that says why a file has failed; empty if it is gone."""
        found = await self.store.stat(entry.path + REASON)
        return "" if found is None else await self._text(found)

    async def _text(self, reason: Entry) -> str:
        return (await self.store.read_part(reason, 0, MAX_REASON_BYTES)).decode(errors="replace").strip()

    async def _read_reasons(self) -> None:
        """Find out in which jobs the files in `work` have failed; each reason is read once."""
        known, self._failed = self._failed, {}
        for entry in self.failures():
            reason = self._work_file(entry.name + REASON)
            if reason is None or promised(entry.name) is None:
                continue
            if known.get(entry.name, ("", ()))[0] == reason.rev:
                self._failed[entry.name] = known[entry.name]
                continue
            try:
                self._failed[entry.name] = reason.rev, jobs_named(await self._text(reason))
            except (ChangedError, NotFoundError):
                continue  # It is tried again, or has failed in one more job: the next listing sees it.

    def find(self, path: str) -> Spooled | None:
        """Return a file of the album, wherever it is by now."""
        return self._files.get(path)

    async def find_again(self, path: str) -> Spooled | None:
        """Look for a file of the album in the folders."""
        for stage, folder in (
            (Stage.WORK, self._work),
            (Stage.DONE, self._done),
            (Stage.INCOMING, self._incoming),
        ):
            entry = await self.store.stat(join(folder.path, path))
            if entry is not None and entry.is_file:
                return Spooled(entry, path, stage)
        return None

    # --- taking in ------------------------------------------------------------------------------------

    async def _take_in(self) -> None:
        arrived, unfinished = self._arrived(), self._unfinished()
        if not (arrived or unfinished or self._unrecorded()):
            self._elsewhere = ""
            return
        self._elsewhere = await self.store.own(self._work.path, self._owner())
        if self._elsewhere:
            if arrived or unfinished:
                self.remarks.append(
                    f"Another picsync ({self._elsewhere}) takes in what is put into {self.entry.incoming};"
                    " this one shows what is done. If the other one no longer exists, run: picsync inbox"
                    " take-over"
                )
            self._owned = False
            return
        if not self._owned:
            # Since the listing, somebody else may have finished what was in `work`.
            self._owned = True
            complete = {entry.key: entry.rev for entry in arrived}
            await self._look_at_all()
            # A file whose time is in the future would have to be waited for once more.
            arrived = [
                entry for entry in self._put_there() if entry.settled or complete.get(entry.key) == entry.rev
            ]
        failed = await self._claim(arrived) if arrived else None
        for entry in self._unfinished():
            if promised(entry.name) is None:
                self.remarks.append(
                    f"{entry.name} is neither a picture nor a video; it stays in {self.entry.work}."
                )
                await self._give_up(entry, "It is neither a picture nor a video that picsync knows.")
        if self._unrecorded():
            await self._write_record()
        if failed is not None:
            raise failed

    async def _claim(self, arrived: Collection[Entry]) -> PicsyncError | None:
        """Move files to `work`; return why some could not be moved, unless a file itself was refused."""
        taken = self._work.names() | self._done.names()
        taken |= {name.removesuffix(REASON) for name in taken if name.endswith(REASON)}
        moved = await self._move(arrived, self._incoming, self._work, taken)
        refused = [one for one in moved if isinstance(one.error, RefusedError)]
        for one in refused[:1]:
            more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
            self.remarks.append(f"{one.move.entry.name}{more} could not be taken in: {one.error}")
        if self.store.capabilities.cursors:
            # What was moved away would otherwise be told as a change.
            await self._incoming.look()
        return next((one.error for one in moved if one not in refused), None)

    async def _move(
        self, entries: Iterable[Entry], source: FolderContents, target: FolderContents, taken: set[str]
    ) -> list[Moved]:
        """Move files to names that are free; return what failed, except for what is no longer there."""
        failed: list[Moved] = []
        due = list(entries)
        for _ in range(TRIES):
            moves = []
            for entry in due:
                name = self._free_name(entry.name, taken)
                taken.add(fold(name))
                moves.append(Move(entry, join(target.path, name), uuid.uuid4().hex))
            due, size = [], max(1, self.store.capabilities.batch)
            for at in range(0, len(moves), size):
                for one in await self.store.move_all(moves[at : at + size]):
                    if one.entry is not None:
                        source.entries.pop(one.move.entry.key, None)
                        target.entries[one.entry.key] = one.entry
                    elif isinstance(one.error, ConflictError):
                        due.append(one.move.entry)
                    elif not isinstance(one.error, NotFoundError | ChangedError):
                        failed.append(one)
            if not due:
                break
        return failed

    def _free_name(self, name: str, taken: Collection[str]) -> str:
        """Return a name that is free, and short enough for that of its reason."""
        short = with_suffix(name, "", MAX_ITEM_BYTES)
        if fold(short) not in taken:
            return short
        stamp = f"_{self._now().astimezone():%Y%m%d-%H%M%S}"
        for number in range(1, len(taken) + 2):
            candidate = with_suffix(name, stamp if number == 1 else f"{stamp}-{number}", MAX_ITEM_BYTES)
            if fold(candidate) not in taken:
                return candidate
        raise AssertionError(name)

    # --- going on -------------------------------------------------------------------------------------

    async def put_away(self, paths: Collection[str]) -> None:
        """Move files of the album from `work` to `done`; others stay. Raises what failed."""
        due = [each for path in paths if (each := self._files.get(path)) and each.stage is Stage.WORK]
        if not due or self._elsewhere:
            return
        for each in due:
            # It has failed on a frame that has no part in the rule any more.
            if (reason := self._work_file(each.entry.name + REASON)) is not None:
                await self._remove(reason)
        failed = await self._move([each.entry for each in due], self._work, self._done, self._done.names())
        await self._write_record()
        self._files = {each.path: each for each in self._album()}
        if failed and failed[0].error is not None:
            raise failed[0].error

    async def fail(self, found: Spooled, reason: str, job: str) -> None:
        """Write next to a file in `work` why it failed in a job; raises as `Store.write`."""
        if found.stage is Stage.WORK and not self._elsewhere:
            await self._give_up(found.entry, reason, job)

    async def _give_up(self, entry: Entry, reason: str, job: str = "") -> None:
        """Write next to a file why it failed: in a job, or in all without one. Raises as `Store.write`."""
        when = f"{self._now().astimezone():%Y-%m-%d %H:%M:%S %Z}"
        whose = f"{JOB}{json.dumps(job, ensure_ascii=False)}\n" if job else ""
        said = f"{when}: {entry.name} could not be shown. `picsync inbox retry` tries it again."
        added = f"{reason}\n\n{said}\n{whose}"
        before = self._work_file(entry.name + REASON)
        try:
            if before is None:
                written = await self.store.write(entry.path + REASON, *_whole(added))
            else:
                known = await self._text(before)
                if job in jobs_named(known):
                    return
                written = await self.store.replace(before, *_whole(f"{known}\n\n{added}"))
        except (ConflictError, ChangedError, NotFoundError):
            return  # Another process has changed the reason; the next cycle tries it again.
        self._work.entries[written.key] = written
        jobs = self._failed.get(entry.name, ("", frozenset()))[1] if before is not None else frozenset()
        self._failed[entry.name] = written.rev, jobs | {job} if job else jobs

    async def retry(self, entries: Collection[Entry]) -> None:
        """Move files that failed back to `incoming`, and delete the reasons. Raises what failed."""
        reasons = {entry.path: self._work_file(entry.name + REASON) for entry in entries}
        failed = await self._move(entries, self._work, self._incoming, self._incoming.names())
        left = {one.move.entry.path for one in failed}
        for path, reason in reasons.items():
            if reason is not None and path not in left:
                await self._remove(reason)
        if failed and failed[0].error is not None:
            raise failed[0].error

    async def _remove(self, reason: Entry) -> None:
        await self.store.delete(reason)
        self._work.entries.pop(reason.key, None)

    def _work_file(self, name: str) -> Entry | None:
        return next((entry for entry in self._work.files() if entry.name == name), None)

    # --- since when files are done --------------------------------------------------------------------

    def _unrecorded(self) -> bool:
        return any(path not in self._since for path in self._media_done())

    def _media_done(self) -> Iterator[str]:
        for entry in self._done.files():
            path = entry.path[len(self._done.path) :].lstrip("/")
            if self._is_medium(path):
                yield path

    async def _read_record(self) -> None:
        found = next(
            (entry for entry in self._done.files() if entry.path == join(self._done.path, RECORD)), None
        )
        if found is None or (self._record is not None and found.rev == self._record.rev):
            self._record = found
            return
        if found.size_bytes > MAX_RECORD_BYTES:
            raise RefusedError(f"{found.path} is not picsync's.", status=0, hint="Remove it.")
        content = b"".join([part async for part in self.store.read(found)])
        self._since = read_record(content)
        self._record = found

    async def _write_record(self) -> None:
        """Record what is in `done` now; if somebody else does so too, the next listing sees it."""
        since = recorded(self._since, self._media_done(), self._now())
        text = write_record(since).decode()
        try:
            if self._record is None:
                path = join(self._done.path, RECORD)
                self._record = await self.store.write(path, *_whole(text))
            else:
                self._record = await self.store.replace(self._record, *_whole(text))
        except (ConflictError, ChangedError):
            return
        self._since = since
        self._done.entries[self._record.key] = self._record


def jobs_named(reason: str) -> frozenset[str]:
    """Return the jobs that a reason names; none if the file cannot be shown by any."""
    jobs = set()
    for line in reason.splitlines():
        if line.startswith(JOB):
            with suppress(ValueError):
                jobs.add(str(json.loads(line.removeprefix(JOB))))
    return frozenset(jobs)


def _whole(text: str) -> tuple[Content, int]:
    """Return the content of a short file, and its size in bytes."""
    whole = text.encode(errors="replace")

    async def content(start: int) -> AsyncIterator[bytes]:
        yield whole[start:]

    return content, len(whole)

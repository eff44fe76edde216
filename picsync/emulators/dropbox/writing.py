"""Folders, moves, copies and deletions, one by one and in batches."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from picsync.emulators.dropbox.access import View, too_many
from picsync.emulators.dropbox.arguments import FLAG, TEXT, list_of, pattern, struct
from picsync.emulators.dropbox.calls import Asked, Call
from picsync.emulators.dropbox.errors import DropboxError, Tagged, refused, tagged
from picsync.emulators.dropbox.options import Contention, DropboxOptions
from picsync.emulators.dropbox.paths import READ, WRITE, lower, problem
from picsync.emulators.dropbox.resources import metadata_json, untagged
from picsync.emulators.dropbox.tree import MAX_FILES, Entry, File, Folder, Tree, WriteRefused

MAX_BATCH = 1000


class Lock:
    """The write lock of each namespace."""

    def __init__(self, options: DropboxOptions) -> None:
        self._options = options

    @asynccontextmanager
    async def hold(self, tree: Tree, *tags: str) -> AsyncIterator[None]:
        """Hold the lock during a write; `tags` lead to `too_many_write_operations` in the call's error."""
        options = self._options
        if tree.busy or options.locked_writes:
            options.locked_writes = max(0, options.locked_writes - 1)
            if options.contention is Contention.STATUS_409:
                raise refused(*tags, "too_many_write_operations")
            raise too_many("too_many_write_operations", options.refusal, 1)
        tree.busy = True
        try:
            if options.commit_s:
                await options.sleep(options.commit_s)
            yield
        finally:
            tree.busy = False

    def entry_is_refused(self) -> bool:
        """Return whether the next entry of a batch finds the lock taken."""
        taken = self._options.locked_entries > 0
        self._options.locked_entries -= taken
        return taken


@dataclass(slots=True)
class _Job:
    kind: str
    entries: list[Any]
    polls_left: int
    rest: list[Callable[[], Any]]
    """What is still to be done; each returns its entry of the result."""


class Jobs:
    """Asynchronous jobs."""

    def __init__(self, options: DropboxOptions) -> None:
        self._options = options
        self._jobs: dict[str, _Job] = {}

    def launch(
        self, kind: str, entries: Sequence[Any], rest: Sequence[Callable[[], Any]] = ()
    ) -> Mapping[str, Any]:
        """Return what a launch answers; `rest` is what `finish` does later."""
        if self._options.jobs_at_once and not rest:
            return {".tag": "complete", "entries": entries}
        job_id = f"dbjid:{secrets.token_urlsafe(24)}"
        self._jobs[job_id] = _Job(kind, [*entries], self._options.slow_jobs, [*rest])
        return {".tag": "async_job_id", "async_job_id": job_id}

    def finish(self) -> None:
        """Complete what was launched and is not done yet."""
        for job in self._jobs.values():
            job.entries += [work() for work in job.rest]
            job.rest = []

    def check(self, kind: str) -> Callable[[Asked], Any]:
        """Return the handler that tells whether a job is done."""

        async def handle(asked: Asked) -> Any:
            job = self._jobs.get(asked.argument["async_job_id"])
            if job is None or job.kind != kind:
                raise refused("invalid_async_job_id")
            if job.rest:
                return {".tag": "in_progress"}
            if job.polls_left:
                job.polls_left -= 1
                return {".tag": "in_progress"}
            return {".tag": "complete", "entries": job.entries}

        return handle


JOB = {"async_job_id!": TEXT}


class Writing:
    """The calls that change files and folders without bringing bytes."""

    def __init__(self, options: DropboxOptions, lock: Lock, jobs: Jobs) -> None:
        self._options = options
        self._lock = lock
        self._jobs = jobs

    def calls(self) -> Sequence[Call]:
        """Return the calls."""
        scope = "files.content.write"
        move = {
            "from_path!": pattern(WRITE),
            "to_path!": pattern(WRITE),
            "allow_shared_folder": FLAG,
            "autorename": FLAG,
            "allow_ownership_transfer": FLAG,
        }
        pairs = list_of(struct({"from_path!": pattern(WRITE), "to_path!": pattern(WRITE)}), MAX_BATCH)
        batch = {"entries!": pairs, "autorename": FLAG, "allow_ownership_transfer": FLAG}
        delete = {"path!": pattern(WRITE), "parent_rev": TEXT}
        folders = {"paths!": list_of(pattern(WRITE), 10_000), "autorename": FLAG, "force_async": FLAG}
        return (
            Call(
                name="files/create_folder_v2", handle=self.create_folder, scope=scope,
                fields={"path!": pattern(WRITE), "autorename": FLAG},
            ),
            Call(name="files/create_folder_batch", handle=self.create_folders, scope=scope, fields=folders),
            Call(
                name="files/create_folder_batch/check", handle=self._jobs.check("create_folder"), scope=scope,
                fields=JOB,
            ),
            Call(name="files/move_v2", handle=self.move, scope=scope, fields=move),
            Call(name="files/move_batch_v2", handle=self.move_batch, scope=scope, fields=batch),
            Call(
                name="files/move_batch/check_v2", handle=self._jobs.check("move"), scope=scope, fields=JOB
            ),
            Call(name="files/copy_v2", handle=self.copy, scope=scope, fields=move),
            Call(
                name="files/copy_batch_v2", handle=self.copy_batch, scope=scope,
                fields={"entries!": pairs, "autorename": FLAG},
            ),
            Call(
                name="files/copy_batch/check_v2", handle=self._jobs.check("copy"), scope=scope, fields=JOB
            ),
            Call(name="files/delete_v2", handle=self.delete, scope=scope, fields=delete),
            Call(
                name="files/delete_batch", handle=self.delete_batch, scope=scope,
                fields={"entries!": list_of(struct(delete), MAX_BATCH)},
            ),
            Call(
                name="files/delete_batch/check", handle=self._jobs.check("delete"), scope=scope, fields=JOB
            ),
            Call(
                name="files/restore", handle=self.restore, scope=scope,
                fields={"path!": pattern(READ), "rev!": TEXT},
            ),
        )  # fmt: skip

    async def create_folder(self, asked: Asked) -> Any:
        """Create a folder."""
        view = asked.caller.view
        async with self._lock.hold(view.tree, "path"):
            folder = self._created(view, asked.argument["path"], autorename=asked.argument.get("autorename"))
        return {"metadata": untagged(metadata_json(folder, view, self._options))}

    async def create_folders(self, asked: Asked) -> Any:
        """Create folders."""
        view, entries = asked.caller.view, []
        async with self._lock.hold(view.tree):
            for path in asked.argument["paths"]:
                try:
                    folder = self._created(view, path, autorename=asked.argument.get("autorename"))
                except DropboxError as error:
                    entries.append({".tag": "failure", "failure": error.error})
                    continue
                metadata = untagged(metadata_json(folder, view, self._options))
                entries.append({".tag": "success", "metadata": metadata})
        return self._jobs.launch("create_folder", entries)

    async def move(self, asked: Asked) -> Any:
        """Move a file or folder."""
        return await self._relocate(asked, self._moved)

    async def copy(self, asked: Asked) -> Any:
        """Copy a file or folder."""
        return await self._relocate(asked, self._copied)

    async def move_batch(self, asked: Asked) -> Any:
        """Move up to 1,000 files and folders."""
        return await self._relocate_all(asked, self._moved, "move")

    async def copy_batch(self, asked: Asked) -> Any:
        """Copy up to 1,000 files and folders."""
        return await self._relocate_all(asked, self._copied, "copy")

    async def delete(self, asked: Asked) -> Any:
        """Delete a file or folder."""
        view = asked.caller.view
        async with self._lock.hold(view.tree, "path_write"):
            entry = self._deleted(view, asked.argument)
        return {"metadata": metadata_json(entry, view, self._options)}

    async def delete_batch(self, asked: Asked) -> Any:
        """Delete up to 1,000 files and folders."""
        view, entries = asked.caller.view, []
        async with self._lock.hold(view.tree):
            for one in asked.argument["entries"]:
                try:
                    if self._lock.entry_is_refused():
                        raise refused("too_many_write_operations")
                    metadata = metadata_json(self._deleted(view, one), view, self._options)
                    entries.append({".tag": "success", "metadata": metadata})
                except DropboxError as error:
                    entries.append({".tag": "failure", "failure": error.error})
        return self._jobs.launch("delete", entries)

    async def restore(self, asked: Asked) -> Any:
        """Bring a revision of a file back."""
        view, rev = asked.caller.view, asked.argument["rev"]
        place = view.resolve(asked.argument["path"])
        known = view.tree.revisions.get(rev)
        if place is None or known is None or known[0] != lower(place):
            raise refused("invalid_revision")
        async with self._lock.hold(view.tree, "path_write"):
            try:
                file = view.tree.write(place, known[1].content, client_modified=known[1].client_modified)
            except WriteRefused as error:
                raise DropboxError(409, {".tag": "path_write", "path_write": error.error}) from None
        return untagged(metadata_json(file, view, self._options))

    def _created(self, view: View, path: str, *, autorename: bool | None) -> Folder:
        place = view.resolve(path)
        if place is None:
            raise refused("path", "malformed_path")
        try:
            return view.tree.create_folder(place, autorename=bool(autorename))
        except WriteRefused as error:
            raise DropboxError(409, {".tag": "path", "path": error.error}) from None

    def _deleted(self, view: View, argument: Mapping[str, Any]) -> Entry:
        entry = self._looked_up(view, argument["path"], "path_lookup")
        rev = argument.get("parent_rev")
        if rev is not None and (not isinstance(entry, File) or entry.rev != rev):
            raise refused("path_write", "conflict", "file" if isinstance(entry, File) else "folder")
        if _is_too_large(view, entry):
            raise refused("too_many_files")
        view.tree.delete(entry)
        return entry

    @staticmethod
    def _looked_up(view: View, path: str, tag: str) -> Entry:
        place = view.resolve(path)
        wrong = problem(place) if place else None
        if wrong is not None:
            raise refused(tag, str(wrong[".tag"]))
        entry = None if place is None else view.tree.find(place)
        if entry is None:
            raise refused(tag, "not_found")
        return entry

    async def _relocate(self, asked: Asked, work: Callable[..., Entry]) -> Any:
        view, argument = asked.caller.view, asked.argument
        async with self._lock.hold(view.tree, "to"):
            entry = work(view, argument, autorename=bool(argument.get("autorename")))
        return {"metadata": metadata_json(entry, view, self._options)}

    async def _relocate_all(self, asked: Asked, work: Callable[..., Entry], kind: str) -> Any:
        view, argument = asked.caller.view, asked.argument
        autorename = bool(argument.get("autorename"))

        def relocate(one: Mapping[str, Any]) -> Any:
            try:
                if self._lock.entry_is_refused():
                    return _failure(tagged("too_many_write_operations"))
                entry = work(view, one, autorename=autorename)
            except DropboxError as error:
                return _failure({".tag": "relocation_error", "relocation_error": error.error})
            return {".tag": "success", "success": metadata_json(entry, view, self._options)}

        works = [partial(relocate, one) for one in argument["entries"]]
        at_launch = self._options.moves_at_launch
        if kind != "move" or at_launch is None:
            at_launch = len(works)
        async with self._lock.hold(view.tree):
            return self._jobs.launch(kind, [each() for each in works[:at_launch]], works[at_launch:])

    def _target(self, view: View, entry: Entry, path: str, *, autorename: bool) -> str:
        place = view.resolve(path)
        if place is None or problem(place) is not None:
            raise refused("to", "malformed_path")
        if lower(place).startswith(f"{entry.key}/"):
            raise refused("cant_move_folder_into_itself")
        if _is_too_large(view, entry):
            raise refused("too_many_files")
        there = view.tree.find(place)
        if there is None and not view.tree.is_folder(place):
            return place
        if not autorename:
            raise refused("to", "conflict", "file" if isinstance(there, File) else "folder")
        return view.tree.free_path(place)

    def _moved(self, view: View, argument: Mapping[str, Any], *, autorename: bool) -> Entry:
        entry = self._looked_up(view, argument["from_path"], "from_lookup")
        to_path = view.resolve(argument["to_path"])
        if to_path is not None and lower(to_path) == entry.key:
            if to_path == entry.path:
                raise refused("duplicated_or_nested_paths")
            return entry  # Only the case differs: nothing changes.
        target = self._target(view, entry, argument["to_path"], autorename=autorename)
        return _written(lambda: view.tree.move(entry, target))

    def _copied(self, view: View, argument: Mapping[str, Any], *, autorename: bool) -> Entry:
        entry = self._looked_up(view, argument["from_path"], "from_lookup")
        target = self._target(view, entry, argument["to_path"], autorename=autorename)
        return _written(lambda: view.tree.copy(entry, target))


def _written(work: Callable[[], Entry]) -> Entry:
    try:
        return work()
    except WriteRefused as error:
        raise DropboxError(409, {".tag": "to", "to": error.error}) from None


def _failure(error: Tagged) -> Mapping[str, Any]:
    return {".tag": "failure", "failure": error}


def _is_too_large(view: View, entry: Entry) -> bool:
    return sum(1 for _ in view.tree.below(entry.path)) >= MAX_FILES

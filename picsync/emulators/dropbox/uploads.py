"""Uploads: in one request, and in sessions that are committed alone or together."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from picsync.emulators.dropbox.access import View
from picsync.emulators.dropbox.account import User
from picsync.emulators.dropbox.arguments import (
    FLAG,
    HASH,
    TEXT,
    list_of,
    moment,
    of,
    pattern,
    struct,
    union,
    within,
)
from picsync.emulators.dropbox.calls import CONTENT, Asked, Call, Style
from picsync.emulators.dropbox.contenthash import BLOCK_BYTES, content_hash
from picsync.emulators.dropbox.errors import DropboxError, Tagged, refused, tagged
from picsync.emulators.dropbox.options import DropboxOptions
from picsync.emulators.dropbox.paths import WRITE
from picsync.emulators.dropbox.resources import metadata_json, untagged
from picsync.emulators.dropbox.tree import File, WriteRefused
from picsync.emulators.dropbox.writing import JOB, MAX_BATCH, Jobs, Lock
from picsync.emulators.google.content import BytesContent, Content
from picsync.emulators.service import body

MAX_REQUEST_BYTES = 150 * 2**20
SESSION_LIFE_S = 7 * 86400
_CURSOR = struct({"session_id!": TEXT, "offset!": within(0, 2**41)})
_COMMIT = {
    "path!": pattern(WRITE),
    "mode": union("add", "overwrite", update=pattern(re.compile(r"[0-9a-f]{9,}"))),
    "autorename": FLAG,
    "client_modified": moment,
    "mute": FLAG,
    "property_groups": of(list),
    "strict_conflict": FLAG,
}


class Refused(Exception):  # noqa: N818 - it becomes an answer, or an entry of one
    """A commit or session call is refused; `error` is the call's own error."""

    def __init__(self, error: Tagged) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class Session:
    """Bytes that are not committed yet."""

    user: User
    started_at: float
    concurrent: bool
    pieces: dict[int, bytes] = field(default_factory=dict)
    """Offset -> bytes."""
    closed: bool = False

    @property
    def size(self) -> int:
        """Number of bytes without a gap from the beginning."""
        end = 0
        for offset in sorted(self.pieces):
            if offset != end:
                break
            end += len(self.pieces[offset])
        return end

    def content(self) -> Content:
        """Return all bytes."""
        return BytesContent(b"".join(self.pieces[offset] for offset in sorted(self.pieces)))


class Uploads:
    """The calls that bring bytes."""

    def __init__(self, options: DropboxOptions, lock: Lock, jobs: Jobs) -> None:
        self._options = options
        self._lock = lock
        self._jobs = jobs
        self.sessions: dict[str, Session] = {}

    def calls(self) -> Sequence[Call]:
        """Return the calls."""
        scope = "files.content.write"
        finish = {"cursor!": _CURSOR, "commit!": struct(_COMMIT)}
        sort = union("sequential", "concurrent")
        batch = {"entries!": list_of(struct(finish), MAX_BATCH)}

        def upload(name: str, handle: Any, fields: Mapping[str, Any]) -> Call:
            return Call(
                name=f"files/{name}", handle=handle, scope=scope, fields=fields, host=CONTENT,
                style=Style.UPLOAD,
            )  # fmt: skip

        return (
            upload("upload", self.upload, {**_COMMIT, "content_hash": HASH}),
            upload(
                "upload_session/start", self.start,
                {"close": FLAG, "session_type": sort, "content_hash": HASH},
            ),
            upload(
                "upload_session/append_v2", self.append,
                {"cursor!": _CURSOR, "close": FLAG, "content_hash": HASH},
            ),
            upload("upload_session/finish", self.finish, {**finish, "content_hash": HASH}),
            Call(
                name="files/upload_session/start_batch", handle=self.start_batch, scope=scope,
                fields={"num_sessions!": within(1, 1000), "session_type": sort},
            ),
            Call(
                name="files/upload_session/finish_batch_v2", handle=self.finish_batch, scope=scope,
                fields=batch,
            ),
            Call(
                name="files/upload_session/finish_batch", handle=self.launch_batch, scope=scope, fields=batch
            ),
            Call(
                name="files/upload_session/finish_batch/check", handle=self._jobs.check("finish"),
                scope=scope, fields=JOB,
            ),
        )  # fmt: skip

    async def upload(self, asked: Asked) -> Any:
        """Store a file."""
        view, argument = asked.caller.view, asked.argument
        data = await self._bytes(asked)
        async with self._lock.hold(view.tree, "path"):
            try:
                file = self._commit(view, argument, BytesContent(data))
            except WriteRefused as error:
                # The bytes are kept: they can be committed under another path.
                session_id = self._begin(asked, data, closed=True)
                failed = {".tag": "path", "reason": error.error, "upload_session_id": session_id}
                raise DropboxError(409, failed) from None
        return untagged(metadata_json(file, view, self._options))

    async def start(self, asked: Asked) -> Any:
        """Start a session, with its first bytes."""
        argument, data = asked.argument, await self._bytes(asked)
        concurrent = argument.get("session_type", {}).get(".tag") == "concurrent"
        if concurrent and data:
            raise refused("concurrent_session_data_not_allowed")
        if concurrent and argument.get("close"):
            raise refused("concurrent_session_close_not_allowed")
        closed = bool(argument.get("close"))
        return {"session_id": self._begin(asked, data, concurrent=concurrent, closed=closed)}

    async def start_batch(self, asked: Asked) -> Any:
        """Start sessions without bytes."""
        argument = asked.argument
        concurrent = argument.get("session_type", {}).get(".tag") == "concurrent"
        count = argument["num_sessions"]
        return {"session_ids": [self._begin(asked, b"", concurrent=concurrent) for _ in range(count)]}

    async def append(self, asked: Asked) -> Any:
        """Append bytes to a session."""
        data = await self._bytes(asked)
        cursor = asked.argument["cursor"]
        try:
            session = self._session(asked, cursor["session_id"])
            self._append(session, cursor["offset"], data, last=bool(asked.argument.get("close")))
        except Refused as error:
            raise DropboxError(409, error.error) from None

    async def finish(self, asked: Asked) -> Any:
        """Append the last bytes and commit the session."""
        view, argument = asked.caller.view, asked.argument
        data = await self._bytes(asked)
        cursor = argument["cursor"]
        async with self._lock.hold(view.tree):
            try:
                session = self._session(asked, cursor["session_id"])
                if data or not session.closed:
                    self._append(session, cursor["offset"], data, last=True, again=True)
                file = self._finish(view, asked, {**argument, "cursor": {**cursor, "offset": session.size}})
            except Refused as error:
                tag = error.error[".tag"]
                own = tag in ("path", "concurrent_session_missing_data")
                wrapped = error.error if own else {".tag": "lookup_failed", "lookup_failed": error.error}
                raise DropboxError(409, wrapped) from None
        return untagged(metadata_json(file, view, self._options))

    async def finish_batch(self, asked: Asked) -> Any:
        """Commit sessions under one lock, in order."""
        async with self._lock.hold(asked.caller.view.tree):
            return self._finish_all(asked)

    async def launch_batch(self, asked: Asked) -> Any:
        """Commit sessions in a job."""
        async with self._lock.hold(asked.caller.view.tree):
            return self._jobs.launch("finish", self._finish_all(asked)["entries"])

    def _finish_all(self, asked: Asked) -> Mapping[str, Any]:
        view, entries = asked.caller.view, []
        for one in asked.argument["entries"]:
            try:
                if self._lock.entry_is_refused():
                    raise Refused(tagged("too_many_write_operations"))  # noqa: TRY301
                try:
                    session = self._session(asked, one["cursor"]["session_id"])
                    if not session.closed:
                        raise Refused(tagged("not_closed"))  # noqa: TRY301
                    if one["cursor"]["offset"] != session.size:
                        raise Refused(tagged("incorrect_offset", correct_offset=session.size))  # noqa: TRY301
                except Refused as error:
                    raise Refused({".tag": "lookup_failed", "lookup_failed": error.error}) from None
                metadata = untagged(metadata_json(self._finish(view, asked, one), view, self._options))
                entries.append({".tag": "success", **metadata})
            except Refused as error:
                entries.append({".tag": "failure", "failure": error.error})
        return {"entries": entries}

    def _finish(self, view: View, asked: Asked, one: Mapping[str, Any]) -> File:
        session_id = one["cursor"]["session_id"]
        session = self._session(asked, session_id)
        content = session.content()
        if session.size != content.size:
            raise Refused(tagged("concurrent_session_missing_data"))
        try:
            file = self._commit(view, one["commit"], content)
        except WriteRefused as error:
            raise Refused({".tag": "path", "path": error.error}) from None
        del self.sessions[session_id]
        return file

    def _session(self, asked: Asked, session_id: str) -> Session:
        session = self.sessions.get(session_id)
        if session is None or session.user is not asked.caller.user:
            raise Refused(tagged("not_found"))
        if session.started_at + SESSION_LIFE_S <= self._options.now():
            raise Refused(tagged("not_found"))
        return session

    @staticmethod
    def _append(session: Session, offset: int, data: bytes, *, last: bool, again: bool = False) -> None:
        """Append; with `again`, a session that is already closed takes an empty piece at its end."""
        if session.closed and not (again and not data):
            raise Refused(tagged("closed"))
        if session.concurrent:
            if offset % BLOCK_BYTES:
                raise Refused(tagged("concurrent_session_invalid_offset"))
            if len(data) % BLOCK_BYTES and not last:
                raise Refused(tagged("concurrent_session_invalid_data_size"))
        elif offset != session.size:
            raise Refused(tagged("incorrect_offset", correct_offset=session.size))
        if data:
            session.pieces[offset] = data
        session.closed = session.closed or last

    def _begin(self, asked: Asked, data: bytes, *, concurrent: bool = False, closed: bool = False) -> str:
        assert asked.caller.user is not None  # noqa: S101 - the calls allow users only
        session_id = f"pid_upload_session:{secrets.token_urlsafe(32)}"
        pieces = {0: data} if data else {}
        self.sessions[session_id] = Session(
            asked.caller.user, self._options.now(), concurrent, pieces, closed
        )
        return session_id

    def _commit(self, view: View, commit: Mapping[str, Any], content: Content) -> File:
        place = view.resolve(commit["path"])
        if place is None:
            raise WriteRefused(tagged("malformed_path"))
        there = view.tree.find(place)
        mode = commit.get("mode", {".tag": "add"})
        digest = content_hash(content)
        if isinstance(there, File):
            strict = commit.get("strict_conflict") or self._options.refuse_identical
            same = there.content_hash == digest
            wanted = mode[".tag"] == "overwrite" or mode.get("update") == there.rev
            if same and not (strict and mode[".tag"] == "add"):
                return there
            if not wanted:
                if not commit.get("autorename"):
                    raise WriteRefused(tagged("conflict", "file"))
                place = self._renamed(view, place, update=mode[".tag"] == "update")
        elif there is None and mode[".tag"] == "update":
            if not commit.get("autorename"):
                raise WriteRefused(tagged("conflict", "file"))
            place = self._renamed(view, place, update=True)
        elif there is not None and commit.get("autorename"):
            place = self._renamed(view, place, update=False)
        return view.tree.write(place, content, client_modified=commit.get("client_modified"), digest=digest)

    def _renamed(self, view: View, place: str, *, update: bool) -> str:
        if not update:
            return view.tree.free_path(place)
        stem, dot, suffix = place.rpartition(".") if "." in place.rpartition("/")[2] else (place, "", "")
        day = datetime.fromtimestamp(self._options.now(), UTC).strftime("%Y-%m-%d")
        copy = f"{stem} (conflicted copy {day}){dot}{suffix}"
        return copy if view.tree.find(copy) is None else view.tree.free_path(copy)

    async def _bytes(self, asked: Asked) -> bytes:
        stream = body(asked.request)
        data = bytearray()
        while chunk := await stream.readany():
            data += chunk
            if len(data) > MAX_REQUEST_BYTES:
                raise DropboxError(413, text="The request body is too large.")
        sent = asked.argument.get("content_hash")
        whole = bytes(data)
        if sent is not None and content_hash(BytesContent(whole)) != sent:
            raise refused("content_hash_mismatch")
        return whole

"""The calls of Dropbox's API.

A path is `""` for the root, `/a/b`, an ID or, for reading, `rev:<revision>`. Writes never replace anything
unless they say which revision. Batches take up to MAX_BATCH entries, which succeed or fail one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
from pydantic import TypeAdapter

from picsync.core.contenthash import BLOCK_BYTES
from picsync.core.errors import LoginNeeded, PicsyncError, ProtocolError, TransientError
from picsync.core.values import dataclass
from picsync.http.pace import DOWNLOADS, Stage
from picsync.http.retry import Operation, WireError, judge
from picsync.vendors.dropbox import wire
from picsync.vendors.dropbox.client import DropboxClient
from picsync.vendors.dropbox.credentials import TITLE
from picsync.vendors.dropbox.refusals import DropboxError, own_error
from picsync.vendors.dropbox.tokens import RENEW_TOKEN
from picsync.vendors.dropbox.wire import AccountWire, FolderPage, Metadata, Poll, SpaceUsage

UPLOADS = Stage("uploads", start=8, cap=32, by_latency=False)
"""With 100 ms to Dropbox, 16 files of 100 kB do not keep a line of 10 MB/s busy."""
WRITES = Stage("writes", start=1, floor=1, cap=1, by_latency=False)
"""Writes of one account exclude each other, since Dropbox has one lock for them. Many files are sent in
sessions, concurrently, and committed together."""
POLLS = Stage("polls", start=64, floor=64, cap=64, by_latency=False)
"""Long polls wait for minutes and load nothing."""

LIST = Operation(TITLE, "list_folder")
CONTINUE = Operation(TITLE, "list_changes")
LATEST_CURSOR = Operation(TITLE, "get_latest_cursor")
POLL = Operation(TITLE, "await_changes", stage=POLLS)
LOOK_AT = Operation(TITLE, "look_at")
OPEN_LINK = Operation(TITLE, "open_shared_link")
DOWNLOAD = Operation(TITLE, "download", stage=DOWNLOADS)
DOWNLOAD_LINKED = Operation(TITLE, "download_from_link", stage=DOWNLOADS)
DOWNLOAD_THUMBNAIL = Operation(TITLE, "download_thumbnail", stage=DOWNLOADS)
CHECK_LOGIN = Operation(TITLE, "check_login")
READ_ACCOUNT = Operation(TITLE, "read_account")
READ_SPACE = Operation(TITLE, "read_space")
REVOKE = Operation(TITLE, "revoke_login", repeatable=False)
READ_OPERATIONS = (
    RENEW_TOKEN,
    LIST,
    CONTINUE,
    POLL,
    LOOK_AT,
    OPEN_LINK,
    DOWNLOAD,
    DOWNLOAD_LINKED,
    DOWNLOAD_THUMBNAIL,
    CHECK_LOGIN,
)
"""What a source sends."""

UPLOAD = Operation(TITLE, "upload", stage=WRITES)
"""Repeatable: the same bytes at the same path are no conflict."""
START_SESSION = Operation(TITLE, "start_upload", stage=UPLOADS)
APPEND = Operation(TITLE, "append_upload", stage=UPLOADS)
"""Repeatable: a piece that arrived already is told by `incorrect_offset`."""
FINISH = Operation(TITLE, "finish_upload", repeatable=False, stage=WRITES)
FINISH_BATCH = Operation(TITLE, "finish_uploads", stage=WRITES)
"""Repeatable: what the first attempt has committed is told by `lookup_failed` or by the file itself."""
CREATE_FOLDER = Operation(TITLE, "create_folder", stage=WRITES)
MOVE = Operation(TITLE, "move", repeatable=False, stage=WRITES)
MOVE_BATCH = Operation(TITLE, "move_all", repeatable=False, stage=WRITES)
COPY = Operation(TITLE, "copy", repeatable=False, stage=WRITES)
DELETE = Operation(TITLE, "delete", stage=WRITES)
DELETE_BATCH = Operation(TITLE, "delete_all", stage=WRITES)
CHECK_JOB = Operation(TITLE, "check_job")
WRITE_OPERATIONS = (
    UPLOAD,
    START_SESSION,
    APPEND,
    FINISH,
    FINISH_BATCH,
    CREATE_FOLDER,
    MOVE,
    MOVE_BATCH,
    COPY,
    DELETE,
    DELETE_BATCH,
    CHECK_JOB,
)
"""What whoever writes sends, too."""

MAX_BATCH = 1000
MAX_REQUEST_BYTES = 150 * 2**20
PIECE_BYTES = 2 * BLOCK_BYTES
"""Of a large upload: what a broken connection costs."""
PAGE = 2000
"""Dropbox's maximum."""
FIRST_JOB_WAIT_S = 0.5
MAX_JOB_WAIT_S = 10.0
MAX_JOB_POLLS = 500

READ_SCOPES = frozenset({"files.metadata.read", "files.content.read"})
LINK_SCOPES = frozenset({"sharing.read"})
WRITE_SCOPES = frozenset({"files.content.write"})
SPACE_SCOPES = frozenset({"account_info.read"})


@dataclass(frozen=True, slots=True)
class Link:
    """A shared link of somebody else's folder."""

    url: str = field(repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What is listed; a cursor belongs to it."""

    path: str
    """Relative to the link's folder if there is a link."""
    recursive: bool = False
    """Not with a link."""
    link: Link | None = None

    def argument(self) -> dict[str, Any]:
        """Return the argument of the call; documents without bytes are left out."""
        argument: dict[str, Any] = {
            "path": self.path,
            "recursive": self.recursive,
            "include_non_downloadable_files": False,
            "limit": PAGE,
        }
        if self.link is not None:
            argument["shared_link"] = _link_argument("password", self.link)
        return argument


@dataclass(frozen=True, slots=True)
class Commit:
    """Where an upload goes."""

    path: str
    update: str = ""
    """The revision that it replaces; empty: nothing may be there but a file with the same bytes."""
    modified_at: datetime | None = None

    def argument(self) -> dict[str, Any]:
        """Return the argument of the calls; users get no notification."""
        mode = {".tag": "update", "update": self.update} if self.update else {".tag": "add"}
        argument: dict[str, Any] = {"path": self.path, "mode": mode, "autorename": False, "mute": True}
        if self.modified_at is not None:
            argument["client_modified"] = self.modified_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return argument


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A closed upload session, ready to be committed."""

    session_id: str
    size_bytes: int
    commit: Commit


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one entry of a batch: the file or folder after it, or why it failed."""

    metadata: Metadata | None = None
    error: PicsyncError | None = None
    """A TransientError (429): another write held the lock; nothing was done, and it may be repeated."""


class DropboxApi:
    """The calls for one account, or for an app without a user. All may run concurrently.

    Each raises LoginNeeded, TransientError, ProtocolError, QuotaError (no space), RefusedError and, for the
    call's own errors, DropboxError or DropboxNotFoundError.
    """

    def __init__(self, client: DropboxClient, *, sleep: Callable[[float], Awaitable[None]]) -> None:
        """`sleep` waits for jobs; this object closes the client."""
        self._client = client
        self._sleep = sleep

    # --- Listings ----------------------------------------------------------------------------------------

    async def list(self, listing: FolderListing) -> FolderPage:
        """Return the first page of a listing; it may have no entries although there are more pages."""
        return await self._client.call(LIST, "files/list_folder", listing.argument(), wire.FOLDER_PAGE)

    async def go_on(self, cursor: str) -> FolderPage:
        """Return the page after a cursor: the rest of a listing, or what has changed since.

        Raises DropboxError with the tag `reset` if the cursor is void, and DropboxNotFoundError if the folder
        is gone.
        """
        return await self._client.call(
            CONTINUE, "files/list_folder/continue", {"cursor": cursor}, wire.FOLDER_PAGE
        )

    async def latest_cursor(self, listing: FolderListing) -> str:
        """Return a cursor for the present state, without listing it."""
        answer = await self._client.call(
            LATEST_CURSOR, "files/list_folder/get_latest_cursor", listing.argument(), wire.LATEST_CURSOR
        )
        return answer.cursor

    async def poll(self, cursor: str, timeout_s: int = 480) -> Poll:
        """Return as soon as something has changed since a cursor, or after about `timeout_s`."""
        return await self._client.poll(POLL, cursor, timeout_s)

    # --- Reading -----------------------------------------------------------------------------------------

    async def look_at(self, path: str, *, media_info: bool = False) -> Metadata:
        """Return what is at a path; raises DropboxNotFoundError."""
        argument = {"path": path, "include_media_info": media_info}
        return await self._client.call(LOOK_AT, "files/get_metadata", argument, wire.METADATA)

    async def open_link(self, link: Link) -> Metadata:
        """Return what a shared link shows; raises DropboxError with `shared_link_...` tags."""
        argument = _link_argument("link_password", link)
        return await self._client.call(OPEN_LINK, "sharing/get_shared_link_metadata", argument, wire.METADATA)

    async def download(
        self,
        path: str,
        consume: Callable[[httpx.Response], Awaitable[None]],
        *,
        start: int = 0,
        size_bytes: int | None = None,
    ) -> None:
        """Let `consume` read a file's bytes from an offset; `downloaded` tells which version came.

        `size_bytes` is how many at most; None stands for all.
        """
        await self._client.download(
            DOWNLOAD, "files/download", {"path": path}, consume, start=start, size_bytes=size_bytes
        )

    async def download_linked(
        self, link: Link, path: str, consume: Callable[[httpx.Response], Awaitable[None]]
    ) -> None:
        """Let `consume` read a file that a shared link shows; `path` begins with a slash."""
        argument = {**_link_argument("link_password", link), "path": path}
        await self._client.download(DOWNLOAD_LINKED, "sharing/get_shared_link_file", argument, consume)

    async def thumbnail(
        self,
        path: str,
        consume: Callable[[httpx.Response], Awaitable[None]],
        *,
        link: Link | None = None,
        size: str = "w256h256",
    ) -> None:
        """Let `consume` read a small JPEG of a picture; raises DropboxError for formats without one."""
        resource: dict[str, Any] = {".tag": "path", "path": path}
        if link is not None:
            resource = {".tag": "link", "path": path, **_link_argument("password", link)}
        argument = {"resource": resource, "format": "jpeg", "size": size, "mode": "bestfit"}
        await self._client.download(DOWNLOAD_THUMBNAIL, "files/get_thumbnail_v2", argument, consume)

    # --- Writing -----------------------------------------------------------------------------------------

    async def upload(
        self,
        commit: Commit,
        content: bytes | Callable[[], AsyncIterable[bytes]],
        *,
        size_bytes: int | None = None,
        content_hash: str = "",
    ) -> Metadata:
        """Store a file of at most MAX_REQUEST_BYTES; each call of `content` yields `size_bytes` bytes."""
        argument = commit.argument() | ({"content_hash": content_hash} if content_hash else {})
        read = partial(wire.parse, UPLOAD, wire.METADATA)
        return await self._client.upload(
            UPLOAD, "files/upload", argument, content, read, size_bytes=size_bytes
        )

    async def start_session(
        self,
        first: bytes | Callable[[], AsyncIterable[bytes]] = b"",
        *,
        size_bytes: int | None = None,
        close: bool = False,
    ) -> str:
        """Start an upload session with its first bytes, at most MAX_REQUEST_BYTES; it lives for a week.

        If `first` is callable, each call yields `size_bytes` bytes.
        """
        read = partial(wire.parse, START_SESSION, wire.SESSION)
        answer = await self._client.upload(
            START_SESSION, "files/upload_session/start", {"close": close}, first, read, size_bytes=size_bytes
        )
        return answer.session_id

    async def append(self, session_id: str, offset: int, piece: bytes, *, close: bool = False) -> int:
        """Append bytes to a session; return its size, from which to continue.

        That differs from `offset + len(piece)` if the session held more or fewer bytes than was thought.
        """
        argument = {"cursor": {"session_id": session_id, "offset": offset}, "close": close}
        try:
            await self._client.upload(APPEND, "files/upload_session/append_v2", argument, piece, _nothing)
        except DropboxError as error:
            correct = error.fields.get("correct_offset")
            if not error.has("incorrect_offset") or not isinstance(correct, int):
                if error.has("closed") and close:
                    return offset + len(piece)  # The attempt before this one has closed it.
                raise
            return correct
        return offset + len(piece)

    async def finish(self, session_id: str, offset: int, commit: Commit, last: bytes = b"") -> Metadata:
        """Append the last bytes and commit a session. Not repeatable: look at the path after a failure."""
        argument = {
            "cursor": {"session_id": session_id, "offset": offset},
            "commit": commit.argument(),
        }
        read = partial(wire.parse, FINISH, wire.METADATA)
        return await self._client.upload(FINISH, "files/upload_session/finish", argument, last, read)

    async def finish_all(self, uploads: Sequence[Uploaded]) -> Sequence[Outcome]:
        """Commit closed sessions under one lock, in order.

        If an attempt was repeated, entries that the first one has committed fail with `lookup_failed` or with
        a conflict: look at their paths.
        """
        entries = [
            {
                "cursor": {"session_id": each.session_id, "offset": each.size_bytes},
                "commit": each.commit.argument(),
            }
            for each in uploads
        ]
        answer = await self._client.call(
            FINISH_BATCH, "files/upload_session/finish_batch_v2", {"entries": entries}, wire.BATCH_RESULT
        )
        # The fields of the metadata stand next to the tag.
        return _outcomes(FINISH_BATCH, answer.entries, len(uploads), lambda fields: fields)

    async def create_folder(self, path: str) -> Metadata | None:
        """Create a folder and those above it; None if it exists. Raises DropboxError for a file there."""
        try:
            answer = await self._client.call(
                CREATE_FOLDER, "files/create_folder_v2", {"path": path, "autorename": False}, wire.MOVED
            )
        except DropboxError as error:
            if error.has("conflict", "folder"):
                return None
            raise
        return answer.metadata

    async def move(self, from_path: str, to_path: str) -> Metadata:
        """Move a file or folder. Not repeatable: look at both paths after a failure."""
        return await self._relocate(MOVE, "files/move_v2", from_path, to_path)

    async def copy(self, from_path: str, to_path: str) -> Metadata:
        """Copy a file or folder. Not repeatable: look at the path after a failure."""
        return await self._relocate(COPY, "files/copy_v2", from_path, to_path)

    async def move_all(self, moves: Iterable[tuple[str, str]]) -> Sequence[Outcome]:
        """Move files and folders, (from, to) each, as one job; waits for its end."""
        entries = [{"from_path": old, "to_path": new} for old, new in moves]
        found = await self._run(
            MOVE_BATCH, "files/move_batch_v2", "files/move_batch/check_v2",
            {"entries": entries, "autorename": False},
        )  # fmt: skip
        return _outcomes(MOVE_BATCH, found, len(entries), lambda fields: fields.get("success"))

    async def delete(self, path: str, *, rev: str = "") -> Metadata | None:
        """Move a file (in this revision only, if given) or folder to the bin; None if nothing is there."""
        argument = {"path": path} | ({"parent_rev": rev} if rev else {})
        try:
            answer = await self._client.call(DELETE, "files/delete_v2", argument, wire.MOVED)
        except DropboxError as error:
            if error.has("path_lookup", "not_found"):
                return None
            raise
        return answer.metadata

    async def delete_all(self, files: Iterable[tuple[str, str]]) -> Sequence[Outcome]:
        """Delete paths, each with the revision that is meant (or ""), as one job; waits for its end."""
        entries = [{"path": path} | ({"parent_rev": rev} if rev else {}) for path, rev in files]
        found = await self._run(
            DELETE_BATCH, "files/delete_batch", "files/delete_batch/check", {"entries": entries}
        )
        return _outcomes(DELETE_BATCH, found, len(entries), lambda fields: fields.get("metadata"))

    # --- The account -------------------------------------------------------------------------------------

    async def check_login(self) -> None:
        """Raise unless the login is accepted; needs no permission."""
        await self._client.call(CHECK_LOGIN, "check/user", {"query": "picsync"}, _ANYTHING)

    async def account(self) -> AccountWire:
        """Return the user's account; needs SPACE_SCOPES."""
        return await self._client.call(READ_ACCOUNT, "users/get_current_account", None, wire.ACCOUNT)

    async def space(self) -> SpaceUsage:
        """Return the used and the available space; needs SPACE_SCOPES."""
        return await self._client.call(READ_SPACE, "users/get_space_usage", None, wire.SPACE)

    async def revoke(self) -> None:
        """End the login."""
        await self._client.call(REVOKE, "auth/token/revoke", None, _ANYTHING)

    async def aclose(self) -> None:
        """Close all connections; safe to call twice."""
        await self._client.aclose()

    async def _relocate(self, operation: Operation, name: str, from_path: str, to_path: str) -> Metadata:
        argument = {"from_path": from_path, "to_path": to_path, "autorename": False}
        return (await self._client.call(operation, name, argument, wire.MOVED)).metadata

    async def _run(
        self, operation: Operation, launch: str, check: str, argument: Mapping[str, Any]
    ) -> Sequence[wire.BatchEntry]:
        """Run a job to its end; it goes on at Dropbox if this is cancelled.

        Raises TransientError if Dropbox does not say how it has ended, unless a login is needed.
        """
        job = await self._client.call(operation, launch, argument, wire.JOB)
        job_id, wait_s = job.async_job_id, FIRST_JOB_WAIT_S
        for _ in range(MAX_JOB_POLLS):
            if job.tag == "complete" and job.entries is not None:
                return job.entries
            if job.tag == "failed":
                raise _raised(operation, own_error(operation, job.model_dump().get("failed")))
            if job.tag not in ("async_job_id", "in_progress"):
                break
            await self._sleep(wait_s)
            wait_s = min(MAX_JOB_WAIT_S, wait_s * 1.5)
            try:
                job = await self._client.call(CHECK_JOB, check, {"async_job_id": job_id}, wire.JOB)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                message = f"{operation}: Dropbox does not say whether it is done. {error.message}"
                raise TransientError(message, hint=error.hint) from error
        raise TransientError(f"{operation}: the job does not end ({job.tag}).")


_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def downloaded(operation: Operation, response: httpx.Response) -> Metadata:
    """Return the version of the file whose bytes a download brings."""
    return wire.parse_header(operation, wire.METADATA, response)


def _link_argument(password_field: str, link: Link) -> dict[str, str]:
    return {"url": link.url} | ({password_field: link.password} if link.password else {})


def _nothing(_response: httpx.Response) -> None:
    return


def _outcomes(
    operation: Operation,
    entries: Sequence[wire.BatchEntry],
    count: int,
    success: Callable[[dict[str, Any]], object],
) -> list[Outcome]:
    if len(entries) != count:
        raise ProtocolError(f"{operation}: {count} entries were sent, but {len(entries)} outcomes came.")
    outcomes = []
    for entry in entries:
        if entry.tag == "success":
            value = success(entry.fields)
            outcomes.append(Outcome(wire.parse_value(operation, wire.METADATA, value)))
            continue
        failure = entry.fields.get("failure")
        outcomes.append(Outcome(error=_raised(operation, own_error(operation, failure))))
    return outcomes


def _raised(operation: Operation, error: WireError | PicsyncError) -> PicsyncError:
    """Return the error that a refusal becomes once nothing is repeated any more."""
    if not isinstance(error, WireError):
        return error
    verdict = judge(operation, error.result)
    return verdict if isinstance(verdict, PicsyncError) else verdict.error

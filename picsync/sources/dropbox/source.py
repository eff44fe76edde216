"""The source port for Dropbox.

Items are ordered by path. Their ID is Dropbox's, which stays when a file is moved; their version is the
revision; the content hash says which of them have the same bytes, and whether the right bytes came.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial

import httpx

from picsync.config.credentials import Account
from picsync.core.contenthash import ContentHash
from picsync.core.errors import (
    FailureCode,
    ItemError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    RefusedError,
)
from picsync.core.events import Emit, ListingProgress, LoggedIn, LoginRefused
from picsync.core.model import Finding, Listing, MediaItem, SourceAlbum
from picsync.core.skipping import skipped_file, skipped_folder
from picsync.core.values import dataclass
from picsync.http.client import TIMEOUT, Hosts
from picsync.http.retry import NoAnswer, Operation, Retrier, RetryPolicy, WireError
from picsync.media.formats import media_kind, promised
from picsync.sources.base import ListingMemory, Sink, SourceCapabilities
from picsync.sources.choice import Choice
from picsync.sources.download import receive
from picsync.sources.dropbox.examination import examined
from picsync.sources.dropbox.listing import CursorListing
from picsync.sources.dropbox.options import DropboxEntry
from picsync.sources.dropbox.problems import link_problem, no_folder
from picsync.vendors.dropbox.api import (
    DOWNLOAD,
    DOWNLOAD_LINKED,
    DOWNLOAD_THUMBNAIL,
    READ_OPERATIONS,
    DropboxApi,
    FolderListing,
    Link,
    downloaded,
)
from picsync.vendors.dropbox.client import DropboxClient
from picsync.vendors.dropbox.credentials import KIND, TITLE
from picsync.vendors.dropbox.filetree import TreeEntry
from picsync.vendors.dropbox.refusals import DropboxError
from picsync.vendors.dropbox.tokens import Login

OPERATIONS = READ_OPERATIONS
CAPABILITIES = SourceCapabilities(kind=KIND, title=TITLE, videos=True, dated=False)
POLL_S = 480
"""Dropbox's longest: a long poll wakes this process up when it ends."""
FAILED_POLL_WAIT_S = 300.0
LONGEST_POLL_WAIT_S = 3600.0


@dataclass(slots=True)
class _Album:
    entry: DropboxEntry
    choice: Choice
    link: Link | None
    parts: dict[str, CursorListing] = field(default_factory=dict)
    """Path within the shared folder -> its listing; only one, `""`, without a link."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    items: tuple[MediaItem, ...] = ()
    seen: tuple[tuple[str, int], ...] = ()
    """The generations of the parts that `items` were made of."""
    told: str = ""
    """The cursor for which a change was told; it is told once."""


class DropboxSource:
    """Folders of one account, and shared links."""

    def __init__(
        self,
        login: Login,
        *,
        entries: Mapping[str, DropboxEntry],
        hosts: Hosts,
        retrier_for: Callable[[RetryPolicy], Retrier],
        emit: Emit,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        account: Account | None = None,
        link_password: str = "",
        timeout: httpx.Timeout = TIMEOUT,
    ) -> None:
        """Create it without sending anything."""
        self._login = login
        self._account = account or Account(KIND, KIND)
        self._emit = emit
        self._sleep = sleep
        self._link_password = link_password
        self._albums = {album_id: self._album(entry) for album_id, entry in entries.items()}
        self._memory: ListingMemory | None = None
        self._accepted = False
        """Whether the last word on the login was that it is accepted."""
        client = DropboxClient(login, hosts=hosts, retrier_for=retrier_for, timeout=timeout)
        self._api = DropboxApi(client, sleep=sleep)

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""
        return CAPABILITIES

    @property
    def api(self) -> DropboxApi:
        """The calls of the account, for commands."""
        return self._api

    def remember_in(self, memory: ListingMemory) -> None:
        """Keep listings in `memory` from now on; see the port."""
        self._memory = memory

    async def look(self, path: str) -> list[TreeEntry]:
        """Return what is in a folder, sorted; for commands. Raises what listings report."""
        entry = DropboxEntry(path=path if path.startswith("/") else f"/{path}")
        listing = CursorListing("", FolderListing(entry.root))
        with self._told_login():
            try:
                await listing.refresh(self._api, None, lambda _: None)
            except DropboxError as error:
                raise no_folder(entry.root, error.tags) or error from error
        return sorted(listing.tree.entries.values(), key=lambda each: (each.tag != "folder", each.name))

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the entries of picsync.yaml, and the folders at the top."""
        for album_id in list(self._albums):
            yield SourceAlbum(album_id, album_id)
        if not self._login.refresh_token:
            return
        listing = CursorListing("", FolderListing(""))
        with self._told_login():
            await listing.refresh(self._api, None, lambda _: None)
        for entry in sorted(listing.tree.entries.values()):
            if entry.tag == "folder" and entry.path not in self._albums:
                yield SourceAlbum(entry.path, entry.name)

    async def list(self, album_id: str) -> Listing:
        """List a folder; see the port."""
        album = self._albums.get(album_id)
        if album is None:
            album = self._albums[album_id] = self._album(DropboxEntry.model_validate(album_id))
        problem: str | None = None
        cause: FailureCode | None = None
        async with album.lock:
            try:
                with self._told_login():
                    await self._refresh(album_id, album)
            except LoginNeeded:
                raise
            except PicsyncError as error:
                problem, cause = f"{album_id}: {error}", error.code
            items = self._items(album_id, album)
        return Listing(KIND, album_id, items, problem, cause)

    async def changed(self, album_id: str) -> None:
        """Return once the folder may have changed since its last listing; see the port.

        Somebody else's folder tells of no changes. A change is told once for each listing, so that one that
        cannot be listed does not cause cycle after cycle.
        """
        album = self._albums[album_id]
        part = self._part(album_id, album, "")
        if album.link is not None:
            await asyncio.get_running_loop().create_future()
        while True:
            cursor = part.cursor
            if not cursor or cursor == album.told:
                await part.updated.wait()
                continue
            try:
                poll = await self._api.poll(cursor, POLL_S)
            except DropboxError:
                changes, wait_s = True, 0.0  # The cursor is void: the next listing starts over.
            except PicsyncError:
                changes, wait_s = False, FAILED_POLL_WAIT_S
            else:
                changes, wait_s = poll.changes, min(poll.backoff or 0.0, LONGEST_POLL_WAIT_S)
            if cursor != part.cursor:
                continue  # A listing in the meantime has seen it.
            if changes:
                album.told = cursor
                return
            if wait_s:
                await self._sleep(wait_s)

    async def thumbnail(self, item: MediaItem, sink: Sink) -> None:
        """Write Dropbox's small version of a picture to `sink`, or the original if it has none."""
        album, path = self._place(item)

        async def consume(response: httpx.Response) -> None:
            await receive(DOWNLOAD_THUMBNAIL, _TypedSink(sink, "image/jpeg"), response)

        try:
            await self._api.thumbnail(path, consume, link=album.link)
        except RefusedError:
            await self.download(item, sink)

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Write a file's bytes to `sink`, and check them by their hash; see the port."""
        album, path = self._place(item)
        try:
            if album.link is not None:
                consume = partial(_consume, DOWNLOAD_LINKED, item, sink)
                await self._api.download_linked(album.link, path, consume)
            else:
                await self._api.download(path, partial(_consume, DOWNLOAD, item, sink))
        except DropboxError as error:
            if error.has("unsupported_file"):
                raise ItemError("Dropbox has no bytes of it.", unusable=True) from error
            if error.has("not_found") or error.has("shared_link_not_found"):
                raise ItemError(
                    "It is no longer in Dropbox.", hint="The next cycle lists the folder again."
                ) from error
            raise ItemError(error.message, hint=error.hint) from error

    async def examine(self) -> Sequence[Finding]:
        """Check the login and each folder; see the port."""
        entries = {album_id: (album.entry, album.link) for album_id, album in self._albums.items()}
        return await examined(
            self._api, entries, by_user=bool(self._login.refresh_token), section=self._account.section_name
        )

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
        await self._api.aclose()

    def _album(self, entry: DropboxEntry) -> _Album:
        link = Link(entry.link, self._link_password) if entry.link else None
        return _Album(entry, Choice(entry.include, entry.exclude), link)

    def _part(self, album_id: str, album: _Album, path: str) -> CursorListing:
        if path not in album.parts:
            entry = album.entry
            recursive = entry.recursive and album.link is None
            what = FolderListing(path if album.link else entry.root, recursive, album.link)
            album.parts[path] = CursorListing(f"{album_id}\n{path}" if path else album_id, what)
        return album.parts[path]

    async def _refresh(self, album_id: str, album: _Album) -> None:
        """Bring all listings of an album up to date: behind a link, each subfolder has one of its own."""
        waiting, reached = [""], set[str]()
        while waiting:
            path = waiting.pop()
            reached.add(path)
            part = self._part(album_id, album, path)
            try:
                await part.refresh(self._api, self._memory, partial(self._progress, album_id))
            except DropboxError as error:
                raise await self._explained(album, path, error) from error
            if album.link is not None and album.entry.recursive:
                waiting += [
                    below
                    for entry in part.tree.entries.values()
                    if entry.tag == "folder" and self._enters(album, below := f"{path}/{entry.name}")
                ]
        for gone in set(album.parts) - reached:
            del album.parts[gone]

    async def _explained(self, album: _Album, path: str, error: DropboxError) -> PicsyncError:
        """Return why a folder cannot be listed."""
        if album.link is None:
            return no_folder(album.entry.root, error.tags) or error
        problem = await link_problem(self._api, album.link, self._account.section_name)
        if problem is None and path and error.has("not_found"):
            return NotFoundError(f"The shared folder no longer has the subfolder {path}.", status=409)
        return problem or error

    @staticmethod
    def _enters(album: _Album, path: str) -> bool:
        return not skipped_folder(path.rpartition("/")[2]) and album.choice.folder(path.lstrip("/"))

    def _items(self, album_id: str, album: _Album) -> tuple[MediaItem, ...]:
        """Return the pictures and videos; made anew only if an entry has changed."""
        seen = tuple((path, part.generation) for path, part in sorted(album.parts.items()))
        if seen != album.seen:
            found: dict[str, MediaItem] = {}
            for relative, entry in sorted(_files(album), key=lambda each: each[0].replace("/", "\0")):
                if not _is_skipped(album, relative) and (item := _item(album_id, album, relative, entry)):
                    found.setdefault(item.item_id, item)
            album.items, album.seen = tuple(found.values()), seen
        return album.items

    def _place(self, item: MediaItem) -> tuple[_Album, str]:
        """Return the album in which an item was found, and the path by which Dropbox knows the file."""
        album_id, _, path = item.url.partition("\n")
        album = self._albums.get(album_id)
        if album is None:
            raise ItemError("Dropbox has not listed it since picsync started.")
        return album, path

    def _progress(self, album_id: str, count: int) -> None:
        self._emit(ListingProgress(TITLE, album_id, count, None))

    def _told_login(self) -> _LoginTold:
        return _LoginTold(self)

    def accepted(self, error: LoginNeeded | None) -> None:
        """Tell of a login that is refused, or accepted for the first time since."""
        if error is not None:
            self._accepted = False
            self._emit(LoginRefused(TITLE, error.message, error.hint))
        elif not self._accepted and self._login.refresh_token:
            self._accepted = True
            self._emit(LoggedIn(TITLE))


class _LoginTold:
    """Context that tells what became of the login."""

    def __init__(self, source: DropboxSource) -> None:
        self._source = source

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._source.accepted(None)
        elif isinstance(error, LoginNeeded):
            self._source.accepted(error)


class _TypedSink:
    """A sink that is told the type that Dropbox does not tell."""

    def __init__(self, sink: Sink, mime_type: str) -> None:
        self._sink = sink
        self._mime_type = mime_type

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:  # noqa: ARG002 - it is always binary
        """Discard the bytes received so far."""
        await self._sink.begin(size_bytes, self._mime_type)

    async def write(self, chunk: bytes) -> None:
        """Append bytes."""
        await self._sink.write(chunk)


class _HashingSink(_TypedSink):
    """A sink that computes the content hash."""

    def __init__(self, sink: Sink, mime_type: str) -> None:
        super().__init__(sink, mime_type)
        self.hash = ContentHash()

    async def begin(self, size_bytes: int | None, mime_type: str) -> None:
        """Discard the bytes received so far."""
        self.hash = ContentHash()
        await super().begin(size_bytes, mime_type)

    async def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self.hash.update(chunk)
        await super().write(chunk)


async def _consume(operation: Operation, item: MediaItem, sink: Sink, response: httpx.Response) -> None:
    if operation is DOWNLOAD and downloaded(operation, response).rev != item.version:
        raise ItemError("It has changed since it was listed; the next cycle takes the new version.")
    hashed = _HashingSink(sink, item.mime_type)
    await receive(operation, hashed, response)
    if item.content_hash and hashed.hash.hexdigest() != item.content_hash:
        if operation is DOWNLOAD_LINKED and item.size_bytes != response.num_bytes_downloaded:
            raise ItemError("It has changed since it was listed; the next cycle takes the new version.")
        raise WireError(NoAnswer("the bytes do not have the content hash of the file", sent=True))


def _files(album: _Album) -> Iterator[tuple[str, TreeEntry]]:
    """Yield all files with their paths relative to the album's folder."""
    # The path as listed may differ in case from the one in picsync.yaml, but not in its number of names.
    depth = len(album.entry.root.split("/"))
    for path, part in album.parts.items():
        for entry in part.tree.entries.values():
            if entry.tag == "file":
                inside = f"{path}/{entry.name}".lstrip("/") if album.link else _below(entry.path, depth)
                yield inside or entry.name, entry


def _below(path: str, depth: int) -> str:
    return "/".join(path.split("/")[depth:])


def _is_skipped(album: _Album, relative: str) -> bool:
    *folders, name = relative.split("/")
    if skipped_file(name) or any(skipped_folder(folder) for folder in folders):
        return True
    choice = album.choice
    above = ("/".join(folders[: count + 1]) for count in range(len(folders)))
    return not choice.file(relative) or not all(choice.folder(folder) for folder in above)


def _item(album_id: str, album: _Album, relative: str, entry: TreeEntry) -> MediaItem | None:
    """Return a file as a media item; None if its name is not that of a picture or video."""
    mime_type = promised(entry.name)
    if mime_type is None:
        return None
    return MediaItem(
        KIND,
        entry.id or relative,
        entry.rev,
        kind=media_kind(mime_type),
        mime_type=mime_type,
        filename=entry.name,
        taken_at=entry.modified_at,
        size_bytes=entry.size,
        content_hash=entry.content_hash,
        url=f"{album_id}\n/{relative}" if album.link else f"{album_id}\n{entry.id}",
    )

"""The source port for spools.

An item's ID is the place in `done` where its file is or will be, so it stays when the file moves on.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from picsync.core.contenthash import ContentHash
from picsync.core.errors import (
    FailureCode,
    InaccessibleError,
    ItemError,
    LoginNeeded,
    NotFoundError,
    PicsyncError,
    ProtocolError,
    TransientError,
    at_account,
)
from picsync.core.model import Finding, Listing, Mark, MediaItem, SourceAlbum
from picsync.core.places import LOCAL, StorePlace
from picsync.media.formats import media_kind, promised
from picsync.observe.words import advice, error_sentence
from picsync.sources.base import Sink, SourceCapabilities
from picsync.sources.inbox.options import InboxEntry
from picsync.sources.inbox.spool import Spool, Spooled
from picsync.stores.base import ChangedError, Entry, Store
from picsync.system.files import create_anew, read_regular, reason, remedy, write_all

KIND = "inbox"
CAPABILITIES = SourceCapabilities(kind=KIND, title="Inbox", videos=True, dated=False)
OWNER_FILE = "inbox-owner"
"""The file beside the cache that names this installation."""
FAILED_WAIT_S = 300.0
ATTEMPTS = 3
"""How often a file is read whose reading is interrupted."""


class InboxSource:
    """The spools of all rules."""

    def __init__(
        self,
        entries: Mapping[str, InboxEntry],
        stores: Mapping[str, Store],
        *,
        own_folder: Path,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take over `stores`, which are by account. Nothing is accessed before the first call."""
        self._stores = stores
        self._own_folder = own_folder
        self._sleep = sleep
        self._spools = {
            album_id: Spool(entry, stores[entry.done.account], owner=self._owner, sleep=sleep, now=now)
            for album_id, entry in entries.items()
        }
        self._listed = dict.fromkeys(self._spools, 0)
        self._told = dict.fromkeys(self._spools, 0)
        self._updated = {album_id: asyncio.Event() for album_id in self._spools}

    @property
    def capabilities(self) -> SourceCapabilities:
        """What this source can do; never changes."""
        return CAPABILITIES

    @property
    def spools(self) -> Mapping[str, Spool]:
        """The spools by album ID, for commands."""
        return self._spools

    async def albums(self) -> AsyncIterator[SourceAlbum]:
        """Yield the entries of picsync.yaml."""
        for album_id in self._spools:
            yield SourceAlbum(album_id, album_id)

    def take_in(self, album_id: str) -> None:
        """Take in what has arrived with each listing from now on; see the port."""
        self._spools[album_id].takes_in = True

    async def list(self, album_id: str) -> Listing:
        """List a spool; see the port."""
        spool = self._spools.get(album_id)
        if spool is None:
            return Listing(KIND, album_id, problem=f"{album_id} is not a spool of picsync.yaml.")
        async with spool.lock:
            problem: str | None = None
            cause: FailureCode | None = None
            try:
                with at_account(spool.entry.done.account):
                    await spool.look()
            except LoginNeeded:
                raise
            except PicsyncError as error:
                problem, cause = f"{album_id}: {error}", error.code
            items = tuple(_item(spool, each) for each in spool.album)
            failed = {f"{spool.entry.done}/{each.path}": each.failed for each in spool.album if each.failed}
            self._listed[album_id] += problem is None
            updated, self._updated[album_id] = self._updated[album_id], asyncio.Event()
            updated.set()
            return Listing(KIND, album_id, items, problem, cause, note=" ".join(spool.remarks), failed=failed)

    async def shown(self, album_id: str, items: Collection[MediaItem]) -> None:
        """Move files to `done`; see the port."""
        spool = self._spools[album_id]
        async with spool.lock:
            with at_account(spool.entry.done.account):
                await spool.put_away([_path(spool, item) for item in items])

    async def failed(self, album_id: str, job: str, errors: Mapping[MediaItem, PicsyncError]) -> None:
        """Write the reasons next to files that failed; see the port."""
        spool = self._spools[album_id]
        async with spool.lock:
            with at_account(spool.entry.done.account):
                for item, error in errors.items():
                    found = spool.find(_path(spool, item))
                    if found is not None:
                        said = error_sentence(error)
                        await spool.fail(found, f"{said[:1].upper()}{said[1:]} {advice(error)}".rstrip(), job)

    async def changed(self, album_id: str) -> None:
        """Return once files have arrived; see the port. A change is told once for each listing."""
        spool = self._spools[album_id]
        while True:
            listed = self._listed[album_id]
            if listed == self._told[album_id]:
                await self._updated[album_id].wait()
                continue
            try:
                await spool.store.changed(spool.entry.incoming.path, spool.cursor)
            except PicsyncError:
                await self._sleep(FAILED_WAIT_S)
                continue
            self._told[album_id] = listed
            return

    async def download(self, item: MediaItem, sink: Sink) -> None:
        """Write a file to `sink`; see the port."""
        spool = next((spool for spool in self._spools.values() if _belongs(spool, item)), None)
        if spool is None:
            raise ItemError("It is in none of the spools of picsync.yaml.")
        with at_account(spool.entry.done.account):
            for attempt in range(1, ATTEMPTS + 1):
                path = _path(spool, item)
                found = spool.find(path) if attempt == 1 else await spool.find_again(path)
                if found is None or _version(found.entry, item) != item.version:
                    raise ItemError("It has changed or is gone; the next cycle lists the folder again.")
                try:
                    await _copy(spool.store, found.entry, item, sink)
                except (ChangedError, NotFoundError):
                    continue  # It was moved on, or is gone.
                except InaccessibleError:
                    raise
                except (TransientError, ProtocolError):
                    if attempt == ATTEMPTS:
                        raise
                else:
                    return
        raise ItemError("It has changed or is gone; the next cycle lists the folder again.")

    async def examine(self) -> Sequence[Finding]:
        """Check the folders; see the port."""
        found: list[Finding] = []
        for spool in self._spools.values():
            places = spool.entry.folders
            # The store reports missing folders of this machine itself.
            for place in (place for place in places if place.account != LOCAL):
                found += await _examined(spool.store, place)
            apart = await spool.store.one_volume([place.path for place in places])
            if apart:
                hint = "Put the three folders into one file system."
                found.append(Finding(Mark.PROBLEM, str(spool.entry), f"{apart}.", hint))
        return found

    async def aclose(self) -> None:
        """Close the stores; safe to call twice."""
        for store in self._stores.values():
            await store.aclose()

    def _owner(self) -> str:
        """Return the name of this installation, which is made up once. Raises InaccessibleError."""
        path = self._own_folder / OWNER_FILE
        try:
            try:
                known = read_regular(path, 200).decode(errors="replace").strip()
            except FileNotFoundError:
                known = ""
            if known:
                return known
            made = f"{socket.gethostname()[:40]} {secrets.token_hex(8)}"
            number = create_anew(path)
            try:
                write_all(number, [f"{made}\n".encode()])
            finally:
                os.close(number)
        except OSError as error:
            raise InaccessibleError(f"{path}: {reason(error)}.", hint=remedy(error, path)) from error
        return made


def _belongs(spool: Spool, item: MediaItem) -> bool:
    return item.item_id.startswith(f"{spool.entry.done}/")


def _path(spool: Spool, item: MediaItem) -> str:
    """Return the path below `done`."""
    return item.item_id[len(str(spool.entry.done)) + 1 :]


def _version(entry: Entry, item: MediaItem) -> str:
    return (entry.content_hash if item.content_hash else "") or entry.rev


def _item(spool: Spool, found: Spooled) -> MediaItem:
    entry, mime_type = found.entry, promised(found.path) or ""
    return MediaItem(
        KIND,
        f"{spool.entry.done}/{found.path}",
        entry.content_hash or entry.rev,
        kind=media_kind(mime_type),
        mime_type=mime_type,
        filename=found.path.rpartition("/")[2],
        taken_at=entry.modified_at,
        size_bytes=entry.size_bytes,
        content_hash=entry.content_hash,
    )


async def _copy(store: Store, entry: Entry, item: MediaItem, sink: Sink) -> None:
    hashed = ContentHash() if entry.content_hash else None
    await sink.begin(entry.size_bytes, item.mime_type)
    async for chunk in store.read(entry):
        if hashed is not None:
            hashed.update(chunk)
        await sink.write(chunk)
    if hashed is not None and hashed.hexdigest() != entry.content_hash:
        raise ProtocolError(f"{entry.path}: the bytes do not have the content hash of the file.")


async def _examined(store: Store, place: StorePlace) -> Sequence[Finding]:
    entry = await store.stat(place.path)
    if entry is None:
        hint = "Create it: `incoming`, `work` and `done` of a spool must exist."
        return [Finding(Mark.PROBLEM, str(place), "there is no such folder.", hint)]
    if entry.is_file:
        return [Finding(Mark.PROBLEM, str(place), "it is a file.", "Name a folder.")]
    return []

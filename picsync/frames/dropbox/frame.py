"""A folder in Dropbox as a frame.

All albums are in the folder itself; the manifest says which file belongs to which album. Only files in the
manifest are ever replaced or deleted. Photos are collected and written in batches, since every commit takes
the account's lock: a batch costs one write of the manifest and one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from picsync.aio.tasks import cancel_and_wait
from picsync.core.contenthash import ContentHash
from picsync.core.errors import ItemError, NotFoundError, PicsyncError, QuotaError, TransientError
from picsync.core.identity import plain_name
from picsync.core.model import Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.core.places import StorePlace, fold, join, stem_and_suffix
from picsync.core.rejected import NOTHING_REJECTED, Rejected, Rejection
from picsync.core.values import dataclass
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult
from picsync.frames.dropbox.listing import (
    judged,
    leaving,
    own_files,
    rejecting,
    renaming,
    restoring,
    up_to_date,
)
from picsync.frames.dropbox.manifest import MANIFEST, MAX_BYTES, Manifest, Own
from picsync.frames.folder.names import EXTENSIONS, is_name, number_of, plain
from picsync.frames.folder.options import Level
from picsync.frames.folder.order import Place, renumbered, sorted_names, to_remember, wanted_names
from picsync.observe.words import size
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    Content,
    Entry,
    Move,
    Store,
    TellsSpace,
    Write,
    Written,
)
from picsync.stores.contents import FolderContents
from picsync.vendors.dropbox.credentials import LOGIN_COMMAND

KIND = "dropbox"
BATCH = 100
"""Photos that are written together."""
LINGER_S = 5.0
"""How long the first photo of a batch waits for others."""
TRIES = 3
"""How often the manifest is written although somebody else has changed it."""
LEAST_FREE_BYTES = 20_000_000
"""Below this, the doctor notes that new photos may not fit."""
LIST_BYTES = 50_000
"""What is left for the list of files to grow: a batch adds about 250 bytes for each photo."""
_CHUNK_BYTES = 1 << 20


@dataclass(eq=False, slots=True)
class _Waiting:
    """A photo that waits to be written."""

    album: str
    rendition: Rendition
    content_hash: str
    result: asyncio.Future[UploadResult]


class DropboxFrame:
    """A folder of an account as a Frame."""

    def __init__(
        self,
        store: Store,
        place: StorePlace,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take over `store`, and fill the folder at `place` in it."""
        self._store = store
        self._place = place
        self._sleep = sleep
        self._now = now
        self._folder = FolderContents(store, place.path)
        self._manifest = Manifest()
        self._stored: Entry | None = None
        """The manifest as it is stored; None if there is none."""
        self._just_looked = False
        """Whether the last look was for `rejected`: the question for an album follows, and needs no other."""
        self._lock = asyncio.Lock()
        self._waiting: list[_Waiting] = []
        self._due: list[tuple[FrameAlbum, FramePhoto, asyncio.Future[None]]] = []
        self._uploads = 0
        """Uploads in progress."""
        self._last = False
        """Whether no more are to come, as far as the caller knows."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None
        self._capabilities = FrameCapabilities(
            kind=KIND,
            title=f"the folder {place}",
            digest_algorithm="md5",
            mime_types=frozenset(EXTENSIONS),
            playlist_limit=None,
            max_uploads=2 * BATCH,
            keeps_order=True,
        )

    @property
    def capabilities(self) -> FrameCapabilities:
        """The capabilities of a folder in Dropbox."""
        return self._capabilities

    def prepare(self) -> None:
        """Do nothing: the first call gets the token."""

    # --- looking --------------------------------------------------------------------------------------

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the manifest's albums."""
        async with self._lock:
            await self._look()
            return [self._album(name) for name in self._manifest.albums]

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the manifest has none."""
        async with self._lock:
            if not self._just_looked:
                await self._look()
            self._just_looked = False
            return self._album(name) if name in self._manifest.albums else None

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the album's files that exist, in the order that was asked for last, or of their names.

        A file that somebody else has changed is not picsync's any more.
        """
        async with self._lock:
            await self._look()
            there, files = self._own(), self._manifest.files
            found = []
            for name in sorted_names(files, self._manifest.orders.get(album.album_id, ())):
                own = files[name]
                if name in there and album.album_id in own.albums:
                    found.append(FramePhoto(name, own.digest, own.filename, there[name].size_bytes))
            return Photos(tuple(found))

    def _album(self, name: str) -> FrameAlbum:
        count = sum(name in self._manifest.files[each].albums for each in self._own())
        return FrameAlbum(name, name, count)

    def _there(self) -> dict[str, Entry]:
        return {fold(entry.name): entry for entry in self._folder.files()}

    def _own(self) -> dict[str, Entry]:
        """Return picsync's files that exist as they were written."""
        return own_files(self._manifest, self._there())

    async def _look(self) -> None:
        """Bring the folder's content and the manifest up to date."""
        self._just_looked = False
        try:
            await self._folder.look()
        except NotFoundError:
            # It is created with the first album.
            self._folder = FolderContents(self._store, self._place.path)
            self._manifest, self._stored = Manifest(), None
            return
        stored = self._there().get(fold(MANIFEST))
        if stored is None:
            self._manifest, self._stored = Manifest(), None
        elif self._stored is None or stored.rev != self._stored.rev:
            content = b""
            if stored.size_bytes <= MAX_BYTES:
                content = b"".join([part async for part in self._store.read(stored)])
            self._manifest = Manifest.parse(content, str(self._at(MANIFEST)))
            self._stored = stored

    def _at(self, name: str) -> StorePlace:
        return StorePlace(self._place.account, join(self._place.path, name))

    async def _store_manifest(self, change: Callable[[Manifest], Manifest]) -> None:
        """Write the manifest with a change; if somebody else has changed it meanwhile, change theirs."""
        for attempt in range(1, TRIES + 1):
            wanted = change(up_to_date(self._manifest, self._there()))
            files = {name: own for name, own in wanted.files.items() if own.albums}
            wanted = replace(wanted, files=files)
            if wanted == self._manifest:
                return
            text = wanted.text()
            path = self._at(MANIFEST).path
            try:
                if self._stored is None:
                    self._stored = await self._store.write(path, _bytes(text), len(text))
                else:
                    self._stored = await self._store.replace(self._stored, _bytes(text), len(text))
            except (ConflictError, ChangedError):
                if attempt == TRIES:
                    raise
                self._stored = None
                self._folder = FolderContents(self._store, self._place.path)
                await self._look()
            else:
                self._manifest = wanted
                self._folder.entries[self._stored.key] = self._stored
                return

    # --- writing --------------------------------------------------------------------------------------

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:  # noqa: ARG002 - it needs no preparation
        """Enter the album into the manifest, which is created if there is none."""

        def add(manifest: Manifest) -> Manifest:
            return replace(manifest, albums=tuple(dict.fromkeys((*manifest.albums, name))))

        async with self._lock:
            await self._look()
            await self._store_manifest(add)
            return self._album(name)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Write the bytes with those of other photos that are uploaded at about the same time."""
        self._uploads += 1
        self._last = upcoming <= self._uploads
        try:
            result = await self._in_a_batch(album, rendition, upcoming)
        finally:
            self._uploads -= 1
        if self._last and not self._uploads:
            # Until then, the absence of the files would be no request. Otherwise the next write enters them.
            with suppress(PicsyncError):
                async with self._lock:
                    await self._store_manifest(lambda manifest: manifest)
        return result

    async def _in_a_batch(self, album: FrameAlbum, rendition: Rendition, upcoming: int) -> UploadResult:
        content_hash = await _hash_of(rendition)
        waiting = _Waiting(
            album.album_id, rendition, content_hash, asyncio.get_running_loop().create_future()
        )
        self._waiting.append(waiting)
        if len(self._waiting) >= min(BATCH, upcoming):
            self._start_batch()
        elif self._timer is None:
            self._timer = asyncio.create_task(self._start_later())
        try:
            return await waiting.result
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    async def _start_later(self) -> None:
        await self._sleep(LINGER_S)
        self._timer = None
        self._start_batch()

    def _start_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            self._start(self._write(batch))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        """Write photos; each outcome goes to the one who waits for it."""
        async with self._lock:
            try:
                await self._look()
                batch = [each for each in batch if not each.result.done()]
                due = self._enter(batch)
                await self._refuse_what_does_not_fit(batch, due)
                await self._store_manifest(lambda manifest: _with(manifest, due, batch))
                await self._write_files(due)
            except PicsyncError as error:
                for each in batch:
                    if not each.result.done():
                        each.result.set_exception(error)
                return
            except BaseException as error:
                for each in batch:
                    if not each.result.done():
                        each.result.set_exception(error)
                raise
            first = {each.rendition.digest: each for each in due.values()}
            for each in batch:
                if not each.result.done():
                    _like(each, first.get(each.rendition.digest))

    def _enter(self, batch: Sequence[_Waiting]) -> dict[str, _Waiting]:
        """Return the photos that have to be written, by the names that they get."""
        there = self._there()
        known = {self._manifest.files[name].digest: name for name in self._own()}
        due: dict[str, _Waiting] = {}
        for each in batch:
            digest = each.rendition.digest
            name = known.get(digest)
            if name is None:
                name = known[digest] = self._free_name(each, there, due)
                due[name] = each
            elif name not in due and each.album in self._manifest.files[name].albums:
                each.result.set_result(AlreadyThere())
        return due

    async def _refuse_what_does_not_fit(self, batch: Sequence[_Waiting], due: dict[str, _Waiting]) -> None:
        """Take the photos from `due` for which there is no room, before anything is sent."""
        there = self._there()
        sizes = {name: each.rendition.size_bytes for name, each in due.items() if fold(name) not in there}
        free = await self._space() if sizes else None
        if free is None:
            return
        # The list of files is stored first, and grows with each of them.
        grown = len(_with(self._manifest, due, batch).text()) - (
            self._stored.size_bytes if self._stored else 0
        )
        free -= max(0, grown)
        refused = set()
        for name, size_bytes in sizes.items():
            if size_bytes <= free:
                free -= size_bytes
            else:
                refused.add(due.pop(name).rendition.digest)
        for each in batch:
            if each.rendition.digest in refused and not each.result.done():
                text = f"There is no room left in Dropbox for photos in {self._place}."
                each.result.set_exception(
                    QuotaError(text, hint="Delete files, empty its trash, or get more space.")
                )

    async def free_bytes(self) -> int | None:
        """Return the free space of the account for photos; None if Dropbox does not tell it."""
        free = await self._space()
        return None if free is None else max(0, free - LIST_BYTES)

    async def _space(self) -> int | None:
        return await self._store.free_bytes() if isinstance(self._store, TellsSpace) else None

    def _free_name(self, each: _Waiting, there: dict[str, Entry], due: dict[str, _Waiting]) -> str:
        """Return a name: the same for the same photo, unless somebody else's file has it.

        A file with a name of picsync's and the photo's bytes is picsync's own, from a lost manifest.
        """
        for entry in there.values():
            lost = entry.name not in self._manifest.files and entry.name not in due
            if lost and entry.content_hash == each.content_hash and is_name(entry.name):
                return entry.name
        extension = EXTENSIONS.get(each.rendition.mime_type, "jpg")
        wanted = plain(plain_name(each.rendition.filename), each.rendition.digest, extension)
        stem, suffix = stem_and_suffix(wanted)
        name, number = wanted, 1
        while name in due or (fold(name) in there and there[fold(name)].content_hash != each.content_hash):
            number += 1
            name = f"{stem}-{number}{suffix}"
        return name

    async def _write_files(self, due: dict[str, _Waiting]) -> None:
        there = self._there()
        by_path = {self._at(name).path: each for name, each in due.items()}

        async def done(written: Sequence[Written]) -> None:
            for one in written:
                each = by_path[one.write.path]
                if one.entry is not None:
                    self._folder.entries[one.entry.key] = one.entry
                if each.result.done():
                    continue  # Nobody waits for it any more.
                if one.error is not None:
                    each.result.set_exception(one.error)
                else:
                    each.result.set_result(Uploaded())

        for name, each in due.items():
            if fold(name) in there and not each.result.done():
                each.result.set_result(Uploaded())  # It was written by a process that was killed.
        writes = [
            Write(path, _content(each.rendition), each.rendition.size_bytes)
            for path, each in by_path.items()
            if not each.result.done()
        ]
        await self._store.write_all(writes, done)

    # --- the order ------------------------------------------------------------------------------------

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Give the album's files names with ascending numbers, in batches; renames few of them."""
        async with self._lock:
            await self._look()
            own, files = self._own(), self._manifest.files
            names = wanted_names(files, own, album.album_id, (photo.photo_id for photo in photos))
            numbers = {number_of(entry.name) for entry in self._folder.files()} | set(map(number_of, files))
            places = renumbered(Level.SAFE, names, {number for number in numbers if number is not None})
            if places is None:
                raise ItemError(f"{self._place} has more photos than names with numbers.")
            moves = [place for place in places if place.old != place.new]
            order = to_remember(files, names)
            name = album.album_id
            before = self._manifest.orders.get(name, ())
            if moves or order != before:
                # The manifest knows both names before a file gets the new one, so a crash in between loses
                # nothing.
                entered = order if order == before else ()
                await self._store_manifest(lambda manifest: renaming(manifest, moves, name, entered))
                await self._rename([(own[move.old], move) for move in moves])
                await self._store_manifest(lambda manifest: renaming(manifest, [], name, order))

    async def _rename(self, moves: Sequence[tuple[Entry, Place]]) -> None:
        """Rename files; raises if some could not be renamed that nobody else has touched."""
        due = [
            Move(entry, self._at(place.new).path, f"order{number}")
            for number, (entry, place) in enumerate(moves)
        ]
        batch, failed = max(1, self._store.capabilities.batch), None
        for at in range(0, len(due), batch):
            for moved in await self._store.move_all(due[at : at + batch]):
                if moved.entry is not None:
                    self._folder.entries.pop(moved.move.entry.key, None)
                    self._folder.entries[moved.entry.key] = moved.entry
                elif not isinstance(moved.error, NotFoundError | ConflictError | ChangedError):
                    failed = moved.error
        if due:
            await self._look()  # A move whose answer was lost may have happened.
        if failed is not None:
            raise failed

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove a photo from the album, and the file if no other album has it; in batches."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due.append((album, photo, future))
        if len(self._due) == 1:
            self._start(self._delete())
        await future

    async def _delete(self) -> None:
        async with self._lock:
            await asyncio.sleep(0)  # Others that are deleted at the same time join.
            due, self._due = self._due, []
            try:
                await self._look()
                errors = await self._delete_files(due)
            except PicsyncError as error:
                errors = dict.fromkeys((photo.photo_id for _, photo, _ in due), error)
            except BaseException as error:
                for _, _, future in due:
                    if not future.done():
                        future.set_exception(error)
                raise
            for _, photo, future in due:
                if future.done():
                    continue
                failed = errors.get(photo.photo_id)
                if failed is None:
                    future.set_result(None)
                else:
                    future.set_exception(failed)

    async def _delete_files(
        self, due: Sequence[tuple[FrameAlbum, FramePhoto, asyncio.Future[None]]]
    ) -> dict[str, PicsyncError]:
        """Delete files, and return what failed, by name."""
        gone: dict[str, Entry] = {}

        def leave(manifest: Manifest) -> Manifest:
            """Take the photos from albums; those of no other album stay in it until the file is gone."""
            files, whole = dict(manifest.files), own_files(manifest, self._there())
            gone.clear()
            for album, photo, _ in due:
                name = photo.photo_id
                albums = files[name].albums - {album.album_id} if name in files else frozenset()
                if albums or (name in files and name not in whole):
                    files[name] = replace(files[name], albums=albums)
                elif name in whole:
                    gone[name] = whole[name]
            return leaving(replace(manifest, files=files), gone)

        await self._store_manifest(leave)
        outcomes: list[PicsyncError | None] = []
        names = list(gone)
        batch = max(1, self._store.capabilities.batch)
        for at in range(0, len(names), batch):
            outcomes += await self._store.delete_all([gone[name] for name in names[at : at + batch]])
        errors = {name: error for name, error in zip(names, outcomes, strict=True) if error is not None}
        for name in names:
            if name not in errors:
                self._folder.entries.pop(gone[name].key, None)
        return errors

    # --- what viewers do not want ---------------------------------------------------------------------

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return the rejected photos; a file of picsync that someone has deleted is one of them.

        See `missing.judge` for the rule. Nothing is decided without the manifest, or without a complete
        listing.
        """
        async with self._lock:
            await self._look()
            if self._stored is None:
                return NOTHING_REJECTED
            found = judged(self._manifest, self._there(), self._now())
            if record and found.due:

                def again(manifest: Manifest) -> Manifest:
                    nonlocal found
                    found = judged(manifest, self._there(), self._now())
                    return found.manifest

                await self._store_manifest(again)
            self._just_looked = True
            return found.rejected

    async def reject(self, photo: FramePhoto) -> bool:
        """Remember that a photo is not wanted, and delete its file unless it is the only one."""
        async with self._lock:
            await self._look()
            name, own = photo.photo_id, self._own()
            if name not in own or self._manifest.files[name].digest != photo.digest:
                return False
            gone = [name] if len(own) > 1 else []
            await self._store_manifest(lambda manifest: leaving(rejecting(manifest, name, self._now()), gone))
            for error in await self._store.delete_all([own[each] for each in gone]):
                if error is not None:
                    raise error
            for each in gone:
                self._folder.entries.pop(own[each].key, None)
            return bool(gone)

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Forget that these photos were rejected, in the manifest."""
        digests = {each.digest for each in rejections}
        async with self._lock:
            await self._look()
            await self._store_manifest(lambda manifest: restoring(manifest, self._there(), digests))

    async def examine(self) -> Sequence[Finding]:
        """Check the login and the folder."""
        found = list(await self._store.examine())
        entry = await self._store.stat(self._place.path)
        if entry is None:
            found.append(
                Finding(Mark.NOTE, str(self._place), "the folder does not exist yet; it is created.")
            )
        elif entry.is_file:
            found.append(Finding(Mark.PROBLEM, str(self._place), "it is a file.", "Name a folder."))
        else:
            found.append(Finding(Mark.OK, str(self._place), "the folder is there."))
        free = await self._space()
        if free is None:
            text = "how much space is free is unknown, so photos are sent until it is full."
            fix = f"`{LOGIN_COMMAND}` asks for the permission to see it."
            found.append(Finding(Mark.NOTE, str(self._place), text, fix))
        elif free < LEAST_FREE_BYTES:
            text = f"only {size(free)} are free, so new photos may not fit."
            found.append(Finding(Mark.NOTE, str(self._place), text, "Delete files, or get more space."))
        else:
            found.append(Finding(Mark.OK, str(self._place), f"{size(free)} are free."))
        return found

    async def aclose(self) -> None:
        """Stop what is being written, and close the store."""
        if self._timer is not None:
            await cancel_and_wait(self._timer)
            self._timer = None
        await cancel_and_wait(*self._tasks)
        await self._store.aclose()


def _like(each: _Waiting, first: _Waiting | None) -> None:
    """Set the result of a photo that was not written itself: its file is there, or the one of a batch is."""
    if first is not None and first.result.cancelled():
        each.result.set_exception(TransientError("The upload of an equal photo was cancelled."))
    elif first is not None and (error := first.result.exception()) is not None:
        each.result.set_exception(error)
    elif first is not None and first.album == each.album:
        each.result.set_result(AlreadyThere())
    else:
        each.result.set_result(Uploaded())


def _with(manifest: Manifest, due: dict[str, _Waiting], batch: Sequence[_Waiting]) -> Manifest:
    """Return the manifest with a batch, whose photos have the names in `due` or those that they had."""
    files = dict(manifest.files)
    for name, each in due.items():
        files[name] = Own(each.rendition.digest, each.content_hash, each.rendition.filename)
    names = {own.digest: name for name, own in manifest.files.items()}
    names |= {each.rendition.digest: name for name, each in due.items()}
    for each in batch:
        name = names.get(each.rendition.digest, "")
        if name not in files:
            continue  # Another process has just removed it; the next cycle sends it again.
        files[name] = replace(files[name], albums=files[name].albums | {each.album})
    return replace(manifest, files=files)


def _bytes(text: bytes) -> Content:
    async def content(start: int) -> AsyncIterator[bytes]:
        yield text[start:]

    return content


def _content(rendition: Rendition) -> Content:
    """Return the bytes of a rendition for an upload."""

    async def content(start: int) -> AsyncIterator[bytes]:
        at = start
        while chunk := await asyncio.to_thread(_read, rendition, at):
            yield chunk
            at += len(chunk)

    return content


def _read(rendition: Rendition, at: int) -> bytes:
    try:
        rendition.file.seek(at)
        return rendition.file.read(_CHUNK_BYTES)
    except ValueError:  # The file was closed: the upload was cancelled.
        raise TransientError("The upload was cancelled.") from None


async def _hash_of(rendition: Rendition) -> str:
    def whole() -> str:
        found, at = ContentHash(), 0
        while chunk := _read(rendition, at):
            found.update(chunk)
            at += len(chunk)
        return found.hexdigest()

    return await asyncio.to_thread(whole)

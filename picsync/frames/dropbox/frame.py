"""A folder in Dropbox as a frame.

All albums are in the folder itself; the manifest says which file belongs to which album. Only files in the
manifest are ever replaced or deleted. Photos are collected and written in batches, since every commit takes
the account's lock: a batch costs one write of the manifest and one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from picsync.aio.tasks import cancel_and_wait
from picsync.core.errors import ItemError, NotFoundError, PicsyncError
from picsync.core.model import Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.core.places import StorePlace
from picsync.core.rejected import NOTHING_REJECTED, Rejected, Rejection
from picsync.frames.base import FrameCapabilities, Rendition, UploadResult
from picsync.frames.dropbox.directory import Directory
from picsync.frames.dropbox.listing import (
    judged,
    leaving,
    own_files,
    rejecting,
    renaming,
    restoring,
)
from picsync.frames.dropbox.manifest import Manifest
from picsync.frames.dropbox.sending import BATCH, Sending
from picsync.frames.folder.names import EXTENSIONS, number_of
from picsync.frames.folder.options import Level
from picsync.frames.folder.order import Place, renumbered, sorted_names, to_remember, wanted_names
from picsync.observe.words import size
from picsync.stores.base import (
    ChangedError,
    ConflictError,
    Entry,
    Move,
    Store,
)
from picsync.vendors.dropbox.credentials import LOGIN_COMMAND

KIND = "dropbox"
LEAST_FREE_BYTES = 20_000_000
"""Below this, the doctor notes that new photos may not fit."""
LIST_BYTES = 50_000
"""What is left for the list of files to grow: a batch adds about 250 bytes for each photo."""


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
        self._dir = Directory(store, place)
        self._sending = Sending(self._dir, sleep=sleep)
        self._now = now
        self._due: list[tuple[FrameAlbum, FramePhoto, asyncio.Future[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
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
        async with self._dir.lock:
            await self._dir.look()
            return [self._album(name) for name in self._dir.manifest.albums]

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the manifest has none."""
        async with self._dir.lock:
            if not self._dir.just_looked:
                await self._dir.look()
            self._dir.just_looked = False
            return self._album(name) if name in self._dir.manifest.albums else None

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the album's files that exist, in the order that was asked for last, or of their names.

        A file that somebody else has changed is not picsync's any more.
        """
        async with self._dir.lock:
            await self._dir.look()
            there, files = self._dir.own(), self._dir.manifest.files
            found = []
            for name in sorted_names(files, self._dir.manifest.orders.get(album.album_id, ())):
                own = files[name]
                if name in there and album.album_id in own.albums:
                    found.append(FramePhoto(name, own.digest, own.filename, there[name].size_bytes))
            return Photos(tuple(found))

    def _album(self, name: str) -> FrameAlbum:
        count = sum(name in self._dir.manifest.files[each].albums for each in self._dir.own())
        return FrameAlbum(name, name, count)

    # --- writing --------------------------------------------------------------------------------------

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:  # noqa: ARG002 - it needs no preparation
        """Enter the album into the manifest, which is created if there is none."""

        def add(manifest: Manifest) -> Manifest:
            return replace(manifest, albums=tuple(dict.fromkeys((*manifest.albums, name))))

        async with self._dir.lock:
            await self._dir.look()
            await self._dir.store_manifest(add)
            return self._album(name)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Write the bytes with those of other photos that are uploaded at about the same time."""
        return await self._sending.upload(album, rendition, upcoming=upcoming)

    async def free_bytes(self) -> int | None:
        """Return the free space of the account for photos; None if Dropbox does not tell it."""
        free = await self._dir.space()
        return None if free is None else max(0, free - LIST_BYTES)

    # --- the order ------------------------------------------------------------------------------------

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Give the album's files names with ascending numbers, in batches; renames few of them."""
        async with self._dir.lock:
            await self._dir.look()
            own, files = self._dir.own(), self._dir.manifest.files
            names = wanted_names(files, own, album.album_id, (photo.photo_id for photo in photos))
            numbers = {number_of(entry.name) for entry in self._dir.folder.files()} | set(
                map(number_of, files)
            )
            places = renumbered(Level.SAFE, names, {number for number in numbers if number is not None})
            if places is None:
                raise ItemError(f"{self._dir.place} has more photos than names with numbers.")
            moves = [place for place in places if place.old != place.new]
            order = to_remember(files, names)
            name = album.album_id
            before = self._dir.manifest.orders.get(name, ())
            if moves or order != before:
                # The manifest knows both names before a file gets the new one, so a crash in between loses
                # nothing.
                entered = order if order == before else ()
                await self._dir.store_manifest(lambda manifest: renaming(manifest, moves, name, entered))
                await self._rename([(own[move.old], move) for move in moves])
                await self._dir.store_manifest(lambda manifest: renaming(manifest, [], name, order))

    async def _rename(self, moves: Sequence[tuple[Entry, Place]]) -> None:
        """Rename files; raises if some could not be renamed that nobody else has touched."""
        due = [
            Move(entry, self._dir.at(place.new).path, f"order{number}")
            for number, (entry, place) in enumerate(moves)
        ]
        batch, failed = max(1, self._dir.store.capabilities.batch), None
        for at in range(0, len(due), batch):
            for moved in await self._dir.store.move_all(due[at : at + batch]):
                if moved.entry is not None:
                    self._dir.folder.entries.pop(moved.move.entry.key, None)
                    self._dir.folder.entries[moved.entry.key] = moved.entry
                elif not isinstance(moved.error, NotFoundError | ConflictError | ChangedError):
                    failed = moved.error
        if due:
            await self._dir.look()  # A move whose answer was lost may have happened.
        if failed is not None:
            raise failed

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove a photo from the album, and the file if no other album has it; in batches."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._due.append((album, photo, future))
        if len(self._due) == 1:
            task = asyncio.create_task(self._delete())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await future

    async def _delete(self) -> None:
        async with self._dir.lock:
            await asyncio.sleep(0)  # Others that are deleted at the same time join.
            due, self._due = self._due, []
            try:
                await self._dir.look()
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
            files, whole = dict(manifest.files), own_files(manifest, self._dir.there())
            gone.clear()
            for album, photo, _ in due:
                name = photo.photo_id
                albums = files[name].albums - {album.album_id} if name in files else frozenset()
                if albums or (name in files and name not in whole):
                    files[name] = replace(files[name], albums=albums)
                elif name in whole:
                    gone[name] = whole[name]
            return leaving(replace(manifest, files=files), gone)

        await self._dir.store_manifest(leave)
        outcomes: list[PicsyncError | None] = []
        names = list(gone)
        batch = max(1, self._dir.store.capabilities.batch)
        for at in range(0, len(names), batch):
            outcomes += await self._dir.store.delete_all([gone[name] for name in names[at : at + batch]])
        errors = {name: error for name, error in zip(names, outcomes, strict=True) if error is not None}
        for name in names:
            if name not in errors:
                self._dir.folder.entries.pop(gone[name].key, None)
        return errors

    # --- what viewers do not want ---------------------------------------------------------------------

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return the rejected photos; a file of picsync that someone has deleted is one of them.

        See `missing.judge` for the rule. Nothing is decided without the manifest, or without a complete
        listing.
        """
        async with self._dir.lock:
            await self._dir.look()
            if self._dir.stored is None:
                return NOTHING_REJECTED
            found = judged(self._dir.manifest, self._dir.there(), self._now())
            if record and found.due:

                def again(manifest: Manifest) -> Manifest:
                    nonlocal found
                    found = judged(manifest, self._dir.there(), self._now())
                    return found.manifest

                await self._dir.store_manifest(again)
            self._dir.just_looked = True
            return found.rejected

    async def reject(self, photo: FramePhoto) -> bool:
        """Remember that a photo is not wanted, and delete its file unless it is the only one."""
        async with self._dir.lock:
            await self._dir.look()
            name, own = photo.photo_id, self._dir.own()
            if name not in own or self._dir.manifest.files[name].digest != photo.digest:
                return False
            gone = [name] if len(own) > 1 else []
            await self._dir.store_manifest(
                lambda manifest: leaving(rejecting(manifest, name, self._now()), gone)
            )
            for error in await self._dir.store.delete_all([own[each] for each in gone]):
                if error is not None:
                    raise error
            for each in gone:
                self._dir.folder.entries.pop(own[each].key, None)
            return bool(gone)

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Forget that these photos were rejected, in the manifest."""
        digests = {each.digest for each in rejections}
        async with self._dir.lock:
            await self._dir.look()
            await self._dir.store_manifest(lambda manifest: restoring(manifest, self._dir.there(), digests))

    async def examine(self) -> Sequence[Finding]:
        """Check the login and the folder."""
        found = list(await self._dir.store.examine())
        entry = await self._dir.store.stat(self._dir.place.path)
        if entry is None:
            found.append(
                Finding(Mark.NOTE, str(self._dir.place), "the folder does not exist yet; it is created.")
            )
        elif entry.is_file:
            found.append(Finding(Mark.PROBLEM, str(self._dir.place), "it is a file.", "Name a folder."))
        else:
            found.append(Finding(Mark.OK, str(self._dir.place), "the folder is there."))
        free = await self._dir.space()
        if free is None:
            text = "how much space is free is unknown, so photos are sent until it is full."
            fix = f"`{LOGIN_COMMAND}` asks for the permission to see it."
            found.append(Finding(Mark.NOTE, str(self._dir.place), text, fix))
        elif free < LEAST_FREE_BYTES:
            text = f"only {size(free)} are free, so new photos may not fit."
            found.append(Finding(Mark.NOTE, str(self._dir.place), text, "Delete files, or get more space."))
        else:
            found.append(Finding(Mark.OK, str(self._dir.place), f"{size(free)} are free."))
        return found

    async def aclose(self) -> None:
        """Stop what is being written, and close the store."""
        await self._sending.aclose()
        await cancel_and_wait(*self._tasks)
        await self._dir.store.aclose()

"""A web frame: photos in a folder, and what a page needs to show them.

The folder is filled by `FolderFrame`, with its manifest and its care; this class adds what a page tells
of the photos, and reports changes to whoever serves the page. It never needs a source or the cache:
everything is in the folder.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from picsync.core.caption import AboutPhoto, Captions, clean
from picsync.core.errors import InaccessibleError, NotFoundError
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, Photos
from picsync.core.rejected import NOTHING_REJECTED, Rejected, Rejection
from picsync.core.values import dataclass
from picsync.frames.base import FrameCapabilities, Rendition, UploadResult
from picsync.frames.folder.frame import FolderFrame
from picsync.frames.folder.manifest import FOLDER
from picsync.frames.web.details import MAX_TEXT, Details, Journal, local_time
from picsync.media import dimensions, ends, exif, formats, jpeg
from picsync.system.files import open_regular, reason, remedy

MIME_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What the browsers of the last ten years show."""


@dataclass(frozen=True, slots=True)
class ShownPhoto:
    """A photo on the frame."""

    name: str
    """Of its file."""
    digest: Digest
    filename: str
    """The name that it was sent under."""
    size_bytes: int
    details: Details
    added_s: float
    album: str

    @property
    def mime_type(self) -> str:
        """Its type, one of `MIME_TYPES`."""
        return self.details.mime_type

    @property
    def as_frame_photo(self) -> FramePhoto:
        """The same for the methods of the port."""
        return FramePhoto(self.name, self.digest, self.filename, self.size_bytes)


class WebFrame:
    """A frame that a browser shows."""

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        own_folder: Path,
        made: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`made`: whether the folder at `path` is made by picsync. `now` returns seconds since 1970."""
        self.name = name
        self._path = path
        self._made = made
        self._now = now
        self._folder = FolderFrame(str(path), own_folder=own_folder)
        self._journal = Journal(path / FOLDER)
        self._journal_lock = asyncio.Lock()
        self._watching: list[Callable[[], None]] = []
        self._was_there = False
        self._capabilities = replace(
            self._folder.capabilities,
            kind="web",
            title=f"the frame {name}",
            mime_types=MIME_TYPES,
            captions=Captions.OWN,
            keeps_order=True,
        )

    @property
    def capabilities(self) -> FrameCapabilities:
        """The capabilities of a browser."""
        return self._capabilities

    def prepare(self) -> None:
        """Do nothing: a directory needs no login."""

    @contextmanager
    def watched(self, changed: Callable[[], None]) -> Iterator[None]:
        """Call `changed` after each change by this process, until the context ends."""
        self._watching.append(changed)
        try:
            yield
        finally:
            self._watching.remove(changed)

    # --- the port ---------------------------------------------------------------------------------------

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the manifest's albums."""
        return [] if await self._is_missing() else await self._folder.albums()

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the album of that name, or None if the manifest has none."""
        return None if await self._is_missing() else await self._folder.find_album(name)

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:
        """Write the album to the manifest; creates the folder, if it is one of picsync's own."""
        if await self._is_missing():
            await self._explained(self._make)
        return await self._folder.create_album(name, upcoming=upcoming)

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the album's files that exist, in the order in which the page shows them."""
        if await self._is_missing():
            return Photos()
        found = await self._folder.photos(album)
        async with self._journal_lock:
            return await asyncio.to_thread(self._arranged, album, found)

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:
        """Write the photo, after what the page needs of it."""
        details = await asyncio.to_thread(_details_of_rendition, rendition)
        details = replace(_with(details, rendition.about), added_s=self._now())
        await self._note({rendition.digest: details})
        result = await self._folder.upload(album, rendition, upcoming=upcoming)
        self._changed()
        return result

    def same_caption(self, shown: str, wanted: str) -> bool:
        """Whether a page shows the same text for both: long ones are shortened."""
        return shown == wanted[:MAX_TEXT]

    async def describe(self, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto) -> None:  # noqa: ARG002 - port
        """Replace what the page tells of a photo."""
        if not await asyncio.to_thread((self._path / photo.photo_id).exists):
            raise NotFoundError(f"The photo {photo.photo_id} is not on the frame any more.", status=0)
        async with self._journal_lock:
            await asyncio.to_thread(self._describe, photo, about)
        self._changed()

    async def arrange(self, album: FrameAlbum, photos: Sequence[FramePhoto]) -> None:
        """Show the album's photos in this order."""
        async with self._journal_lock:
            digests = [photo.digest for photo in photos]
            await self._explained(lambda: self._journal.arrange(album.name, digests))
        self._changed()

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Remove the photo from the album; its file is deleted when no album contains it any more."""
        await self._folder.delete(album, photo)
        self._changed()

    async def rejected(self, *, record: bool = True) -> Rejected:
        """Return the photos that were rejected on a page, or by deleting their files."""
        return NOTHING_REJECTED if await self._is_missing() else await self._folder.rejected(record=record)

    async def reject(self, photo: FramePhoto) -> bool:
        """Remember that a photo is not wanted, and delete its file unless it is the only one."""
        removed = await self._folder.reject(photo)
        self._changed()
        return removed

    async def restore(self, rejections: Collection[Rejection]) -> None:
        """Leave requests to restore these photos, which the next cycle carries out."""
        if not await self._is_missing():
            await self._folder.restore(rejections)

    async def newest(self, album: str, count: int) -> Sequence[FramePhoto]:
        """Return the last files of an album."""
        return [] if await self._is_missing() else await self._folder.newest(album, count)

    def open_photo(self, photo: FramePhoto) -> BinaryIO:
        """Open a file of picsync."""
        return self._folder.open_photo(photo)

    async def examine(self) -> Sequence[Finding]:
        """Check whether the folder exists and is writable, and how much space is free."""
        if await self._is_missing():
            return [Finding(Mark.OK, "Folder", f"{self._path} is created by the first cycle.")]
        return await self._folder.examine()

    async def free_bytes(self) -> int | None:
        """Return the free space of the folder's disk."""
        return None if await self._is_missing() else await self._folder.free_bytes()

    async def aclose(self) -> None:
        """Release what the folder needs."""
        await self._folder.aclose()

    # --- for the page -----------------------------------------------------------------------------------

    async def shown(self) -> list[ShownPhoto]:
        """Return all photos that a browser can show, each once, in the order of their albums.

        Raises as the port's methods do, and InaccessibleError if the folder has vanished: pages then keep
        the photos that they have.
        """
        if not await self._is_missing():
            self._was_there = True
        elif self._was_there:
            raise InaccessibleError(
                f"The folder {self._path} does not exist any more.",
                hint="Mount the volume that has it, or let the next cycle write the photos again.",
            )
        found: dict[str, tuple[FramePhoto, str]] = {}
        for album in await self.albums():
            for photo in (await self.photos(album)).items:
                found.setdefault(photo.photo_id, (photo, album.name))
        async with self._journal_lock:
            return await asyncio.to_thread(self._described, list(found.values()))

    def open(self, photo: ShownPhoto) -> BinaryIO:
        """Open a photo's file; blocks. Raises OSError, also if the file has changed since."""
        file = os.fdopen(open_regular(self._path / photo.name, os.O_RDONLY), "rb", buffering=0)
        if os.fstat(file.fileno()).st_size != photo.size_bytes:
            file.close()
            raise FileNotFoundError(photo.name)
        return file

    def _arranged(self, album: FrameAlbum, found: Photos) -> Photos:
        """Return the photos of an album in their order, with their captions; blocks."""
        known = self._known()
        with suppress(OSError):
            places = self._journal.order(album.name)
            last = len(places)
            nothing = Details("")
            photos = [
                replace(photo, caption=known.get(photo.digest, nothing).caption)
                for photo in sorted(found.items, key=lambda photo: places.get(photo.digest.hex, last))
            ]
            return replace(found, items=tuple(photos))
        return found

    def _describe(self, photo: FramePhoto, about: AboutPhoto) -> None:
        with suppress(OSError):
            known = self._known().get(photo.digest) or _details_of_file(self._path / photo.photo_id)
            self._journal.add({photo.digest: _with(known, about)})

    # --- details ----------------------------------------------------------------------------------------

    def _described(self, photos: Sequence[tuple[FramePhoto, str]]) -> list[ShownPhoto]:
        shown: list[ShownPhoto] = []
        learned: dict[Digest, Details] = {}
        known = self._known()
        for photo, album in photos:
            with suppress(OSError):  # Another program has just deleted or replaced it.
                details = known.get(photo.digest) or learned.get(photo.digest)
                path = self._path / photo.photo_id
                if details is None:
                    details = learned[photo.digest] = _details_of_file(path)
                added_s = details.added_s
                if added_s is None:
                    added_s = path.lstat().st_mtime
                if details.mime_type:
                    size_bytes = path.lstat().st_size if photo.size_bytes is None else photo.size_bytes
                    shown.append(
                        ShownPhoto(
                            photo.photo_id, photo.digest, photo.filename, size_bytes, details, added_s, album
                        )
                    )
        with suppress(OSError):  # A memo: without it, the files are read again.
            self._journal.add(learned)
            self._journal.compact(photo.digest for photo, _ in photos)
        return shown

    def _known(self) -> Mapping[Digest, Details]:
        try:
            return self._journal.known()
        except OSError:
            return {}

    async def _note(self, found: Mapping[Digest, Details]) -> None:
        """Write details, unless there are some of the same content that say as much."""
        async with self._journal_lock:
            await asyncio.to_thread(self._note_now, found)

    def _note_now(self, found: Mapping[Digest, Details]) -> None:
        with suppress(OSError):  # What it says is missing then; the photo is more important.
            known = self._journal.known()
            for digest, details in found.items():
                since = known[digest].added_s if digest in known else details.added_s
                self._journal.add({digest: replace(details, added_s=since)})

    def _changed(self) -> None:
        for changed in self._watching:
            changed()

    # --- the folder -------------------------------------------------------------------------------------

    async def _is_missing(self) -> bool:
        """Whether the folder is one of picsync's own and does not exist yet."""
        return self._made and not await asyncio.to_thread(self._path.exists)

    def _make(self) -> None:
        # The inner folder says that this is a new one, and not the place of one that is missing.
        (self._path / FOLDER).mkdir(parents=True, exist_ok=True)

    async def _explained(self, work: Callable[[], None]) -> None:
        """Change something in the folder, in a thread; raises InaccessibleError."""
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            raise InaccessibleError(
                f"The folder {self._path} cannot be used: {reason(error)}.", hint=remedy(error, self._path)
            ) from error


def _with(details: Details, about: AboutPhoto) -> Details:
    """Return the details of a photo with what the source says of it, as far as it does."""
    taken = about.taken.isoformat(timespec="seconds") if about.taken else ""
    return replace(
        details,
        width=about.width or details.width,
        height=about.height or details.height,
        taken=local_time(taken) or details.taken,
        description=clean(about.description)[:MAX_TEXT] or details.description,
        place=clean(about.place)[:MAX_TEXT] or details.place,
        caption=about.caption[:MAX_TEXT],
    )


def _details_of_rendition(rendition: Rendition) -> Details:
    mime_type = formats.identify(rendition.file) or ""
    return _details(rendition.file, mime_type) if mime_type in MIME_TYPES else Details("")


def _details_of_file(path: Path) -> Details:
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        mime_type = formats.identify(file) or ""
        if mime_type not in MIME_TYPES or ends.is_truncated(file, mime_type):
            return Details("")
        return _details(file, mime_type)


def _details(file: BinaryIO, mime_type: str) -> Details:
    """Return what a picture's header says; moves the file's position."""
    width, height = dimensions.pixel_size(file, mime_type) or (0, 0)
    picture = jpeg.read(file) if mime_type == "image/jpeg" else None
    block = picture.exif if picture else None
    if block is None:
        return Details(mime_type, width, height)
    if exif.orientation(block) >= 5:
        width, height = height, width
    taken = exif.local_time(block)
    return Details(
        mime_type,
        width,
        height,
        taken.isoformat(timespec="seconds") if taken else "",
        clean(exif.description(block))[:MAX_TEXT],
    )

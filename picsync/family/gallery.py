"""The gallery: a frame of picsync's own that puts the photos of all sources on the family's pages.

Each category is an album. A photo is known by its original's content, so one photo of two albums has one
rating, one caption, one place among the hidden ones. What people did with a photo stays when it leaves its
last album; its small versions do, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.core.caption import AboutPhoto, Captions
from picsync.core.errors import NotFoundError, SpoolError
from picsync.core.identity import content_key, key_in, plain_name
from picsync.core.model import Digest, Finding, FrameAlbum, FramePhoto, Mark, MediaKind, Photos
from picsync.core.recipe import Panel, Recipe
from picsync.core.text import harmless
from picsync.family.photos import Photo, add_photo
from picsync.family.pictures import QUALITY, SIZES, Pictures, copy_all
from picsync.family.state import tables
from picsync.family.state.database import State
from picsync.frames.base import AlreadyThere, FrameCapabilities, Rendition, Uploaded, UploadResult
from picsync.system.files import reason, remedy

MAX_PHOTOS = 5_000
"""The newest photos of a rule that are on the pages: half a gigabyte of small versions."""
MAX_UPLOADS = 4
MAX_NAME = 200
"""Characters of a file name."""
MAX_TEXT = 2_000
"""Characters of what a picture says of itself."""
RECIPE = Recipe(panel=Panel(SIZES[0], SIZES[0]), quality=QUALITY[SIZES[0]])
"""What the largest version is made by; the others are made of it."""
CAPTION = "{description}"
"""What the pages show of what a picture says of itself."""
_BLOCK_BYTES = 1 << 20
_CATEGORY = "category "
_BY_LENGTH = {32: "md5", 64: "sha256"}
_IDS_PER_QUERY = 500


class Gallery:
    """The photos of all categories."""

    capabilities = FrameCapabilities(
        kind="family",
        title="the family's pages",
        digest_algorithm="sha256",
        mime_types=frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"}),
        playlist_limit=None,
        max_uploads=MAX_UPLOADS,
        captions=Captions.OWN,
    )

    def __init__(
        self, state: State, pictures: Pictures, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._state = state
        self._pictures = pictures
        self._now = now

    def prepare(self) -> None:
        """Do nothing: the database is open."""

    async def albums(self) -> Sequence[FrameAlbum]:
        """Return the categories that have or had photos, by name."""
        name = tables.setting.c.name
        wanted = sa.select(name).where(name.startswith(_CATEGORY, autoescape=True)).order_by(name)
        found = await self._state.read(lambda connection: list(connection.scalars(wanted)))
        return [_album(each.removeprefix(_CATEGORY)) for each in found]

    async def find_album(self, name: str) -> FrameAlbum | None:
        """Return the category of that name, or None if there are no photos for it yet."""
        return await self._state.read(
            lambda connection: _album(name) if _has_category(connection, name) else None
        )

    async def create_album(self, name: str, *, upcoming: int = 0) -> FrameAlbum:  # noqa: ARG002 - nothing to prepare
        """Create the category, unless there is one."""

        def work(connection: sa.Connection) -> None:
            if not _has_category(connection, name):
                connection.execute(sa.insert(tables.setting).values(name=_CATEGORY + name, value=""))

        await self._state.write(work)
        return _album(name)

    async def photos(self, album: FrameAlbum) -> Photos:
        """Return the category's photos; those without small versions are missing, so that they are made."""
        entry, photo = tables.entry, tables.photo
        wanted = (
            sa.select(
                entry.c.photo, entry.c.digest, entry.c.filename, entry.c.size_bytes, photo.c.description
            )
            .join(photo, photo.c.photo == entry.c.photo)
            # Videos are listed by what has received them.
            .where(entry.c.category == album.name, photo.c.kind == str(MediaKind.PHOTO))
            .order_by(entry.c.added_at, entry.c.photo)
        )
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        there = await asyncio.to_thread(self._pictures.all_of, [row.photo for row in rows])
        return Photos(
            tuple(
                FramePhoto(
                    row.photo, _digest(row.digest), row.filename, row.size_bytes, caption=row.description
                )
                for row in rows
                if row.photo in there
            )
        )

    async def upload(self, album: FrameAlbum, rendition: Rendition, *, upcoming: int = 1) -> UploadResult:  # noqa: ARG002 - nothing to prepare
        """Make the small versions, then store everything about the photo in one transaction."""
        content = rendition.content
        if content is None or content.algorithm != "sha256":
            content = await asyncio.to_thread(_sha256, rendition.file)
        photo = content_key(content)
        if not await asyncio.to_thread(self._pictures.has, photo):
            await self._make(photo, rendition.file)
        about, (width, height) = rendition.about, rendition.original_size or (0, 0)
        known = Photo(
            photo,
            content.hex,
            harmless(plain_name(rendition.filename))[:MAX_NAME],
            width=width or about.width or None,
            height=height or about.height or None,
            taken_at=about.taken,
            place=_text(about.place),
            description=_text(about.description),
        )
        key, now = key_in(rendition.filename), self._now()
        values = {
            "digest": rendition.digest.hex,
            # A folder's file names may be no text; the key stays.
            "filename": harmless(rendition.filename),
            "size_bytes": rendition.size_bytes,
        }

        def work(connection: sa.Connection) -> UploadResult:
            entry = tables.entry
            if not add_photo(connection, known, now):
                _complete(connection, known)
            if key is not None:
                _map_items(connection, {key.item: photo})
            here = sa.and_(entry.c.category == album.name, entry.c.photo == photo)
            before = connection.scalar(sa.select(entry.c.digest).where(here))
            if before == rendition.digest.hex:
                return AlreadyThere()
            if before is None:
                connection.execute(
                    sa.insert(entry).values(category=album.name, photo=photo, added_at=number(now), **values)
                )
            else:
                connection.execute(sa.update(entry).where(here).values(**values))
            return Uploaded()

        return await self._state.write(work)

    async def _make(self, photo: str, rendition: BinaryIO) -> None:
        """Make the small versions. The worker needs a descriptor; a rendition is a view of another file."""
        try:
            with tempfile.TemporaryFile(prefix="picsync-", buffering=0) as file:
                await asyncio.to_thread(copy_all, rendition, file)
                await self._pictures.make(photo, file)
        except OSError as error:
            folder = Path(tempfile.gettempdir())
            raise SpoolError(str(folder), reason(error), remedy=remedy(error, folder)) from error

    async def delete(self, album: FrameAlbum, photo: FramePhoto) -> None:
        """Take a photo out of the category. What people did with it stays."""
        entry = tables.entry
        gone = sa.delete(entry).where(entry.c.category == album.name, entry.c.photo == photo.photo_id)
        await self._state.write(lambda connection: connection.execute(gone))

    # --- what the photos say of themselves ------------------------------------------------------------

    def same_caption(self, shown: str, wanted: str) -> bool:
        """Whether the pages show the same text for both: long ones are shortened."""
        return shown == _text(wanted)

    async def describe(self, album: FrameAlbum, photo: FramePhoto, about: AboutPhoto) -> None:
        """Replace what the pages tell of a photo. What the family wrote is not touched."""
        entry, table = tables.entry, tables.photo

        def work(connection: sa.Connection) -> bool:
            here = sa.select(entry.c.photo).where(
                entry.c.category == album.name, entry.c.photo == photo.photo_id
            )
            if connection.scalar(here) is None:
                return False
            values = {"description": _text(about.caption)}
            if about.place:
                values["place"] = _text(about.place)
            if about.taken is not None:
                values["taken_at"] = about.taken.isoformat()
            connection.execute(sa.update(table).where(table.c.photo == photo.photo_id).values(**values))
            return True

        if not await self._state.write(work):
            raise NotFoundError(
                f"The photo {photo.photo_id} is not on the family's pages any more.", status=0
            )

    # --- which items they are -------------------------------------------------------------------------

    async def record_items(self, album: FrameAlbum, items: Mapping[str, Digest]) -> None:
        """Store which photo each item is: what is said of a photo then concerns all of its items."""
        entry = tables.entry
        wanted = sa.select(entry.c.digest, entry.c.photo).where(entry.c.category == album.name)

        def new(connection: sa.Connection) -> dict[str, str]:
            photos = {row.digest: row.photo for row in connection.execute(wanted)}
            found = {item: photos[digest.hex] for item, digest in items.items() if digest.hex in photos}
            known = _known_items(connection, list(found))
            return {item: photo for item, photo in found.items() if known.get(item) != photo}

        if await self._state.read(new):
            await self._state.write(lambda connection: _map_items(connection, new(connection)))

    # --- pictures -------------------------------------------------------------------------------------

    def open_photo(self, photo: FramePhoto) -> BinaryIO:
        """Open a version of a photo; blocks."""
        return self._pictures.path(photo.photo_id, SIZES[0]).open("rb")

    async def newest(self, album: str, count: int) -> Sequence[FramePhoto]:
        """Return the photos of a category that were added last and are not hidden."""
        entry, hidden = tables.entry, tables.hidden
        wanted = (
            sa.select(entry)
            .outerjoin(hidden, hidden.c.photo == entry.c.photo)
            .where(entry.c.category == album, hidden.c.photo.is_(None))
            .order_by(entry.c.added_at.desc(), entry.c.photo)
            .limit(count)
        )
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        return [FramePhoto(row.photo, _digest(row.digest), row.filename, row.size_bytes) for row in rows]

    # --------------------------------------------------------------------------------------------------

    async def examine(self) -> Sequence[Finding]:
        """Count the photos."""
        wanted = sa.select(sa.func.count()).select_from(tables.photo)
        count = await self._state.read(lambda connection: connection.scalar(wanted))
        return [Finding(Mark.OK, "Database", f"{self._state}: {count or 0:,} photos.")]

    async def aclose(self) -> None:
        """Do nothing: who opened the database closes it."""


def _album(name: str) -> FrameAlbum:
    return FrameAlbum(name, name)


def _has_category(connection: sa.Connection, name: str) -> bool:
    setting = tables.setting
    wanted = sa.select(setting.c.name).where(setting.c.name == _CATEGORY + name)
    return connection.scalar(wanted) is not None


def _complete(connection: sa.Connection, photo: Photo) -> None:
    """Add what is not known yet of a photo that another source has brought."""
    table = tables.photo
    row = connection.execute(sa.select(table).where(table.c.photo == photo.photo)).one()
    said = {
        "filename": photo.filename,
        "width": photo.width,
        "height": photo.height,
        "taken_at": photo.taken_at.isoformat() if photo.taken_at else None,
        "place": photo.place,
        "description": photo.description,
    }
    values = {name: value for name, value in said.items() if value and not getattr(row, name)}
    if values:
        connection.execute(sa.update(table).where(table.c.photo == photo.photo).values(**values))


def _known_items(connection: sa.Connection, items: Sequence[str]) -> dict[str, str]:
    item = tables.item
    known: dict[str, str] = {}
    for start in range(0, len(items), _IDS_PER_QUERY):
        some = sa.select(item).where(item.c.item.in_(items[start : start + _IDS_PER_QUERY]))
        known |= {row.item: row.photo for row in connection.execute(some)}
    return known


def _map_items(connection: sa.Connection, photos: Mapping[str, str]) -> None:
    """Store the photos of items; what was hidden as an item is hidden as a photo from now on."""
    item, hidden = tables.item, tables.hidden
    known = _known_items(connection, list(photos))
    for key, photo in photos.items():
        if key not in known:
            connection.execute(sa.insert(item).values(item=key, photo=photo))
        elif known[key] != photo:
            connection.execute(sa.update(item).where(item.c.item == key).values(photo=photo))
        as_item = connection.scalar(sa.select(hidden.c.photo).where(hidden.c.photo == key))
        if as_item is None:
            continue
        if connection.scalar(sa.select(hidden.c.photo).where(hidden.c.photo == photo)) is None:
            connection.execute(sa.update(hidden).where(hidden.c.photo == key).values(photo=photo))
        else:
            connection.execute(sa.delete(hidden).where(hidden.c.photo == key))


def _digest(text: str) -> Digest:
    return Digest(_BY_LENGTH.get(len(text), ""), text)


def _sha256(file: BinaryIO) -> Digest:
    content = hashlib.sha256()
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        content.update(block)
    return Digest("sha256", content.hexdigest())


def _text(text: str) -> str:
    return harmless(text)[:MAX_TEXT]

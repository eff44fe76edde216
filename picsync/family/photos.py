"""The photos on the family's pages: what is known of each, by category, and what people said of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import instant, number
from picsync.core.identity import content_key, shown_by
from picsync.core.model import Digest, FramePhoto, MediaKind
from picsync.core.values import dataclass
from picsync.family.acts import Act, note
from picsync.family.state import tables
from picsync.family.state.database import State


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo or video, known by its content."""

    photo: str
    """ID."""
    sha256: str
    """Of the original, in hexadecimal."""
    filename: str = ""
    kind: MediaKind = MediaKind.PHOTO
    width: int | None = None
    height: int | None = None
    """In pixels, as shown; None if unknown."""
    taken_at: datetime | None = None
    """By the camera's clock, without a zone; None if unknown."""
    place: str = ""
    description: str = ""
    """What the picture itself, or its source, says of it."""
    look: int | None = None
    """Perceptual hash of 64 bits."""
    added_at: datetime | None = None
    """When picsync first had it; None for now."""
    sender: str | None = None
    """ID of the person who uploaded it; None if it came from another source."""
    caption: str | None = None
    """What somebody in the family wrote about it; None if nobody did."""
    hidden: bool = False
    """Whether it is not to be on any frame."""

    @property
    def text(self) -> str:
        """The text to show with it."""
        return self.caption if self.caption is not None else self.description


@dataclass(frozen=True, slots=True)
class Hidden:
    """A photo that was hidden on the page of a frame."""

    photo: str
    """ID, or the key of an item that the family's pages do not have."""
    filename: str
    hidden_at: datetime | None


def photo_id(sha256: str) -> str:
    """Return the ID of the photo whose original has this SHA-256 (hexadecimal)."""
    return content_key(Digest("sha256", sha256))


def add_photo(connection: sa.Connection, photo: Photo, now: datetime) -> bool:
    """Store a photo, unless it is known; return whether it was new."""
    table = tables.photo
    if connection.scalar(sa.select(table.c.photo).where(table.c.photo == photo.photo)) is not None:
        return False
    connection.execute(
        sa.insert(table).values(
            photo=photo.photo,
            sha256=photo.sha256,
            kind=str(photo.kind),
            filename=photo.filename,
            width=photo.width,
            height=photo.height,
            taken_at=photo.taken_at.isoformat() if photo.taken_at else None,
            place=photo.place,
            description=photo.description,
            look=_signed(photo.look),
            added_at=number(photo.added_at or now),
            sender=photo.sender,
        )
    )
    return True


def _signed(look: int | None) -> int | None:
    """Return 64 bits as a column has room for them: databases have no unsigned numbers."""
    return look if look is None or look < 2**63 else look - 2**64


def select_photos() -> sa.Select[Any]:
    """Return a selection of photos with captions and whether they are hidden, for `as_photo`."""
    photo, caption, hidden = tables.photo, tables.caption, tables.hidden
    return (
        sa.select(photo, caption.c.text.label("caption"), hidden.c.hidden_at)
        .select_from(photo)
        .outerjoin(caption, caption.c.photo == photo.c.photo)
        .outerjoin(hidden, hidden.c.photo == photo.c.photo)
    )


def as_photo(row: sa.Row[Any]) -> Photo:
    """Return the photo of a row of `select_photos`."""
    return Photo(
        row.photo,
        row.sha256,
        row.filename,
        MediaKind(row.kind),
        row.width,
        row.height,
        datetime.fromisoformat(row.taken_at) if row.taken_at else None,
        row.place,
        row.description,
        None if row.look is None else row.look % 2**64,
        instant(row.added_at),
        row.sender,
        row.caption,
        hidden=row.hidden_at is not None,
    )


class Photos:
    """All photos. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._state = state
        self._now = now
        self._changed: Callable[[Collection[str]], None] = lambda _categories: None

    def tell_of_changes(self, changed: Callable[[Collection[str]], None]) -> None:
        """Have `changed` called with the categories of a photo that was hidden or restored.

        There are none if the photo is in no category.
        """
        self._changed = changed

    async def find(self, photo: str) -> Photo | None:
        """Return the photo with an ID."""
        return (await self.find_all([photo])).get(photo)

    async def find_all(self, photos: Iterable[str]) -> Mapping[str, Photo]:
        """Return those of the photos that are known, by ID."""
        wanted = select_photos().where(tables.photo.c.photo.in_(list(photos)))
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        return {row.photo: as_photo(row) for row in rows}

    async def in_category(
        self, category: str, *, most: int = 60, offset: int = 0, hidden: bool = False
    ) -> Sequence[Photo]:
        """Return photos of a category, those first that were added last; hidden ones on request only."""
        entry = tables.entry
        wanted = (
            select_photos()
            .join(entry, entry.c.photo == tables.photo.c.photo)
            .where(entry.c.category == category)
            .order_by(entry.c.added_at.desc(), tables.photo.c.photo)
            .limit(most)
            .offset(offset)
        )
        if not hidden:
            wanted = wanted.where(tables.hidden.c.hidden_at.is_(None))
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        return [as_photo(row) for row in rows]

    async def categories_of(self, photo: str) -> Sequence[str]:
        """Return the categories that a photo is in, by name."""
        entry = tables.entry
        wanted = sa.select(entry.c.category).where(entry.c.photo == photo).order_by(entry.c.category)
        return await self._state.read(lambda connection: list(connection.scalars(wanted)))

    async def hide(self, photo: str, *, by: str | None, frame: str = "") -> bool:
        """Keep a photo off all frames; return whether it was not hidden already.

        `frame` is the name of the frame on whose page somebody said so.
        """

        def work(connection: sa.Connection) -> bool:
            table, now = tables.hidden, self._now()
            if connection.scalar(sa.select(table.c.photo).where(table.c.photo == photo)) is not None:
                return False
            connection.execute(
                sa.insert(table).values(photo=photo, person=by, frame=frame, hidden_at=number(now))
            )
            note(connection, now, by, Act.HID, photo, frame)
            return True

        return await self._tell(photo, changed=await self._state.write(work))

    async def hide_shown(self, photo: FramePhoto, *, frame: str) -> None:
        """Keep what a photo on a frame shows off all frames; of a pair, both photos.

        What is not on the family's pages is hidden by its key.
        """
        keys = [member[0] for member in shown_by(photo)]
        wanted = sa.select(tables.item).where(tables.item.c.item.in_(keys))
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        photos = {row.item: row.photo for row in rows}
        for key in keys:
            await self.hide(photos.get(key, key), by=None, frame=frame)

    async def hidden_at(self, frame: str) -> Sequence[Hidden]:
        """Return what was hidden on the page of a frame, the oldest first."""
        hidden, photo = tables.hidden, tables.photo
        wanted = (
            sa.select(hidden.c.photo, hidden.c.hidden_at, photo.c.filename)
            .outerjoin(photo, photo.c.photo == hidden.c.photo)
            .where(hidden.c.frame == frame)
            .order_by(hidden.c.hidden_at, hidden.c.photo)
        )
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        return [Hidden(row.photo, row.filename or row.photo, instant(row.hidden_at)) for row in rows]

    async def restore(self, photo: str, *, by: str | None) -> bool:
        """Let the frames show a photo again; return whether it was hidden."""

        def work(connection: sa.Connection) -> bool:
            gone = connection.execute(sa.delete(tables.hidden).where(tables.hidden.c.photo == photo))
            if gone.rowcount:
                note(connection, self._now(), by, Act.RESTORED, photo)
            return bool(gone.rowcount)

        return await self._tell(photo, changed=await self._state.write(work))

    async def _tell(self, photo: str, *, changed: bool) -> bool:
        if changed:
            self._changed(await self.categories_of(photo))
        return changed

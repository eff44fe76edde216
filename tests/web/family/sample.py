"""Photos for the pages, without their files."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.family.photos import Photo, add_photo, photo_id
from picsync.family.state import tables
from picsync.family.state.database import State

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def sample(index: int, **about: object) -> Photo:
    sha256 = hashlib.sha256(f"photo {index}".encode()).hexdigest()
    taken = datetime(2026, 4, 1) + timedelta(hours=index)  # noqa: DTZ001 - a camera's clock
    return Photo(photo_id(sha256), sha256, f"IMG_{index}.jpg", taken_at=taken, **about)  # type: ignore[arg-type]


async def add_sample(
    state: State, photos: list[Photo], category: str = "Family", *, now: datetime = NOW
) -> list[str]:
    """Store photos in a category; return their IDs."""

    def work(connection: sa.Connection) -> None:
        for order, photo in enumerate(photos):
            at = now + timedelta(seconds=order)
            add_photo(connection, photo, at)
            connection.execute(
                sa.insert(tables.entry).values(
                    category=category,
                    photo=photo.photo,
                    added_at=number(at),
                    digest=photo.sha256,
                    filename=photo.filename,
                    size_bytes=1000,
                )
            )

    await state.write(work)
    return [photo.photo for photo in photos]

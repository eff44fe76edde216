"""What the database knows of uploads: functions of a connection, for `State.read` and `State.write`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import instant, number
from picsync.core.model import MediaKind
from picsync.family.state import tables
from picsync.family.uploads.values import Upload, UploadState

_TABLE = tables.upload


def insert(connection: sa.Connection, upload: Upload) -> None:
    """Store a new upload."""
    connection.execute(
        sa.insert(_TABLE).values(
            upload=upload.upload,
            person=upload.person,
            album=upload.album,
            filename=upload.filename,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
            state=str(upload.state),
            created_at=number(upload.created_at),
            changed_at=number(upload.changed_at),
        )
    )


def update(connection: sa.Connection, upload: str, at: datetime, **values: Any) -> bool:
    """Change an upload that is not settled; return whether there was one."""
    state = values.get("state")
    if state is not None:
        values["state"] = str(state)
    unsettled = [str(each) for each in UploadState if not each.settled]
    changed = connection.execute(
        sa.update(_TABLE)
        .where(_TABLE.c.upload == upload, _TABLE.c.state.in_(unsettled))
        .values(changed_at=number(at), **values)
    )
    return bool(changed.rowcount)


def delete(connection: sa.Connection, upload: str) -> None:
    """Forget an upload."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.upload == upload))


def find(connection: sa.Connection, upload: str) -> Upload | None:
    """Return an upload."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.upload == upload)).one_or_none()
    return None if row is None else _as_upload(row)


def of_person(
    connection: sa.Connection, person: str, uploads: Collection[str] | None, most: int
) -> Sequence[Upload]:
    """Return uploads of a person, the newest first; `uploads` are the IDs to choose from, None for all."""
    wanted = sa.select(_TABLE).where(_TABLE.c.person == person)
    if uploads is not None:
        wanted = wanted.where(_TABLE.c.upload.in_(list(uploads)))
    wanted = wanted.order_by(_TABLE.c.created_at.desc(), _TABLE.c.upload).limit(most)
    return [_as_upload(row) for row in connection.execute(wanted)]


def in_state(connection: sa.Connection, *states: UploadState) -> Sequence[Upload]:
    """Return all uploads in some states, the oldest first."""
    wanted = sa.select(_TABLE).where(_TABLE.c.state.in_([str(each) for each in states]))
    return [_as_upload(row) for row in connection.execute(wanted.order_by(_TABLE.c.created_at))]


def count_receiving(connection: sa.Connection, person: str) -> int:
    """Return how many uploads of a person have not arrived completely."""
    wanted = sa.select(sa.func.count()).where(
        _TABLE.c.person == person, _TABLE.c.state == str(UploadState.RECEIVING)
    )
    return connection.scalar(wanted) or 0


def ready_with(connection: sa.Connection, photo: str) -> Sequence[Upload]:
    """Return the uploads with this content that are in the library."""
    wanted = sa.select(_TABLE).where(_TABLE.c.photo == photo, _TABLE.c.state == str(UploadState.READY))
    return [_as_upload(row) for row in connection.execute(wanted)]


def companions(connection: sa.Connection, upload: Upload, since: datetime) -> Sequence[Upload]:
    """Return what the same person has put into the same album since then."""
    wanted = sa.select(_TABLE).where(
        _TABLE.c.person == upload.person,
        _TABLE.c.album == upload.album,
        _TABLE.c.state == str(UploadState.READY),
        _TABLE.c.changed_at >= number(since),
    )
    return [_as_upload(row) for row in connection.execute(wanted)]


def videos(connection: sa.Connection) -> Sequence[Upload]:
    """Return the videos that are in the library."""
    photo = tables.photo
    wanted = (
        sa.select(_TABLE)
        .join(photo, photo.c.photo == _TABLE.c.photo)
        .where(_TABLE.c.state == str(UploadState.READY), photo.c.kind == str(MediaKind.VIDEO))
    )
    return [_as_upload(row) for row in connection.execute(wanted)]


def show_videos(connection: sa.Connection, wanted: Collection[tuple[str, str]], at: datetime) -> None:
    """Have categories show these videos, each a category and the video's content, and no others."""
    entry, photo = tables.entry, tables.photo
    listed = sa.select(entry.c.category, entry.c.photo).join(photo, photo.c.photo == entry.c.photo)
    listed = listed.where(photo.c.kind == str(MediaKind.VIDEO))
    there = {(row.category, row.photo) for row in connection.execute(listed)}
    for category, video in there - set(wanted):
        gone = sa.delete(entry).where(entry.c.category == category, entry.c.photo == video)
        connection.execute(gone)
    for category, video in sorted(set(wanted) - there):
        show_video(connection, category, video, at)


def show_video(connection: sa.Connection, category: str, video: str, at: datetime) -> None:
    """Have a category show a video, unless it does so."""
    entry, photo = tables.entry, tables.photo
    here = sa.select(entry.c.photo).where(entry.c.category == category, entry.c.photo == video)
    known = connection.execute(sa.select(photo).where(photo.c.photo == video)).one_or_none()
    if known is None or connection.scalar(here) is not None:
        return
    connection.execute(
        sa.insert(entry).values(
            category=category,
            photo=video,
            added_at=number(at),
            digest=known.sha256,
            filename=known.filename,
            size_bytes=0,
        )
    )


def hide_video(connection: sa.Connection, video: str | None) -> None:
    """Have no category show a video, which turned out to belong to a photo."""
    connection.execute(sa.delete(tables.entry).where(tables.entry.c.photo == video))


def forget_settled(connection: sa.Connection, before: datetime) -> None:
    """Forget failed and duplicate uploads that were settled before this time."""
    states = [str(UploadState.FAILED), str(UploadState.DUPLICATE)]
    connection.execute(
        sa.delete(_TABLE).where(_TABLE.c.state.in_(states), _TABLE.c.changed_at < number(before))
    )


def _as_upload(row: sa.Row[Any]) -> Upload:
    created, changed = instant(row.created_at), instant(row.changed_at)
    assert created is not None and changed is not None  # noqa: S101, PT018 - the columns are never NULL
    return Upload(
        row.upload,
        row.person,
        row.album,
        row.filename,
        row.size_bytes,
        UploadState(row.state),
        created,
        changed,
        row.sha256,
        row.reason,
        row.photo,
        row.stored,
    )

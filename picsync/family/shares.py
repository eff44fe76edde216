"""Links by which people without an account see a photo or an album.

A link is random and long, stored as a hash only, and shown once. It ends by itself, can be revoked, and
follows the family: photos that are hidden, or leave the album, are no longer shared.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from picsync.cache.schema import instant, number
from picsync.core.values import dataclass
from picsync.family.acts import Act, note
from picsync.family.people import hashed
from picsync.family.state import tables
from picsync.family.state.database import State

_TOKEN_BYTES = 18
MAX_SHARES = 2_000
"""Links that are valid at the same time."""


class ShareKind(StrEnum):
    """What a link shows. The values are stored."""

    PHOTO = "photo"
    ALBUM = "album"


@dataclass(frozen=True, slots=True)
class Share:
    """A link to a photo or an album."""

    share: str
    """ID; not the secret."""
    kind: ShareKind
    target: str
    """A photo's ID, or a category."""
    person: str
    """ID of who shares it."""
    downloads: bool
    """Whether originals may be downloaded."""
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether the link still shows something."""
        return self.revoked_at is None and now < self.expires_at


class TooManySharesError(ValueError):
    """There are as many links as there may be."""


class Shares:
    """All links. Methods raise StateError if the database cannot be used."""

    def __init__(self, state: State, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now

    async def create(
        self, kind: ShareKind, target: str, *, by: str, valid_for: timedelta, downloads: bool
    ) -> tuple[Share, str]:
        """Return a new link to something that exists, and its secret; raises TooManySharesError."""
        now, token = self._now(), secrets.token_urlsafe(_TOKEN_BYTES)
        share = Share(secrets.token_hex(6), kind, target, by, downloads, now, now + valid_for)

        def work(connection: sa.Connection) -> None:
            table = tables.share
            valid = sa.select(sa.func.count()).where(
                table.c.revoked_at.is_(None), table.c.expires_at > number(now)
            )
            if (connection.scalar(valid) or 0) >= MAX_SHARES:
                raise TooManySharesError(f"there are {MAX_SHARES} links already")
            connection.execute(
                sa.insert(table).values(
                    share=share.share,
                    sha256=hashed(token),
                    kind=str(kind),
                    target=target,
                    person=by,
                    downloads=downloads,
                    created_at=number(now),
                    expires_at=number(share.expires_at),
                )
            )
            note(connection, now, by, Act.SHARED, share.share, target)

        await self._state.write(work)
        return share, token

    async def open(self, token: str) -> Share | None:
        """Return the link with a secret; None if it is unknown, expired or revoked."""
        wanted = sa.select(tables.share).where(tables.share.c.sha256 == hashed(token))
        row = await self._state.read(lambda connection: connection.execute(wanted).one_or_none())
        share = None if row is None else _share(row)
        return share if share is not None and share.valid(self._now()) else None

    async def find(self, share: str) -> Share | None:
        """Return the link with an ID, valid or not."""
        wanted = sa.select(tables.share).where(tables.share.c.share == share)
        row = await self._state.read(lambda connection: connection.execute(wanted).one_or_none())
        return None if row is None else _share(row)

    async def valid(
        self,
        kind: ShareKind | None = None,
        target: str = "",
        *,
        by: str | None = None,
        most: int = 100,
        offset: int = 0,
    ) -> Sequence[Share]:
        """Return the links that are valid, to one target or all, of one person or all, the newest first."""
        table = tables.share
        wanted = (
            sa.select(table)
            .where(table.c.revoked_at.is_(None), table.c.expires_at > number(self._now()))
            .order_by(table.c.created_at.desc(), table.c.share)
            .limit(most)
            .offset(offset)
        )
        if kind is not None:
            wanted = wanted.where(table.c.kind == str(kind), table.c.target == target)
        if by is not None:
            wanted = wanted.where(table.c.person == by)
        rows = await self._state.read(lambda connection: connection.execute(wanted).all())
        return [_share(row) for row in rows]

    async def revoke(self, share: str, *, by: str) -> bool:
        """End a link; return whether it had not ended before."""

        def work(connection: sa.Connection) -> bool:
            table, now = tables.share, self._now()
            ended = connection.execute(
                sa.update(table)
                .where(table.c.share == share, table.c.revoked_at.is_(None))
                .values(revoked_at=number(now))
            )
            if ended.rowcount:
                note(connection, now, by, Act.UNSHARED, share)
            return bool(ended.rowcount)

        return await self._state.write(work)


def _share(row: sa.Row[Any]) -> Share:
    created, expires = instant(row.created_at), instant(row.expires_at)
    assert created is not None  # noqa: S101 - the columns are never NULL
    assert expires is not None  # noqa: S101
    return Share(
        row.share,
        ShareKind(row.kind),
        row.target,
        row.person,
        row.downloads,
        created,
        expires,
        instant(row.revoked_at),
    )

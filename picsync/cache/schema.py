"""The tables of the cache and their known revisions.

A change here needs a script in `migrations/versions` and its name at the end of `REVISIONS`; tests compare a
migrated cache with a fresh one, and both with these tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

REVISIONS = ("0001",)
"""Oldest first. Listed here so that a cache that needs no migration is opened without importing Alembic,
which is slow. A cache of any other revision was written by a newer picsync."""
HEAD = REVISIONS[-1]
VERSION_TABLE = "picsync_schema"
"""Not Alembic's default name, so that another program's file or schema is not taken for a cache."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(sa.TypeDecorator[datetime]):
    """Aware datetimes as whole microseconds since 1970 UTC: exact, and the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Convert an aware datetime to a number."""
        del dialect
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: object, dialect: sa.Dialect) -> datetime | None:
        """Convert a number to UTC; None for NULL and for numbers outside the range of datetime."""
        del dialect
        try:
            return _EPOCH + value * _MICROSECOND if isinstance(value, int) else None
        except OverflowError:
            return None


metadata = sa.MetaData()

mapping = sa.Table(
    "mapping",
    metadata,
    # The kind of the source that lists the item, e.g. `googlephotos`. The four keys are written by `key()`.
    sa.Column("source", sa.Text, primary_key=True),
    # Permanent within the source; opaque.
    sa.Column("item_id", sa.Text, primary_key=True),
    # Changes with the content of the item; empty if the source has no version.
    sa.Column("version", sa.Text, primary_key=True),
    # The conversion from the original to the sent bytes; `original` for none.
    sa.Column("recipe", sa.Text, primary_key=True),
    # Algorithm of the digest: `md5` or `sha256`. NULL if and only if there is no digest.
    sa.Column("algorithm", sa.Text),
    # Lower-case hexadecimal. NULL only for unusable items.
    sa.Column("digest", sa.Text),
    # For the user: why no frame can show the item. NULL for usable items.
    sa.Column("unusable", sa.Text),
    # When this was recorded, in microseconds since 1970 UTC. NULL if imported from a cache without times.
    sa.Column("recorded_at", Instant),
)

# The part of Alembic's own table that picsync reads.
version = sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32)))


def key(text: str) -> str:
    r"""Return `text` as stored in a key column: one-to-one, and valid in every database.

    Item IDs may be file names with undecodable bytes (lone surrogates) and, in theory, contain NUL; neither
    can be stored as text. Both are escaped, and backslashes are doubled.
    """
    return printable(text.replace("\\", "\\\\").replace("\0", "\\0"))


def printable(text: str) -> str:
    r"""Return `text`, with characters that no database can store escaped as `\u...` or removed."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode()

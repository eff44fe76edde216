"""The tables of the cache, and which revisions of them this picsync knows.

A change here needs a script in `migrations/versions` and its name at the end of `REVISIONS`; tests compare
a migrated cache with a fresh one, and both with these tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

REVISIONS = ("0001",)
"""Oldest first. Kept here so that a cache that needs no migration is opened without Alembic, which is slow
to import. A cache of any other revision was made by a newer picsync."""
HEAD = REVISIONS[-1]
VERSION_TABLE = "picsync_schema"
"""Not Alembic's usual name, so that no other program's file or schema is taken for a cache."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(sa.TypeDecorator[datetime]):
    """Aware datetimes as whole microseconds since 1970 UTC: exact, and the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Turn an aware datetime into a number."""
        del dialect
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: object, dialect: sa.Dialect) -> datetime | None:
        """Turn a number into UTC; None for one that no datetime has, and what is none at all."""
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
    # Permanent within the source, opaque.
    sa.Column("item_id", sa.Text, primary_key=True),
    # Changes with the content behind the item; empty where the source does not tell.
    sa.Column("version", sa.Text, primary_key=True),
    # How the original becomes what is sent; `original` is: not at all.
    sa.Column("recipe", sa.Text, primary_key=True),
    # Of the digest: `md5` or `sha256`. NULL exactly if there is no digest.
    sa.Column("algorithm", sa.Text),
    # Lower-case hexadecimal. NULL only for items that are unusable.
    sa.Column("digest", sa.Text),
    # Why no frame can show the item, in words for the user. NULL for usable items.
    sa.Column("unusable", sa.Text),
    # When this was learnt, in microseconds since 1970 UTC. NULL for what was taken over from a cache that
    # did not say.
    sa.Column("recorded_at", Instant),
)

# Alembic's own table, as far as picsync reads it.
version = sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32)))


def key(text: str) -> str:
    r"""Return `text` as it is stored in a key column: one-to-one, and valid in every database.

    Item ids may be file names with undecodable bytes (lone surrogates) and, in theory, hold NUL; neither can
    be stored as text. Both become escapes, and a backslash two of them.
    """
    return printable(text.replace("\\", "\\\\").replace("\0", "\\0"))


def printable(text: str) -> str:
    r"""Return `text` with what no database can store as text replaced by `\u...` or left out."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode()

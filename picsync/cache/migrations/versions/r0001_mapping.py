"""The first revision: creates the table and imports the cache of the Go picsync.

The Go picsync's file is version zero. Its `googlephotos` rows contain the MD5 of each original; its `nixplay`
rows repeat the frame's own listing and are dropped. Its time columns contain Go's `time.Time` as converted by
the driver, mostly in printed form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MD5 = re.compile(r"[0-9a-f]{32}")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?\s*(?:Z\b|([+-]\d\d):?(\d\d)\b)?", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Go's zero time is the year 1, Unix's is 1970; digital photo frames are younger than this."""


def upgrade() -> None:
    """Create the table, and fill it from the Go picsync's if there is one."""
    mapping = op.create_table(
        "mapping",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("unusable", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "item_id", "version", "recipe"),
    )
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return  # Go caches existed only in SQLite, so tables of these names belong to someone else
    tables = sa.inspect(connection).get_table_names()
    if "googlephotos" in tables and (rows := list(_go_mappings(connection))):
        connection.execute(mapping.insert(), rows)
    for name in ("googlephotos", "nixplay"):
        if name in tables:
            op.drop_table(name)


def _go_mappings(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Yield one row per item: the one written last among those with an MD5."""
    # Read as bytes, since the columns may contain any type, and text that is not UTF-8.
    columns = [
        sa.cast(sa.cast(sa.column(name), sa.Text), sa.LargeBinary).label(name)
        for name in ("GooglephotosId", "Md5", "LastUpdated")
    ]
    found: dict[str, tuple[str, datetime | None]] = {}
    for row in connection.execute(
        sa.select(*columns).select_from(sa.table("googlephotos")).order_by(sa.column("Id"))
    ):
        item_id, md5, updated = (_text(value) for value in row)
        if item_id and _MD5.fullmatch(md5.strip().lower()):
            found[item_id] = md5.strip().lower(), go_time(updated)
    for item_id, (digest, recorded_at) in found.items():
        yield {
            "source": "googlephotos",
            "item_id": item_id,
            "version": "",
            "recipe": "original",
            "algorithm": "md5",
            "digest": digest,
            # Microseconds since 1970.
            "recorded_at": recorded_at and (recorded_at - _EPOCH) // timedelta(microseconds=1),
        }


def _text(value: bytes | None) -> str:
    """Return the text of a cell; empty for NULL and for invalid UTF-8."""
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return ""


def go_time(text: str) -> datetime | None:
    """Return the time in a time column of the Go picsync; None if it cannot be parsed.

    Accepts a printed Go time (`2023-02-03 10:11:12.123456789 +0100 CET m=+0.5`), ISO 8601, and a Unix time in
    seconds, or in milli-, micro- or nanoseconds. Without a zone, UTC is assumed.
    """
    try:
        if re.fullmatch(r"\d{1,19}", text, re.ASCII):
            number = int(text)
            while number > 10**11:  # seconds of the year 5138
                number //= 1000
            instant = datetime.fromtimestamp(number, UTC)
        elif match := _TIME.match(text.strip()):
            day, clock, fraction, hours, minutes = match.groups()
            zone = f"{hours or '+00'}:{minutes or '00'}"
            instant = datetime.fromisoformat(f"{day}T{clock}.{fraction or '0':0<6}{zone}").astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return instant if instant >= _EARLIEST else None

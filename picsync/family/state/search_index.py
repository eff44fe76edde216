"""The index for searching: SQLite's full-text index of trigrams, or PostgreSQL's.

Triggers keep SQLite's index current in the transaction of each change, whoever makes it. PostgreSQL has
indexes of the columns themselves; without its extension `pg_trgm` it reads the whole tables, which a family's
photos allow.
"""

from __future__ import annotations

import sqlalchemy as sa

TABLE = "family_search"
"""Of SQLite; the tables beside it, whose names begin like that, are its own."""

_DOCUMENT = """
INSERT INTO family_search (photo, text)
SELECT p.photo, p.filename || char(10) || p.place || char(10) || p.description || char(10)
    || coalesce(c.text, '') || char(10)
    || coalesce((SELECT group_concat(t.tag, char(10)) FROM family_tag t WHERE t.photo = p.photo), '')
FROM family_photo p LEFT JOIN family_caption c ON c.photo = p.photo WHERE p.photo = {row}.photo;
"""
_GONE = "DELETE FROM family_search WHERE photo = {row}.photo;"
_TRIGRAMS = (
    ("family_photo", "filename"),
    ("family_photo", "place"),
    ("family_photo", "description"),
    ("family_caption", "text"),
    ("family_tag", "tag"),
)


def create(connection: sa.Connection) -> None:
    """Create the index of an empty database."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            f"CREATE VIRTUAL TABLE {TABLE} USING fts5(photo UNINDEXED, text, tokenize = 'trigram')"
        )
        for statement in _triggers():
            connection.exec_driver_sql(statement)
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.DBAPIError:
        return  # Not installed, or not allowed: searching works without it.
    for table, column in _TRIGRAMS:
        connection.exec_driver_sql(
            f"CREATE INDEX {TABLE}_{table}_{column} ON {table} USING gin ({column} gin_trgm_ops)"
        )


def _triggers() -> list[str]:
    again, gone, document = _GONE + _DOCUMENT, _GONE, _DOCUMENT
    wanted = [
        ("family_photo", "INSERT", document, "NEW"),
        ("family_photo", "UPDATE OF filename, place, description", again, "NEW"),
        ("family_photo", "DELETE", gone, "OLD"),
    ]
    for table in ("family_caption", "family_tag"):
        wanted += [
            (table, "INSERT", again, "NEW"),
            (table, "UPDATE", again, "NEW"),
            (table, "DELETE", again, "OLD"),
        ]
    return [
        f"CREATE TRIGGER {TABLE}_{table}_{event.split()[0].lower()} AFTER {event} ON {table}"
        f" BEGIN {work.format(row=row)} END"
        for table, event, work, row in wanted
    ]

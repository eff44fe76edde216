"""What the pages themselves remember, in the table of settings."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from picsync.family.state import tables

REPLACED = "imported"
"""Name of the setting that has another value after each import."""

_VALUE = sa.select(tables.setting.c.value).where(tables.setting.c.name == sa.bindparam("of"))


def recall(connection: sa.Connection, name: str) -> str | None:
    """Return a value; None if there is none."""
    found: str | None = connection.scalar(_VALUE, {"of": name})
    return found


def remember(connection: sa.Connection, name: str, value: str) -> None:
    """Store a value."""
    table = tables.setting
    connection.execute(sa.delete(table).where(table.c.name == name))
    connection.execute(sa.insert(table).values(name=name, value=value))


def mark_replaced(connection: sa.Connection) -> None:
    """Let everybody who has read the database know that all of it is another one now."""
    remember(connection, REPLACED, secrets.token_hex(8))

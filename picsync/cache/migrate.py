"""Migrates a cache to the newest revision; the only module that imports Alembic."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def upgrade(engine: sa.Engine) -> None:
    """Apply all missing migrations in one transaction; if interrupted, the cache is unchanged."""
    config = Config()
    config.set_main_option("script_location", "picsync.cache:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def upgrade_file(connect: Callable[[], sqlite3.Connection]) -> None:
    """Do the same in an SQLite file; raises sqlite3.Error."""
    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.NullPool, hide_parameters=True)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLite's module begins none for changes of a schema

    try:
        upgrade(engine)
    except sa.exc.DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise error.orig from error
        raise
    finally:
        engine.dispose()

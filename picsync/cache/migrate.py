"""Migrates a cache to the newest revision; the only module that imports Alembic."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine


def upgrade(engine: Engine) -> None:
    """Apply all missing migrations in one transaction; if interrupted, the cache is unchanged."""
    config = Config()
    config.set_main_option("script_location", "picsync.cache:migrations")
    with engine.execution_options(immediate=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

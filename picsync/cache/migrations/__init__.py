"""Alembic's scripts; run by `picsync.cache.migrate`, there is no alembic.ini."""

"""Executed by Alembic for each command, with a connection from `picsync.family.state.database`."""

from alembic import context

from picsync.family.state import database, tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    version_table=database.VERSION_TABLE,
)
context.run_migrations()

"""Executed by Alembic for each command, with a connection from `picsync.cache.migrate`.

The caller owns the transaction, so that all migrations become visible together or not at all.
"""

from alembic import context

from picsync.cache import schema, tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.metadata,
    version_table=schema.VERSION_TABLE,
)
context.run_migrations()

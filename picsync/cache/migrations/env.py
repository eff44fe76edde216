"""Executed by Alembic for each command, with the connection that `picsync.cache.migrate` hands in.

Its transaction belongs to the caller, so that all migrations become visible at once or not at all.
"""

from alembic import context

from picsync.cache import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
)
context.run_migrations()

"""Migrations of the family's tables, applied by `picsync.family.state.database`."""

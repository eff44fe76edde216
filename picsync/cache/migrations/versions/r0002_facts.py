"""The second revision: what choosing among photos depends on, and listings do not tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; they fill as rules with `select` run."""
    op.create_table(
        "facts",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("look", sa.BigInteger(), nullable=True),
        sa.Column("examined_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "item_id"),
    )
    op.create_table(
        "rule_start",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule"),
    )

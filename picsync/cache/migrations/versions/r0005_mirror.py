"""The fifth revision: the state of mirrors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; they fill as mirrors run."""
    op.create_table(
        "mirror",
        sa.Column("mirror", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mirror"),
    )
    op.create_table(
        "mirror_file",
        sa.Column("mirror", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("modified_at", sa.BigInteger()),
        sa.Column("inode", sa.Text(), nullable=False),
        sa.Column("rev", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("mirror", "side", "path"),
    )

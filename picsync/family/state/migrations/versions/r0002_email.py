"""E-mail addresses of people, by which accounts at an OpenID provider may be linked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "f0002"
down_revision = "f0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("family_person", sa.Column("email", sa.Text()))
    op.create_index("ix_family_person_email", "family_person", ["email"], unique=True)

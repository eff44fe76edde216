"""The first revision: people, photos, uploads, judgements, shares."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from picsync.family.state import search_index

revision = "f0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "family_act",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.Text()),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, server_default=""),
        sa.Column("detail", sa.Text(), nullable=False, server_default=""),
    )
    op.create_table(
        "family_person",
        sa.Column("person", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password", sa.Text()),
        sa.Column("subject", sa.Text(), unique=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger()),
        sa.Column("removed_at", sa.BigInteger()),
    )
    op.create_table(
        "family_rating",
        sa.Column("photo", sa.Text(), primary_key=True),
        sa.Column("points", sa.Float(), nullable=False),
        sa.Column("deviation", sa.Float(), nullable=False),
        sa.Column("volatility", sa.Float(), nullable=False),
        sa.Column("games", sa.Integer(), nullable=False),
    )
    op.create_table(
        "family_setting",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "family_device",
        sa.Column("device", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_family_device_person", "family_device", ["person"])
    op.create_table(
        "family_hidden",
        sa.Column("photo", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person")),
        sa.Column("frame", sa.Text(), nullable=False, server_default=""),
        sa.Column("hidden_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "family_invitation",
        sa.Column("sha256", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
    )
    op.create_table(
        "family_photo",
        sa.Column("photo", sa.Text(), primary_key=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("taken_at", sa.Text()),
        sa.Column("place", sa.Text(), nullable=False, server_default=""),
        sa.Column("description", sa.Text(), nullable=False, server_default=""),
        sa.Column("look", sa.BigInteger()),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), sa.ForeignKey("family_person.person")),
    )
    op.create_index("ix_family_photo_added_at", "family_photo", ["added_at"])
    op.create_table(
        "family_share",
        sa.Column("share", sa.Text(), primary_key=True),
        sa.Column("sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("downloads", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger()),
    )
    op.create_table(
        "family_tournament",
        sa.Column("tournament", sa.Text(), primary_key=True),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("entrants", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
    )
    op.create_index("ix_family_tournament_person", "family_tournament", ["person"])
    op.create_table(
        "family_upload",
        sa.Column("upload", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("album", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False, server_default=""),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("photo", sa.Text()),
        sa.Column("stored", sa.Text(), nullable=False, server_default=""),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_family_upload_person", "family_upload", ["person"])
    op.create_index("ix_family_upload_photo", "family_upload", ["photo"])
    op.create_index("ix_family_upload_state", "family_upload", ["state"])
    op.create_table(
        "family_caption",
        sa.Column("photo", sa.Text(), sa.ForeignKey("family_photo.photo"), primary_key=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "family_entry",
        sa.Column("category", sa.Text(), primary_key=True),
        sa.Column("photo", sa.Text(), sa.ForeignKey("family_photo.photo"), primary_key=True),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_family_entry_photo", "family_entry", ["photo"])
    op.create_table(
        "family_game",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("tournament", sa.Text(), sa.ForeignKey("family_tournament.tournament"), nullable=False),
        sa.Column("choice", sa.Integer()),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer()),
        sa.Column("left", sa.Text()),
        sa.Column("right", sa.Text()),
        sa.Column("score", sa.Float()),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
    )
    op.create_index("ix_family_game_person", "family_game", ["person"])
    op.create_index("ix_family_game_tournament", "family_game", ["tournament"])
    op.create_table(
        "family_item",
        sa.Column("item", sa.Text(), primary_key=True),
        sa.Column("photo", sa.Text(), sa.ForeignKey("family_photo.photo"), nullable=False),
    )
    op.create_index("ix_family_item_photo", "family_item", ["photo"])
    op.create_table(
        "family_tag",
        sa.Column("photo", sa.Text(), sa.ForeignKey("family_photo.photo"), primary_key=True),
        sa.Column("tag", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), sa.ForeignKey("family_person.person"), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
    )
    search_index.create(op.get_bind())

"""The tables. Times are whole microseconds since 1970 UTC; IDs are random unless a comment says otherwise.

Secrets (invitations, sessions, API tokens, share links) are stored as SHA-256 only. A photo's ID is its
content's key (`core.identity.content_key` of the SHA-256 of the original), so one photo of two albums or
sources has one rating, one caption, one place among the hidden ones.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

_BOOL = sa.Boolean(create_constraint=False)

person = sa.Table(
    "family_person",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    # `viewer`, `member` or `administrator`.
    sa.Column("role", sa.Text, nullable=False),
    # As `family.passwords` has it; NULL without one.
    sa.Column("password", sa.Text),
    # As `family.openid.Account.subject`; NULL without a linked account.
    sa.Column("subject", sa.Text, unique=True),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    # When the person last looked at what is new; NULL for never.
    sa.Column("looked_at", sa.BigInteger),
    # NULL while the person may sign in.
    sa.Column("removed_at", sa.BigInteger),
    # In lower case: by which an account may be linked; NULL without one.
    sa.Column("email", sa.Text),
    sa.Index("ix_family_person_email", "email", unique=True),
)

invitation = sa.Table(
    "family_invitation",
    metadata,
    sa.Column("sha256", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    # NULL until a device was signed in by it; each is for one device.
    sa.Column("used_at", sa.BigInteger),
)

device = sa.Table(
    "family_device",
    metadata,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False, index=True),
    # Of the session cookie, or of the API token.
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    # `browser` or `token`.
    sa.Column("kind", sa.Text, nullable=False),
    # What the browser calls itself, or what the person called the token.
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
)

photo = sa.Table(
    "family_photo",
    metadata,
    # The content's key.
    sa.Column("photo", sa.Text, primary_key=True),
    # Of the original.
    sa.Column("sha256", sa.Text, nullable=False),
    # `photo` or `video`.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    # Pixels of the original as it is shown; NULL if unknown.
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    # By the camera's clock (ISO 8601 without zone); NULL if unknown.
    sa.Column("taken_at", sa.Text),
    sa.Column("place", sa.Text, nullable=False, server_default=""),
    # What the picture itself, or its source, says of it.
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    # Perceptual hash; NULL if unknown.
    sa.Column("look", sa.BigInteger),
    sa.Column("added_at", sa.BigInteger, nullable=False, index=True),
    # Who uploaded it; NULL if it came from another source.
    sa.Column("sender", sa.Text, sa.ForeignKey("family_person.person")),
)

item = sa.Table(
    "family_item",
    metadata,
    # `core.identity.item_key`: the same for all rules that list the item.
    sa.Column("item", sa.Text, primary_key=True),
    sa.Column("photo", sa.Text, sa.ForeignKey("family_photo.photo"), nullable=False, index=True),
)

entry = sa.Table(
    "family_entry",
    metadata,
    # A photo in a category.
    sa.Column("category", sa.Text, primary_key=True),
    sa.Column("photo", sa.Text, sa.ForeignKey("family_photo.photo"), primary_key=True, index=True),
    sa.Column("added_at", sa.BigInteger, nullable=False),
    # The rendition in the gallery: SHA-256 of its bytes, its name with the key, its size.
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
)

caption = sa.Table(
    "family_caption",
    metadata,
    sa.Column("photo", sa.Text, sa.ForeignKey("family_photo.photo"), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False),
    sa.Column("written_at", sa.BigInteger, nullable=False),
)

tag = sa.Table(
    "family_tag",
    metadata,
    sa.Column("photo", sa.Text, sa.ForeignKey("family_photo.photo"), primary_key=True),
    # In lower case, without `#`.
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False),
    sa.Column("written_at", sa.BigInteger, nullable=False),
)

hidden = sa.Table(
    "family_hidden",
    metadata,
    # "Not on the frame". No foreign key: a frame page may hide what the family's pages do not know.
    sa.Column("photo", sa.Text, primary_key=True),
    # NULL if it was said on a frame's page.
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person")),
    sa.Column("frame", sa.Text, nullable=False, server_default=""),
    sa.Column("hidden_at", sa.BigInteger, nullable=False),
)

upload = sa.Table(
    "family_upload",
    metadata,
    sa.Column("upload", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False, index=True),
    sa.Column("album", sa.Text, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    # SHA-256 that the sender announced; empty if none.
    sa.Column("sha256", sa.Text, nullable=False, server_default=""),
    # `receiving`, `checking`, `ready`, `duplicate` or `failed`.
    sa.Column("state", sa.Text, nullable=False, index=True),
    # For people: why it failed, or what is equal to it.
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    # NULL until its content is known.
    sa.Column("photo", sa.Text, index=True),
    # `album/name` in the library; empty until it is chosen.
    sa.Column("stored", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)

tournament = sa.Table(
    "family_tournament",
    metadata,
    sa.Column("tournament", sa.Text, primary_key=True),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False, index=True),
    # `bracket`, or `alike`: which of two.
    sa.Column("kind", sa.Text, nullable=False),
    # JSON: the photos, as `family.bracket.Bracket.entrants`.
    sa.Column("entrants", sa.Text, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    # NULL while it can be continued.
    sa.Column("finished_at", sa.BigInteger),
)

game = sa.Table(
    "family_game",
    metadata,
    # The log: rows are only ever added; numbers grow.
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column(
        "tournament", sa.Text, sa.ForeignKey("family_tournament.tournament"), nullable=False, index=True
    ),
    # Which choice of the tournament, from 0; NULL: the whole tournament is undone.
    sa.Column("choice", sa.Integer),
    # `family.bracket.Answer`, or `undone`.
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("round", sa.Integer),
    sa.Column("left", sa.Text),
    sa.Column("right", sa.Text),
    # Of the left photo: 1, 0.5 or 0; NULL without a game.
    sa.Column("score", sa.Float),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False, index=True),
)

rating = sa.Table(
    "family_rating",
    metadata,
    # What `family.games.ratings` makes of the log; can be computed anew.
    sa.Column("photo", sa.Text, primary_key=True),
    sa.Column("points", sa.Float, nullable=False),
    sa.Column("deviation", sa.Float, nullable=False),
    sa.Column("volatility", sa.Float, nullable=False),
    sa.Column("games", sa.Integer, nullable=False),
)

share = sa.Table(
    "family_share",
    metadata,
    sa.Column("share", sa.Text, primary_key=True),
    sa.Column("sha256", sa.Text, nullable=False, unique=True),
    # `photo` or `album`; the target is a photo's ID or a category.
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("person", sa.Text, sa.ForeignKey("family_person.person"), nullable=False),
    sa.Column("downloads", _BOOL, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
)

act = sa.Table(
    "family_act",
    metadata,
    # Who did what; rows are only ever added.
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("at", sa.BigInteger, nullable=False),
    # NULL for the command line and for frames.
    sa.Column("person", sa.Text),
    # A word such as `invited`, `hid`, `uploaded`; `family.acts` has the list.
    sa.Column("act", sa.Text, nullable=False),
    # ID of what it was done to.
    sa.Column("subject", sa.Text, nullable=False, server_default=""),
    sa.Column("detail", sa.Text, nullable=False, server_default=""),
)

setting = sa.Table(
    "family_setting",
    metadata,
    # What the pages themselves have to remember, such as when the last digest was sent.
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

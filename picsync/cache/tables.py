"""The tables of the cache for SQLAlchemy, which is used for servers and for migrations."""

from __future__ import annotations

import sqlalchemy as sa

from picsync.cache import schema

metadata = sa.MetaData()

mapping = sa.Table(
    schema.TABLE,
    metadata,
    # The kind of the source that lists the item, e.g. `googlephotos`.
    sa.Column("source", sa.Text, primary_key=True),
    # Permanent within the source; opaque.
    sa.Column("item_id", sa.Text, primary_key=True),
    # Changes with the content of the item; empty if the source has no version.
    sa.Column("version", sa.Text, primary_key=True),
    # The conversion from the original to the sent bytes; `original` for none.
    sa.Column("recipe", sa.Text, primary_key=True),
    # Algorithm of the digest: `md5` or `sha256`. NULL if and only if there is no digest.
    sa.Column("algorithm", sa.Text),
    # Lower-case hexadecimal. NULL only for unusable items.
    sa.Column("digest", sa.Text),
    # For the user: why no frame can show the item. NULL for usable items.
    sa.Column("unusable", sa.Text),
    # When this was recorded, in microseconds since 1970 UTC. NULL if imported from a cache without times.
    sa.Column("recorded_at", sa.BigInteger),
)

facts = sa.Table(
    schema.FACTS,
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    # The version of the item that was examined; what was learned holds for no other.
    sa.Column("version", sa.Text, nullable=False),
    # When a rule with `select` first listed the item, in microseconds since 1970 UTC.
    sa.Column("first_seen_at", sa.BigInteger),
    # What the picture itself told: its size as shown, its rating (XMP), and its perceptual hash.
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("rating", sa.Integer),
    sa.Column("look", sa.BigInteger),
    # When the picture was examined; NULL if it was not.
    sa.Column("examined_at", sa.BigInteger),
)

told = sa.Table(
    schema.TOLD,
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    # The version of the item that was read; what it told holds for no other.
    sa.Column("version", sa.Text, nullable=False),
    # What the picture's metadata told, for captions: when it was taken, by the local clock (ISO 8601), ...
    sa.Column("taken_at", sa.Text),
    # ... what it shows; empty if they do not say, ...
    sa.Column("description", sa.Text, nullable=False),
    # ... and the nearest city, empty if there is none; NULL if that was not looked up.
    sa.Column("place", sa.Text),
)

rule_start = sa.Table(
    schema.RULES,
    metadata,
    # Name of a rule with `select`.
    sa.Column("rule", sa.Text, primary_key=True),
    # When all its albums had been listed completely for the first time.
    sa.Column("started_at", sa.BigInteger, nullable=False),
)

listing = sa.Table(
    schema.LISTINGS,
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    # The text of the entry in picsync.yaml, with the subfolder if each has a listing of its own.
    sa.Column("album", sa.Text, primary_key=True),
    # What was listed; a cursor is valid only for these arguments.
    sa.Column("arguments", sa.Text, nullable=False),
    # Where the changes begin that the entries do not contain.
    sa.Column("cursor", sa.Text, nullable=False),
)

listing_entry = sa.Table(
    schema.ENTRIES,
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("album", sa.Text, primary_key=True),
    # What identifies the entry within the listing, such as its path.
    sa.Column("entry", sa.Text, primary_key=True),
    # What the source knows of it, in a format of its own.
    sa.Column("content", sa.Text, nullable=False),
)

mirror = sa.Table(
    schema.MIRRORS,
    metadata,
    # Name of a rule of `mirror`.
    sa.Column("mirror", sa.Text, primary_key=True),
    # What it mirrors, and to where; all that is stored is valid only for these arguments.
    sa.Column("arguments", sa.Text, nullable=False),
    # Where the changes of the other side begin that `mirror_file` does not contain; empty if it has none.
    sa.Column("cursor", sa.Text, nullable=False),
)

mirror_file = sa.Table(
    schema.MIRROR_FILES,
    metadata,
    sa.Column("mirror", sa.Text, primary_key=True),
    # `here`: a file of this side. `there`: what was listed on the other side. `equal`: a file as it was when
    # both sides were last equal. `skipped`: what was reported as not mirrored.
    sa.Column("side", sa.Text, primary_key=True),
    # Below the mirrored folder.
    sa.Column("path", sa.Text, primary_key=True),
    # NULL for a folder, and if it is not known.
    sa.Column("size_bytes", sa.BigInteger),
    # When the file was last changed, in microseconds since 1970 UTC.
    sa.Column("modified_at", sa.BigInteger),
    # Of `here`; otherwise empty.
    sa.Column("inode", sa.Text, nullable=False),
    # The version: of `here` and `skipped` on this side, of `there` and `equal` on the other one.
    sa.Column("rev", sa.Text, nullable=False),
    # Empty if it is not known.
    sa.Column("content_hash", sa.Text, nullable=False),
)

# The part of Alembic's own table that picsync reads.
version = sa.Table(schema.VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32)))

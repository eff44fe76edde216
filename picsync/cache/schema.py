"""The tables of the cache and their known revisions.

A change here needs a script in `migrations/versions` and its name at the end of `REVISIONS`; tests compare a
migrated cache with a fresh one, and both with the tables in `tables`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Oldest first. A cache of any other revision was written by a newer picsync."""
HEAD = REVISIONS[-1]
VERSION_TABLE = "picsync_schema"
"""Not Alembic's default name, so that another program's file or schema is not taken for a cache."""
TABLE = "mapping"
KEY = ("source", "item_id", "version", "recipe")
"""The primary key; its values are written by `key`."""
COLUMNS = (*KEY, "algorithm", "digest", "unusable", "recorded_at")
"""All columns; `tables` says what they contain."""
FACTS = "facts"
FACTS_KEY = ("source", "item_id")
FACTS_COLUMNS = (
    *FACTS_KEY,
    *("version", "first_seen_at", "width", "height", "rating", "look", "examined_at"),
)
TOLD = "told"
TOLD_COLUMNS = (*FACTS_KEY, "version", "taken_at", "description", "place")
RULES = "rule_start"
RULES_COLUMNS = ("rule", "started_at")
LISTINGS = "listing"
LISTINGS_KEY = ("source", "album")
LISTINGS_COLUMNS = (*LISTINGS_KEY, "arguments", "cursor")
ENTRIES = "listing_entry"
ENTRIES_KEY = (*LISTINGS_KEY, "entry")
ENTRIES_COLUMNS = (*ENTRIES_KEY, "content")
MIRRORS = "mirror"
MIRRORS_COLUMNS = ("mirror", "arguments", "cursor")
MIRROR_FILES = "mirror_file"
MIRROR_FILES_KEY = ("mirror", "side", "path")
MIRROR_FILES_COLUMNS = (
    *MIRROR_FILES_KEY,
    *("size_bytes", "modified_at", "inode", "rev", "content_hash"),
)
TABLES = {
    TABLE: COLUMNS,
    FACTS: FACTS_COLUMNS,
    TOLD: TOLD_COLUMNS,
    RULES: RULES_COLUMNS,
    LISTINGS: LISTINGS_COLUMNS,
    ENTRIES: ENTRIES_COLUMNS,
    MIRRORS: MIRRORS_COLUMNS,
    MIRROR_FILES: MIRROR_FILES_COLUMNS,
}

_VERSIONS = """\
CREATE TABLE picsync_schema (
\tversion_num VARCHAR(32) NOT NULL,\x20
\tCONSTRAINT picsync_schema_pkc PRIMARY KEY (version_num)
)"""
_MAPPING = """\
CREATE TABLE mapping (
\tsource TEXT NOT NULL,\x20
\titem_id TEXT NOT NULL,\x20
\tversion TEXT NOT NULL,\x20
\trecipe TEXT NOT NULL,\x20
\talgorithm TEXT,\x20
\tdigest TEXT,\x20
\tunusable TEXT,\x20
\trecorded_at BIGINT,\x20
\tPRIMARY KEY (source, item_id, version, recipe)
)"""
_FACTS = """\
CREATE TABLE facts (
\tsource TEXT NOT NULL,\x20
\titem_id TEXT NOT NULL,\x20
\tversion TEXT NOT NULL,\x20
\tfirst_seen_at BIGINT,\x20
\twidth INTEGER,\x20
\theight INTEGER,\x20
\trating INTEGER,\x20
\tlook BIGINT,\x20
\texamined_at BIGINT,\x20
\tPRIMARY KEY (source, item_id)
)"""
_TOLD = """\
CREATE TABLE told (
\tsource TEXT NOT NULL,\x20
\titem_id TEXT NOT NULL,\x20
\tversion TEXT NOT NULL,\x20
\ttaken_at TEXT,\x20
\tdescription TEXT NOT NULL,\x20
\tplace TEXT,\x20
\tPRIMARY KEY (source, item_id)
)"""
_RULES = """\
CREATE TABLE rule_start (
\trule TEXT NOT NULL,\x20
\tstarted_at BIGINT NOT NULL,\x20
\tPRIMARY KEY (rule)
)"""
_LISTINGS = """\
CREATE TABLE listing (
\tsource TEXT NOT NULL,\x20
\talbum TEXT NOT NULL,\x20
\targuments TEXT NOT NULL,\x20
\tcursor TEXT NOT NULL,\x20
\tPRIMARY KEY (source, album)
)"""
_ENTRIES = """\
CREATE TABLE listing_entry (
\tsource TEXT NOT NULL,\x20
\talbum TEXT NOT NULL,\x20
\tentry TEXT NOT NULL,\x20
\tcontent TEXT NOT NULL,\x20
\tPRIMARY KEY (source, album, entry)
)"""
_MIRRORS = """\
CREATE TABLE mirror (
\tmirror TEXT NOT NULL,\x20
\targuments TEXT NOT NULL,\x20
\tcursor TEXT NOT NULL,\x20
\tPRIMARY KEY (mirror)
)"""
_MIRROR_FILES = """\
CREATE TABLE mirror_file (
\tmirror TEXT NOT NULL,\x20
\tside TEXT NOT NULL,\x20
\tpath TEXT NOT NULL,\x20
\tsize_bytes BIGINT,\x20
\tmodified_at BIGINT,\x20
\tinode TEXT NOT NULL,\x20
\trev TEXT NOT NULL,\x20
\tcontent_hash TEXT NOT NULL,\x20
\tPRIMARY KEY (mirror, side, path)
)"""
FRESH = (
    _VERSIONS,
    "INSERT INTO picsync_schema VALUES ('0005')",
    *(_MAPPING, _FACTS, _RULES, _TOLD, _LISTINGS, _ENTRIES, _MIRRORS, _MIRROR_FILES),
)
"""Creates the tables of an SQLite file as the migrations would, without loading SQLAlchemy and Alembic."""

_ESCAPED = re.compile(r"\\(?:\\|0|u[0-9a-f]{4})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def number(instant: datetime | None) -> int | None:
    """Return an aware datetime as it is stored: whole microseconds since 1970 UTC, which is exact."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND


def instant(stored: object) -> datetime | None:
    """Return the instant of a stored number; None for NULL and for anything that is not an instant."""
    try:
        return _EPOCH + stored * _MICROSECOND if isinstance(stored, int) else None
    except OverflowError:
        return None


def key(text: str) -> str:
    r"""Return `text` as stored in a key column: one-to-one, and valid in every database.

    Item IDs may be file names with undecodable bytes (lone surrogates) and, in theory, contain NUL; neither
    can be stored as text. Both are escaped, and backslashes are doubled.
    """
    if text.isascii() and "\\" not in text and "\0" not in text:
        return text
    return printable(text.replace("\\", "\\\\").replace("\0", "\\0"))


def text_of(stored: str) -> str:
    """Return the text that `key` has stored."""
    if "\\" not in stored:
        return stored
    return _ESCAPED.sub(lambda found: _unescaped(found[0]), stored)


def _unescaped(escape: str) -> str:
    if escape[1] == "u":
        return escape.encode("ascii").decode("unicode-escape", "surrogatepass")
    return "\0" if escape[1] == "0" else "\\"


def printable(text: str) -> str:
    r"""Return `text`, with characters that no database can store escaped as `\u...` or removed."""
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode()

"""The log of who did what; entries are only ever added, in the transaction of what they tell of."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from picsync.cache.schema import number
from picsync.family.state import tables

MAX_DETAIL = 200
"""Characters of a detail."""


class Act(StrEnum):
    """What was done. The values are stored: they never change."""

    INVITED = "invited"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    REVOKED = "revoked"
    ROLE_CHANGED = "role_changed"
    REMOVED = "removed"
    TOKEN_CREATED = "token_created"  # noqa: S105 - a word
    PASSWORD_SET = "password_set"  # noqa: S105 - a word
    PASSWORD_REMOVED = "password_removed"  # noqa: S105 - a word
    ACCOUNT_LINKED = "account_linked"
    ACCOUNT_UNLINKED = "account_unlinked"
    UPLOADED = "uploaded"
    HID = "hid"
    RESTORED = "restored"
    CAPTIONED = "captioned"
    TAGGED = "tagged"
    JUDGED = "judged"
    UNDID = "undid"
    SHARED = "shared"
    UNSHARED = "unshared"
    IMPORTED = "imported"


_NOTE = sa.insert(tables.act)


def note(
    connection: sa.Connection,
    at: datetime,
    person: str | None,
    act: Act,
    subject: str = "",
    detail: str = "",
) -> None:
    """Add an entry."""
    connection.execute(
        _NOTE,
        {
            "at": number(at),
            "person": person,
            "act": str(act),
            "subject": subject,
            "detail": detail[:MAX_DETAIL],
        },
    )

"""Finding by name what the service may have changed the name of.

An album is looked up by its name in every cycle. A name that comes back written with other code points for
the same characters is still the name (an accented letter may be one code point or two). One that comes back
with characters replaced, escaped or left out is not: it may be the name of another album. Such names are
refused when the album is made.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import TypeVar

R = TypeVar("R")


def matching(name: str, records: Iterable[R], name_of: Callable[[R], str]) -> list[R]:
    """Return the records of exactly that name, or else those whose name is only written differently."""
    alike = [record for record in records if same(name_of(record), name)]
    return [record for record in alike if name_of(record) == name] or alike


def same(one: str, other: str) -> bool:
    """Return whether two names are the same characters (canonically equivalent, in Unicode's terms)."""
    return one == other or unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)

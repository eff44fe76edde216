"""Names of albums and playlists: which are equal, and what is used where the service does not keep one.

Albums and playlists are looked up by name in every cycle, so a name that the service changes would not be
found again, and each cycle would create another album. How Nixplay changes names is not known; emoji are said
to "not work correctly". So a name may be dropped in part, replaced in part, cut off or refused.

- Equal: two names that differ only in how characters are composed (`é` as one code point or two) or in white
  space around them. No one can tell them apart in an app, and the configuration refuses two rules whose names
  differ only in this.
- Everything else that a service makes of a name may be another album's name: `Fun 😀` and `Fun 🎉` may both
  become `Fun ?`, which someone may have created by hand. Nothing is ever found by such a name.
- Instead, the album gets a *plain* name: short, ASCII, with a hash of the name that was asked for. It is
  computed from the name alone, so it is found again without anything being remembered.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Literal, TypeVar

R = TypeVar("R")

PLAIN_CHARACTERS = 32
"""Longest plain name; no limit of Nixplay's is known, and databases seldom have one below 50."""
HASH_CHARACTERS = 10
"""Hexadecimal digits: two of a hundred names get the same with a probability of 5 in a billion."""
_CUT_CHARACTERS = 16
"""A shorter beginning of a name is not taken for the name cut off to the length that a service keeps."""

_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
_LAST_ASCII, _LAST_OF_THREE_BYTES = "\x7f", "\uffff"
_UNPLAIN = re.compile(r"[^A-Za-z0-9_.-]+")
_ESCAPES = re.compile(
    r"\\U[0-9A-Fa-f]{8}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[ux]\{[0-9A-Fa-f]+\}|&#?\w+;|%[0-9A-Fa-f]{2}"
    r"|(\\[Uux]?\{?[0-9A-Fa-f]*|&#?\w*|%[0-9A-Fa-f]?)$"
)
"""The last one may be cut off."""


def same(one: str, other: str) -> bool:
    """Return whether two names are equal: the same characters, however composed, between the same spaces."""
    return one == other or _key(one) == _key(other)


def matching(name: str, records: Iterable[R], name_of: Callable[[R], str]) -> list[R]:
    """Return the records of exactly that name, or else those of an equal name."""
    alike = [record for record in records if same(name_of(record), name)]
    return [record for record in alike if name_of(record) == name] or alike


def plain(name: str) -> str | None:
    """Return what to use where the service does not keep `name`; None if the name itself is plain.

    Equal names have the same one. It holds letters, digits and `_.-` and spaces between them only.
    """
    if len(name) <= PLAIN_CHARACTERS and name.isascii() and name.isprintable() and name == name.strip():
        return None
    key = _key(name)
    digits = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH_CHARACTERS]
    words = _UNPLAIN.sub(" ", _ascii(unicodedata.normalize("NFKD", key))).strip()
    start = words[: PLAIN_CHARACTERS - HASH_CHARACTERS - 1].strip(" -")
    return f"{start or 'album'}-{digits}"


def may_come_of(listed: str, name: str) -> bool:
    """Return whether a service that does not keep `name` may have made `listed` of it.

    Characters beyond ASCII may be lost, replaced by `?`, escaped or decoded as those of another encoding, and
    the end may be missing. An answer that is wrong costs nothing but a plain name that was not needed.
    """
    if same(listed, name) or plain(name) in (None, listed):
        return False
    title = unicodedata.normalize("NFC", listed)
    if not {char for char in title if not char.isascii()} <= _foreign(name):
        return False
    lefts, wholes = set(map(_letters, _written(listed))), _written(name)
    # Some databases drop what follows the first character that they do not know.
    heads = [_before(last, whole) for whole in wholes for last in (_LAST_ASCII, _LAST_OF_THREE_BYTES)]
    if lefts & set(map(_letters, wholes + heads)):
        return True
    return len(listed) >= _CUT_CHARACTERS and any(
        _letters(whole).startswith(left) for whole in wholes for left in lefts
    )


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


def _ascii(text: str) -> str:
    return "".join(filter(str.isascii, text))


def _written(text: str) -> list[str]:
    """Return the ways to write a text: composed or not, with and without escapes."""
    forms = [unicodedata.normalize(form, text) for form in _FORMS]
    return forms + [_ESCAPES.sub("", form) for form in forms]


def _before(last: str, text: str) -> str:
    """Return what stands before the first character beyond `last`."""
    return "".join(takewhile(lambda char: char <= last, text))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, _ascii(text)))


def _foreign(name: str) -> set[str]:
    """Return the characters beyond ASCII that may be left of a name."""
    encoded = name.encode(errors="replace")
    garbled = encoded.decode("latin-1") + encoded.decode("cp1252", errors="replace")
    composed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    return set("\N{REPLACEMENT CHARACTER}".join((name, garbled, *composed)))

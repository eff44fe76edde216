"""Compares names of albums and playlists, and replaces names that the service does not keep.

Albums and playlists are looked up by name in every cycle. If the service changed a name, it would not be
found again, and each cycle would create another album. How Nixplay changes names is not known; emoji are said
to "not work correctly". So a name may be partly dropped, partly replaced, truncated or refused.

- Equal: two names that differ only in how characters are composed (`é` as one code point or two) or in white
  space around them. They look the same in an app, and the configuration refuses two rules whose names differ
  only in this.
- Any other change that a service makes to a name may produce another album's name: `Fun 😀` and `Fun 🎉` may
  both become `Fun ?`, which someone may have created by hand. Nothing is ever found by such a name.
- Instead, the album gets a *plain* name: short, ASCII, with a hash of the requested name. It is computed from
  the name alone, so it is found again without stored state.
"""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Literal, TypeVar

R = TypeVar("R")

PLAIN_CHARACTERS = 32
"""Longest plain name. Nixplay's limit is unknown; databases seldom have one below 50."""
HASH_CHARACTERS = 10
"""Hexadecimal digits: among a hundred names, two get the same digits with a probability of 5 in a billion."""
_CUT_CHARACTERS = 16
"""A shorter prefix of a name does not count as the name truncated by the service."""

_FORMS: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...] = ("NFC", "NFD", "NFKC", "NFKD")
_LAST_ASCII, _LAST_OF_THREE_BYTES = "\x7f", "\uffff"
_UNPLAIN = re.compile(r"[^A-Za-z0-9_.-]+")
_ESCAPES = re.compile(
    r"\\U[0-9A-Fa-f]{8}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[ux]\{[0-9A-Fa-f]+\}|&#?\w+;|%[0-9A-Fa-f]{2}"
    r"|(\\[Uux]?\{?[0-9A-Fa-f]*|&#?\w*|%[0-9A-Fa-f]?)$"
)
"""The last one may be truncated."""


def same(one: str, other: str) -> bool:
    """Return whether two names are equal, ignoring composition and surrounding white space."""
    return one == other or _key(one) == _key(other)


def same_text(listed: str, sent: str) -> bool:
    """Return whether a service that changes texts as it does names may have made one of the other.

    Spaces and composition do not matter, entities and escapes may be in the place of characters, non-ASCII
    characters may be replaced or dropped, and the end of a long text may be missing.
    """
    one, other = " ".join(html.unescape(listed).split()), " ".join(sent.split())
    return same(one, other) or (bool(one) and may_derive_from(one, other))


def matching(name: str, records: Iterable[R], name_of: Callable[[R], str]) -> list[R]:
    """Return the records with exactly that name, or else those with an equal name."""
    alike = [record for record in records if same(name_of(record), name)]
    return [record for record in alike if name_of(record) == name] or alike


def plain(name: str) -> str | None:
    """Return the replacement for a name that the service does not keep; None if it is already plain.

    Equal names have the same one. It contains only letters, digits, `_.-` and single spaces.
    """
    if len(name) <= PLAIN_CHARACTERS and name.isascii() and name.isprintable() and name == name.strip():
        return None
    key = _key(name)
    digits = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:HASH_CHARACTERS]
    words = _UNPLAIN.sub(" ", _ascii(unicodedata.normalize("NFKD", key))).strip()
    start = words[: PLAIN_CHARACTERS - HASH_CHARACTERS - 1].strip(" -")
    return f"{start or 'album'}-{digits}"


def may_derive_from(listed: str, name: str) -> bool:
    """Return whether a service that does not keep `name` may have changed it to `listed`.

    Non-ASCII characters may be dropped, replaced by `?`, escaped or decoded with another encoding, and the
    end may be missing. A wrong result only leads to an unnecessary plain name.
    """
    if same(listed, name) or plain(name) in (None, listed):
        return False
    title = unicodedata.normalize("NFC", listed)
    if not {char for char in title if not char.isascii()} <= _foreign(name):
        return False
    lefts, wholes = set(map(_letters, _written(listed))), _written(name)
    # Some databases drop everything from the first unknown character on.
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
    """Return the possible spellings of a text: composed or not, with and without escapes."""
    forms = [unicodedata.normalize(form, text) for form in _FORMS]
    return forms + [_ESCAPES.sub("", form) for form in forms]


def _before(last: str, text: str) -> str:
    """Return the part before the first character beyond `last`."""
    return "".join(takewhile(lambda char: char <= last, text))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, _ascii(text)))


def _foreign(name: str) -> set[str]:
    """Return the non-ASCII characters that may remain of a name."""
    encoded = name.encode(errors="replace")
    garbled = encoded.decode("latin-1") + encoded.decode("cp1252", errors="replace")
    composed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    return set("\N{REPLACEMENT CHARACTER}".join((name, garbled, *composed)))

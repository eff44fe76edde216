"""Sanitises foreign text before it is shown, and cleans pasted text; pure functions.

Text from a service, a file name, an environment variable or the clipboard may contain escape codes, bells,
line ends and characters that change the text direction. `harmless` is for text that goes to a terminal, a log
or a page; `picsync.core.errors` applies it to every error. `pasted` is for input.
"""

from __future__ import annotations

from unicodedata import category

MAX_CHARACTERS = 2000
"""Longest text that is shown as one line; enough for any message of picsync's own."""

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters, direction marks, line ends, and unassigned characters."""
_JOINERS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
"""Parts of emoji and of words in some scripts."""
_LINE_ENDS = frozenset("\t\n\r\v\f\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}")

_INVISIBLE = (
    "\N{ZERO WIDTH NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{SOFT HYPHEN}"
    "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{MONGOLIAN VOWEL SEPARATOR}"
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Invisible characters that mail programs, chats and word processors add: a byte order mark, zero-width
characters, and direction marks."""
_WITHOUT_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE))
_PAIRS = frozenset(
    {
        *('""', "''", "``", "<>", "«»", "»«"),
        *("\u201c\u201d", "\u201d\u201d", "\u201e\u201c", "\u201e\u201d"),
        *("\u2018\u2019", "\u2019\u2019", "\u201a\u2018", "\u201a\u2019"),
        *("\u2039\u203a", "\u203a\u2039", "\u300c\u300d"),
    }
)
"""Quotes and brackets that are copied along with the text in them."""


def harmless(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return text without control characters, on one line of at most `most` characters.

    Line ends and tabs become spaces, other invisible characters become U+FFFD.
    """
    shown = text if text.isascii() and text.isprintable() else "".join(map(_shown, text[: most + 1]))
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _shown(one: str) -> str:
    if one in _LINE_ENDS:
        return " "
    return one if one in _JOINERS or category(one) not in _UNSEEN else "\N{REPLACEMENT CHARACTER}"


def pasted(text: str) -> str:
    """Return a key or an address without characters copied along with it.

    That is white space and invisible characters at its ends, invisible characters within it, and one pair of
    quotes or angle brackets around it. Only for text in which none of these has a meaning: not for passwords.
    """
    bare = text.translate(_WITHOUT_INVISIBLE).strip()
    return bare[1:-1].strip() if len(bare) > 1 and bare[0] + bare[-1] in _PAIRS else bare

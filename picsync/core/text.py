"""Foreign text: made harmless before people see it, and cleaned after they paste it; pure functions.

Text from a service, a file name, an environment variable or the clipboard may hold escape codes, bells, line
ends and marks that turn the direction of a line. `harmless` is for text on its way to a terminal, a log or a
page; `picsync.core.errors` applies it to every error. `pasted` is for text on its way in.
"""

from __future__ import annotations

from unicodedata import category

MAX_CHARACTERS = 2000
"""Longest text that is shown to people as one line; enough for any message of picsync's own."""

_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories of controls, of marks that change direction, of line ends, and of the unassigned."""
_JOINERS = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}")
"""Parts of emoji and of words in some scripts."""
_LINE_ENDS = frozenset("\t\n\r\v\f\x85\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}")

_INVISIBLE = (
    "\N{ZERO WIDTH NO-BREAK SPACE}\N{ZERO WIDTH SPACE}\N{WORD JOINER}\N{SOFT HYPHEN}"
    "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{MONGOLIAN VOWEL SEPARATOR}"
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""What mail programs, chats and word processors add around or within text without showing it: a byte order
mark, zero-width characters, and marks of direction."""
_WITHOUT_INVISIBLE = dict.fromkeys(map(ord, _INVISIBLE))
_PAIRS = frozenset(
    {
        *('""', "''", "``", "<>", "«»", "»«"),
        *("\u201c\u201d", "\u201d\u201d", "\u201e\u201c", "\u201e\u201d"),
        *("\u2018\u2019", "\u2019\u2019", "\u201a\u2018", "\u201a\u2019"),
        *("\u2039\u203a", "\u203a\u2039", "\u300c\u300d"),
    }
)
"""Quotes and brackets that are copied along with what they surround."""


def harmless(text: str, most: int = MAX_CHARACTERS) -> str:
    """Return text that moves no cursor, rings no bell and stays on its line, at most `most` characters long.

    Line ends and tabs become spaces, other characters that cannot be seen become U+FFFD.
    """
    shown = text if text.isascii() and text.isprintable() else "".join(map(_shown, text[: most + 1]))
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _shown(one: str) -> str:
    if one in _LINE_ENDS:
        return " "
    return one if one in _JOINERS or category(one) not in _UNSEEN else "\N{REPLACEMENT CHARACTER}"


def pasted(text: str) -> str:
    """Return a key or an address without what was copied along with it.

    That is white space and invisible characters anywhere at its ends, invisible characters within it, and
    one pair of quotes or angle brackets around it. For text in which none of these has a meaning: not for
    passwords.
    """
    bare = text.translate(_WITHOUT_INVISIBLE).strip()
    return bare[1:-1].strip() if len(bare) > 1 and bare[0] + bare[-1] in _PAIRS else bare

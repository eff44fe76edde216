"""Foreign text as it is displayed, and pasted text once it is cleaned."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.errors import ConfigError, ItemError, LoginNeeded, PicsyncError, Problem, RefusedError
from picsync.core.text import harmless, pasted

HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e\u2066\r\n\x85\u2028\x9b31m\x00\ud800\ufeffend"

ERRORS = (
    PicsyncError(HOSTILE, hint=HOSTILE),
    LoginNeeded(HOSTILE, hint=HOSTILE),
    RefusedError(HOSTILE, status=403, excerpt=HOSTILE, hint=HOSTILE),
    ItemError(HOSTILE, hint=HOSTILE),
    ConfigError([Problem(HOSTILE, 1, HOSTILE, HOSTILE)], hint=HOSTILE),
)


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in text)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_no_error_carries_control_characters(error: PicsyncError) -> None:
    assert is_harmless(error.message)
    assert is_harmless(error.hint.replace("\n", " "))
    assert is_harmless(str(error).replace("\n", " "))
    assert is_harmless("".join(map(str, error.args)))
    assert "end" in error.message


def test_a_problem_stays_on_its_line() -> None:
    error = ConfigError([Problem("a\nb", 1, "c", "d\ne"), Problem("f", None, "", "g")])
    assert error.message == "a b:1: c: d e\nf: g"


def test_an_error_of_any_length_is_short() -> None:
    assert len(PicsyncError("x" * 10_000_000).message) == 2000


@given(st.text(), st.integers(3, 50))
def test_harmless_text_is_one_short_line(text: str, most: int) -> None:
    shown = harmless(text, most)
    assert len(shown) <= most
    assert bool(shown.encode()) == bool(text)
    assert is_harmless(shown.replace("\u200d", "").replace("\u200c", ""))
    assert harmless(shown, most) == shown


@pytest.mark.parametrize("text", ["Zoë's été", "家族", "👩‍👩‍👧 family", "می‌خواهم", "a/b: c."])
def test_words_and_emoji_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "key",
        " key\r\n",
        "\ufeffkey\n",
        "\u200bke\u200by\u2060",
        "“key”",
        "„key“",
        "'key'",
        '"key"',
        "<key>",
        "« key »",
        "\u202akey\u202c",
        "\u00a0key\u3000",
    ],
)
def test_what_was_copied_along_is_removed(text: str) -> None:
    assert pasted(text) == "key"


@pytest.mark.parametrize("text", ["“key", "key>", 'a"b"', ""])
def test_a_single_quote_is_not_removed(text: str) -> None:
    assert pasted(text) == text

"""Captions: a placeholder without a value disappears with its separator, and nothing else does."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.caption import PLACEHOLDERS, clean, read

TAKEN = datetime(2024, 5, 3, 9, 8)  # noqa: DTZ001 - local
FULL = "{description} · {place}, {taken:%B %Y}"
NAMES = [name for name in PLACEHOLDERS if name != "taken"]


def part(taken: datetime, directive: str, beside_day: bool) -> str:
    return f"<{directive}{'d' if beside_day else ''}>"


def filled(template: str, taken: datetime | None = None, **values: str) -> str:
    return read(template).fill(values, taken, part)


@pytest.mark.parametrize(
    ("values", "taken", "expected"),
    [
        ({"description": "Oma", "place": "Rom"}, TAKEN, "Oma · Rom, <B> <Y>"),
        ({"place": "Rom"}, TAKEN, "Rom, <B> <Y>"),
        ({"description": "Oma"}, TAKEN, "Oma · <B> <Y>"),
        ({"description": "Oma", "place": "Rom"}, None, "Oma · Rom"),
        ({"description": "Oma"}, None, "Oma"),
        ({}, TAKEN, "<B> <Y>"),
        ({}, None, ""),
        ({"description": " \n\t", "place": "\u202e"}, None, ""),
    ],
)
def test_what_has_no_value_disappears(values: dict[str, str], taken: datetime | None, expected: str) -> None:
    assert filled(FULL, taken, **values) == expected


def test_brackets_and_words_come_and_go_with_the_value() -> None:
    template = "In {place} ({taken:%Y}) by {album}!"
    assert filled(template, TAKEN, place="Rom", album="Us") == "In Rom (<Y>) by Us!"
    assert filled(template, place="Rom", album="Us") == "In Rom Us!"
    assert filled(template, TAKEN) == "(<Y>)"
    assert filled(template, place="Rom") == "In Rom"


def test_dates() -> None:
    assert filled("{taken}", TAKEN) == "<x>"
    assert filled("{taken:%e. %B 100%%}", TAKEN) == "<ed>. <Bd> 100%"


def test_braces_and_plain_text() -> None:
    assert filled("{{{album}}}", album="A") == "{A}"
    assert filled("Merry  Christmas\n") == "Merry Christmas"


@pytest.mark.parametrize(
    "template",
    [
        "",
        "{",
        "}",
        "{x}",
        "{0}",
        "{taken!r}",
        "{album.x}",
        "{taken:%}",
        "{taken:%-d}",
        "{taken:{a}}",
        "a" * 201,
    ],
)
def test_broken_templates_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"has|must"):
        read(template)


@given(st.text(max_size=30))
def test_any_template_is_read_or_refused(template: str) -> None:
    try:
        found = read(template)
    except ValueError:
        return
    text = found.fill(dict.fromkeys(NAMES, "x"), TAKEN, part)
    assert text == clean(text)


WORD = st.text("abcXYZäéя東", min_size=1, max_size=6)
SEPARATOR = st.text(" ·,;-/|", min_size=1, max_size=3)


@given(st.lists(st.tuples(st.sampled_from(NAMES), SEPARATOR), min_size=1, max_size=5), st.data())
def test_each_value_is_shown_once_with_one_separator_between_two(
    parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    template = "".join(f"{{{name}}}{separator}" for name, separator in parts[:-1]) + f"{{{parts[-1][0]}}}"
    values = {name: data.draw(WORD | st.just("")) for name, _ in parts}
    shown = [(values[name], separator) for name, separator in parts if values[name]]
    expected = "".join(value + separator for value, separator in shown[:-1]) + (shown[-1][0] if shown else "")
    assert read(template).fill(values, None, part) == clean(expected)


@given(st.text(max_size=40))
def test_clean_text_has_one_line_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert once.isprintable() or any(each in once for each in "\u200c\u200d")
